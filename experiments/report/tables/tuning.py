"""What each method's settings give on development sets: its defaults beside the best of a small grid, chosen by a written rule.

The rule: of the settings that ended well wherever the defaults did, the highest mean accuracy over data sets and budgets, each
counting alike; the defaults where none is higher.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

from experiments.records.record import Record, as_text
from experiments.report.cases import Case, Method
from experiments.report.grouped import TUNING, View
from experiments.report.over_seeds import mean_of, metric
from experiments.report.roles import YARDSTICK
from experiments.report.tables.table import Table

_ACCURACY = metric("accuracy")
_DIGITS = 4
Scores = dict[Case, float]


def build(view: View) -> list[Table]:
    """What was chosen, and how much was tried: a row for each method that ran with several settings on development sets."""
    return [*_chosen(view), *_efforts(view)]


def _chosen(view: View) -> list[Table]:
    found = grids(view)
    if not found:
        return []
    cases = {case for grid in found.values() for scores in grid.values() for case in scores}
    names = ", ".join(sorted({case.dataset.name for case in cases}))
    budgets = ", ".join(f"{epsilon:g}" for epsilon in sorted({case.epsilon for case in cases}))
    note = (
        f"Mean accuracy over {names} at epsilon {budgets}, each data set at a budget (a case) counting alike, on the "
        "seeds that all settings ran with. Chosen: those with the highest, the defaults where none is higher. Lost: settings "
        "that did not end well in some case, which are not chosen. The best is told on the cases that it was chosen on. A method "
        "is listed once all of its grid has run."
    )
    columns = ["method", "settings", "cases", "defaults", "best", "gain", "chosen", "lost"]
    rows = [_line(name, grid) for name, grid in sorted(found.items())]
    return [Table("Settings on development sets: defaults and the best of a grid", columns, rows, [note])]


def grids(view: View) -> dict[str, dict[Method, Scores]]:
    """Of each method whose whole grid ran: the mean accuracy of each setting in the cases where it ended well on shared seeds."""
    tried = {name: grid for name, cases in _ran(view).items() if len(grid := _grid(cases)) > 1}
    most = max((_breadth(grid) for grid in tried.values()), default=0)
    return {name: grid for name, grid in tried.items() if _breadth(grid) == most}


def _ran(view: View) -> dict[str, dict[Case, dict[Method, tuple[Record, ...]]]]:
    """By method's name: the runs of its defaults, and of what was tried beside them, on development sets."""
    by_name: dict[str, dict[Case, dict[Method, tuple[Record, ...]]]] = defaultdict(lambda: defaultdict(dict))
    for group in view.swept_with_tuning.groups:
        dataset = group.case.dataset
        asked = not group.method.settings or any(run.experiment and run.experiment.name == TUNING for run in group.runs)
        if dataset.facts.development and dataset.is_usual and asked:
            by_name[group.method.name][group.case][group.method] = group.runs
    return by_name


def _efforts(view: View) -> list[Table]:
    """How many runs the choice of each method's settings rests on."""
    whole = grids(view)
    rows = [_effort(name, cases, name in whole) for name, cases in sorted(_ran(view).items()) if _settings(cases)]
    tuned = {row[0] for row in rows}
    usual = {group.method for group in view.shown.groups if group.is_baseline and group.case.dataset.counts}
    others = sorted(method.name for method in usual if method.about.role == "method" and method.name not in tuned)
    columns = ["method", "settings", "data sets", "budgets", "seeds", "runs", "ended well", "chosen from"]
    notes = [
        "Settings: the defaults among them, all combinations of a grid. Runs of defaults count where the others have the same "
        f"seed. {YARDSTICK}'s own settings were chosen before, by runs that left no records: notes/settings.md says by how many.",
        *([f"Under our guarantee, with their defaults alone: {', '.join(others)}."] if others else []),
    ]
    return [Table("How much was tried on development sets", columns, rows, notes)] if rows else []


def _settings(cases: Mapping[Case, Mapping[Method, tuple[Record, ...]]]) -> set[Method]:
    """Those that are not the defaults."""
    return {method for methods in cases.values() for method in methods if method.settings}


def _effort(name: str, cases: Mapping[Case, Mapping[Method, tuple[Record, ...]]], whole: bool) -> list[str]:
    tried = {case: methods for case, methods in cases.items() if any(method.settings for method in methods)}
    seeds = {run.seed for methods in tried.values() for method, runs in methods.items() if method.settings for run in runs}
    runs = [run for methods in tried.values() for own in methods.values() for run in own if run.seed in seeds]
    counts = (
        1 + len(_settings(cases)),
        len({case.dataset for case in tried}),
        len({(case.epsilon, case.delta) for case in tried}),
        len(seeds),
        len(runs),
        sum(run.status == "ok" for run in runs),
    )
    return [name, *map(str, counts), "yes" if whole else "no: its grid is not whole"]


def _breadth(grid: Mapping[Method, Scores]) -> int:
    """In how many cases the defaults ran to the end beside all other settings."""
    return max((len(scores) for method, scores in grid.items() if not method.settings), default=0)


def _grid(cases: Mapping[Case, Mapping[Method, tuple[Record, ...]]]) -> dict[Method, Scores]:
    tried = {method for methods in cases.values() for method in methods}
    found: dict[Method, Scores] = {method: {} for method in tried}
    for case, methods in cases.items():
        seeds = set.intersection(*({run.seed for run in methods.get(method, ())} for method in tried))
        for method in tried:
            runs = [run for run in methods.get(method, ()) if run.seed in seeds]
            if seeds and all(run.status == "ok" for run in runs):
                mean = mean_of(runs, _ACCURACY)
                if mean is not None:
                    found[method][case] = mean
    return found if any(found.values()) else {}


def chosen(grid: Mapping[Method, Scores]) -> Method:
    """The method with the settings that the rule takes. grid: as `build` has it, the defaults among it."""
    defaults = next(method for method in grid if not method.settings)
    whole = [method for method in sorted(grid) if set(grid[method]) >= set(grid[defaults])]
    return max([defaults, *whole], key=lambda method: (round(fmean(grid[method].values()), _DIGITS), not method.settings))


def _line(name: str, grid: Mapping[Method, Scores]) -> list[str]:
    defaults = next(method for method in grid if not method.settings)
    taken = chosen(grid)
    usual, best = (fmean(grid[method].values()) for method in (defaults, taken))
    lost = sum(not set(scores) >= set(grid[defaults]) for scores in grid.values())
    told = [f"{usual:.4f}", f"{best:.4f}", f"{best - usual:+.4f}", as_text(dict(taken.settings)) or "defaults", str(lost)]
    return [name, str(len(grid)), str(len(grid[defaults])), *told]
