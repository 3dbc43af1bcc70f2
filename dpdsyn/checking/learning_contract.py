"""The contract of whoever learns a domain, tried on small tables by tests and by `dpdsyn check domains`.

The same questions as of a method (`dpdsyn.contract`): that nothing but answers of mechanisms tells of raw rows, that answers move
no further than was charged for, and that noise, and the values that are told of, are as charged.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError
from dpdsyn.checking import raw_trials, residuals
from dpdsyn.checking.blind import NotTried
from dpdsyn.checking.blind_learning import Learner, sight
from dpdsyn.checking.content import content
from dpdsyn.checking.outside import left_behind, outside
from dpdsyn.checking.raw_twin import RawTwin
from dpdsyn.checking.side_effects import watched
from dpdsyn.checking.strange_cells import strange_cells
from dpdsyn.contract import BLIND, FALSE_ALARM, MECHANISMS, NOISE, NOTHING_LEFT, PLAN, Outcome
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

Factory = Callable[[], Learner]
CLOSED = "what comes back is closed, on the same ledger, and keeps what the schema states"
MOVED = "one unit moves no answer further than was charged for"
_KEY = bytes(32)
_BUDGET = Budget(20.0, 1e-3)  # with which something of each column is learnt of few rows
_ROWS, _FITS = 200, 5
_COLUMNS = {
    "count": {"kind": "integer"},
    "price": {"kind": "real"},
    "day": {"kind": "date"},
    "word": {"kind": "categorical"},
    "number": {"kind": "categorical", "unlearnt": "noise"},
    "share": {"kind": "real", "bounds": [0, 1], "decimals": 2, "missing": "own_code"},
    "altitude": {"kind": "integer", "bounds": [0, 40_000]},  # of so many values that they are counted at three resolutions
    "level": {"kind": "integer", "bounds": [0, 9], "bins": 5},
    "label": {"kind": "categorical", "categories": ["no", "yes"], "missing": "drop"},
}


def raw_schema(most: int = 1) -> Schema:
    """Open columns of every kind and two closed ones, of rows, or of people with at most so many rows."""
    person = {"person": "who", "max_rows_per_person": most} if most > 1 else {}
    return Schema.from_mapping({"target": "label", "columns": _COLUMNS, **person})


def raw_rows(rows: int, seed: int, most: int = 1) -> pd.DataFrame:
    """Rows of which something can be learnt, each cell an object of its own type; of people who have `most` rows each."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "count": np.where(rng.random(rows) < 0.5, 0, rng.integers(0, 60, rows)),
            "price": rng.integers(0, 400, rows) / 4,
            "day": (np.datetime64("2020-01-01") + rng.integers(0, 600, rows)).astype(str),
            "word": rng.choice(["red", "green", "blue"], rows),
            "number": rng.choice([1, 2, 10], rows),
            "share": rng.integers(0, 101, rows) / 100,
            "altitude": rng.integers(20_000, 20_100, rows),
            "level": rng.integers(0, 10, rows),
            "label": rng.choice(["no", "yes"], rows),
        }
    ).astype(object)
    return frame if most == 1 else frame.assign(who=[f"p{seed}-{i // most}" for i in range(rows)])


def outcomes(kind: Factory, only: Collection[str] | None = None) -> Iterator[Outcome]:
    """Each requirement with None, or with what was wrong, or why it was not tried. only: by their names; all if None."""
    tried = _Tried(kind)
    for name, requirement in _REQUIREMENTS:
        if only is not None and name not in only:
            continue
        try:
            requirement(tried)
        except NotTried as reason:
            yield Outcome(name, untried=str(reason))
        except (Exception, SystemExit) as error:
            yield Outcome(name, f"{type(error).__name__}: {error}")
        else:
            yield Outcome(name)


class _Tried:
    """A learner's factory and what several requirements look at."""

    def __init__(self, kind: Factory) -> None:
        self.kind = kind
        self.before = outside(kind())

    @cached_property
    def fits(self) -> list[tuple[RawTwin, Any]]:
        """Twins of several tables that were learnt from, with new noise in each, and what was to be spent."""
        found = []
        for number in range(_FITS):
            most = 1 + 2 * (number % 2)
            ledger = Ledger(_BUDGET)
            others, row = raw_rows(_ROWS // (1 + number // 2) * most, number, most), raw_rows(most, 500, most)
            twin = RawTwin.of(others, row, number % 3 == 0, raw_schema(most), ledger, np.random.default_rng([7, number]), _KEY)
            _learnt(self.kind, twin)
            if ledger.guarantee != "dp":
                raise NotTried("rows are given away without a guarantee of ours")
            found.append((twin, ledger.plan))
        return found


def _learnt(kind: Factory, raw: RawTable) -> PrivateTable | None:
    """None if nothing could be learnt, which noise decides."""
    try:
        return kind().learn(raw)
    except InputError:
        return None


def _raw(most: int = 1, rows: int = _ROWS, seed: int = 3) -> RawTable:
    return RawTable(raw_rows(rows * most, 0, most), raw_schema(most), Ledger(_BUDGET), np.random.default_rng(seed), _KEY)


def _closed(tried: _Tried) -> None:
    for most in (1, 3):
        raw = _raw(most)
        ledger, given = raw.ledger, raw.schema
        private = tried.kind().learn(raw)
        if not isinstance(private, PrivateTable) or private.ledger is not ledger:
            raise AssertionError("what comes back is no PrivateTable on the ledger of the raw table")
        if private.schema.is_open or private.schema.target != given.target:
            raise AssertionError("the schema that comes back is open, or has another target")
        for column in private.schema.columns:
            if column.name not in given.names or (not given[column.name].is_open and column != given[column.name]):
                raise AssertionError(f"column {column.name!r} is not what the schema states")
            if column.kind != given[column.name].kind:
                raise AssertionError(f"column {column.name!r} was {given[column.name].kind} and is {column.kind}")


def _reproducible(tried: _Tried) -> None:
    one, other = (content({"schema": tried.kind().learn(_raw()).schema}) for _ in range(2))
    if (differs := one.difference(other)) is not None:
        raise AssertionError(f"the same seeds gave two different domains: {differs}")


def _within_budget(tried: _Tried) -> None:
    """What was charged, and a method's plan after it, are within the budget; nothing more is answered."""
    raw = _raw()
    private = tried.kind().learn(raw)
    ledger = private.ledger
    if ledger.guarantee != "dp":
        raise NotTried("rows are given away without a guarantee of ours")
    if not ledger.entries:
        raise AssertionError("something was learnt, and nothing was charged")
    for _ in range(3):
        try:
            raw.histograms([], [], ["word"], 1.0, _BUDGET.delta / 2)
        except BudgetExceeded:
            break
    else:
        raise AssertionError("after learning, the raw table still answered what nothing was reserved for")
    ledger.open_calibrated(lambda noise: [Gaussian(noise)])
    if not (ledger.spent or 0.0) <= _BUDGET.epsilon * (1 + 1e-9):
        raise AssertionError(f"spent epsilon {ledger.spent} of a budget of {_BUDGET.epsilon}")


def _moved(tried: _Tried) -> None:
    for twin, _ in tried.fits:
        for call in twin.calls:
            if call.moved and not call.moved <= call.stated * (1 + 1e-6):
                raise AssertionError(
                    f"one unit moves {call.asked[0]} by {call.moved:.6g} of its noise; {call.stated:.6g} was charged for"
                )
        if twin.untold:
            raise AssertionError(f"histograms: {twin.untold[0]}")


def _few_rows(tried: _Tried) -> None:
    for rows in (0, 1, 3, 20):
        _learnt(tried.kind, _raw(rows=rows))


def _leaves_nothing(tried: _Tried) -> None:
    raw = _raw()
    with watched() as told:
        tried.kind().learn(raw)
    if told.raised is not None:
        raise told.raised
    if told.left:
        raise AssertionError(f"learning {told.left[0]}")
    if (changed := left_behind(tried.before, outside(tried.kind()))) is not None:
        raise AssertionError(f"learning changes what is outside the learner: {changed}")


def _blind(tried: _Tried) -> None:
    """With answers that no row moves, nothing that is learnt, told or left depends on rows, whatever one of them holds."""
    frame = raw_rows(_ROWS, 11)
    tables = {
        "": frame,
        "one row more": pd.concat([frame, raw_rows(1, 12)], ignore_index=True),
        "half as many rows": frame.iloc[::2],
        "an empty table": frame.iloc[:0],
        "rows in another order": frame.iloc[::-1],
        "other rows": raw_rows(_ROWS, 99).map(_shifted),
        "columns in types of their own": frame.infer_objects(),
        "texts as categories, of which some have no row": frame.astype(
            {"word": pd.CategoricalDtype(["no", "blue", "red", "green"])}
        ),
        "a row that is left out": _with_row(frame, None, ["label"]),
        **{f"a row with {what}": _with_row(frame, cell, raw_schema().features) for what, cell in strange_cells().items()},
    }
    found = sight(tried.kind, tables, [raw_rows(_ROWS, 97)], raw_schema(), _BUDGET)
    if found is not None:
        raise AssertionError(found)
    people = raw_rows(3 * _ROWS, 11, 3)
    tables = {
        "": people,
        "one person more": pd.concat([people, raw_rows(3, 12, 3)], ignore_index=True),
        "a person with too many rows": pd.concat([people, raw_rows(9, 13, 9)], ignore_index=True),
        "a row of nobody": pd.concat([people, raw_rows(1, 14, 3).assign(who=None)], ignore_index=True),
        "few people": people.iloc[:9],
    }
    found = sight(tried.kind, tables, [raw_rows(3 * _ROWS, 97, 3)], raw_schema(3), _BUDGET, _KEY)
    if found is not None:
        raise AssertionError(found)


def _shifted(cell: Any) -> Any:
    """Another value of the same kind."""
    return f"{cell}!" if isinstance(cell, str) and not cell[:1].isdigit() else cell if isinstance(cell, str) else 7 * cell + 3


def _with_row(frame: pd.DataFrame, cell: Any, names: Collection[str]) -> pd.DataFrame:
    """The table with one row whose cells in these columns are all the same."""
    columns = {}
    for name in frame.columns:
        cells = np.empty(len(frame), dtype=object)
        cells[:] = frame[name].to_list()
        if name in names:
            cells[5] = cell
        columns[name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(columns)


def _plan_is_fixed(tried: _Tried) -> None:
    for most in (0, 1):
        one, *others = (content({"the plan": plan}) for _, plan in tried.fits[most::2])
        found = next(filter(None, map(one.difference, others)), None)
        if found is not None:
            raise AssertionError(f"what will be spent depends on rows or answers: {found}")


def _noise_is_as_charged(tried: _Tried) -> None:
    rng = np.random.default_rng(8)
    found = residuals.fault([residuals.Stream.of(twin.calls, rng) for twin, _ in tried.fits], FALSE_ALARM / 2)
    if found is not None:
        raise AssertionError(found)


def _mechanisms(tried: _Tried) -> None:
    """Those of the raw table that every learner is given."""
    found = raw_trials.fault(FALSE_ALARM / 2)
    if found is not None:
        raise AssertionError(found)


_REQUIREMENTS: tuple[tuple[str, Callable[[_Tried], None]], ...] = (
    (CLOSED, _closed),
    (NOTHING_LEFT, _leaves_nothing),
    ("the same seeds give the same domain", _reproducible),
    ("no more is spent than the budget, and nothing but what was reserved", _within_budget),
    (MOVED, _moved),
    ("tables of few rows are no error", _few_rows),
    (BLIND, _blind),
    (PLAN, _plan_is_fixed),
    (NOISE, _noise_is_as_charged),
    (MECHANISMS, _mechanisms),
)
