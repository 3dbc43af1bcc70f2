"""How the configuration says that synthetic rows are judged, checked before anything runs.

Evaluators and metrics are named as ours are, or as `module:function` (or `module.function`) of a person's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any

from dpdsyn.checks import InputError, whole_number
from experiments.evaluation.likeness import LIKENESS
from experiments.evaluation.metrics import METRICS, Metric
from experiments.evaluation.models import MODELS, Builder, own_model
from experiments.evaluation.raw.models import RAW_MODELS, RawBuilder, check_installed, own_raw_model
from experiments.evaluation.raw.regression import REGRESSION_METRICS
from experiments.typed import read, suggestion

SPACES = ("encoded", "raw")


@dataclass(frozen=True)
class Settings:
    """What a file of `conf/evaluation` may say."""

    name: Annotated[str, "how records call it"]
    evaluators: Annotated[
        Sequence[str],
        "models trained on synthetic rows: logistic, forest, boosting, mlp (raw space: lightgbm, catboost), or module:function",
    ]
    repeats: Annotated[int, "seeds of each model, averaged inside one fit"]
    target: Annotated[str | None, "null: the schema's target is predicted; offtask: the data set's off-task column"] = None
    metrics: Annotated[Sequence[str], "metrics besides those that are always there, each as module:function"] = ()
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
        if not settings.evaluators:
            raise InputError(
                f"evaluation.evaluators is empty, so that nothing would be scored; accepted: {', '.join(MODELS)}, ..."
            )
        if settings.space not in SPACES:
            raise InputError(f"evaluation.space is {settings.space!r}; accepted: {', '.join(SPACES)}")
        if settings.space == "raw":
            raw_builders(settings.evaluators)
        else:
            builders(settings.evaluators)
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


def builders(names: Sequence[str]) -> dict[str, Builder]:
    """The builder of each evaluator, under the name that records give it, in the order given.

    Raises InputError for one that there is not.
    """
    return {
        short: MODELS[name] if name in MODELS else own_model(_own(name, "evaluator", MODELS))
        for name, short in _short(names, "evaluator", MODELS).items()
    }


def raw_builders(names: Sequence[str]) -> dict[str, RawBuilder]:
    """As `builders`, of models that learn from typed rows. Raises InputError, too, where a package is not installed."""
    for name in names:
        check_installed(name)
    return {
        short: RAW_MODELS[name] if name in RAW_MODELS else own_raw_model(_own(name, "evaluator", RAW_MODELS))
        for name, short in _short(names, "evaluator", RAW_MODELS).items()
    }


def metrics(names: Sequence[str]) -> dict[str, Metric]:
    """The functions of metrics, under the names that records give them. Raises InputError for one that there is not."""
    return {
        short: METRICS[name] if name in METRICS else _own(name, "metric", METRICS)
        for name, short in _short(names, "metric", {**METRICS, **REGRESSION_METRICS}).items()
    }


def _short(names: Sequence[str], what: str, known: Mapping[str, Any]) -> dict[str, str]:
    """By the name as given, the name in records: without the module."""
    short = {name: name if name in known else name.replace(":", ".").rpartition(".")[2] for name in dict.fromkeys(names)}
    for name, end in short.items():
        if end != name and end in known:
            raise InputError(f"the {what} {name} is called like one of ours; give it another name than {', '.join(known)}")
    twice = {end for end in short.values() if list(short.values()).count(end) > 1}
    if twice:
        raise InputError(f"two {what}s are called {', '.join(sorted(twice))}; records could not tell them apart")
    return short


def _own(name: str, what: str, known: Mapping[str, Any]) -> Callable[..., Any]:
    """A person's own function or class. Raises InputError, naming what is accepted."""
    module, _, function = name.replace(":", ".").rpartition(".")
    if not module:
        hint = suggestion(name, known)
        raise InputError(f"no {what} is called {name}{hint}; there are {', '.join(known)}, or module:function of your own")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"cannot load the {what} {name!r} ({error}); give module:function of an importable module") from error
    if not callable(found):
        raise InputError(f"the {what} {name!r} is {found!r}; a function or a class is needed")
    return found
