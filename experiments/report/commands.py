"""The command that makes a record again, read off the record and the configuration it is composed from."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from experiments.configuration import options, read_option
from experiments.records import former
from experiments.records.record import Record

_OWN_KEYS = ("name", "caution", "title")  # of a data set, not for anybody to set
_ALONE = "compute=alone"


def commands(runs: Iterable[Record]) -> list[str]:
    """As typed: `dpdsyn run -m dataset=adult synthesizer=mst privacy.epsilon=1.0 seed=0,1,2`, one for each choice of settings.

    What equals the configuration file is left out. Methods without such a file are named with all settings.
    """
    alike: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in runs:
        alike[_settings(record)].append(record)
    return [_typed(overrides, group) for overrides, group in alike.items()]


def overrides(record: Record) -> tuple[str, ...]:
    """What Hydra is given to compose that run."""
    return (*(text for text in _settings(record) if text != _ALONE), f"seed={record.seed}")


def _settings(record: Record) -> tuple[str, ...]:
    """Overrides of all but the seed."""
    evaluation = record.evaluation.name
    settable = _default("dataset", record.dataset.name).keys() - _OWN_KEYS
    return (
        f"dataset={record.dataset.name}",
        *_changed(
            "dataset",
            record.dataset.name,
            {key: value for key, value in sorted(record.dataset.plain().items()) if key in settable},
        ),
        f"synthesizer={record.method.name}",
        *_changed("synthesizer", record.method.name, _parameters(record)),
        *_changed("privacy", "default", {"epsilon": record.privacy.epsilon, "delta": record.privacy.delta}, ("epsilon",)),
        *_encoding(record),
        *([f"evaluation={evaluation}"] if evaluation != "standard" else []),
        *_changed("evaluation", evaluation, _evaluation(record)),
        *([_ALONE] if record.seconds.alone else []),
    )


def _parameters(record: Record) -> dict[str, Any]:
    """Of its method, those too that there were none of when it ran."""
    return former.completed(record.method.parameters or {}, _default("synthesizer", record.method.name))


def _encoding(record: Record) -> list[str]:
    """Nothing of a record whose schema left nothing open."""
    if record.encoding is None:
        return []
    named = [f"encoding={record.encoding.name}"] if record.encoding.name != "public" else []
    return named + _changed("encoding", record.encoding.name, record.encoding.settings)


def _evaluation(record: Record) -> dict[str, Any]:
    """As configured: what a record holds as a tuple is a list in the configuration."""
    kept = {key: value for key, value in record.evaluation.plain().items() if key != "column"}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}


def _typed(overrides: tuple[str, ...], runs: list[Record]) -> str:
    limits = [record.seconds.limit for record in runs if record.seconds.limit]
    seeds = sorted({record.seed for record in runs})
    ending = [*([f"compute.timeout={max(limits):g}"] if limits else []), f"seed={','.join(map(str, seeds))}"]
    return " ".join(["dpdsyn run" + (" -m" if len(seeds) > 1 else ""), *map(shlex.quote, (*overrides, *ending))])


def _changed(group: str, name: str, chosen: Mapping[str, Any], always: tuple[str, ...] = ()) -> list[str]:
    """Overrides for what is not as in the configuration file, and for what is always said."""
    usual = {key: value for key, value in _default(group, name).items() if key not in always}
    return [f"{group}.{key}={_written(value)}" for key, value in _differing(chosen, usual)]


def _differing(chosen: Mapping[str, Any], usual: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in chosen.items():
        known = usual.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            found += [(f"{key}.{inner}", other) for inner, other in _differing(value, known)]
        elif key not in usual or value != known:
            found.append((key, value))
    return found


@cache
def _default(group: str, name: str) -> dict[str, Any]:
    return read_option(group, name) if name in options(group) else {}


def _written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)  # 1.0 stays 1.0, which is another value than 1 in what tells runs apart
