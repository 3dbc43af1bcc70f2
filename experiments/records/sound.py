"""What is read as a record holds what tables count on: numbers that are numbers, sizes that can be, a ledger with names.

Types of fields are held by `parts.py`; this looks inside mappings, which a hand or another program may have filled otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from experiments.records.about import About


def refuse_unsound(record: Any) -> None:
    """Raise ValueError, saying which value, for a `Record` (which imports this) that no table can show."""
    for name, scores in record.metrics.items():
        for metric, value in scores.items():
            _number(f"metrics.{name}.{metric}", value)
    for metric, value in (record.dataset.floor or {}).items():
        _number(f"dataset.floor.{metric}", value)
    for name, pairs in (record.steps or {}).items():
        if not isinstance(pairs, list | tuple) or not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
            raise ValueError(f"steps.{name} holds something else than pairs of a step and its number")
        for step, value in pairs:
            _size(f"steps.{name}", "" if step is None else step)
            _number(f"steps.{name}", value)
    for entry in record.privacy.ledger:
        if not (isinstance(entry.get("mechanism"), str) and isinstance(entry.get("label"), str)):
            raise ValueError("an entry of its ledger does not say which mechanism it is of, or what for")
        _size("ledger.count", entry.get("count", 1))
    for name, value in (("epsilon", record.privacy.epsilon), ("delta", record.privacy.delta)):
        if isinstance(value, bool) or not math.isfinite(value) or value < 0 or (name == "epsilon" and value == 0):
            raise ValueError(f"privacy.{name} is {value!r}, no budget")
    about = record.dataset
    for name, size in (("n_train", about.n_train), ("n_test", about.n_test), ("train_rows", about.train_rows)):
        _size(f"dataset.{name}", size)
    _size("n_synth", record.n_synth)
    for name in ("learn", "fit", "sample", "total", "run", "around", "limit", "reached"):
        _time(f"seconds.{name}", getattr(record.seconds, name))
    _time("peak_memory_mb", record.peak_memory_mb)
    judged = record.evaluation
    for where, names, kinds in (
        ("evaluation.evaluators", judged.evaluators, str | Mapping),  # one with parameters is a mapping
        ("dataset.sha256", record.dataset.sha256, str),
    ):
        if not all(isinstance(name, kinds) for name in names):
            raise ValueError(f"{where} holds something else than names")
    for name, told in (record.method.about or {}).items():
        several = told if name == "drawn" and isinstance(told, list | tuple) else [told]
        if not all(isinstance(each, str | None) for each in several):
            raise ValueError(f"method.about.{name} is {str(told)[:40]!r}, no text")
    About.of(record.method.name, record.method.about)
    for name, version in record.environment.packages.items():
        if not isinstance(version, str | None):
            raise ValueError(f"environment.packages.{name} is {str(version)[:40]!r}, no version")


def _number(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{name} is {str(value)[:40]!r}, no number")


def _size(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise ValueError(f"{name} is {str(value)[:40]!r}, no count")


def _time(name: str, value: Any) -> None:
    if value is not None and (isinstance(value, bool | Mapping) or not math.isfinite(value) or value < 0):
        raise ValueError(f"{name} is {str(value)[:40]!r}; it cannot be below 0")
