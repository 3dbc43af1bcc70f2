"""For each data set methods against budgets, by the time that fit and sample take."""

from __future__ import annotations

from experiments.report.grouped import Group, View
from experiments.report.over_seeds import seconds_of
from experiments.report.roles import YARDSTICK
from experiments.report.tables.cells import BESIDE_OTHERS, bounded, times_as_long
from experiments.report.tables.leaderboard import STRESS, Entry, against_budgets, seeds_in_brackets
from experiments.report.tables.table import Table


def build(view: View) -> list[Table]:
    """Median seconds of fit and sample, and how many times as long as DPDSyn at the same budget; quickest first."""
    shown = view.swept.on_task.plain

    def entry(group: Group) -> Entry:
        seconds, bound = seconds_of(group.runs)
        if seconds is None:
            return Entry(group.missing or "-")
        own = shown.group(group.case, YARDSTICK)
        ratio = times_as_long(group.runs, own.runs) if group.method in shown.baselines else ""
        text = f"{bounded(seconds, bound, 2)}{ratio and f' = {ratio}x'} {seeds_in_brackets(group, len(group.runs))}"
        quick = None if bound else -seconds
        return Entry(text, quick, None, quick if group.is_ranked else None)

    notes = [
        "Seconds of fit and sample, medians over seeds, imports excluded; a run that was stopped counts as what it was given. "
        f"In brackets: seeds; x: times {YARDSTICK}'s on the seeds that both have on one kind of processor; seconds without it "
        f"may be of another kind. {BESIDE_OTHERS}",
        f"{STRESS}.",
    ]
    return against_budgets(shown, "synthesis time", entry, notes)
