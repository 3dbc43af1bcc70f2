"""Beside the table for a paper, and built alike: likeness, another column's models, raw space, and parts of the method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.comparison import raw_real
from experiments.report.facts import development_sets, of_method
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import Read, values
from experiments.report.raw_space import encoding_of
from experiments.report.roles import REAL, REAL_ENCODED, YARDSTICK
from experiments.report.tables.paper import DATASETS, DELTA, EPSILON, FEW_SEEDS, Sheet, cases_of, sheet, title
from experiments.report.tables.table import Table

_FEWEST = 3  # methods that are compared in a column
_OF_PARTS = (YARDSTICK, "dpdsyn_class_conditional", "dpdsyn_crosses", "swift", "quail", "guide_only", REAL)
_AT = f"at epsilon {EPSILON:g}"
_OFTEN = (
    f"over seeds, of references and of methods with half of {YARDSTICK}'s seeds at least in two columns. Bold: best under our "
    f"guarantee. {FEW_SEEDS}"
)
_NOTE = f"Mean ± standard deviation {_OFTEN}"
_ENCODED = f"{REAL_ENCODED}: real rows, encoded and decoded."
_PARTS_ARE = (
    "swift: the tree alone; guide_only: the guide alone, itself tested; dpdsyn_class_conditional: both as at first; "
    "dpdsyn_crosses: with a network of columns' products as the guide. real is the mean of four models that learn from real "
    "rows, and no ceiling for the guide itself."
)


def build(view: View) -> list[Table]:
    """Each on one screen and in one column; those for which there are records."""
    encoded = view.swept.plain.of_classes
    judged = encoded.judged_alike
    return [*_likeness(encoded), *_other_column(judged), *_raw_space(judged), *_parts(judged)]


def _likeness(view: View) -> list[Table]:
    """How far pairs of columns are off, and whether rows can be told from test rows, where that was measured."""
    far = cases_of(DATASETS)
    told = _columns(view, lambda case: case.dataset.is_usual and _is_known(view, case, _told_apart))
    asked = [
        Sheet(f"Mean 2-way TVD {_AT}", far, [_NOTE], lambda record: record.fidelity.tvd2, less_is_better=True),
        Sheet(f"Told from test rows, AUROC {_AT}", told, [f"{_NOTE} .5: not at all."], _told_apart, less_is_better=True),
    ]
    return [table for one in asked for table in sheet(view, one)]


def _other_column(view: View) -> list[Table]:
    found = _columns(view, lambda case: bool(case.dataset.column) and _is_encoded(case) and _is_compared(view, case))
    columns = {f"{name}: {case.dataset.column}": case for name, case in found.items()}
    return sheet(view, Sheet(f"Accuracy for a column that rows were not made for {_AT}", columns, [_NOTE]))


def _raw_space(judged: View) -> list[Table]:
    view = _with_raw_real_rows(judged)

    def columns(encoding: str) -> dict[str, Case]:
        def keep(case: Case) -> bool:
            is_raw = case.dataset.space == "raw" and not (case.dataset.settings or case.dataset.facts.development)
            return is_raw and encoding_of(view.cases[case][0]) == encoding and _is_compared(view, case)

        return _columns(view, keep)

    stated = Sheet(f"Accuracy in raw space {_AT}, cuts as schemas state them", columns("public"), [_NOTE, _ENCODED])
    learnt = Sheet(f"Accuracy in raw space {_AT}, cuts learnt out of the budget", columns("learned"), [_NOTE, _ENCODED])
    return [*sheet(view, stated), *sheet(view, learnt)]


def _with_raw_real_rows(view: View) -> View:
    """Real rows as they were read stand in every case in raw space: they ran under one encoding, and none changes them."""
    method = Method(REAL, about=of_method(REAL))
    added = [Group(case, method, raw_real(view, case)) for case in view.cases if not view.group(case, method).runs]
    return replace(view, groups=(*view.groups, *(group for group in added if group.runs)))


def _parts(view: View) -> list[Table]:
    """DPDSyn beside its parts, on development sets, for nothing of it ran on others."""
    kept = view.of_groups(lambda group: group.method.name in _OF_PARTS)
    notes = [f"Means {_OFTEN} {_PARTS_ARE}"]
    columns = {case.dataset.name: case for case in cases_of(development_sets()).values()}
    return sheet(kept, Sheet(f"Accuracy of DPDSyn's parts on development sets {_AT}", columns, notes))


def _told_apart(record: Record) -> float | None:
    return record.fidelity.detection_auroc


def _columns(view: View, keep: Callable[[Case], bool]) -> dict[str, Case]:
    """The cases of our budget that are to be kept, by their data sets' names."""
    return {title(case): case for case in view.cases if (case.epsilon, case.delta) == (EPSILON, DELTA) and keep(case)}


def _is_encoded(case: Case) -> bool:
    return case.dataset.space == "encoded" and not case.dataset.encoding and not case.dataset.settings


def _is_compared(view: View, case: Case) -> bool:
    """Whether methods enough ran beside DPDSyn for one to be called the best."""
    ranked = [group for group in view.cases[case] if group.is_ranked]
    return len(ranked) >= _FEWEST and any(group.method.name == YARDSTICK for group in ranked)


def _is_known(view: View, case: Case, read: Read) -> bool:
    return sum(bool(values(group.runs, read)) for group in view.cases[case]) >= _FEWEST
