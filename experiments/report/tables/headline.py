"""The paper's two claims beside what these records say of them: the largest ratios over a baseline, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from experiments.records.record import Record
from experiments.report.comparison import on_same_splits
from experiments.report.labels import Group, grouped, judged_alike, plain
from experiments.report.roles import DEVELOPMENT, YARDSTICK, is_baseline, remarks
from experiments.report.tables.leaderboard import ratio_of_seconds
from experiments.report.tables.table import Table, lost

PAPER = {"accuracy": 2.40, "speed": 333.73}  # arXiv 2604.15660, abstract
_LEARNT = 0.6  # a baseline whose models rank test rows no better than this has collapsed, and a ratio over it says little
Groups = Mapping[tuple[Group, str], list[Record]]


@dataclass(frozen=True)
class _Found:
    """seeds: how many both have, over which the ratio is, and what became of other runs."""

    ratio: float
    method: str
    key: Group
    seeds: str


def headline_tables(records: Iterable[Record]) -> list[Table]:
    """One row a claim; nothing if DPDSyn has no cell in common with a baseline."""
    on_task = [record for record in records if not record.evaluation.column]
    swept = _groups(record for record in on_task if not record.alone)
    alone = _groups(record for record in on_task if record.alone and not record.seconds.contended)
    baselines = {method for (_, method), group in [*swept.items(), *alone.items()] if is_baseline(method, group)}
    accuracies = _over_baselines(judged_alike(swept), baselines, _accuracy_ratio)
    learnt = [found for found in accuracies if (_mean(swept[found.key, found.method], "auroc") or 0) > _LEARNT]
    measured, speeds = (_over_baselines(groups, baselines, _time_ratio) for groups in (alone, swept))
    bounds = _over_baselines(swept, baselines, _least_time_ratio)
    rows = [
        _row("largest accuracy ratio over a baseline", PAPER["accuracy"], accuracies),
        _row(f"the same, over a baseline that learnt something (AUROC above {_LEARNT:g})", PAPER["accuracy"], learnt),
        _row("largest ratio of synthesis time over a baseline, measured alone", PAPER["speed"], measured),
        _row("the same, in sweeps beside other work", PAPER["speed"], speeds),
        _row("the same, of those stopped at their limit (at least)", PAPER["speed"], bounds),
        _row("smallest accuracy ratio over a baseline", None, accuracies, least=True),
        _row("smallest ratio of synthesis time over a baseline, measured alone", None, measured, least=True),
    ]
    notes = [
        "A baseline is a method under our own guarantee, in its default setting: no references, no inspired or wrapped rows. "
        "No off-task cells, no data sets in special settings, and none on which DPDSyn's settings were chosen. Ratios are over "
        "the seeds that both have, of accuracy's means and of time's medians.",
        "The paper's baselines are other implementations, of which it reports eight; its tables were not at hand.",
        "A largest ratio is the most flattering cell, as in the paper; the smallest ones stand beside it.",
    ]
    made = [row for row in rows if row]
    named = {row[4].partition(",")[0] for row in made}
    notes += remarks(record for record in on_task if record.dataset.name in named)
    return [Table("The paper's claims", ["claim", "paper", "here", "baseline", "cell", "seeds"], made, notes)] if made else []


def _groups(records: Iterable[Record]) -> Groups:
    groups = grouped(plain(records))
    return {pair: group for pair, group in groups.items() if "(" not in pair[0][0] and pair[0][0] not in DEVELOPMENT}


def _over_baselines(
    groups: Groups, baselines: set[str], ratio: Callable[[list[Record], list[Record]], tuple[float, int] | None]
) -> list[_Found]:
    """What `ratio` makes of DPDSyn's runs and each baseline's, wherever both are known."""
    found = []
    for (key, method), group in groups.items():
        own = groups.get((key, YARDSTICK), [])
        if method in baselines and (made := ratio(own, group)):
            others = "; ".join(f"{name}: {notes}" for name, runs in ((YARDSTICK, own), (method, group)) if (notes := lost(runs)))
            found.append(_Found(made[0], method, key, f"{made[1]}" + (f" ({others})" if others else "")))
    return found


def _row(claim: str, paper: float | None, found: list[_Found], least: bool = False) -> list[str] | None:
    if not found:
        return None
    chosen = (min if least else max)(found, key=lambda one: (one.ratio, one.method, one.key))
    dataset, epsilon, delta = chosen.key
    cell = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}"
    known = "-" if paper is None else f"{paper:.2f}x"
    return [claim, known, f"{chosen.ratio:.2f}x", chosen.method, cell, chosen.seeds]


def _accuracy_ratio(own: list[Record], theirs: list[Record]) -> tuple[float, int] | None:
    """On the seeds that both ended well with."""
    ours, others = on_same_splits(own, theirs)
    return (fmean(ours) / fmean(others), len(ours)) if others and fmean(others) else None


def _time_ratio(own: list[Record], theirs: list[Record]) -> tuple[float, int] | None:
    """None if runs that were stopped make it a lower bound."""
    ratio, bound = ratio_of_seconds(theirs, own)
    return None if ratio is None or bound else (ratio, _shared(own, theirs))


def _least_time_ratio(own: list[Record], theirs: list[Record]) -> tuple[float, int] | None:
    """Of runs that were all stopped, by their limit."""
    ratio, bound = ratio_of_seconds(theirs, own)
    stopped = all(record.status == "timeout" for record in theirs)
    return (ratio, _shared(own, theirs)) if ratio is not None and bound and stopped else None


def _shared(own: list[Record], theirs: list[Record]) -> int:
    return len({record.seed for record in own} & {record.seed for record in theirs})


def _mean(group: list[Record], metric: str) -> float | None:
    values = [value for record in group if record.status == "ok" and (value := record.mean(metric)) is not None]
    return fmean(values) if values else None
