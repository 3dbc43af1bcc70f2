"""Blind tables: they charge and read as others do, and no row moves an answer."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from dpdsyn.candidates import Independent
from dpdsyn.checking.blind import Blind, NotTried, sight
from dpdsyn.checking.content import content
from dpdsyn.checking.twin import Twin
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import ZCDP, Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable

SCHEMA = toy_schema()
FAKE = toy_encoded(SCHEMA, 80, seed=5)
MECHANISMS = {"noisy_marginals", "select", "noisy_scores", "noisy_sum"}


def blind(rows: int, seed: int = 0) -> Blind:
    ledger = Ledger(ZCDP(1e6))
    ledger.cap()
    return Blind.of(toy_encoded(SCHEMA, rows), FAKE, SCHEMA, ledger, seed)


def everything(private: PrivateTable, seen: list[Any]) -> list[Any]:
    def count(exact: np.ndarray, _: Any) -> float:
        seen.append(exact.sum())
        return float(exact.sum())

    def sizes(batch: np.ndarray, clip: float) -> np.ndarray:
        seen.append(len(batch))
        return np.full(7, clip * len(batch))

    child = private.child(ZCDP(1.0), ["age", "label"])
    child.ledger.cap()
    merged = private.recode({"age": np.array([0, 0, 1, 1, 1])})
    return [
        *private.noisy_marginals([("age",), ("colour", "label")], [2.0, 3.0]),
        private.select([("age",), ("label",)], count, 1.0, 1.0),
        private.noisy_scores([("age",), ("label",)], count, 2.0, 3.0),
        private.noisy_sum(sizes, 0.3, 2.0, 1.0),
        *child.noisy_marginals([("label",)], [4.0]),
        *merged.noisy_marginals([("age",)], [4.0]),
        *private.noisy_marginals([("age",)], [2.0]),
    ]


@pytest.mark.parametrize("rows", [0, 1, 40, 81, 500])
def test_no_row_moves_an_answer_and_functions_see_the_rows(rows: int) -> None:
    seen: list[Any] = []
    one, other = blind(80), blind(rows)
    for a, b in zip(everything(one, []), everything(other, seen), strict=True):
        assert np.array_equal(a, b) and np.asarray(a).dtype == np.asarray(b).dtype
    assert seen[:2] == seen[4:6] == [rows] * 2 and seen[8] <= rows
    assert seen[2:4] == seen[6:8] == [80] * 2 and seen[9] == 80  # of the public rows, to see whether anything was remembered
    assert one.ledger.entries == other.ledger.entries
    assert content({"asked": one.asked}).difference(content({"asked": other.asked})) is None
    assert [len(ledger.entries) for ledger in one.ledgers] == [len(one.ledger.entries), 1]


def test_answers_look_like_real_ones() -> None:
    private = blind(3)
    counts, pairs, _, scores, total, *_ = everything(private, [])
    assert counts.sum() == pytest.approx(80, abs=30) and (counts == np.rint(counts)).all()
    assert pairs.shape == SCHEMA.shape(("colour", "label")) and scores.shape == (2,)
    assert total.shape == (7,) and total.dtype == np.float64
    assert not np.array_equal(counts, everything(blind(3, seed=1), [])[0])


def test_it_charges_as_a_private_table_does() -> None:
    ledger = Ledger(ZCDP(1e6))
    ledger.cap()
    plain = PrivateTable(toy_encoded(SCHEMA, 80), SCHEMA, ledger, np.random.default_rng(0))
    everything(plain, [])
    private = blind(80)
    everything(private, [])
    assert private.ledger.entries == plain.ledger.entries
    with pytest.raises(BudgetExceeded):
        private.noisy_marginals([("age",)], [1e-9])


def test_rows_are_not_given_away() -> None:
    with pytest.raises(NotTried, match=r"handed over .*a promise"):
        blind(3).hand_over("a promise")
    with pytest.raises(NotTried, match=r"unprotected .*why not"):
        blind(3).unprotected("why not")


@pytest.mark.parametrize("kind", [Blind, Twin])
def test_every_way_to_rows_is_replaced_or_noted(kind: type[PrivateTable]) -> None:
    """A mechanism that is new in `PrivateTable` must get its own answer in both, or they would let real ones through."""
    public = {name for name, _ in inspect.getmembers(PrivateTable, inspect.isfunction) if not name.startswith("_")}
    assert public == MECHANISMS | {"stated", "hand_over", "unprotected", "child", "recode"}
    assert set(vars(kind)) >= MECHANISMS | {"stated", "hand_over", "unprotected", "_view"}


def test_an_error_that_all_tables_meet_is_told_as_it_is() -> None:
    class Fails(Independent):
        def fit(self, private: PrivateTable, rng: np.random.Generator) -> Fails:
            raise RuntimeError("never works")

    with pytest.raises(RuntimeError, match="never works"):
        found = sight(Fails, {"": FAKE, "other": FAKE[:3]}, [FAKE], SCHEMA, Budget(1.0, 1e-6))
        assert found is None, found
