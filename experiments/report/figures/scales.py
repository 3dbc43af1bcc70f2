"""Axes of figures: how far accuracy is below that of real rows, on a scale where leaders can be told apart, and logarithms."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.report.cases import Case
from experiments.report.evidence import OWN
from experiments.report.roles import REAL
from experiments.report.statistics import FEWEST_FOR_TEST, Estimate
from experiments.report.summary import Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINE = 0.5  # points of accuracy, up to which the scale of gaps is even; beyond it is logarithmic
_APART = 0.075  # of the axis' height, between two ticks


@dataclass(frozen=True)
class Height:
    """What stands on the upright axis: gaps to real rows, in points of accuracy, or accuracy where no real rows ran beside.

    own: of DPDSyn in each case where it has one. Another method is drawn as far from it as it is on the seeds that both have,
    since some splits are harder than others; without such a seed it is not drawn.
    """

    of_gaps: bool
    own: Mapping[Case, float]

    @classmethod
    def of(cls, drawn: Iterable[Summary], of_gaps: bool | None = None) -> Height:
        """Unless it is told, gaps wherever something that is no bound has one."""
        drawn = list(drawn)
        if of_gaps is None:
            of_gaps = any(summary.gap for summary in drawn if not summary.is_bound)
        values = {p.case: p.gap if of_gaps else p.accuracy for p in drawn if p.method == OWN}
        return cls(of_gaps, {case: value.mean * (100 if of_gaps else 1) for case, value in values.items() if value is not None})

    def at(self, summary: Summary) -> float | None:
        """Where its marker stands; None where it has none."""
        value = self._drawn_by(summary)
        if value is None:
            return None
        if value is not summary.lead:
            return value.mean * self._factor
        return self.own[summary.case] + value.mean * (-100 if self.of_gaps else 1)

    def worth(self, summary: Summary) -> float | None:
        """The larger the better."""
        at = self.at(summary)
        return -at if at is not None and self.of_gaps else at

    def interval(self, summary: Summary) -> tuple[float, float] | None:
        """Of 95%, where there are seeds enough for a test: that of fewer is wider than anything that is drawn."""
        value, at = self._drawn_by(summary), self.at(summary)
        if value is None or at is None or value.half_width is None or value.seeds < FEWEST_FOR_TEST:
            return None
        return at - value.half_width * self._factor, at + value.half_width * self._factor

    @property
    def _factor(self) -> int:
        return 100 if self.of_gaps else 1

    def _drawn_by(self, summary: Summary) -> Estimate | None:
        """Its lead over DPDSyn where that is drawn too, else what it has itself."""
        if summary.case in self.own and summary.method != OWN:
            return summary.lead
        return summary.gap if self.of_gaps else summary.accuracy

    def span(self, heights: Sequence[float]) -> tuple[float, float]:
        """The best and the worst gap in sight. Real rows are, unless everything is far below them; no bounds of accuracy."""
        if not self.of_gaps or not heights:
            return -math.inf, math.inf
        best, worst = min(heights), max([FINE, *heights])
        return (best * 0.8 if best > 4 * FINE else min(best, 0.0)), worst

    def axis(self, axes: Axes, heights: Sequence[float], judges: str = "") -> None:
        """Set the upright axis for markers at these heights; the best are at the top.

        judges: which models, if that is unusual.
        """
        told = f" ({judges})" if judges else ""
        if not self.of_gaps:
            from matplotlib.ticker import MaxNLocator

            axes.set_ylabel(f"accuracy{told}")
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
            axes.margins(y=0.1)
            return
        axes.set_ylabel(f"points below real rows{told}")
        best, worst = self.span(heights or [0.0])
        gap_axis(axes.yaxis, best, worst)
        axes.set_ylim(*self.limits(best, worst))

    def limits(self, best: float, worst: float, room: float = 0.07) -> tuple[float, float]:
        """Of the axis of gaps, from below, with room for markers: a share of what is in sight."""
        return _moved(worst, room, best, worst), _moved(best, -room, best, worst)


def gap_axis(axis: Any, best: float, worst: float, apart: float = _APART) -> None:
    """Make an axis one of gaps between these, in points: even up to FINE on either side of 0, then logarithmic.

    apart: of its length, between two ticks.
    """
    scale = axis.axes.set_yscale if axis.axis_name == "y" else axis.axes.set_xscale
    scale("symlog", linthresh=FINE, linscale=1.0, subs=None)
    ticks = gap_ticks(best, worst, apart)
    axis.set_ticks(ticks, [f"{tick:g}" if tick >= 0 else f"+{-tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)


def gap_ticks(best: float, worst: float, apart: float = _APART) -> list[float]:
    """Round gaps in between, 0 first, as many as stand apart."""
    low, high = _even(best), _even(worst)
    ticks = [0.0] if low <= 0 <= high else []
    # 0, then the wide steps, then those between: the first that have room stay
    wished = [g for start in (0.5, 1, 10, 5, 20, 2, 50, 0.2, 100, 0.1, 15, 30, 7, 3) for g in (start, -start)]
    for tick in wished:
        inside = low - 1e-9 <= _even(tick) <= high + 1e-9
        if inside and all(abs(_even(tick) - _even(other)) > apart * (high - low) for other in ticks):
            ticks.append(tick)
    return sorted(ticks)


def _even(gap: float) -> float:
    """Where a gap stands on the scale, in the lengths of a power of ten."""
    size = abs(gap)
    place = size / FINE if size <= FINE else 1 + math.log10(size / FINE)
    return math.copysign(place, gap)


def _moved(gap: float, by: float, best: float, worst: float) -> float:
    """The gap that stands that share of the axis further down."""
    place = _even(gap) + by * (_even(worst) - _even(best))
    size = abs(place)
    return math.copysign(size * FINE if size <= 1 else FINE * 10 ** (size - 1), place)


def bounds(drawn: Iterable[Summary], height: Height) -> dict[str, float]:
    """The mean height of what others lie between, by its name in figures."""
    found: dict[str, list[float]] = {}
    for summary in drawn:
        at = height.at(summary)
        if summary.is_bound and at is not None:
            found.setdefault("real rows" if summary.name == REAL else "larger class", []).append(at)
    means = {name: sum(values) / len(values) for name, values in found.items()}
    return means | ({"real rows": 0.0} if height.of_gaps else {})


def judges_of(drawn: Iterable[Summary]) -> str:
    """The models that judged, where these are not the usual several."""
    return "; ".join(sorted({", ".join(p.evaluators) for p in drawn if p.accuracy and 0 < len(p.evaluators) < 3}))


def budget_ticks(axes: Axes, counts: Counter[float]) -> None:
    """A tick for each budget; of two that would touch, the one with fewer methods is not named."""
    known: list[float] = []
    for epsilon, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if all(abs(math.log10(epsilon / other)) > 0.17 for other in known):
            known.append(epsilon)
    axes.set_xticks(sorted(known), [f"{epsilon:g}" for epsilon in sorted(known)])
    axes.set_xticks([], minor=True)


def plain_logs(axis: Any, apart: float = 0.0) -> None:
    """Three to six ticks on a logarithmic axis, as plain numbers. apart: of its length, at least, between two."""
    low, high = sorted(axis.get_view_interval())
    ticks: list[float] = []
    for tick in log_ticks(low, high):
        if not ticks or math.log(tick / ticks[-1]) >= apart * math.log(high / low):
            ticks.append(tick)
    axis.set_ticks(ticks, [_plain(tick) for tick in ticks])
    axis.set_ticks([], minor=True)


def _plain(value: float) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers in [low, high], low > 0, from the coarsest steps that give at least three, else from the finest."""
    best: list[float] = []
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ("1", "1 3", "1 2 5", "1 1.5 2 3 5 7", "1 1.2 1.5 2 2.5 3 3.5 4 5 6 7 8 9"):
        ticks = [float(f"{step}e{decade}") for decade in decades for step in steps.split()]
        ticks = [tick for tick in ticks if low <= tick <= high]
        best = ticks if len(ticks) > len(best) else best
        if len(best) >= 3:
            break
    return best if len(best) > 1 else [low, high]


def judged_alike(drawn: Iterable[Summary]) -> list[Summary]:
    """Those whose accuracy is over the same models, the ones that judged most of them; none whose accuracy is not drawn."""
    known = [summary for summary in drawn if summary.accuracy and "accuracy" in summary.method.about.drawn]
    judges = Counter(summary.evaluators for summary in known)
    usual = max(judges, key=lambda evaluators: (judges[evaluators], len(evaluators), evaluators), default=())
    return [summary for summary in known if summary.evaluators == usual]
