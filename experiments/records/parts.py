"""The parts of a record: what was fitted, by what, under which budget, how long it took, how it was judged, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints

Given = str | Mapping[str, Any]  # a model or a metric, as configured


def refuse_other_types(kind: type, values: Mapping[str, Any]) -> None:
    """Raise ValueError for a name that the dataclass has not, or a value of another type than its field."""
    known = _types(kind)
    for name, value in values.items():
        if name not in known:
            raise ValueError(f"{kind.__name__} has no {name}")
        if not isinstance(value, known[name]):
            accepted = " or ".join(sorted(accepted.__name__ for accepted in known[name]))
            raise ValueError(f"{kind.__name__}.{name} is {str(value)[:40]!r}, no {accepted}")


@cache
def _types(kind: type) -> dict[str, tuple[type, ...]]:
    """By field, the types that a value may have; a whole number is a number too."""
    found: dict[str, tuple[type, ...]] = {}
    for name, hint in get_type_hints(kind).items():
        types = [get_origin(option) or option for option in (get_args(hint) if isinstance(hint, UnionType) else (hint,))]
        found[name] = tuple(types) + ((int,) if float in types else ())
    return found


class Part:
    """Values that JSON can hold; those that are not known (None) are left out of it."""

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """From plain values. Raises ValueError for a name that is none of the part's, or a value of another type."""
        values = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
        refuse_other_types(cls, values)
        return cls(**values)

    def plain(self) -> dict[str, Any]:
        """What is known, as plain values."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) not in (None, (), {})}  # type: ignore[arg-type]


@dataclass(frozen=True)
class Data(Part):
    """name: of the data set, of the file for a person's own table. sha256: of each file. split_seed: of the split.

    n_train, n_test: rows on either side. ceiling: accuracy of the best possible model, where it is known. caution: what to know.
    leak: the share of test rows whose profile is in training, where that is measured. generator: settings of simulated rows.
    train_rows: to about how many a table was cut. version: of a person's own file with its schema. floor: metrics of the median
    predictor, where a number is predicted and judged in raw space.
    """

    name: str
    sha256: Mapping[str, str] = field(default_factory=dict)
    split_seed: int | None = None
    n_train: int | None = None
    n_test: int | None = None
    ceiling: float | None = None
    caution: str | None = None
    leak: float | None = None
    generator: Mapping[str, Any] | None = None
    train_rows: int | None = None
    version: str | None = None
    floor: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Method(Part):
    """target: its class. version: of its output. guarantee: dp, unverified or none, read off the ledger of a run that ended.

    about: what its configuration tells of it, which is no part of its identity. source: of modules that lie in no package the
    first digits of their hash, by name; these are part of it.
    """

    name: str
    target: str | None = None
    version: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    guarantee: str | None = None
    about: Mapping[str, Any] | None = None
    source: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Privacy(Part):
    """epsilon, delta: the budget. unit: the privacy unit, a row or a person. spent: the ledger's composition at delta.

    ledger: its entries, in order. plan: what it was opened with, which `spent` is of; None in records of earlier versions.
    """

    epsilon: float
    delta: float
    unit: str = "row"
    spent: float | None = None
    ledger: tuple[Mapping[str, Any], ...] = ()
    plan: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class Seconds(Part):
    """learn, fit, sample, total: of the synthesis alone; learn is of what a schema leaves open. run: the whole run.

    around: what a method in an interpreter of its own took besides. process: fresh or warm. alone: whether nothing of ours ran
    beside it. contended: whether anything else kept the processors busy. limit, reached, phase: of a run that was stopped (a
    limit of memory is in GiB).
    """

    learn: float | None = None
    fit: float | None = None
    sample: float | None = None
    total: float | None = None
    run: float | None = None
    around: float | None = None
    process: str | None = None
    alone: bool | None = None
    contended: bool | None = None
    limit: float | None = None
    reached: float | None = None
    phase: str | None = None


@dataclass(frozen=True)
class Fidelity(Part):
    """How far synthetic rows are from real training rows, as means; `experiments.evaluation` says what each is.

    tvd1, tvd2: total variation distance of encoded marginals, of single columns and of pairs. All others are of rows as they were
    read. wasserstein: of single numbers. category_tvd: of single categorical columns. correlation_error: of pairs of columns.
    range_queries: of counts in random ranges of three columns. grid_tvd1, grid_tvd2, grid_tvd3: of one, two and three columns on
    a grid that no method chose. On request, of encoded rows: tvd3, of three columns; detection_auroc and pmse, whether they can
    be told from test rows; membership_nearest and membership_calibrated, AUROC of attacks that tell training from test rows.
    """

    tvd1: float | None = None
    tvd2: float | None = None
    wasserstein: float | None = None
    category_tvd: float | None = None
    correlation_error: float | None = None
    range_queries: float | None = None
    grid_tvd1: float | None = None
    grid_tvd2: float | None = None
    grid_tvd3: float | None = None
    tvd3: float | None = None
    detection_auroc: float | None = None
    pmse: float | None = None
    membership_nearest: float | None = None
    membership_calibrated: float | None = None


@dataclass(frozen=True)
class Evaluation(Part):
    """As configured; column: what was predicted where that is not the target. metrics: those besides ours. models: besides
    evaluators. One with parameters is a mapping, its class or function under `_target_`.

    likeness: what else of likeness was measured. groups: of which columns each group's accuracy was told.

    space: where models learnt and were tested, on encoded rows or on raw ones (decoded, and real rows as they were read).
    """

    name: str = "standard"
    evaluators: tuple[str | Mapping[str, Any], ...] = ()
    repeats: int | None = None
    target: str | None = None
    metrics: tuple[str | Mapping[str, Any], ...] = ()
    likeness: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    column: str | None = None
    space: str = "encoded"
    models: tuple[str | Mapping[str, Any], ...] = ()

    @property
    def judges(self) -> tuple[str, ...]:
        """The evaluators and models in words, parameters in brackets, in the order given."""
        return tuple(map(_in_words, (*self.evaluators, *self.models)))

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which a record has what evaluators and models scored."""
        return tuple(map(name_of, (*self.evaluators, *self.models)))

    @property
    def own_metrics(self) -> tuple[str, ...]:
        """The names that the metrics besides ours have among a record's."""
        return tuple(map(name_of, self.metrics))

    def plain(self) -> dict[str, Any]:
        """What is known; the space only where it is not the encoded one, which records of before there was a choice are of."""
        return {key: value for key, value in super().plain().items() if (key, value) != ("space", "encoded")}


def name_of(given: Given) -> str:
    """The name of a metric or a model, as records have it."""
    if not isinstance(given, str) and given.get("name"):
        return str(given["name"])
    target = given if isinstance(given, str) else str(given.get("_target_"))
    return target.replace(":", ".").rpartition(".")[2]


def _in_words(model: Given) -> str:
    if isinstance(model, str):
        return model
    chosen = ", ".join(f"{key}={value}" for key, value in model.items() if key not in ("_target_", "name"))
    return f"{name_of(model)}({chosen})" if chosen else name_of(model)


@dataclass(frozen=True)
class Encoding(Part):
    """How rows were encoded, where the data set's own schema does not say all of it.

    name: `learned`, or `public` for a schema that leaves something open itself. settings: of what was learnt. codes: of each
    column, how many values it was given. All methods see these, merged as each needs it.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Environment(Part):
    """dirty: whether the checkout had uncommitted changes. foreign: versions of what the method uses of other packages.

    code: the first digits of a hash of the method's code, with all that it imports of ours; no part of a run's identity.
    """

    commit: str | None = None
    dirty: bool | None = None
    python: str | None = None
    packages: Mapping[str, str | None] = field(default_factory=dict)
    cpu: str | None = None
    cores: int | None = None
    affinity: tuple[int, ...] | None = None
    threads: int | None = None
    foreign: Mapping[str, Any] | None = None
    code: str | None = None


@dataclass(frozen=True)
class Experiment(Part):
    """Name and content hash of the file in conf/experiment that the run was first done for."""

    name: str
    sha256: str
