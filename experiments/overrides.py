"""What a `dpdsyn run` command line asks for, checked before Hydra composes anything or a worker starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdsyn.checks import whole_number
from dpdsyn.privacy import Budget
from experiments.paths import options, read_option

_GROUPS = ("dataset", "synthesizer", "privacy", "evaluation", "compute", "experiment", "guide")


class UsageError(ValueError):
    """The command cannot be meant as given; the message is for the person who typed it."""


@dataclass(frozen=True)
class Request:
    """only_shows: a flag asks Hydra to print something instead of running.

    overrides: as given. axes: the values of every key, those of an experiment's sweep included.
    """

    only_shows: bool
    overrides: tuple[str, ...]
    axes: dict[str, list[Any]]
    config_dir: Path | None

    @property
    def cells(self) -> int:
        return math.prod(len(values) for values in self.axes.values())

    def probes(self) -> list[list[str]]:
        """Overrides of a few single cells in which every value stands once that `inspect_request` could not judge."""
        fixed = [text for text in self.overrides if len(self.axes.get(_key(text), ())) < 2]  # as typed, quotes included
        varied = {key: values for key, values in self.axes.items() if key not in map(_key, fixed)}
        first = {key: values[0] for key, values in varied.items()}
        picks = [first] + [{**first, key: value} for key, values in varied.items() if key not in _CHECKS for value in values[1:]]
        return [fixed + [f"{key}={value}" for key, value in pick.items()] for pick in picks]


def inspect_request(arguments: list[str]) -> Request:
    """Raises UsageError in one line for an unknown name, a value out of range, or a data set or method not given."""
    from hydra._internal.utils import get_args_parser

    given = get_args_parser().parse_args(arguments)
    extra = Path(given.config_dir).absolute() if given.config_dir else None
    helps = any((given.help, given.hydra_help, given.shell_completion))
    axes = _axes(given.overrides)
    _check_names(axes, extra)
    experiments = [name for name in axes.get("experiment", []) if name is not None]
    for name in experiments:
        axes = _sweep_of(str(name), extra) | axes
    _check_names(axes, extra)
    _check_values(axes)
    sweeps = [key for key, values in axes.items() if len(values) > 1]
    if not (helps or given.cfg or given.info or given.multirun):
        if experiments:
            raise UsageError(f"experiment={experiments[0]} is a sweep; add -m: dpdsyn run -m experiment={experiments[0]}")
        if sweeps:
            raise UsageError(f"{', '.join(sweeps)} has several values; add -m to run them all")
    for group in ("dataset", "synthesizer"):
        if not helps and group not in axes:
            raise UsageError(f"no {group} is given; add {group}=NAME, one of {', '.join(options(group, extra))}")
    return Request(helps or bool(given.cfg or given.info), tuple(given.overrides), axes, extra)


def _axes(overrides: Iterable[str]) -> dict[str, list[Any]]:
    """Values of each key, more than one where it is swept. Keys that add (+), delete (~) or are Hydra's own are left out."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise UsageError(" ".join(str(error).split())) from error
    axes: dict[str, list[Any]] = {}
    for override in parsed:
        key = override.key_or_group
        if override.is_delete() or key.startswith("hydra"):
            continue
        axes[key] = list(override.sweep_string_iterator()) if override.is_sweep_override() else [override.value()]
    return axes


def _sweep_of(experiment: str, extra: Path | None) -> dict[str, list[Any]]:
    params = read_option("experiment", experiment, extra).get("hydra", {}).get("sweeper", {}).get("params", {})
    return _axes(f"{key}={value}" for key, value in params.items())


def _check_names(axes: dict[str, list[Any]], extra: Path | None) -> None:
    for group in _GROUPS:
        known = options(group, extra)
        for value in axes.get(group, []):
            if str(value) not in known and not (group == "experiment" and value is None):
                raise UsageError(f"no {group} is called {value!r}; there are {', '.join(known)}")


def _check_values(axes: dict[str, list[Any]]) -> None:
    for key, check in _CHECKS.items():
        for value in axes.get(key, []):
            try:
                check(_number(value))
            except ValueError as error:
                raise UsageError(f"{key}={value}: {error}") from error


_CHECKS: dict[str, Callable[[Any], object]] = {
    "privacy.epsilon": lambda value: Budget(value, 0.5),
    "privacy.delta": lambda value: Budget(1.0, value),
    "seed": lambda value: whole_number("seed", value, least=0),
    "compute.threads": lambda value: whole_number("compute.threads", value, least=1),
}


def _number(value: Any) -> Any:
    """Sweeps come as text."""
    for kind in (int, float):
        try:
            return kind(value) if isinstance(value, str) else value
        except ValueError:
            continue
    return value


def _key(override: str) -> str:
    return override.partition("=")[0]
