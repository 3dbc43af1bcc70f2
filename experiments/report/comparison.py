"""DPDSyn against each other method on the same splits: paired differences, what of them is significant, and mean ranks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean

from experiments.records.record import Record
from experiments.report.labels import Group, grouped, judged_alike, plain
from experiments.report.roles import DEVELOPMENT, YARDSTICK, is_ranked, remarks
from experiments.report.statistics import FEWEST_FOR_TEST, Estimate, holm, over_splits, ranks
from experiments.report.tables.table import Table, lost

ALPHA = 0.05
_MORE, _LESS = "▲", "▼"
_SAME_ROWS_TWICE = ("liver_published",)  # another split of a table that stands there already


@dataclass(frozen=True)
class Pair:
    """One method against DPDSyn on one data set and budget.

    difference: of mean accuracy, the method's less DPDSyn's, over the seeds that both ended well. adjusted: p after Holm
    among the methods of this data set and budget; None with too few seeds. missing: what became of other runs.
    """

    method: str
    own: float
    theirs: float
    difference: Estimate
    adjusted: float | None
    missing: str

    @property
    def mark(self) -> str:
        """▲ if the method is significantly more accurate than DPDSyn, ▼ if less, else nothing."""
        if self.adjusted is None or self.adjusted >= ALPHA:
            return ""
        return _MORE if self.difference.mean > 0 else _LESS


MARKS = (
    f"{_MORE}, {_LESS}: more, or less, accurate than {YARDSTICK} on the same splits (corrected paired t test, p < {ALPHA} after "
    f"Holm over those methods of a data set and budget that have {FEWEST_FOR_TEST} seeds in common with it; methods with fewer "
    "are not tested, and nothing is adjusted across data sets and budgets)."
)


def test_to_train(group: Iterable[Record]) -> float:
    """Test rows for each training row; 0 for made-up rows, of which each seed has its own."""
    sizes = [r.dataset for r in group if r.dataset.n_train and not r.dataset.generator]
    return fmean((size.n_test or 0) / (size.n_train or 1) for size in sizes) if sizes else 0.0


def on_same_splits(first: Iterable[Record], second: Iterable[Record]) -> tuple[list[float], list[float]]:
    """Accuracies of two methods on one data set and budget, over the seeds that both ended well with, in their order."""
    one, other = _by_seed(first), _by_seed(second)
    shared = sorted(one.keys() & other.keys())
    return [one[seed] for seed in shared], [other[seed] for seed in shared]


def lead(groups: Mapping[tuple[Group, str], list[Record]], key: Group, method: str) -> float | None:
    """How much more accurate than DPDSyn a method is over the seeds that both have; None without one.

    Methods that ran with different seeds are compared by it, since some splits are harder than others.
    """
    own, theirs = on_same_splits(groups.get((key, YARDSTICK), []), groups.get((key, method), []))
    return fmean(theirs) - fmean(own) if own else None


def contest(groups: Mapping[tuple[Group, str], list[Record]], key: Group, method: str) -> float | None:
    """The lead by which a method may be called best: None for what is not ranked or is less accurate than the larger class."""
    group = groups.get((key, method), [])
    guesses, own = on_same_splits(groups.get((key, "majority"), []), group)
    return lead(groups, key, method) if is_ranked(method, group) and (not own or fmean(own) >= fmean(guesses)) else None


def share_of_real(groups: Mapping[tuple[Group, str], list[Record]], key: Group, method: str) -> float | None:
    """Accuracy as a share of that on real rows, over the seeds that both have; None without one."""
    real, own = on_same_splits(groups.get((key, "real"), []), groups.get((key, method), []))
    return fmean(own) / fmean(real) if real else None


def pairs(groups: Mapping[tuple[Group, str], list[Record]]) -> dict[Group, list[Pair]]:
    """For each data set and budget every ranked method against DPDSyn, the most accurate first."""
    found: dict[Group, list[Pair]] = {}
    for key in sorted({key for key, _ in groups}):
        made: list[Pair] = []
        for (other, method), group in groups.items():
            if other != key or method == YARDSTICK or not is_ranked(method, group):
                continue
            own, theirs = on_same_splits(groups.get((key, YARDSTICK), []), group)
            if own:
                difference = over_splits([b - a for a, b in zip(own, theirs, strict=True)], test_to_train(group))
                made.append(Pair(method, fmean(own), fmean(theirs), difference, None, lost(group)))
        tested = [i for i, pair in enumerate(made) if pair.difference.p is not None]
        for i, adjusted in zip(tested, holm([p for pair in made if (p := pair.difference.p) is not None]), strict=True):
            made[i] = replace(made[i], adjusted=adjusted)
        if made:
            found[key] = sorted(made, key=lambda pair: (-pair.difference.mean, pair.method))
    return found


def comparison_tables(records: Iterable[Record]) -> list[Table]:
    """One table for each data set: every budget and method."""
    tables: dict[tuple[str, float], list[list[str]]] = defaultdict(list)
    groups = judged_alike(grouped(plain(records)))
    known: dict[tuple[str, float], list[Record]] = defaultdict(list)
    for ((dataset, _, delta), _), group in groups.items():
        known[dataset, delta] += group
    for (dataset, epsilon, delta), found in pairs(groups).items():
        tables[dataset, delta] += [[f"{epsilon:g}", *_row(pair)] for pair in found]
    columns = ["epsilon", "method", "seeds", YARDSTICK, "method's", "difference", "95% interval", "p", "p (Holm)", ""]
    return [
        Table(f"{key[0]}, delta {key[1]:g}: accuracy against {YARDSTICK}", columns, rows, [*remarks(known[key]), MARKS])
        for key, rows in sorted(tables.items())
    ]


def _row(pair: Pair) -> list[str]:
    difference, half = pair.difference, pair.difference.half_width
    interval = "-" if half is None else f"{difference.mean - half:+.4f} to {difference.mean + half:+.4f}"
    ps = ["-" if p is None else f"{p:.2g}" for p in (difference.p, pair.adjusted)]
    seeds = f"{difference.seeds}" + (f" ({pair.missing})" if pair.missing else "")
    return [pair.method, seeds, f"{pair.own:.4f}", f"{pair.theirs:.4f}", f"{difference.mean:+.4f}", interval, *ps, pair.mark]


def rank_tables(records: Iterable[Record]) -> list[Table]:
    """For each budget the mean rank over those data sets, none of them for development, on which every method named ran."""
    groups = judged_alike(grouped(plain(records)))
    leads: dict[tuple[float, float], dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (key, method), group in groups.items():
        dataset, epsilon, delta = key
        ahead = lead(groups, key, method)
        counts = "(" not in dataset and dataset not in (*DEVELOPMENT, *_SAME_ROWS_TWICE)
        if counts and is_ranked(method, group) and ahead is not None:
            leads[epsilon, delta][method][dataset] = ahead
    return [table for key, methods in sorted(leads.items()) if (table := _rank_table(*key, methods))]


def _rank_table(epsilon: float, delta: float, methods: Mapping[str, Mapping[str, float]]) -> Table | None:
    """None unless three methods have run on three data sets, DPDSyn among them."""
    datasets = sorted(methods.get(YARDSTICK, {}))
    complete = [method for method, found in methods.items() if set(datasets) <= set(found)]
    if len(datasets) < 3 or len(complete) < 3:
        return None
    ranked = {dataset: ranks([methods[method][dataset] for method in complete]) for dataset in datasets}
    rows = sorted((fmean(ranked[dataset][i] for dataset in datasets), method) for i, method in enumerate(complete))
    absent = sorted(set(methods) - set(complete))
    notes = [
        f"Mean rank over {', '.join(datasets)} (1 is the best), by the difference in accuracy to {YARDSTICK} on the seeds that "
        f"both have. A description only: {len(datasets)} data sets are too few for a test of ranks to say anything. Data sets "
        f"on which settings were chosen ({', '.join(DEVELOPMENT)}) take no part."
    ]
    if absent:
        notes.append(f"Not on all of them, so left out: {', '.join(absent)}.")
    by_place = [[method, f"{rank:.2f}", *(f"{ranked[d][complete.index(method)]:g}" for d in datasets)] for rank, method in rows]
    return Table(f"epsilon {epsilon:g}, delta {delta:g}: mean ranks", ["method", "mean rank", *datasets], by_place, notes)


def _by_seed(group: Iterable[Record]) -> dict[int, float]:
    """Accuracy by seed, of the runs that ended well."""
    found = {record.seed: record.mean("accuracy") for record in group if record.status == "ok"}
    return {seed: accuracy for seed, accuracy in found.items() if accuracy is not None}
