"""The fitted model beside a release whose conditions only learning can answer: whatever comes, nothing that was paid for is lost.

`--given ward=north` of a column whose categories are learnt cannot be checked before the budget is spent. So the model is written
first, always and whatever was learnt, which keeps the set of files a matter of the command alone; where learning then has no such
category, `dpdsyn sample` draws rows of another one and spends nothing.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError
from experiments.cli.parts.outputs import beside
from experiments.console import say
from experiments.data.errors import DataError

if TYPE_CHECKING:
    from dpdsyn.rules.conditions import Conditions
    from dpdsyn.schema import Schema

ENDING = ".dpdsyn"


def left_open(schema: Schema, conditions: Conditions) -> list[str]:
    """Columns of which rows are asked something that only learning can answer."""
    asked = [*conditions.given, *([str(schema.target)] if conditions.balance else [])]
    return [name for name in asked if name in schema.names and schema[name].is_open]


def model_file(
    output: Path, named: Path | None, schema: Schema, conditions: Conditions, savable: bool, method: str
) -> Path | None:
    """Where the model is to be kept: where it was named, or beside the table where conditions call for it; else nowhere.

    Raises InputError, before anything is spent, for a method that cannot be saved.
    """
    open_ = left_open(schema, conditions)
    if named is None and not open_:
        return None
    if not savable:
        why = (
            f"what {', '.join(open_)} may hold is learnt, so whether it has what is asked for shows after the budget is spent"
            if open_
            else "--model"
        )
        raise InputError(
            f"{why}; method {method} cannot be saved, to sample it again. List the categories in the schema, leave the condition "
            "out, or take another method, such as dpdsyn"
        )
    return named or beside(output, ENDING)


def refuse_unlearnt(conditions: Conditions, schema: Schema, model: Path, output: Path, rows: int) -> None:
    """Raise InputError, with the command that samples again, if the closed schema does not have what is asked for."""
    try:
        conditions.tests(schema)
    except InputError as error:
        raise InputError(
            f"{error}. Nothing is lost: no table was written, and the fitted model, whose epsilon stays spent, is {model}. "
            f"To sample it, as often as you like without spending again: {_command(conditions, schema, model, output, rows)}"
        ) from error


@dataclass
class Spent:
    """What a person is to know, whatever ends the command once rows are learnt from.

    conditioned: whether rows were asked to be of some kind. learnt: whether learning is over. model: the kept one. table: what
    was written.
    """

    epsilon: float
    delta: float
    conditioned: bool
    learnt: bool = False
    model: Path | None = None
    table: Path | None = None

    def told(self, rules_alone: bool = False) -> str:
        """rules_alone: whether rules of the schema ended it, which hold for whatever else is drawn from the model."""
        budget = f"epsilon {self.epsilon:g} and delta {self.delta:g} of this table"
        if not self.learnt:
            return f"Nothing was written; rows were being learnt from, so {budget} count as spent"
        done = "No table was written" if self.table is None else f"{self.table} was written"
        if self.model is None:
            return f"{done}, and {budget} are spent"
        more = "" if rules_alone else f": `dpdsyn sample {self.model}` draws from it and spends nothing"
        return f"{done}; the fitted model, with its epsilon spent, is {self.model}{more}"


@contextmanager
def spending(spent: Spent) -> Iterator[None]:
    """Add to whatever ends the block what was spent, and what is left of it."""
    try:
        yield
    except KeyboardInterrupt:
        told = spent.told()
        raise KeyboardInterrupt(told[0].lower() + told[1:]) from None
    except InputError as error:
        if not spent.learnt:
            raise  # `fit` says what it has spent
        raise InputError(f"{error}. {spent.told(not spent.conditioned)}") from error
    except (DataError, FileError) as error:
        kind = DataError if isinstance(error, DataError) else FileError
        raise kind(f"{error}. {spent.told()}") from error
    except Exception:
        say(spent.told())
        raise


def _command(conditions: Conditions, schema: Schema, model: Path, output: Path, rows: int) -> str:
    """With what is there in the place of what is not, as near as can be."""
    from dpdsyn.reading.cells import canonical
    from dpdsyn.rules.conditions import Conditions

    given: dict[str, Any] = {}
    for name, value in conditions.given.items():
        if _fits(Conditions({name: value}), schema):
            given[name] = value
        elif name in schema.names and schema[name].categories:
            texts = list(map(canonical, schema[name].categories))
            given[name] = get_close_matches(canonical(value), texts, 1, 0.0)[0]
    balance: Mapping[Any, float] = conditions.balance if _fits(replace(conditions, given=given), schema) else {}
    words = ["dpdsyn", "sample", str(model), *(word for pair in given.items() for word in ("--given", "{}={}".format(*pair)))]
    words += ["--balance", ",".join(f"{name}={share:g}" for name, share in balance.items())] if balance else []
    return shlex.join([*words, "--rows", str(rows), "--output", str(output)])


def _fits(conditions: Conditions, schema: Schema) -> bool:
    try:
        conditions.check(schema)
    except InputError:
        return False
    return True
