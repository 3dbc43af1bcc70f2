"""QUAIL: who sees what, what each part may spend, and labels that are predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from baselines.quail import Quail
from dpdsyn.accounting.spends import ZCDP, SampledGaussian
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.guide import GuideSettings
from dpdsyn.privacy import Budget, Ledger, calibrate
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer, draw, find

SCHEMA = toy_schema(rows_public=4000)
FEW = {"steps": 20}


def fitted(method: Synthesizer, epsilon: float = 1.0, rows: int = 4000) -> PrivateTable:
    private = PrivateTable(toy_encoded(SCHEMA, rows), SCHEMA, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(1))
    method.fit(private, np.random.default_rng(2))
    return private


@pytest.mark.parametrize(("source", "mechanism"), [("mst", "ZCDP"), ("independent", "GaussianCap")])
def test_the_classifier_has_its_share_of_epsilon_and_the_synthesizer_all_that_then_fits(source: str, mechanism: str) -> None:
    ledger = fitted(Quail(source, classifier_share=0.8, classifier=FEW)).ledger
    cap, training = ledger.plan
    assert (cap.pop("mechanism"), training.pop("mechanism")) == (mechanism, "SampledGaussian")
    classifier = SampledGaussian(**training)
    assert (classifier.rate, classifier.count) == (1.0, 20)
    assert Budget(0.8, 1e-6).spent([classifier]) == pytest.approx(0.8, rel=1e-3)
    rho = cap["rho"] if mechanism == "ZCDP" else 1 / (2 * cap["noise_multiplier"] ** 2)
    assert rho > Budget(0.2, 1e-6).rho  # what is left when epsilons are added up
    assert ledger.guarantee == "dp" and 0.999 < ledger.spent <= 1.0
    assert [entry["mechanism"] for entry in ledger.entries] == [mechanism, "SampledGaussian"]


def test_a_synthesizer_that_spends_nothing_leaves_all_to_the_classifier() -> None:
    ledger = fitted(Quail("uniform", classifier=FEW)).ledger
    noise = calibrate(lambda noise: [SampledGaussian(1.0, noise, 20)], Budget(1.0, 1e-6))
    assert [entry["noise_multiplier"] for entry in ledger.plan] == [pytest.approx(noise)]


def test_within_another_method_rho_is_divided_by_squares() -> None:
    allowance = ZCDP(0.1)
    private = PrivateTable(toy_encoded(SCHEMA, 500), SCHEMA, Ledger(allowance), np.random.default_rng(1))
    Quail(classifier_share=0.6, classifier=FEW).fit(private, np.random.default_rng(2))
    cap, training = private.ledger.plan
    assert cap["rho"] == pytest.approx(0.064, rel=1e-3)
    assert training["count"] / (2 * training["noise_multiplier"] ** 2) == pytest.approx(0.036, rel=1e-3)


def test_the_synthesizer_never_sees_the_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    method, seen = Quail("independent", classifier=FEW), []
    source = method._source()
    inner = source.fit
    monkeypatch.setattr(method, "_source", lambda: source)
    monkeypatch.setattr(source, "fit", lambda private, rng: (seen.append(private.schema), inner(private, rng))[1])
    fitted(method)
    assert [(schema.names, schema.target) for schema in seen] == [(SCHEMA.features, None)]


def test_each_row_has_the_class_that_is_predicted_for_it() -> None:
    """Seven labels in ten copy the colour, and the others are even: predictions hold none of that doubt."""
    method = Quail("independent")
    fitted(method, epsilon=5.0)
    rows = draw(method, SCHEMA, 3000, np.random.default_rng(3))
    predicted = method.classifier_.predict_proba(rows[:, :-1])
    assert (rows[:, -1] == predicted.argmax(axis=1)).all()
    assert ((predicted > 0.02) & (predicted < 0.98)).any(axis=1).all()  # so that drawn labels would be others
    assert (rows[:, -1] == rows[:, 0] % 2).mean() > 0.99


def test_the_classifier_is_a_logistic_regression_and_learns_from_all_rows() -> None:
    method = Quail(classifier=FEW)
    assert method._settings() == GuideSettings.of({"hidden": 0, "steps": 20}) and Quail()._settings().hidden == 0
    private = fitted(method)
    (steps,) = [entry for entry in private.ledger.entries if entry["mechanism"] == "SampledGaussian"]
    assert steps["rate"] == 1.0 and method.classifier_.network.hidden == 0
    assert method.classifier_.parameters_.shape == ((1 + sum(SCHEMA.shape(SCHEMA.features))) * 2,)


def test_it_tells_what_it_is_made_of() -> None:
    method, inner, features = Quail("dpdsyn"), find("dpdsyn")(), SCHEMA.select(SCHEMA.features)
    assert method.foreign_versions() == {"dpdsyn": inner.version, **inner.foreign_versions()}
    assert set(inner.imports()) <= set(method.imports())
    reason = inner.skip(features, Budget(1.0, 1e-6))
    assert reason and method.skip(SCHEMA, Budget(1.0, 1e-6)) == reason  # of labels it will see none
    assert Quail().skip(SCHEMA, Budget(1.0, 1e-6)) is None
    assert Quail().skip(features, Budget(1.0, 1e-6)) == "no target column to train a classifier for"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classifier_share": 1.0}, "classifier_share is 1.0; a number between 0 and 1"),
        ({"classifier_share": 0}, "classifier_share is 0; a finite number above 0"),
        ({"synthesizer": "nobody"}, "no synthesizer is called 'nobody'"),
        ({"classifier": {"hiden": 3}}, "the guide has no setting hiden"),
        ({"classifier": 3}, "classifier is 3; settings by name"),
        ({"synthesizer_parameters": {"iterations": 0}}, "iterations is 0"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(given: Mapping[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Quail(**given)
