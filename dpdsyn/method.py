"""DPDSyn's own method: a differentially private guide labels candidate rows from a differentially private source.

After arXiv 2604.15660. Secondary notes describe its candidate rows as the columns of the raw rows, each permuted, which is not
private. Here they come from a source that pays from the same budget.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, Literal, Self, get_args

import numpy as np

from dpdsyn.checks import InputError
from dpdsyn.guide import GUIDE_IMPORTS, Guide, GuideSettings
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.spends import ZCDP, GaussianCap, Nothing, Spend
from dpdsyn.synthesizer import Synthesizer, draw, find

Labels = Literal["sample", "argmax", "toward_shares"]
_PROBE = 20_000  # candidate rows on which the guide's class shares are held against the candidates' own
_WAY = 0.5  # how far, in log-odds, labels go from the guide's shares to those of the candidates


class GuidedSynthesizer(Synthesizer):
    """Candidates from a source, labels from a guide.

    candidates: entry-point name of the source, a Synthesizer of the feature columns; candidate_parameters are
    its own. candidate_share: the share of the budget, in zCDP, that the source gets (none if it spends nothing);
    the guide gets what then still fits into (epsilon, delta), composed jointly.
    labels: "sample" draws each label from the guide's probabilities, "argmax" takes the likeliest; "toward_shares" draws
    too, after moving the odds of each class by a constant, half of the way to where the classes would be as common as
    in a label column of the candidates, which the source then measures too. Clipping makes a guide lean to the common
    classes; this takes half of it back.
    other_targets: further columns that the guide is to label, so that one release serves several tasks.
    guide: settings of the guide (`dpdsyn.guide.GuideSettings`), or a mapping of those that are to differ.
    """

    version = 3

    def __init__(
        self,
        candidates: str = "class_conditional",
        candidate_share: float = 0.2,
        candidate_parameters: Mapping[str, Any] | None = None,
        labels: Labels = "sample",
        other_targets: Sequence[str] = (),
        guide: GuideSettings | Mapping[str, Any] | None = None,
    ) -> None:
        self.candidates = candidates
        self.candidate_share = candidate_share
        self.candidate_parameters = candidate_parameters
        self.labels = labels
        self.other_targets = other_targets
        self.guide = guide
        self._check()

    def imports(self) -> tuple[str, ...]:
        return (*GUIDE_IMPORTS, *self._source().imports())

    def foreign_versions(self) -> dict[str, int | str]:
        source = self._source()
        own = type(source).__module__.startswith("dpdsyn.")
        return source.foreign_versions() | ({} if own else {self.candidates: source.version})

    def _source(self) -> Synthesizer:
        return find(self.candidates)(**(self.candidate_parameters or {}))

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        if schema.target is None:
            return "no target column to guide the synthesis"
        unknown = [name for name in self.other_targets if name not in schema.features]
        return f"other_targets {', '.join(unknown)}: no feature column has that name" if unknown else None

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        source = self._source()
        guide = Guide(schema, GuideSettings.of(self.guide), self.other_targets)
        cap = self._cap(source, private.ledger.allowance)

        def plan(noise: float) -> Sequence[Spend]:
            return [guide.spend(noise)] if isinstance(cap, Nothing) else [cap, guide.spend(noise)]

        noise = private.ledger.open_calibrated(plan)
        columns = self._columns(source, schema)
        self.source_ = source.fit(private.child(cap, columns), rng)
        self.source_schema_ = schema.select(columns)
        self.guide_ = guide.fit(private, noise, rng)
        self.schema_ = schema
        self.odds_ = self._odds(rng)
        return self

    def _columns(self, source: Synthesizer, schema: Schema) -> tuple[str, ...]:
        """What the source sees."""
        return schema.names if source.uses_target or self.labels == "toward_shares" else schema.features

    def _odds(self, rng: np.random.Generator) -> np.ndarray:
        """What each head's class probabilities are multiplied by before a label is drawn, shape (classes of all heads,).

        Made of candidates and the guide alone: no row is read.
        """
        network = self.guide_.network
        odds = np.ones(network.classes, dtype=np.float32)
        if self.labels != "toward_shares":
            return odds
        candidates = draw(self.source_, self.source_schema_, _PROBE, rng)
        heads = self.guide_.predict_all(candidates[:, self.source_schema_.positions(self.guide_.features)])
        for target, head, probabilities in zip(self.guide_.targets, network.slices, heads, strict=True):
            own = np.bincount(candidates[:, self.source_schema_.position(target)], minlength=probabilities.shape[1]) + 1
            odds[head] = class_weights(probabilities, own / own.sum()) ** _WAY
        return odds

    def _cap(self, source: Synthesizer, allowance: Allowance) -> ZCDP | GaussianCap | Nothing:
        if source.spends == "nothing":
            return Nothing()
        rho = self.candidate_share * allowance.rho
        return GaussianCap(1 / math.sqrt(2 * rho)) if source.spends == "gaussian" else ZCDP(rho)

    def _check(self) -> None:
        if not isinstance(self.candidate_share, Real) or not 0 < self.candidate_share < 1:
            raise InputError(f"candidate_share is {self.candidate_share!r}; a number between 0 and 1 is needed")
        if self.labels not in get_args(Labels):
            raise InputError(f"labels is {self.labels!r}; accepted: {', '.join(get_args(Labels))}")
        if self.labels == "toward_shares" and self._source().spends == "nothing":
            raise InputError(f"labels is 'toward_shares', and {self.candidates} measures no shares; choose other candidates")
        if isinstance(self.other_targets, str) or not isinstance(self.other_targets, Sequence):
            raise InputError(f"other_targets is {self.other_targets!r}; a list of column names is needed")
        GuideSettings.of(self.guide)
        self._source()

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        schema = self.schema_
        candidates = draw(self.source_, self.source_schema_, n, rng)
        features = candidates[:, self.source_schema_.positions(self.guide_.features)]
        encoded = np.empty((n, len(schema.columns)), dtype=schema.dtype)
        encoded[:, schema.positions(self.guide_.features)] = features
        heads = zip(self.guide_.targets, self.guide_.network.slices, self.guide_.predict_all(features), strict=True)
        for target, head, probabilities in heads:
            encoded[:, schema.position(target)] = self._label(probabilities * self.odds_[head], rng)
        return encoded

    def state(self) -> dict[str, np.ndarray]:
        source = {f"source.{key}": value for key, value in self.source_.state().items()}
        return {**source, "guide": np.asarray(self.guide_.parameters_), "odds": self.odds_}

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.schema_ = schema
        source = self._source()
        self.source_schema_ = schema.select(self._columns(source, schema))
        self.source_ = source.restore(self.source_schema_, {k[7:]: v for k, v in state.items() if k.startswith("source.")})
        self.guide_ = Guide(schema, GuideSettings.of(self.guide), self.other_targets)
        parameters = np.asarray(state["guide"], dtype=np.float32)
        if parameters.shape != (self.guide_.network.parameters,) or not np.isfinite(parameters).all():
            raise ValueError("the saved guide does not fit its schema")
        self.guide_.parameters_ = parameters
        self.odds_ = np.asarray(state["odds"], dtype=np.float32)
        if self.odds_.shape != (self.guide_.network.classes,) or not (np.isfinite(self.odds_) & (self.odds_ > 0)).all():
            raise ValueError("the saved odds do not fit their schema")
        return self

    def _label(self, probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if self.labels == "argmax":
            return probabilities.argmax(axis=1)
        thresholds = np.cumsum(probabilities, axis=1)
        draws = rng.random((len(probabilities), 1)) * thresholds[:, -1:]
        return np.minimum((draws >= thresholds).sum(axis=1), probabilities.shape[1] - 1)


def class_weights(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Positive weights by which to multiply class probabilities so that, normalised again, their means are `shares`.

    probabilities: shape (rows, classes). shares: shape (classes,), above 0, of sum 1. By iterative scaling, to 1e-5, or as
    near as 200 rounds come; the weights' sum is 1.
    """
    weights = np.full(len(shares), 1 / len(shares))
    for _ in range(200):
        scaled = probabilities * weights
        means = (scaled / scaled.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(means - shares).max() < 1e-5:
            break
        weights *= shares / np.maximum(means, 1e-12)
        weights /= weights.sum()
    return weights
