"""What a sweep's command ends with: one screen of means by method and case, and of what failed."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from statistics import fmean

from dpdsyn.accounting.spends import DRAFTED
from experiments.records.parts import Environment
from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import mean_of, median_of, metric
from experiments.report.roles import badge
from experiments.report.tables import own_metrics
from experiments.report.tables.cells import number
from experiments.report.terminal.plain import cut, in_parts, page
from experiments.report.verdict import floor, learnt

_LISTED = 5  # kinds of failures that are named
_LEAST = 10  # lines, however low the screen is
_FEWEST = 5  # methods in each part of a table, however low the screen is
_LONGEST = 30  # signs of a name
_GAP = "  "
_IDLE = "†"
_COMMON = 0.9  # share of the commonest class from which accuracy alone says little
_MORE = "dpdsyn tables --working"


@dataclass(frozen=True)
class _Column:
    """title: of the data set. head: of the budget or budgets."""

    title: str
    head: str
    cases: tuple[Case, ...]


def lighter(record: Record) -> Record:
    """A record without what is told at the end of no sweep, so that very many of them find room."""
    exposed = [entry for entry in record.privacy.ledger if entry.get("mechanism") == "Unprotected"]
    code = Environment(code=record.environment.code)
    return replace(record, environment=code, privacy=replace(record.privacy, ledger=tuple(exposed), plan=None))


def overview(view: View, width: int, height: int) -> str:
    """Lines of at most that width, about as many as the screen has."""
    failed = _failures(view, width)
    left = max(height - len(failed) - 4, _LEAST)  # what stands below it on the screen, and the next prompt
    made: list[str] = []
    numeric = view.of_groups(lambda group: any(record.predicts_a_number for record in group.runs))
    lopsided = view.of_classes.of_groups(lambda group: (floor([group], "accuracy") or 0) >= _COMMON)
    balanced = f"balanced accuracy where one class has {_COMMON:.0%} of rows or more"
    scores = (view.of_classes, "accuracy", "accuracy"), (lopsided, "balanced_accuracy", balanced), (numeric, "r2", "R2")
    for chosen, name, word in scores:
        if chosen.groups:
            made += [*([""] if made else []), *_scored(chosen, name, word, width, max(left - len(made), _LEAST))]
    told = [*_known(view, width), *page(own_metrics.build(view), width).splitlines()]
    return "\n".join([*made, *([""] if told else []), *told, *([""] if failed else []), *failed])


def _known(view: View, width: int) -> list[str]:
    """What has to be known of these numbers: the best that is possible, and whom a guarantee is for if it is no row."""
    ceilings = {str(case.dataset): g.runs[0].dataset.ceiling for case, groups in view.cases.items() for g in groups if g.runs}
    lines = [f"best possible accuracy: {title} {most:.3f}" for title, most in ceilings.items() if most is not None]
    units = sorted({record.privacy.unit for record in view.records} - {"row"})
    lines += [f"Guarantees are for one {unit}, added or removed." for unit in units]
    read_off = {r.dataset.name for r in view.records if DRAFTED in {entry["label"] for entry in r.privacy.ledger}}
    lines += [f"no DP guarantee (schema read off the rows): {name}" for name in sorted(read_off)]
    warned = dict.fromkeys(record.dataset.caution for record in view.records if record.dataset.caution)
    return [line for text in [*lines, *(f"Caution: {caution}." for caution in warned)] for line in textwrap.wrap(text, width)]


def _scored(view: View, name: str, word: str, width: int, height: int) -> list[str]:
    """The means of one score: methods below each other, best first, cases beside each other; budgets in one if they are many."""
    methods = sorted({group.method for group in view.groups})
    columns = _by_case(list(view.cases))
    rows = _rows(view, name, methods, columns)
    budgets = ""
    if len(list(in_parts(rows, width))) > 1:
        columns, budgets = _by_dataset(list(view.cases)), " and budgets"
        rows = _rows(view, name, methods, columns)
    seeds = {len(group.runs) for group in view.groups}
    over = f"{min(seeds)}" + (f" to {max(seeds)}" if len(seeds) > 1 else "") + f" seed{'s' * (max(seeds) > 1)}{budgets}"
    idle = any(_IDLE in cell for row in rows for cell in row)
    signs = "; * best under our guarantee" + f"; {_IDLE} nothing learnt" * idle
    lines = [*textwrap.wrap(f"{word}, mean over {over}{signs}; seconds: fit and sample, median", width)]
    parts = list(in_parts(rows, width))
    each = max((height - 1) // len(parts) - 3, _FEWEST)  # methods that there is room for
    for done, part in enumerate(parts):
        head, *found = ([row[c] for c in part] for row in rows)
        among = [c for c in part if 0 < c <= len(columns)]
        order = sorted(range(len(methods)), key=lambda m: -_mean(view, methods[m], name, [columns[c - 1] for c in among]))
        shown = [found[m] for m in order if any(rows[m + 1][c] for c in among) or not among]
        if done and len(lines) + min(each, len(shown)) + 2 > height:
            lines.append(f"and {sum(len(one) - 1 for one in parts[done:])} more columns: {_MORE}")
            break
        titles = [columns[c - 1].title if c in among else "" for c in part]
        lines += _aligned(titles, [head, *shown[:each]], width)
        if len(shown) > each:
            lines.append(f"and {len(shown) - each} more methods: {_MORE}")
    return lines


def _rows(view: View, name: str, methods: Sequence[Method], columns: Sequence[_Column]) -> list[list[str]]:
    """The head, then a row for each method."""
    best = [_best(view, column, name) for column in columns]
    rows = [["", *(column.head for column in columns), "guarantee", "seconds"]]
    for method in methods:
        runs = [record for group in view.groups if group.method == method for record in group.runs]
        cells = [_cell(view, method, column, name, method == first) for column, first in zip(columns, best, strict=True)]
        seconds = median_of(runs, lambda record: record.seconds.total)
        rows.append([cut(method.title, _LONGEST), *cells, cut(badge(method, runs), _LONGEST), number(seconds, 1)])
    return rows


def _by_case(cases: Sequence[Case]) -> list[_Column]:
    """One for each case; delta is told where one epsilon has several."""
    known = Counter((case.dataset, case.epsilon) for case in cases)
    return [
        _Column(
            str(case.dataset),
            f"epsilon {case.epsilon:g}" + (f", {case.delta:g}" if known[case.dataset, case.epsilon] > 1 else ""),
            (case,),
        )
        for case in cases
    ]


def _by_dataset(cases: Sequence[Case]) -> list[_Column]:
    found: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        found[str(case.dataset)].append(case)
    return [_Column("", cut(title, _LONGEST), tuple(own)) for title, own in found.items()]


def _mean(view: View, method: Method, name: str, columns: Iterable[_Column]) -> float:
    known = [mean_of(view.group(case, method).runs, metric(name)) for column in columns for case in column.cases]
    values = [value for value in known if value is not None]
    return fmean(values) if values else float("-inf")


def _best(view: View, column: _Column, name: str) -> Method | None:
    """The best of the methods that ran under all budgets of the column, learnt something and beat a constant, if two did."""
    groups: dict[Method, list[Group]] = defaultdict(list)
    for case in column.cases:
        for group in view.cases[case]:
            if group.is_ranked and learnt(group.runs) is not False and not _as_a_constant(group, name):
                groups[group.method].append(group)
    whole = [method for method, own in groups.items() if len(own) == len(column.cases)]
    return max(whole, key=lambda method: _mean(view, method, name, [column])) if len(whole) > 1 else None


def _as_a_constant(group: Group, name: str) -> bool:
    """Whether the commonest class for all rows scores as high."""
    constant, own = floor([group], name), mean_of(group.runs, metric(name))
    return constant is not None and own is not None and own <= constant


def _cell(view: View, method: Method, column: _Column, name: str, best: bool) -> str:
    """Mean, whether it is the best, and what is missing from it; empty if the method did not run."""
    groups = [view.group(case, method) for case in column.cases]
    runs = [record for group in groups for record in group.runs]
    if not runs:
        return ""
    value = _mean(view, method, name, [column])
    ran = sum(bool(group.runs) for group in groups)
    lost = [record.status for record in runs if record.status != "ok"]
    what = lost[0] if len(set(lost)) == 1 else "not ok"
    missing = (
        f" ({len(lost)} of {len(runs)} {what})" if lost else f" ({ran} of {len(groups)} budgets)" if ran < len(groups) else ""
    )
    idle = learnt(runs) is False
    return ("-" if value == float("-inf") else f"{value:.3f}{'*' * best}{_IDLE * idle}") + missing


def _failures(view: View, width: int) -> list[str]:
    """What failed, alike failures in one line."""
    found = Counter(
        (record.status, record.method.name, record.dataset.name, (record.error or "").partition("\n")[0])
        for record in view.records
        if record.status != "ok"
    )
    lines = [
        cut(f"{count} {status}: {method} on {dataset}: {error}", width)
        for (status, method, dataset, error), count in found.most_common(_LISTED)
    ]
    others = len(found) - len(lines)
    return lines + ([f"and {others} more kinds of failures: dpdsyn status"] if others else [])


def _aligned(titles: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """titles: of each column's data set, which stands once above all its columns, where there is room for it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    groups = [
        (title, sum(wide + len(_GAP) for _, wide in columns))
        for title, columns in groupby(zip(titles, widths, strict=True), key=lambda pair: pair[0])
    ]
    above, at = "", 0
    for i, (title, wide) in enumerate(groups):
        at += wide
        end = at if any(title for title, _ in groups[i + 1 :]) else width  # nothing stands beside the last one
        above = (above + cut(title, max(end - len(above) - len(_GAP), 0))).ljust(at)
    lines = [_GAP.join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)) for row in rows]
    return [cut(line.rstrip(), width) for line in ([above, *lines] if any(titles) else lines)]
