"""The method's labels: as common as in the candidates' own column, as honest as the guide can make them, and for free."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression

from dpdsyn.candidates import ClassConditional
from dpdsyn.contract import fit_toy, toy_schema
from dpdsyn.method import GuidedSynthesizer, class_weights
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import draw, find


def fitted(
    synthesizer: GuidedSynthesizer, encoded: np.ndarray, schema: Schema, epsilon: float
) -> tuple[GuidedSynthesizer, Ledger]:
    ledger = Ledger(Budget(epsilon, 1e-6))
    return synthesizer.fit(PrivateTable(encoded, schema, ledger, np.random.default_rng(1)), np.random.default_rng(2)), ledger


def test_labels_follow_the_guide() -> None:
    schema, rng = toy_schema(classes=3), np.random.default_rng(0)
    synthesizer, _ = fit_toy(lambda: GuidedSynthesizer("class_conditional"), schema, 80, verify=False)
    probabilities = np.tile([0.2, 0.5, 0.3], (30_000, 1))
    features = draw(synthesizer.source_, schema, 30_000, rng)[:, :4]
    for labels, near in (("sample", 0.02), ("toward_shares", 0.02), ("calibrated", 0.003)):
        synthesizer.labels = labels
        shares = np.bincount(synthesizer._labels(3 * probabilities, features, rng)) / 30_000
        assert shares == pytest.approx([0.2, 0.5, 0.3], abs=near)
    synthesizer.labels = "argmax"
    assert (synthesizer._labels(probabilities, features, rng) == 1).all()


# --- calibrated labels -------------------------------------------------------------------------------------------


def four_in_a_hundred(rows: int, seed: int) -> tuple[Schema, np.ndarray]:
    """Six columns; the logit of the rare class is a sum over them."""
    rng = np.random.default_rng(seed)
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(5))) for i in range(6)]
    schema = Schema((*columns, Column("y", "categorical", categories=("no", "yes"))), "y", 20_000)
    x = rng.integers(5, size=(rows, 6))
    logit = (x - 2) @ np.array([0.7, 0.5, 0.4, -0.5, 0.3, 0.0]) - 4.15
    return schema, np.column_stack([x, rng.random(rows) < 1 / (1 + np.exp(-logit))]).astype(np.uint8)


@cache
def at_one(candidates: str, labels: str) -> GuidedSynthesizer:
    """The method as it comes, at epsilon 1."""
    schema, encoded = four_in_a_hundred(20_000, 0)
    synthesizer, ledger = fitted(GuidedSynthesizer(candidates, labels=labels), encoded, schema, 1.0)  # type: ignore[arg-type]
    guide = ["SampledGaussian"] * (2 if synthesizer.source_.has_posterior else 1)  # how far its labels are trusted; the steps
    assert [entry["mechanism"] for entry in ledger.entries] == ["GaussianCap", *guide] and ledger.spent <= 1.0
    return synthesizer


def log_odds(synthesizer: GuidedSynthesizer, features: np.ndarray) -> np.ndarray:
    """Of the rare class, as labels are drawn."""
    weighed = np.clip(synthesizer._probabilities(features)[0] * synthesizer.odds_, 1e-12, None)
    return np.log(weighed[:, 1] / weighed[:, 0])


@pytest.mark.parametrize("candidates", ["swift", "class_conditional"])
def test_a_rare_class_is_as_common_as_in_the_source_and_its_chances_are_honest(candidates: str) -> None:
    """The guide's likeliest come to a quarter of them, and what it says is off by more."""
    schema, test = four_in_a_hundred(60_000, 1)
    rate, off, intercept = {}, {}, {}
    for labels in ("calibrated", "sample", "argmax"):
        synthesizer = at_one(candidates, labels)
        sampled = draw(synthesizer, schema, 20_000, np.random.default_rng(3))
        rate[labels] = sampled[:, -1].mean()
        given = log_odds(synthesizer, test[:, :-1])[:, None]
        recalibrated = LogisticRegression(C=1e6).fit(given, test[:, -1])
        off[labels], intercept[labels] = abs(recalibrated.coef_[0, 0] - 1), abs(recalibrated.intercept_[0])
    source = draw(synthesizer.source_, schema, 100_000, np.random.default_rng(4))[:, -1].mean()
    assert rate["calibrated"] == pytest.approx(source, abs=0.005) and source == pytest.approx(0.041, abs=0.006)
    assert rate["sample"] == pytest.approx(source, abs=0.005) and rate["argmax"] < 0.5 * rate["calibrated"]
    assert off["calibrated"] < 0.15 and off["calibrated"] < off["argmax"]
    assert intercept["calibrated"] < 0.4 and intercept["calibrated"] < intercept["argmax"]
    assert (off["sample"], intercept["sample"]) == (off["calibrated"], intercept["calibrated"])  # but for coins it is the same


def test_calibrated_labels_are_what_clipping_left_with_odds_moved_all_the_way() -> None:
    schema, encoded = four_in_a_hundred(20_000, 2)
    synthesizer, plain = at_one("class_conditional", "calibrated"), at_one("class_conditional", "argmax")
    features = encoded[:, :-1]
    assert np.array_equal(synthesizer._probabilities(features)[0], synthesizer.guide_.corrected(features)[0])
    assert np.array_equal(plain._probabilities(features)[0], plain.guide_.predict_proba(features))
    assert np.array_equal(plain.odds_, np.ones(2))
    assert np.array_equal(synthesizer.guide_.parameters_, plain.guide_.parameters_)  # the labels change nothing before them
    candidates = draw(synthesizer.source_, schema, 50_000, np.random.default_rng(5))
    weighed = synthesizer._probabilities(candidates[:, :-1])[0] * synthesizer.odds_
    means = (weighed / weighed.sum(axis=1, keepdims=True)).mean(axis=0)
    assert means[1] == pytest.approx(candidates[:, -1].mean(), abs=0.003)


@pytest.mark.parametrize("labels", ["calibrated", "toward_shares", "sample", "argmax"])
def test_every_target_has_odds_of_its_own_and_they_come_back(labels: str) -> None:
    schema, encoded = four_in_a_hundred(4000, 3)
    guide = {"steps": 20, "pretraining": 50}
    method = GuidedSynthesizer("class_conditional", labels=labels, other_targets=("x0",), guide=guide)  # type: ignore[arg-type]
    synthesizer, _ = fitted(method, encoded, schema, 1.0)
    assert synthesizer.odds_.shape == (7,) and (synthesizer.odds_ > 0).all()
    assert (synthesizer.odds_ == 1).all() == (labels == "argmax")
    back = GuidedSynthesizer(**method.parameters()).restore(schema, synthesizer.state())
    assert np.array_equal(back.sample(500, np.random.default_rng(5)), synthesizer.sample(500, np.random.default_rng(5)))
    if labels == "calibrated":
        sampled = draw(synthesizer, schema, 20_000, np.random.default_rng(6))
        source = draw(synthesizer.source_, schema, 100_000, np.random.default_rng(7))
        for column, size in ((0, 5), (6, 2)):
            ours, theirs = (np.bincount(rows[:, column], minlength=size) / len(rows) for rows in (sampled, source))
            assert np.abs(ours - theirs).max() < 0.015


@pytest.mark.parametrize("candidates", ["uniform", "permuted"])
def test_what_comes_of_no_private_rows_teaches_nothing_and_measures_no_shares(
    candidates: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is the guide told of rows that the source holds."""
    monkeypatch.setattr("dpdsyn.guide.Guide.pretrain", lambda *_: pytest.fail("pretrained"))
    synthesizer, private = fit_toy(lambda: GuidedSynthesizer(candidates), toy_schema(), 80, verify=False)
    assert synthesizer.source_schema_.names == toy_schema().features and (synthesizer.odds_ == 1).all()
    assert "SampledGaussian" in [entry["mechanism"] for entry in private.ledger.entries]


def test_a_guide_is_taught_the_sources_rows_labels_included_or_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[np.ndarray] = []
    monkeypatch.setattr("dpdsyn.guide.Guide.pretrain", lambda self, encoded, rng: given.append(encoded) or self)  # type: ignore[func-returns-value]
    fit_toy(lambda: GuidedSynthesizer("class_conditional", guide={"pretraining": 0}), toy_schema(), 80, verify=False)
    fit_toy(lambda: GuidedSynthesizer("independent"), toy_schema(), 80, verify=False)  # which knows nothing of labels
    assert given == []
    synthesizer, _ = fit_toy(lambda: GuidedSynthesizer("independent", guide={"pretraining": 5}), toy_schema(), 80, verify=False)
    assert synthesizer.source_schema_.names == toy_schema().names and [rows.shape for rows in given] == [(60_000, 5)]
    own = np.bincount(given[0][:, -1], minlength=2) / 60_000
    assert own == pytest.approx(synthesizer.source_.marginals_[-1], abs=0.01)


def test_the_sources_noisy_count_reaches_the_guide_and_no_other_number_does(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float | None] = []
    monkeypatch.setattr("dpdsyn.guide.Guide.fit", lambda self, private, noise, rng, rows=None: given.append(rows) or self)  # type: ignore[func-returns-value]
    monkeypatch.setattr(GuidedSynthesizer, "_odds", lambda self, rng: np.ones(2))
    counted, _ = fit_toy(lambda: GuidedSynthesizer("swift"), toy_schema(), 80, verify=False)
    assert given == [counted.source_.noisy_rows_] and counted.noisy_rows_ == counted.source_.noisy_rows_
    monkeypatch.setattr(ClassConditional, "rows_", 80, raising=False)
    fit_toy(lambda: GuidedSynthesizer("class_conditional"), toy_schema(), 80, verify=False)
    assert given[1:] == [None]


# --- odds --------------------------------------------------------------------------------------------------------


def test_class_weights_bring_the_mean_probabilities_to_the_shares(rng: np.random.Generator) -> None:
    probabilities = rng.dirichlet([4.0, 1.0, 0.5], size=5000)
    shares = np.array([0.5, 0.2, 0.3])
    weights = class_weights(probabilities, shares)
    means = np.zeros(3)
    for row in probabilities:
        means += row * weights / (row * weights).sum() / len(probabilities)
    assert means == pytest.approx(shares, abs=2e-5) and weights.sum() == pytest.approx(1)
    two = rng.beta(0.3, 2.0, 4000)

    def distance(b: float) -> float:
        return (np.mean(1 / (1 + (1 - two) / two * math.exp(-b))) - 0.4) ** 2

    logit = minimize_scalar(distance, bounds=(-9, 9), method="bounded")
    first, second = class_weights(np.column_stack([1 - two, two]), np.array([0.6, 0.4]))
    assert math.log(second / first) == pytest.approx(logit.x, abs=1e-3)
    equal = class_weights(probabilities, probabilities.mean(axis=0))
    assert equal == pytest.approx(np.full(3, 1 / 3))


def rare_class(rng: np.random.Generator, rows: int) -> tuple[Schema, np.ndarray]:
    """Two columns that say a little each about a class that one row in eight has."""
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(6))) for i in range(2)]
    schema = Schema((*columns, Column("y", "categorical", categories=("no", "yes"))), "y", rows)
    x = rng.integers(6, size=(rows, 2))
    return schema, np.column_stack([x, rng.random(rows) < 0.025 * x.sum(axis=1)]).astype(np.uint8)


@pytest.mark.parametrize("candidates", ["class_conditional", "independent"])
def test_drawn_labels_go_all_the_way_to_the_shares_and_no_row_is_read_for_it(candidates: str, rng: np.random.Generator) -> None:
    """Whatever clipping did to the guide, and though nobody taught it: a source without a target measures shares too."""
    schema, encoded = rare_class(rng, 20_000)
    for labels in ("sample", "toward_shares"):
        settings = {"clip": 0.05, "pretraining": 0, "steps": 60}
        method = GuidedSynthesizer(candidates, labels=labels, guide=settings)  # type: ignore[arg-type]
        synthesizer, ledger = fitted(method, encoded, schema, 4.0)
        assert [entry["mechanism"] for entry in ledger.entries] == ["GaussianCap", "SampledGaussian"] and ledger.spent <= 4.0
        published = draw(synthesizer, schema, 50_000, np.random.default_rng(4))
        features = published[:, :2]
        leaning = synthesizer.guide_.predict_proba(features)[:, 1].mean()
        assert published[:, -1].mean() == pytest.approx(encoded[:, -1].mean(), abs=0.01) and leaning < 0.08
        back = GuidedSynthesizer(candidates, labels=labels, guide=settings).restore(schema, synthesizer.state())  # type: ignore[arg-type]
        assert np.array_equal(back.sample(500, np.random.default_rng(5)), synthesizer.sample(500, np.random.default_rng(5)))


def one_in_a_hundred(rows: int) -> tuple[Schema, np.ndarray]:
    """Twelve columns, each like the one before in half of the rows, and a class that one row in a hundred has."""
    rng = np.random.default_rng(8)
    sizes = np.array([2, 4, 8, 16] * 3)
    columns = [Column(f"x{i}", "categorical", categories=tuple(range(size))) for i, size in enumerate(sizes)]
    schema = Schema((*columns, Column("y", "categorical", categories=("no", "yes"))), "y", rows)
    latent, copied = rng.random((rows, 12)), rng.random((rows, 12)) < 0.5
    for i in range(1, 12):
        latent[:, i] = np.where(copied[:, i], latent[:, i - 1], latent[:, i])
    logit = 3 * (latent[:, :4] - 0.5).sum(axis=1) - 7.2
    return schema, np.column_stack([(latent * sizes).astype(int), rng.random(rows) < 1 / (1 + np.exp(-logit))]).astype(np.uint8)


@pytest.mark.parametrize("labels", ["calibrated", "toward_shares"])
def test_one_in_a_hundred_is_not_lost_where_the_sources_fit_loses_it(labels: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose fit begins at uniform columns has next to none of them, though MST counted them: what counts is the count."""
    monkeypatch.setattr("baselines.marginal.inference._apart", lambda measurements: {})
    schema, encoded = one_in_a_hundred(10_000)
    method = GuidedSynthesizer("mst", 0.8, labels=labels, guide={"steps": 20, "pretraining": 0})  # type: ignore[arg-type]
    synthesizer, _ = fitted(method, encoded, schema, 1.0)
    counts = synthesizer.source_.noisy_counts_["y"]
    real, noisy = encoded[:, -1].mean(), counts[1] / counts.sum()
    published = draw(synthesizer, schema, 30_000, np.random.default_rng(4))[:, -1].mean()
    lost = draw(synthesizer.source_, synthesizer.source_schema_, 30_000, np.random.default_rng(5))[:, -1].mean()
    assert lost < 0.2 * real and published == pytest.approx(noisy, abs=0.003) and abs(noisy - real) < 0.01


def test_a_fit_that_begins_at_the_columns_own_counts_keeps_one_in_a_hundred() -> None:
    schema, encoded = one_in_a_hundred(10_000)
    source, _ = fitted(find("mst")(), encoded, schema, 0.8)
    counts = source.noisy_counts_["y"]
    kept = draw(source, schema, 30_000, np.random.default_rng(5))[:, -1].mean()
    assert kept == pytest.approx(counts[1] / counts.sum(), rel=0.3)


def test_the_version_is_higher_where_labels_have_changed_and_nowhere_else() -> None:
    for labels, candidates, version in (
        ("argmax", "mst", 4),
        ("sample", "permuted", 4),
        ("sample", "uniform", 4),
        ("argmax", "swift", 6),  # with a head start
        ("calibrated", "swift", 7),  # with classes of at least so many rows
        ("calibrated", "class_conditional", 7),
        ("toward_shares", "class_conditional", 7),
        ("calibrated", "mst", 7),
    ):
        assert GuidedSynthesizer(candidates, labels=labels).version == version, (labels, candidates)  # type: ignore[arg-type]
    assert GuidedSynthesizer("swift", labels="argmax", guide={"pretraining": 0}).version == 4
    assert GuidedSynthesizer("swift", labels="argmax", other_targets=("x0",)).version == 4


@pytest.mark.parametrize(("public", "least"), [(20_000, 40 / 20_000), (500, 0.01)])
def test_a_class_has_enough_rows_for_a_model_however_few_were_counted(public: int, least: float) -> None:
    """Rows that somebody's declared class does not have, and that noise may count as any number."""
    schema, encoded = four_in_a_hundred(public, 0)
    encoded[:, -1] = 0
    column = Column("y", "categorical", categories=("no", "yes", "never"))
    schema = Schema((*schema.columns[:-1], column), "y", public)
    for candidates in ("swift", "class_conditional"):
        synthesizer, _ = fitted(GuidedSynthesizer(candidates, guide={"steps": 10}), encoded, schema, 100.0)
        rates = np.bincount(draw(synthesizer, schema, 20_000, np.random.default_rng(3))[:, -1], minlength=3) / 20_000
        assert rates[1:] == pytest.approx([least, least], rel=0.25)


def test_bins_of_a_number_may_be_empty() -> None:
    schema, encoded = four_in_a_hundred(5000, 0)
    schema = Schema((*schema.columns[:-1], Column("y", "integer", bounds=(0, 5), bins=6)), "y", 5000)
    synthesizer, _ = fitted(GuidedSynthesizer(guide={"steps": 10}), encoded, schema, 100.0)
    assert np.bincount(draw(synthesizer, schema, 20_000, np.random.default_rng(3))[:, -1], minlength=6)[2:].sum() < 40


def test_labels_toward_shares_need_a_source_that_measures_some() -> None:
    with pytest.raises(ValueError, match="uniform measures no shares"):
        GuidedSynthesizer("uniform", labels="toward_shares")
