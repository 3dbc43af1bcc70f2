"""Every kind of table, and how all of them are shown and written.

A kind is a file beside this one with a function `build(view: View) -> list[Table]`, and a line in `BUILDERS`: its name is that of
the files that `dpdsyn tables` writes. `View` is all records, grouped once; see `experiments/report/grouped.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from dpdsyn.base.files import folder as made
from dpdsyn.base.files import removed, write_whole
from experiments.report.grouped import View
from experiments.report.tables import (
    accuracy,
    audits,
    claims,
    companions,
    comparison,
    efficiency,
    equivalence,
    headline,
    leaderboard,
    likeness,
    map_of_winners,
    measures,
    not_ahead,
    overview,
    own_metrics,
    paper,
    published,
    ranks,
    raw,
    readme,
    runs,
    scale,
    settings,
    synthesis_time,
    time,
    tuning,
)
from experiments.report.tables.table import Table, as_csv, latex, markdown, of_methods

BUILDERS: Mapping[str, Callable[[View], list[Table]]] = {
    "paper": paper.build,
    "companions": companions.build,
    "claims": claims.build,
    "headline": headline.build,
    "leaderboard": leaderboard.build,
    "raw": raw.build,
    "costs": raw.build_costs,
    "synthesis_time": synthesis_time.build,
    "comparison": comparison.build,
    "measures": measures.build,
    "equivalence": equivalence.build,
    "likeness": likeness.build,
    "ranks": ranks.build,
    "not_ahead": not_ahead.build,
    "accuracy": accuracy.build,
    "time": time.build,
    "overview": overview.build,
    "settings": settings.build,
    "tuning": tuning.build,
    "efficiency": efficiency.build,
    "scale": scale.build,
    "map": map_of_winners.build,
    "runs": runs.build,
    "published": published.build,
    "audits": audits.build,
    "readme": readme.build,
    "own_metrics": own_metrics.build,
}
_FIRST = ("paper", "claims", "headline", "leaderboard")
_OF_CHOSEN = ("leaderboard", "raw")  # what is told of each case by itself


def first_screen(view: View) -> list[Table]:
    """What `dpdsyn tables` prints."""
    return _built(view, _FIRST)


def chosen(view: View, methods: Collection[str] | None) -> list[Table]:
    """What it prints of a view of some data sets or budgets: rows of these methods alone, compared with all as ever."""
    return [one for table in _built(view, _OF_CHOSEN) if (one := table if methods is None else of_methods(table, methods)).rows]


def _built(view: View, kinds: Sequence[str]) -> list[Table]:
    return [table for kind in kinds for table in BUILDERS[kind](view)]


def write(view: View, folder: Path) -> list[Path]:
    """Each kind of table that these records make, as Markdown, CSV and LaTeX; gives the paths. Files of other kinds go."""
    made(folder)
    paths = []
    for name, build in BUILDERS.items():
        tables = build(view)
        texts = {"md": "\n".join(map(markdown, tables)), "csv": as_csv(tables), "tex": latex(tables)}
        for ending, text in texts.items():
            path = folder / f"{name}.{ending}"
            if not tables:
                removed(path)
                continue
            write_whole(path, text.encode())
            paths.append(path)
    return paths
