"""The command that makes a record again, read off the record and the configuration it is composed from."""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from experiments.configuration import options, read_option
from experiments.records import former
from experiments.records.record import Record

_OWN_KEYS = ("name", "caution", "title")  # of a data set, not for anybody to set
_ALONE = "compute=alone"
_PLAIN_TEXT = re.compile(r"[A-Za-z_/][\w./:-]*", re.ASCII)  # which Hydra takes for a text as it stands
_NO_TEXT = ("true", "false", "null", "nan", "inf")
_SIGNS_IN_KEYS, _ESCAPED = re.compile(r"([\\()\[\]{}:=,\s])"), r"\\\1"


def commands(runs: Iterable[Record]) -> list[str]:
    """As typed: `dpdsyn run -m dataset=adult synthesizer=mst privacy.epsilon=1.0 seed=0,1,2`, one for each choice of settings.

    What equals the configuration file is left out, and what it does not have is added by `+`. A method without a file of ours is
    one of its class that has a file, renamed; where there is none, it is named with all settings, as `++`, which holds whether a
    file of one's own has these or not. The folder of such files is in no record, so a command that needs it has DIR in its place.
    """
    alike: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in runs:
        alike[_settings(record)].append(record)
    return [_typed(overrides, group) for overrides, group in alike.items()]


def overrides(record: Record, extra: Path | None = None) -> tuple[str, ...]:
    """What Hydra is given to compose that run. extra: a folder of configuration beside ours."""
    return (*(text for text in _settings(record, extra) if text != _ALONE), f"seed={record.seed}")


def _settings(record: Record, extra: Path | None = None) -> tuple[str, ...]:
    """Overrides of all but the seed."""
    budget = {"epsilon": record.privacy.epsilon, "delta": record.privacy.delta}
    return (
        *_dataset(record, extra),
        *_method(record, extra),
        *_changed("privacy", _default("privacy", "default", extra), budget, ("epsilon",)),
        *_encoding(record, extra),
        *_evaluation(record, extra),
        *([_ALONE] if record.seconds.alone else []),
    )


def _dataset(record: Record, extra: Path | None) -> list[str]:
    name, told = record.dataset.name, record.dataset.plain()
    usual = _default("dataset", name, extra) or {}
    settable = usual.keys() - _OWN_KEYS | ({"train_rows"} if usual else set())  # which any table of a file may have
    return [f"dataset={_written(name)}", *_changed("dataset", usual, {key: told[key] for key in sorted(told) if key in settable})]


def _method(record: Record, extra: Path | None) -> list[str]:
    """By its file; without one, as one of the same class with another name, whichever takes the fewest changes.

    Parameters are told too that there were none of when it ran.
    """
    own, parameters = record.method.name, record.method.parameters or {}

    def named(name: str) -> list[str]:
        usual = _default("synthesizer", name, extra)
        renamed = [] if name == own else [f"synthesizer.name={_written(own)}"]
        return [
            f"synthesizer={_written(name)}",
            *renamed,
            *_changed("synthesizer", usual, former.completed(parameters, usual or {})),
        ]

    there = _default("synthesizer", own, extra) is not None
    return min(map(named, [own] if there else _of_class(record.method.target, extra) or [own]), key=len)


@lru_cache(maxsize=1024)
def _of_class(target: str | None, extra: Path | None = None) -> list[str]:
    """Names of the methods of that class."""
    names = options("synthesizer", extra) if target else []
    return [name for name in names if read_option("synthesizer", name, extra).get("_target_") == target]


def _encoding(record: Record, extra: Path | None) -> list[str]:
    """Nothing of a record whose schema left nothing open."""
    if record.encoding is None:
        return []
    return _named("encoding", record.encoding.name, "public", record.encoding.settings, extra)


def _evaluation(record: Record, extra: Path | None) -> list[str]:
    """As configured: what a record holds as a tuple is a list in the configuration."""
    kept = {key: value for key, value in record.evaluation.plain().items() if key not in ("column", "name")}
    told = {key: list(value) if isinstance(value, tuple) else value for key, value in kept.items()}
    return _named("evaluation", record.evaluation.name, "standard", told, extra)


def _named(group: str, name: str, usually: str, told: Mapping[str, Any], extra: Path | None) -> list[str]:
    """The option, and what is not as in its file. One without a file is the usual one with a name and settings of its own."""
    own = _default(group, name, extra)
    named = [] if name == usually else [f"{group}{'.name' if own is None else ''}={_written(name)}"]
    return named + _changed(group, _default(group, usually, extra) if own is None else own, told)


def _typed(overrides: tuple[str, ...], runs: list[Record]) -> str:
    limits = [record.seconds.limit for record in runs if record.seconds.limit]
    seeds = sorted({record.seed for record in runs})
    ending = [*([f"compute.timeout={max(limits):g}"] if limits else []), f"seed={','.join(map(str, seeds))}"]
    needed = _files_of_ones_own(runs[0])
    words = ["dpdsyn run", *(["--config-dir DIR"] if needed else []), *(["-m"] if len(seeds) > 1 else [])]
    told = f"  # DIR: the folder with your {' and '.join(needed)}" if needed else ""
    return " ".join([*words, *map(shlex.quote, (*overrides, *ending))]) + told


def _files_of_ones_own(record: Record) -> list[str]:
    """Files of configuration that its run needs beside ours, in a folder that no record knows."""
    data, method = record.dataset.name, record.method
    own = [f"dataset/{data}.yaml"] if _default("dataset", data) is None else []
    by_class = _default("synthesizer", method.name) is not None or _of_class(method.target)
    return own if by_class else [*own, f"synthesizer/{method.name}.yaml"]


def _changed(group: str, usual: Mapping[str, Any] | None, chosen: Mapping[str, Any], always: tuple[str, ...] = ()) -> list[str]:
    """Overrides for what is not as in the configuration file, and for what is always said. usual: what the file has, if any."""
    if usual is None:
        return [f"++{group}.{key}={_written(value)}" for key, value in chosen.items()]
    found = _differing({key: value for key, value in chosen.items() if key not in always}, usual)
    added = [(key in usual, key, chosen[key]) for key in always] + found
    return [f"{'' if there else '+'}{group}.{key}={_written(value)}" for there, key, value in added]


def _differing(chosen: Mapping[str, Any], usual: Mapping[str, Any]) -> list[tuple[bool, str, Any]]:
    """Whether the file has it, the key, the value."""
    found: list[tuple[bool, str, Any]] = []
    for key, value in chosen.items():
        known = usual.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            found += [(there, f"{key}.{inner}", other) for there, inner, other in _differing(value, known)]
        elif key not in usual or value != known:
            found.append((key in usual, key, value))
    return found


@lru_cache(maxsize=1024)
def _default(group: str, name: str, extra: Path | None = None) -> dict[str, Any] | None:
    """What the option's file has; None where there is no such file."""
    return read_option(group, name, extra) if name in options(group, extra) else None


def _written(value: Any) -> str:
    """A value in Hydra's grammar."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_SIGNS_IN_KEYS.sub(_ESCAPED, str(key))}:{_written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str) and (not _PLAIN_TEXT.fullmatch(value) or value.lower() in _NO_TEXT):
        return _quoted(value)
    return str(value)  # 1.0 stays 1.0, which is another value than 1 in what tells runs apart


def _quoted(text: str) -> str:
    """Between quotes, as Hydra reads it: there a backslash counts as one unless a quote comes after it."""
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', text)
    escaped = re.sub(r"(\\+)\Z", r"\1\1", escaped)
    return '"' + escaped.replace("${", "\\${") + '"'
