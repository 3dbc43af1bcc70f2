"""What figures and the report show of one data set, budget and method: its runs summed up over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median

from experiments.records.record import Record
from experiments.report.comparison import contest, share_of_real, test_to_train
from experiments.report.labels import Group, grouped, judged_alike
from experiments.report.roles import REFERENCES, badge, guarantee, is_ranked
from experiments.report.statistics import Estimate, over_splits
from experiments.report.tables.leaderboard import seconds_of
from experiments.report.tables.table import lost


@dataclass(frozen=True)
class Point:
    """One method on one data set at one budget.

    dataset, method: as tables name them. kind: `ranked` takes part in comparisons; `reference`; `unverified` and `none` by their
    guarantee; `apart` for what is under our guarantee and not compared (inspired methods, special settings); by the method's
    runs elsewhere if none of these ended well, and `unknown` if none did anywhere. badge: the guarantee in words. evaluators:
    the models that accuracy, best, auroc, positive_rate and tvd2 are over, the largest set that any run here was judged by; runs
    judged by others count for time alone. of_real: accuracy as a share of that on real rows; contest: the lead over DPDSyn by
    which it may be called best, None if it may not; both on the seeds that are shared. seconds: of fit and sample, median; a
    lower bound if `at_least`. alone: whether they had the machine to themselves; times and memory of other runs then do not
    count. memory: MB, median. rows: training rows, the public number. missing: what became of runs that did not end well.
    runs: every record, by seed.
    """

    dataset: str
    epsilon: float
    delta: float
    method: str
    kind: str
    badge: str
    evaluators: tuple[str, ...]
    accuracy: Estimate | None
    of_real: float | None
    contest: float | None
    best: float | None
    auroc: float | None
    positive_rate: float | None
    tvd2: float | None
    seconds: float | None
    at_least: bool
    alone: bool
    memory: float | None
    rows: float
    missing: str
    runs: tuple[Record, ...]

    @property
    def name(self) -> str:
        """The method without its settings."""
        return self.method.partition(" ")[0]

    @property
    def took(self) -> float:
        """Seconds, where they are known."""
        return self.seconds or 0.0

    @property
    def ended(self) -> list[Record]:
        return [record for record in self.runs if record.status == "ok"]


def points(records: Iterable[Record]) -> list[Point]:
    """A point for each data set, budget and method, in this order of names and numbers."""
    groups = {pair: sorted(group, key=_seed) for pair, group in sorted(grouped(records).items(), key=_name)}
    alike = {pair: [record for record in group if record.status == "ok"] for pair, group in judged_alike(groups).items()}
    everywhere: dict[str, list[Record]] = defaultdict(list)
    for (_, method), group in groups.items():
        everywhere[method] += group
    return [
        _point(key, method, _kind(method, group if guarantee(group) else everywhere[method]), group, alike)
        for (key, method), group in groups.items()
    ]


def _name(item: tuple[tuple[Group, str], list[Record]]) -> tuple[Group, str]:
    return item[0]


def _seed(record: Record) -> tuple[int, str]:
    return record.seed, record.run_id


def _point(key: Group, method: str, kind: str, group: list[Record], alike_of: Mapping[tuple[Group, str], list[Record]]) -> Point:
    alike = alike_of[key, method]
    measured = [record for record in group if record.alone]
    timed = measured or group
    seconds, at_least = seconds_of(timed)
    accuracies = [value for record in alike if (value := record.mean("accuracy")) is not None]
    memories = [run.peak_memory_mb for run in timed if run.status == "ok" and run.peak_memory_mb is not None]
    return Point(
        dataset=key[0],
        epsilon=key[1],
        delta=key[2],
        method=method,
        kind=kind,
        badge=badge(method, group),
        evaluators=alike[0].judges if alike else (),
        accuracy=over_splits(accuracies, test_to_train(alike)) if accuracies else None,
        of_real=share_of_real(alike_of, key, method),
        contest=contest(alike_of, key, method),
        best=_mean(alike, lambda record: record.best("accuracy")),
        auroc=_mean(alike, lambda record: record.mean("auroc")),
        positive_rate=_mean(alike, lambda record: record.positive_rate),
        tvd2=_mean(alike, lambda record: record.fidelity.tvd2),
        seconds=seconds,
        at_least=at_least,
        alone=bool(measured),
        memory=median(memories) if memories else None,
        rows=median(record.n_synth for record in group),
        missing=lost(group),
        runs=tuple(group),
    )


def _kind(method: str, group: list[Record]) -> str:
    if method.partition(" ")[0] in REFERENCES:
        return "reference"
    if is_ranked(method, group):
        return "ranked"
    given = guarantee(group)
    return {"dp": "apart", None: "unknown"}.get(given, str(given))


def _mean(group: list[Record], read: Callable[[Record], float | None]) -> float | None:
    values = [value for record in group if (value := read(record)) is not None]
    return fmean(values) if values else None
