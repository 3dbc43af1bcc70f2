"""Time and memory of each data set and budget in sweeps: medians over seeds."""

from __future__ import annotations

from experiments.report.grouped import Group, View
from experiments.report.over_seeds import median_of, seconds_of
from experiments.report.remarks import protected, remarks
from experiments.report.roles import YARDSTICK
from experiments.report.tables.cells import BESIDE_OTHERS, bounded, counted, number, times_as_long
from experiments.report.tables.table import Table

_COLUMNS = ["method", "seeds", "fit s", "sample s", "total s", f"total / {YARDSTICK}", "peak MB"]


def build(view: View) -> list[Table]:
    """One table for each data set and budget, quickest first; a ratio over what is no baseline is not shown."""
    shown = view.swept.plain.on_task
    return [_table(shown, groups) for groups in shown.cases.values()]


def _table(view: View, groups: list[Group]) -> Table:
    ordered = sorted(groups, key=lambda group: (seconds_of(group.runs)[0] or float("inf"), group.method))
    together = [record for group in ordered for record in group.runs]
    return Table(
        title=f"{groups[0].case}: synthesis time",
        columns=_COLUMNS,
        rows=[_row(view, group) for group in ordered],
        notes=[*protected(together), *remarks(together), f"The ratio is over the seeds that both have. {BESIDE_OTHERS}"],
    )


def _row(view: View, group: Group) -> list[str]:
    seconds, bound = seconds_of(group.runs)
    own = view.group(group.case, YARDSTICK)
    ratio = times_as_long(group.runs, own.runs) if group.method in view.baselines else ""
    return [
        group.method.title,
        counted(group.runs),
        number(median_of(group.runs, lambda record: record.seconds.fit), 3),
        number(median_of(group.runs, lambda record: record.seconds.sample), 3),
        "-" if seconds is None else bounded(seconds, bound, 3),
        ratio or "-",
        number(median_of(group.runs, lambda record: record.peak_memory_mb), 0),
    ]
