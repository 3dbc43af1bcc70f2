"""What MLflow is told of one record: a name, what one filters by, what one charts, the data set, and the budget step by step.

All of it is read off the record, so that a run looks the same whenever and wherever it is written. Nothing of a fit is told but
what stands in the ledger and what the method made of mechanisms' answers (`Synthesizer.steps_`): how a guide's loss falls on
private rows, say, is no such answer, and no record has it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from dpdsyn.accounting.zcdp import epsilon_of
from dpdsyn.base.checks import InputError
from experiments.configuration import default_parameters, options, read_option
from experiments.records import former
from experiments.records.record import Record, as_text, settings
from experiments.records.steps import kept

FORMAT = 3  # of what is told; raised when it changes, so that `dpdsyn track` writes runs of before anew
_VARIANT = 100  # letters of a run's name that tell its settings
_ERROR = 500  # letters of an error in a tag; all of it stands in the run's note
_OF_SECONDS = ("learn", "sample", "run", "around")


@dataclass(frozen=True)
class Contents:
    """params, tags: text by name. metrics: numbers by name, the few that matter without a `/`. start, end: in milliseconds.

    steps: by name, values by their step, from 0. dataset: name, digest, what is told of it. ending: as MLflow calls its status.
    """

    name: str
    params: Mapping[str, str]
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    steps: Mapping[str, Mapping[int, float]]
    dataset: tuple[str, str, Mapping[str, Any]]
    start: int
    end: int
    ending: str
    files: Mapping[str, str] = field(default_factory=dict)


def contents(record: Record, ended: float) -> Contents:
    """ended: seconds since 1970 at which the record was written."""
    end = int(ended * 1000)
    took = record.seconds.run or record.seconds.total or record.seconds.reached or 0.0
    variant = variant_of(record)
    return Contents(
        name=f"{record.method.name} {record.dataset.name} eps={record.privacy.epsilon:g} seed={record.seed}"
        + (f" ({variant[:_VARIANT]})" if variant else ""),
        params=_params(record, variant),
        tags=_tags(record, variant),
        metrics=_metrics(record),
        steps=_budget_used(record) | _steps(record),
        dataset=_dataset(record),
        start=end - int(1000 * took),
        end=end,
        ending="FINISHED" if record.status in ("ok", "skipped") else "FAILED",
        files={"record.json": record.to_json(), "ledger.json": json.dumps(record.privacy.plain(), indent=1)},
    )


def variant_of(record: Record) -> str:
    """What tells the run from the usual one of its method, data set, budget and seed: settings that are not the default."""
    then = former.defaults(record.method.name, record.method.version)
    usual = _usual("synthesizer", record.method.name) if then is None else settings(then)
    words = {key: value for key, value in settings(record.method.parameters).items() if usual.get(key, value) != value}
    usual_data = _usual("dataset", record.dataset.name)
    chosen = {key: value for key, value in settings(record.data_settings).items() if usual_data.get(key) != value}
    words |= {key.removeprefix("generator."): value for key, value in chosen.items()}
    if record.encoding is not None:
        usual_encoding = _usual("encoding", record.encoding.name)
        of_encoding = settings(record.encoding.settings).items()
        words |= {key: value for key, value in of_encoding if usual_encoding.get(key, value) != value}
    names = [record.encoding.name] if record.encoding is not None and record.encoding.name != "public" else []
    names += [record.evaluation.space] if record.evaluation.space != "encoded" else []
    names += [f"predicting {record.evaluation.column}"] if record.evaluation.column else []
    return ", ".join([*names, *([as_text(words)] if words else [])])


@cache
def _usual(group: str, name: str) -> Mapping[str, str]:
    """What a file of ours sets; nothing of names that are a person's own."""
    try:
        return settings(default_parameters(group, name)) if name in options(group) else {}
    except InputError:
        return {}


@cache
def _family(method: str) -> str:
    try:
        about = read_option("synthesizer", method).get("about") if method in options("synthesizer") else None
    except InputError:
        about = None
    return (about or {}).get("family") or method


def _params(record: Record, variant: str) -> dict[str, str]:
    """What a run was asked to do, and how large its tables were."""
    about = record.method.about or {}
    params: dict[str, Any] = {
        "dataset": record.dataset.name,
        "method": record.method.name,
        "family": about.get("family") or _family(record.method.name),
        "epsilon": f"{record.privacy.epsilon:g}",
        "delta": f"{record.privacy.delta:g}",
        "seed": record.seed,
        "variant": variant or "default",
        "encoding": record.encoding.name if record.encoding else "public",
        "evaluation": record.evaluation.name,
        "space": record.evaluation.space,
        "guarantee": record.method.guarantee or "unknown",
        "unit": record.privacy.unit,
        "predicted": record.evaluation.column or "target",
        "n_train": record.dataset.n_train,
        "n_test": record.dataset.n_test,
        "n_synth": record.n_synth,
    }
    asked = {"parameters": record.method.parameters, "data": record.data_settings}
    asked |= {"encoding": record.encoding.settings} if record.encoding else {}
    return {key: str(value) for key, value in params.items() if value is not None} | {
        key: value[:500] for key, value in settings(asked).items()
    }


def _tags(record: Record, variant: str) -> dict[str, str]:
    about, where = record.method.about or {}, record.environment
    tags = {
        "dataset": record.dataset.name,
        "method": record.method.name,
        "family": about.get("family") or _family(record.method.name),
        "epsilon": f"{record.privacy.epsilon:g}",
        "seed": str(record.seed),
        "encoding": record.encoding.name if record.encoding else "public",
        "guarantee": record.method.guarantee or "unknown",
        "status": record.status,
        "fit_id": record.fit_id,
        "mlflow.source.name": "dpdsyn",
        "mlflow.source.type": "LOCAL",
        "mlflow.note.content": _note(record, variant),
    }
    if where.commit:
        tags |= {"commit": where.commit[:12], "mlflow.source.git.commit": where.commit}
    if record.error:
        tags["error"] = record.error[:_ERROR]
    if record.seconds.contended:
        tags["contended"] = "true"
    return tags


def _note(record: Record, variant: str) -> str:
    """The run in a few lines of Markdown, as MLflow shows on its page: what it was, and what went wrong."""
    spent = f", {record.privacy.spent:.4g} of it spent" if record.privacy.spent is not None else ""
    lines = [
        f"**{record.method.name}** on **{record.dataset.name}**" + (f" ({variant})" if variant else ""),
        f"- guarantee: {record.method.guarantee or 'unknown'}; epsilon {record.privacy.epsilon:g}{spent}, "
        f"delta {record.privacy.delta:g}, of one {record.privacy.unit}",
    ]
    if record.failed:
        where = f" while it was in the phase `{record.seconds.phase}`" if record.seconds.phase else ""
        lines += [f"- **{record.status}**{where}:", "", "```", record.error or "nothing is known of why", "```"]
        lines += [f"All of it: `{record.log}` in the results folder"] if record.log else []
    elif record.error:
        lines.append(f"- {record.status}: {record.error}")
    lines += [f"- caution: {record.dataset.caution}"] if record.dataset.caution else []
    return "\n".join(lines)[:7000]


def _metrics(record: Record) -> dict[str, float]:
    """Those that matter have plain names; the others stand in sections, `accuracy/forest`. Off the task all are `offtask/...`."""
    metrics = dict.fromkeys(metric for scores in record.metrics.values() for metric in scores)
    plain = {metric: record.mean(metric) for metric in metrics}
    first: dict[str, float | None]
    if record.evaluation.column:
        first = {"offtask_accuracy": plain.pop("accuracy", None)}
        rest: dict[str, float | None] = {f"offtask/{metric}": value for metric, value in plain.items()}
        prefix = "offtask/"
    else:
        first = {name: plain.pop(name) for name in ("accuracy", "auroc", "log_loss", "r2") if name in plain}
        rest = {f"{metric}/mean": value for metric, value in plain.items()} | {"accuracy/best": record.best("accuracy")}
        prefix = ""
    rest |= {f"{prefix}{metric}/{judge}": value for judge, scores in record.metrics.items() for metric, value in scores.items()}
    rest |= {f"fidelity/{f.name}": getattr(record.fidelity, f.name) for f in fields(record.fidelity) if f.name != "tvd2"}
    rest |= {f"seconds/{part}": getattr(record.seconds, part) for part in _OF_SECONDS}
    rest |= {"data/positive_rate": record.positive_rate, "memory/peak_mb": record.peak_memory_mb}
    first |= {
        "tvd2": record.fidelity.tvd2,
        "fit_seconds": record.seconds.fit,
        "total_seconds": record.seconds.total,
        "epsilon": record.privacy.epsilon,  # a number too, so that charts have it as an axis
        "epsilon_spent": record.privacy.spent,
    }
    return {key: float(value) for key, value in (first | rest).items() if value is not None and math.isfinite(value)}


def _steps(record: Record) -> dict[str, dict[int, float]]:
    """What the method told, where it is a number."""
    return {
        f"steps/{name}": {int(s): float(v) for s, v in pairs if s is not None and v is not None and math.isfinite(v)}
        for name, pairs in (record.steps or {}).items()
    }


def _budget_used(record: Record) -> dict[str, dict[int, float]]:
    """Epsilon that the ledger's entries up to each one amount to together, in order, as zCDP composes them.

    An upper bound of what is spent, which a better accountant may put lower. Nothing where an entry has no useful zCDP: a
    Gaussian on a sample of rows, a threshold, or rows that were handed over.
    """
    total, used = 0.0, []
    for entry in record.privacy.ledger:
        rho = _rho(entry)
        if rho is None:
            return {}
        total += rho
        used.append(total)
    if len(used) < 2 or not 0 < record.privacy.delta < 1:
        return {}
    return {"privacy/epsilon_used": {step: epsilon_of(used[step], record.privacy.delta) for step in kept(len(used))}}


def _rho(entry: Mapping[str, Any]) -> float | None:
    """zCDP of a ledger's entry, as `dpdsyn.accounting.spends` has it; None where it has none or what it says is not known."""
    count, noise = entry.get("count", 1), entry.get("noise_multiplier", 0.0)
    try:
        match entry.get("mechanism"):
            case "Gaussian" | "GaussianCap":
                return float(count / (2 * noise**2))
            case "Exponential":
                return float(count * entry["epsilon"] ** 2 / 8)
            case "ZCDP":
                return float(entry["rho"])
    except (TypeError, KeyError, ZeroDivisionError):
        pass
    return None


def _dataset(record: Record) -> tuple[str, str, dict[str, Any]]:
    """Name, digest of files and settings, and its size: one data set of MLflow's for each table that runs were fitted on."""
    identity = json.dumps([dict(record.dataset.sha256), settings(record.data_settings), record.dataset.version], sort_keys=True)
    told: dict[str, Any] = {"rows to train on": record.dataset.n_train, "rows to test on": record.dataset.n_test}
    told |= {"files": dict(record.dataset.sha256), "settings": settings(record.data_settings)}
    return record.dataset.name, hashlib.sha256(identity.encode()).hexdigest()[:12], {k: v for k, v in told.items() if v}
