"""What the records say, in three sentences that stay true whatever the numbers are, and the numbers that they stand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from experiments.report import facts
from experiments.report.cases import Case
from experiments.report.comparison import ALPHA, LEVEL
from experiments.report.evidence import FEWEST, Cell, Evidence, evidence
from experiments.report.grouped import View

Found = tuple[float, Case]


@dataclass(frozen=True)
class Findings:
    """sentences: the answer. spreads: from where to where each of its numbers goes. notes: what counts. cells: the numbers."""

    sentences: list[str]
    spreads: list[str]
    notes: list[str]
    cells: Sequence[Cell] = ()


def findings(view: View) -> Findings:
    """Accuracy, time, and what is given up, on data sets in their usual form on which no setting was chosen."""
    return told(evidence(view))


def told(known: Evidence) -> Findings:
    """The same of what is known already."""
    if not known.cells:
        return Findings(
            [f"No cell that counts here has DPDSyn beside {FEWEST} other methods with the same guarantee on the same seeds."],
            [],
            [_out()],
        )
    parts = [_accuracy(known.cells), _time(known.cells), _price(known)]
    return Findings([said for said, _ in parts], [line for _, lines in parts for line in lines], _notes(known), known.cells)


def _accuracy(cells: Sequence[Cell]) -> tuple[str, list[str]]:
    leads = [(cell.lead, cell.case) for cell in cells]
    ahead = sum(lead > LEVEL for lead, _ in leads)
    shares = [(value, cell.case) for cell in cells if (value := cell.of_real) is not None]
    reach = ""
    if shares:
        least = min(shares)
        constant = [(value, cell.case) for cell in cells if (value := cell.constant) is not None]
        beside = f"; a constant {_middle(constant, _share)}{_below(cells)}" if constant else ""
        reach = (
            f"keep {_middle(shares, _share)} of real rows' accuracy (median{beside}; least {_share(least[0])}, "
            f"{named(least[1])}), and "
        )
    said = (
        f"Models trained on DPDSyn's rows {reach}in {ahead} of {len(cells)} cases (a data set at a budget) no other method "
        "with the same guarantee and at least half its seeds is as accurate."
    )
    spread = [f"Share of the accuracy on real rows: {_range(shares, _share)}."] if shares else []
    return said, [*spread, f"Accuracy above that of the best of the others: {_range(leads, '{:+.4f}'.format)}."]


def _below(cells: Sequence[Cell]) -> str:
    """In how many of all cases a constant is more accurate."""
    known = [(cell.own.of_real, cell.constant) for cell in cells]
    below = sum(own is not None and constant is not None and own < constant for own, constant in known)
    return f", which is more in {below}" if below else ""


def _time(cells: Sequence[Cell]) -> tuple[str, list[str]]:
    took = [(value, cell.case) for cell in cells if (value := cell.own.seconds)]
    best = [(value, cell.case) for cell in cells if (value := cell.times_as_long)]
    quickest = [(value, cell.case) for cell in cells if (value := cell.quickest)]
    if not (took and best and quickest):
        return "Of the time it takes nothing can be said from these records.", []
    beside = "" if all(cell.own.alone for cell in cells) else " (mostly beside other work)"
    accurate = f"the most accurate of the others takes {_middle(best, _short)} times as long"
    said = f"They are made in {_middle(took, _seconds)}{beside}; {accurate}, the quickest {_middle(quickest, _short)} times"
    said += f" ({len(best)} and {len(quickest)} cases timed alike)." if len(took) > min(len(best), len(quickest)) else "."
    return said, [
        f"Seconds of fit and sample: {_range(took, _seconds)}.",
        f"Times as long, of the most accurate of the others: {_range(best, _short)}; of the quickest: "
        f"{_range(quickest, _short)}.",
    ]


def _price(known: Evidence) -> tuple[str, list[str]]:
    errors = [(value, cell.case) for cell in known.cells if (value := cell.error) is not None]
    shares = [(value, cell.case) for cell in known.cells if (value := cell.off) is not None]
    own = [(each.own, each.case) for each in known.elsewhere]
    best = [(each.best, each.case) for each in known.elsewhere]
    said, spreads = [], []
    if errors:
        far = f"{_middle(errors, _short)} times as far off as those of the closest of the others (up to {_short(max(errors)[0])})"
        said.append(f"two-way marginals are {far}")
        spreads.append(f"Times as far off in two-way marginals as the closest of the others: {_range(errors, _short)}.")
    if own:
        where = ", ".join(sorted({f"{each.case.dataset.column} of {each.case.dataset.name}" for each in known.elsewhere}))
        kept = f"keep {_middle(own, _share)} of their accuracy, with the best of the others {_middle(best, _share)}"
        said.append(f"models of a column that the rows were not made for ({where}) {kept}")
        spreads.append(f"The same share for a column that the rows were not made for: {_range(own, _share)}; of the best of the "
                       f"others: {_range(best, _share)}.")  # fmt: skip
    if shares:
        spreads.append(f"The share of the positive class is off by {_range(shares, '{:.3f}'.format)}.")
    if not said:
        return "Of how like the real rows its rows are nothing can be said.", spreads
    return f"The price is likeness: {', and '.join(said)}.", spreads


def _notes(known: Evidence) -> list[str]:
    cells = known.cells
    tested = [pair for cell in cells for pair in cell.pairs if pair.adjusted is not None]
    better, worse = (sum(pair.mark != "" and (pair.difference.mean < 0) == ours for pair in tested) for ours in (True, False))
    datasets = sorted({cell.case.dataset for cell in cells})
    methods = sorted({pair.method for cell in cells for pair in cell.pairs})
    seeds = sorted({pair.difference.seeds for cell in cells for pair in cell.pairs})
    spread = f"{seeds[0]}" + (f" to {seeds[-1]}" if len(seeds) > 1 else "")
    return [
        f"A cell is a data set and a budget at which at least {known.needed} others ran with half of DPDSyn's seeds or more "
        f"(half of as many as did at a usual one, and no fewer than {FEWEST}): on {', '.join(map(str, datasets))}. Numbers of "
        f"the answer are medians over cells. The others are {', '.join(map(str, methods))}, as far as they ran; accuracy is "
        f"compared on the seeds that both ran with ({spread}). {_out()} Accuracy is the mean over the models that are "
        "trained. Time is the median, of runs that had the machine to themselves where there are any, else of sweeps beside "
        "other work. Likeness is the mean over each method's own seeds.",
        f"Paired tests with at least five seeds in common: {len(tested)}, of which {better} find DPDSyn significantly ahead and "
        f"{worse} behind (p < {ALPHA} after Holm).",
    ]


def _out() -> str:
    return (
        f"Data sets on which settings were chosen ({', '.join(facts.development_sets())}) or in special settings, "
        "those where models of real rows are no more accurate than a constant, other splits of the same rows, references, "
        "inspired and wrapped methods and what has no guarantee take no part."
    )


def _middle(found: Sequence[Found], form: Callable[[float], str]) -> str:
    return form(median(value for value, _ in found))


def _range(found: Sequence[Found], form: Callable[[float], str]) -> str:
    """The least and the largest value with their cells, or the one that all share."""
    low, high = min(found), max(found)
    ends = form(low[0]), form(high[0])
    if ends[0] == ends[1]:
        return ends[0]
    return f"{ends[0]} ({named(low[1])}) to {ends[1]} ({named(high[1])})"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _short(value: float) -> str:
    """Two digits, never with an exponent."""
    return f"{float(f'{value:.2g}'):.10g}"


def _seconds(value: float) -> str:
    return f"{_short(value)} s"


def named(case: Case) -> str:
    """A cell in a few words: `adult at 0.8`."""
    return f"{case.dataset.task} at {case.epsilon:g}"
