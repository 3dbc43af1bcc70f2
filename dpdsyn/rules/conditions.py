"""What synthetic rows are asked to be: of given values, and of classes in given shares.

A condition is put to the fitted model, after all noise; so it costs no budget, whatever is asked for and however often.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np

from dpdsyn.base.checks import InputError
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import LEARN
from dpdsyn.reading.listed import Listed
from dpdsyn.reading.schema_values import shortened
from dpdsyn.rules.constraint_words import tests_of
from dpdsyn.rules.constraints import Missing, Test
from dpdsyn.schema import Schema


@dataclass(frozen=True)
class Conditions:
    """given: values that columns are to have, by name. balance: the share of each class of the target, which add up to 1."""

    given: Mapping[str, Any] = field(default_factory=dict)
    balance: Mapping[Any, float] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, balance: Mapping[Any, float] | None) -> Conditions:
        """As `sample` takes them. Raises InputError for what are no mappings."""
        for name, value in (("given", given), ("balance", balance)):
            if value is not None and not isinstance(value, Mapping):
                raise InputError(f"{name} is {value!r}; a mapping is needed, such as {_EXAMPLES[name]}")
        return cls(dict(given or {}), dict(balance or {}))

    def __bool__(self) -> bool:
        return bool(self.given or self.balance)

    def tests(self, schema: Schema) -> tuple[Test, ...]:
        """What the values given ask of each row, which a missing cell does not have, though it breaks no rule.

        Raises InputError for columns or values that there are not.
        """
        self.check(schema)
        values = tests_of(self.given, schema.columns, "given")
        return (*values, *(Missing(name, negated=True) for test in values for name in test.names))

    def check(self, schema: Schema) -> None:
        """Raise InputError, with what there is, for columns, values and classes that a schema does not have.

        Of what the schema leaves to be learnt any value may be asked for here.
        """
        made = [column.name for column in schema.made if column.name in self.given]
        if made:
            raise InputError(f"given: {made[0]!r} is made anew for every row; there are {shortened(schema.names)}")
        for test in tests_of(self.given, schema.columns, "given"):
            column = schema[test.column]
            texts = [canonical(category) for category in column.categories]
            if not column.ordered and column.categories and not set(test.texts) <= set(texts):  # of learnt ones too
                raise InputError(
                    f"given: {self.given[test.column]!r} is no category of {column.name!r}; there are "
                    f"{shortened(column.categories)}"
                )
        if self.balance:
            self._check_balance(schema)

    def _check_balance(self, schema: Schema) -> None:
        if schema.target is None or schema[schema.target].ordered:
            raise InputError("balance is of the classes of a categorical target, and the schema has no such target")
        if schema.target in self.given:
            raise InputError(f"both given and balance speak of the target {schema.target!r}; keep one of them")
        column = schema[schema.target]
        listed = Listed(column.categories)
        unknown = [name for name in self.balance if column.categories and listed.code(name) is None]
        if unknown:
            raise InputError(
                f"balance: {', '.join(map(repr, unknown))} is no class of {column.name!r}; there are "
                f"{shortened(column.categories or [LEARN])}"
            )
        if len({listed.text(name) for name in self.balance}) < len(self.balance):
            raise InputError(f"balance: a class is given twice in {dict(self.balance)!r}")
        shares = list(self.balance.values())
        if not all(isinstance(share, Real) and not isinstance(share, bool) and 0 <= share <= 1 for share in shares):
            raise InputError(f"balance: shares are {shares!r}; numbers from 0 to 1 are needed")
        if abs(math.fsum(shares) - 1) > 1e-6:
            raise InputError(
                f"balance: shares add up to {math.fsum(shares):g}; to 1 is needed (a class that is not named has none)"
            )

    def quotas(self, schema: Schema, n: int) -> np.ndarray | None:
        """How many of n rows are to be of each class, shape (classes,), None if there is no balance: by the largest remainder."""
        if not self.balance:
            return None
        column = schema[str(schema.target)]
        listed = Listed(column.categories)
        shares = {listed.text(name): float(share) for name, share in self.balance.items()}
        wanted = np.array([shares.get(canonical(category), 0.0) for category in column.categories]) * n
        wanted = np.append(wanted, np.zeros(column.size - len(wanted)))
        counts = np.floor(wanted + 1e-9).astype(np.int64)
        counts[np.argsort(counts - wanted, kind="stable")[: max(n - int(counts.sum()), 0)]] += 1
        return counts

    def told(self) -> list[str]:
        """What rows were conditioned on, in a line each, for the statement."""
        lines = [f"{name} = {canonical(value)}" for name, value in self.given.items()]
        if self.balance:
            lines.append("classes: " + ", ".join(f"{canonical(name)} {share:g}" for name, share in self.balance.items()))
        return lines


_SHARES = re.compile(r"(.+?=[^,=]*|.+)(?:,|$)", re.DOTALL)  # a class with its share, or a rest that has none
_EXAMPLES = {"given": '{"sex": "Female"}', "balance": '{"yes": 0.5, "no": 0.5}'}


def pairs(texts: list[str], option: str, example: str, last: bool = False) -> dict[str, str]:
    """NAME=VALUE as typed on a command line, several times. Raises InputError for what is none.

    last: whether a text is parted at its last `=`, since a name may have some, and not at its first.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in (text.rpartition if last else text.partition)("="))
        if not (name and sign and value):
            raise InputError(f"{option} {text!r}: NAME=VALUE is needed, such as {option} {example}")
        if name in found:
            raise InputError(f"{option}: {name!r} is given twice")
        found[name] = value
    return found


def shares(texts: list[str]) -> dict[str, float]:
    """Of `--balance yes=0.5,no=0.5`, where a class may have `=` or a comma in its name: a comma behind a share ends it.

    Raises InputError for what is no share.
    """
    found = {}
    parts = [part for text in texts for part in _SHARES.findall(text) or [text]]
    for name, value in pairs(parts, "--balance", "yes=0.5,no=0.5", last=True).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"--balance: {name} is {value!r}; a share such as 0.5 is needed") from None
    return found
