"""What a schema leaves open, learnt from the rows under differential privacy, at the cost of a part of the budget.

1. In one pass over the rows: of numbers whose bounds are open a histogram over powers of two, of real ones whose decimals are
   open one of their decimals, of dates one of their years; of categories that nobody listed noisy counts above a threshold.
2. In a second pass: of every number and date a histogram of a fine grid, at up to three resolutions, from which values that
   stand out get a code of their own, and the rest is cut into runs of about equal mass (`dpdsyn.learning.cutting`).
3. If the number of rows is open, a noisy count with a small part of epsilon and delta of its own (`Budget.split`), for what a
   method does depends on it. It is rounded to two digits.

All noise is Gaussian and fixed before any row is read, so that it composes exactly with whatever follows; the deltas of
thresholds are taken off before. What comes of it is a closed schema, which is as public as the answers that it was made of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.base.checks import InputError
from dpdsyn.learning.cutting import Cutting, cut
from dpdsyn.learning.grids import LOWEST, AllRows, Decimals, Grid, Magnitudes, Values, Years
from dpdsyn.learning.noisy_tree import Level
from dpdsyn.learning.raw_table import RawTable, resolutions
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import MOST_DECIMALS, Column
from dpdsyn.reading.pieces import Pieces, units_of
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.schema import Schema

_COUNT_SHARE = 0.02  # of epsilon and delta, for the number of rows
_SOME, _LIKELY, _STANDS_OUT, _SURE, _SURE_ALONE = 1.0, 2.5, 3.0, 4.5, 5.5  # standard deviations of the noise of a count
_NEXT, _NEAR = 3, 8  # powers of two, or years
_YEARS_TOGETHER = 64  # at most, that are taken for more than noise by their sum, though none of them is
_USUAL = 5.0  # histograms of numbers and dates that have the share to themselves
_LARGEST = 2.0**63  # of categories that are published as numbers; beyond it they stay texts, as ids are
_FEW = 0.01  # of all numbers, that may have more decimals than are kept
_WEIGHTS = {
    Magnitudes: 0.5,
    Years: 0.5,
    Decimals: 0.25,
    AllRows: 0.25,
    Values: 1.0,
}  # zCDP of each kind of histogram, against the others


@dataclass(frozen=True)
class DomainLearning:
    """How domains are learnt; one setting for every table and every budget.

    share: of the budget's zCDP, where five columns are to be cut; fewer cost less, and more, or such of which more is open, cost
    more, at most twice as much. threshold_delta: of the budget's delta, for values that nobody listed. cutting: of numbers and
    dates.
    """

    share: float = 0.06
    threshold_delta: float = 0.1
    cutting: Cutting = field(default_factory=Cutting)

    def __post_init__(self) -> None:
        for name in ("share", "threshold_delta"):
            if not 0 < getattr(self, name) < 0.5:
                raise InputError(f"{name} is {getattr(self, name)!r}; a share above 0 and below .5 is needed")

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Self:
        """From a mapping of settings that are to differ. Raises InputError for a name that is none."""
        given = dict(given or {})
        cutting = given.pop("cutting", None) or {}
        for kind, values in ((cls, given), (Cutting, cutting)):
            unknown = sorted(set(values) - {f.name for f in fields(kind)})
            if unknown:
                raise InputError(
                    f"domain learning has no setting {', '.join(unknown)}; there are {[f.name for f in fields(kind)]}"
                )
        return cls(**given, cutting=Cutting(**cutting))

    def learn(self, raw: RawTable) -> PrivateTable:
        """The same rows behind a closed schema, on the same ledger, which has been charged.

        Raises SchemaError if nothing can be learnt of the target, or of any column.
        """
        schema = raw.schema
        if not schema.is_open:
            return raw.encoded(schema)
        apart = None if schema.rows_public else raw.ledger.set_apart(_COUNT_SHARE)
        closed = _Learner(self, raw, schema).closed()
        return raw.encoded(closed if apart is None else replace(closed, rows_public=_counted(raw, apart)))


def _counted(raw: RawTable, ledger: Ledger) -> int:
    """About how many rows there are, to two digits, with the part of the budget that was set apart for it.

    No histogram depends on the count, so that it may as well come first: what follows, which does depend on it, is the second of
    two budgets that add up.
    """
    sigma = ledger.open_calibrated(lambda noise: [Gaussian(noise)])
    most = raw.schema.max_rows_per_person or 1
    rows = max(1, round(raw.noisy_count(sigma, ledger) * most))
    return max(1, round(rows, 2 - len(str(rows))))


def learnt_with(raw: RawTable, sigma: float, how: DomainLearning | None = None) -> dict[str, Column | None]:
    """What would be learnt of each column with that noise, of a weight of one, where rows are no secret; None for nothing."""
    return _Learner(how or DomainLearning(), raw, raw.schema, sigma).columns()


def weight_of_one(grid: Grid, sigma: float) -> float:
    """The noise of a weight of one where that of a grid's counts is sigma."""
    return sigma / math.sqrt(resolutions(grid) / _WEIGHTS[type(grid)])


@dataclass(frozen=True)
class _Span:
    """A column's fine grid, and what the first pass counted of it."""

    grid: Values
    coarsest: Level | None


class _Learner:
    """One table's domain, as it is learnt."""

    def __init__(self, how: DomainLearning, raw: RawTable, schema: Schema, sigma: float | None = None) -> None:
        """sigma: of a weight of one, where the spending is not to be fixed by the ledger."""
        self.how = how
        self.raw = raw
        self.schema = schema
        columns = [column for column in schema.columns if column.is_open]
        self.listed = [column for column in columns if not column.ordered]
        self.ordered = [column for column in columns if column.ordered]
        self.first = [grid for column in self.ordered for grid in _first_grids(column)]
        if columns:
            self.first.append(AllRows(columns[0]))
        self.deltas, self.sigma = self._reserve() if sigma is None else (1.0, sigma)

    def _reserve(self) -> tuple[float, float]:
        """Fix what is spent: the delta of each listed column, and the noise of a weight of one."""
        budget = self.raw.ledger.allowance
        if not isinstance(budget, Budget):
            raise InputError("domains are learnt with an (epsilon, delta) budget, not under a cap")
        weights = [_WEIGHTS[type(grid)] for grid in self.first] + [1.0] * len(self.listed) + [1.0] * len(self.ordered)
        parts = math.fsum(weights)
        rho = self.how.share * budget.rho * min(1 / _USUAL, 2 / max(parts, 1.0))
        delta = self.how.threshold_delta * budget.delta / max(1, len(self.listed))
        thresholds = [Threshold(delta, len(self.listed))] if self.listed else []
        self.raw.ledger.reserve([Gaussian(1 / math.sqrt(2 * rho * parts)), *thresholds] if weights else [])
        return delta, math.sqrt(1 / (2 * rho))

    def _noise(self, grid: Grid) -> float:
        """The standard deviation of a grid's counts, whose resolutions share its part."""
        return self.sigma * math.sqrt(resolutions(grid) / _WEIGHTS[type(grid)])

    def closed(self) -> Schema:
        return _assembled(self.schema, self.columns())

    def columns(self) -> dict[str, Column | None]:
        """All columns, closed; None for one that nothing was learnt of."""
        closed: dict[str, Column | None] = {column.name: column for column in self.schema.columns}
        rough: dict[tuple[str, type], np.ndarray] = {}
        if self.first or self.listed:
            sigmas = [self._noise(grid) for grid in self.first]
            names = [column.name for column in self.listed]
            answers, values = self.raw.histograms(self.first, sigmas, names, self.sigma, self.deltas)
            rough = {(grid.name, type(grid)): answer[0] for grid, answer in zip(self.first, answers, strict=True)}
            total = float(answers[-1][0][0]), self._noise(self.first[-1])
            self.rows = max(total[0], 1.0)
            closed |= {
                c.name: _categories(c, told, c.name in self.raw.texts, self.sigma, *total)
                for c, told in zip(self.listed, values, strict=True)
            }
        spans = {column.name: self._span(column, rough) for column in self.ordered}
        wanted = [span.grid for span in spans.values() if span is not None]
        noise = [self._noise(grid) for grid in wanted]
        found = dict(zip([grid.name for grid in wanted], self.raw.histograms(wanted, noise)[0], strict=True)) if wanted else {}
        for column in self.ordered:
            span = spans[column.name]
            closed[column.name] = None if span is None else self._pieces(span, found[column.name])
        return closed

    def _span(self, column: Column, rough: Mapping[tuple[str, type], np.ndarray]) -> _Span | None:
        """Where a column's values lie, and its fine grid; None if no bounds are given, and none can be told."""
        probe: Magnitudes | Years = Years(column) if column.kind == "date" else Magnitudes(column)
        seen, counts, low_high = None, np.zeros(0), column.bounds
        if low_high is None:
            counts = rough[column.name, type(probe)][:-1]
            seen = _hull(counts / self._noise(probe), _YEARS_TOGETHER if column.kind == "date" else 0)
            if seen is None:
                return None
            low_high = probe.ends(*seen)
        if column.kind == "date":
            first, last = replace(column, bounds=low_high).ends
            grid = Values.between(column, int(first), int(last), self._runs)
        else:
            decimals = 0
            if column.kind == "real":
                decimals = column.decimals if column.decimals is not None else self._decimals(column, low_high, rough)
                column = replace(column, decimals=decimals)
            low, high = units_of(np.array(low_high), decimals).astype(int).tolist()
            grid = Values.between(column, low, max(high, low), self._runs)
        if seen is None:
            return _Span(grid, None)
        begins = np.clip(np.searchsorted(grid.starts, probe.units(*seen, grid.column.decimals or 0)), 0, len(grid.starts) - 1)
        holds = np.append(np.diff(begins) > 0, True)  # of codes that begin at the same cell, the last one has its values
        begins = np.append(0, begins[holds][1:])
        return _Span(replace(grid, cuts=begins), Level(begins, counts[seen[0] : seen[1] + 1][holds], self._noise(probe)))

    @property
    def _runs(self) -> int:
        """Into how many runs a fine grid is cut, so that most of them stand out of the noise."""
        noise = self.sigma * math.sqrt(2 / _WEIGHTS[Values])
        return int(min(max(self.rows / (3 * noise), 8), 256))

    def _decimals(self, column: Column, low_high: tuple[float, float], rough: Mapping[tuple[str, type], np.ndarray]) -> int:
        """As many as all but a few numbers have, and no more than give the column 2^16 cells or so."""
        probe = Decimals(column)
        counts, noise = rough[column.name, Decimals][:-1], self._noise(probe)
        more = np.cumsum(counts[::-1])[::-1]  # numbers with so many decimals or more
        spread = noise * np.sqrt(np.arange(len(counts), -1, -1))  # of a sum of so many counts
        enough = np.maximum(_STANDS_OUT * spread, _FEW * float(counts.sum()))
        wanted = int(np.flatnonzero(np.append(more, 0.0) <= enough)[0]) - 1  # the most that more than a few have
        largest = max(abs(low_high[0]), abs(low_high[1]), 2.0**LOWEST)
        fine = max(0, 5 - math.floor(math.log10(max(low_high[1] - low_high[0], 2.0**LOWEST))))
        exact = math.floor(math.log10(2.0**50 / largest))
        return max(0, min(MOST_DECIMALS, exact, fine if wanted > MOST_DECIMALS else max(wanted, 0)))

    def _pieces(self, span: _Span, answers: list[np.ndarray]) -> Column | None:
        grid = span.grid
        column, sigma = grid.column, self._noise(grid)
        silent, finest = float(answers[0][-1]), answers[0][:-1]
        levels = [] if span.coarsest is None else [span.coarsest]
        levels += [Level(begins, runs, sigma) for begins, runs in zip(grid.coarser, answers[1:], strict=True)]
        levels.append(Level(np.arange(len(finest)), finest, sigma))
        made = cut(grid, levels, max(self.rows - silent, 1.0), self.how.cutting, open_ends=span.coarsest is not None)
        if made is None:
            return None
        masses, sds = made.counts.tolist(), made.sds.tolist()
        column = replace(column, missing=_rule(column, silent, sigma))
        if column.missing == "own_code":
            masses, sds = [*masses, max(silent, 0.0)], [*sds, sigma]
        return replace(column, pieces=made.pieces, counts=tuple(masses), count_sds=tuple(sds))


def _hull(deviations: np.ndarray, wide: int = 0) -> tuple[int, int] | None:
    """The first and the last of neighbouring counts that stand out of the noise, given in its standard deviations.

    Some have to do so by `_SURE`, alone or, where none does, two or four together; from these on, others that are near. What is
    far from all others has to do so by `_SURE_ALONE`, unless it does most. So no single count of many that is noise makes the
    bounds of a column wide. wide: how many neighbours may be too few each and are found by their sum alone, in which they are
    spread evenly, as people are over years of birth; 0 for none.
    """
    (sure,) = np.nonzero(deviations > _SURE)
    if not len(sure):
        for width in (2, 4):
            sums = np.convolve(deviations, np.ones(width), mode="valid") / math.sqrt(width)
            sure = np.union1d(sure, np.add.outer(np.flatnonzero(sums > _SURE), np.arange(width)))
        sure = sure[deviations[sure] > _SOME].astype(int)
    width = 2 * _NEAR
    while not len(sure) and width <= wide:
        sums = np.convolve(deviations, np.ones(width), mode="valid") / math.sqrt(width)
        best = int(sums.argmax())
        if sums[best] > _SURE:
            sure = best + np.flatnonzero(deviations[best : best + width] > _SOME)
        width *= 2
    if not len(sure):
        return None
    far = np.diff(sure) > _NEAR
    alone = np.append(True, far) & np.append(far, True)
    sure = sure[~alone | (deviations[sure] >= min(_SURE_ALONE, deviations[sure].max()))]
    first, last = int(sure[0]), int(sure[-1])
    return first - _reach(deviations[:first][::-1], wide), last + _reach(deviations[last + 1 :], wide)


def _reach(deviations: np.ndarray, wide: int = 0) -> int:
    """How many counts beside a sure one go with it, given from the nearest on: steps that are more than noise together make.

    Each step takes as many of the next few counts as it can, or else the first that it can of some more; where there is no such
    step, as many of the next `wide` ones as stand out most together.
    """
    reach = 0
    while True:
        near = deviations[reach : reach + _NEAR]
        together = np.cumsum(near) / np.sqrt(np.arange(1, len(near) + 1))
        (steps,) = np.nonzero((near > _SOME) & (together > _LIKELY))
        if not len(steps):
            further = deviations[reach : reach + wide]
            together = np.cumsum(further) / np.sqrt(np.arange(1, len(further) + 1))
            if together.max(initial=0.0) < _STANDS_OUT:
                return reach
            reach += 1 + int(together.argmax())
            continue
        reach += 1 + int(steps[0] if steps[0] >= _NEXT else steps[steps < _NEXT][-1])


def _first_grids(column: Column) -> list[Grid]:
    """What has to be known of a column of numbers or dates before it can have a fine grid."""
    grids: list[Grid] = [] if column.bounds else [Years(column) if column.kind == "date" else Magnitudes(column)]
    return grids + ([Decimals(column)] if column.kind == "real" and column.decimals is None else [])


def _rule(column: Column, silent: float, sigma: float) -> str | None:
    """The rule for missing cells: without one they get a code of their own if there are more than noise makes of none."""
    return column.missing or ("own_code" if silent > _STANDS_OUT * sigma else None)


def _categories(
    column: Column, told: Mapping[str | None, float], are_texts: bool, sigma: float, rows: float, rows_sd: float
) -> Column | None:
    """Those that were told of, in their order as numbers or texts, None if there are none. are_texts: whether none is a number.

    An empty text is a value where the file declares texts, for there it is not how a missing cell is written. What is left is
    published as `other` if it is more than noise makes of nothing.
    """
    found = _spellings({text: n for text, n in told.items() if text is not None and (text or are_texts)})
    if not found:
        return None
    values = [found[text][0] for text in sorted(found)] if are_texts else _typed({text: found[text][0] for text in found})
    counts = [math.fsum(found[canonical(value)][1]) for value in values]
    silent = max(told.get(None, 0.0), 0.0)
    left, left_sd = rows - sum(counts) - silent, math.hypot(rows_sd, sigma * math.sqrt(len(told)))
    many = left > _STANDS_OUT * left_sd
    column = replace(column, missing=_rule(column, silent, sigma), emit_other=column.other and many)
    if column.missing == "own_code":
        counts.append(silent)
    sds = [sigma * math.sqrt(len(found[canonical(value)][1])) for value in values] + [sigma] * (len(counts) - len(values))
    if column.other:
        counts, sds = [*counts, max(left, 0.0)], [*sds, left_sd]
    return replace(column, categories=tuple(values), counts=tuple(counts), count_sds=tuple(sds))


def _spellings(told: Mapping[str, float]) -> dict[str, tuple[str, list[float]]]:
    """Of each value, by its text, its commonest spelling and the noisy counts of all; true and false alone may have several."""
    found: dict[str, tuple[str, list[float]]] = {}
    for text, count in sorted(told.items(), key=lambda one: -one[1]):
        found.setdefault(canonical(text), (text, []))[1].append(count)
    return found


def _typed(spelled: Mapping[str, str]) -> list[Any]:
    """Categories as whole numbers, numbers or truth values if all of their texts are, in the order of their values.

    spelled: of each text its spelling. True and false in another spelling than Python's are texts.
    """
    texts = list(spelled)
    if set(spelled.values()) <= {"True", "False"}:
        return [text == "true" for text in sorted(texts)]
    for kind in (int, float):
        try:
            numbers = [kind(text) for text in texts]
        except ValueError:
            continue
        same = all(canonical(number) == text for number, text in zip(numbers, texts, strict=True))
        if same and all(math.isfinite(number) and abs(number) < _LARGEST for number in numbers):
            return sorted(numbers)
    return [spelled[text] for text in sorted(texts)]


def _assembled(schema: Schema, closed: Mapping[str, Column | None]) -> Schema:
    """The closed schema. Columns that nothing was learnt of are left out, or noise, as they say."""
    known = {c.name: closed[c.name] or (_noise(c) if c.unlearnt == "noise" else None) for c in schema.columns}
    if schema.target is not None and ((target := closed[schema.target]) is None or target.values < 2):
        what, why = "nothing", "the noise is above its values' counts"
        if target is not None:
            what, why = "one value alone", "all others have too few rows to stand out of the noise"
        raise SchemaError(
            f"{what} can be learnt of the target {schema.target!r} with this budget: {why}; list them in the schema "
            "(`categories`), or spend more"
        )
    columns = tuple(column for column in known.values() if column is not None)
    if len(columns) < 2:
        raise SchemaError(
            "with this budget nothing can be learnt of two columns or more: the noise is above all counts; state in the schema "
            "what is known of them, or spend more"
        )
    gone = tuple(name for name, column in known.items() if column is None)
    rules = tuple(rule for rule in schema.constraints if not set(rule.names) & set(gone))
    left = [name for name in schema.published if name not in gone]
    made = tuple(replace(column, position=left.index(column.name)) for column in schema.made)
    return replace(schema, columns=columns, ignore=(*schema.ignore, *gone), constraints=rules, made=made)


def _noise(column: Column) -> Column:
    """A column that is published as noise: any value between the bounds that are stated, else 0 or one category alone."""
    size = 1 + (column.missing == "own_code") + column.other
    return replace(column, counts=(0.0,) * size, count_sds=(1.0,) * size, **_nothing(column))


def _nothing(column: Column) -> dict[str, Any]:
    if not column.ordered:
        return {"categories": ("unknown",)}
    low, high = units_of(np.array(column.ends if column.bounds else (0.0, 0.0)), column.decimals or 0).astype(int).tolist()
    return {"pieces": Pieces((low,), (low,), (high,))}
