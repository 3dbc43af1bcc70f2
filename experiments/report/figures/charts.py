"""Which figures the records make, and what is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import log
from statistics import mode
from typing import TYPE_CHECKING

from experiments.records.record import as_text
from experiments.report.cases import Case, Dataset
from experiments.report.comparison import LEVEL
from experiments.report.evidence import OWN, Evidence, evidence
from experiments.report.figures import answer, grid, panels, winners
from experiments.report.figures.looks import Looks, looks
from experiments.report.grouped import View
from experiments.report.remarks import timed_on
from experiments.report.summary import Summary, summaries
from experiments.report.winners import TIE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[["Axes", Sequence[Summary], Looks], None]
_FEWEST = 3  # methods that are compared in a panel
_MANY = 7  # data sets that are too many for panels of full size
_PLACED = (
    "DPDSyn stands at its own gap to real rows, others as far from it as on the seeds that both have. The scale is even up to "
    "half a point, then logarithmic."
)
_FRONT = "of the methods that are compared and ran with half of DPDSyn's seeds at least"
_STOPPED = "Arrows to the right: runs that were stopped, at the bottom without rows."


@dataclass(frozen=True)
class Panel:
    """One data set drawn. remark: what to know of these numbers."""

    title: str
    remark: str
    named_right: bool
    draw: Draw
    drawn: tuple[Summary, ...]


@dataclass(frozen=True)
class Whole:
    """A figure that is no rows of panels. size: in inches; draw: on a figure, from so many inches below its upper edge.

    caption: how to read it, where that is not the chart's.
    """

    size: tuple[float, float]
    draw: Callable[[Figure, float], None]
    drawn: tuple[Summary, ...]
    caption: str = ""


@dataclass(frozen=True)
class Chart:
    """name: of its files. caption: how to read it. cautions: what the data sets shown warn of. whole: instead of panels.

    small: of many panels those that count in the answer, as one figure, which stands in the file; the page has every panel.
    keyed: whether names do not stand beside everything that is drawn.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...] = ()
    looks: Looks = field(default_factory=dict)
    whole: Whole | None = None
    small: Whole | None = None
    keyed: bool = True

    @property
    def drawn(self) -> list[Summary]:
        return [p for panel in self.panels for p in panel.drawn] + list(self.whole.drawn if self.whole else ())

    @property
    def cautions(self) -> list[str]:
        return cautions(self.drawn)


def cautions(drawn: Iterable[Summary]) -> list[str]:
    """What their data sets warn of."""
    runs = (run for summary in drawn for run in summary.runs)
    warned = dict.fromkeys((run.dataset.name, run.dataset.caution) for run in runs if run.dataset.caution)
    return [f"{name}: {caution}." for name, caution in warned]


def _timed_on(drawn: Sequence[Summary]) -> str:
    several = timed_on(run for summary in drawn for run in summary.runs)
    return " Seconds are of several kinds of processor, and do not all compare." if several else ""


def charts(view: View, known: Evidence | None = None) -> list[Chart]:
    """Those charts for which there are records. known: what the answer rests on, if it was found before."""
    rest, known = view.shown, known or evidence(view)
    usual = [summary for summary in summaries(rest.plain) if summary.dataset.is_usually_judged]
    whole = [summary for summary in usual if not summary.dataset.settings]
    sized = [summary for summary in usual if summary.dataset.is_sized]
    orders = [summary for summary in usual if summary.dataset.settings and not summary.dataset.is_sized]
    how = looks(usual)
    small = _small(known, whole, how)
    made = [
        _answer(known),
        _winners("winners", "Who wins where", winners.blocks(rest.plain.judged_alike), usual),
        _winners(
            "map",
            "Who wins on which rows, simulated",
            winners.map_blocks(view.mapped.plain.judged_alike),
            summaries(view.mapped.plain),
        ),
        Chart(
            "accuracy_epsilon",
            "Gap to real rows against epsilon",
            f"How many points of accuracy models lose that are trained on synthetic rows instead of real ones. {_PLACED} The "
            "upper the better. Bars are 95% intervals over seeds, from five seeds on, of the methods that are named: of "
            "DPDSyn's gap, and of what others differ from it; the others are faint. An arrow at the edge is out of sight.",
            _over_epsilon(whole),
            how,
            small=small(grid.Across("epsilon", lambda p: p.epsilon, "Bars: DPDSyn's 95% interval.", joined=True)),
        ),
        Chart(
            "accuracy_time",
            "Gap to real rows against time",
            f"Median seconds of fit and sample; times from sweeps are of runs that had others beside them. {_PLACED} The upper "
            f"left is best: the grey steps are the Pareto front {_FRONT}. An arrow to the right, at the bottom, is a run that "
            f"was stopped.{_timed_on(whole)}",
            _one_budget(whole, panels.gap_over_time, lambda p: p.seconds is not None),
            how,
            small=small(grid.Across("seconds of fit and sample", lambda p: p.seconds, _STOPPED, stops=True)),
        ),
        Chart(
            "accuracy_fidelity",
            "Gap to real rows against mean 2-way TVD",
            "The upper left is best: rows that models learn from as they do from real ones, and two-way marginals that are near "
            f"the real ones. {_PLACED} The grey steps are the Pareto front {_FRONT}.",
            _one_budget(whole, panels.gap_over_error, lambda p: p.accuracy is not None and p.tvd2 is not None),
            how,
            small=small(grid.Across("mean 2-way TVD", lambda p: p.tvd2)),
        ),
        Chart(
            "interactions",
            "Labels that hang on several columns together",
            f"Simulated rows. order: how many columns have to be seen together, two unless it is said. {_PLACED}",
            _over_epsilon(orders),
            how,
        ),
        Chart(
            "scale",
            "Time and accuracy against rows",
            "Nested subsamples or simulated rows at a fixed budget; an upward arrow is a run that was stopped. Accuracy: DPDSyn "
            f"stands at its own, others as far from it as on the seeds that both have.{_timed_on(sized)}",
            _over_rows(sized),
            how,
            keyed=False,
        ),
    ]
    return [chart for chart in made if chart.panels or chart.whole]


def _answer(known: Evidence) -> Chart:
    cells = [cell for cell in known.cells if (cell.case.epsilon, cell.case.delta) == known.budget and cell.own.gap]
    told = f"at epsilon {known.budget[0]:g}" if known.budget else ""
    whole = Whole(
        (answer.WIDTH, answer.height(cells)),
        lambda figure, top: answer.draw(figure, cells, top),
        tuple(p for cell in cells for p in cell.known.values()),
        _PLACED,
    )
    return Chart(
        "answer",
        f"How far below real rows, {told}",
        f"On each data set that counts, how many points of accuracy models lose that are trained on a method's rows, {told}; "
        f"under its name the most accurate of the others, and how many times as long as DPDSyn it takes. {_PLACED}",
        whole=whole if cells else None,
    )


def _small(known: Evidence, drawn: Sequence[Summary], how: Looks) -> Callable[[grid.Across], Whole | None]:
    """Makes the figure of the data sets that count in the answer, where these are many; at its budget unless that goes across."""
    counted = {cell.case.dataset for cell in known.cells if cell.own.gap}
    budgets = {cell.case.epsilon for cell in known.cells}
    usual = [p for p in drawn if p.dataset in counted and known.budget and p.delta == known.budget[1] and p.epsilon in budgets]
    every = [grid.Small(data.name, tuple(_on_usual_seeds(own))) for (data, _), own in _by_dataset(usual).items()]
    marked = grid.leaders(every)

    def made(across: grid.Across) -> Whole | None:
        if len(every) < _MANY or not known.budget:
            return None
        at = known.budget[0]
        one = [grid.Small(small.name, tuple(p for p in small.drawn if p.epsilon == at)) for small in every]
        shown = every if across.joined else one
        under = across if across.joined else replace(across, title=f"{across.title}, at epsilon {at:g}")
        return Whole(
            grid.size(shown, marked),
            lambda figure, top: grid.draw(figure, shown, marked, how, under, top),
            tuple(p for small in shown for p in small.drawn),
            " ".join(filter(None, [_PLACED, across.told, "Arrows up and down: out of sight."])),
        )

    return made


def _winners(name: str, title: str, blocks: Sequence[winners.Block], drawn: Sequence[Summary]) -> Chart:
    shown = {dataset for block in blocks for dataset in block.datasets}
    whole = Whole(
        winners.size(blocks),
        lambda figure, top: winners.draw(figure, blocks, top),
        tuple(p for p in drawn if p.dataset in shown),
    )
    return Chart(
        name,
        title,
        "In each cell the more accurate of DPDSyn and the best of the others that ran with half of its seeds at least (where "
        "none did, of all), and by how many points DPDSyn leads that one, on the seeds that both have "
        f"({_span(won.seeds for block in blocks for won in block.cells.values())}); ▲ ▼: significantly. Level: by less than "
        f"{LEVEL * 100:g} points. Nobody wins where the most accurate is below the larger class, or less than {TIE * 100:g} "
        "points above rows with independent columns.",
        whole=whole if blocks else None,
    )


def _span(numbers: Iterable[int]) -> str:
    known = sorted(set(numbers))
    return f"{known[0]} to {known[-1]}" if len(known) > 1 else "".join(map(str, known))


def _over_epsilon(drawn: Sequence[Summary]) -> tuple[Panel, ...]:
    found = []
    for (dataset, delta), ran in _by_dataset(drawn).items():
        own = _on_usual_seeds(ran)
        compared = [p for p in own if p.accuracy and p.kind == "ranked"]
        if len({p.epsilon for p in compared}) > 1 and len({p.method for p in compared}) >= _FEWEST:
            found.append(_panel(dataset, _unusual(delta, drawn), True, panels.gap_over_epsilon, own))
    return tuple(found)


def _on_usual_seeds(drawn: Sequence[Summary]) -> list[Summary]:
    """Of one data set: without budgets at which DPDSyn ran with other seeds alone than at most, for lines join what is alike."""
    seeds = {p.epsilon: frozenset(run.seed for run in p.runs) for p in drawn if p.method == OWN}
    usual = max(seeds.values(), key=lambda some: (list(seeds.values()).count(some), len(some), sorted(some)), default=frozenset())
    return [p for p in drawn if p.epsilon not in seeds or seeds[p.epsilon] & usual]


def _unusual(delta: float, drawn: Sequence[Summary]) -> str:
    """Delta, where it is not the commonest."""
    return "" if not drawn or delta == mode(p.delta for p in drawn) else f"delta {delta:g}"


def _one_budget(drawn: Sequence[Summary], draw: Draw, counts: Callable[[Summary], bool]) -> tuple[Panel, ...]:
    """A panel for each data set on which at least three methods can be compared, at the budget with most of them.

    Budgets at which real rows ran on the same seeds come first, then, where time is drawn, those that were measured alone.
    """
    found = []
    for (dataset, delta), own in _by_dataset(drawn).items():
        budgets: dict[float, list[Summary]] = defaultdict(list)
        for summary in own:
            budgets[summary.epsilon].append(summary)
        ranked = {e: sum(p.kind == "ranked" and counts(p) for p in group) for e, group in budgets.items()}
        beside = {e: sum(p.gap is not None and p.kind == "ranked" for p in group) >= _FEWEST for e, group in budgets.items()}
        alone = {e: sum(p.alone and p.kind == "ranked" for p in group) >= _FEWEST for e, group in budgets.items()}
        timed = draw is panels.gap_over_time
        best = max(budgets, key=lambda e: (beside[e], timed and alone[e], ranked[e], -abs(log(e))))
        if ranked[best] >= _FEWEST:
            conditions = "; ".join(filter(None, [_conditions(best, budgets[best], draw), _unusual(delta, drawn)]))
            found.append(_panel(dataset, conditions, False, draw, budgets[best]))
    return tuple(found)


def _conditions(epsilon: float, drawn: Sequence[Summary], draw: object) -> str:
    """The budget and, where time is shown, how it was measured."""
    if draw is not panels.gap_over_time:
        return f"epsilon {epsilon:g}"
    timed = [p for p in drawn if p.seconds is not None and p.kind != "reference"]
    alone = sum(p.alone for p in timed)
    how = "measured alone" if alone == len(timed) else f"{alone} of {len(timed)} measured alone" if alone else "times from sweeps"
    return f"epsilon {epsilon:g}; {how}"


def _over_rows(drawn: Sequence[Summary]) -> tuple[Panel, ...]:
    """Two panels for each data set that ran with several numbers of rows and one budget."""
    families: dict[Case, list[Summary]] = defaultdict(list)
    for summary in drawn:
        families[replace(summary.case, dataset=summary.dataset.of_any_size)].append(summary)
    found = []
    for case, own in sorted(families.items(), key=lambda item: item[0]):
        unusual = _unusual(case.delta, drawn)
        told = f"; {unusual}" if unusual else ""
        timed = [p for p in own if "time" in p.method.about.drawn]
        if any(p.seconds for p in timed):
            conditions = _conditions(case.epsilon, timed, panels.gap_over_time) + told
            found.append(_panel(case.dataset, conditions, True, panels.time_over_rows, timed))
        if any(p.accuracy for p in own):
            found.append(_panel(case.dataset, f"epsilon {case.epsilon:g}{told}", True, panels.accuracy_over_rows, own))
    return tuple(found)


def _by_dataset(drawn: Iterable[Summary]) -> dict[tuple[Dataset, float], list[Summary]]:
    found: dict[tuple[Dataset, float], list[Summary]] = defaultdict(list)
    for summary in drawn:
        found[summary.dataset, summary.delta].append(summary)
    return dict(sorted(found.items(), key=lambda item: (_is_minded(item[1]), item[0])))


def _is_minded(drawn: Sequence[Summary]) -> bool:
    """Whether there is something to mind of the data set; what counts in the answer comes first."""
    return any(p.dataset.facts.development or any(run.dataset.caution for run in p.runs) for p in drawn)


def _panel(dataset: Dataset, remark: str, named_right: bool, draw: Draw, drawn: Sequence[Summary]) -> Panel:
    """The data set's settings go into the remark."""
    remarks = [as_text(dict(dataset.settings)), remark, "development set" if dataset.facts.development else ""]
    return Panel(dataset.name, "; ".join(filter(None, remarks)), named_right, draw, tuple(drawn))
