"""What the records say, in three sentences that stay true whatever the numbers are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from experiments.report import facts
from experiments.report.cases import Case, Method
from experiments.report.comparison import ALPHA, Pair, pairs
from experiments.report.grouped import View
from experiments.report.over_seeds import ratio_of_seconds
from experiments.report.roles import REAL, YARDSTICK
from experiments.report.summary import Summary, summaries

Found = tuple[float, Case]
Known = Mapping[tuple[Case, Method], Summary]
OWN = Method(YARDSTICK)
_FEWEST = 3  # other methods in a cell that says who is ahead


@dataclass(frozen=True)
class Findings:
    """notes: what the sentences rest on."""

    sentences: list[str]
    notes: list[str]


def findings(view: View) -> Findings:
    """Accuracy, time, and what is given up, on data sets in their usual form on which no setting was chosen."""
    known = {(summary.case, summary.method): summary for summary in summaries(view.plain)}
    warned = sorted({record.dataset.name for record in view.records if record.dataset.caution})
    compared = pairs(view.swept.plain.judged_alike)
    every = {case: _others(pair) for case, pair in compared.items() if _counts(case) and case.dataset.name not in warned}
    needed = max(_FEWEST, ceil(max(map(len, every.values()), default=0) / 2))
    cells = {key: found for key, found in every.items() if len(found) >= needed}
    if not cells:
        return Findings(
            [f"No cell that counts here has DPDSyn beside {_FEWEST} other methods with the same guarantee on the same seeds."],
            [_out(warned)],
        )
    return Findings([_accuracy(cells, known), _time(cells, known), _price(cells, known, warned)], _notes(cells, warned, needed))


def _counts(case: Case) -> bool:
    return case.dataset.is_usual and not case.dataset.facts.development


def _others(found: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in found if pair.method.about.family != YARDSTICK]


def _accuracy(cells: Mapping[Case, list[Pair]], known: Known) -> str:
    leads = [(-max(pair.difference.mean for pair in found), key) for key, found in cells.items()]
    ahead = sum(lead > 0 for lead, _ in leads)
    shares = [(share, key) for key in cells if (share := _of_real(known[key, OWN])) is not None]
    reach = f"reach {_range(shares, _share)} of the accuracy that real rows give, and " if shares else ""
    return (
        f"Models trained on DPDSyn's rows {reach}in {ahead} of {len(cells)} cells are more accurate than those trained on the "
        f"rows of every other method: the difference from the best of the others is {_range(leads, '{:+.4f}'.format)}."
    )


def _of_real(summary: Summary) -> float | None:
    """Accuracy as a share of that of real rows; None where nothing was learnt, for it says nothing then."""
    return None if summary.learnt is False else summary.of_real


def _time(cells: Mapping[Case, list[Pair]], known: Known) -> str:
    took, best, quickest = [], [], []
    for key, found in cells.items():
        own, first = known[key, OWN], known[key, max(found, key=lambda pair: pair.difference.mean).method]
        times = [ratio for pair in found if (ratio := _times_as_long(known[key, pair.method], own))]
        if own.seconds:
            took.append((own.seconds, key))
            best += [(ratio, key)] if (ratio := _times_as_long(first, own)) else []
            quickest += [(min(times), key)] if times else []
    if not (took and best and quickest):
        return "Of the time it takes nothing can be said from these records."
    return (
        f"Fit and sample take {_range(took, _seconds)}; the most accurate of the others takes {_range(best, _short)} times as "
        f"long, the quickest of them {_range(quickest, _short)} times."
    )


def _times_as_long(summary: Summary, own: Summary) -> float | None:
    """On the seeds that both have, alone on a machine if both ran so, else in sweeps; None where it is a lower bound."""
    alone = summary.alone and own.alone
    ratio, bound = ratio_of_seconds(*([run for run in p.runs if run.alone == alone] for p in (summary, own)))
    return None if bound else ratio


def _price(cells: Mapping[Case, list[Pair]], known: Known, warned: list[str]) -> str:
    errors, shares = [], []
    for key, found in cells.items():
        own, real = known[key, OWN], known.get((key, Method(REAL)))
        theirs = [p.tvd2 for pair in found if (p := known[key, pair.method]).tvd2 is not None]
        if own.tvd2 is not None and theirs and min(theirs) > 0:
            errors.append((own.tvd2 / min(theirs), key))
        if real and own.positive_rate is not None and real.positive_rate is not None:
            shares.append((abs(own.positive_rate - real.positive_rate), key))
    said = []
    if errors:
        times = _range(errors, _short)
        said.append(f"its two-way marginals are {times} times as far from the real ones as those of the closest of the others")
    said += [f"the share of the positive class is off by {_range(shares, '{:.3f}'.format)}"] if shares else []
    said += _elsewhere(known, warned)
    return f"In likeness, {'; '.join(said)}." if said else "Of how like the real rows its rows are nothing can be said."


def _elsewhere(known: Known, warned: list[str]) -> list[str]:
    """What models reach that predict another column than the one which the rows were made for."""
    own, best = [], []
    for (case, method), summary in known.items():
        dataset = case.dataset
        usual = dataset.space == "encoded" and not dataset.encoding
        excluded = not usual or dataset.settings or dataset.facts.development or dataset.name in warned
        share = _of_real(summary)
        if method != OWN or dataset.column is None or excluded or share is None:
            continue
        others = [p for (k, m), p in known.items() if k == case and p.kind == "ranked" and m.about.family != YARDSTICK]
        shares = [other for p in others if (other := _of_real(p)) is not None]
        if shares:
            own.append((share, case))
            best.append((max(shares), case))
    if not own:
        return []
    return [
        f"models that predict another column reach {_range(own, _share)} of what real rows give, on the best of the others' rows "
        f"{_range(best, _share)}"
    ]


def _notes(cells: Mapping[Case, list[Pair]], warned: list[str], needed: int) -> list[str]:
    tested = [pair for found in cells.values() for pair in found if pair.adjusted is not None]
    better, worse = (sum(pair.mark != "" and (pair.difference.mean < 0) == ours for pair in tested) for ours in (True, False))
    datasets, methods = (
        sorted({case.dataset for case in cells}),
        sorted({pair.method for found in cells.values() for pair in found}),
    )
    seeds = sorted({pair.difference.seeds for found in cells.values() for pair in found})
    spread = f"{seeds[0]}" + (f" to {seeds[-1]}" if len(seeds) > 1 else "")
    return [
        f"A cell is a data set and a budget (`adult at 0.8`: at epsilon 0.8) at which at least {needed} others ran (half of the "
        f"most that ran at one, and no fewer than {_FEWEST}): on {', '.join(map(str, datasets))}. The others are "
        f"{', '.join(map(str, methods))}, as far as they ran; accuracy is compared on the seeds that both ran with ({spread}). "
        f"{_out(warned)} Accuracy is the mean over the models that are trained. Time is the median, of runs that had the "
        "machine to themselves where there are any, else of sweeps beside other work. Likeness is the mean over each method's "
        "own seeds.",
        f"Paired tests with at least five seeds in common: {len(tested)}, of which {better} find DPDSyn significantly ahead and "
        f"{worse} behind (p < {ALPHA} after Holm).",
    ]


def _out(warned: list[str]) -> str:
    return (
        f"Data sets on which settings were chosen ({', '.join(facts.development_sets())}), those with a caution "
        f"({', '.join(warned) or 'none'}) or in special settings, references, inspired and wrapped methods and what has no "
        "guarantee take no part."
    )


def _range(found: list[Found], form: Callable[[float], str]) -> str:
    """The least and the largest value with their cells, or the one that all share."""
    low, high = min(found), max(found)
    ends = form(low[0]), form(high[0])
    if ends[0] == ends[1]:
        return ends[0]
    return f"{ends[0]} ({_cell(low[1])}) to {ends[1]} ({_cell(high[1])})"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _short(value: float) -> str:
    """Two digits, never with an exponent."""
    return f"{float(f'{value:.2g}'):.10g}"


def _seconds(value: float) -> str:
    return f"{_short(value)} s"


def _cell(case: Case) -> str:
    return f"{case.dataset.task} at {case.epsilon:g}"
