"""The paper's two claims beside what these records say of them: the largest ratios over a baseline, and where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from experiments.labels import Group, grouped, plain
from experiments.leaderboard import seconds_of
from experiments.record import Record
from experiments.standing import YARDSTICK, is_baseline
from experiments.table import Table, counted

PAPER = {"accuracy": 2.40, "speed": 333.73}  # arXiv 2604.15660, abstract
Found = tuple[float, str, Group]


def headline_tables(records: Iterable[Record]) -> list[Table]:
    """One row a claim; nothing if DPDSyn has no cell in common with a baseline."""
    usual = plain(record for record in records if not record.evaluation.get("column"))
    groups = {pair: group for pair, group in grouped(usual).items() if "(" not in pair[0][0]}
    baselines = {method for (_, method), group in groups.items() if is_baseline(method, group)}
    accuracies, speeds, bounds = [], [], []
    for (key, method), group in groups.items():
        own = groups.get((key, YARDSTICK), [])
        mean, theirs = _accuracy(own), _accuracy(group)
        took, theirs_took = seconds_of(own)[0], seconds_of(group)
        if is_baseline(method, group) and mean and theirs:
            accuracies.append((mean / theirs, method, key))
        if is_baseline(method, group) and took and theirs_took[0] and not theirs_took[1]:
            speeds.append((theirs_took[0] / took, method, key))
        if method in baselines and _only_timeouts(group) and took and theirs_took[0]:
            bounds.append((theirs_took[0] / took, method, key))
    rows = [
        _row("largest accuracy ratio over a baseline", PAPER["accuracy"], accuracies, groups),
        _row("largest ratio of synthesis time over a baseline that ended", PAPER["speed"], speeds, groups),
        _row("the same, of those stopped at their limit (at least)", PAPER["speed"], bounds, groups),
        _row("smallest accuracy ratio over a baseline", None, [(-r, m, k) for r, m, k in accuracies], groups),
        _row("smallest ratio of synthesis time over a baseline", None, [(-r, m, k) for r, m, k in speeds], groups),
    ]
    notes = [
        "A baseline is a method under our own guarantee, in its default setting: no references, no inspired or wrapped rows. "
        "No off-task cells, no data sets in special settings. Accuracy is the mean over seeds, time the median.",
        "The paper's baselines are other implementations, of which it reports eight; its tables were not at hand.",
        "A largest ratio is the most flattering cell, as in the paper; the smallest ones stand beside it.",
    ]
    made = [row for row in rows if row]
    return [Table("The paper's claims", ["claim", "paper", "here", "baseline", "cell", "seeds"], made, notes)] if made else []


def _row(claim: str, paper: float | None, found: list[Found], groups: dict[tuple[Group, str], list[Record]]) -> list[str] | None:
    if not found:
        return None
    ratio, method, key = max(found)
    dataset, epsilon, delta = key
    seeds = " / ".join(counted(groups[key, name]) for name in (YARDSTICK, method))
    beside = any(r.seconds.get("contended") for name in (YARDSTICK, method) for r in groups[key, name]) and "time" in claim
    cell = f"{dataset}, epsilon {epsilon:g}, delta {delta:g}" + ("; other work beside it" if beside else "")
    return [claim, "-" if paper is None else f"{paper:.2f}x", f"{abs(ratio):.2f}x", method, cell, seeds]


def _accuracy(group: list[Record]) -> float | None:
    values = [value for record in group if record.status == "ok" and (value := record.mean("accuracy")) is not None]
    return fmean(values) if values else None


def _only_timeouts(group: list[Record]) -> bool:
    return bool(group) and all(record.status == "timeout" for record in group)
