"""DPDSyn's own method: a differentially private guide labels candidate rows from a differentially private source.

After arXiv 2604.15660. Secondary notes describe its candidate rows as the columns of the raw rows, each permuted, which is not
private. Here they come from a source that pays from the same budget, by default a tree of marginals measured at once, and the
guide is pretrained on the source's own rows, which is free, before it reads a private one. That one budget trains a classifier
and a synthesizer, and that the classifier labels the synthesizer's rows, is QUAIL's idea (Rosenblatt et al. 2020, arXiv
2011.05537); there the two know nothing of each other.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any, Literal, Self, get_args

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.accounting.spends import ZCDP, GaussianCap, Nothing, SampledGaussian, Spend
from dpdsyn.base.checks import InputError
from dpdsyn.candidates import as_distribution
from dpdsyn.guide import PRETRAINED, Guide, GuideSettings, guide_imports
from dpdsyn.guides.balanced_labels import balanced, drawn
from dpdsyn.guides.fewest_rows import ClassShares, raised
from dpdsyn.guides.head_start import OfFeatures
from dpdsyn.guides.module_guide import guide_of
from dpdsyn.learning.merging import fit as fitted
from dpdsyn.learning.merging import restored
from dpdsyn.mechanisms.row_count import RowCount
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.rules.exact_conditions import draw_given
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, find

Labels = Literal["calibrated", "sample", "argmax", "toward_shares"]
_PROBE = 20_000  # candidate rows on which the guide's class shares are held against the candidates' own
_AS_LIKELY = "argmax"  # labels that are not drawn, so that no odds bring their shares anywhere
_LEAST = 1e-9  # that a class's probability counts as where odds are moved: a guide may be sure beyond all measure
_WEIGHING_SHARE = 0.02  # of the budget, in zCDP, for how far the source's own labels are to be trusted
_LESSON = 60_000  # candidate rows that the guide is pretrained on
LEFT_OUT = "nothing was learnt of the further target {}: it is no column of what is published, and no model can predict it"


class TargetLeftOutWarning(UserWarning):
    """A further target of which domain learning left nothing. The guarantee says so too, and may be published."""


class GuidedSynthesizer(Synthesizer):
    """Candidates from a source, labels from a guide.

    candidates: entry-point name of the source, a Synthesizer of the feature columns; candidate_parameters are
    its own. candidate_share: the share of the budget, in zCDP, that the source gets (none if it spends nothing);
    the guide gets what then still fits into (epsilon, delta), composed jointly.
    labels: "calibrated" draws each label from the guide's probabilities without what clipping did to them (`dpdsyn.guide`),
    after moving the odds of each class by a constant, to where the classes are as common as the source has counted, and with
    less noise than coins have (`guides.balanced_labels`). A class of the schema's target, unless it is a number, gets 40 rows
    at least, or one in a hundred if these are fewer, as far as a tenth of all rows is enough for that: models trained on a
    handful of rows of a class may go astray in all of them. "sample" draws from the same probabilities by coins; where the
    source counts no labels, from the guide's own, in which rare classes are too few. "toward_shares" is "sample" and refuses
    such a source. "argmax" takes the guide's likeliest, of which a rare class has few or none.
    other_targets: further columns that the guide is to label, so that one release serves several tasks.
    guide: settings of the guide (`dpdsyn.guide.GuideSettings`), a mapping of those that are to differ from
    the defaults, or the class of a torch module. The defaults are `dpdsyn.guide.PRETRAINED`, whose guide is pretrained on the
    candidates' rows, labels included, where the source is one that models labels (`uses_target`), else those of a guide that
    begins at nothing. A guide that was pretrained begins its private training at what the source itself says of labels, where
    the source can say it (`Synthesizer.posterior`), there is one target without an order, and the network is the built-in one.

    The source's count of rows, a mechanism's answer, scales the guide's gradients where it has one (`noisy_rows_`);
    sampling rates, steps and noise follow `rows_public`.
    """

    version = 4  # where the guide's likeliest are the labels and it has no head start
    class_shares_: ClassShares | None = None  # of the target, where rare classes may have been raised

    def __init__(
        self,
        candidates: str = "swift",
        candidate_share: float = 0.7,
        candidate_parameters: Mapping[str, Any] | None = None,
        labels: Labels = "calibrated",
        other_targets: Sequence[str] = (),
        guide: GuideSettings | Mapping[str, Any] | Callable[..., Any] | None = None,
    ) -> None:
        self.candidates = candidates
        self.candidate_share = candidate_share
        self.candidate_parameters = candidate_parameters
        self.labels = labels
        self.other_targets = other_targets
        self.guide = guide
        self._check()
        self.version = self._version()

    def imports(self) -> tuple[str, ...]:
        return (*guide_imports(self._settings()), *self._source().imports())

    def foreign_versions(self) -> dict[str, int | str]:
        source = self._source()
        own = type(source).__module__.startswith("dpdsyn.")
        return source.foreign_versions() | ({} if own else {self.candidates: source.version})

    def _settings(self) -> GuideSettings:
        """Those given, over the defaults of a guide that is pretrained, or of one that begins at nothing."""
        return GuideSettings.of(self.guide, PRETRAINED if self._source().uses_target else None)

    def _source(self) -> Synthesizer:
        return find(self.candidates)(**(self.candidate_parameters or {}))

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        if schema.target is None:
            return "no target column to guide the synthesis"
        unknown = [name for name in self._others(schema) if name not in schema.features]
        return f"other_targets {', '.join(unknown)}: no feature column has that name" if unknown else None

    def _others(self, schema: Schema) -> tuple[str, ...]:
        """The further targets, but for those that domain learning has left out: it has spent budget, and the rest is served."""
        gone = schema.ignore if any(column.is_learnt for column in schema.columns) else ()
        return tuple(name for name in self.other_targets if name not in gone)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        source, others = self._source(), self._others(schema)
        if gone := ", ".join(name for name in self.other_targets if name not in others):
            warnings.warn(LEFT_OUT.format(gone), TargetLeftOutWarning, stacklevel=2)
        guide = guide_of(schema, self._settings(), others)
        cap, weighing = self._cap(source, private.ledger.allowance), self._weighing(source, guide, private.ledger.allowance)

        def plan(noise: float) -> Sequence[Spend]:
            before: list[Spend] = [] if isinstance(cap, Nothing) else [cap]
            return [*before, *([] if weighing is None else [weighing]), guide.spend(noise)]

        noise = private.ledger.open_calibrated(plan)
        columns = self._columns(source, schema)
        self.source_ = fitted(source, private.child(cap, columns), rng)
        self.source_schema_ = schema.select(columns)
        if self._taught(source):
            guide.pretrain(self._lesson(rng), rng)
            if weighing is not None and (posterior := self._posterior(guide)) is not None:
                guide.head_start(private, posterior, weighing.noise_multiplier)
        count = RowCount.of(self.source_)
        if count is not None:
            self.noisy_rows_, self.noisy_rows_sd_ = count.rows, count.sd
        self.guide_ = guide.fit(private, noise, rng, None if count is None else count.rows)
        self.schema_ = schema
        self.odds_ = self._odds(rng)
        of_source = {f"candidates/{name}": values for name, values in self.source_.steps_.items()}
        self.steps_ = {**of_source, "guide/gradient_to_noise": guide.gradient_to_noise_}
        return self

    def _taught(self, source: Synthesizer) -> bool:
        """Whether the guide is pretrained: rows that come of no private ones have nothing to teach."""
        return self._settings().pretraining > 0 and source.spends != "nothing"

    def _posterior(self, guide: Guide) -> OfFeatures | None:
        """What the fitted source says of the guide's target; None where it says nothing, or the guide takes no such help."""
        schema, target = self.source_schema_, guide.targets[0]
        if not guide.takes_head_start or not self.source_.has_posterior or target not in schema.names:
            return None
        found = self.source_.posterior(schema.position(target))
        return None if found is None else OfFeatures(found, len(schema.names), tuple(schema.positions(guide.features)))

    def _lesson(self, rng: np.random.Generator) -> np.ndarray:
        """Rows that the guide is pretrained on, encoded, shape (rows, columns): made of the fitted source alone."""
        return draw(self.source_, self.source_schema_, _LESSON, rng)

    def _moved(self, source: Synthesizer) -> bool:
        """Whether labels go to shares that the source measures."""
        return self.labels != _AS_LIKELY and source.spends != "nothing"

    def _version(self) -> int:
        """Output has changed where labels go to measured shares, and where the guide has a head start, but not elsewhere."""
        return 7 if self._moved(self._source()) else 6 if self._has_head_start() else type(self).version

    def _has_head_start(self) -> bool:
        """Whether private training begins at what the source itself says, on tables whose target has no order."""
        source, settings = self._source(), self._settings()
        return self._taught(source) and source.has_posterior and settings.module is None and not self.other_targets

    def _columns(self, source: Synthesizer, schema: Schema) -> tuple[str, ...]:
        """What the source sees."""
        with_labels = source.uses_target or self._moved(source) or self._taught(source)
        return schema.names if with_labels else schema.features

    def _probabilities(self, features: np.ndarray) -> list[np.ndarray]:
        """Of each target's classes, before odds are moved."""
        if not (self.labels == "calibrated" or self._moved(self.source_)):
            return self.guide_.predict_all(features)
        found = self.guide_.corrected(features)
        return [np.maximum(head, _LEAST) for head in found] if self._moved(self.source_) else found

    def _odds(self, rng: np.random.Generator) -> np.ndarray:
        """What each head's class probabilities are multiplied by before a label is drawn, shape (classes of all heads,).

        Made of candidates and the guide alone: no row is read.
        """
        guide = self.guide_
        odds = np.ones(guide.classes, dtype=np.float32)
        self.class_shares_ = None
        if not self._moved(self.source_):
            return odds
        candidates = draw(self.source_, self.source_schema_, _PROBE, rng)
        heads = self._probabilities(candidates[:, self.source_schema_.positions(guide.features)])
        for target, head, probabilities in zip(guide.targets, guide.slices, heads, strict=True):
            own = self._counted(target, candidates) + 1
            shares = own / own.sum()
            if target == self.schema_.target and not self.schema_[target].ordered:
                shares = raised(shares, self.schema_.rows_public)
                self.class_shares_ = ClassShares(self._fitted_shares(target, own), shares / shares.sum())
            odds[head] = class_weights(probabilities, shares / shares.sum())
        return odds

    def _counted(self, target: str, candidates: np.ndarray) -> np.ndarray:
        """How many of the candidates are to be of each class, shape (classes,): as the source's noisy counts say, if it has any.

        A model that is fitted to many counts at once may hold to rare ones so loosely that a class of 1 in 100 is lost in it.
        """
        size, column = self.source_schema_[target].size, self.source_schema_.position(target)
        noisy = (getattr(self.source_, "noisy_counts_", None) or {}).get(target)
        if noisy is not None and len(noisy) == size:  # codes may have been merged for the source
            return len(candidates) * as_distribution(noisy)
        return np.bincount(candidates[:, column], minlength=size)

    def _fitted_shares(self, target: str, counted: np.ndarray) -> np.ndarray:
        """Of a target's classes, as the source has them, or as its rows do. counted: what `_counted` gave, and one more each."""
        noisy = target in (getattr(self.source_, "noisy_counts_", None) or {})
        exact = None if noisy else self.source_.shares(self.source_schema_.position(target))
        return as_distribution(counted - 1.0 if exact is None or len(exact) != len(counted) else exact)

    def _weighing(self, source: Synthesizer, guide: Guide, allowance: Allowance) -> SampledGaussian | None:
        """What it costs to ask how far the source's own labels are to be trusted; None where that is not asked."""
        if not (self._taught(source) and source.has_posterior and guide.takes_head_start):
            return None
        return SampledGaussian(1.0, 1 / math.sqrt(2 * _WEIGHING_SHARE * allowance.rho), 1)

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
        self._settings()
        self._source()

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self._labelled(draw(self.source_, self.source_schema_, n, rng), rng)

    def shares(self, position: int) -> np.ndarray | None:
        """Of features as the source has them, undeclared categories replaced; what the guide labels follows from these."""
        if (name := self.schema_.names[position]) not in self.guide_.features:
            return None
        shares, column = self.source_.shares(self.source_schema_.position(name)), self.schema_[name]
        if shares is None or column.other_code is None or column.emit_other:
            return shares
        declared = np.where(np.arange(column.size) == column.other_code, 0.0, shares)
        return declared / declared.sum() if declared.any() else shares

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        own = {self.source_schema_.position(self.schema_.names[position]): weight for position, weight in weights.items()}
        candidates = draw_given(self.source_, self.source_schema_, n, own, rng)
        return None if candidates is None else self._labelled(candidates, rng)

    def _labelled(self, candidates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Candidate rows of the source's columns, labelled: rows of all columns."""
        schema, n = self.schema_, len(candidates)
        features = candidates[:, self.source_schema_.positions(self.guide_.features)]
        encoded = np.empty((n, len(schema.columns)), dtype=schema.dtype)
        encoded[:, schema.positions(self.guide_.features)] = features
        heads = zip(self.guide_.targets, self.guide_.slices, self._probabilities(features), strict=True)
        for target, head, probabilities in heads:
            ordered = schema[target].values if schema[target].ordered else 0
            encoded[:, schema.position(target)] = self._labels(probabilities * self.odds_[head], features, rng, ordered)
        return encoded

    @property
    def can_be_saved(self) -> bool:
        return self._source().can_be_saved

    def state(self) -> dict[str, np.ndarray]:
        source = {f"source.{key}": value for key, value in self.source_.state().items()}
        guide = {f"guide.{key}": value for key, value in self.guide_.state().items()}
        of_classes = (
            {} if self.class_shares_ is None else {f"class_shares.{key}": part for key, part in vars(self.class_shares_).items()}
        )
        return {**source, **guide, "odds": self.odds_, **of_classes}

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        self.schema_ = schema
        source = self._source()
        self.source_schema_ = schema.select(self._columns(source, schema))
        self.source_ = restored(source, self.source_schema_, _part(state, "source."))
        guide = guide_of(schema, self._settings(), self._others(schema))
        self.guide_ = guide.restore(_part(state, "guide."), self._posterior(guide))
        self.odds_ = np.asarray(state["odds"], dtype=np.float32)
        if self.odds_.shape != (self.guide_.classes,) or not (np.isfinite(self.odds_) & (self.odds_ > 0)).all():
            raise ValueError("the saved odds do not fit their schema")
        of_classes = _part(state, "class_shares.")  # models of earlier versions have none
        self.class_shares_ = ClassShares(**of_classes) if of_classes else None
        if self.class_shares_ is not None and len(self.class_shares_.fitted) != schema.classes:
            raise ValueError("the saved shares of classes do not fit their schema")
        return self

    def cautions(self, rows_public: int) -> tuple[Caution, ...]:
        target = self.schema_[str(self.schema_.target)]
        return () if self.class_shares_ is None else self.class_shares_.cautions(target, rows_public)

    def _labels(self, probabilities: np.ndarray, features: np.ndarray, rng: np.random.Generator, ordered: int = 0) -> np.ndarray:
        """ordered: how many of the target's classes, the first ones, are ordered."""
        if self.labels == _AS_LIKELY:
            return probabilities.argmax(axis=1)
        if self.labels == "calibrated":
            own = probabilities / probabilities.sum(axis=1, keepdims=True)
            return balanced(own, features, self.schema_.shape(self.guide_.features), rng, ordered)
        return drawn(probabilities, rng)


def _part(state: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def class_weights(probabilities: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Positive weights by which to multiply class probabilities so that, normalised again, their means are `shares`.

    probabilities: shape (rows, classes). shares: shape (classes,), above 0, of sum 1. By iterative scaling, to 1e-5, or as
    near as 200 rounds come; the weights' sum is 1. A class that a row has no chance of counts as one in a billion.
    """
    probabilities = np.maximum(probabilities, _LEAST)
    weights = np.full(len(shares), 1 / len(shares))
    for _ in range(200):
        scaled = probabilities * weights
        means = (scaled / scaled.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(means - shares).max() < 1e-5:
            break
        weights *= shares / np.maximum(means, 1e-12)
        weights = np.maximum(weights / weights.sum(), 1e-30)
    return weights
