"""The one table for a paper: methods by data sets at one budget, and how long each takes; one column of two, one screen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from experiments.report.cases import Case, Dataset, Method
from experiments.report.comparison import ALPHA, contest, lead, often_enough, pairs
from experiments.report.facts import STARRED, of_dataset
from experiments.report.grouped import Group, View
from experiments.report.missing import STALE
from experiments.report.over_seeds import Read, metric, seconds_of, values
from experiments.report.roles import MAJORITY, RANKED, YARDSTICK
from experiments.report.statistics import FEWEST_FOR_TEST
from experiments.report.tables.table import Emphasis, Table

EPSILON, DELTA = 0.8, 1e-6
DATASETS = ("adult", "br2000", "liver", "smoking", "acs")  # the four of the paper, and ACS
TIMED = "adult"
_FEWEST = 2  # columns that there have to be, and that a method must have run on
_SPREAD = 5  # columns at most that have room for standard deviations

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
_OLDER = "Some of these runs are from an older version of their method."
_FEW = "°"
FEW_SEEDS = f"{_FEW}: fewer than half of {YARDSTICK}'s seeds, never bold."


@dataclass(frozen=True)
class Sheet:
    """Methods by cases, by one measure. columns: each case by its title. read: the measure, accuracy unless told.

    brief: of references, and of methods that ran with half of DPDSyn's seeds at least in two columns, alone, and without titles
    of parts.
    """

    title: str
    columns: Mapping[str, Case]
    notes: Sequence[str]
    read: Read | None = None
    less_is_better: bool = False
    brief: bool = True

    def values(self, group: Group) -> list[float]:
        return values(group.runs, self.read or metric("accuracy"))

    def worth(self, found: float | None) -> float | None:
        """The larger the better."""
        return -found if found is not None and self.less_is_better else found


def build(view: View) -> list[Table]:
    """One table; nothing before two data sets have been run at that budget."""
    notes = [
        "Mean ± standard deviation over seeds, of four models tested on real rows. Bold: best under our guarantee. "
        f"{FEW_SEEDS} ▲, ▼: more, less accurate than {YARDSTICK} (p < {ALPHA} after Holm, {FEWEST_FOR_TEST} seeds). s: seconds "
        f"of fit and sample of {TIMED}, alone on the machine; † beside other runs, an upper bound."
    ]
    told = f"Accuracy of models trained on synthetic rows at epsilon {EPSILON:g}, and seconds"
    made = sheet(view.swept.plain.of_classes.judged_alike, Sheet(told, cases_of(DATASETS), notes, brief=False))
    return [_timed(view, table) for table in made]


def cases_of(names: Iterable[str]) -> dict[str, Case]:
    """The data sets as their files have them, at our budget, by their titles."""
    return {title(case): case for case in map(_case, names)}


def title(case: Case) -> str:
    """The data set's name, with a star where settings were chosen on it."""
    return case.dataset.name + case.dataset.facts.star


def _case(dataset: str) -> Case:
    return Case(Dataset(dataset, facts=of_dataset(dataset)), EPSILON, DELTA)


def sheet(shown: View, asked: Sheet) -> list[Table]:
    """One table, in parts by the kind of method, the best first; nothing with fewer than two columns, or without a method."""
    cases = {title: case for title, case in asked.columns.items() if case in shown.cases}
    found: dict[Method, list[Group]] = {}
    for case in cases.values():
        for group in shown.cases[case]:
            if group.runs and not group.method.settings:
                found.setdefault(group.method, []).append(group)
    kept = {method: groups for method, groups in found.items() if _has_room(shown, asked, groups)}
    if len(cases) < _FEWEST or not kept:
        return []
    ordered = sorted(kept, key=lambda method: (_ORDER.index(_part(kept[method])), -_ahead(shown, asked, kept[method]), method))
    places = [_part(kept[method]) for method in ordered]
    parts = {i: _PARTS[place][0] for i, place in enumerate(places) if not asked.brief and places[i - 1 : i] != [place]}
    compared = {} if asked.read else pairs(shown)
    marks = {(case, pair.method): pair.mark for case, pairs_of in compared.items() for pair in pairs_of}

    def row(method: Method) -> list[str]:
        groups = [shown.group(case, method) for case in cases.values()]
        few = ["" if often_enough(shown, group) else _FEW for group in groups]
        cells = zip(groups, few, strict=True)
        return [method.name, *(_cell(asked, group, mark + marks.get((group.case, method), "")) for group, mark in cells)]

    older = any(STALE in group.missing for groups in kept.values() for group in groups)
    development = any("*" in name for name in cases)
    notes = [*asked.notes, *([STARRED] if development else []), *([_OLDER] if older else [])]
    rows = [row(method) for method in ordered]
    best = _best(shown, asked, list(cases.values()), ordered)
    return [Table(asked.title, ["method", *cases], rows, notes, best, parts)]


def _has_room(shown: View, asked: Sheet, groups: Sequence[Group]) -> bool:
    if not asked.brief:
        return len(groups) >= _FEWEST
    known = [group for group in groups if asked.values(group) and group.method.about.role in (*RANKED, "reference")]
    known = [group for group in known if group.method.name != MAJORITY or not asked.read]  # of which labels alone say something
    return sum(group.method.about.role == "reference" or often_enough(shown, group) for group in known) >= _FEWEST


def _part(groups: Sequence[Group]) -> int:
    known = next((group for group in groups if group.guarantee), groups[0])
    return next(place for place, (_, is_of) in enumerate(_PARTS) if is_of(known))


def _ahead(shown: View, asked: Sheet, groups: Sequence[Group]) -> float:
    known = [value for group in groups if (value := asked.worth(lead(shown, group, asked.read))) is not None]
    return fmean(known) if known else float("-inf")


def _cell(asked: Sheet, group: Group, mark: str) -> str:
    known = asked.values(group)
    if not known:
        return group.missing.partition(" of ")[2].partition(" ")[2] or "-"
    spread = f"±{_short(stdev(known))}" if len(known) > 1 and len(asked.columns) <= _SPREAD else ""
    return f"{_short(fmean(known))}{spread}{mark}"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0") if value < 1 else f"{value:.3g}"


def _timed(view: View, table: Table) -> Table:
    """With a column of seconds."""
    rows = [[*row, _time(view, Method(row[0]))] for row in table.rows]
    return Table(table.title, [*table.columns, "s"], rows, table.notes, table.emphasis, table.parts)


def _time(view: View, method: Method) -> str:
    """Of runs alone; with a mark of those of a sweep where there are none."""
    case = _case(TIMED)
    for selected, mark in ((view.alone, ""), (view.swept, "†")):
        seconds, bound = seconds_of(selected.group(case, method).runs)
        if seconds is not None:
            return f"{'≥ ' if bound else ''}{seconds:.1f}{mark}"
    return "-"


def _best(shown: View, asked: Sheet, cases: Sequence[Case], ordered: Sequence[Method]) -> dict[tuple[int, int], Emphasis]:
    stressed: dict[tuple[int, int], Emphasis] = {}
    for column, case in enumerate(cases, start=1):
        leads = [asked.worth(contest(shown, shown.group(case, method), asked.read)) for method in ordered]
        known = [(value, row) for row, value in enumerate(leads) if value is not None]
        if len(known) > 1:
            stressed[max(known, key=lambda pair: (pair[0], -pair[1]))[1], column] = "best"
    return stressed
