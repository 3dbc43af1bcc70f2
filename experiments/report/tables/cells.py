"""Numbers as the text of a cell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from experiments.records.record import Record
from experiments.report.missing import lost
from experiments.report.over_seeds import Read, median_of, ratio_of_seconds
from experiments.report.remarks import timed_on

BESIDE_OTHERS = (
    "Runs of a sweep have other runs beside them, and a process keeps in memory what earlier runs left: where methods ran "
    "alone, the tables of efficiency are the ones to compare them by."
)


def number(value: float | None, digits: int) -> str:
    """A dash if it is not known."""
    return "-" if value is None else f"{value:.{digits}f}"


def mean_and_deviation(values: Sequence[float], digits: int) -> str:
    """Mean ± standard deviation; a dash without values."""
    if not values:
        return "-"
    return f"{fmean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


def median_text(runs: Sequence[Record], read: Read, digits: int) -> str:
    """The median over the runs that ended well, or what became of them all."""
    known = median_of(runs, read)
    return lost(runs) or "-" if known is None else f"{known:.{digits}f}"


def bounded(value: float, bound: bool, digits: int) -> str:
    """The number, said to be a lower bound if it is one."""
    return f"{'≥ ' if bound else ''}{value:.{digits}f}"


def times_as_long(runs: Iterable[Record], others: Iterable[Record]) -> str:
    """`ratio_of_seconds` as text; empty without one."""
    ratio, bound = ratio_of_seconds(runs, others)
    return "" if ratio is None else bounded(ratio, bound, 1)


def counted(runs: Sequence[Record]) -> str:
    """How many runs ended well, and what became of the others."""
    notes = lost(runs)
    return f"{sum(record.status == 'ok' for record in runs)}" + (f" ({notes})" if notes else "")


def measured_alone(runs: Sequence[Record], *more: str) -> str:
    """A note on how such runs were made, and how many of them were disturbed all the same."""
    disturbed = sum(bool(record.seconds.contended) for record in runs)
    others = [f"Other work of the machine went on beside {disturbed} of {len(runs)} runs."] if disturbed else []
    return " ".join(
        ["Each run in a new process, one after the other, nothing of ours beside it.", *others, *timed_on(runs), *more]
    )
