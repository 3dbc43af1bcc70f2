"""Where users stand: decoded rows judged by rows as they were read; and what of that encoding costs, and what privacy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from experiments.records.record import OF_NUMBERS
from experiments.report.cases import Case
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read, mean_of, metric, values
from experiments.report.raw_space import Cost, costs, encoding_of, raw_cases
from experiments.report.remarks import protected, remarks
from experiments.report.roles import REAL, REAL_ENCODED
from experiments.report.tables.cells import counted, mean_and_deviation
from experiments.report.tables.table import Emphasis, Table

_ALONE = "boosting"  # the model that most people use, shown by itself beside the mean over models


def of_model(name: str, model: str = _ALONE) -> Read:
    """Reads one model's value of a metric."""
    return lambda record: record.metrics.get(model, {}).get(name)


_OF_CLASSES: Mapping[str, Read] = {
    "accuracy": metric("accuracy"),
    "AUROC": metric("auroc"),
    f"accuracy, {_ALONE}": of_model("accuracy"),
    f"AUROC, {_ALONE}": of_model("auroc"),
    "balanced accuracy": metric("balanced_accuracy"),
    "log loss": metric("log_loss"),
    "calibration error": metric("calibration_error"),
}
_OF_NUMBERS: Mapping[str, Read] = {
    "R2": metric("r2"),
    f"R2, {_ALONE}": of_model("r2"),
    "mean absolute error": metric("mae"),
    "pinball loss": metric("pinball"),
}
_ERRORS = ("mean absolute error", "pinball loss")  # in the target's own unit
_LESS_IS_BETTER = ("log loss", "calibration error", *_ERRORS)
_LEADING = ["method", "encoding", "guarantee", "seeds"]
_COSTS = ["raw real rows", "encoding", "privacy", "together"]


def build(view: View) -> list[Table]:
    """One table for each data set and budget: raw real rows first, then them encoded and decoded, then the best method first."""
    judged = view.swept.plain.judged_alike
    return [_table(case, groups) for case, groups in raw_cases(judged).items()]


def build_costs(view: View) -> list[Table]:
    """One table for each of the main metrics: a row for each data set, budget, encoding and method."""
    judged = view.swept.plain.judged_alike
    cases = raw_cases(judged)
    made = []
    for name in ("accuracy", "AUROC", f"accuracy, {_ALONE}", f"AUROC, {_ALONE}", "R2"):
        read = {**_OF_CLASSES, **_OF_NUMBERS}[name]
        found = [(case, cost) for case, groups in cases.items() for cost in costs(judged, groups, read)]
        if found:
            made.append(_costs_table(name, found))
    return made


def _table(case: Case, groups: Sequence[Group]) -> Table:
    every = [record for group in groups for record in group.runs]
    measures = _OF_NUMBERS if any(record.predicts_a_number for record in every) else _OF_CLASSES
    first, digits = next(iter(measures.values())), _digits(measures)
    ordered = sorted(_once(groups), key=lambda group: (_place(group), -(mean_of(group.runs, first) or -1e9), group.method))
    rows = [_row(group, measures, digits) for group in ordered]
    floors = [floor for record in every if (floor := record.dataset.floor) and OF_NUMBERS[0] in floor]
    if floors:
        known = {name: fmean(floor[key] for floor in floors) for name, key in zip(("R2", *_ERRORS), OF_NUMBERS, strict=True)}
        median = [f"{known[name]:.{digits[name]}f}" if name in known else "-" for name in measures]
        rows.append(["median of the training rows", "-", "-", "-", *median])
    judges = sorted({name for record in every for name in record.metrics})
    notes = [
        f"Means over seeds ± standard deviation, of the mean over models ({', '.join(judges)}), and of {_ALONE} alone. Models "
        f"learn from decoded rows and are tested on rows as they were read; {REAL} learns from such rows too, and {REAL_ENCODED} "
        "from the same after encoding and decoding. Encoding: public, as the data set's file states columns; learned, where to "
        "cut numbers learnt out of the same budget; kinds, bounds and categories too; what leaves nothing to learn is public. "
        "Best in bold, second underlined, among methods under our own guarantee.",
        *protected(every),
        *remarks(every),
    ]
    columns = [*_LEADING, *measures]
    return Table(f"{case}: methods and encodings", columns, rows, notes, _best_two(ordered, measures))


def _digits(measures: Mapping[str, Read]) -> dict[str, int]:
    return {name: 1 if name in _ERRORS else 3 for name in measures}


def _once(groups: Sequence[Group]) -> list[Group]:
    """Without a second group of raw real rows, which no encoding changes."""
    known = [group for group in groups if group.method.name == REAL]
    return [group for group in groups if group not in known[1:]]


def _place(group: Group) -> int:
    return {REAL: 0, REAL_ENCODED: 1}.get(group.method.name, 2)


def _row(group: Group, measures: Mapping[str, Read], digits: Mapping[str, int]) -> list[str]:
    encoding = "-" if group.method.name == REAL else encoding_of(group)
    cells = [mean_and_deviation(values(group.runs, read), digits[name]) for name, read in measures.items()]
    return [group.method.title, encoding, group.badge, counted(group.runs), *cells]


def _best_two(ordered: Sequence[Group], measures: Mapping[str, Read]) -> dict[tuple[int, int], Emphasis]:
    """Of each measure, where the best and the second of the ranked methods stand, if at least two are."""
    stressed: dict[tuple[int, int], Emphasis] = {}
    for place, (name, read) in enumerate(measures.items()):
        sign = 1 if name in _LESS_IS_BETTER else -1
        known = [
            (sign * value, row)
            for row, group in enumerate(ordered)
            if group.is_ranked and (value := mean_of(group.runs, read)) is not None
        ]
        emphases: tuple[Emphasis, Emphasis] = ("best", "second")
        for (_, row), how in zip(sorted(known) if len(known) > 1 else (), emphases, strict=False):
            stressed[row, len(_LEADING) + place] = how
    return stressed


def _costs_table(name: str, found: Sequence[tuple[Case, Cost]]) -> Table:
    rows = [
        [
            str(replace(case.dataset, space="encoded")),  # the title says that all is raw
            f"{case.epsilon:g}",
            f"{case.delta:g}",
            cost.encoding,
            cost.group.method.title,
            f"{cost.seeds}" + (f" ({cost.group.missing})" if cost.group.missing else ""),
            f"{cost.real:.4f}",
            *(f"{part:+.4f}" for part in (cost.of_encoding, cost.of_privacy, cost.whole)),
        ]
        for case, cost in found
    ]
    every = [record for _, cost in found for record in cost.group.runs]
    notes = [
        f"Encoding: what raw real rows reach, less what they reach encoded and decoded ({REAL_ENCODED}). Privacy: the latter, "
        "less what the method's rows reach. Both over the seeds that all three have, so that they add up; the best other method "
        "is the one that comes nearest to, or is furthest above, DPDSyn on the seeds that both have. "
        + ("Means over models." if _ALONE not in name else f"Of {_ALONE} alone."),
        *remarks(every),
    ]
    columns = ["data set", "epsilon", "delta", "domains", "method", "seeds", *_COSTS]
    return Table(f"Raw space, what encoding and privacy cost: {name}", columns, rows, notes)
