"""Sections of the page that tell of the data, the badges and where records come from, as HTML."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from html import escape

from experiments.records.record import Record
from experiments.report import facts
from experiments.report.cases import Dataset, Method
from experiments.report.html.leaderboard import KINDS
from experiments.report.html.markup import paragraphs, tag, with_code
from experiments.report.remarks import remarks
from experiments.report.summary import Summary
from experiments.report.tables.table import Table

_MEANINGS = {
    "ranked": "every use of the rows was a mechanism that the ledger accounts for; compared, ranked, in the claims",
    "apart": "the same guarantee, but inspired by a paper only or in special settings; never ranked",
    "reference": "a bound to read the others by: real rows, the larger class, independent columns, the guide itself",
    "unverified": "the rows were handed to an outside library that says it is private; never ranked",
    "none": "rows left unprotected; never ranked",
    "unknown": "no run ended well, so there is no ledger to read a guarantee off",
}


def counts(records: Sequence[Record], shown: Sequence[Summary]) -> str:
    ended = sum(record.status == "ok" for record in records)
    others = Counter(record.status for record in records if record.status != "ok")
    rest = "".join(f", {count} {status.replace('_', ' ')}" for status, count in sorted(others.items()))
    methods, datasets = len({summary.name for summary in shown}), len({record.dataset.name for record in records})
    return escape(f"{len(records):,} runs ({ended:,} ended well{rest}), {methods} methods, {datasets} data sets")


def cautions(records: Sequence[Record]) -> str:
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


def filters(shown: Sequence[Summary]) -> str:
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
    methods = sorted({summary.name for summary in shown})
    offered = tag("datalist", "".join(f'<option value="{escape(name)}">' for name in methods), id="methods")
    return (
        tag("label", "data set " + tag("select", every + "".join(usual) + group, id="dataset"))
        + tag("label", "epsilon " + tag("select", every + "".join(epsilons), id="epsilon"))
        + tag("label", 'method <input type="search" id="method" list="methods" placeholder="all" autocomplete="off">' + offered)
        + tag("fieldset", "<legend>guarantee</legend>" + "".join(boxes))
    )


def badges(shown: Sequence[Summary]) -> str:
    kinds = [kind for kind in KINDS if any(summary.kind == kind for summary in shown)]
    return tag(
        "dl", "".join(tag("dt", tag("span", KINDS[k], class_=f"badge {k}")) + tag("dd", escape(_MEANINGS[k])) for k in kinds)
    )


def coverage(shown: Sequence[Summary]) -> Table:
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


def made(records: Sequence[Record]) -> str:
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
