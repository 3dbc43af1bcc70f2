"""What figures and the page show of one data set, budget and method: its runs summed up over seeds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from experiments.records.record import Record
from experiments.report.cases import Case, Dataset, Method
from experiments.report.comparison import contest, difference, gap_to_real, often_enough, share_of_real
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import best_accuracy, mean_of, median_of, metric, seconds_of, test_to_train, values
from experiments.report.roles import MAJORITY, REAL, guarantee, is_ranked
from experiments.report.statistics import Estimate, over_splits
from experiments.report.verdict import learnt


@dataclass(frozen=True)
class Summary:
    """One method on one data set at one budget.

    kind: `ranked` takes part in comparisons; `reference`; `unverified` and `none` by their guarantee; `apart` for what is under
    our guarantee and not compared (inspired methods, special settings); by the method's runs elsewhere if none of these ended
    well, and `unknown` if none did anywhere. evaluators: the models that accuracy, best, auroc, ..., tvd2 are over,
    the largest set that any run here was judged by; runs judged by others count for time alone. of_real: accuracy as a share of
    that on real rows; gap: what is missing to that; lead: how much more accurate than DPDSyn it is; contest: that lead, None if
    it may not be called best; all four on the seeds that are shared. often: whether it ran with half of DPDSyn's seeds at least.
    seconds: of fit and sample, median; a lower bound if `at_least`. alone: whether they had the machine to themselves;
    times and memory of other runs then do not count. memory: MB, median. rows: training rows, the public number.
    log_loss, slope (of calibration): None where records are older than these metrics.
    """

    group: Group
    kind: str
    evaluators: tuple[str, ...]
    accuracy: Estimate | None
    of_real: float | None
    gap: Estimate | None
    lead: Estimate | None
    contest: float | None
    often: bool
    best: float | None
    auroc: float | None
    log_loss: float | None
    slope: float | None
    positive_rate: float | None
    tvd2: float | None
    seconds: float | None
    at_least: bool
    alone: bool
    memory: float | None
    rows: float

    @property
    def case(self) -> Case:
        return self.group.case

    @property
    def dataset(self) -> Dataset:
        return self.group.case.dataset

    @property
    def epsilon(self) -> float:
        return self.group.case.epsilon

    @property
    def delta(self) -> float:
        return self.group.case.delta

    @property
    def method(self) -> Method:
        return self.group.method

    @property
    def name(self) -> str:
        """The method without its settings."""
        return self.group.method.name

    @property
    def learnt(self) -> bool | None:
        """Whether models learnt anything (`experiments.report.verdict`); None where the records do not tell."""
        return learnt(self.runs)

    @property
    def is_bound(self) -> bool:
        """Whether it is what others lie between: models of real rows, or the larger class."""
        return self.name in (REAL, MAJORITY)

    @property
    def badge(self) -> str:
        """The guarantee in words."""
        return self.group.badge

    @property
    def missing(self) -> str:
        """What became of runs that did not end well."""
        return self.group.missing

    @property
    def runs(self) -> tuple[Record, ...]:
        """Every record, by seed."""
        return self.group.runs

    @property
    def took(self) -> float:
        """Seconds, where they are known."""
        return self.seconds or 0.0


def summaries(view: View) -> list[Summary]:
    """Of each group, in their order."""
    everywhere: dict[Method, list[Record]] = defaultdict(list)
    for group in view.groups:
        everywhere[group.method] += group.runs
    ended = view.judged_alike.where(lambda record: record.status == "ok")
    return [
        _summary(ended, group, _kind(group.method, group.runs if group.guarantee else everywhere[group.method]))
        for group in view.groups
    ]


def _summary(ended: View, group: Group, kind: str) -> Summary:
    """ended: those runs of all methods that are judged alike and ended well."""
    judged = ended.group(group.case, group.method)
    measured = [record for record in group.runs if record.alone]
    timed = measured or group.runs
    seconds, at_least = seconds_of(timed)
    accuracies = values(judged.runs, metric("accuracy"))
    return Summary(
        group=group,
        kind=kind,
        evaluators=judged.runs[0].judges if judged.runs else (),
        accuracy=over_splits(accuracies, test_to_train(judged.runs)) if accuracies else None,
        of_real=share_of_real(ended, judged),
        gap=gap_to_real(ended, judged),
        lead=difference(ended, judged),
        contest=contest(ended, judged),
        often=often_enough(ended, judged),
        best=mean_of(judged.runs, best_accuracy),
        auroc=mean_of(judged.runs, metric("auroc")),
        log_loss=mean_of(judged.runs, metric("log_loss")),
        slope=mean_of(judged.runs, metric("calibration_slope")),
        positive_rate=mean_of(judged.runs, lambda record: record.positive_rate),
        tvd2=mean_of(judged.runs, lambda record: record.fidelity.tvd2),
        seconds=seconds,
        at_least=at_least,
        alone=bool(measured),
        memory=median_of(timed, lambda record: record.peak_memory_mb),
        rows=median(record.n_synth for record in group.runs),
    )


def _kind(method: Method, runs: Iterable[Record]) -> str:
    runs = list(runs)
    if method.about.role == "reference":
        return "reference"
    if is_ranked(method, runs):
        return "ranked"
    given = guarantee(runs)
    return {"dp": "apart", None: "unknown"}.get(given, str(given))
