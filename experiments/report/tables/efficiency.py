"""Runs that had the machine to themselves (`compute=alone`): time and memory beside each other."""

from __future__ import annotations

from experiments.report.grouped import Group, View
from experiments.report.over_seeds import seconds_of
from experiments.report.remarks import remarks
from experiments.report.roles import YARDSTICK
from experiments.report.tables.cells import bounded, counted, measured_alone, median_text, times_as_long
from experiments.report.tables.scale import sized_runs
from experiments.report.tables.table import Table

_COLUMNS = ["method", "guarantee", "seeds", "fit s", "sample s", "total s", f"total / {YARDSTICK}", "peak MB"]


def build(view: View) -> list[Table]:
    """One table for each data set and budget, quickest first; without the runs that the tables of scale show."""
    sized = sized_runs(view)
    shown = view.alone.where(lambda record: record.run_id not in sized)
    return [_table(shown, groups) for groups in shown.cases.values()]


def _table(view: View, groups: list[Group]) -> Table:
    every = [record for group in groups for record in group.runs]
    lines = sorted((seconds_of(group.runs)[0] or float("inf"), _row(view, group)) for group in groups)
    medians = "Medians over seeds of fit and sample; ratios of them over the seeds that both ran with on one kind of processor."
    notes = [*remarks(every), measured_alone(every, medians)]
    return Table(f"{groups[0].case}: time and memory", _COLUMNS, [row for _, row in lines], notes)


def _row(view: View, group: Group) -> list[str]:
    seconds, bound = seconds_of(group.runs)
    begin = [group.method.title, group.badge, counted(group.runs)]
    if seconds is None:
        return [*begin, *"-----"]
    own = view.group(group.case, YARDSTICK)
    ratio = times_as_long(group.runs, own.runs) if group.method in view.baselines else ""
    fit = median_text(group.runs, lambda record: record.seconds.fit, 2)
    sample = median_text(group.runs, lambda record: record.seconds.sample, 2)
    peak = median_text(group.runs, lambda record: record.peak_memory_mb, 0)
    return [*begin, fit, sample, bounded(seconds, bound, 2), ratio or "-", peak]
