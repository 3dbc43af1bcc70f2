"""The paper's two claims beside what these records say of them: the largest ratios over a baseline, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from experiments.efficiency import was_alone
from experiments.labels import Group, grouped, plain
from experiments.leaderboard import seconds_of
from experiments.record import Record
from experiments.standing import DEVELOPMENT, YARDSTICK, is_baseline
from experiments.table import Table

PAPER = {"accuracy": 2.40, "speed": 333.73}  # arXiv 2604.15660, abstract
_LEARNT = 0.6  # a baseline whose models rank test rows no better than this has collapsed, and a ratio over it says little
Groups = Mapping[tuple[Group, str], list[Record]]


@dataclass(frozen=True)
class _Found:
    """seeds: those that both have, over which the ratio is."""

    ratio: float
    method: str
    key: Group
    seeds: int


def headline_tables(records: Iterable[Record]) -> list[Table]:
    """One row a claim; nothing if DPDSyn has no cell in common with a baseline."""
    on_task = [record for record in records if not record.evaluation.get("column")]
    swept = _groups(record for record in on_task if not was_alone(record))
    alone = _groups(record for record in on_task if was_alone(record) and not record.seconds.get("contended"))
    baselines = {method for (_, method), group in [*swept.items(), *alone.items()] if is_baseline(method, group)}
    accuracies = _over_baselines(swept, baselines, _accuracy_ratio)
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
    return [Table("The paper's claims", ["claim", "paper", "here", "baseline", "cell", "seeds"], made, notes)] if made else []


def _groups(records: Iterable[Record]) -> Groups:
    groups = grouped(plain(records))
    return {pair: group for pair, group in groups.items() if "(" not in pair[0][0] and pair[0][0] not in DEVELOPMENT}


def _over_baselines(
    groups: Groups, baselines: set[str], ratio: Callable[[list[Record], list[Record]], float | None]
) -> list[_Found]:
    """What `ratio` makes of DPDSyn's runs and each baseline's with the same seeds, wherever both are known."""
    found = []
    for (key, method), group in groups.items():
        yardstick = groups.get((key, YARDSTICK), [])
        seeds = {record.seed for record in yardstick if record.status == "ok"} & {record.seed for record in group}
        own, theirs = ([record for record in runs if record.seed in seeds] for runs in (yardstick, group))
        if method in baselines and (value := ratio(own, theirs)):
            found.append(_Found(value, method, key, len(seeds)))
    return found


def _row(claim: str, paper: float | None, found: list[_Found], least: bool = False) -> list[str] | None:
    if not found:
        return None
    chosen = (min if least else max)(found, key=lambda one: (one.ratio, one.method, one.key))
    dataset, epsilon, delta = chosen.key
    cell = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}"
    known = "-" if paper is None else f"{paper:.2f}x"
    return [claim, known, f"{chosen.ratio:.2f}x", chosen.method, cell, f"{chosen.seeds}"]


def _accuracy_ratio(own: list[Record], theirs: list[Record]) -> float | None:
    """None if a run of theirs did not end well."""
    above, below = _mean(own, "accuracy"), _mean(theirs, "accuracy")
    return above / below if above and below and all(record.status == "ok" for record in theirs) else None


def _time_ratio(own: list[Record], theirs: list[Record]) -> float | None:
    """None if runs that were stopped make it a lower bound."""
    seconds, bound = seconds_of(theirs)
    return None if bound else _quotient(seconds, own)


def _least_time_ratio(own: list[Record], theirs: list[Record]) -> float | None:
    """Of runs that were all stopped, by their limit."""
    stopped = theirs and all(record.status == "timeout" for record in theirs)
    return _quotient(seconds_of(theirs)[0], own) if stopped else None


def _quotient(seconds: float | None, own: list[Record]) -> float | None:
    yardstick, _ = seconds_of(own)
    return seconds / yardstick if seconds and yardstick else None


def _mean(group: list[Record], metric: str) -> float | None:
    values = [value for record in group if record.status == "ok" and (value := record.mean(metric)) is not None]
    return fmean(values) if values else None
