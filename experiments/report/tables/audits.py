"""Audits as tables: what attacks refute with and without an assumption, beside the claim and what could have been refuted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from experiments.records.audits import Audited, read_audits
from experiments.report.grouped import View
from experiments.report.roles import BADGES
from experiments.report.tables.table import Table, markdown

_PRIMARY = "noisy answers"  # the attack whose family bound is shown: fixed beforehand, so that it holds at 95%


def build(view: View) -> list[Table]:
    """Those of the results folder's export. Raises ValueError if it has other columns than it is written with."""
    return made_of(read_audits(view.results)) if view.results else []


def render(audits: Sequence[Audited]) -> str:
    """As Markdown."""
    return "\n".join(map(markdown, made_of(audits)))


def made_of(audits: Sequence[Audited]) -> list[Table]:
    """One table for each data set, cut and kind of canary; audits of the former kind have tables of their own, one a delta."""
    tables: dict[tuple[Any, ...], list[Audited]] = defaultdict(list)
    for audited in audits:
        first = audited.rows[0]
        cut = first["dataset"], int(first["columns"]), int(first["rows"])
        kind = (float(first["delta"]),) if audited.former else (first["canary"], first["relation"], int(first["rows_of_canary"]))
        tables[audited.former, *cut, *kind].append(audited)
    return [(_former if former else _table)(key, group) for (former, *key), group in sorted(tables.items())]


def _table(key: Sequence[Any], audits: Sequence[Audited]) -> Table:
    dataset, columns, rows, *canary = key
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
            f"{float(first['delta']):g}",
            first["verdict"],
            *_family(by_attack.get(_PRIMARY), float(first["claimed_epsilon"])),
            _number(first["noise_of_charged"], ".3f"),
            _number(first["calibration_p"] if many else None, ".2g"),
            *(_bound(by_attack.get(attack)) for attack in attacks),
            f"{max(tprs):.3f}" if tprs else "-",
            str(max(int(row["runs"]) for row in audited.rows)),
        ]

    told = ["family bound", "its power", "share of the claim", "noise over charged", "calibration p"]
    knows = {row["attack"]: row["attacker_knows"] for audited in audits for row in audited.rows}
    return Table(
        title=f"{dataset} cut to {columns} columns x {rows} rows: audits{_canary(*canary)}",
        columns=["method", "guarantee", "claimed epsilon", "delta", "verdict", *told, *attacks, "best TPR at 1% FPR", "runs"],
        rows=[line(audited) for audited in audits],
        notes=[
            "Family bound: under the assumption that the transcript is no more telling than the charged plan with its noise "
            "multiplied by one number, the epsilon, at the claim's delta, that all noisy answers refute at 95%; its power is "
            "what so many runs are expected to show of a method that does exactly what it charged for.",
            "Noise over charged: the measured standard deviation of all noise. Calibration p: of tests for too little noise, for "
            "samples that are too frequent or too regular, and for answers that tell more than they should, all together.",
            "Under each attack: the epsilon that it refutes at 95% without any assumption, of the most that so many runs could.",
            "; ".join(f"{attack}: the attacker sees {what}" for attack, what in knows.items()) + ".",
            "A method is called a violation if the same attack or test shows it in the first runs and in as many fresh ones; a "
            "sound one is with a chance under 2%. A low bound is no proof of privacy. The method's own randomness is known.",
        ],
    )


def _canary(canary: str, relation: str, own: int) -> str:
    told = [
        "its own gradient" if canary == "row" else "worst-case gradients",
        *(["one row replaced"] if relation == "replace" else []),
        *([f"a person of {own} rows"] if own > 1 else []),
    ]
    return f" ({', '.join(told)})"


def _former(key: Sequence[Any], audits: Sequence[Audited]) -> Table:
    dataset, columns, rows, delta = key
    attacks = list(dict.fromkeys(row["attack"] for audited in audits for row in audited.rows))

    def line(audited: Audited) -> list[str]:
        first = audited.rows[0]
        by_attack = {row["attack"]: row for row in audited.rows}
        tprs = [float(row["tpr_at_1pct_fpr"]) for row in audited.rows if int(row["runs"]) > 1]
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
        title=f"{dataset} cut to {columns} columns x {rows} rows, delta {delta:g}: audits of the former kind",
        columns=["method", "guarantee", "claimed epsilon", "verdict", *attacks, "best TPR at 1% FPR", "runs"],
        rows=[line(audited) for audited in audits],
        notes=[
            "Made before bounds by trade-off curve and calibration: one threshold event, which at a small delta shows next to "
            "nothing, whether a method is sound or not.",
            "Under each attack: the epsilon that it refutes at 95%, of the most that so many runs could refute (power).",
            "; ".join(f"{attack}: the attacker sees {what}" for attack, what in knows.items()) + ".",
            "A low bound is no proof of privacy. One row is added or removed; the method's own randomness is known.",
        ],
    )


def _family(row: dict[str, Any] | None, claim: float) -> list[str]:
    if row is None or row["family_bound"] in (None, ""):
        return ["-", "-", "-"]
    fresh = row["fresh_family_bound"]
    again = "" if fresh in (None, "") else f", again {float(fresh):.2f}"
    bound = float(row["family_bound"])
    return [f"{bound:.2f}{again}", f"{float(row['family_power']):.2f}", f"{bound / claim:.2f}"]


def _number(value: Any, form: str) -> str:
    return "-" if value in (None, "") else format(float(value), form)


def _bound(row: dict[str, Any] | None) -> str:
    if row is None:
        return "-"
    fresh = row["fresh_lower_bound"]
    again = "" if fresh in (None, "") else f", again {float(fresh):.2f}"
    untestable = " (not testable)" if float(row["power"]) < float(row["claimed_epsilon"]) else ""
    return f"{float(row['lower_bound']):.2f} of {float(row['power']):.2f}{again}{untestable}"


def verdict_of(audited: Audited) -> str:
    """The audit in one line."""
    first = audited.rows[0]
    claim = float(first["claimed_epsilon"])
    told = [f"claimed {claim:g}"]
    primary = next((row for row in audited.rows if row["attack"] == _PRIMARY), None)
    bound, most, share = _family(primary, claim)
    if bound != "-":
        told.append(f"shown under the plan's trade-off curve {bound} ({share} of the claim; power {most})")
    if first["noise_of_charged"] not in (None, ""):
        told.append(f"noise {_number(first['noise_of_charged'], '.3f')} of what was charged for")
    if first["calibration_by"]:
        told.append(f"calibration p {_number(first['calibration_p'], '.2g')} ({first['calibration_by']})")
    bounds = ", ".join(f"{row['attack']} {_bound(row)}" for row in audited.rows)
    return f"{audited.verdict}: {'; '.join(told)}; refuted at 95% without any assumption: {bounds}"
