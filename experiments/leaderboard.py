"""The main tables: for each data set, methods against budgets, accuracy and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from statistics import fmean, median

from experiments.comparison import MARKS, pairs, test_to_train
from experiments.labels import Group, grouped, plain
from experiments.record import Record
from experiments.standing import YARDSTICK, badge, is_baseline, is_ranked, remarks
from experiments.stats import FEWEST_FOR_INTERVAL, over_splits
from experiments.table import Emphasis, Table, lost

Groups = Mapping[tuple[Group, str], list[Record]]
_STRESS = (
    "Best in bold, second underlined, among methods under our own guarantee; references, inspired and wrapped rows take no part."
)


def accuracy_leaderboards(records: Iterable[Record]) -> list[Table]:
    """Mean accuracy, its 95% interval and the number of seeds; best mean over budgets first."""
    groups = grouped(plain(records))
    marks = {(key, pair.method): pair.mark for key, found in pairs(groups).items() for pair in found}

    def cell(key: Group, method: str, group: list[Record]) -> tuple[str, float | None]:
        values = [value for record in group if record.status == "ok" and (value := record.mean("accuracy")) is not None]
        if not values:
            return lost(group) or "-", None
        estimate = over_splits(values, test_to_train(group))
        spread = "" if estimate.half_width is None else f" ± {estimate.half_width:.3f}"
        return f"{estimate.mean:.3f}{spread}{marks.get((key, method), '')} {_runs(group, len(values))}", estimate.mean

    interval = (
        f"In brackets: seeds. ±: half of the 95% interval over seeds, from {FEWEST_FOR_INTERVAL} on, "
        "corrected for what splits share."
    )
    return _boards(groups, "accuracy", cell, 1, [_STRESS, interval, MARKS])


def time_leaderboards(records: Iterable[Record]) -> list[Table]:
    """Median seconds of fit and sample, and how many times as long as DPDSyn at the same budget; quickest first."""
    groups = grouped(plain(record for record in records if not record.evaluation.get("column")))
    baselines = {method for (_, method), group in groups.items() if is_baseline(method, group)}

    def cell(key: Group, method: str, group: list[Record]) -> tuple[str, float | None]:
        seconds, bound = seconds_of(group)
        if seconds is None:
            return lost(group) or "-", None
        yardstick, _ = seconds_of(groups.get((key, YARDSTICK), []))
        ratio = f" = {seconds / yardstick:.1f}x" if yardstick and method in baselines else ""
        return f"{'≥ ' if bound else ''}{seconds:.2f}{ratio} {_runs(group, len(group))}", None if bound else seconds

    notes = [
        "Seconds of fit and sample, medians over seeds, imports excluded; a run that was stopped counts as what it was given. "
        f"In brackets: seeds; x: times {YARDSTICK}'s.",
        _STRESS,
    ]
    return _boards(groups, "synthesis time", cell, -1, notes)


def seconds_of(group: Iterable[Record]) -> tuple[float | None, bool]:
    """Median seconds of fit and sample, and whether that is only a lower bound: a timeout counts as what it was given."""
    took = []
    for record in group:
        if record.status == "ok" and record.seconds.get("total") is not None:
            took.append((float(record.seconds["total"]), False))
        elif record.status == "timeout" and record.seconds.get("limit"):
            took.append((float(record.seconds["limit"]), True))
    if not took:
        return None, False
    middle = median(seconds for seconds, _ in took)
    return middle, any(bound and seconds <= middle for seconds, bound in took)


def _runs(group: list[Record], ended: int) -> str:
    notes = lost(group)
    return f"({ended}; {notes})" if notes else f"({ended})"


def _boards(
    groups: Groups, what: str, cell: Callable[[Group, str, list[Record]], tuple[str, float | None]], sign: int, notes: list[str]
) -> list[Table]:
    """sign: 1 if a larger value is better, -1 if a smaller one is."""
    datasets: dict[tuple[str, float], dict[str, dict[float, list[Record]]]] = defaultdict(lambda: defaultdict(dict))
    for ((dataset, epsilon, delta), method), group in groups.items():
        datasets[dataset, delta][method][epsilon] = group
    tables = []
    for (dataset, delta), methods in sorted(datasets.items()):
        epsilons = sorted({epsilon for budgets in methods.values() for epsilon in budgets})
        lines = []
        for method, budgets in methods.items():
            cells = [cell((dataset, e, delta), method, budgets[e]) if e in budgets else ("-", None) for e in epsilons]
            values = [value for _, value in cells if value is not None]
            every = [record for group in budgets.values() for record in group]
            order = (-sign * fmean(values) if values else float("inf"), method)
            ranks = [
                value if value is not None and is_ranked(method, budgets[e]) else None
                for e, (_, value) in zip(epsilons, cells, strict=True)
            ]
            lines.append((order, [method, badge(method, every), *(text for text, _ in cells)], ranks))
        lines.sort(key=lambda line: line[0])
        tables.append(
            Table(
                title=f"{dataset}, delta {delta:g}: {what}",
                columns=["method", "guarantee", *(f"epsilon {epsilon:g}" for epsilon in epsilons)],
                rows=[row for _, row, _ in lines],
                notes=[*remarks(r for budgets in methods.values() for group in budgets.values() for r in group), *notes],
                emphasis=_best_two([ranks for _, _, ranks in lines], sign),
            )
        )
    return tables


def _best_two(values: list[list[float | None]], sign: int) -> dict[tuple[int, int], Emphasis]:
    """Where the best and the second value of each column stand, if at least two are compared."""
    stressed: dict[tuple[int, int], Emphasis] = {}
    for column in range(len(values[0]) if values else 0):
        known = sorted(((-sign * value, row) for row, line in enumerate(values) if (value := line[column]) is not None))
        for (_, row), how in zip(known if len(known) > 1 else (), ("best", "second"), strict=False):
            stressed[row, column + 2] = how  # type: ignore[assignment]
    return stressed
