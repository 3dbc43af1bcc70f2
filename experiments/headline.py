"""The paper's two claims beside what these records say of them: the largest ratios over a baseline, and where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import fmean

from experiments.efficiency import was_alone
from experiments.labels import Group, grouped, plain
from experiments.leaderboard import seconds_of
from experiments.record import Record
from experiments.standing import DEVELOPMENT, YARDSTICK, is_baseline
from experiments.table import Table, counted

PAPER = {"accuracy": 2.40, "speed": 333.73}  # arXiv 2604.15660, abstract
_LEARNT = 0.6  # a baseline whose models rank test rows no better than this has collapsed, and a ratio over it says little
Groups = Mapping[tuple[Group, str], list[Record]]
Found = tuple[float, str, Group]


def headline_tables(records: Iterable[Record]) -> list[Table]:
    """One row a claim; nothing if DPDSyn has no cell in common with a baseline."""
    on_task = [record for record in records if not record.evaluation.get("column")]
    swept = _groups(record for record in on_task if not was_alone(record))
    alone = _groups(record for record in on_task if was_alone(record))
    baselines = {method for (_, method), group in [*swept.items(), *alone.items()] if is_baseline(method, group)}
    accuracies = [(1 / ratio, method, key) for ratio, method, key in _over_dpdsyn(swept, baselines, _accuracy)]
    learnt = [found for found in accuracies if (_mean(swept[found[2], found[1]], "auroc") or 0) > _LEARNT]
    measured, speeds = (_over_dpdsyn(groups, baselines, _ended) for groups in (alone, swept))
    bounds = _over_dpdsyn(swept, baselines, _stopped, _ended)
    rows = [
        _row("largest accuracy ratio over a baseline", PAPER["accuracy"], accuracies, swept),
        _row(f"the same, over a baseline that learnt something (AUROC above {_LEARNT:g})", PAPER["accuracy"], learnt, swept),
        _row("largest ratio of synthesis time over a baseline, measured alone", PAPER["speed"], measured, alone),
        _row("the same, in sweeps beside other work", PAPER["speed"], speeds, swept),
        _row("the same, of those stopped at their limit (at least)", PAPER["speed"], bounds, swept),
        _row("smallest accuracy ratio over a baseline", None, accuracies, swept, min),
        _row("smallest ratio of synthesis time over a baseline, measured alone", None, measured, alone, min),
    ]
    notes = [
        "A baseline is a method under our own guarantee, in its default setting: no references, no inspired or wrapped rows. "
        "No off-task cells, no data sets in special settings, and none on which DPDSyn's settings were chosen. Accuracy is the "
        "mean over seeds, time the median.",
        "The paper's baselines are other implementations, of which it reports eight; its tables were not at hand.",
        "A largest ratio is the most flattering cell, as in the paper; the smallest ones stand beside it.",
    ]
    made = [row for row in rows if row]
    return [Table("The paper's claims", ["claim", "paper", "here", "baseline", "cell", "seeds"], made, notes)] if made else []


def _groups(records: Iterable[Record]) -> Groups:
    groups = grouped(plain(records))
    return {pair: group for pair, group in groups.items() if "(" not in pair[0][0] and pair[0][0] not in DEVELOPMENT}


def _over_dpdsyn(
    groups: Groups,
    baselines: set[str],
    measure: Callable[[list[Record]], float | None],
    own_measure: Callable[[list[Record]], float | None] | None = None,
) -> list[Found]:
    """What is measured of each baseline over the same of DPDSyn, wherever both are known."""
    found = []
    for (key, method), group in groups.items():
        theirs, own = measure(group), (own_measure or measure)(groups.get((key, YARDSTICK), []))
        if method in baselines and theirs and own:
            found.append((theirs / own, method, key))
    return found


def _row(
    claim: str, paper: float | None, found: list[Found], groups: Groups, choose: Callable[[list[Found]], Found] = max
) -> list[str] | None:
    if not found:
        return None
    ratio, method, key = choose(found)
    dataset, epsilon, delta = key
    seeds = " / ".join(counted(groups[key, name]) for name in (YARDSTICK, method))
    cell = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}"
    return [claim, "-" if paper is None else f"{paper:.2f}x", f"{ratio:.2f}x", method, cell, seeds]


def _accuracy(group: list[Record]) -> float | None:
    return _mean(group, "accuracy")


def _mean(group: list[Record], metric: str) -> float | None:
    values = [value for record in group if record.status == "ok" and (value := record.mean(metric)) is not None]
    return fmean(values) if values else None


def _ended(group: list[Record]) -> float | None:
    """Median seconds, unless runs that were stopped make it a lower bound."""
    seconds, bound = seconds_of(group)
    return None if bound else seconds


def _stopped(group: list[Record]) -> float | None:
    """The limit that every one of these runs was stopped at."""
    return seconds_of(group)[0] if group and all(record.status == "timeout" for record in group) else None
