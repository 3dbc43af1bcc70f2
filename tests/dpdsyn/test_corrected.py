"""The claim that `Guide.corrected` rests on: clipped training is at rest at other probabilities than those of the labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.guides.module_guide import ModuleGuide, guide_of
from dpdsyn.guides.row_gradients import RowGradients, apart, loss_sum
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

EACH = 100  # rows of each code, so that shares of whole hundredths are exact
TWO = np.array([[1 - p, p] for p in (0.02, 0.05, 0.1, 0.2, 0.35, 0.45)])
THREE = np.array([[0.9, 0.06, 0.04], [0.7, 0.25, 0.05], [0.45, 0.35, 0.2], [0.1, 0.1, 0.8], [0.02, 0.58, 0.4]])
CROSSES = {"module": "dpdsyn.crosses:Crosses", "options": {"width": 2, "hidden": 2}}


def table(*heads: np.ndarray) -> tuple[Schema, np.ndarray]:
    """One column, and labels whose shares given its code are exactly those of `heads`, each of shape (codes, classes)."""
    codes = len(heads[0])
    names = ["y", "z"][: len(heads)]
    labels = [Column(name, "categorical", categories=tuple(range(q.shape[1]))) for name, q in zip(names, heads, strict=True)]
    schema = Schema((Column("x", "categorical", categories=tuple(range(codes))), *labels), "y", codes * EACH)
    own = [np.concatenate([np.repeat(np.arange(q.shape[1]), np.rint(row * EACH).astype(int)) for row in q]) for q in heads]
    rng = np.random.default_rng(0)  # heads are independent of each other, given the code
    mixed = [np.concatenate([rng.permutation(part) for part in np.split(labels, codes)]) for labels in own]
    return schema, np.column_stack([np.repeat(np.arange(codes), EACH), *mixed]).astype(np.uint8)


def at_rest(schema: Schema, encoded: np.ndarray, other_targets: Sequence[str] = (), **settings: Any) -> Guide:
    """Trained without noise, on all rows at once, until nothing moves."""
    settings = {"pretraining": 700 if "module" in settings else 1200, **settings}
    return guide_of(schema, GuideSettings(**settings), other_targets).pretrain(encoded, np.random.default_rng(0))


@pytest.mark.parametrize("clip", [1.0, 0.3])
@pytest.mark.parametrize("shares", [TWO, THREE])
@pytest.mark.parametrize("kind", [{"hidden": 0}, {"hidden": 4}, CROSSES])
def test_noiseless_clipped_training_ends_where_corrected_probabilities_are_the_labels_shares(
    kind: dict[str, Any], shares: np.ndarray, clip: float
) -> None:
    guide = at_rest(*table(shares), clip=clip, **kind)
    codes = np.arange(len(shares), dtype=np.uint8)[:, None]
    leaning, corrected = guide.predict_proba(codes), guide.corrected(codes)[0]
    assert corrected == pytest.approx(shares, abs=0.01)
    assert np.abs(leaning - shares).max() > 0.08 and np.abs(leaning - shares).max(axis=1).min() > 0.009
    common = shares.argmax(axis=1)
    assert (leaning[np.arange(len(shares)), common] > shares.max(axis=1)).all()  # it leans to the common class, everywhere


def test_of_two_classes_the_lean_is_that_of_the_docstring() -> None:
    """p = c q / (1 - q), where c = clip / |gradient for an error of 1|: that of two columns, the bias one of them, is 2."""
    guide = at_rest(*table(TWO), hidden=0)
    found = guide.predict_proba(np.arange(len(TWO), dtype=np.uint8)[:, None])[:, 1]
    assert found == pytest.approx(0.5 * TWO[:, 1] / (1 - TWO[:, 1]), abs=1e-3)


def test_without_clipping_training_ends_at_the_shares_and_nothing_is_corrected() -> None:
    guide = at_rest(*table(THREE), hidden=0, clip=100.0)
    codes = np.arange(len(THREE), dtype=np.uint8)[:, None]
    assert guide.predict_proba(codes) == pytest.approx(THREE, abs=1e-3)
    assert guide.corrected(codes)[0] == pytest.approx(guide.predict_proba(codes), abs=1e-6)


@pytest.mark.parametrize("kind", [{"hidden": 4}, CROSSES])
def test_of_several_heads_most_of_the_lean_goes(kind: dict[str, Any]) -> None:
    """The others' labels are not known, so it is not all."""
    heads = (TWO[:5], THREE)
    guide = at_rest(*table(*heads), other_targets=("z",), **kind)
    codes = np.arange(5, dtype=np.uint8)[:, None]
    for shares, leaning, corrected in zip(heads, guide.predict_all(codes), guide.corrected(codes), strict=True):
        assert corrected.shape == shares.shape and corrected.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
        assert np.abs(corrected - shares).mean() < 0.5 * np.abs(leaning - shares).mean()


def test_a_modules_corrected_probabilities_are_divided_by_what_each_label_is_clipped_to() -> None:
    """Beside norms by torch's own differentiation, row by row."""
    rng = np.random.default_rng(1)
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(4))) for i in range(3)]
    labels = [Column("y", "categorical", categories=(0, 1, 2)), Column("z", "categorical", categories=(0, 1))]
    schema = Schema((*columns, *labels), "y", 200)
    encoded = np.column_stack([rng.integers(4, size=(200, 3)), rng.integers(3, size=200), rng.integers(2, size=200)])
    guide = at_rest(schema, encoded.astype(np.uint8), ("z",), clip=0.7, pretraining=30, **CROSSES)
    assert isinstance(guide, ModuleGuide)
    features = encoded[:9, :3].astype(np.uint8)
    given = np.concatenate(guide.predict_all(features), axis=1)
    expected = np.empty_like(given)
    with apart():
        module = guide._placed(guide.parameters_)
        for i, row in enumerate(torch.from_numpy(features.astype(np.int64))):
            likeliest = [int(given[i, head].argmax()) for head in guide.slices]
            for place, head in enumerate(guide.slices):
                for k in range(head.stop - head.start):
                    own = torch.tensor([[*likeliest[:place], k, *likeliest[place + 1 :]]])
                    parts = torch.autograd.grad(loss_sum(module(row[None]), own, guide.slices), list(module.parameters()))
                    norm = float(torch.cat([part.flatten() for part in parts]).norm())
                    expected[i, head.start + k] = given[i, head.start + k] / min(1.0, 0.7 / norm)
                expected[i, head] /= expected[i, head].sum()
    assert np.concatenate(guide.corrected(features), axis=1) == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - given).max() > 0.01


@pytest.mark.parametrize("ghost", [True, False])
def test_norms_are_those_that_sums_are_clipped_by(ghost: bool) -> None:
    """One row's sum at a clip far above its norm has that norm; rows beside it, and more than a block of them, change nothing."""
    rng = np.random.default_rng(2)
    schema, _ = table(THREE)
    guide = guide_of(schema, GuideSettings(**CROSSES))
    assert isinstance(guide, ModuleGuide)
    with apart():
        flat = guide._initial(rng)
        rows = RowGradients(guide._placed(flat), guide.slices, ghost)
        rows.block = 8
        features, labels = rng.integers(5, size=(21, 1)), rng.integers(3, size=(21, 1))
        found = rows.norms(flat, features, labels)
        alone = [np.linalg.norm(rows.clipped_sum(flat, features[i : i + 1], labels[i : i + 1], 1e9)) for i in range(21)]
        assert rows.norms(flat, features[:0], labels[:0]).shape == (0,)
    assert found == pytest.approx(np.array(alone), rel=1e-9) and found.min() > 0


@pytest.mark.parametrize("kind", [{"hidden": 4}, CROSSES])
def test_rows_are_corrected_alike_in_pieces_and_none_is_no_error(kind: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    guide = at_rest(*table(THREE), pretraining=20, **kind)
    codes = np.tile(np.arange(5, dtype=np.uint8), 40)[:, None]
    whole = guide.corrected(codes)[0]
    monkeypatch.setattr("dpdsyn.guide._CHUNK", 64)
    assert guide.corrected(codes)[0] == pytest.approx(whole, abs=1e-6) and guide.corrected(codes[:0])[0].shape == (0, 3)
    with pytest.raises(RuntimeError, match="not been fitted"):
        guide_of(table(THREE)[0], GuideSettings(**kind)).corrected(codes)
