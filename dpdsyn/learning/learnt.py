"""What was learnt of the columns that a schema left open, in words.

It is made of the two schemas alone, of which the closed one holds noisy answers; so it is as public as these, and it costs
nothing.
"""

from __future__ import annotations

import math
from statistics import median

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.accounting.guarantee import Guarantee
from dpdsyn.learning.raw_table import ROWS_COUNTED
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.reading.cells import RESOLUTIONS
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import values_of
from dpdsyn.reading.times_of_day import is_time_of_day
from dpdsyn.schema import Schema

_NUMPYS = {"day": "D", "hour": "h", "second": "s"}  # of other resolutions minutes
_SPREAD = 3.0  # standard deviations that may be noise
_SHOWN = 3  # values that stand for themselves, the commonest
_COUNTED = 4.0  # variances of a category's count in that of the number of rows, which is counted with a quarter of its weight
_FEWER = 0.2  # of the rows, from which on even a count of them that has larger noise tells that some are left out


def told(given: Schema, closed: Schema) -> tuple[str, ...]:
    """One line for the number of rows and for each column that was open, in the order of the schema given."""
    lines = [] if given.rows_public else [f"about {closed.rows_public:,} rows"]
    for column in given.columns:
        if column.is_open:
            found = closed[column.name] if column.name in closed.names else None
            lines.append(f"{column.name}: {_of(found)}{_of_classes(closed, found, not given.rows_public)}")
    return tuple(lines)


def left_out(closed: Schema, rows_learnt: bool) -> float:
    """About which share of the labelled rows has a class that was not learnt, so that they are left out; 0 if noise explains it.

    A target has no `other`: a row of another class says nothing that a model could learn. What the classes hold is told by their
    own noisy counts, all rows by those of the other learnt columns, or else by the number of rows where it was learnt: a stated
    one may count rows without a class too.
    """
    target = None if closed.target is None else closed[closed.target]
    return 0.0 if target is None else _left_out(closed, target, rows_learnt)


def of_row_count(count: RowCount | None, closed: Schema, guarantee: Guarantee) -> tuple[Caution, ...]:
    """What to say of a count far from the number of rows stated or learnt, unless classes that were left out explain it."""
    if count is None:
        return ()
    rows_learnt = any(spend["label"] == ROWS_COUNTED for spend in guarantee.spends)
    left = left_out(closed, rows_learnt)  # of which the target's line tells
    explained = left and not count.far_from(round(closed.rows_public * (1 - left)))
    return () if explained else count.cautions(closed.rows_public, guarantee.delta, rows_learnt)


def _left_out(closed: Schema, column: Column, rows_learnt: bool) -> float:
    if column.ordered or not column.is_learnt or column.other or column.missing != "drop" or _is_noise(column):
        return 0.0
    rows, least = _rows(closed, column, rows_learnt)
    left = rows - sum(column.counts)
    noise = max(column.count_sds) * math.sqrt(_COUNTED + len(column.counts))
    return left / rows if left > max(_SPREAD * noise, least * rows) else 0.0


def _rows(closed: Schema, column: Column, learnt: bool) -> tuple[float, float]:
    """About how many rows there are, as a column's counts have them, and the share of them that may be noise besides its own."""
    others = (c for c in closed.columns if c.name != column.name and c.is_learnt and not _is_noise(c))
    whole = [sum(c.counts) for c in others if c.ordered or c.other]  # each has a place for every row
    if whole:
        return median(whole), 0.0
    return (closed.rows_public / (closed.max_rows_per_person or 1), _FEWER) if learnt else (1.0, math.inf)


def _of_classes(closed: Schema, column: Column | None, rows_learnt: bool) -> str:
    """What is said of the rows of classes that were not learnt, if there are such."""
    share = 0.0 if column is None else _left_out(closed, column, rows_learnt)
    if not share:
        return ""
    whose = "the target" if column is not None and column.name == closed.target else "this column"
    return (
        f"; classes that were not learnt hold about {_share(share)} of labelled rows; their rows were left out: state "
        f"`categories` of {whose} if they may be known"
    )


def _is_noise(column: Column) -> bool:
    return column.is_learnt and not any(column.counts)


def _of(column: Column | None) -> str:
    nothing = "nothing could be learnt of it with this budget, so it is"
    if column is None:
        return f"{nothing} left out"
    if _is_noise(column):
        return f"{nothing} published as noise"
    total = max(sum(column.counts), 1e-9)
    named = (("missing cells", column.missing_code), ("others", column.other_code))
    there = [(name, code) for name, code in named if code is not None and column.counts[code] > _SPREAD * column.count_sds[code]]
    rest = [f"{name} ({_share(column.counts[code] / total)})" for name, code in there]
    what = _of_numbers(column) if column.ordered else f"{column.values} categor{'y' if column.values == 1 else 'ies'}"
    return "; ".join([what, *rest])


def _of_numbers(column: Column) -> str:
    """How many pieces, between which values, and the commonest of those that stand for themselves."""
    pieces = column.pieces
    if pieces is None:
        return f"{column.values} bins"
    atoms = np.flatnonzero(pieces.atoms)
    common = [_written(column, pieces.firsts[code]) for code in sorted(atoms, key=lambda code: -column.counts[code])[:_SHOWN]]
    more = ", ..." if len(atoms) > len(common) else ""
    single = f", of which {len(atoms)} single value{'s' * (len(atoms) > 1)} ({', '.join(common)}{more})" if common else ""
    ends = f"{_written(column, pieces.firsts[0])} to {_written(column, pieces.lasts[-1])}"
    return f"{len(pieces)} piece{'s' * (len(pieces) > 1)} from {ends}{single}"


def _written(column: Column, units: int) -> str:
    """A value of a column of numbers or dates, as a person writes it."""
    if column.kind == "date":
        moment = np.datetime64(units * RESOLUTIONS[column.resolution or "day"], "s")
        day, _, clock = str(moment.astype(f"datetime64[{_NUMPYS.get(column.resolution or 'day', 'm')}]")).partition("T")
        return clock if clock and is_time_of_day(column.format) else f"{day} {clock}".strip()
    return str(units) if column.kind == "integer" else f"{values_of(np.array([units]), column.decimals or 0)[0]:.15g}"


def _share(share: float) -> str:
    return "<1%" if share < 0.01 else f"{share:.0%}"
