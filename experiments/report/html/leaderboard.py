"""The report's leaderboard: a row for each data set, budget and method, and what opens under it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log
from statistics import mode
from typing import Any

from experiments.records.record import Record, as_text, settings
from experiments.report.cases import Case, Dataset
from experiments.report.commands import commands
from experiments.report.comparison import Pair
from experiments.report.html.markup import scrolling, tag
from experiments.report.missing import briefly
from experiments.report.summary import Summary
from experiments.report.verdict import NOTHING

KINDS = {  # of a summary, in a word
    "ranked": "dp",
    "apart": "dp, not compared",
    "reference": "reference",
    "unverified": "unverified",
    "none": "no guarantee",
    "unknown": "no result",
}
_MECHANISMS = {
    "Gaussian": "Gaussian noise",
    "SampledGaussian": "Gaussian noise on a Poisson sample",
    "Exponential": "exponential mechanism",
    "ZCDP": "zCDP cap",
    "GaussianCap": "cap of one Gaussian",
    "Threshold": "threshold of values that nobody listed",
    "Stated": "a mechanism of the method's own, as its author states it",
    "HandedOver": "rows handed to an outside library",
    "Unprotected": "rows without protection",
}
Column = tuple[str, str, bool, str]
_COLUMNS: tuple[Column, ...] = (  # name, order when it is first pressed, whether a narrow screen shows it, what it means
    ("method", "ascending", True, "open a row for its ledger and its command"),
    ("guarantee", "ascending", False, "read off the ledger"),
    ("data set", "ascending", True, ""),
    ("epsilon", "ascending", True, ""),
    ("accuracy", "descending", True, "mean over the models that are trained, then over seeds; ±: half of the 95% interval"),
    ("of real", "descending", False, "accuracy as a share of that on real rows, on the seeds that both ran with"),
    ("vs dpdsyn", "descending", False, "difference in accuracy on the seeds that both ran with; ▲ ▼ significant"),
    ("best", "descending", False, "accuracy of the best of the models"),
    ("AUROC", "descending", False, ""),
    ("log loss", "ascending", False, "mean negative log of the probability that models gave the true class, at least 1e-6"),
    ("slope", "ascending", False, "of calibration: 1 is right, below it models are overconfident, above it timid"),
    ("positive rate", "descending", False, "share of the positive class in the synthetic rows"),
    ("mean 2-way TVD", "ascending", True, "mean total variation distance of pairs of columns from the real ones"),
    ("seconds", "ascending", True, "of fit and sample, median; ≥: stopped"),
    ("MB", "ascending", False, "peak memory of the process, median"),
    ("seeds", "descending", False, "seeds that ended well, and what became of other runs"),
)
_LATER = {"log loss": "log_loss", "slope": "slope"}  # columns that are left out where no record is so new
_NUMBERS = ("epsilon", "log loss", "slope", "mean 2-way TVD", "seconds", "MB")  # beside those whose largest values come first


@dataclass(frozen=True)
class Board:
    """html: the table with the rows that stand there at first. rows: of each its data set, budget, kind, method and HTML.

    details: row by row, what opens under it (ledger, settings, commands). Many say the same, so these refer to `shared` by
    number, in the order of `names`.
    """

    html: str
    rows: list[list[str]]
    details: dict[str, Any]


def leaderboard(shown: Sequence[Summary], compared: Mapping[Case, list[Pair]]) -> Board:
    """All rows. Delta is named where it is not the commonest."""
    marked = {(case, pair.method): pair for case, found in compared.items() for pair in found}
    stressed = _stressed(shown)
    rows, details, columns = [], [], _columns(shown)
    usual = mode(summary.delta for summary in shown)
    for index, summary in enumerate(sorted(shown, key=_order)):
        html = _row(index, summary, marked.get((summary.case, summary.method)), stressed, usual, columns)
        rows.append([str(summary.dataset), f"{summary.epsilon:g}", summary.kind, str(summary.method), html])
        details.append(_details(summary))
    heads = [
        tag("th", tag("button", escape(name), data_first=first, title=hint or None), scope="col",
            class_=_classes("" if first == "ascending" and name not in _NUMBERS else "num", wide), aria_sort="none")
        for name, first, wide, hint in columns
    ]  # fmt: skip
    start = _start(shown)
    dataset, epsilon = str(start[0]), f"{start[1]:g}"
    first = [row[-1] for row in rows if row[:2] == [dataset, epsilon]]
    made = tag(
        "table",
        tag("thead", tag("tr", "".join(heads))) + tag("tbody", "\n".join(first)),
        id="board",
        data_dataset=dataset,
        data_epsilon=epsilon,
        data_rows=str(len(rows)),
    )
    return Board(scrolling(made, "leaderboard"), rows, _compact(details))


def meanings(shown: Sequence[Summary]) -> str:
    """What the columns hold that do not say it by their name, as HTML."""
    told = ((name, hint) for name, _, _, hint in _columns(shown) if hint)
    return tag("dl", "".join(tag("dt", escape(name)) + tag("dd", escape(hint)) for name, hint in told))


def _columns(shown: Sequence[Summary]) -> list[Column]:
    return [
        column
        for column in _COLUMNS
        if column[0] not in _LATER or any(getattr(summary, _LATER[column[0]]) is not None for summary in shown)
    ]


def _compact(details: Sequence[dict[str, Any]]) -> dict[str, Any]:
    places: dict[str, int] = {}
    rows = [[places.setdefault(json.dumps(value), len(places)) for value in row.values()] for row in details]
    return {"names": list(details[0]), "shared": [json.loads(text) for text in places], "rows": rows}


def _order(summary: Summary) -> tuple[Any, ...]:
    return summary.case, -(summary.accuracy.mean if summary.accuracy else 0.0), summary.method


def _start(shown: Iterable[Summary]) -> tuple[Dataset, float]:
    """Where a reader begins: the data set in its usual form and the budget with most methods, not a development set."""
    counts: dict[tuple[Dataset, float], int] = defaultdict(int)
    for summary in shown:
        counts[summary.dataset, summary.epsilon] += 1
    counting = {dataset for dataset, _ in counts if dataset.is_usual and not dataset.facts.development}
    return max(counts, key=lambda c: (c[0] in counting, counts[c], -abs(log(c[1])), c[0]))


def _stressed(shown: Iterable[Summary]) -> dict[tuple[int, str], str]:
    """Best and second of what is compared in each cell, for accuracy (on the seeds that DPDSyn has too), error and seconds."""
    cells: dict[Case, list[Summary]] = defaultdict(list)
    for summary in shown:
        if summary.kind == "ranked":
            cells[summary.case].append(summary)
    found: dict[tuple[int, str], str] = {}
    for group in cells.values():
        for name in ("accuracy", "tvd2", "seconds"):
            known = sorted(((value, i) for i, p in enumerate(group) if (value := _worth(p, name)) is not None), reverse=True)
            for (_, i), how in zip(known if len(known) > 1 else (), ("strong", "u"), strict=False):
                found[id(group[i]), name] = how
    return found


def _worth(summary: Summary, name: str) -> float | None:
    """The larger the better."""
    if name == "accuracy":
        return summary.contest
    value = summary.tvd2 if name == "tvd2" else None if summary.at_least else summary.seconds
    return None if value is None else -value


def _row(
    index: int,
    summary: Summary,
    pair: Pair | None,
    stressed: dict[tuple[int, str], str],
    usual: float,
    columns: Sequence[Column],
) -> str:
    def number(name: str, value: float | None, text: str) -> tuple[str, str, str]:
        how = stressed.get((id(summary), name))
        return "-" if value is None else tag(how, text) if how else text, "" if value is None else f"{value:.6g}", "num"

    accuracy = summary.accuracy
    mean = accuracy.mean if accuracy else None
    half = f" <small>± {accuracy.half_width:.3f}</small>" if accuracy and accuracy.half_width is not None else ""
    difference = pair.difference.mean if pair else None
    ended = len({run.seed for run in summary.group.ended})
    missing, bound = escape(briefly(summary.missing)), "≥ " if summary.at_least else ""
    lost = tag("span", f"; {missing}", class_="lost") if missing else ""
    kind = tag("small", KINDS[summary.kind] + lost, class_=f"kind {summary.kind}")  # where there is no room for these columns
    opener = tag("button", escape(str(summary.method)).replace("_", "_<wbr>"), class_="open") + kind
    badge = tag("button", KINDS[summary.kind], class_=f"badge {summary.kind}", title=summary.badge)
    cells = [
        (opener, str(summary.method), "name"),
        (badge, str(list(KINDS).index(summary.kind)), ""),
        (escape(str(summary.dataset)), str(summary.dataset), "dataset"),
        (
            f"{summary.epsilon:g}" + (f" <small>delta {summary.delta:g}</small>" if summary.delta != usual else ""),
            f"{summary.epsilon:g}",
            "num epsilon",
        ),
        number("accuracy", mean, f"{mean:.3f}" if mean is not None else ""),
        number("", summary.of_real, _of_real(summary)),
        number("", difference, f"{difference:+.4f} {pair.mark}".strip() if pair and difference is not None else ""),
        number("", summary.best, f"{summary.best:.3f}" if summary.best is not None else ""),
        number("", summary.auroc, f"{summary.auroc:.3f}" if summary.auroc is not None else ""),
        number("", summary.log_loss, f"{summary.log_loss:.3f}" if summary.log_loss is not None else ""),
        number("", summary.slope, f"{summary.slope:.2f}" if summary.slope is not None else ""),
        number("", summary.positive_rate, f"{summary.positive_rate:.3f}" if summary.positive_rate is not None else ""),
        number("tvd2", summary.tvd2, f"{summary.tvd2:.4f}" if summary.tvd2 is not None else ""),
        number("seconds", summary.seconds, f"{bound}{summary.took:.2f}"),
        number("", summary.memory, f"{summary.memory:.0f}" if summary.memory is not None else ""),
        (
            f"{ended}" + (f" <small>{missing}</small>" if missing else ""),
            str(ended),
            "num",
        ),
    ]
    cells[4] = (cells[4][0] + half, *cells[4][1:])
    made = [
        tag("th" if kind == "name" else "td", text, scope="row" if kind == "name" else None,
            class_=_classes(kind, column[2]), data_v=value)
        for (text, value, kind), column in zip(cells, _COLUMNS, strict=True) if column in columns
    ]  # fmt: skip
    return tag("tr", "".join(made), data_row=str(index), data_kind=summary.kind)


def _of_real(summary: Summary) -> str:
    """In words where nothing was learnt: accuracy is then that of the commonest class."""
    if summary.of_real is None:
        return ""
    return tag("small", NOTHING) if summary.learnt is False else f"{summary.of_real:.1%}"


def _classes(kind: str, wide: bool) -> str | None:
    return " ".join(filter(None, (kind, "" if wide else "wide"))) or None


def _details(summary: Summary) -> dict[str, Any]:
    """What opens under a row. charges: mechanism, what for, how often, with which numbers, of the first run that ended well."""
    first = (summary.group.ended or list(summary.runs))[0]
    spent = first.privacy.spent
    unit = first.privacy.unit
    return {
        "badge": summary.badge,
        "spent": f"epsilon {spent:.4f} at delta {summary.delta:g}, for one {unit}" if spent is not None else "",
        "seed": first.seed,
        "charges": charges(first),
        "settings": as_text(settings(first.method.parameters)),
        "version": first.method.version,
        "judges": ", ".join(summary.evaluators),
        "time": "alone on the machine" if summary.alone else "in a sweep, beside other runs",
        "errors": sorted({f"seed {run.seed}: {run.status}: {run.error}" for run in summary.runs if run.error}),
        "commands": commands(summary.runs),
    }


def charges(record: Record) -> list[list[str]]:
    """The ledger's entries, those of the same mechanism and purpose as one: mechanism, what for, how often, numbers."""
    alike: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for entry in record.privacy.ledger or ():
        alike[entry["mechanism"], entry["label"]].append(entry)
    lines = []
    for (mechanism, label), entries in alike.items():
        names = [name for name in entries[0] if name not in ("mechanism", "label", "count")]
        numbers = ", ".join(f"{name.replace('_', ' ')} {_span([entry[name] for entry in entries])}" for name in names)
        count = sum(entry.get("count", 1) for entry in entries)
        lines.append([_MECHANISMS.get(mechanism, mechanism), label, f"{count:,}", numbers])
    return lines


def _span(values: Sequence[Any]) -> str:
    numbers = [value for value in values if isinstance(value, int | float)]
    if len(numbers) < len(values):
        return ", ".join(sorted({str(value) for value in values}))
    low, high = (f"{value:.4g}" for value in (min(numbers), max(numbers)))
    return low if low == high else f"{low} to {high}"
