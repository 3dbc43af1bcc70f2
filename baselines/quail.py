"""QUAIL: a DP synthesizer for the features, a DP classifier for the labels (Rosenblatt et al. 2020, arXiv 2011.05537)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from dpdsyn.accounting.spends import ZCDP, GaussianCap, Nothing
from dpdsyn.base.checks import InputError, positive
from dpdsyn.guide import Guide, GuideSettings, guide_imports
from dpdsyn.guides.module_guide import guide_of
from dpdsyn.privacy import Allowance, Budget, Ledger, calibrate
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, find


class Quail(Synthesizer):
    """Rows of the features from a synthesizer that never sees labels; each row gets the class that a classifier predicts for it.

    After the public code (opendp/smartnoise-sdk, `synth/snsynth/quail.py`, MIT; read, not copied):
    1. the classifier is trained on the private rows with `classifier_share` of epsilon, by default .9 as there;
    2. the synthesizer is fitted on the private features with the rest;
    3. synthetic rows are drawn from the synthesizer, and their labels are the classifier's predictions, not drawn.

    The split under joint composition: the classifier's noise is what (classifier_share epsilon, delta) would give it by itself;
    the synthesizer gets, as one cap (of zCDP, or of Gaussian noise where it uses no other), all that then still fits into
    (epsilon, delta). The public code adds epsilons up, which would leave it a tenth; composed, its cap is by itself worth a
    third of epsilon or more (at budgets of .2 to 8). If the synthesizer spends nothing, the classifier has the whole budget.
    Nested in a method that shares zCDP there is no epsilon to divide: the classifier then has classifier_share^2 of rho, since
    epsilon goes about with its root.

    synthesizer: entry-point name of any that is to be had, as in the public code, whose tests take a GAN; by default MST, the
    strongest quick one here. synthesizer_parameters: its own.
    classifier: settings of `dpdsyn.guide.GuideSettings` that are to be other than theirs there with `hidden` 0, which is
    (multinomial) logistic regression on the one-hot codes of all features.

    What else differs: the logistic regression is trained by DP-SGD, where that of the public code's tests (diffprivlib) perturbs
    the objective under pure epsilon; it is trained on all rows, where the public code keeps a fifth back and reports the exact
    accuracy on these private rows, which no budget pays for: nothing of the kind is computed here.
    """

    version = 1

    def __init__(
        self,
        synthesizer: str = "mst",
        synthesizer_parameters: Mapping[str, Any] | None = None,
        classifier_share: float = 0.9,
        classifier: Mapping[str, Any] | None = None,
    ) -> None:
        self.synthesizer = synthesizer
        self.synthesizer_parameters = synthesizer_parameters
        self.classifier_share = classifier_share
        self.classifier = classifier
        if positive("classifier_share", classifier_share) >= 1:
            raise InputError(f"classifier_share is {classifier_share!r}; a number between 0 and 1, both excluded, is needed")
        self._settings()
        self._source()

    def imports(self) -> tuple[str, ...]:
        return (*guide_imports(self._settings()), *self._source().imports())

    def foreign_versions(self) -> dict[str, int | str]:
        source = self._source()
        return {**source.foreign_versions(), self.synthesizer: source.version}

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        if schema.target is None:
            return "no target column to train a classifier for"
        return self._source().skip(schema.select(schema.features), budget)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, source = private.schema, self._source()
        classifier = guide_of(schema, self._settings())
        cap, noise = self._split(source, classifier, private.ledger)
        self.schema_, self.source_schema_ = schema, schema.select(schema.features)
        self.source_ = source.fit(private.child(cap, schema.features), rng)
        self.classifier_ = classifier.fit(private, noise, rng)
        of_source = {f"features/{name}": values for name, values in self.source_.steps_.items()}
        self.steps_ = {**of_source, "classifier/gradient_to_noise": classifier.gradient_to_noise_}
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        schema = self.schema_
        features = draw(self.source_, self.source_schema_, n, rng)
        encoded = np.empty((n, len(schema.columns)), dtype=schema.dtype)
        encoded[:, schema.positions(schema.features)] = features
        encoded[:, schema.target_position] = self.classifier_.predict_proba(features).argmax(axis=1)
        return encoded

    def _source(self) -> Synthesizer:
        return find(self.synthesizer)(**(self.synthesizer_parameters or {}))

    def _settings(self) -> GuideSettings:
        if self.classifier is not None and not isinstance(self.classifier, Mapping):
            raise InputError(f"classifier is {self.classifier!r}; settings by name are needed, or None")
        return GuideSettings.of({"hidden": 0, **(self.classifier or {})})

    def _split(self, source: Synthesizer, classifier: Guide, ledger: Ledger) -> tuple[ZCDP | GaussianCap | Nothing, float]:
        """Opens the ledger; gives the synthesizer's cap and the classifier's noise."""
        if source.spends == "nothing":
            return Nothing(), ledger.open_calibrated(lambda noise: [classifier.spend(noise)])
        allowance, share = ledger.allowance, self.classifier_share
        own: Budget | ZCDP = ZCDP(share**2 * allowance.rho)
        if isinstance(allowance, Budget):
            left = allowance.left
            own = Budget(share * left.epsilon, left.delta)
        noise = calibrate(lambda noise: [classifier.spend(noise)], own)

        def cap(scale: float) -> ZCDP | GaussianCap:
            return GaussianCap(scale) if source.spends == "gaussian" else ZCDP(1 / (2 * scale**2))

        return cap(ledger.open_calibrated(lambda scale: [cap(scale), classifier.spend(noise)])), noise
