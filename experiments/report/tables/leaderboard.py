"""The main tables: for each data set, methods against budgets, accuracy and time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median, median_high

from experiments.records.record import Record
from experiments.report.comparison import MARKS, contest, lead, pairs, test_to_train
from experiments.report.labels import Group, grouped, judged_alike, plain
from experiments.report.roles import YARDSTICK, badge, is_baseline, is_ranked, remarks
from experiments.report.statistics import FEWEST_FOR_INTERVAL, over_splits
from experiments.report.tables.table import Emphasis, Table, lost

Groups = Mapping[tuple[Group, str], list[Record]]
_STRESS = (
    "Best in bold, second underlined, among methods under our own guarantee; references, inspired and wrapped rows take no part"
)
BESIDE_OTHERS = (
    "Runs of a sweep have other cells beside them, and a process keeps in memory what earlier cells left: where methods ran "
    "alone, the tables of efficiency are the ones to compare them by."
)


@dataclass(frozen=True)
class _Run:
    """place, value: what rows are ordered by, one after the other. compared: what the best two of a column are found by.

    Of all three, more is better.
    """

    text: str
    place: float | None = None
    value: float | None = None
    compared: float | None = None


def accuracy_leaderboards(records: Iterable[Record]) -> list[Table]:
    """Mean accuracy, its 95% interval and the number of seeds; best over the budgets first."""
    groups = judged_alike(grouped(plain(records)))
    marks = {(key, pair.method): pair.mark for key, found in pairs(groups).items() for pair in found}

    def cell(key: Group, method: str, group: list[Record]) -> _Run:
        values = [value for record in group if record.status == "ok" and (value := record.mean("accuracy")) is not None]
        if not values:
            return _Run(lost(group) or "-")
        estimate = over_splits(values, test_to_train(group))
        spread = "" if estimate.half_width is None else f" ± {estimate.half_width:.3f}"
        text = f"{estimate.mean:.3f}{spread}{marks.get((key, method), '')} {_runs(group, len(values))}"
        return _Run(text, lead(groups, key, method), estimate.mean, contest(groups, key, method))

    notes = [
        f"{_STRESS}, nor does what is less accurate than the larger class. Methods and rows are ordered by the difference to "
        f"{YARDSTICK} on the seeds that both have, which need not be the order of the means shown.",
        f"In brackets: seeds. ±: half of the 95% interval over seeds, from {FEWEST_FOR_INTERVAL} on, corrected for what splits "
        "share.",
        MARKS,
    ]
    return _boards(groups, "accuracy", cell, notes)


def time_leaderboards(records: Iterable[Record]) -> list[Table]:
    """Median seconds of fit and sample, and how many times as long as DPDSyn at the same budget; quickest first."""
    groups = grouped(plain(record for record in records if not record.evaluation.column))
    baselines = {method for (_, method), group in groups.items() if is_baseline(method, group)}

    def cell(key: Group, method: str, group: list[Record]) -> _Run:
        seconds, bound = seconds_of(group)
        if seconds is None:
            return _Run(lost(group) or "-")
        ratio = times_as_long(group, groups.get((key, YARDSTICK), [])) if method in baselines else ""
        text = f"{bounded(seconds, bound, 2)}{ratio and f' = {ratio}x'} {_runs(group, len(group))}"
        quick = None if bound else -seconds
        return _Run(text, quick, None, quick if is_ranked(method, group) else None)

    notes = [
        "Seconds of fit and sample, medians over seeds, imports excluded; a run that was stopped counts as what it was given. "
        f"In brackets: seeds; x: times {YARDSTICK}'s on the seeds that both have. {BESIDE_OTHERS}",
        f"{_STRESS}.",
    ]
    return _boards(groups, "synthesis time", cell, notes)


def ratio_of_seconds(group: Iterable[Record], other: Iterable[Record]) -> tuple[float | None, bool]:
    """Median seconds of one method over those of another on the seeds that both have, and whether it is only a lower bound.

    None where they share none, or where stopped runs make the other's seconds a lower bound.
    """
    group, other = list(group), list(other)
    shared = {record.seed for record in group} & {record.seed for record in other}
    above, bound = seconds_of(record for record in group if record.seed in shared)
    below, vague = seconds_of(record for record in other if record.seed in shared)
    return (above / below, bound) if above and below and not vague else (None, False)


def times_as_long(group: Iterable[Record], other: Iterable[Record]) -> str:
    """`ratio_of_seconds` as text; empty without one."""
    ratio, bound = ratio_of_seconds(group, other)
    return "" if ratio is None else bounded(ratio, bound, 1)


def bounded(value: float, bound: bool, digits: int) -> str:
    """The number, said to be a lower bound if it is one."""
    return f"{'≥ ' if bound else ''}{value:.{digits}f}"


def seconds_of(group: Iterable[Record]) -> tuple[float | None, bool]:
    """Median seconds of fit and sample, and whether that is only a lower bound: a timeout counts as what it was given.

    A run that was stopped while models were trained on its rows says nothing of the time before.
    """
    took = []
    for record in group:
        if record.status == "ok" and record.seconds.total is not None:
            took.append((float(record.seconds.total), False))
        elif record.status == "timeout" and record.seconds.limit and record.seconds.phase != "evaluate":
            took.append((float(record.seconds.limit), True))
    if not took:
        return None, False
    times = [seconds for seconds, _ in took]
    return median(times), any(bound and seconds <= median_high(times) for seconds, bound in took)


def _runs(group: list[Record], ended: int) -> str:
    notes = lost(group)
    return f"({ended}; {notes})" if notes else f"({ended})"


def _boards(groups: Groups, what: str, cell: Callable[[Group, str, list[Record]], _Run], notes: list[str]) -> list[Table]:
    datasets: dict[tuple[str, float], dict[str, dict[float, list[Record]]]] = defaultdict(lambda: defaultdict(dict))
    for ((dataset, epsilon, delta), method), group in groups.items():
        datasets[dataset, delta][method][epsilon] = group
    tables = []
    for (dataset, delta), methods in sorted(datasets.items()):
        epsilons = sorted({epsilon for budgets in methods.values() for epsilon in budgets})
        lines: dict[str, list[_Run]] = {}
        for method, budgets in methods.items():
            lines[method] = [cell((dataset, e, delta), method, budgets[e]) if e in budgets else _Run("-") for e in epsilons]
        ordered = sorted(lines, key=lambda method: (*_order(lines[method]), method))
        every = {method: [record for group in budgets.values() for record in group] for method, budgets in methods.items()}
        tables.append(
            Table(
                title=f"{dataset}, delta {delta:g}: {what}",
                columns=["method", "guarantee", *(f"epsilon {epsilon:g}" for epsilon in epsilons)],
                rows=[[method, badge(method, every[method]), *(cell.text for cell in lines[method])] for method in ordered],
                notes=[*remarks(record for group in every.values() for record in group), *notes],
                emphasis=_best_two([[cell.compared for cell in lines[method]] for method in ordered]),
            )
        )
    return tables


def _order(line: list[_Run]) -> tuple[float, float]:
    places = [cell.place for cell in line if cell.place is not None]
    values = [cell.value for cell in line if cell.value is not None]
    return (-fmean(places) if places else float("inf")), (-fmean(values) if values else float("inf"))


def _best_two(values: list[list[float | None]]) -> dict[tuple[int, int], Emphasis]:
    """Where the best and the second value of each column stand, if at least two are compared."""
    stressed: dict[tuple[int, int], Emphasis] = {}
    for column in range(len(values[0]) if values else 0):
        known = sorted(((-value, row) for row, line in enumerate(values) if (value := line[column]) is not None))
        for (_, row), how in zip(known if len(known) > 1 else (), ("best", "second"), strict=False):
            stressed[row, column + 2] = how  # type: ignore[assignment]
    return stressed
