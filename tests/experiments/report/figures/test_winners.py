"""Who wins where: a name, a colour and a number that say the same of the same two methods."""

from __future__ import annotations

from typing import Any

from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.evidence import OWN
from experiments.report.figures.winners import Block, Won, blocks
from experiments.report.grouped import View


def found(records: list[Record]) -> list[Block]:
    return blocks(View.of(records).judged_alike)


def cell(**accuracies: float) -> Won:
    """Of one data set where each method ran once."""
    (block,) = found([one(name, accuracy) for name, accuracy in accuracies.items()])
    (won,) = block.cells.values()
    return won


def test_other_forms_of_dpdsyn_take_no_part() -> None:
    won = cell(dpdsyn=0.85, dpdsyn_crosses=0.87, mst=0.8, aim=0.84)
    assert (won.winner, won.ours, won.text) == (OWN, True, "+1.00")
    won = cell(dpdsyn=0.85, dpdsyn_crosses=0.87, mst=0.8, aim=0.86)
    assert (won.name, won.ours, won.text) == ("aim", False, "-1.00")


def test_the_number_is_of_the_method_that_is_named() -> None:
    """On other splits than DPDSyn's own a method may look best and not be."""
    easy = [
        one("mst", 0.99, seed=9),
        one("mst", 0.8, seed=0),
        one("mst", 0.8, seed=1),
        one("aim", 0.86),
        one("aim", 0.86, seed=1),
    ]
    (block,) = found([*(one("dpdsyn", 0.85, seed=seed) for seed in range(3)), *easy])
    (won,) = block.cells.values()
    assert (won.name, won.text, won.seeds) == ("aim", "-1.00", 2)


def test_a_lead_that_is_no_hundredth_of_a_point_is_none() -> None:
    won = cell(dpdsyn=0.850011, mst=0.85, aim=0.8)
    assert won.level and (won.name, won.text) == ("several alike", "level")


def test_where_nobody_has_seeds_enough_those_that_are_shared_tell_and_are_told() -> None:
    few = [one("dpdsyn", 0.85, seed=seed) for seed in range(4)] + [one("mst", 0.8), one("aim", 0.86)]
    (block,) = found(few)
    (won,) = block.cells.values()
    assert (won.name, won.text) == ("aim", "-1.00, 1 seed")
    (block,) = found([*few, one("mst", 0.8, seed=1)])
    (won,) = block.cells.values()
    assert (won.winner, won.text) == (OWN, "+5.00"), "who has half of the seeds comes before a lucky one"


def test_where_nothing_is_learnt_the_lead_is_told_and_nobody_wins() -> None:
    """Rows with independent columns are compared on shared splits too: on others they may be easier to beat."""
    runs = [one(name, value, seed=seed) for name, value in (("dpdsyn", 0.9), ("mst", 0.88), ("aim", 0.87)) for seed in range(2)]
    (block,) = found(
        [*runs, *(one("independent", value, guarantee="none", seed=seed) for seed, value in enumerate((0.897, 0.2)))]
    )
    assert [won.winner for won in block.cells.values()] == [OWN]
    (block,) = found([*runs, one("independent", 0.897, guarantee="none"), one("independent", 0.2, guarantee="none", seed=7)])
    assert [(won.name, won.text) for won in block.cells.values()] == [("none beats guessing", "+2.00")]


def test_rows_are_named_by_what_differs_a_default_too() -> None:
    def simulated(method: str, accuracy: float, **generator: Any) -> Record:
        data = {"name": "simulated", "n_train": 9, "n_test": 3, "generator": {"sizes": [4, 4, 8, 16], **generator}}
        return changed(one(method, accuracy), run_id=f"{method}{generator}", dataset=data)

    runs = [
        simulated(method, accuracy, **more)
        for method, accuracy in (("dpdsyn", 0.9), ("mst", 0.8), ("aim", 0.7))
        for more in ({}, {"classes": 4})
    ]
    (block,) = found(runs)
    assert sorted(map(block.name, block.datasets)) == ["2 classes", "4 classes"]
