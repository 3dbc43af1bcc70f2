"""Audits on the page: one row a method, and all of their tables where they are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from experiments.records.audits import Audited
from experiments.report.roles import BADGES
from experiments.report.tables.table import Table


def overview(audits: Sequence[Audited]) -> Table:
    """A row a method with all of its settings and cuts together: what was tried, and what came nearest to refuting the claim."""
    methods: dict[tuple[str, str], list[Audited]] = defaultdict(list)
    for audited in audits:
        first = audited.rows[0]
        methods[first["method"].partition(" (")[0], first["guarantee"]].append(audited)
    rows = [_row(method, guarantee, own) for (method, guarantee), own in sorted(methods.items())]
    return Table(
        title="Audits: what attacks could tell of each method",
        columns=["method", "most refuted of a claim", "verdict", "guarantee", "audits", "noise over charged", "runs", "by"],
        rows=rows,
        notes=[
            "Most refuted of a claim: of all attacks and cuts the largest epsilon that is refuted at 95%, as a share of the "
            "claimed one; above 1 the claim does not hold, below it nothing is proved. Noise over charged: the least that was "
            "measured. What each attack could have refuted is in the tables below.",
        ],
    )


def _row(method: str, guarantee: str, audits: Sequence[Audited]) -> list[str]:
    verdicts = sorted({audited.verdict for audited in audits}, key=lambda verdict: (verdict.startswith("bound under"), verdict))
    found = [share for audited in audits for row in audited.rows for share in _shares(row)]
    share, by = max(found, default=(None, "-"))
    noise = [float(audited.rows[0]["noise_of_charged"]) for audited in audits if audited.rows[0]["noise_of_charged"]]
    return [
        method,
        "no claim" if guarantee == "none" else f"{share:.2f}" if share is not None else "-",
        "; ".join(verdicts),
        BADGES.get(guarantee, guarantee),
        str(len(audits)),
        f"{min(noise):.3f}" if noise else "-",
        str(max(int(row["runs"]) for audited in audits for row in audited.rows)),
        "-" if guarantee == "none" or not share else by,
    ]


def _shares(row: dict[str, Any]) -> list[tuple[float, str]]:
    """What one attack refutes as a share of the claim, without and with the plan's trade-off curve."""
    claim = float(row["claimed_epsilon"])
    told = ((row["lower_bound"], row["attack"]), (row["family_bound"], f"{row['attack']}, under the plan's trade-off curve"))
    return [(float(str(bound).lstrip(">")) / claim, by) for bound, by in told if bound not in (None, "") and claim > 0]
