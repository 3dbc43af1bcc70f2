"""A fitted model as arrays: it comes back, and what was altered does not."""

from __future__ import annotations

import numpy as np
import pytest
from builders.columns import schema_of, uniform

from baselines.swift import Swift
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema


@pytest.fixture
def saved(rng: np.random.Generator) -> tuple[Schema, Swift]:
    schema = schema_of((6, 2, 2, 6, 5, 2))
    private = PrivateTable(uniform(schema, 500, rng), schema, Ledger(Budget(1.0, 1e-6)), rng)
    return schema, Swift().fit(private, rng)


def test_what_was_saved_comes_back(saved: tuple[Schema, Swift]) -> None:
    schema, model = saved
    state = model.state()
    assert all(isinstance(value, np.ndarray) and value.dtype != object for value in state.values())
    back = Swift().restore(schema, state)
    assert np.array_equal(back.sample(500, np.random.default_rng(1)), model.sample(500, np.random.default_rng(1)))
    single = Swift().restore(schema, state | {"beliefs": state["beliefs"].astype(np.float32)})
    assert single.model_.project((0, 3)) == pytest.approx(model.model_.project((0, 3)), rel=1e-4)


def altered(state: dict[str, np.ndarray], how: str) -> dict[str, np.ndarray]:
    state = {name: value.copy() for name, value in state.items()}
    if how.startswith("without "):
        del state[how.removeprefix("without ")]
    elif how == "negative":
        state["beliefs"][:2] += [-1e6, 1e6]  # the same sum
    elif how == "not finite":
        state["beliefs"][0] = np.nan
    elif how == "one cell less":
        state["beliefs"] = state["beliefs"][1:]
    elif how == "of another sum":
        state["beliefs"] *= 2
    elif how == "whole numbers":
        state["beliefs"] = state["beliefs"].astype(int)
    elif how == "no rows":
        state["total"] = np.array(0.0)
    elif how == "several totals":
        state["total"] = np.ones(2)
    elif how == "a column too many":
        state["columns"][0] = 6
    elif how == "a negative column":
        state["columns"][0] = -1
    elif how == "a column twice":
        state["columns"][1] = state["columns"][0]
    elif how == "an empty clique":
        state["lengths"][0] = 0
    elif how == "two roots":
        state["parents"][1] = -1
    elif how == "a child before its parent":
        state["parents"][1] = len(state["parents"]) - 1
    elif how == "objects":
        state["columns"] = state["columns"].astype(object)
    return state


@pytest.mark.parametrize(
    "how",
    [
        *(f"without {name}" for name in ("columns", "lengths", "parents", "beliefs", "total")),
        "negative",
        "not finite",
        "one cell less",
        "of another sum",
        "whole numbers",
        "no rows",
        "several totals",
        "a column too many",
        "a negative column",
        "a column twice",
        "an empty clique",
        "two roots",
        "a child before its parent",
        "objects",
    ],
)
def test_what_was_altered_is_refused(how: str, saved: tuple[Schema, Swift]) -> None:
    schema, model = saved
    assert len(model.state()["parents"]) > 1
    with pytest.raises(ValueError, match="saved"):
        Swift().restore(schema, altered(model.state(), how))


@pytest.mark.parametrize(
    "columns, lengths, parents, cells, told",
    [
        ([0, 1, 1, 2, 0, 2], [2, 2, 2], [-1, 0, 1], 12, "no junction tree"),  # 0 is in the first and the last and not between
        ([0, 1, 2, 2], [2, 2], [-1, 0], 8, "no junction tree"),  # a column twice
        ([0, 1, 2], [3, 0], [-1, 0], 9, "no tree of cliques"),  # a clique of nothing
    ],
)
def test_cliques_that_no_tree_has_are_refused(
    columns: list[int], lengths: list[int], parents: list[int], cells: int, told: str
) -> None:
    state = {
        "columns": np.array(columns),
        "lengths": np.array(lengths),
        "parents": np.array(parents),
        "beliefs": np.concatenate([np.full(2**n, 2.0**-n) for n in lengths]) * 4,
        "total": np.array(4.0),
    }
    assert len(state["beliefs"]) == cells
    with pytest.raises(ValueError, match=told):
        Swift().restore(schema_of((2, 2, 2)), state)


def test_a_model_of_other_columns_is_refused(saved: tuple[Schema, Swift]) -> None:
    with pytest.raises(ValueError, match="saved"):
        Swift().restore(schema_of((2, 2)), saved[1].state())
