"""Settings tried on development sets: which are chosen by the rule, and that shipped tuned methods are what it chose."""

from __future__ import annotations

from typing import Any

import pytest
from builders.paths import ROOT
from builders.records import changed, one

from experiments.configuration import default_parameters, options
from experiments.records.export import read_export
from experiments.records.record import Record, settings
from experiments.report.grouped import View
from experiments.report.tables import tuning


def tried(cells: int, accuracy: float, dataset: str = "br2000", of: str = "tuning", **more: Any) -> Record:
    parameters = {**default_parameters("synthesizer", "privsyn"), "cells": cells}
    run = f"{dataset}{cells}{more.get('seed', 0)}{more.get('status', '')}"
    data = {"name": dataset, "n_train": 9, "n_test": 3}
    made = {"name": "privsyn", "guarantee": "dp", "parameters": parameters}
    more = {"experiment": {"name": of, "sha256": "0"}, **more}
    return changed(one("privsyn", accuracy), run_id=run, fit_id=run, dataset=data, method=made, **more)


def line(*records: Record) -> list[str]:
    table, _ = tuning.build(View.of(records))
    (row,) = table.rows
    return row


def effort(*records: Record) -> list[str]:
    (row,) = tuning.build(View.of(records))[-1].rows
    return row


USUAL = default_parameters("synthesizer", "privsyn")["cells"]


def test_the_highest_mean_over_data_sets_is_chosen_and_a_larger_data_set_counts_no_more() -> None:
    several = [tried(USUAL, 0.7), tried(50, 0.8), tried(USUAL, 0.9, "fair"), tried(50, 0.86, "fair")]
    assert line(*several) == ["privsyn", "2", "2", "0.8000", "0.8300", "+0.0300", "cells=50", "0"]


def test_settings_of_other_experiments_are_no_part_of_the_grid() -> None:
    others = [tried(90, 0.95, of="ablation"), tried(90, 0.95, "fair", of="ablation")]
    assert line(tried(USUAL, 0.7, of="paper_main"), tried(50, 0.8), *others)[1:] == line(tried(USUAL, 0.7), tried(50, 0.8))[1:]


def test_defaults_stay_where_nothing_is_better() -> None:
    assert line(tried(USUAL, 0.8), tried(50, 0.8))[-2:] == ["defaults", "0"]


def test_what_did_not_end_well_somewhere_is_not_chosen_and_counted() -> None:
    ended = [tried(USUAL, 0.7), tried(50, 0.8), tried(USUAL, 0.7, "fair")]
    cut = changed(tried(50, 0.9, "fair"), status="timeout", metrics={}, fidelity={})
    assert line(*ended, cut)[-2:] == ["defaults", "1"]


def test_seeds_that_other_settings_have_not_count_nowhere() -> None:
    assert line(tried(USUAL, 0.7), tried(50, 0.6), tried(50, 1.0, seed=1))[3:5] == ["0.7000", "0.7000"]


def test_what_was_tried_is_counted_defaults_of_other_seeds_aside() -> None:
    ended = [tried(USUAL, 0.7), tried(USUAL, 0.7, seed=5), tried(50, 0.8), tried(USUAL, 0.7, "fair")]
    cut = changed(tried(50, 0.9, "fair"), status="timeout", metrics={}, fidelity={})
    assert effort(*ended, cut) == ["privsyn", "2", "2", "1", "1", "4", "3", "yes"]


def test_methods_with_their_defaults_alone_are_named() -> None:
    untried = one("mst", 0.7)
    table = tuning.build(View.of([tried(USUAL, 0.7), tried(50, 0.8), untried, one("dpdsyn", 0.8)]))[-1]
    assert table.notes[-1] == "Under our guarantee, with their defaults alone: mst."


@pytest.mark.parametrize("records", [[tried(USUAL, 0.7)], [tried(USUAL, 0.7, "adult"), tried(50, 0.8, "adult")]])
def test_one_setting_and_other_data_sets_make_no_table(records: list[Record]) -> None:
    assert tuning.build(View.of(records)) == []


def test_tuned_methods_are_those_that_the_rule_takes() -> None:
    grids = tuning.grids(View.of(read_export(ROOT / "results")))
    better = {name: dict(best.settings) for name, grid in grids.items() if (best := tuning.chosen(grid)) and best.settings}
    shipped = {}
    for name in options("synthesizer"):
        if name.endswith("_tuned"):
            usual, own = (settings(default_parameters("synthesizer", each)) for each in (name.removesuffix("_tuned"), name))
            shipped[name.removesuffix("_tuned")] = {key: value for key, value in own.items() if usual[key] != value}
    assert shipped == better
