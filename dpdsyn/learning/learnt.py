"""What was learnt of the columns that a schema left open, in words.

It is made of the two schemas alone, of which the closed one holds noisy answers; so it is as public as these, and it costs
nothing.
"""

from __future__ import annotations

import numpy as np

from dpdsyn.reading.cells import RESOLUTIONS
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import values_of
from dpdsyn.reading.times_of_day import is_time_of_day
from dpdsyn.schema import Schema

_NUMPYS = {"day": "D", "hour": "h", "second": "s"}  # of other resolutions minutes
_SPREAD = 3.0  # standard deviations that may be noise
_SHOWN = 3  # values that stand for themselves, the commonest


def told(given: Schema, closed: Schema) -> tuple[str, ...]:
    """One line for the number of rows and for each column that was open, in the order of the schema given."""
    lines = [] if given.rows_public else [f"about {closed.rows_public:,} rows"]
    for column in given.columns:
        if column.is_open:
            found = closed[column.name] if column.name in closed.names else None
            lines.append(f"{column.name}: {_of(found)}")
    return tuple(lines)


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
