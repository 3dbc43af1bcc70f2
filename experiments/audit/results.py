"""What audits came to: stored, exported to `audits.csv`, and as a table with a badge a method."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Self

from experiments import machine
from experiments.audit.trials import Audit, Finding, Looked
from experiments.records.store import write_atomically
from experiments.report.roles import BADGES
from experiments.report.tables.table import Table, markdown

EXPORT = "audits.csv"
COLUMNS = (
    "method",
    "guarantee",
    "claimed_epsilon",
    "delta",
    "verdict",
    "attack",
    "attacker_knows",
    "lower_bound",
    "power",
    "tpr_at_1pct_fpr",
    "runs",
    "fresh_lower_bound",
    "fresh_runs",
    "dataset",
    "columns",
    "rows",
    "seconds_per_run",
    "version",
    "commit",
    "dirty",
)


@dataclass(frozen=True)
class Audited:
    """One audit: a row of COLUMNS for each attack, all with the verdict on the whole."""

    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, audit: Audit, looked: Looked, found: Sequence[Finding], again: Sequence[Finding]) -> Self:
        fresh = {finding.attack: finding for finding in again}
        environment = machine.describe(audit.cell.threads)
        shared = {
            "method": audit.label,
            "guarantee": looked.guarantee,
            "claimed_epsilon": audit.cell.budget.epsilon,
            "delta": audit.cell.budget.delta,
            "verdict": judged(looked.guarantee, audit.cell.budget.epsilon, found, again),
            "dataset": audit.cell.dataset["name"],
            "columns": audit.columns,
            "rows": audit.rows,
            "seconds_per_run": round(median(looked.seconds.tolist()), 3),
            "version": audit.cell.synthesizer.version,
            "commit": environment["commit"],
            "dirty": environment["dirty"],
        }
        rows = []
        for finding in found:
            other = fresh.get(finding.attack)
            own = {
                "attack": finding.attack,
                "attacker_knows": finding.knows,
                "lower_bound": round(finding.bound, 3),
                "power": round(finding.power, 3),
                "tpr_at_1pct_fpr": None if finding.tpr is None else round(finding.tpr, 3),
                "runs": finding.runs,
                "fresh_lower_bound": None if other is None else round(other.bound, 3),
                "fresh_runs": None if other is None else other.runs,
            }
            rows.append({name: {**shared, **own}[name] for name in COLUMNS})
        return cls(rows)

    @property
    def verdict(self) -> str:
        return str(self.rows[0]["verdict"])


def judged(guarantee: str, claim: float, found: Sequence[Finding], again: Sequence[Finding]) -> str:
    """The badge: a violation only if the same attack crosses the claim in the first runs and in fresh ones."""
    crossed = {finding.attack for finding in found if finding.bound > claim}
    if guarantee == "none":
        return "no guarantee, and none kept" if crossed else "no guarantee"
    if crossed & {finding.attack for finding in again if finding.bound > claim}:
        return "violation"
    if max(finding.power for finding in found) < claim:
        return "not testable at this epsilon"
    return "crossed once, not again" if crossed else "bound under the claim"


def audits_folder(results: Path) -> Path:
    return results / "runs" / "audits"


def stored(results: Path) -> list[Audited]:
    """All finished audits of the working store, sorted."""
    found = [
        Audited(json.loads(path.read_text(encoding="utf-8"))["rows"]) for path in audits_folder(results).glob("*/result.json")
    ]
    return sorted(found, key=lambda audited: _key(audited.rows[0]))


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["dataset"],
        float(row["delta"]),
        float(row["claimed_epsilon"]),
        row["method"],
        int(row["columns"]),
        int(row["rows"]),
    )


def write_audits(results: Path, audits: Sequence[Audited]) -> Path:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for audited in audits for row in audited.rows)
    write_atomically(results / EXPORT, buffer.getvalue().encode())
    return results / EXPORT


def read_audits(results: Path) -> list[Audited]:
    """Of the export; empty if there is none. Raises ValueError if its columns are not those written here."""
    path = results / EXPORT
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"{path} has other columns than {', '.join(COLUMNS)}")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in reader:
        groups[_key(row)].append(row)
    return [Audited(rows) for _, rows in sorted(groups.items())]


def render(audits: Sequence[Audited]) -> str:
    """One table for each data set, cut and delta: what each attack refutes, beside the claim and what it could have refuted."""
    tables: dict[tuple[str, int, int, float], list[Audited]] = defaultdict(list)
    for audited in audits:
        first = audited.rows[0]
        tables[first["dataset"], int(first["columns"]), int(first["rows"]), float(first["delta"])].append(audited)
    return "\n".join(markdown(_table(*key, group)) for key, group in sorted(tables.items()))


def _table(dataset: str, columns: int, rows: int, delta: float, audits: Sequence[Audited]) -> Table:
    attacks = list(dict.fromkeys(row["attack"] for audited in audits for row in audited.rows))

    def line(audited: Audited) -> list[str]:
        first = audited.rows[0]
        by_attack = {row["attack"]: row for row in audited.rows}
        many = [row for row in audited.rows if int(row["runs"]) > 1]
        tprs = [float(row["tpr_at_1pct_fpr"]) for row in many]
        return [
            first["method"],
            BADGES[first["guarantee"]],
            f"{float(first['claimed_epsilon']):g}",
            first["verdict"],
            *(_bound(by_attack.get(attack)) for attack in attacks),
            f"{max(tprs):.3f}" if tprs else "-",
            str(max(int(row["runs"]) for row in audited.rows)),
        ]

    knows = {row["attack"]: row["attacker_knows"] for audited in audits for row in audited.rows}
    return Table(
        title=f"{dataset} cut to {columns} columns x {rows} rows, delta {delta:g}: audits",
        columns=["method", "guarantee", "claimed epsilon", "verdict", *attacks, "best TPR at 1% FPR", "runs"],
        rows=[line(audited) for audited in audits],
        notes=[
            "Under each attack: the epsilon that it refutes at 95%, of the most that so many runs could refute (power).",
            "; ".join(f"{attack}: the attacker sees {what}" for attack, what in knows.items()) + ".",
            "A low bound is no proof of privacy. One row is added or removed; the method's own randomness is known.",
        ],
    )


def _bound(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    fresh = row["fresh_lower_bound"]
    again = "" if fresh in (None, "") else f", again {float(fresh):.2f}"
    untestable = " (not testable)" if float(row["power"]) < float(row["claimed_epsilon"]) else ""
    return f"{float(row['lower_bound']):.2f} of {float(row['power']):.2f}{again}{untestable}"


def verdict_of(audited: Audited) -> str:
    """The audit in one line."""
    bounds = ", ".join(f"{row['attack']} {_bound(row)}" for row in audited.rows)
    return f"{audited.verdict}: claimed {audited.rows[0]['claimed_epsilon']:g}, refuted at 95%: {bounds}"


def write_table(results: Path, folder: Path) -> list[Path]:
    """The table of the export, if there is one; gives its path."""
    audits = read_audits(results)
    if not audits:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "audits.md"
    write_atomically(path, render(audits).encode())
    return [path]
