"""The one table for a paper: methods by data sets at one budget, and how long each takes; one column of two, one screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, stdev

from experiments.report.cases import Case, Dataset, Method
from experiments.report.comparison import ALPHA, contest, lead, pairs
from experiments.report.facts import of_dataset
from experiments.report.grouped import Group, View
from experiments.report.missing import STALE
from experiments.report.over_seeds import metric, seconds_of, values
from experiments.report.roles import YARDSTICK
from experiments.report.statistics import FEWEST_FOR_TEST
from experiments.report.tables.table import Emphasis, Table

EPSILON, DELTA = 0.8, 1e-6
DATASETS = ("adult", "br2000", "liver", "smoking", "acs")  # the four of the paper, and ACS
TIMED = "adult"
_FEWEST = 2  # of them that a method must have run on

_PARTS: tuple[tuple[str, Callable[[Group], bool]], ...] = (  # each method stands in the first that it is of
    ("no guarantee, to read the others by", lambda group: group.guarantee == "none"),
    (
        "guarantee claimed by an outside library",
        lambda group: group.guarantee == "unverified" or group.method.about.role == "wrapped",
    ),
    ("DPDSyn and its parts", lambda group: YARDSTICK in (group.method.name, group.method.about.family)),
    ("after another design than the paper's own", lambda group: group.method.about.role == "inspired"),
    ("references", lambda group: group.method.about.role == "reference"),
    ("models of noisy marginals", lambda group: group.method.about.kind == "marginals"),
    ("rows that are moved until they answer alike", lambda group: group.method.about.kind == "rows"),
    ("networks that make rows", lambda group: True),
)
_ORDER = (2, 5, 6, 7, 3, 1, 4, 0)  # in which they stand


def build(view: View) -> list[Table]:
    """One table; nothing before two data sets have been run at that budget."""
    judged = view.swept.plain.of_classes.judged_alike
    cases = [case for name in DATASETS if (case := Case(_usual(name), EPSILON, DELTA)) in judged.cases]
    found: dict[Method, list[Group]] = {}
    for case in cases:
        for group in judged.cases[case]:
            if group.runs and not group.method.settings:
                found.setdefault(group.method, []).append(group)
    shown = {method: groups for method, groups in found.items() if len(groups) >= _FEWEST}
    if len(cases) < _FEWEST or not shown:
        return []
    ordered = sorted(shown, key=lambda method: (_ORDER.index(_part(shown[method])), -_ahead(judged, shown[method]), method))
    places = [_part(shown[method]) for method in ordered]
    parts = {i: _PARTS[place][0] for i, place in enumerate(places) if i == 0 or places[i - 1] != place}
    marks = {(case, pair.method): pair.mark for case, pairs_of in pairs(judged).items() for pair in pairs_of}
    rows = [
        [method.name, *(_cell(judged.group(case, method), marks) for case in cases), _time(view, method)] for method in ordered
    ]
    columns = ["method", *(f"{case.dataset.name}{'*' if case.dataset.facts.development else ''}" for case in cases), "s"]
    title = f"Accuracy of models trained on synthetic rows at epsilon {EPSILON:g}, and seconds"
    older = any(STALE in group.missing for groups in shown.values() for group in groups)
    return [Table(title, columns, rows, _notes(cases, older), _best(judged, cases, ordered), parts)]


def _usual(name: str) -> Dataset:
    return Dataset(name, facts=of_dataset(name))


def _part(groups: Sequence[Group]) -> int:
    known = next((group for group in groups if group.guarantee), groups[0])
    return next(place for place, (_, is_of) in enumerate(_PARTS) if is_of(known))


def _ahead(judged: View, groups: Sequence[Group]) -> float:
    known = [value for group in groups if (value := lead(judged, group)) is not None]
    return fmean(known) if known else float("-inf")


def _cell(group: Group, marks: dict[tuple[Case, Method], str]) -> str:
    known = values(group.runs, metric("accuracy"))
    if not known:
        return group.missing.partition(" of ")[2].partition(" ")[2] or "-"
    spread = f"±{_short(stdev(known))}" if len(known) > 1 else ""
    return f"{_short(fmean(known))}{spread}{marks.get((group.case, group.method), '')}"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _time(view: View, method: Method) -> str:
    """Of runs alone; with a mark of those of a sweep where there are none."""
    case = Case(_usual(TIMED), EPSILON, DELTA)
    for selected, mark in ((view.alone, ""), (view.swept, "†")):
        seconds, bound = seconds_of(selected.group(case, method).runs)
        if seconds is not None:
            return f"{'≥ ' if bound else ''}{seconds:.1f}{mark}"
    return "-"


def _best(judged: View, cases: Sequence[Case], ordered: Sequence[Method]) -> dict[tuple[int, int], Emphasis]:
    stressed: dict[tuple[int, int], Emphasis] = {}
    for column, case in enumerate(cases, start=1):
        known = [(value, row) for row, m in enumerate(ordered) if (value := contest(judged, judged.group(case, m))) is not None]
        if len(known) > 1:
            stressed[max(known, key=lambda pair: (pair[0], -pair[1]))[1], column] = "best"
    return stressed


def _notes(cases: Sequence[Case], older: bool) -> list[str]:
    notes = [
        "Mean ± standard deviation over seeds, of four models tested on real rows. Bold: best under our guarantee, with half of "
        f"{YARDSTICK}'s seeds at least. ▲, ▼: more, less accurate than {YARDSTICK} (p < {ALPHA} after Holm, {FEWEST_FOR_TEST} "
        f"seeds). s: seconds of fit and sample of {TIMED}, alone on the machine; † beside other runs, an upper bound."
    ]
    notes += ["* settings were chosen on it."] if any(case.dataset.facts.development for case in cases) else []
    return notes + (["Some of these runs are from an older version of their method."] if older else [])
