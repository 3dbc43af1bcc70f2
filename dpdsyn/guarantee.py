"""What a result protects, read off its ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dpdsyn.privacy import Budget, Ledger

_WORDS = {
    "dp": "differentially private",
    "unverified": "differentially private as an outside library claims",
    "none": "NO privacy guarantee",
}


@dataclass(frozen=True)
class Guarantee:
    """kind: dp, unverified or none. epsilon, delta: what was allowed; spent: the ledger's composition, None without a guarantee.

    unit: what is added or removed between neighbouring tables, one row or one person. spends: the ledger's entries.
    """

    kind: str
    epsilon: float
    delta: float
    spent: float | None
    unit: str
    spends: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, ledger: Ledger, budget: Budget, unit: str) -> Guarantee:
        return cls(ledger.guarantee, budget.epsilon, budget.delta, ledger.spent, unit, tuple(ledger.entries))

    def __str__(self) -> str:
        head = f"{_WORDS[self.kind]}: epsilon {self.epsilon:g}, delta {self.delta:g}"
        if self.spent is None:
            head = f"{_WORDS[self.kind]} (epsilon {self.epsilon:g} was asked for)"
        lines = [head, f"protects one {self.unit}: tables with and without it are hard to tell apart (add/remove adjacency)"]
        if self.spent is not None:
            lines.append(f"spent: epsilon {self.spent:.4f} of {self.epsilon:g}")
        for spend in self.spends:
            numbers = ", ".join(f"{key} {value:.6g}" for key, value in spend.items() if isinstance(value, int | float))
            lines.append(f"  {spend['mechanism']}: {spend['label']}" + (f" ({numbers})" if numbers else ""))
        return "\n".join(lines)

    def to_mapping(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "guarantee": self.kind,
            "epsilon": self.epsilon,
            "delta": self.delta,
            "epsilon_spent": self.spent,
            "protects": f"one {self.unit}",
            "adjacency": f"one {self.unit} added or removed",
            "spends": list(self.spends),
        }

    @classmethod
    def from_mapping(cls, raw: dict[str, Any]) -> Guarantee:
        unit = raw["protects"].removeprefix("one ")
        return cls(raw["guarantee"], raw["epsilon"], raw["delta"], raw["epsilon_spent"], unit, tuple(raw["spends"]))
