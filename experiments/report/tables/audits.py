"""Audits as tables: what each attack refutes, beside the claim and what it could have refuted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from experiments.records.audits import Audited, read_audits
from experiments.report.grouped import View
from experiments.report.roles import BADGES
from experiments.report.tables.table import Table, markdown


def build(view: View) -> list[Table]:
    """Those of the results folder's export. Raises ValueError if it has other columns than it is written with."""
    return made_of(read_audits(view.results)) if view.results else []


def render(audits: Sequence[Audited]) -> str:
    """As Markdown."""
    return "\n".join(map(markdown, made_of(audits)))


def made_of(audits: Sequence[Audited]) -> list[Table]:
    """One table for each data set, cut and delta: what each attack refutes, beside the claim and what it could have refuted."""
    tables: dict[tuple[str, int, int, float], list[Audited]] = defaultdict(list)
    for audited in audits:
        first = audited.rows[0]
        tables[first["dataset"], int(first["columns"]), int(first["rows"]), float(first["delta"])].append(audited)
    return [_table(*key, group) for key, group in sorted(tables.items())]


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
