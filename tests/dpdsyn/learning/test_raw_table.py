"""Raw tables: counts beside naive ones, noise and thresholds beside closed forms, charges, persons, and pieces of files."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from builders.raw_tables import KEY, plenty, raw_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.learning import raw_table
from dpdsyn.learning.grids import Decimals, Magnitudes, Values, Years
from dpdsyn.learning.raw_table import GridError, RawTable, resolutions, threshold
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.schema import Schema

NUMBER, WORD = Column("number", "integer"), {"word": {"kind": "categorical"}}
QUIET = 1e-2  # of which noise rounds to nothing


def numbers(cells: list[Any]) -> RawTable:
    return raw_of(pd.DataFrame({"number": pd.Series(cells, dtype=object)}), {"number": {"kind": "integer"}})


def words(cells: list[Any], **given: Any) -> RawTable:
    return raw_of(pd.DataFrame({"word": pd.Series(cells, dtype=object)}), WORD, **given)


@given(st.lists(st.one_of(st.integers(-50, 400), st.none(), st.just("none")), max_size=60))
@settings(max_examples=40)
def test_without_noise_histograms_are_counts_at_each_resolution(cells: list[Any]) -> None:
    grid = Values.between(NUMBER, 0, 299)
    ((fine, runs),), _ = numbers(cells).histograms([grid], [QUIET])
    said = [min(max(cell, 0), 299) for cell in cells if isinstance(cell, int)]
    assert fine.tolist() == [said.count(unit) for unit in range(300)] + [len(cells) - len(said)]
    begins = [*grid.coarser[0].tolist(), 300]
    assert runs.tolist() == [sum(a <= unit < b for unit in said) for a, b in itertools.pairwise(begins)]
    assert begins[0] == 0 and len(runs) < 100


@given(st.lists(st.sampled_from(["a", "b", " a", 1, 1.0, "1", None, True, "TRUE", [1], "", "x" * 300]), max_size=40))
@settings(max_examples=40)
def test_without_noise_values_are_those_that_occur_often_enough(cells: list[Any]) -> None:
    _, (told,) = words(cells).histograms([], [], ["word"], QUIET, 0.3)
    texts = {"a": "a", " a": "a", "b": "b", "1": "1", "1.0": "1", "True": "True", "TRUE": "TRUE", "": ""}
    naive = Counter(texts[str(cell)] for cell in cells if str(cell) in texts)
    expected = {text: float(count) for text, count in sorted(naive.items()) if count > 1}  # one row alone is never told of
    silent = sum(cell is None or isinstance(cell, list) for cell in cells)
    assert told == {None: float(silent), **expected} and list(told) == [None, *sorted(expected)]


def test_values_are_told_in_the_order_of_their_texts_whatever_the_order_of_rows() -> None:
    cells = ["b", "a", "c"] * 30
    for order in (cells, cells[::-1], sorted(cells)):
        assert list(words(order).histograms([], [], ["word"], 1.0, 0.1)[1][0]) == [None, "a", "b", "c"]


@pytest.mark.parametrize(("high", "parts", "levels"), [(200, 64, 1), (200_000, 64, 2), (200_000, 8, 3)])
def test_noise_has_the_deviation_that_is_charged_for(high: int, parts: int, levels: int) -> None:
    ledger = plenty()
    grid = Values.between(NUMBER, 1, high, parts)
    raw = raw_of(pd.DataFrame({"number": [3] * 500}), {"number": {"kind": "integer"}}, ledger)
    ((fine, *runs),), _ = raw.histograms([grid], [7.0])
    assert resolutions(grid) == levels == 1 + len(runs)
    for counts, begins in zip([fine[:-1], *runs], [np.arange(len(fine) - 1), *grid.coarser], strict=True):
        counts[np.searchsorted(begins, 2, side="right") - 1] -= 500
        assert counts.std() == pytest.approx(7.0, rel=3 / math.sqrt(2 * len(counts))) and (counts == np.rint(counts)).all()
    (entry,) = ledger.entries
    assert entry["noise_multiplier"] == pytest.approx(7.0 / math.sqrt(levels))


def test_all_that_is_asked_at_once_is_charged_as_one_gaussian() -> None:
    ledger = plenty()
    frame = pd.DataFrame({"number": [1, 2], "word": ["a", "b"], "name": ["c", "d"]})
    columns = {"number": {"kind": "real"}, "word": {"kind": "categorical"}, "name": {"kind": "categorical"}}
    number = Column("number", "real")
    grids = [Magnitudes(number), Decimals(number), Values.between(number, 0, 9)]
    raw_of(frame, columns, ledger).histograms(grids, [2.0, 3.0, 4.0], ["word", "name"], 5.0, 0.01)
    gaussian, thresholds = ledger.entries
    assert gaussian["noise_multiplier"] ** -2 == pytest.approx(2**-2 + 3**-2 + 4**-2 + 2 * 5**-2)
    assert thresholds["mechanism"] == "Threshold" and thresholds["delta"] == 0.01 and thresholds["count"] == 2


@pytest.mark.parametrize("ledger", [Ledger(Budget(1.0, 1e-6)), plenty(noise=100.0), plenty(delta=1e-9)])
def test_no_row_is_read_by_a_mechanism_that_refuses(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = words(["a"], ledger=ledger)
    monkeypatch.setattr(raw, "_RawTable__frames", lambda: pytest.fail("rows were read"))
    with pytest.raises(BudgetExceeded):
        raw.histograms([], [], ["word"], 1.0, 0.1)
    with pytest.raises(BudgetExceeded):
        raw.noisy_count(1e-4, ledger)


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize(("sigma", "delta"), [(1.0, 1e-6), (30.0, 1e-9), (0.2, 0.3), (4.0, 1e-15)])
def test_the_threshold_is_that_of_the_normal_tail(sigma: float, delta: float, most: int) -> None:
    least = threshold(sigma, delta, most)
    assert norm.sf((least * most - most - 0.5) / (sigma * most)) == pytest.approx(delta / most, rel=1e-9)


def test_known_thresholds() -> None:
    assert threshold(1.0, float(norm.sf(4.0))) == pytest.approx(5.5)
    assert threshold(2.0, float(norm.sf(3.0)) * 4, 4) == pytest.approx(1 + 0.5 / 4 + 6.0)


@pytest.mark.parametrize(("most", "of_its_own"), [(1, 1), (3, 1), (3, 3)])
def test_values_of_one_unit_alone_are_told_of_no_more_often_than_delta(most: int, of_its_own: int) -> None:
    """of_its_own: how many values each unit has, that of `most` rows together. All others have none of them."""
    units, delta, sigma = 4000, 0.2, 1.1
    cells = [f"{unit}-{row % of_its_own}" for unit in range(units) for row in range(most)]
    persons = {"person": "who", "max_rows_per_person": most} if most > 1 else {}
    frame = pd.DataFrame({"word": cells, "who": [f"p{i // most}" for i in range(len(cells))]})
    raw = raw_of(frame if most > 1 else frame[["word"]], WORD, **persons)
    _, (told,) = raw.histograms([], [], ["word"], sigma, delta)
    caught = len({str(text).partition("-")[0] for text in told if text is not None})
    assert binom.sf(caught - 1, units, delta) > 1e-6
    if of_its_own == 1:  # where the bound is nearly met, up to rounding and the division by `most`
        exact = norm.sf((math.ceil(threshold(sigma, delta, most) * most) - most - 0.5) / (sigma * most))
        assert binom.cdf(caught, units, exact) > 1e-6 and exact > delta / most / 3


def test_each_row_of_a_person_weighs_its_share_and_has_the_noise_of_a_person() -> None:
    frame = pd.DataFrame({"number": [1] * 6 + [2] * 3, "who": ["a"] * 6 + ["b"] * 3})
    given = {"person": "who", "max_rows_per_person": 3}
    ((counts,),), _ = raw_of(frame, {"number": {"kind": "integer"}}, **given).histograms([Values.between(NUMBER, 0, 9)], [QUIET])
    assert counts.tolist() == [0, 1, 1, *[0] * 8]
    wide = Values.between(NUMBER, 0, 250)
    ((noisy,),), _ = raw_of(frame, {"number": {"kind": "integer"}}, **given).histograms([wide], [30.0])
    assert noisy.std() == pytest.approx(30.0, rel=0.2) and np.allclose(noisy * 3, np.rint(noisy * 3))
    count = [raw_of(frame, {"number": {"kind": "integer"}}, seed=i, **given).noisy_count(5.0, plenty()) for i in range(300)]
    assert np.mean(count) == pytest.approx(2.0, abs=1.2) and np.std(count) == pytest.approx(5.0, rel=0.15)


def test_one_person_with_too_many_rows_moves_a_histogram_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_table, "rounded_gaussian", lambda scale, size, rng: np.zeros(size, dtype=np.int64))
    others = pd.DataFrame({"number": [1, 2, 3, 1], "who": ["a", "b", "c", "d"]})
    person = pd.DataFrame({"number": [1, 1, 5, 5, 5, 7], "who": ["x"] * 6})
    grid = Values.between(NUMBER, 0, 9)

    def counts(frame: pd.DataFrame) -> np.ndarray:
        given = {"person": "who", "max_rows_per_person": 2}
        return raw_of(frame, {"number": {"kind": "integer"}}, **given).histograms([grid], [1.0])[0][0][0]

    moved = counts(pd.concat([others, person], ignore_index=True)) - counts(others)
    assert 0.5 <= np.linalg.norm(moved) <= 1 and moved.sum() == 1 and (moved >= 0).all()


@pytest.mark.parametrize("kind", ["object", "str", "category", pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))])
def test_only_values_of_rows_that_are_used_may_be_told_of(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Types that list their categories keep those of rows that are gone."""
    drawn: list[int] = []

    def noise(scale: float, size: int, rng: np.random.Generator) -> np.ndarray:
        drawn.append(size)
        return np.zeros(size, dtype=np.int64)

    monkeypatch.setattr(raw_table, "rounded_gaussian", noise)
    others = pd.DataFrame({"word": ["a", "b", "a", "b"], "who": list("wxyz")})
    person = pd.DataFrame({"word": [f"secret {i}" for i in range(50)], "who": ["p"] * 50})
    nobody = pd.DataFrame({"word": [f"hidden {i}" for i in range(9)], "who": [None] * 9})
    given = {"person": "who", "max_rows_per_person": 2}

    def values(*parts: pd.DataFrame, rows: int | None = None) -> int:
        table = pd.concat(parts, ignore_index=True)
        raw_of(table.assign(word=table["word"].astype(kind))[:rows], WORD, **given).histograms([], [], ["word"], 1.0, 0.3)
        return drawn[-1]

    assert values(others) == values(others, nobody) == values(others, person, rows=4) == 3  # two words, and what says nothing
    assert values(others, person) == 5


def test_rows_are_left_out_by_the_rule_for_missing_cells_in_memory_and_in_files(tmp_path: Path) -> None:
    frame = pd.DataFrame({"number": [1, 1, 2, 2], "word": ["a", None, "a", "b"]})
    frame.to_parquet(tmp_path / "rows.parquet")
    columns = {"number": {"kind": "integer"}, "word": {"kind": "categorical", "missing": "drop"}}
    for table in (frame, tmp_path / "rows.parquet"):
        ((counts,),), _ = raw_of(table, columns).histograms([Values.between(NUMBER, 0, 3)], [QUIET])
        assert counts.tolist() == [0, 1, 2, 0, 0]
        assert raw_of(table, columns).noisy_count(QUIET, plenty()) == 3


@pytest.mark.parametrize("rows", [0, 1, 1000])
def test_a_file_answers_as_a_frame_does_and_is_read_once_for_each_question(
    rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"number": rng.integers(0, 40, rows), "word": rng.choice(["a", "b", "c"], rows)})
    frame.to_parquet(tmp_path / "rows.parquet", row_group_size=100)
    monkeypatch.setattr("dpdsyn.parquet._ROWS", 128)
    columns = {"number": {"kind": "integer"}, "word": {"kind": "categorical"}}
    passes: list[int] = []
    right = raw_table.pieces
    monkeypatch.setattr(raw_table, "pieces", lambda *given: passes.append(1) or right(*given))  # type: ignore[func-returns-value]
    answers = []
    for table in (frame, tmp_path / "rows.parquet"):
        raw = raw_of(table, columns)
        answers.append(raw.histograms([Values.between(NUMBER, 0, 39)], [2.0], ["word"], 3.0, 0.1))
        answers[-1] += (raw.noisy_count(4.0, plenty()),)
    (one, listed, count), (other, others, counted) = answers
    assert np.array_equal(one[0][0], other[0][0]) and listed == others and count == counted
    assert len(passes) == 1


def test_rows_are_encoded_by_a_closed_schema_behind_the_same_ledger() -> None:
    raw = words(["a", "b", "a", None])
    closed = Schema.from_mapping(
        {"columns": {"word": {"kind": "categorical", "categories": ["a"], "missing": "own_code"}}, "rows_public": 4}
    )
    private = raw.encoded(closed)
    assert isinstance(private, PrivateTable) and private.ledger is raw.ledger
    private.ledger.open([Gaussian(QUIET)])
    assert private.noisy_marginals([("word",)], [QUIET])[0].tolist() == [2, 1, 1]


def test_a_grid_that_gives_a_cell_no_code_or_several_is_refused() -> None:
    class Twice(Magnitudes):
        def codes(self, cells: pd.Series) -> np.ndarray:
            return np.repeat(super().codes(cells), 2)

    class Outside(Magnitudes):
        def codes(self, cells: pd.Series) -> np.ndarray:
            return super().codes(cells) - self.size

    for grid in (Twice(NUMBER), Outside(NUMBER)):
        with pytest.raises(GridError, match="one code"):
            numbers([1, 2, 3]).histograms([grid], [1.0])


def test_rows_do_not_leak_by_accident() -> None:
    raw = words(["secret"] * 3)
    assert "secret" not in repr(raw) and "3" not in repr(raw)
    for carry in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="private rows"):
            carry(raw)


def test_other_columns_are_refused_and_persons_in_files_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"word": ["a"], "more": [1]})
    with pytest.raises(SchemaError, match="more"):
        raw_of(frame, WORD)
    frame.to_parquet(tmp_path / "rows.parquet")
    with pytest.raises(SchemaError, match="person"):
        raw_of(tmp_path / "rows.parquet", WORD, person="more", max_rows_per_person=2)


def test_years_and_magnitudes_of_a_table_without_rows() -> None:
    day, number = Column("day", "date"), Column("number", "integer")
    frame = pd.DataFrame({"day": pd.Series([], dtype=object), "number": pd.Series([], dtype=float)})
    raw = raw_of(frame, {"day": {"kind": "date"}, "number": {"kind": "integer"}})
    answers, _ = raw.histograms([Years(day), Magnitudes(number)], [QUIET, QUIET])
    assert not answers[0][0].any() and not answers[1][0].any()


def test_a_threshold_at_no_delta_is_refused() -> None:
    with pytest.raises(ValueError, match="delta"):
        words(["a"]).histograms([], [], ["word"], 1.0)
    assert Threshold(0.1, 3).delta * 3 == pytest.approx(0.3) and len(KEY) == 32
