"""Runs of one method on one data set and budget, summed up over their seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import fmean, median, median_high

from experiments.records.record import Record

Read = Callable[[Record], float | None]


def metric(name: str) -> Read:
    """Reads a metric's mean over evaluators."""
    return lambda record: record.mean(name)


def best_accuracy(record: Record) -> float | None:
    """Of the best evaluator."""
    return record.best("accuracy")


def values(runs: Iterable[Record], read: Read) -> list[float]:
    """What is known of the runs that ended well, in their order."""
    return [value for record in runs if record.status == "ok" and (value := read(record)) is not None]


def mean_of(runs: Iterable[Record], read: Read) -> float | None:
    """Over the runs that ended well; None if nothing is known."""
    known = values(runs, read)
    return fmean(known) if known else None


def median_of(runs: Iterable[Record], read: Read) -> float | None:
    """Over the runs that ended well; None if nothing is known."""
    known = values(runs, read)
    return median(known) if known else None


def seconds_of(runs: Iterable[Record]) -> tuple[float | None, bool]:
    """Median seconds of fit and sample, and whether that is only a lower bound: a timeout counts as what it was given.

    A run that was stopped while models were trained on its rows says nothing of the time before.
    """
    took = []
    for record in runs:
        if record.status == "ok" and record.seconds.total is not None:
            took.append((float(record.seconds.total), False))
        elif record.status == "timeout" and record.seconds.limit and record.seconds.phase != "evaluate":
            took.append((float(record.seconds.limit), True))
    if not took:
        return None, False
    times = [seconds for seconds, _ in took]
    return median(times), any(bound and seconds <= median_high(times) for seconds, bound in took)


def timed_alike(runs: Iterable[Record], others: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Of both the runs with a seed that the other ran with too, on a processor of the same kind: other times say nothing."""
    runs, others = list(runs), list(others)
    shared = {(record.seed, record.environment.cpu) for record in runs}
    shared &= {(record.seed, record.environment.cpu) for record in others}
    one, other = ([run for run in each if (run.seed, run.environment.cpu) in shared] for each in (runs, others))
    return one, other


def ratio_of_seconds(runs: Iterable[Record], others: Iterable[Record]) -> tuple[float | None, bool]:
    """Median seconds of one method over those of another, `timed_alike`, and whether it is only a lower bound.

    None where they share no seed so, or where stopped runs make the other's seconds a lower bound.
    """
    one, other = timed_alike(runs, others)
    above, bound = seconds_of(one)
    below, vague = seconds_of(other)
    return (above / below, bound) if above and below and not vague else (None, False)


def on_same_splits(runs: Iterable[Record], others: Iterable[Record], read: Read | None = None) -> tuple[list[float], list[float]]:
    """A measure, accuracy by default, of two methods in one case, over the seeds that both ended well with, in their order."""
    one, other = (_by_seed(each, read or metric("accuracy")) for each in (runs, others))
    shared = sorted(one.keys() & other.keys())
    return [one[seed] for seed in shared], [other[seed] for seed in shared]


def test_to_train(runs: Iterable[Record]) -> float:
    """Test rows for each training row; 0 for simulated rows, of which each seed has its own."""
    sizes = [r.dataset for r in runs if r.dataset.n_train and not r.dataset.generator]
    return fmean((size.n_test or 0) / (size.n_train or 1) for size in sizes) if sizes else 0.0


def _by_seed(runs: Iterable[Record], read: Read) -> dict[int, float]:
    """A measure by seed, of the runs that ended well."""
    found = {record.seed: read(record) for record in runs if record.status == "ok"}
    return {seed: value for seed, value in found.items() if value is not None}
