"""The configuration of each of many runs, from few compositions of Hydra's.

Hydra reads every file anew for each run. Runs of a sweep differ in little: those that choose the same files share one
composition, on which the values of keys (`seed=1`, `privacy.epsilon=2`) are laid in the way Hydra does it itself; and those
that set the same keys differ in single values, which are put in their places. Where more may hang on a value (an interpolation
in the files, a mapping or a list, a key that is set twice or within another that is set) nothing is taken for granted and Hydra
does it all.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

_PLAIN = (str, int, float, bool, type(None))
_MEANS_MORE = re.compile(r"\$\{|\?\?\?\Z")  # an interpolation, or a value that is missing


@dataclass(frozen=True)
class _Done:
    """A configuration that was composed. values: what was laid on it, by key. settled: none of them moves anything else."""

    config: dict[str, Any]
    values: dict[str, Any]
    settled: bool


@dataclass(frozen=True)
class Known:
    """What was composed until now. bases: by what chooses files. done: by that, and by the keys that are set."""

    bases: dict[tuple[str, ...], Any] = field(default_factory=dict)
    done: dict[tuple[tuple[str, ...], ...], _Done] = field(default_factory=dict)


class Composition:
    """compose: Hydra's own, from overrides to a configuration. known: for whoever composes again. Not for two threads at once."""

    def __init__(self, compose: Callable[[Sequence[str]], Any], known: Known | None = None) -> None:
        known = known or Known()
        self._compose = compose
        self._bases, self._done = known.bases, known.done

    def of(self, overrides: Sequence[str]) -> dict[str, Any]:
        """The configuration as plain values, nobody else's. Raises what Hydra and OmegaConf raise."""
        layered = [text for text in overrides if _is_value(text)]
        files = tuple(text for text in overrides if not _is_value(text))
        keys = tuple(text.partition("=")[0] for text in layered)
        values = {key: _parsed(text).value() for key, text in zip(keys, layered, strict=True)}
        known = self._done.get((files, keys))
        if known is not None and known.settled and _differ_plainly(values, known.values):
            config = copy.deepcopy(known.config)
            for key, value in values.items():
                if not _same(value, known.values[key]):
                    _put(config, key, value)
            return config
        config, interpolates = self._composed(files, layered)
        settled = not interpolates and len(values) == len(keys) and not _nested(keys)
        settled = settled and all(_same(_found(config, key), value) for key, value in values.items() if _is_single(value))
        self._done[files, keys] = _Done(copy.deepcopy(config), values, settled)
        return config

    def _composed(self, files: tuple[str, ...], layered: list[str]) -> tuple[dict[str, Any], bool]:
        """The configuration, and whether some value in it is made of others."""
        from hydra._internal.config_loader_impl import ConfigLoaderImpl
        from omegaconf import OmegaConf

        if files not in self._bases:
            self._bases[files] = self._compose(files)
        config = copy.deepcopy(self._bases[files])
        ConfigLoaderImpl._apply_overrides_to_config([_parsed(text) for text in layered], config)
        written = OmegaConf.to_container(config, resolve=False)
        plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
        return plain, _interpolates(written)


def _is_value(override: str) -> bool:
    """Whether an override sets a plain key, so that it cannot choose which files are composed."""
    key = override.partition("=")[0]
    return (key == "seed" or "." in key) and not key.startswith(("+", "~", "hydra.")) and "/" not in key and "@" not in key


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(text)


def _interpolates(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_MEANS_MORE.search(value))
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_interpolates, parts))


def _nested(keys: Sequence[str]) -> bool:
    """Whether one of these keys lies within another."""
    return any(other.startswith(f"{key}.") for key in keys for other in keys)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _differ_plainly(values: dict[str, Any], known: dict[str, Any]) -> bool:
    """Whether each value is the one that is known, or a single one in place of a single one."""
    return all(_same(value, known[key]) or (_is_single(value) and _is_single(known[key])) for key, value in values.items())


def _is_single(value: Any) -> bool:
    return type(value) in _PLAIN and not (isinstance(value, str) and _MEANS_MORE.search(value))


def _found(config: dict[str, Any], key: str) -> Any:
    """The value at a dotted key, or the key's absence, which is like nothing else."""
    inner: Any = config
    for name in key.split("."):
        if not isinstance(inner, dict) or name not in inner:
            return object()
        inner = inner[name]
    return inner


def _put(config: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    inner: Any = config
    for name in path:
        inner = inner[name]
    inner[last] = value
