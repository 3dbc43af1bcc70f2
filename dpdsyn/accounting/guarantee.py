"""The guarantee of a result: what it protects, read off its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpdsyn.privacy import Budget, Ledger

_WORDS = {
    "dp": "differentially private",
    "unverified": "differentially private as an outside library, or the author of the method, says; unverified",
    "none": "NO privacy guarantee",
}
# assumptions
KINDS_INFERRED = (
    "kinds of columns, which of them hold 0 and 1 alone and whether cells of these are missing, and how dates are written were "
    "inferred from the rows and confirmed by the owner; the guarantee takes them as public"
)
TYPES_DECLARED = (
    "the types that the Parquet file declares for its columns are taken as public; where a library computed them from the rows, "
    "as pandas does of decimals and beside missing cells, they tell of rows"
)
TYPES_OF_FRAME = (
    "the types of the frame's columns are taken as public; where they were found in cells, as pandas finds those of a CSV file, "
    "they tell of rows"
)
HELD_AGAINST = (
    "all rows were held against the schema before anything was learnt, and a table that does not fit would have been refused; "
    "that there is a release tells that every cell can be read and every missing one has a rule, that two rows or more are of "
    "use, that no column with stated values or bounds is without a cell within them, that of none without bounds more than one "
    "cell in a hundred lies beyond what is learnt, and that a target whose classes are learnt has two or more"
)
SEEDED = "nobody knows the seed of the noise, or can guess it, for with it the noise comes off; for research, not for publishing"


def assumed(kinds_inferred: bool, of_file: bool, preflight: bool, seeded: bool) -> tuple[str, ...]:
    """What a guarantee takes as public that may have been found in rows, or as secret. of_file: whether a Parquet file was read,
    or a frame. preflight: whether rows that contradict the schema are refused.
    """
    on_its_owners_word = ((kinds_inferred, KINDS_INFERRED), (True, TYPES_DECLARED if of_file else TYPES_OF_FRAME))
    return tuple(text for holds, text in (*on_its_owners_word, (preflight, HELD_AGAINST), (seeded, SEEDED)) if holds)


_FORMER_KINDS = {"claimed": "unverified"}  # as earlier versions saved it


@dataclass(frozen=True)
class Guarantee:
    """kind: dp, unverified or none. epsilon, delta: what was allowed; spent: the ledger's composition, None without a guarantee.

    unit: the privacy unit, row or person; neighbouring tables differ by one more or less. spends: the ledger's entries, what
    was charged. plan: what could have been, of which `spent` is the cost; None without one, or if an earlier version saved it.
    assumptions: what the guarantee takes as public on its owner's word. learnt: what was learnt of each column that the schema
    left open, in a line each (`dpdsyn.learning.learnt`); as public as the rest.
    """

    kind: str
    epsilon: float
    delta: float
    spent: float | None
    unit: str
    spends: tuple[dict[str, Any], ...]
    plan: tuple[dict[str, Any], ...] | None = None
    assumptions: tuple[str, ...] = ()
    learnt: tuple[str, ...] = ()

    @classmethod
    def of(cls, ledger: Ledger, budget: Budget, unit: str) -> Guarantee:
        """What the ledger says, for a budget and a privacy unit."""
        plan = None if ledger.plan is None else tuple(ledger.plan)
        return cls(ledger.guarantee, budget.epsilon, budget.delta, ledger.spent, unit, tuple(ledger.entries), plan)

    def __str__(self) -> str:
        head = f"{_WORDS[self.kind]}: epsilon {self.epsilon:g}, delta {self.delta:g}"
        if self.spent is None:
            head = f"{_WORDS[self.kind]} (epsilon {self.epsilon:g} was asked for)"
        lines = [head, f"protects one {self.unit}: neighbouring tables, with it and without it, are hard to tell apart"]
        lines += [f"assumes: {assumption}" for assumption in self.assumptions]
        if self.spent is not None:
            lines.append(f"spent: epsilon {self.spent:.4f} of {self.epsilon:g}")
        for spend in self.spends:
            numbers = ", ".join(f"{key} {value:.6g}" for key, value in spend.items() if isinstance(value, int | float))
            lines.append(f"  {spend['mechanism']}: {spend['label']}" + (f" ({numbers})" if numbers else ""))
        lines += ["learnt of what the schema left open:", *(f"  {line}" for line in self.learnt)] if self.learnt else []
        return "\n".join(lines)

    def to_mapping(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "guarantee": self.kind,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "epsilon_spent": self.spent,
            "protects": f"one {self.unit}",
            "neighbouring_tables": f"one {self.unit} added or removed",
            "spends": list(self.spends),
            **({} if self.plan is None else {"plan": list(self.plan)}),
            **({"assumptions": list(self.assumptions)} if self.assumptions else {}),
            **({"learnt": list(self.learnt)} if self.learnt else {}),
        }

    @classmethod
    def from_mapping(cls, raw: dict[str, Any]) -> Guarantee:
        """What `to_mapping` gave, of earlier versions too. Raises KeyError if a part is missing."""
        unit = raw["protects"].removeprefix("one ")
        kind = _FORMER_KINDS.get(raw["guarantee"], raw["guarantee"])
        plan = tuple(raw["plan"]) if "plan" in raw else None
        more = tuple(raw.get("assumptions", ())), tuple(raw.get("learnt", ()))
        return cls(kind, raw["epsilon"], raw["delta"], raw["epsilon_spent"], unit, tuple(raw["spends"]), plan, *more)
