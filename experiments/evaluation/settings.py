"""How the configuration says that synthetic rows are judged, checked before anything runs.

Evaluators and metrics are named as ours are, or a person's own as `own.py` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from dpdsyn.base.checks import InputError, whole_number
from experiments.evaluation.by_group import GAP
from experiments.evaluation.likeness import LIKENESS
from experiments.evaluation.metrics import ALSO, METRICS, Metric
from experiments.evaluation.models import MODELS, Builder, own_model
from experiments.evaluation.own import NAME, TARGET, Given, Named, made, named
from experiments.evaluation.raw.models import FOR_A_NUMBER, RAW_MODELS, RawBuilder, check_installed, own_raw_model
from experiments.evaluation.raw.regression import REGRESSION_METRICS
from experiments.records.record import columns
from experiments.typed import read, suggestion

SPACES = ("encoded", "raw")


@dataclass(frozen=True)
class Settings:
    """What a file of `conf/evaluation` may say."""

    name: Annotated[str, "how records call it"]
    evaluators: Annotated[
        Sequence[str | Mapping[str, Any]],
        "models trained on synthetic rows: logistic, forest, boosting, mlp (raw space: lightgbm, catboost), or one of your own, "
        "as module:function or {_target_: module.Class, PARAMETER: VALUE}",
    ]
    repeats: Annotated[int, "seeds of each model, averaged inside one fit"]
    target: Annotated[str | None, "null: the schema's target is predicted; offtask: the data set's off-task column"] = None
    models: Annotated[
        Sequence[str | Mapping[str, Any]], "models besides `evaluators`, so that these need not be listed again"
    ] = ()
    metrics: Annotated[
        Sequence[str | Mapping[str, Any]],
        "metrics besides those that are always there, each as module:function or {_target_: module.function, PARAMETER: VALUE}",
    ] = ()
    likeness: Annotated[
        Sequence[str], "triples: 3-way TVD; detection: can rows be told from real ones; membership: public attacks. Encoded space"
    ] = ()
    groups: Annotated[Sequence[str], "columns of whose every value accuracy is told, and the gap. Encoded space"] = ()
    space: Annotated[str, "encoded: models see codes; raw: decoded rows, tested on real rows as they were read"] = "encoded"

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Settings:
        """Raises InputError in one line for a misspelt key or name, naming the accepted ones."""
        settings = read(cls, raw, "evaluation")
        whole_number("evaluation.repeats", settings.repeats, least=1)
        judges = judges_of(raw)
        if not judges:
            raise InputError(
                f"evaluation.evaluators is empty, so that nothing would be scored; accepted: {', '.join(MODELS)}, ..."
            )
        if settings.space not in SPACES:
            raise InputError(f"evaluation.space is {settings.space!r}; accepted: {', '.join(SPACES)}")
        if settings.space == "raw":
            _refuse_unfit(raw_builders(judges), named(judges, "evaluator", RAW_MODELS), RAW_MODELS)
        else:
            _refuse_unfit(builders(judges), named(judges, "evaluator", MODELS), MODELS)
        metrics(settings.metrics)
        for name in settings.likeness:
            if name not in LIKENESS:
                raise InputError(f"evaluation.likeness has {name!r}{suggestion(name, LIKENESS)}; there are {', '.join(LIKENESS)}")
        if settings.space == "raw" and (settings.likeness or settings.groups):
            raise InputError("evaluation.likeness and evaluation.groups are of encoded space; leave them out with space=raw")
        return settings

    def refuse_unknown_groups(self, columns: Sequence[str]) -> None:
        """Raises InputError for a column of `groups` that the data set does not have."""
        for name in self.groups:
            if name not in columns:
                raise InputError(f"evaluation.groups has {name!r}{suggestion(name, columns)}; there are {', '.join(columns)}")


def judges_of(raw: Mapping[str, Any]) -> list[Given]:
    """All models of an evaluation, as configured: `evaluators`, then `models`."""
    return [*raw["evaluators"], *(raw.get("models") or ())]


def builders(given: Sequence[Given]) -> dict[str, Builder]:
    """The builder of each evaluator, under the name that records give it, in the order given.

    Raises InputError for one that there is not.
    """
    return {
        name: MODELS[one.target] if one.ours else own_model(one.load("evaluator", MODELS))
        for name, one in named(given, "evaluator", MODELS).items()
    }


def raw_builders(given: Sequence[Given]) -> dict[str, RawBuilder]:
    """As `builders`, of models that learn from typed rows. Raises InputError, too, where a package is not installed."""
    found = named(given, "evaluator", RAW_MODELS)
    for name, one in found.items():
        if one.ours:
            check_installed(name)
        elif name in FOR_A_NUMBER.values():
            raise InputError(
                f"the evaluator {one.target} is called {name}, as one of ours is where a number is predicted; "
                f"give it another name: {{{NAME}: other, {TARGET}: {one.target}}}"
            )
    return {
        name: RAW_MODELS[one.target] if one.ours else own_raw_model(one.load("evaluator", RAW_MODELS))
        for name, one in found.items()
    }


def metrics(given: Sequence[Given]) -> dict[str, Metric]:
    """The functions of metrics, under the names that records give them.

    Raises InputError for one that there is not, and for a name that is no column of its own in records.
    """
    found = named(given, "metric", {**METRICS, **REGRESSION_METRICS})
    _refuse_as_columns([one for one in found.values() if not one.ours])
    return {name: METRICS[one.target] if one.target in METRICS else _own_metric(one) for name, one in found.items()}


def _own_metric(one: Named) -> Metric:
    """The function; of a class, an object is made for each call, and called. Raises InputError for what cannot be called."""
    found = one.load("metric", METRICS)
    if not isinstance(found.func if isinstance(found, partial) else found, type):
        return found
    try:
        example = found()
    except (TypeError, ValueError) as error:  # whatever a constructor says of what it is given
        raise InputError(f"the metric {one.target}: {error}") from error
    if not callable(example):
        raise InputError(f"the metric {one.target} gives {example!r}; a function of labels and probabilities is needed")
    return lambda labels, probabilities: found()(labels, probabilities)


def _refuse_as_columns(own: Sequence[Named]) -> None:
    """Raise InputError for a metric with a name that records cannot keep apart from what they have of ours."""
    taken = {*columns(), *ALSO, GAP}
    for one in own:
        other = f"give it another name, of letters, digits and underscores: {{{NAME}: other, {TARGET}: {one.target}}}"
        if one.name in taken:
            raise InputError(f"the metric {one.target} is called {one.name}, as a column of `dpdsyn records` is; {other}")
        if not re.fullmatch(r"\w+", one.name):
            raise InputError(f"the metric {one.target} is called {one.name!r}, which is no name of a column; {other}")


def _refuse_unfit(found: Mapping[str, Any], given: Mapping[str, Named], known: Mapping[str, Any]) -> None:
    """Raise InputError for a model with parameters that its class does not take as they are, or that is none."""
    for name in found:
        one = given[name]
        if not one.parameters:
            continue
        build: Callable[..., Any] = one.load("evaluator", known)
        try:
            model = made(build, 0)
        except (TypeError, ValueError) as error:  # whatever a constructor says of what it is given
            raise InputError(f"the evaluator {one.target}: {error}") from error
        if not (hasattr(model, "fit") and (hasattr(model, "predict_proba") or hasattr(model, "predict"))):
            raise InputError(f"the evaluator {one.target} gives {model!r}; an object with `fit` and `predict_proba` is needed")
