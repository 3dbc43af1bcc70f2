"""What is told of a method beside its settings: its role, where it comes from, and what to know of its numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from dpdsyn.base.checks import InputError

ROLES = {
    "method": "compared with the others",
    "variant": "compared, another form of a method that stands there too",
    "reference": "a bound to read the others by",
    "inspired": "a design after a paper that is not the paper's own, so never ranked",
    "wrapped": "another library's, in an environment of its own",
    "as_published": "as its authors have it, without a guarantee",
}
KINDS = {
    "marginals": "a model of noisy marginals",
    "rows": "rows that are moved until they answer alike",
    "network": "a network that makes rows",
}
DRAWN = ("accuracy", "time")


@dataclass(frozen=True)
class About:
    """The block `about` of a method's YAML, no part of what identifies a run.

    role: one of ROLES. kind: one of KINDS, what makes the rows. family: the method that this one is a form of; forms of DPDSyn
    are no baselines for it. takes: `seconds` or `minutes`, on one of the data sets here. paper: authors, year, where. note: shown
    in brackets beside the guarantee. colour: its own in figures, as `#0072b2`; grey without one. drawn: what figures show of it.
    """

    role: str = "method"
    kind: str = "marginals"
    family: str | None = None
    takes: str | None = None
    paper: str | None = None
    note: str | None = None
    colour: str | None = None
    drawn: tuple[str, ...] = DRAWN

    @classmethod
    def of(cls, method: str, given: Mapping[str, Any] | None) -> Self:
        """Of what a YAML says of a method. Raises InputError, naming what is accepted, for a key or a value that is not."""
        given = {} if given is None else given
        accepted = [f.name for f in fields(cls)]
        if not isinstance(given, Mapping):
            raise InputError(f"synthesizer {method}: about is {given!r}; a mapping is needed, of {', '.join(accepted)}")
        unknown = sorted(map(str, set(given) - set(accepted)))
        if unknown:
            raise InputError(f"synthesizer {method}: about has no {', '.join(unknown)}; accepted: {', '.join(accepted)}")
        drawn = given.get("drawn", DRAWN)
        if not isinstance(drawn, list | tuple):
            raise InputError(f"synthesizer {method}: about.drawn is {drawn!r}; a list is needed, of {', '.join(DRAWN)}")
        values: dict[str, Any] = {**given, "drawn": tuple(drawn)}
        made = cls(**values)
        for key, chosen, choices in (
            ("role", (made.role,), tuple(ROLES)),
            ("kind", (made.kind,), tuple(KINDS)),
            ("takes", (made.takes,), (None, "seconds", "minutes")),
            ("drawn", made.drawn, DRAWN),
        ):
            if not all(one in choices for one in chosen):
                named = ", ".join(choice for choice in choices if choice)
                raise InputError(f"synthesizer {method}: about.{key} is {given[key]!r}; accepted: {named}")
        if made.colour is not None and not re.fullmatch("#[0-9a-f]{6}", str(made.colour)):
            raise InputError(f"synthesizer {method}: about.colour is {made.colour!r}; accepted: six digits as in '#0072b2'")
        return made
