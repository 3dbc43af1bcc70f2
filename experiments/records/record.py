"""One run's result: the only truth, from which every table, figure and page is made."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import fmean
from typing import Any

from experiments.records import former
from experiments.records.parts import (
    Data,
    Encoding,
    Environment,
    Evaluation,
    Experiment,
    Fidelity,
    Method,
    Part,
    Privacy,
    Seconds,
    refuse_other_types,
)
from experiments.records.printable import printable
from experiments.records.sound import refuse_unsound

METRICS = (  # 0.1.0 had the first four
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "auroc",
    "log_loss",
    "calibration_slope",
    "calibration_error",
)
OF_NUMBERS = ("r2", "mae", "pinball")  # of a target that is a number, judged in raw space
EVALUATORS = ("logistic", "forest", "boosting", "mlp")
DIRECT = "guide"  # the name under which a method that predicts by itself is scored

STATUSES = ("ok", "failed", "timeout", "out_of_memory", "skipped")
FORMAT = 6  # 1: without `experiment`; 2: in the words of `former`; 3: encoded by the data set's schema; 4, 5: without code, steps
_TODAYS_WORDS = 3
_BEFORE_CODE = 4
_BEFORE_STEPS = 5
_HALF_A_LETTER = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON writes it; or half of one beyond the first 65,536


class NewerRecord(Exception):
    """A record of a later version of this program; not to be touched by this one."""


@dataclass(frozen=True)
class Record:
    """One run. Its parts are explained where they are defined; see `flat` for one row a run.

    fit_id: of what was fitted, shared by runs that only judge it otherwise. metrics: by evaluator, then by metric. positive_rate:
    the share of the positive class among the synthetic labels. log: of a run that failed, the file in the results folder
    with its whole traceback and the output of its process. experiment: the file that it was first done for, if any. steps: what
    the method told of its steps (`Synthesizer.steps_`), by name pairs of a step, from 0, and its number.
    """

    run_id: str
    fit_id: str
    status: str
    dataset: Data
    method: Method
    privacy: Privacy
    seed: int
    n_synth: int
    error: str | None = None
    log: str | None = None
    seconds: Seconds = field(default_factory=Seconds)
    peak_memory_mb: float | None = None
    metrics: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    positive_rate: float | None = None
    fidelity: Fidelity = field(default_factory=Fidelity)
    synthetic_sha256: str | None = None
    evaluation: Evaluation = field(default_factory=Evaluation)
    environment: Environment = field(default_factory=Environment)
    experiment: Experiment | None = None
    encoding: Encoding | None = None
    steps: Mapping[str, Sequence[Sequence[float | None]]] | None = None

    @classmethod
    def of(cls, **values: Any) -> Record:
        """From plain values. Raises ValueError for one that there is not or is of another type, TypeError for what is missing."""
        parts = {name: kind.of(value) for name, kind in _PARTS.items() if isinstance(value := values.get(name), Mapping)}
        refuse_other_types(cls, {**values, **parts})
        privacy = values.get("privacy") or {}
        within = [*values.get("metrics", {}).values(), *privacy.get("ledger", ()), *(privacy.get("plan") or ())]
        if not all(isinstance(item, Mapping) for item in within):
            raise ValueError("its metrics, its ledger or its plan hold something else than mappings")
        if values.get("status") not in STATUSES:
            raise ValueError(f"its status is {values.get('status')!r}; there are {', '.join(STATUSES)}")
        return cls(**{**values, **parts})

    def plain(self) -> dict[str, Any]:
        """As plain values, those left out that are not known."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value.plain() if isinstance(value, Part) else value for name, value in values.items() if value is not None}

    def to_json(self) -> str:
        """One line without spaces, keys sorted, NaN as null."""
        values = _without_nan({**self.plain(), "format": self._format})
        return json.dumps(values, sort_keys=True, allow_nan=False, separators=(",", ":"))

    @property
    def _format(self) -> int:
        """The first that can say all that it says, so that records of before stay as they are, letter by letter."""
        if self.steps is not None:
            return FORMAT
        if self.method.source or self.environment.code:
            return _BEFORE_STEPS
        return _BEFORE_CODE if self.encoding is not None or self.evaluation.space != "encoded" else _TODAYS_WORDS

    @property
    def content(self) -> str:
        """Of all that it says: tells it from a later record of the same run."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]

    @classmethod
    def from_json(cls, text: str) -> Record:
        """A record of this format or an earlier one, with a mark in the place of each half of a letter.

        Raises ValueError unless the text is one whole record, NewerRecord if a later version wrote it.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise ValueError("it is no mapping")
        raw = printable(raw) if _HALF_A_LETTER.search(text) else raw
        written = raw.pop("format", 1)
        if isinstance(written, int) and written > FORMAT:
            raise NewerRecord(f"a record of format {written}; this version reads up to {FORMAT}: install a newer one")
        try:
            made = cls.of(**former.record(raw))  # methods are renamed whatever the format
        except (TypeError, AttributeError) as error:
            raise ValueError(f"it lacks what every record has ({error})") from error
        refuse_unsound(made)
        return made

    @property
    def failed(self) -> bool:
        """Whether it did not end as it should."""
        return self.status not in ("ok", "skipped")

    @property
    def alone(self) -> bool:
        """Whether it was run to be timed, with the machine to itself."""
        return bool(self.seconds.alone)

    @property
    def judges(self) -> tuple[str, ...]:
        """The models that judged it."""
        return tuple(sorted(self.evaluation.judges or self.metrics))

    def mean(self, metric: str) -> float | None:
        """Mean of a metric over evaluators."""
        values = [value for scores in self.metrics.values() if (value := scores.get(metric)) is not None]
        return fmean(values) if values else None

    @property
    def predicts_a_number(self) -> bool:
        """Whether it was judged by how near predictions of a number are."""
        return any(OF_NUMBERS[0] in scores for scores in self.metrics.values())

    @property
    def lacks_metrics(self) -> bool:
        """Whether it was judged before some metric was there that every run is judged by now."""
        return self.status == "ok" and any(
            metric not in scores
            for scores in self.metrics.values()
            for metric in (OF_NUMBERS if OF_NUMBERS[0] in scores else METRICS)
        )

    def best(self, metric: str) -> float | None:
        """The best evaluator's value of a metric."""
        values = [value for scores in self.metrics.values() if (value := scores.get(metric)) is not None]
        return max(values) if values else None

    @property
    def data_settings(self) -> dict[str, Any]:
        """What was chosen of the data set: `generator` of simulated rows, or `train_rows` of a table that was cut."""
        return {key: value for key in ("generator", "train_rows") if (value := getattr(self.dataset, key))}

    def flat(self) -> dict[str, Any]:
        """One row: names, settings, every metric's mean and its value per evaluator, times, memory, error."""
        row: dict[str, Any] = {
            "dataset": self.dataset.name,
            "method": self.method.name,
            "epsilon": self.privacy.epsilon,
            "delta": self.privacy.delta,
            "seed": self.seed,
            "status": self.status,
            "guarantee": self.method.guarantee,
            "epsilon_spent": self.privacy.spent,
            "unit": self.privacy.unit,
            "n_train": self.dataset.n_train,
            "n_test": self.dataset.n_test,
            "n_synth": self.n_synth,
            "ceiling": self.dataset.ceiling,
            "dataset_settings": as_text(settings(self.data_settings)).replace("generator.", ""),
            "method_settings": as_text(settings(self.method.parameters)),
            "offtask": self.evaluation.column,
            "encoding": self.encoding.name if self.encoding else "public",
            "encoding_settings": as_text(settings(self.encoding.settings)) if self.encoding else "",
            "space": self.evaluation.space,
            "leak": self.dataset.leak,
        }
        metrics = tuple(dict.fromkeys((*METRICS, *sorted({m for scores in self.metrics.values() for m in scores}))))
        evaluators = tuple(dict.fromkeys((*EVALUATORS, DIRECT, *sorted(self.metrics))))
        row |= {metric: self.mean(metric) for metric in metrics if metric not in row}  # earlier versions took any name
        row |= {"accuracy_best": self.best("accuracy"), "positive_rate": self.positive_rate}
        row |= {f.name: getattr(self.fidelity, f.name) for f in fields(self.fidelity)}
        row |= {f"{part}_seconds": getattr(self.seconds, part) for part in ("learn", "fit", "sample", "total")}
        row |= {"peak_memory_mb": self.peak_memory_mb, "error": self.error}
        for metric in metrics:
            row |= {f"{metric}.{name}": self.metrics.get(name, {}).get(metric) for name in evaluators}
        return row | {"synthetic_sha256": self.synthetic_sha256, "run_id": self.run_id, "fit_id": self.fit_id}


def columns() -> tuple[str, ...]:
    """The columns that every flat row has; a metric of a person's own is called otherwise."""
    return tuple(Record("", "", "ok", Data(""), Method(""), Privacy(1.0, 0.0), 0, 0).flat())


_PARTS: dict[str, type[Part]] = {
    "dataset": Data,
    "method": Method,
    "privacy": Privacy,
    "seconds": Seconds,
    "fidelity": Fidelity,
    "evaluation": Evaluation,
    "environment": Environment,
    "experiment": Experiment,
    "encoding": Encoding,
}


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
