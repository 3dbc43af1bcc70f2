"""Plans in records and statements, composed by both accountants: what `dpdsyn audit --plan` shows.

A record carries its plan, or, if an earlier version wrote it, only what was charged. Charges are at most the plan, so their
epsilon may be below the one that the record states, never above.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdsyn.accounting import spends
from dpdsyn.accounting.composition import compose
from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError
from experiments.audit.second_accountant import Bracket, bracket
from experiments.records.record import Record

TOLERANCE = 0.005  # by which the first accountant's bound may be above the second's, as a share; more is no agreement
_UNACCOUNTED = ("HandedOver", "Unprotected")  # entries that say who else saw the rows


@dataclass(frozen=True)
class Plan:
    """What is to be composed.

    rows: mechanism and numbers, in a canonical order, equal ones counted together. delta: at which. whole: whether this is the
    plan of a ledger, and not only its charges. epsilon: the budget. stated: the epsilon that the record says is spent, None if
    none is promised.
    """

    rows: tuple[tuple[tuple[str, Any], ...], ...]
    delta: float
    whole: bool
    epsilon: float
    stated: float | None

    @classmethod
    def of(cls, privacy: Mapping[str, Any], stated: float | None, charges: Iterable[Mapping[str, Any]]) -> Plan:
        """privacy: epsilon, delta and, if it is known, the plan. Raises InputError for a mechanism that is not known."""
        whole = bool(privacy.get("plan"))
        counted: dict[tuple[tuple[str, Any], ...], int] = {}
        for row in privacy["plan"] if whole else charges:
            if row.get("mechanism") not in _UNACCOUNTED:
                key = tuple(sorted((name, value) for name, value in row.items() if name not in ("label", "count")))
                counted[key] = counted.get(key, 0) + row.get("count", 1)
        rows = tuple((*key, ("count", count)) for key, count in sorted(counted.items(), key=str))
        return cls(rows, float(privacy["delta"]), whole, float(privacy["epsilon"]), stated)

    @property
    def spends(self) -> list[spends.Spend]:
        """For the first accountant. Raises InputError for what is no spend."""
        return [spend for row in self.rows for spend in _spends(dict(row))]

    @property
    def text(self) -> list[str]:
        """A line for each row: mechanism, numbers, how often."""
        lines = []
        for row in map(dict, self.rows):
            name, count = row.pop("mechanism"), row.pop("count")
            lines.append(f"{name}: " + ", ".join(f"{key} {value:.8g}" for key, value in row.items()) + f", {count} x")
        return lines

    @property
    def kinds(self) -> str:
        """Which mechanisms, briefly."""
        names = dict.fromkeys(dict(row)["mechanism"] for row in self.rows)
        return ", ".join(names) or "nothing"


@dataclass(frozen=True)
class Verdict:
    """first: the epsilon by dp-accounting. second: the bracket by our own accountant."""

    plan: Plan
    first: float
    second: Bracket

    @property
    def complaints(self) -> list[str]:
        """What is wrong, a clause each; none if the accountants agree and the record states enough."""
        plan, wrong = self.plan, []
        if not self.second.agrees(self.first, TOLERANCE):
            wrong.append("the accountants disagree")
        if plan.stated is not None and plan.stated * (1 + 1e-6) < self.second.low:
            wrong.append(f"epsilon {plan.stated:.6g} is stated, which is too little")
        if plan.stated is not None and self.second.low > plan.epsilon * (1 + 1e-6):
            wrong.append(f"the budget was {plan.epsilon:g}")
        return wrong


def judge(plan: Plan) -> Verdict:
    """By both accountants, from the same rows."""
    if not plan.rows:
        return Verdict(plan, 0.0, Bracket(0.0, 0.0))
    return Verdict(plan, compose(plan.spends, plan.delta), bracket([dict(row) for row in plan.rows], plan.delta))


def page(verdict: Verdict, name: str) -> str:
    """The plan line by line, and what the accountants say of it."""
    plan = verdict.plan
    source = "its plan" if plan.whole else "its charges: it was written before plans were kept, and a plan may hold more"
    stated = "no guarantee is stated" if plan.stated is None else f"stated: epsilon {plan.stated:.6f} of {plan.epsilon:g}"
    lines = [f"{name}, {source}", *(f"  {line}" for line in plan.text or ["nothing"]), f"delta {plan.delta:g}; {stated}"]
    lines += [f"first accountant (dp-accounting): epsilon {verdict.first:.6f}", f"second accountant: {_range(verdict.second)}"]
    return "\n".join([*lines, f"disagreement: {'; '.join(verdict.complaints)}" if verdict.complaints else "they agree"])


def table(verdicts: Sequence[tuple[Verdict, str, int]]) -> str:
    """A line each. verdicts: with whose plan it is, and in how many records it is found."""
    head = ("whose", "records", "mechanisms", "of", "delta", "stated", "first", "second", "")
    rows = [head, *(_line(*each) for each in verdicts)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


def _line(verdict: Verdict, name: str, count: int) -> tuple[str, ...]:
    plan = verdict.plan
    return (
        name,
        str(count),
        plan.kinds,
        "plan" if plan.whole else "charges",
        f"{plan.delta:g}",
        "-" if plan.stated is None else f"{plan.stated:.4f}",
        f"{verdict.first:.4f}",
        _range(verdict.second, ".4f"),
        "; ".join(verdict.complaints) or "agree",
    )


def _range(found: Bracket, digits: str = ".6f") -> str:
    return f"epsilon {found.low:{digits}} to {found.high:{digits}}"


def distinct(records: Iterable[Record]) -> dict[Plan, list[Record]]:
    """Records by what they spent; those that spent nothing, or promise nothing, are left out."""
    found: dict[Plan, list[Record]] = {}
    for record in records:
        if record.privacy.ledger and record.method.guarantee == "dp":
            found.setdefault(plan_of(record), []).append(record)
    return found


def plan_of(record: Record) -> Plan:
    """Raises InputError for a mechanism that is not known."""
    privacy = record.privacy
    return Plan.of({"epsilon": privacy.epsilon, "delta": privacy.delta, "plan": privacy.plan}, privacy.spent, privacy.ledger)


def read_statement(path: Path) -> Plan:
    """Of a privacy statement or a record, each a JSON file. Raises InputError or FileError, naming the file."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(raw, dict) and "privacy" in raw:
            return plan_of(Record.from_json(json.dumps(raw)))
        return Plan.of(raw, raw["epsilon_spent"], raw["spends"])
    except OSError as error:
        raise FileError(f"cannot read {path} ({error.strerror})") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no privacy statement and no record ({type(error).__name__}: {error})") from error


def named(records: Sequence[Record], name: str) -> list[Record]:
    """Those whose run_id begins so, or else whose method, or data set and method as `adult/mst`, is called so."""
    by_id = [record for record in records if len(name) >= 4 and record.run_id.startswith(name)]
    return by_id or [r for r in records if name in (r.method.name, f"{r.dataset.name}/{r.method.name}")]


def _spends(row: dict[str, Any]) -> list[spends.Spend]:
    kind = getattr(spends, str(row.pop("mechanism")), None)
    if kind not in (
        spends.Gaussian,
        spends.SampledGaussian,
        spends.Exponential,
        spends.ZCDP,
        spends.GaussianCap,
        spends.Threshold,
    ):
        raise InputError(f"{kind!r} is no mechanism that can be composed")
    repeated = row.pop("count") if kind in (spends.ZCDP, spends.GaussianCap) else 1
    return [kind(**row)] * repeated
