"""One HTML file with everything that the records say: it needs no network and no other file.

At first sight stand the answer, the claims and one budget of the leaderboard; the rest is packed into the same file and unpacked
where a reader comes to it (`packing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from string import Template
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import folder, write_whole
from experiments.records.audits import Audited, read_audits
from experiments.report.comparison import MARKS, pairs
from experiments.report.evidence import Cell, evidence
from experiments.report.figures.charts import Chart, charts
from experiments.report.grouped import View
from experiments.report.html import audited, drawings, index, sections
from experiments.report.html.findings import Findings, named, told
from experiments.report.html.index import Entry
from experiments.report.html.leaderboard import leaderboard, meanings
from experiments.report.html.markup import folded, folded_part, paragraphs, table, tag, unpacking
from experiments.report.html.packing import pack
from experiments.report.summary import summaries
from experiments.report.tables import audits as audit_tables
from experiments.report.tables import claims, efficiency, headline, published, raw, scale, settings
from experiments.report.tables.all import BUILDERS
from experiments.report.tables.table import Table

NAME = "report.html"
_PAGE = Path(__file__).parent / "assets"
_FIGURES = ("accuracy_epsilon", "accuracy_time", "accuracy_fidelity")
_SHOWN_ELSEWHERE = (  # on the page already, or all that they say is in the leaderboard
    *("claims", "headline", "published", "audits", "settings", "costs", "scale", "efficiency"),
    *("leaderboard", "accuracy", "time", "synthesis_time", "overview"),
)
_SECTIONS = {
    "answer": "The answer",
    "claims": "The paper's claims, and these runs",
    "winners": "Who wins where",
    "leaderboard": "Leaderboard",
    "figures": "Figures",
    "scale": "Scale",
    "ablation": "Ablation",
    "audits": "Audits",
    "tables": "Tables",
    "data": "The data, and what to mind",
    "reproduce": "Every number, again",
}


def write(view: View, results: Path) -> Path:
    """`report.html` in the results folder, with what `audits.csv` and `published.yaml` say if they lie there.

    Raises InputError if there is no record, or if the audits are no table; FileError where nothing can be written.
    """
    path = folder(results) / NAME
    write_whole(path, page(replace(view, results=results)).encode())
    return path


class _Parts:
    """What is packed, and what the search finds of all."""

    def __init__(self) -> None:
        self.packed: dict[str, str] = {}
        self.entries: list[Entry] = []

    def add(self, name: str, content: str) -> str:
        """The place where it is unpacked."""
        self.packed[name] = content
        return unpacking(name)

    def tables(self, name: str, made: Sequence[Table], summary: str) -> str:
        """Tables as one part that opens when it is pressed; nothing without any."""
        if not made:
            return ""
        places = [f"{name}-{number}" for number in range(len(made))]
        self.packed[name] = "".join(map(table, made, places))
        self.entries += [Entry(one.title, "table", place, name) for one, place in zip(made, places, strict=True)]
        return folded_part(summary, name)


def page(view: View) -> str:
    """The whole file. Raises InputError if there is no record."""
    if not view.records:
        raise InputError("there is no record to report on; do some runs first")
    parts, known = _Parts(), evidence(view)
    shown = [summary for summary in summaries(view.shown.plain) if summary.group.case.dataset.space != "raw"]
    board = leaderboard(shown, pairs(view.swept.plain.judged_alike))
    drawn = {chart.name: chart for chart in charts(view, known)}
    said = told(known)
    parts.entries += [Entry(title, "section", name) for name, title in _SECTIONS.items()]
    parts.entries += [*index.of_methods(shown), *index.of_datasets(shown)]
    sheets = {
        **{f"title_{name}": escape(title) for name, title in _SECTIONS.items()},
        "nav": "".join(tag("a", escape(name), href=f"#{name}") for name in _SECTIONS),
        "counts": sections.counts(view.records, shown),
        "answer": "".join(tag("p", escape(sentence)) for sentence in said.sentences),
        "answer_figure": drawings.whole(drawn["answer"]) if "answer" in drawn else "",
        "answer_rests": _rests(said),
        "claims": _claims(view, parts),
        "winners": _figure(drawn, "winners", parts, "Too few methods ran beside each other yet.") + _map(drawn, parts),
        "filters": sections.filters(shown),
        "marks": escape(MARKS),
        "board": board.html,
        "columns": meanings(shown),
        "badges": sections.badges(shown),
        "figures": _figures(drawn, _FIGURES, "figures", parts, "No figure can be drawn yet."),
        "interactions": _figures(drawn, ("interactions",), "interactions", parts, "Nothing was run on such rows yet."),
        "scale": _figures(drawn, ("scale",), "scale", parts, "No method was run on several numbers of rows yet.")
        + (parts.tables("scale-tables", [*scale.build(view), *efficiency.build(view)], "The numbers") or _empty(
            "Nothing was measured alone on a machine yet.")),
        "ablation": _ablation(view, parts),
        "audits": _audits(read_audits(view.results) if view.results else [], parts),
        "tables": _tables(view, parts),
        "data": sections.cautions(view.records),
        "coverage": parts.tables("coverage", [sections.coverage(shown)], "Which method ran on which data set"),
        "made": parts.add("made", sections.made(view.records)),
        "style": _asset("style.css"),
        "script": _asset("search.js") + _asset("script.js"),
    }  # fmt: skip
    parts.packed["rows"] = _json(board.rows)
    parts.packed["details"] = _json(board.details)
    parts.packed["index"] = _json(index.plain(parts.entries))
    sheets["packed"] = "\n".join(pack(name, content) for name, content in parts.packed.items())
    return Template(_asset("page.html")).substitute(sheets)


def _asset(name: str) -> str:
    return (_PAGE / name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _empty(text: str) -> str:
    return tag("p", escape(text), class_="empty")


def _rests(said: Findings) -> str:
    """From where to where the answer's numbers go, what counts, and the numbers of each cell with the way to its records."""
    lines = "".join(tag("li", escape(line)) for line in said.spreads)
    return (tag("ul", lines) if lines else "") + _cells(said.cells) + paragraphs(said.notes, "note")


def _cells(cells: Sequence[Cell]) -> str:
    if not cells:
        return ""

    def row(cell: Cell) -> str:
        case = cell.case
        link = tag(
            "a", escape(named(case)), href="#leaderboard", data_dataset=str(case.dataset), data_epsilon=f"{case.epsilon:g}"
        )
        values = [
            _form("{:.1%}", cell.of_real),
            f"{cell.lead:+.4f}",
            str(cell.best.method),
            _form("{:.2f}", cell.own.seconds),
            _form("{:.1f}", cell.times_as_long),
            _form("{:.1f}", cell.quickest),
            _form("{:.1f}", cell.error),
            _form("{:.3f}", cell.off),
        ]
        return tag("tr", tag("th", link, scope="row") + "".join(tag("td", escape(value)) for value in values))

    heads = ["cell (its records)", "of real", "lead", "best of the others", "seconds", "times as long: best", "quickest",
             "2-way TVD, times the closest", "positive rate off by"]  # fmt: skip
    head = tag("thead", tag("tr", "".join(tag("th", escape(name), scope="col") for name in heads)))
    return tag("div", tag("table", head + tag("tbody", "".join(map(row, cells)))), class_="scroll", role="region", tabindex="0",
               aria_label="the cells behind the answer")  # fmt: skip


def _form(form: str, value: float | None) -> str:
    return "-" if value is None else form.format(value)


def _claims(view: View, parts: _Parts) -> str:
    made = [*claims.build(view), *headline.build(view)]
    parts.entries += [Entry(one.title, "table", f"claims-{number}") for number, one in enumerate(made)]
    bare = [table(replace(one, notes=[]), f"claims-{number}") for number, one in enumerate(made)]
    notes = [note for one in made for note in one.notes]
    shown = "".join(bare) or _empty("DPDSyn has not run beside a baseline yet.")
    noted = folded("What to know of these ratios", paragraphs(notes, "note")) if notes else ""
    return shown + noted + parts.tables("published", published.build(view), "What others published, beside ours")


def _figure(drawn: Mapping[str, Chart], name: str, parts: _Parts, otherwise: str) -> str:
    """A chart of one drawing, packed."""
    if name not in drawn:
        return _empty(otherwise)
    parts.entries += drawings.entries([drawn[name]], name)
    return parts.add(name, drawings.whole(drawn[name]) + paragraphs(drawn[name].cautions, "note mind"))


def _map(drawn: Mapping[str, Chart], parts: _Parts) -> str:
    """Where which method wins on simulated rows, opened when it is pressed; nothing where the map has not been run."""
    return folded(drawn["map"].title, _figure(drawn, "map", parts, "")) if "map" in drawn else ""


def _figures(drawn: Mapping[str, Chart], names: Sequence[str], part: str, parts: _Parts, otherwise: str) -> str:
    """Charts of panels, packed together."""
    found = [drawn[name] for name in names if name in drawn]
    if not found:
        return _empty(otherwise)
    parts.entries += drawings.entries(found, part)
    return parts.add(part, "".join(map(drawings.panels, found)))


def _ablation(view: View, parts: _Parts) -> str:
    made = parts.tables("settings", settings.build(view), "Methods in several settings, beside their defaults")
    costs = parts.tables("costs", raw.build_costs(view), "What encoding and privacy cost, in raw space")
    return (made or _empty("No method was run with several settings yet.")) + costs


def _audits(audits: Sequence[Audited], parts: _Parts) -> str:
    """A row a method; all of it, attack by attack, where it is opened."""
    if not audits:
        return _empty("No audit has been run yet.")
    parts.entries.append(Entry("Audits", "table", "audited"))
    every = parts.tables("audit-tables", audit_tables.made_of(audits), "Every audit, attack by attack")
    return table(audited.overview(audits), "audited") + every


def _tables(view: View, parts: _Parts) -> str:
    """The tables of `results/tables` that are on the page in no other form, each kind where it is opened."""
    made = []
    for name, build in BUILDERS.items():
        if name not in _SHOWN_ELSEWHERE:
            made.append(parts.tables(f"table-{name}", build(view), _summary(name, build)))
    return "".join(made) or _empty("There are no other tables yet.")


def _summary(name: str, build: Callable[[View], list[Table]]) -> str:
    """A kind of table by its file's opening line."""
    import sys

    opening = (sys.modules[build.__module__].__doc__ or "").strip().partition("\n")[0].rstrip(".")
    return f"{name.replace('_', ' ')}: {opening[:1].lower()}{opening[1:]}" if opening else name.replace("_", " ")
