"""`dpdsyn doctor`: what to expect of a budget, from public facts alone, before anything is spent. It opens no table."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.cli.schema import refuse_contradicting
from experiments.console import aligned

if TYPE_CHECKING:
    from dpdsyn.quality.expectations import Expectation
    from dpdsyn.schema import Schema
    from dpdsyn.synthesizer import Synthesizer

_OTHERS = (0.5, 2.0, 4.0)  # times the epsilon that was asked about
_LARGEST = 100.0  # epsilon that is still worth a line of its own; `dpdsyn.quality.expectations` works out none above
_SHOWN = 40  # columns


def add(commands: argparse._SubParsersAction) -> None:
    doctor = commands.add_parser("doctor", help="what to expect of a schema and a budget, before any is spent; opens no table")
    doctor.add_argument("--schema", type=Path, required=True, metavar="YAML")
    doctor.add_argument("--epsilon", type=float, required=True)
    doctor.add_argument("--delta", type=float, help="that of `dpdsyn synthesize` if left out")
    doctor.add_argument("--rows", type=int, help="about how many rows there are; rows_public of the schema if left out")
    doctor.add_argument("--target", help="the column to be predicted, if the schema does not name it")
    doctor.add_argument(
        "--evaluate", type=float, metavar="SHARE", help="the share of the budget that `synthesize` is to evaluate with"
    )
    doctor.add_argument("--method", metavar="NAME", help="a method of `dpdsyn list` that `synthesize` is to publish")
    doctor.set_defaults(command=tell)


def tell(given: argparse.Namespace) -> int:
    from dpdsyn.accounting.cautions import usual_delta
    from dpdsyn.api import with_target
    from dpdsyn.quality.expectations import expected
    from dpdsyn.quality.rehearsal import Unforeseeable
    from dpdsyn.schema import MOST_ROWS, Schema

    method = _method(given.method)
    schema = with_target(Schema.from_yaml(given.schema), given.target)
    refuse_contradicting(given.schema, schema)
    if given.rows is not None and given.rows > MOST_ROWS:
        raise InputError(f"--rows is {given.rows}; about how many rows there are, at most {MOST_ROWS:,}, is needed")

    def at(epsilon: float) -> Expectation:
        delta = usual_delta(given.delta, schema.rows_public)
        return expected(schema, epsilon, delta, given.rows, given.evaluate, method)

    try:
        asked = at(given.epsilon)
    except Unforeseeable as error:
        raise InputError(f"--method {given.method}: nothing can be said beforehand: {error}") from error
    except InputError as error:
        raise error if str(error).startswith(str(given.schema)) else InputError(f"{given.schema}: {error}") from error
    others = [at(factor * given.epsilon) for factor in _OTHERS if factor * given.epsilon <= _LARGEST]
    print("\n".join(_told(given.schema, schema, asked, others, given.method)))
    return 0


def _method(name: str | None) -> Callable[[], Synthesizer] | None:
    """What makes the method, None for DPDSyn's own. Raises InputError for one that is not published."""
    if name is None:
        return None
    from dpdsyn.synthesizer import load
    from experiments.publishing import chosen

    found = chosen(name)
    return partial(load(found.target), **found.parameters)


def _told(path: Path, schema: Schema, asked: Expectation, others: Sequence[Expectation], method: str | None) -> Iterator[str]:
    """All lines, of public values alone."""
    from dpdsyn.accounting.cautions import cautions

    by = f", by the method {method}" if method else ""
    yield f"What to expect of {path}: epsilon {asked.epsilon:g}, delta {asked.delta:g}, about {asked.rows:,} rows{by}."
    yield "Public facts alone: no table was opened, and nothing was spent."
    yield ""
    yield asked.verdict
    if asked.epsilon > _LARGEST:
        yield f"The noise below is that of epsilon {_LARGEST:g}; of a larger one it is smaller still, and protects nobody."
    yield from (f"CAUTION: {caution.text}." for caution in cautions(asked.epsilon, asked.delta, asked.rows))
    if schema.drafted:
        yield "CAUTION: the schema is still a draft, read off the rows, so nothing made with it is private."
    yield ""
    yield from _columns(asked)
    if asked.findings:
        yield ""
        yield "What follows, and what to do about it:"
        yield from (f"- {finding}" for finding in asked.findings)
    yield ""
    yield from _other_budgets(asked, others)
    yield ""
    yield from _cost(asked, method)


def _columns(asked: Expectation) -> Iterator[str]:
    """The noise on each column's counts beside its rows; of very many columns those that are worst off."""
    worst = {"lost": 0, "blurred": 1, "clear": 2}
    ranked = sorted(asked.columns, key=lambda column: (worst[column.worst], worst[column.state]))
    shown = set(map(id, ranked[:_SHOWN]))
    rows = [
        (
            column.name,
            column.what,
            f"{column.noise:,.0f}" if column.noise >= 10 else f"{column.noise:.2g}",
            f"{column.least:,.0f}",
            "" if column.each is None else f"{column.each:,.0f}",
            column.told,
        )
        for column in asked.columns
        if id(column) in shown
    ]
    yield from aligned([("column", "holds", "noise", "a value needs", "evenly spread has", "is"), *rows])
    if len(asked.columns) > _SHOWN:
        yield f"... and {len(asked.columns) - _SHOWN:,} more, none of them worse off"
    if any(column.state != column.worst for column in asked.columns):
        yield "(clear to lost: as it is spread, which nobody has said; see below)"
    yield "(all in rows; two thirds of counts are off by less than the noise, 95% by less than twice that)"


def _other_budgets(asked: Expectation, others: Sequence[Expectation]) -> Iterator[str]:
    from dpdsyn.quality.expectations import WORDS

    yield "Another epsilon:"
    rows: list[tuple[str, ...]] = [
        ("epsilon", "noise", "an unlisted category needs", "clear", "clear or not", "blurred", "lost", "verdict"),
    ]
    for one in sorted((asked, *others), key=lambda one: one.epsilon):
        states = [str(len(names)) for names in (one.clear, one.open_ends, one.of("blurred"), one.of("lost"))]
        unlisted = "-" if one.unlisted is None else f"{one.unlisted[0]:,.0f} rows"
        noise = f"{one.noise:,.0f}" if one.noise >= 10 else f"{one.noise:.2g}"
        rows.append((f"{one.epsilon:g}", noise, unlisted, *states, WORDS[one.outlook].partition(":")[0]))
    yield from aligned(rows)
    yield "A smaller epsilon protects more. The epsilons of all releases of the same rows add up."


def _cost(asked: Expectation, method: str | None) -> Iterator[str]:
    from dpdsyn.quality.expectations import Cost
    from experiments.publishing import USUAL

    if method not in (None, USUAL):
        yield "How long it will take depends on the method: `dpdsyn list` says whether seconds or minutes."
        return
    cost = Cost.of(asked.rows, len(asked.columns))
    took = f"{cost.seconds:,.0f} seconds" if cost.seconds < 120 else f"{cost.seconds / 60:,.0f} minutes"
    size = f"{cost.megabytes:,.0f} MB" if cost.megabytes < 2000 else f"{cost.megabytes / 1024:,.0f} GB"
    yield (
        f"It will take some {took} on one core and {size} of memory, for {asked.rows:,} rows x {len(asked.columns):,} columns: a "
        "rule of thumb, right to a factor of three or so."
    )
