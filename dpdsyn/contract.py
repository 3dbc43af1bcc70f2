"""The contract that every synthesizer keeps, tried on small simulated tables by tests and by `dpdsyn check`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from dpdsyn.accounting.spends import Gaussian, GaussianCap, Spend, Threshold
from dpdsyn.base.checks import InputError
from dpdsyn.checking import mechanism_trials, recount, residuals, sensitivity
from dpdsyn.checking.blind import Blind, NotTried, sight
from dpdsyn.checking.content import Content, content
from dpdsyn.checking.outside import left_behind, outside
from dpdsyn.checking.side_effects import watched
from dpdsyn.checking.twin import Call, Twin
from dpdsyn.learning import merging
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import Pieces
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, steps_of

Factory = Callable[[], Synthesizer]
_BUDGET, _LARGE = Budget(1.0, 1e-6), Budget(10.0, 1e-6)
_ROWS, _MANY = 80, 3000
NOTHING_LEFT = "a fit leaves nothing behind but what is fitted"
BLIND = "what is fitted tells of rows what answers tell, no more"
SENSITIVITY = "one row moves no answer further than was charged for"
PLAN = "what will be spent is fixed before the first answer"
NOISE = "noise is what was charged for, and no two answers share it"
LEARNT = "domains that were learnt are fitted as others are, and what is spent does not depend on them"
MECHANISMS = "mechanisms keep to what they charge for"
FALSE_ALARM = 1e-6  # the chance that noise as it should be is called broken, over one check; seeds are fixed, so it is so or not
LIMITS = (
    "what shows only on other tables, columns or budgets than those tried, or where a method can tell that it is being tried",
    "time, memory and spare room, and what a process does that ends itself at once",
    "what is computed once in a process and kept, in a module that a fit is the first to import or by compiled code",
    "what is hidden within other packages' classes, functions and containers, or by compiled code in the system's memory",
    "whether a mechanism of a method's own costs what its author states",
)  # what no check of this kind sees
_NUMBERS, _FITS = 1500, (4, 40)  # of noise that is judged, and fits that are made for them, at least and at most


def toy_schema(classes: int = 2, rows_public: int = _ROWS) -> Schema:
    """Columns of every kind: categories with codes for missing and other cells, an integer, a real, and a target."""
    columns = (
        Column("colour", "categorical", categories=("red", "green", "blue"), missing="own_code", other=True),
        Column("age", "integer", bounds=(0, 99), bins=5),
        Column("income", "real", bounds=(0.0, 1e5), bins=4, scale="log", missing="own_code"),
        Column("constant", "categorical", categories=("only",)),
        Column("label", "categorical", categories=tuple(f"class {i}" for i in range(classes))),
    )
    return Schema(columns, "label", rows_public)


def toy_encoded(schema: Schema, rows: int, seed: int = 0) -> np.ndarray:
    """Encoded rows whose label leans on the first column, shape (rows, columns)."""
    rng = np.random.default_rng(seed)
    encoded = np.stack([rng.integers(size, size=rows) for size in schema.sizes], axis=1)
    copied = rng.random(rows) < 0.7
    encoded[copied, -1] = encoded[copied, 0] % schema.classes
    return encoded.astype(schema.dtype)


def learnt_schema(finer: bool) -> Schema:
    """A toy schema as learning leaves it: pieces, some of which are single values, noisy counts, and many codes a column.

    finer: one of more columns, with more codes, and with another number of classes, but of as many rows.
    """
    columns = []
    for i, size in enumerate((40, 5, 50, 3)[: 3 + finer]):
        starts = tuple(range(0, 3 * size * (1 + finer), 3))
        lasts = tuple(start + 2 * (j % 2) for j, start in enumerate(starts))
        counts = tuple(float(1 + j % 7) for j in range(len(starts) + 1))
        pieces, noise = Pieces(starts, starts, lasts), (1.0,) * len(counts)
        columns.append(
            Column(f"c{i}", "integer", pieces=pieces, missing="own_code", counts=counts, count_sds=noise)
            if i % 2
            else Column(f"c{i}", "categorical", categories=starts, other=True, emit_other=True, counts=counts, count_sds=noise)
        )
    columns.append(Column("label", "categorical", categories=tuple(f"class {i}" for i in range(2 + finer))))
    return Schema(tuple(columns), "label", _ROWS)


@dataclass(frozen=True)
class Outcome:
    """What came of one requirement. fault: what is wrong, or None. untried: why it could not be tried, or None."""

    requirement: str
    fault: str | None = None
    untried: str | None = None


def check(kind: Factory) -> Iterator[tuple[str, str | None]]:
    """Each requirement's name with None, or with what was wrong. Raises ValueError for a method that cannot run here at all."""
    return ((outcome.requirement, outcome.fault) for outcome in outcomes(kind))


def outcomes(kind: Factory, only: Collection[str] | None = None) -> Iterator[Outcome]:
    """As `check`, and of requirements that a method without a guarantee of ours cannot be held to, why.

    only: the requirements to try, by their names; all if None.
    """
    reason = kind().skip(toy_schema(), _BUDGET)
    if isinstance(reason, str) and reason:
        raise InputError(f"it cannot be tried: {reason}")
    for module in kind().imports():
        import_module(module)
    tried = _Tried(kind)
    for name, requirement in _REQUIREMENTS:
        if only is not None and name not in only:
            continue
        state = np.random.get_state()  # noqa: NPY002 - to see whether the method touches it
        try:
            requirement(tried)
            after = np.random.get_state()  # noqa: NPY002
            if not all(np.array_equal(a, b) for a, b in zip(state, after, strict=True)):
                raise AssertionError("NumPy's global random state was used; draw from the rng that is given")
        except NotTried as reason_why:
            yield Outcome(name, untried=str(reason_why))
        except (Exception, SystemExit) as error:
            yield Outcome(name, f"{type(error).__name__}: {error}")
        else:
            yield Outcome(name)


@dataclass(frozen=True)
class _Fit:
    """Answers and plan of one fit. idle: ledgers with a plan, of the table or a part of it, that nothing was ever charged to.
    unpaid: what was answered and not charged for, or None.
    """

    calls: list[Call]
    plan: Any
    idle: list[Ledger]
    unpaid: str | None


class _Tried:
    """A method's factory and what several requirements look at."""

    def __init__(self, kind: Factory) -> None:
        self.kind = kind
        self.before = outside(kind())

    @cached_property
    def fits(self) -> Sequence[_Fit]:
        """Several fits: new noise in each, on tables of two sizes, the method's randomness the same.

        As many as give enough numbers of noise to judge.
        """
        schema, encoded, found = toy_schema(), toy_encoded(toy_schema(), _ROWS), list[_Fit]()
        position = sensitivity.alone(encoded)[0]
        others, row = np.delete(encoded, position, axis=0), encoded[position : position + 1]
        numbers = 0
        while len(found) < _FITS[0] or (0 < numbers < _NUMBERS and len(found) < _FITS[1]):
            ledger, noise = Ledger(_BUDGET), np.random.default_rng([7, len(found)])
            private = Twin.of(others[: len(others) // (1 + len(found) % 2)], row, True, schema, ledger, noise)
            self.kind().fit(private, np.random.default_rng(7))
            if ledger.guarantee != "dp":
                raise NotTried("rows are given away, or asked by a mechanism of its own, without a guarantee of ours")
            numbers += sum(call.residual.size for call in private.calls if call.residual is not None)
            idle = [own for own in private.ledgers if own.plan and not own.entries]
            unpaid = recount.fault(private)
            found.append(_Fit(private.calls, ledger._plan, idle, unpaid))
        return found


def fit_toy(kind: Factory, schema: Schema, rows: int, seed: int = 0, verify: bool = True) -> tuple[Synthesizer, PrivateTable]:
    """Fit on a toy table; `noisy_sum` is checked row by row, which is slow, if that is to be verified."""
    noise, method = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    private = PrivateTable(toy_encoded(schema, rows), schema, Ledger(_BUDGET), noise, verify=verify)
    fitted = kind().fit(private, method)
    return fitted, private


def _parameters(tried: _Tried) -> None:
    kind, synthesizer = tried.kind, tried.kind()
    if not isinstance(synthesizer, Synthesizer):
        raise AssertionError(f"{type(synthesizer).__name__} is not a Synthesizer")
    for name, value in synthesizer.parameters().items():
        default = inspect.signature(type(synthesizer).__init__).parameters[name].default
        if isinstance(kind, type) and value is not default and value != default:
            raise AssertionError(f"parameter {name} is stored as {value!r}, but {default!r} was given")


def _samples(tried: _Tried) -> None:
    for classes in (2, 3):
        schema = toy_schema(classes)
        fitted, _ = fit_toy(tried.kind, schema, _ROWS, verify=False)
        for n in (1, 50, 700):
            encoded = draw(fitted, schema, n, np.random.default_rng(1))
            if (encoded[:, 0] == schema["colour"].other_code).any():
                raise AssertionError("an undeclared category was sampled")


def _reproducible(tried: _Tried) -> None:
    tables, steps = [], []
    for _ in range(2):
        fitted, _ = fit_toy(tried.kind, toy_schema(), _ROWS, seed=3, verify=False)
        tables.append(draw(fitted, toy_schema(), 200, np.random.default_rng(4)))
        steps.append(steps_of(fitted))
    if not np.array_equal(tables[0], tables[1]):
        raise AssertionError("the same seeds gave two different tables")
    if repr(steps[0]) != repr(steps[1]):
        raise AssertionError(f"the same seeds told of different steps: {steps[0]} and {steps[1]}"[:300])


def _within_budget(tried: _Tried) -> None:
    _, private = fit_toy(tried.kind, toy_schema(), _ROWS, verify=False)
    ledger = private.ledger
    if ledger.guarantee == "dp" and not (ledger.spent or 0.0) <= _BUDGET.epsilon * (1 + 1e-9):
        raise AssertionError(f"spent epsilon {ledger.spent} of a budget of {_BUDGET.epsilon}")
    if ledger.guarantee == "dp" and tried.kind().spends == "nothing" and ledger.entries:
        raise AssertionError("says that it spends nothing, but charged the ledger")
    try:
        private.noisy_marginals([("age",)], [1e-3])
    except BudgetExceeded:
        return
    raise AssertionError("after fitting, the table still answered a query that the budget cannot cover")


def _sample_is_postprocessing(tried: _Tried) -> None:
    fitted, private = fit_toy(tried.kind, toy_schema(), _ROWS, verify=False)
    before = private.ledger.entries
    draw(fitted, toy_schema(), 20, np.random.default_rng(0))
    if private.ledger.entries != before:
        raise AssertionError("sampling charged the ledger: all that is learnt from rows is learnt in fit")
    if private.ledger.guarantee == "dp":
        holders = [way.removeprefix("fitted.") for way in content({"fitted": fitted}).tables]
        if holders:
            raise AssertionError(f"the fitted method keeps the private table in {', '.join(holders)}")


def _few_rows(tried: _Tried) -> None:
    """Sums over rows are recomputed row by row here: the more rows, the longer it takes."""
    for rows in (0, 1, 3, 20):
        schema = toy_schema()
        fitted, _ = fit_toy(tried.kind, schema, rows)
        if rows:
            draw(fitted, schema, 10, np.random.default_rng(0))


def _neighbours(tried: _Tried) -> None:
    """On neighbouring tables each mechanism's exact answers lie no further apart than was charged for.

    What is asked first, and what the method has drawn by then, is the same on both tables.
    """
    found = sensitivity.fault(tried.kind, toy_schema(), toy_encoded(toy_schema(), _ROWS), _BUDGET)
    if found is not None:
        raise AssertionError(found)


def _skips(tried: _Tried) -> None:
    reason = tried.kind().skip(toy_schema(), _BUDGET)
    if reason is not None and not (isinstance(reason, str) and reason):
        raise AssertionError(f"skip gave {reason!r}; a reason or None is needed")
    if not isinstance(tried.kind().version, int):
        raise AssertionError("version is not a whole number")


def _leaves_nothing(tried: _Tried) -> None:
    """Of a fit and a sample nothing stays outside the method that was fitted."""
    with watched() as told:
        fitted, private = fit_toy(tried.kind, toy_schema(), _ROWS, verify=False)
        draw(fitted, toy_schema(), 20, np.random.default_rng(0))
    if told.raised is not None:
        raise told.raised
    if told.left and private.ledger.guarantee == "dp":  # packages in interpreters of their own need files and processes
        raise AssertionError(f"a fit {told.left[0]}")
    if (changed := left_behind(tried.before, outside(tried.kind()))) is not None:
        raise AssertionError(f"a fit changes what is outside the method: {changed}")


def _blind(tried: _Tried) -> None:
    """With answers that no row moves, nothing that is fitted, told or left depends on rows."""
    schema = toy_schema()
    encoded = toy_encoded(schema, _ROWS)
    one = (encoded[:1] + 1) % np.array(schema.sizes, dtype=schema.dtype)
    last = np.array([schema.sizes], dtype=schema.dtype) - 1
    tables = {
        "": encoded,
        "another row": np.concatenate([one, encoded[1:]]),
        "one row more": np.concatenate([encoded, one]),
        "half as many rows": encoded[::2],
        "an empty table": encoded[:0],
        "rows with other codes": toy_encoded(schema, _ROWS, seed=99),
        "rows that are all alike": np.repeat(encoded[:1], _ROWS, axis=0),
        "a rare row among equal ones": np.concatenate([np.zeros_like(encoded[1:]), last]),
        "thousands of rows": toy_encoded(schema, _MANY, seed=96),
    }
    rng = np.random.default_rng(98)
    rare = np.stack([(rng.random(_ROWS) ** 3 * size).astype(schema.dtype) for size in schema.sizes], axis=1)
    found = sight(tried.kind, tables, [toy_encoded(schema, _ROWS, seed=97), rare], schema, _BUDGET, _LARGE)
    if found is not None:
        raise AssertionError(found)


def _learnt_domains(tried: _Tried) -> None:
    """A plan that depended on what was learnt would be chosen by answers, and such plans do not compose as fixed ones do.

    Gaussians do, however they are chosen, so of these only the sum has to stay. A plan may depend on the number of rows, for
    which a part of the budget is set apart.
    """

    def fitted(finer: bool, rows: int) -> tuple[float, list[Spend], Content]:
        schema, ledger = learnt_schema(finer), Ledger(Budget(_BUDGET.epsilon, _BUDGET.delta, (Gaussian(30.0), Threshold(1e-7))))
        blind = Blind.of(toy_encoded(schema, rows, seed=rows), toy_encoded(schema, _ROWS, seed=97), schema, ledger, 0)
        method = merging.fit(tried.kind(), blind, np.random.default_rng(0))
        sample = draw(method, schema, 50, np.random.default_rng(1))
        schema.decode(sample, np.random.default_rng(2))
        return *_apart(ledger._plan or ()), content({"fitted": method, "sample": sample, "ledger": blind.ledgers})

    gaussian, rest, one = fitted(False, _ROWS)
    other, others, _ = fitted(True, _ROWS)
    if rest != others or abs(gaussian - other) > 1e-3 * max(gaussian, other):
        raise AssertionError(
            f"with other columns {others} would be spent, not {rest}, and {other:.6g} of Gaussians, not {gaussian:.6g}"
        )
    if (differs := one.difference(fitted(False, _ROWS // 2)[2])) is not None:
        raise AssertionError(f"half as many rows show though no answer tells of it: {differs}")


def _apart(plan: Sequence[Spend]) -> tuple[float, list[Spend]]:
    """The zCDP of Gaussians together, and everything else."""
    gaussians = [spend for spend in plan if isinstance(spend, Gaussian | GaussianCap)]
    return sum(spend.rho for spend in gaussians), [spend for spend in plan if spend not in gaussians]


def _plan_is_fixed(tried: _Tried) -> None:
    one, *others = (content({"the plan": fit.plan}) for fit in tried.fits)
    differs: Iterator[str | None] = map(one.difference, others)
    found = next(filter(None, differs), None)
    if found is not None:
        raise AssertionError(f"what will be spent depends on rows or answers: {found}")


def _noise_is_as_charged(tried: _Tried) -> None:
    idle = [ledger for fit in tried.fits for ledger in fit.idle]
    if idle:
        raise AssertionError(
            f"of what was planned, {idle[0].plan}, nothing was ever charged: answers came from elsewhere, or none"
        )
    if (unpaid := next(filter(None, (fit.unpaid for fit in tried.fits)), None)) is not None:
        raise AssertionError(unpaid)
    rng = np.random.default_rng(8)
    found = residuals.fault([residuals.Stream.of(fit.calls, rng) for fit in tried.fits], FALSE_ALARM / 2)
    if found is not None:
        raise AssertionError(found)


def _mechanisms(tried: _Tried) -> None:
    """Those of the private table that every method is given."""
    found = mechanism_trials.fault(toy_schema(), FALSE_ALARM / 2)
    if found is not None:
        raise AssertionError(found)


_REQUIREMENTS: tuple[tuple[str, Callable[[_Tried], None]], ...] = (
    ("parameters are stored as given", _parameters),
    ("skip gives a reason or None, version is a whole number", _skips),
    (NOTHING_LEFT, _leaves_nothing),
    ("samples lie in the domain, for two classes and three", _samples),
    ("the same seeds give the same table", _reproducible),
    ("no more is spent than the budget, and nothing after it", _within_budget),
    (SENSITIVITY, _neighbours),
    ("sampling needs no private row", _sample_is_postprocessing),
    ("tables far smaller than rows_public are no error", _few_rows),
    (BLIND, _blind),
    (LEARNT, _learnt_domains),
    (PLAN, _plan_is_fixed),
    (NOISE, _noise_is_as_charged),
    (MECHANISMS, _mechanisms),
)
