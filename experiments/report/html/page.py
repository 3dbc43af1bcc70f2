"""One HTML file with everything that the records say: it needs no network and no other file."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from string import Template

from dpdsyn.checks import InputError
from dpdsyn.files import write_whole
from experiments.records import former
from experiments.records.record import Record
from experiments.report import facts
from experiments.report.cases import Dataset, Method
from experiments.report.comparison import MARKS, pairs
from experiments.report.figures.charts import Chart, alone, as_svg, charts
from experiments.report.figures.style import SHAPES, style
from experiments.report.grouped import View
from experiments.report.html.findings import findings
from experiments.report.html.leaderboard import KINDS, leaderboard, meanings
from experiments.report.html.markup import folded, inline, paragraphs, table, tag, with_code
from experiments.report.remarks import remarks
from experiments.report.summary import Summary, summaries
from experiments.report.tables import efficiency, headline, published, raw, scale, settings
from experiments.report.tables.table import Table

NAME = "report.html"
AUDITS = "audits.csv"
_PAGE = Path(__file__).parent / "assets"
_SIGNS = {"o": "●", "D": "◇", "s": "□", "X": "✖"}
_MEANINGS = {
    "ranked": "every use of the rows was a mechanism that the ledger accounts for; compared, ranked, in the claims",
    "apart": "the same guarantee, but inspired by a paper only or in special settings; never ranked",
    "reference": "a bound to read the others by: real rows, the larger class, independent columns, the guide itself",
    "unverified": "the rows were handed to an outside library that says it is private; never ranked",
    "none": "rows left unprotected; never ranked",
    "unknown": "no run ended well, so there is no ledger to read a guarantee off",
}


def write(view: View, results: Path) -> Path:
    """`report.html` in the results folder, with what `audits.csv` and `published.yaml` say if they lie there.

    Raises InputError if there is no record, or if the audits are no table.
    """
    path = results / NAME
    made = page(view, audits(results / AUDITS), published.build(replace(view, results=results)))
    write_whole(path, made.encode())
    return path


def audits(path: Path) -> Table | None:
    """What was found by attacking the methods, or None if there is no such file. Raises InputError for another file."""
    if not path.exists():
        return None
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    needed = {"method", "guarantee", "claimed_epsilon", "attack", "lower_bound"}
    if not rows or not needed <= set(rows[0]):
        raise InputError(f"{path}: the first line has to name the columns {', '.join(sorted(needed))}")
    columns = rows[0]
    bad = next((number for number, row in enumerate(rows[1:], start=2) if len(row) != len(columns)), None)
    if bad:
        raise InputError(f"{path}, line {bad}: {len(rows[bad - 1])} cells; {len(columns)} are needed")
    first = ["method", *(name for name in columns if name != "method")]
    notes = ["A lower bound above the claimed epsilon means that the claim does not hold; one below it proves nothing."]
    told = [former.audit(dict(zip(columns, row, strict=True))) for row in rows[1:]]
    titles = [name.replace("_", " ") for name in first]
    return Table("Audits: what attacks could tell", titles, [[row[name] for name in first] for row in told], notes)


def page(view: View, audited: Table | None = None, elsewhere: Sequence[Table] = ()) -> str:
    """The whole file. elsewhere: what others published. Raises InputError if there is no record."""
    if not view.records:
        raise InputError("there is no record to report on; do some runs first")
    shown = [summary for summary in summaries(view.plain) if summary.group.case.dataset.space != "raw"]
    rows, details = leaderboard(shown, pairs(view.swept.plain.judged_alike))
    drawn = {chart.name: chart for chart in charts(view)}
    said = findings(view)
    sections = {
        "counts": _counts(view.records, shown),
        "answer": "".join(tag("li", escape(sentence)) for sentence in said.sentences),
        "answer_notes": paragraphs(said.notes, "note"),
        "claims": _tables(headline.build(view), "DPDSyn has not run beside a baseline yet.")
        + "".join(folded(one.title, table(one)) for one in elsewhere),
        "cautions": _cautions(view.records),
        "filters": _filters(shown),
        "marks": escape(MARKS),
        "board": rows,
        "columns": meanings(shown),
        "badges": _badges(shown),
        "shapes": escape("; ".join(f"{_SIGNS[marker]} {meaning}" for marker, meaning in SHAPES.items())) + ".",
        "charts": "".join(_chart(drawn[name], 3) for name in _FIRST if name in drawn) or _empty("No figure can be drawn yet."),
        "scale": _scale(view, drawn),
        "interactions": _chart(drawn["interactions"], 3)
        if "interactions" in drawn
        else _empty("Nothing was run on such rows yet."),
        "ablation": _ablation(view) + "".join(folded(one.title, table(one)) for one in raw.build_costs(view)),
        "audits": table(audited) if audited else _empty("No audit has been run yet."),
        "coverage": table(_coverage(shown)),
        "made": _made(view.records),
        "details": json.dumps(details, ensure_ascii=False, separators=(",", ":")).replace("<", r"\u003c"),
        "style": (_PAGE / "style.css").read_text(encoding="utf-8"),
        "script": (_PAGE / "script.js").read_text(encoding="utf-8"),
    }
    return Template((_PAGE / "page.html").read_text(encoding="utf-8")).substitute(sections)


_FIRST = ("accuracy_epsilon", "accuracy_time", "accuracy_fidelity")


def _empty(text: str) -> str:
    return tag("p", escape(text), class_="empty")


def _counts(records: Sequence[Record], shown: Sequence[Summary]) -> str:
    ended = sum(record.status == "ok" for record in records)
    others = Counter(record.status for record in records if record.status != "ok")
    rest = "".join(f", {count} {status.replace('_', ' ')}" for status, count in sorted(others.items()))
    methods, datasets = len({summary.name for summary in shown}), len({record.dataset.name for record in records})
    return escape(f"{len(records):,} runs ({ended:,} ended well{rest}), {methods} methods, {datasets} data sets")


def _tables(made: Sequence[Table], otherwise: str) -> str:
    return "".join(map(table, made)) or _empty(otherwise)


def _cautions(records: Sequence[Record]) -> str:
    """Each data set, what it is, and what to mind."""
    warned: dict[str, list[str]] = {}
    for name in sorted({record.dataset.name for record in records}):
        own = [record for record in records if record.dataset.name == name]
        notes = list(dict.fromkeys(record.dataset.caution for record in own if record.dataset.caution))
        leaks = [record.dataset.leak for record in own if record.dataset.leak]
        if leaks:
            notes.append(f"on average {sum(leaks) / len(leaks):.1%} of the test rows have their profile in training too")
        if facts.of_dataset(name).development:
            notes.append("settings were chosen on it, so its numbers flatter the method")
        warned[name] = notes
    lines = []
    for name, notes in warned.items():
        title = facts.of_dataset(name).title
        minded = tag("strong", escape(_sentence("; ".join(notes)))) if notes else ""
        lines.append(
            tag("dt", escape(name), class_="mind" if notes else None) + tag("dd", escape(title + ". " * bool(title)) + minded)
        )
    return tag("dl", "".join(lines))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _filters(shown: Sequence[Summary]) -> str:
    datasets = sorted({summary.dataset for summary in shown})
    usual = [tag("option", escape(str(dataset)), value=str(dataset)) for dataset in datasets if dataset.is_usual]
    special = [tag("option", escape(str(dataset)), value=str(dataset)) for dataset in datasets if not dataset.is_usual]
    group = tag("optgroup", "".join(special), label="special settings") if special else ""
    epsilons = [tag("option", f"{e:g}", value=f"{e:g}") for e in sorted({summary.epsilon for summary in shown})]
    kinds = [kind for kind in KINDS if any(summary.kind == kind for summary in shown)]
    every = '<option value="">all</option>'
    boxes = [
        tag(
            "label",
            f'<input type="checkbox" name="kind" value="{kind}" checked>' + tag("span", KINDS[kind], class_=f"badge {kind}"),
        )
        for kind in kinds
    ]
    return (
        tag("label", "data set " + tag("select", every + "".join(usual) + group, id="dataset"))
        + tag("label", "epsilon " + tag("select", every + "".join(epsilons), id="epsilon"))
        + tag("fieldset", "<legend>guarantee</legend>" + "".join(boxes))
    )


def _badges(shown: Sequence[Summary]) -> str:
    kinds = [kind for kind in KINDS if any(summary.kind == kind for summary in shown)]
    return tag(
        "dl", "".join(tag("dt", tag("span", KINDS[k], class_=f"badge {k}")) + tag("dd", escape(_MEANINGS[k])) for k in kinds)
    )


def _chart(chart: Chart, level: int) -> str:
    figures, initials = [], "".join(word[0] for word in chart.name.split("_"))
    with style(**{"svg.fonttype": "none"}):
        for number, panel in enumerate(chart.panels):
            caption = tag("strong", escape(panel.title)) + " " + tag("small", escape(panel.remark))
            label = f"{chart.title}: {panel.title}; the same numbers are in the leaderboard"
            svg = inline(as_svg(alone(panel)), label, f"{initials}{number}-")
            figures.append(tag("figure", tag("figcaption", caption) + svg))
    return (
        tag(f"h{level}", escape(chart.title))
        + paragraphs([chart.caption], "note")
        + tag("div", "\n".join(figures), class_="panels")
        + paragraphs(chart.cautions, "note mind")
    )


def _scale(view: View, drawn: dict[str, Chart]) -> str:
    chart = _chart(drawn["scale"], 3) if "scale" in drawn else _empty("No method was run on several numbers of rows yet.")
    tables = [*scale.build(view), *efficiency.build(view)]
    numbers = (
        folded("The numbers", "".join(map(table, tables))) if tables else _empty("Nothing was measured alone on a machine yet.")
    )
    return chart + numbers


def _ablation(view: View) -> str:
    made = settings.build(view)
    return "".join(folded(one.title, table(one)) for one in made) or _empty("No method was run with several settings yet.")


def _coverage(shown: Sequence[Summary]) -> Table:
    """How many runs ended well, for each method and data set in its usual form; what was not run is a dash."""
    cells: dict[tuple[Method, Dataset], list[Record]] = defaultdict(list)
    for summary in shown:
        if summary.dataset.is_usual and not summary.method.settings:
            cells[summary.method, summary.dataset] += summary.runs
    methods, datasets = sorted({method for method, _ in cells}), sorted({dataset for _, dataset in cells})

    def cell(group: list[Record]) -> str:
        counts = Counter(record.status for record in group)
        others = [f"{count} {status.replace('_', ' ')}" for status, count in sorted(counts.items()) if status != "ok"]
        return ", ".join([str(counts["ok"]), *others]) if group else "-"

    rows = [[str(method), *(cell(cells[method, dataset]) for dataset in datasets)] for method in methods]
    return Table("Runs that ended well, over all budgets and seeds; a dash: not run", ["method", *map(str, datasets)], rows, [])


def _made(records: Sequence[Record]) -> str:
    """Where the records come from: commits, processors, versions."""
    kept: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        about = record.environment
        kept["commit"][(about.commit or "unknown")[:10] + (" with changes" if about.dirty else "")] += 1
        kept["processor"][f"{about.cpu or 'unknown'}, {about.cores or '?'} cores"] += 1
        kept["threads a run"][str(about.threads or "?")] += 1
        kept["Python"][str(about.python or "unknown")] += 1
        for package in ("numpy", "scipy", "scikit-learn", "torch", "dp-accounting"):
            kept[package][str(about.packages.get(package, "unknown"))] += 1
    lines = []
    for what, values in kept.items():
        texts = [f"{value} ({count:,} runs)" if len(values) > 1 else value for value, count in values.most_common()]
        lines.append(tag("dt", escape(what)) + tag("dd", with_code(", ".join(texts))))
    return tag("dl", "".join(lines)) + paragraphs(remarks(records), "note")
