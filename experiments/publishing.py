"""The method that `dpdsyn synthesize` publishes: one of the benchmark's rows, with its settings, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dpdsyn.base.checks import InputError
from experiments.configuration import default_parameters, options, read_option

USUAL = "dpdsyn"
_GUIDED = "dpdsyn.method.GuidedSynthesizer"
_NOT_OURS = {"wrapped": "its guarantee is another library's and unverified", "as_published": "it has no guarantee"}
CHOSEN = (
    "method and settings were chosen without a look at these rows. `dpdsyn run` scores with exact private rows, so a choice by "
    "its results on them is outside the guarantee"
)
CHOSEN_ELSEWHERE = "method and settings were chosen on other data, as the owner says"


@dataclass(frozen=True)
class Chosen:
    """name: of the benchmark's row. target: its class. parameters: its settings with those that were changed."""

    name: str
    target: str
    parameters: Mapping[str, Any]

    @property
    def is_usual(self) -> bool:
        """Whether nothing was chosen."""
        return self.name == USUAL and dict(self.parameters) == default_parameters("synthesizer", USUAL)


def chosen(
    method: str | None,
    candidates: str | None = None,
    labels: str | None = None,
    other_targets: Sequence[str] = (),
    changes: Sequence[str] = (),
) -> Chosen:
    """The method of this name, DPDSyn if none is given. changes: `key=value` of its settings, values as in YAML.

    candidates: those of the benchmark's row that has them, with its share and labels, where there is one.
    Raises InputError for a name or a setting that there is not, and for a method whose guarantee is not ours.
    """
    name = method or (_with_candidates(candidates) if candidates else USUAL)
    file = read_option("synthesizer", name)
    role = (file.get("about") or {}).get("role", "method")
    if role in _NOT_OURS or (role == "reference" and not str(file["_target_"]).startswith("dpdsyn.candidates.")):
        why = _NOT_OURS.get(role, "it is a reference, which uses rows without protection or makes none")
        raise InputError(f"--method {name} is not published: {why}; there are {', '.join(publishable())}")
    parameters = default_parameters("synthesizer", name)
    given = {"candidates": candidates, "labels": labels, "other_targets": list(other_targets) or None}
    for key, value in given.items():
        if value is not None:
            _set(name, parameters, key, value)
    changed: set[str] = set()
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals:
            raise InputError(f"--set {change}: KEY=VALUE is needed")
        if key in changed:
            raise InputError(f"--set {key} is given more than once; of several values the last alone would count: give one")
        changed.add(key)
        _set(name, parameters, key, _value(change, text))
    return Chosen(name, str(file["_target_"]), parameters)


def publishable() -> list[str]:
    """Names of the methods that can be published."""
    found = []
    for name in options("synthesizer"):
        file = read_option("synthesizer", name)
        role = (file.get("about") or {}).get("role", "method")
        if role not in (*_NOT_OURS, "reference") or str(file["_target_"]).startswith("dpdsyn.candidates."):
            found.append(name)
    return found


def _with_candidates(candidates: str) -> str:
    """The row of the benchmark with these candidates and no other particularity; DPDSyn's own if there is none."""
    for name in (USUAL, f"{USUAL}_{candidates}", f"{USUAL}_as_published"):
        if name in options("synthesizer") and (file := read_option("synthesizer", name)).get("candidates") == candidates:
            return name if file["_target_"] == _GUIDED else USUAL
    return USUAL


def _set(name: str, parameters: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    place: Any = parameters
    for step in path:
        place = place.get(step) if isinstance(place, dict) else None
    if not isinstance(place, dict) or (last not in place and path[-1:] != ["options"]):
        raise InputError(f"method {name} has no setting {key}; it has {', '.join(sorted(parameters)) or 'none'}")
    place[last] = value


def _value(change: str, text: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"--set {change}: the value is no YAML ({' '.join(str(error).split())})") from error
