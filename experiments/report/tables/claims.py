"""What was claimed before the runs, and what they say of it."""

from __future__ import annotations

from experiments.report.claims import FILE, Found, judged, preregistered
from experiments.report.grouped import View
from experiments.report.tables.table import Table


def build(view: View) -> list[Table]:
    """One row a claim and budget; nothing where nothing was claimed or none of it has run."""
    told = preregistered()
    found = judged(view, told) if told else []
    if told is None or all(one.value is None for one in found):
        return []
    columns = ["claim", "epsilon", "bound", "found", "90% interval", "verdict", "data sets", "seeds", "worst", "without"]
    seeds = ", ".join(map(str, told.seeds))
    notes = [
        f"Written down in conf/experiment/{FILE}.yaml (sha256 {told.sha256}) before the first of these runs. Seeds: {seeds}.",
        "Found: the mean over data sets, each counting alike, of ratios or differences on the same splits. Holds, refuted: the "
        "whole interval lies on that side of the bound, so that either verdict is wrong in at most one of twenty repetitions; "
        "else not shown, as is what lacks a table; nothing is adjusted over claims. Seconds: ratios of medians of runs alone, "
        "without an interval.",
    ]
    return [Table("Claims, and what became of them", columns, [_row(one) for one in found], notes)]


def _row(one: Found) -> list[str]:
    claim, digits = one.claim, 4 if one.claim.compared == "difference" else 3
    sign = "+" if claim.compared == "difference" else ""
    worst = min(one.by_dataset, key=lambda name: one.by_dataset[name] * (1 if claim.at_most is None else -1), default=None)
    return [
        claim.says,
        f"{one.epsilon:g}",
        f"{'≥' if claim.at_most is None else '≤'} {one.bound:g}",
        "-" if one.value is None else f"{one.value:{sign}.{digits}f}",
        "-" if one.interval is None else " to ".join(f"{end:{sign}.{digits}f}" for end in one.interval),
        one.verdict,
        str(len(one.by_dataset)),
        str(one.seeds),
        "-" if worst is None else f"{worst} {one.by_dataset[worst]:{sign}.{digits}f}",
        ", ".join(one.missing) or "-",
    ]
