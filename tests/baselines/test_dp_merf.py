"""DP-MERF: what a row adds to the embedding, what the answers cost, and a generator that learns of rows through them alone."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from baselines.dp_merf import DPMERF, Embedding, frequency_scale
from dpdsyn.accounting.spends import ZCDP
from dpdsyn.base.checks import InputError
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw

SCHEMA = toy_schema(classes=3, rows_public=600)
QUICK: dict[str, Any] = {"features": 40, "iterations": 60, "batch": 0.5}
KINDS = {
    "numbers and codes": SCHEMA,
    "codes alone": SCHEMA.select(["colour", "constant", "label"]),
    "numbers alone": Schema((Column("age", "integer", bounds=(0, 99), bins=5), SCHEMA["label"]), "label", 600),
    "no target": SCHEMA.select(["colour", "age", "income"]),
    "a number of one value": Schema((Column("age", "integer", bounds=(0, 9), bins=1), SCHEMA["label"]), "label", 600),
}
every_kind = pytest.mark.parametrize("schema", KINDS.values(), ids=KINDS)


def any_rows(schema: Schema, rows: int, rng: np.random.Generator) -> np.ndarray:
    return np.stack([rng.integers(size, size=rows) for size in schema.sizes], axis=1).astype(schema.dtype)


def rows_of(schema: Schema, rows: int) -> np.ndarray:
    """Those of `toy_encoded`, whose label leans on the first column, where there is a target."""
    return toy_encoded(schema, rows) if schema.target else any_rows(schema, rows, np.random.default_rng(0))


def fitted(schema: Schema = SCHEMA, epsilon: float = 5.0, rows: int = 600, **parameters: Any) -> tuple[DPMERF, PrivateTable]:
    private = PrivateTable(rows_of(schema, rows), schema, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    return DPMERF(**(QUICK | parameters)).fit(private, np.random.default_rng(2)), private


# --- what a row adds -------------------------------------------------------------------------------------------


def naive_row(embedding: Embedding, schema: Schema, row: np.ndarray) -> np.ndarray:
    """A row's vector, feature by feature, as the paper writes it."""
    numbers, hot = [], []
    for i, column in enumerate(schema.columns):
        if column.name == schema.target:
            continue
        code = int(row[i])
        if column.ordered:
            numbers.append(0.5 if code == column.missing_code else code / max(1, column.values - 1))
        else:
            hot.append([float(code == value) for value in range(column.size)])
    for i, column in enumerate(schema.columns):
        if column.ordered and column.missing_code is not None and column.name != schema.target:
            hot.append([float(row[i] != column.missing_code), float(row[i] == column.missing_code)])
    fourier = [sum(w * x for w, x in zip(line, numbers, strict=True)) for line in embedding.frequencies]
    scale = math.sqrt(1 / max(1, len(fourier)))  # sqrt(2 / D) of D features, half of which are cosines
    features = [scale * math.cos(angle) for angle in fourier] + [scale * math.sin(angle) for angle in fourier] if numbers else []
    features += [value / math.sqrt(len(hot)) for block in hot for value in block]
    lines = np.zeros((schema.classes if schema.target else 1, len(features)))
    lines[int(row[schema.target_position]) if schema.target else 0] = features
    return lines


@every_kind
def test_the_embedding_is_what_the_paper_says_and_every_row_has_its_norm(schema: Schema, rng: np.random.Generator) -> None:
    embedding = Embedding.of(schema, 14, rng)
    rows = any_rows(schema, 60, rng)
    vectors = np.array([naive_row(embedding, schema, row) for row in rows])
    assert embedding.summed(rows) == pytest.approx(vectors.sum(axis=0), abs=1e-12)
    norms = [np.linalg.norm(embedding.summed(rows[i : i + 1])) for i in range(len(rows))]
    assert norms == pytest.approx(np.linalg.norm(vectors, axis=(1, 2)), abs=1e-12)
    assert norms == pytest.approx(np.full(60, embedding.norm), abs=1e-12)
    assert embedding.summed(rows[:0]).shape == embedding.summed(rows).shape


def test_the_norm_is_that_of_both_parts() -> None:
    norms = {name: Embedding.of(schema, 8, np.random.default_rng(0)).norm ** 2 for name, schema in KINDS.items()}
    expected = {"numbers and codes": 2, "codes alone": 1, "numbers alone": 1, "no target": 2, "a number of one value": 1}
    assert norms == pytest.approx(expected)


def test_large_tables_are_summed_in_pieces_to_the_same(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    embedding, rows = Embedding.of(SCHEMA, 14, rng), any_rows(SCHEMA, 100, rng)
    whole = embedding.summed(rows)
    monkeypatch.setattr("baselines.dp_merf._PIECE", 7)
    assert embedding.summed(rows) == pytest.approx(whole, abs=1e-12)


def test_products_of_features_estimate_the_kernel(rng: np.random.Generator) -> None:
    """E cos(w (x - y)) = exp(-|x - y|^2 / (2 length^2)) of the Gaussian kernel (Rahimi and Recht 2007)."""
    schema = KINDS["numbers alone"]
    embedding = Embedding.of(schema, 40_000, rng)
    rows = np.array([[code, 0] for code in range(5)])
    products = embedding.features(rows) @ embedding.features(rows).T
    distance = np.abs(rows[:, :1] - rows[:, 0]) / 4
    assert products == pytest.approx(np.exp(-((distance * frequency_scale((5,))) ** 2) / 2), abs=0.02)


def test_the_kernel_is_as_long_as_two_uniform_rows_are_apart(rng: np.random.Generator) -> None:
    steps = (5, 16, 2, 1)
    rows = np.stack([rng.integers(s, size=(20_000, 2)) / max(1, s - 1) for s in steps], axis=2)
    assert np.square(rows[:, 0] - rows[:, 1]).sum(axis=1).mean() == pytest.approx(frequency_scale(steps) ** -2, rel=0.02)
    assert frequency_scale(()) == frequency_scale((1,)) == 1.0


# --- what it asks and spends -----------------------------------------------------------------------------------


@every_kind
def test_one_sum_and_one_count_of_equal_noise_are_all_that_is_asked(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float, float]] = []
    answer = PrivateTable.noisy_sum

    def noted(self: PrivateTable, f: Any, rate: float, sigma: float, clip: float) -> np.ndarray:
        rows = np.array(list(itertools.product(*(range(size) for size in self.schema.sizes))), dtype=self.schema.dtype)
        asked.append((rate, clip, max(np.linalg.norm(f(row[None], clip)) for row in rows[:: max(1, len(rows) // 400)])))
        return answer(self, f, rate, sigma, clip)

    monkeypatch.setattr(PrivateTable, "noisy_sum", noted)
    _, private = fitted(schema, iterations=2)
    ((rate, clip, longest),) = asked
    assert rate == 1.0 and longest == pytest.approx(clip, rel=1e-12)  # no row, of all that there can be, is longer
    count, summed = private.ledger.entries
    assert (count["mechanism"], summed["mechanism"], summed["count"]) == ("Gaussian", "SampledGaussian", 1)
    assert count["noise_multiplier"] == pytest.approx(summed["noise_multiplier"])
    assert 0.999 < private.ledger.spent <= 5.0 and private.ledger.spent > 4.99


def test_under_a_cap_of_another_method_both_fit() -> None:
    private = PrivateTable(toy_encoded(SCHEMA, 300), SCHEMA, Ledger(ZCDP(0.1)), np.random.default_rng(1))
    DPMERF(**(QUICK | {"iterations": 2})).fit(private, np.random.default_rng(2))
    assert sum(entry["count"] / (2 * entry["noise_multiplier"] ** 2) for entry in private.ledger.entries) == pytest.approx(
        0.1, rel=1e-3
    )


# --- what it learns --------------------------------------------------------------------------------------------


def test_generated_rows_have_features_as_rows_have(rng: np.random.Generator) -> None:
    """With certain categories and numbers at bins, both ways to compute features agree."""
    method, _ = fitted(iterations=1)
    embedding, rows = method.embedding_, any_rows(SCHEMA, 50, rng)
    rows[:, 2] = np.where(rows[:, 2] == 4, 1, rows[:, 2])  # no missing number, whose place is in the middle
    numbers, missing = embedding.scaled(rows)
    codes = [*(rows[:, i] for i in embedding.codes), *(missing[:, j].astype(int) for j in embedding.may_miss)]
    hot = [torch.from_numpy(60.0 * np.eye(width)[code]) for code, width in zip(codes, embedding.widths, strict=True)]
    made = method._features(torch.from_numpy(numbers).float(), [block.float() for block in hot])
    assert made.numpy() == pytest.approx(embedding.features(rows), abs=1e-5)


def test_classes_keep_their_columns_and_their_shares() -> None:
    """Seven labels in ten copy the colour: it shows in each class's colours, and numbers keep their bins."""
    method, _ = fitted(epsilon=50.0, iterations=300)
    rows = draw(method, SCHEMA, 6000, np.random.default_rng(3))
    real = toy_encoded(SCHEMA, 600)
    for label in range(3):
        own, true = rows[rows[:, -1] == label], real[real[:, -1] == label]
        assert len(own) / 6000 == pytest.approx(len(true) / 600, abs=0.03)
        colours = [np.bincount(part[part[:, 0] < 4, 0], minlength=4) for part in (own, true)]  # `other` is never drawn
        assert np.abs(colours[0] / colours[0].sum() - colours[1] / colours[1].sum()).sum() / 2 < 0.3  # .43: nothing learnt
        assert abs(own[:, 1].mean() - true[:, 1].mean()) < 0.5
    assert set(np.unique(rows[:, 2])) >= {0, 4}  # some numbers are missing


@every_kind
def test_every_kind_of_table_gives_rows(schema: Schema) -> None:
    method, _ = fitted(schema, iterations=3)
    for n in (0, 1, 50):
        assert draw(method, schema, n, np.random.default_rng(3)).shape == (n, len(schema.columns))


def test_a_class_without_rows_is_no_error() -> None:
    method, _ = fitted(epsilon=0.01, rows=0, iterations=3)
    assert np.isfinite(method.classes_).all() and method.classes_.min() > 0 and method.classes_.sum() == pytest.approx(1)
    assert draw(method, SCHEMA, 20, np.random.default_rng(3)).shape == (20, 5)


def test_a_target_alone_is_skipped() -> None:
    assert DPMERF().skip(SCHEMA.select(["label"]), Budget(1.0, 1e-6)) == "no column beside the target to embed"
    assert DPMERF().skip(SCHEMA, Budget(1.0, 1e-6)) is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"features": 7}, "features is 7; an even number"),
        ({"features": 0}, "features is 0"),
        ({"iterations": 0}, "iterations is 0"),
        ({"batch": 1.5}, "batch is 1.5; a share of the rows"),
        ({"batch": 0}, "batch is 0"),
        ({"noise_size": 0.5}, "noise_size is 0.5"),
        ({"rate": -1}, "rate is -1"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        DPMERF(**given)
