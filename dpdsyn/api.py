"""The class `DPDSyn`, which takes a pandas table and gives a synthetic one."""

from __future__ import annotations

import copy
import os
import secrets
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import pandas as pd

from dpdsyn.accounting.cautions import Caution, WeakGuaranteeWarning, cautions, usual_delta
from dpdsyn.accounting.guarantee import Guarantee, assumed
from dpdsyn.base import saved
from dpdsyn.base.checks import InputError, whole_number
from dpdsyn.base.parameters import Parameters
from dpdsyn.guide import GuideSettings
from dpdsyn.guides.fewest_rows import FewRowsWarning
from dpdsyn.learning import merging
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.learnt import of_row_count, told
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.mechanisms.contribution_bounding import used_rows
from dpdsyn.mechanisms.entropy import apart, fresh
from dpdsyn.mechanisms.row_count import RowCount, RowCountWarning
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.parquet import stream
from dpdsyn.partitioned_rows import Workers
from dpdsyn.privacy import Budget, BudgetExceeded, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.quality import held_out as holding
from dpdsyn.quality import private_evaluation
from dpdsyn.quality.private_evaluation import PrivateEvaluation
from dpdsyn.rows import Rows
from dpdsyn.rules.conditions import Conditions
from dpdsyn.rules.made_columns import far_first, numbered
from dpdsyn.rules.published_rows import PublishedRows, Tally, refuse_contradictions
from dpdsyn.schema import Schema
from dpdsyn.tables.frames import as_pandas
from dpdsyn.tables.preflight import BrokenRuleWarning, PreflightWarning
from dpdsyn.tables.preflight import preflight as held_against
from dpdsyn.tables.stated import refuse_unconfirmed, schema_of, with_target

_KEY_BYTES = 32
_ALL_THE_SAME = "Rows were read by then: epsilon {:g} and delta {:g} of this table are spent, though nothing is published"


class SeededNoiseWarning(UserWarning):
    """The noise can be computed again by whoever knows the seed."""


class DPDSyn(Parameters):
    """A synthetic table to train models on, under (epsilon, delta)-differential privacy.

    epsilon, delta: the budget for everything that is read from the table; delta is `accounting.cautions.usual_delta` if left out,
    a function of the schema's `rows_public`. target: the column that models are to
    predict; it may stand in the schema instead. other_targets: more columns to predict, served by the same release.
    candidates: the source of candidate rows, the name of any Synthesizer (`swift`, `class_conditional`, `mst`, ...);
    candidate_share: its share of the budget. labels: "calibrated" draws them from honest probabilities; "sample",
    "argmax" and "toward_shares" are told of in `dpdsyn.method`. guide: settings that are to differ
    (`dpdsyn.guide.GuideSettings`), or the class of a torch module (`dpdsyn.guides.module_guide`).
    random_state: None takes the operating system's entropy; a whole number makes the result reproducible, and is
    not private against whoever knows it. Copies (pickle, joblib, deepcopy, forked processes) draw rows of their own,
    unless it is given.

    After `fit`: `schema_`, `guarantee_`, and `row_count_`, the noisy number of rows, if the method knows one, `evaluation_`,
    if one was asked for, and `noise_seeded_`: whether a seed tells the noise. Parameters follow the conventions of scikit-learn.
    """

    row_count_: RowCount | None = None  # which models of earlier versions do not have
    evaluation_: PrivateEvaluation | None = None
    noise_seeded_: bool | None = None  # not known of models that earlier versions saved

    def __init__(
        self,
        epsilon: float = 1.0,
        delta: float | None = None,
        target: str | None = None,
        candidates: str = "swift",
        candidate_share: float = 0.7,
        labels: str = "calibrated",
        other_targets: Sequence[str] = (),
        guide: GuideSettings | Mapping[str, Any] | Callable[..., Any] | None = None,
        random_state: int | None = None,
    ) -> None:
        self.epsilon = epsilon
        self.delta = delta
        self.target = target
        self.candidates = candidates
        self.candidate_share = candidate_share
        self.labels = labels
        self.other_targets = other_targets
        self.guide = guide
        self.random_state = random_state

    def fit(
        self,
        table: pd.DataFrame | str | Path,
        schema: Schema | Mapping[str, Any] | str | Path,
        preflight: bool = True,
        confirm_kinds: bool = False,
        evaluate: float | None = None,
        hold_out: float | None = None,
        workers: Workers | None = None,
    ) -> Self:
        """Learn from the rows of a table: a frame, or the path of a Parquet file, or of a folder of them, read piece by piece.

        A frame is one of pandas, or of polars or another library that speaks Arrow or has `to_pandas` (`dpdsyn.tables.frames`).

        schema: a Schema, what a schema file holds, or the path of one. What it leaves open is learnt first, out of the same
        budget (`dpdsyn.learning.domain_learning`); `schema_` is the closed one. If it names a person (frames only), at most
        `max_rows_per_person` rows of each are used. preflight: refuse, before the budget is opened, a table with cells that
        contradict the schema, and warn where many are not what it says (`tables.preflight`); without it every cell is encoded as
        the schema's rules say, and no row raises anything. confirm_kinds: that the kinds of columns may be known, where the
        schema says that they were guessed from cells; the guarantee names this assumption. evaluate: a share of the budget, which
        buys a private estimate of how good models are that learn from the synthetic rows (`quality.private_evaluation`), on the
        rows of the table, or on the part `hold_out` of them (frames only), which the release is then not made of
        (`dpdsyn.quality.held_out`). workers: who counts and samples the rows of Parquet files, such as those of a cluster
        (`dpdsyn.ray_workers`); what comes out is the same. What is learnt of an open schema, and preflight, this process reads.
        Raises ValueError if a parameter, the schema or the table cannot be meant, or if nothing can be learnt of the target or of
        any column with this budget. Warns of a budget that promises little, and of a schema whose `rows_public` is far from the
        noisy number of rows.
        """
        public = with_target(schema_of(schema), self.target)
        refuse_unconfirmed(public, confirm_kinds, "confirm it with fit(..., confirm_kinds=True)")
        method = self._method()
        budget = Budget(self.epsilon, usual_delta(self.delta, public.rows_public))
        _refuse_skipped(method, public, budget)
        refuse_contradictions(public)
        table = _named(table)
        private_evaluation.check(table, evaluate, hold_out)
        if workers is not None and not isinstance(table, Path):
            raise InputError("workers read Parquet files; a frame lies in this process: give the path of a file or a folder")
        said = cautions(self.epsilon, budget.delta, public.rows_public)
        _warn(said)
        streams = self._streams()
        if preflight:
            report = held_against(table, public)
            for words in report.cautions:
                warnings.warn(words, PreflightWarning, stacklevel=2)
            for words in report.broken_rules:
                warnings.warn(words, BrokenRuleWarning, stacklevel=2)
        ledger = self._ledger(budget, public)
        try:
            with np.errstate(all="ignore"):  # what numpy would warn of, one row may have caused
                fitted = self._learn(method, table, public, budget, ledger, streams, evaluate, hold_out, workers)
        except (BudgetExceeded, InputError) as error:
            own = isinstance(error, InputError)
            why = str(error) if own else f"epsilon is {self.epsilon!r} and delta {budget.delta!r}: {error}"
            spent = f". {_ALL_THE_SAME.format(self.epsilon, budget.delta)}" if ledger.entries else ""
            raise (type(error) if own else InputError)(f"{why}{spent}") from error
        except BaseException as error:  # whatever else ends a fit
            if ledger.entries:
                error.add_note(_ALL_THE_SAME.format(self.epsilon, budget.delta))
            raise
        closed, seeded = fitted["schema_"], self.random_state is not None
        taken = assumed(public.kinds_inferred, isinstance(table, Path), preflight, seeded)
        guarantee = replace(Guarantee.of(ledger, budget, public.unit), assumptions=taken, learnt=told(public, closed))
        fitted |= {"guarantee_": guarantee, "noise_seeded_": seeded, "_fitted_with": self._parameters()}
        fitted["row_count_"] = RowCount.of(fitted["method_"], (public.max_rows_per_person or 1) / (1 - (hold_out or 0.0)))
        fitted |= {"_sampling": streams[-1], "_process": os.getpid(), "_seeded_rows": seeded}
        vars(self).update(fitted)  # all at once: whatever ends a fit, a model never has the guarantee of another
        _warn(caution for caution in cautions(self.epsilon, budget.delta, closed.rows_public) if caution not in said)
        for kind, caution in self._of_fit():
            warnings.warn(caution.text, kind, stacklevel=2)
        return self

    def _learn(
        self,
        method: GuidedSynthesizer,
        table: pd.DataFrame | Path,
        public: Schema,
        budget: Budget,
        ledger: Ledger,
        streams: tuple[bytes, np.random.Generator, np.random.Generator, np.random.Generator],
        evaluate: float | None,
        hold_out: float | None,
        workers: Workers | None,
    ) -> dict[str, Any]:
        """Read rows, through mechanisms alone: what is fitted, evaluated and closed, by the names of attributes."""
        key, noise, fitting, sampling = streams
        multiplier = None if evaluate is None else private_evaluation.keep_back(ledger, evaluate)
        kept, others = (table, None) if hold_out is None else holding.sides(cast(pd.DataFrame, table), public, hold_out, key)
        private, closed = self._behind(kept, holding.fewer(public, hold_out), ledger, noise, key, workers)
        _refuse_skipped(method, closed, budget)
        model = merging.fit(method, private, fitting)  # which merges within itself
        closed = holding.of_all(closed, public, hold_out)
        published, evaluation = PublishedRows.of(model, closed, sampling), None
        if evaluate is not None and multiplier is not None:
            lessons = published.codes(min(closed.rows_public, private_evaluation.MOST_LESSONS), apart(sampling))
            tested = private if others is None else self._behind(others, closed, ledger, apart(noise), key)[0]
            evaluation = private_evaluation.evaluated(tested, closed, lessons, multiplier, evaluate, hold_out or 0.0)
        return {"method_": model, "schema_": closed, "_published": published, "evaluation_": evaluation}

    def sample(
        self,
        n: int | None = None,
        given: Mapping[str, Any] | None = None,
        balance: Mapping[Any, float] | None = None,
        first_id: int | None = None,
    ) -> pd.DataFrame:
        """n synthetic rows (`rows_public` of the schema by default) in the types and categories of the schema.

        given: values that columns are to have, such as {"sex": "Female"}. balance: shares of the target's classes, such as
        {"yes": .5, "no": .5}. first_id: where ids are numbered from (`rules.made_columns`); by default on from the last call.
        Rules of the schema (`constraints`) are kept; `tally` says how many rows were drawn again or
        repaired to that end (`rules.published_rows`). Each call gives other rows; none of them costs budget, for all of it is
        a function of the fitted model and of the schema. Raises ValueError before `fit`, for n below 0, and for columns, values
        and shares that there are not.
        """
        schema = self._fitted().schema_
        rows = schema.rows_public if n is None else whole_number("n", n, least=0)
        if self._process != os.getpid():  # a process that was forked off this one has the same generator
            self._draw_afresh()
        first = self._published.next_id if first_id is None else first_id
        self._published.next_id = numbered("first_id", first, rows)
        return self._published.sample(rows, Conditions.of(given, balance), self._sampling)

    @property
    def tally(self) -> Tally:
        """Of all rows sampled so far: how many there are, were drawn, moved and repaired."""
        return self._fitted()._published.tally

    @property
    def guarantee(self) -> Guarantee:
        """Epsilon, delta, what is protected and every spend; print it."""
        return self._fitted().guarantee_

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """What to say of the budget, of the schema's number of rows, and of the fit; as public as the guarantee."""
        said = cautions(self.guarantee.epsilon, self.guarantee.delta, self.schema_.rows_public)
        return (*said, *(caution for _, caution in self._of_fit()))

    def _of_fit(self) -> list[tuple[type[UserWarning], Caution]]:
        if self.guarantee_.kind != "dp":
            return []  # nothing was measured under our guarantee
        counted = of_row_count(self.row_count_, self.schema_, self.guarantee_)
        raised = self.method_.cautions(self.schema_.rows_public)
        return [*((RowCountWarning, one) for one in counted), *((FewRowsWarning, one) for one in raised)]

    def save(self, path: str | Path) -> None:
        """Write the fitted model, which is as private as the rows it samples, to one file, whole or not at all.

        It has the parameters that it was fitted with, whatever `set_params` has set since for a next fit.
        Raises ValueError if its source of candidates cannot be saved, or its guide's class not found again by name; FileError if
        the file cannot be written.
        """
        method = self._fitted().method_
        parameters = getattr(self, "_fitted_with", None) or self._parameters()  # a pickle of an earlier version has none
        meta = {
            "parameters": {**parameters, "guide": method.guide_.settings.to_mapping()},
            **self._learnt(),
        }
        saved.write(Path(path), meta, method.state())

    @classmethod
    def load(cls, path: str | Path, random_state: int | None = None, guide: Callable[..., Any] | None = None) -> DPDSyn:
        """A model that `save` wrote. Raises ValueError for a file that is none, or has been altered.

        guide: the class of the torch module that its guide was made of, where that is not one of ours: a file runs no code of
        another's by naming it.
        """
        meta, arrays = saved.read(Path(path))
        with saved.read_as("DPDSyn", path, meta):
            settings = dict(meta["parameters"]["guide"])
            if settings["module"] is not None and not str(settings["module"]).startswith("dpdsyn."):
                if guide is None:
                    raise InputError(f"{path} has a guide of {settings['module']}: give that class, load(path, guide=...)")
                settings["module"] = guide
            model = cls(**{**meta["parameters"], "guide": settings}, random_state=random_state)
            model._restore(meta, arrays)
        model._begin_sampling()
        return model

    def _learnt(self) -> dict[str, Any]:
        """What a saved model has besides its parameters and arrays."""
        return {
            "schema": self.schema_.to_mapping(),
            "guarantee": self.guarantee_.to_mapping(),
            "dependences": self._published.dependences(),
            "row_count": None if self.row_count_ is None else vars(self.row_count_),
            "evaluation": None if self.evaluation_ is None else self.evaluation_.to_mapping(),
            "noise_seeded": self.noise_seeded_,
        }

    def _restore(self, meta: Mapping[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Take what `_learnt` gave, and the arrays of the method."""
        Budget(self.epsilon, usual_delta(self.delta, 0))
        self.schema_ = Schema.from_mapping(meta["schema"])
        self.guarantee_ = Guarantee.from_mapping(meta["guarantee"])
        self.row_count_ = RowCount(**meta["row_count"]) if meta.get("row_count") else None
        self.evaluation_ = PrivateEvaluation.from_mapping(meta["evaluation"]) if meta.get("evaluation") else None
        self.noise_seeded_ = meta.get("noise_seeded")
        self.method_ = cast(GuidedSynthesizer, merging.restored(self._method(), self.schema_, arrays))
        self._published = PublishedRows.restored(self.method_, self.schema_, meta.get("dependences") or {})

    def _parameters(self) -> dict[str, Any]:
        """Those of the method and its budget, as they are now."""
        return {key: copy.deepcopy(value) for key, value in self.get_params().items() if key not in ("random_state", "guide")}

    def __getstate__(self) -> dict[str, Any]:
        """Of a copy, in this process or another: without the generator that rows are drawn from, unless it was seeded."""
        kept = getattr(self, "_seeded_rows", self.random_state is not None)  # by the fit, whatever has been set since
        return {name: value for name, value in vars(self).items() if kept or name not in ("_sampling", "_process")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if hasattr(self, "method_") and not hasattr(self, "_published"):  # of an earlier version
            self._published = PublishedRows(self.method_, self.schema_)
        if hasattr(self, "method_") and not hasattr(self, "_sampling"):
            self._draw_afresh()

    def _draw_afresh(self) -> None:
        """Let samples come from entropy of this object's own; with a seed they stay what the seed makes them."""
        if not getattr(self, "_seeded_rows", self.random_state is not None) or not hasattr(self, "_sampling"):
            self._sampling = fresh()
            self._published = copy.copy(self._published)  # which a shallow copy has in common with the model that it is of
            self._published.next_id = far_first(self._sampling)
        self._process = os.getpid()

    def _method(self) -> GuidedSynthesizer:
        return GuidedSynthesizer(self.candidates, self.candidate_share, None, self.labels, self.other_targets, self.guide)  # type: ignore[arg-type]

    def _ledger(self, budget: Budget, schema: Schema) -> Ledger:
        return Ledger(budget)

    def _behind(
        self,
        table: pd.DataFrame | Path,
        schema: Schema,
        ledger: Ledger,
        noise: np.random.Generator,
        key: bytes,
        workers: Workers | None = None,
    ) -> tuple[PrivateTable, Schema]:
        """The rows behind mechanisms, and the closed schema: what was open is learnt. key: of contribution bounding."""
        if schema.is_open:
            private = DomainLearning().learn(RawTable(table, schema, ledger, noise, key, workers=workers))
            most = 1 if private.schema.person else schema.max_rows_per_person or 1
            rows = schema.rows_public or private.schema.rows_public * most
            person, many = schema.person, schema.max_rows_per_person
            return private, replace(private.schema, person=person, max_rows_per_person=many, rows_public=rows)
        if isinstance(table, Path):
            return PrivateTable(stream(table, schema, workers), schema, ledger, noise), schema
        encoded, bounded = used_rows(table, schema, key)
        return PrivateTable(Rows(encoded, bounded.persons, schema.max_rows_per_person or 1), schema, ledger, noise), schema

    def _begin_sampling(self) -> None:
        """Of a model that was loaded."""
        self._fitted_with, self._seeded_rows = self._parameters(), self.random_state is not None
        self._sampling, self._process = fresh() if self.random_state is None else self._seeded(2), os.getpid()
        self._published.next_id = far_first(fresh() if self.random_state is None else np.random.default_rng([self.random_state]))

    def _streams(self) -> tuple[bytes, np.random.Generator, np.random.Generator, np.random.Generator]:
        """The key that picks each person's rows; streams for the noise, for the method and for the samples.

        Unless they are seeded none tells anything of another: what a fitted object keeps, to sample from, is not what the noise
        was made of.
        """
        if self.random_state is None:
            return secrets.token_bytes(_KEY_BYTES), fresh(), fresh(), fresh()
        seeded = self._seeded(calls=2)
        noise, fitting, sampling = seeded.spawn(3)
        return seeded.bytes(_KEY_BYTES), noise, fitting, sampling

    def _seeded(self, calls: int = 1) -> np.random.Generator:
        """calls: how many of ours lie between this and the person's, for the warning."""
        if isinstance(self.random_state, bool) or not isinstance(self.random_state, int | np.integer) or self.random_state < 0:
            raise InputError(f"random_state is {self.random_state!r}; None or a whole number, 0 or more, is needed")
        warnings.warn("seeded noise is not private against whoever knows the seed", SeededNoiseWarning, stacklevel=calls + 2)
        return np.random.default_rng(int(self.random_state))

    def _fitted(self) -> DPDSyn:
        if not hasattr(self, "method_"):
            raise InputError("this DPDSyn has not been fitted; call fit first")
        return self


def _warn(said: Iterable[Caution]) -> None:
    """Of what is grave, as `fit` does."""
    for caution in said:
        if caution.grave:
            warnings.warn(caution.text, WeakGuaranteeWarning, stacklevel=3)


def _refuse_skipped(method: GuidedSynthesizer, schema: Schema, budget: Budget) -> None:
    reason = method.skip(schema, budget)
    if reason:
        raise InputError(reason)


def _named(table: Any) -> pd.DataFrame | Path:
    """A frame whose names are texts, or a path. Raises InputError for anything else."""
    return Path(table) if isinstance(table, str | Path) else as_pandas(table)
