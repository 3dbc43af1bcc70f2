"""The contract that every synthesizer keeps, tried on small simulated tables by tests and by `dpdsyn check`."""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable, Iterator
from importlib import import_module

import numpy as np

from dpdsyn.checks import InputError
from dpdsyn.column import Column
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw
from dpdsyn.twin import Twin

Factory = Callable[[], Synthesizer]
_BUDGET = Budget(1.0, 1e-6)
_ROWS = 80
_ROUNDING = 1e-4  # gradients are of single precision


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


def check(kind: Factory) -> Iterator[tuple[str, str | None]]:
    """Each requirement's name with None, or with what was wrong. Raises ValueError for a method that cannot run here at all."""
    reason = kind().skip(toy_schema(), _BUDGET)
    if isinstance(reason, str) and reason:
        raise InputError(f"it cannot be tried: {reason}")
    for module in kind().imports():
        import_module(module)
    for name, requirement in _REQUIREMENTS:
        state = np.random.get_state()  # noqa: NPY002 - to see whether the method touches it
        try:
            requirement(kind)
            after = np.random.get_state()  # noqa: NPY002
            if not all(np.array_equal(a, b) for a, b in zip(state, after, strict=True)):
                raise AssertionError("NumPy's global random state was used; draw from the rng that is given")
        except Exception as error:
            yield name, f"{type(error).__name__}: {error}"
        else:
            yield name, None


def fit_toy(kind: Factory, schema: Schema, rows: int, seed: int = 0) -> tuple[Synthesizer, PrivateTable]:
    """Fit on a toy table; `noisy_sum` is checked row by row."""
    noise, method = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(2))
    private = PrivateTable(toy_encoded(schema, rows), schema, Ledger(_BUDGET), noise, verify=True)
    fitted = kind().fit(private, method)
    return fitted, private


def _parameters(kind: Factory) -> None:
    synthesizer = kind()
    if not isinstance(synthesizer, Synthesizer):
        raise AssertionError(f"{type(synthesizer).__name__} is not a Synthesizer")
    for name, value in synthesizer.parameters().items():
        default = inspect.signature(type(synthesizer).__init__).parameters[name].default
        if isinstance(kind, type) and value is not default and value != default:
            raise AssertionError(f"parameter {name} is stored as {value!r}, but {default!r} was given")


def _samples(kind: Factory) -> None:
    for classes in (2, 3):
        schema = toy_schema(classes)
        fitted, _ = fit_toy(kind, schema, _ROWS)
        for n in (1, 50, 700):
            encoded = draw(fitted, schema, n, np.random.default_rng(1))
            if (encoded[:, 0] == schema["colour"].other_code).any():
                raise AssertionError("an undeclared category was sampled")


def _reproducible(kind: Factory) -> None:
    tables = []
    for _ in range(2):
        fitted, _ = fit_toy(kind, toy_schema(), _ROWS, seed=3)
        tables.append(draw(fitted, toy_schema(), 200, np.random.default_rng(4)))
    if not np.array_equal(tables[0], tables[1]):
        raise AssertionError("the same seeds gave two different tables")


def _within_budget(kind: Factory) -> None:
    _, private = fit_toy(kind, toy_schema(), _ROWS)
    ledger = private.ledger
    if ledger.guarantee == "dp" and not (ledger.spent or 0.0) <= _BUDGET.epsilon * (1 + 1e-9):
        raise AssertionError(f"spent epsilon {ledger.spent} of a budget of {_BUDGET.epsilon}")
    if ledger.guarantee == "dp" and kind().spends == "nothing" and ledger.entries:
        raise AssertionError("says that it spends nothing, but charged the ledger")
    try:
        private.noisy_marginals([("age",)], [1e-3])
    except BudgetExceeded:
        return
    raise AssertionError("after fitting, the table still answered a query that the budget cannot cover")


def _sample_is_postprocessing(kind: Factory) -> None:
    fitted, private = fit_toy(kind, toy_schema(), _ROWS)
    before = private.ledger.entries
    draw(fitted, toy_schema(), 20, np.random.default_rng(0))
    if private.ledger.entries != before:
        raise AssertionError("sampling charged the ledger: all that is learnt from rows is learnt in fit")
    if private.ledger.guarantee == "dp":
        holders = [name for name, value in vars(fitted).items() if isinstance(value, PrivateTable)]
        del private
        gc.collect()
        if holders:
            raise AssertionError(f"the fitted method keeps the private table in {', '.join(holders)}")


def _few_rows(kind: Factory) -> None:
    for rows in (0, 1, 3):
        schema = toy_schema()
        fitted, _ = fit_toy(kind, schema, rows)
        if rows:
            draw(fitted, schema, 10, np.random.default_rng(0))


def _neighbours(kind: Factory) -> None:
    """On neighbouring tables each mechanism's exact answers lie no further apart than was charged for.

    What is asked first, and what the method has drawn by then, is the same on both tables.
    """
    schema = toy_schema()
    encoded = toy_encoded(schema, _ROWS)
    _, alone, counts = np.unique(encoded, axis=0, return_index=True, return_counts=True)
    for position in alone[counts == 1][:2]:
        others, row = np.delete(encoded, position, axis=0), encoded[position : position + 1]
        first = []
        for present in (False, True):
            noise, method = (np.random.default_rng(s) for s in np.random.SeedSequence(6).spawn(2))
            state = lambda method=method: method.bit_generator.state  # noqa: E731
            private = Twin.of(others, row, present, schema, Ledger(_BUDGET), noise, state)
            kind().fit(private, method)
            for call in private.calls:
                if not call.moved <= call.stated * (1 + _ROUNDING):
                    raise AssertionError(f"one row moves {call.asked[0]} by {call.moved:.6g}; {call.stated:.6g} was charged for")
            first.append(private.calls[0].asked if private.calls else method.bit_generator.state)
        if first[0] != first[1]:
            raise AssertionError("what is asked first, or drawn before that, depends on a row that came through no mechanism")


def _skips(kind: Factory) -> None:
    reason = kind().skip(toy_schema(), _BUDGET)
    if reason is not None and not (isinstance(reason, str) and reason):
        raise AssertionError(f"skip gave {reason!r}; a reason or None is needed")
    if not isinstance(kind().version, int):
        raise AssertionError("version is not a whole number")


_REQUIREMENTS: tuple[tuple[str, Callable[[Factory], None]], ...] = (
    ("parameters are stored as given", _parameters),
    ("skip gives a reason or None, version is a whole number", _skips),
    ("samples lie in the domain, for two classes and three", _samples),
    ("the same seeds give the same table", _reproducible),
    ("no more is spent than the budget, and nothing after it", _within_budget),
    ("one row moves no answer further than was charged for", _neighbours),
    ("sampling needs no private row", _sample_is_postprocessing),
    ("tables far smaller than rows_public are no error", _few_rows),
)
