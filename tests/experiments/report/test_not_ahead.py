"""Methods that are not ahead of independent columns where there is something to learn."""

from __future__ import annotations

from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables import not_ahead
from experiments.report.tables.table import Table

KNOWN = {"majority": 0.6, "independent": 0.6, "dpdsyn": 0.8, "mst": 0.6, "aim": 0.55, "snsynth_mst": 0.5}
GUARANTEES = {"majority": "none", "real": "none", "snsynth_mst": "unverified"}


def runs(real: float = 0.9, balanced: dict[str, float] | None = None, **accuracy: float) -> list[Record]:
    """Two budgets, two seeds. balanced: balanced accuracy where it is not the accuracy."""
    made = []
    for method, value in {**KNOWN, "real": real, **accuracy}.items():
        for epsilon in (0.2, 0.8):
            for seed in range(2):
                run = one(method, value, epsilon=epsilon, seed=seed, guarantee=GUARANTEES.get(method, "dp"))
                scores = {"accuracy": value, "balanced_accuracy": (balanced or {}).get(method, value)}
                made.append(changed(run, metrics={"logistic": scores}))
    return made


def table(records: list[Record]) -> Table:
    (made,) = not_ahead.build(View.of(records))
    return made


def test_who_is_level_or_behind_is_told_with_where_and_seeds() -> None:
    made = table(runs())
    assert made.rows == [
        ["aim", "dp", "2", "2", "2", "toy 0.2, 0.8 (2)"],
        ["mst", "dp", "2", "2", "2", "toy 0.2, 0.8 (2)"],
        ["snsynth_mst", "unverified", "2", "2", "2", "toy 0.2, 0.8 (2)"],
    ]
    assert "2 cases" in made.notes[0] and made.notes[1].endswith("not by accuracy): dpdsyn (2).")


def test_who_is_level_but_for_rounding_is_not_ahead() -> None:
    level = [row[0] for row in table(runs(balanced={"mst": 0.6 + 2e-16})).rows]
    assert "mst" in level


def test_seeds_are_those_that_the_floor_has_too() -> None:
    one_seed = [run for run in runs() if (run.method.name, run.seed) != ("independent", 1)]
    assert {row[-1] for row in table(one_seed).rows} == {"toy 0.2, 0.8 (1)"}


def test_the_largest_share_of_its_cases_stands_first() -> None:
    half = [r for r in runs() if r.method.name != "aim"]
    half += [r for r in runs(aim=0.7) if r.method.name == "aim" and r.privacy.epsilon == 0.2]
    half += [r for r in runs() if r.method.name == "aim" and r.privacy.epsilon == 0.8]
    made = table(half)
    assert [row[0] for row in made.rows] == ["mst", "snsynth_mst", "aim"] and "the share of their cases" in made.notes[0]


def test_who_is_ahead_by_balanced_accuracy_has_learnt_something() -> None:
    made = table(runs(balanced={"mst": 0.7}))
    assert [row[0] for row in made.rows] == ["aim", "snsynth_mst"] and made.notes[1].endswith("dpdsyn (2), mst (2, 2).")


def test_what_did_not_end_well_is_no_case() -> None:
    cut = [changed(r, status="timeout", metrics={}) if r.method.name == "aim" and r.privacy.epsilon == 0.2 else r for r in runs()]
    assert next(row for row in table(cut).rows if row[0] == "aim")[2:] == ["1", "1", "1", "toy 0.8 (2)"]


def test_of_whom_no_run_ended_well_is_told() -> None:
    cut = [changed(r, status="timeout", metrics={}) if r.method.name == "aim" else r for r in runs()]
    assert table(cut).notes[-1] == "Of which no run ended well: aim."


def test_where_nothing_can_be_learnt_there_is_no_table() -> None:
    assert not_ahead.build(View.of(runs(real=0.61))) == [] and not_ahead.build(View.of(runs(dpdsyn=0.61))) == []
