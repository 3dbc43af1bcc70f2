"""One cell's result: the only truth, from which every table, run and report is made."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from statistics import fmean
from typing import Any

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "auroc")
EVALUATORS = ("logistic", "forest", "boosting", "mlp")
DIRECT = "guide"  # the name under which a method that predicts by itself is scored

STATUSES = ("ok", "failed", "timeout", "out_of_memory", "skipped")
FORMAT = 2  # 1: without `experiment`


class NewerRecord(Exception):
    """A record of a later version of this program; not to be touched by this one."""


@dataclass(frozen=True)
class Record:
    """Nested values as in the JSON file; see `flat` for one row a cell.

    dataset: name, sha256, n_train, n_test, seed of the split; generator, the settings of made-up rows; train_rows, to about
    how many a table was cut; version, of a person's own file with its schema; ceiling, the best possible accuracy where it is
    known; leak, the share of test rows whose profile is in training where that is measured; caution, what to know.
    method: name, target, version, parameters, guarantee. privacy: epsilon, delta, unit (what is protected: a row or a
    person), spent, ledger. seconds: fit, sample, total; cell, the whole of it; process says fresh or warm; alone, whether nothing
    of ours ran beside it; contended, whether anything else kept the processors busy; around, what a method in an interpreter of
    its own took besides; limit, reached and phase of a run that was stopped.
    evaluation: as configured; column, what was predicted where that is not the target. metrics: per evaluator. fidelity:
    tvd1, tvd2. environment: commit, packages, processor, threads; foreign, versions of what the method uses of other
    packages. experiment: name and content hash of the file in conf/experiment that it was first run for, if any.
    """

    cell_id: str
    fit_id: str
    status: str
    dataset: dict[str, Any]
    method: dict[str, Any]
    privacy: dict[str, Any]
    seed: int
    n_synth: int
    error: str | None = None
    seconds: dict[str, Any] = field(default_factory=dict)
    peak_memory_mb: float | None = None
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)
    label_share: float | None = None
    fidelity: dict[str, float] = field(default_factory=dict)
    synthetic_sha256: str | None = None
    evaluation: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    experiment: dict[str, str] | None = None
    format: int = FORMAT

    def to_json(self) -> str:
        """One line without spaces, keys sorted, NaN as null."""
        return json.dumps(_without_nan(asdict(self)), sort_keys=True, allow_nan=False, separators=(",", ":"))

    @property
    def content(self) -> str:
        """Of all that it says: tells it from a later record of the same cell."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Raises ValueError unless the text is one whole record, NewerRecord if a later version wrote it."""
        raw = json.loads(text)
        names = {f.name for f in fields(cls)}
        if isinstance(raw, dict) and isinstance(raw.get("format"), int) and raw["format"] > FORMAT:
            raise NewerRecord(f"a record of format {raw['format']}; this version reads up to {FORMAT}: install a newer one")
        if not isinstance(raw, dict) or not {"cell_id", "fit_id", "status"} <= set(raw) or not set(raw) <= names:
            raise ValueError("not a record of this version")
        return cls(**raw)

    @property
    def alone(self) -> bool:
        """Whether it was run to be timed, with the machine to itself."""
        return bool(self.seconds.get("alone"))

    @property
    def judges(self) -> tuple[str, ...]:
        """The models that judged it."""
        return tuple(sorted(self.evaluation.get("evaluators") or self.metrics))

    def mean(self, metric: str) -> float | None:
        """Mean of a metric over evaluators."""
        values = [scores[metric] for scores in self.metrics.values() if scores.get(metric) is not None]
        return fmean(values) if values else None

    def best(self, metric: str) -> float | None:
        """The best evaluator's value of a metric."""
        values = [scores[metric] for scores in self.metrics.values() if scores.get(metric) is not None]
        return max(values) if values else None

    @property
    def data_settings(self) -> dict[str, Any]:
        """What was chosen of the data set: `generator` of made-up rows, or `train_rows` of a table that was cut."""
        return {key: self.dataset[key] for key in ("generator", "train_rows") if self.dataset.get(key)}

    def flat(self) -> dict[str, Any]:
        """One row: names, settings, every metric's mean and its value per evaluator, times, memory, error."""
        row: dict[str, Any] = {
            "dataset": self.dataset.get("name"),
            "method": self.method.get("name"),
            "epsilon": self.privacy.get("epsilon"),
            "delta": self.privacy.get("delta"),
            "seed": self.seed,
            "status": self.status,
            "guarantee": self.method.get("guarantee"),
            "epsilon_spent": self.privacy.get("spent"),
            "unit": self.privacy.get("unit", "row"),
            "n_train": self.dataset.get("n_train"),
            "n_test": self.dataset.get("n_test"),
            "n_synth": self.n_synth,
            "ceiling": self.dataset.get("ceiling"),
            "dataset_settings": as_text(settings(self.data_settings)).replace("generator.", ""),
            "method_settings": as_text(settings(self.method.get("parameters"))),
            "offtask": self.evaluation.get("column"),
            "leak": self.dataset.get("leak"),
        }
        row |= {metric: self.mean(metric) for metric in METRICS}
        row |= {"accuracy_best": self.best("accuracy"), "label_share": self.label_share}
        row |= {name: self.fidelity.get(name) for name in ("tvd1", "tvd2")}
        row |= {f"{part}_seconds": self.seconds.get(part) for part in ("fit", "sample", "total")}
        row |= {"peak_memory_mb": self.peak_memory_mb, "error": self.error}
        for metric in METRICS:
            row |= {f"{metric}.{name}": self.metrics.get(name, {}).get(metric) for name in (*EVALUATORS, DIRECT)}
        return row | {"synthetic_sha256": self.synthetic_sha256, "cell_id": self.cell_id, "fit_id": self.fit_id}


def settings(nested: Mapping[str, Any] | None) -> dict[str, str]:
    """Parameters as text under dotted names, sorted."""
    flat: dict[str, str] = {}
    for key, value in (nested or {}).items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{name}": inner for name, inner in settings(value).items()}
        else:
            flat[key] = str(value)
    return dict(sorted(flat.items()))


def as_text(chosen: Mapping[str, str]) -> str:
    """As a person would type them: `order=3, classes=4`."""
    return ", ".join(f"{key}={value}" for key, value in chosen.items())


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
