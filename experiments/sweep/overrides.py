"""Overrides as people type them, in Hydra's grammar: what it cannot list, or cannot read as it was meant, is said in one line.

Hydra gives a meaning to commas, brackets, quotes and some words (`glob`, `interval`, `choice`, `range`). A name with such signs,
or with letters beyond ASCII, has to be quoted for Hydra and once more for the shell. Nobody knows that, so the message says what
to type; and where the text as it was typed is the name of a file that there is, it is taken for that.
"""

from __future__ import annotations

import argparse
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from dpdsyn.base.checks import InputError
from experiments.configuration import options

MULTIRUN = ("-m", "--multirun")
GROUPS = ("dataset", "synthesizer", "privacy", "encoding", "evaluation", "compute", "audit", "experiment", "guide")
_FILES = ("dataset.path", "dataset.schema")  # keys whose value is the name of a file
_MOST = 100_000  # values of one sweep
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "dataset": (),
    "synthesizer": ("name", "_target_"),
    "privacy": ("epsilon", "delta"),
    "encoding": (),
    "evaluation": (),
    "compute": ("threads", "workers", "timeout", "memory", "retry", "fresh", "alone"),
}


class UsageError(InputError):
    """The command cannot be meant as given; the message is for the person who typed it."""


def is_multirun(arguments: Iterable[str]) -> bool:
    """Whether all that is listed is to be done."""
    return not set(MULTIRUN).isdisjoint(arguments)


def split(arguments: Iterable[str]) -> argparse.Namespace:
    """Hydra's flags and, in `overrides`, the rest, in whatever order they were typed.

    Raises UsageError for an unknown flag, for one that could do nothing beside the others, and for a key or a flag with a value
    that is given twice.
    """
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    parser.allow_abbrev = False

    def refuse(message: str) -> NoReturn:
        raise UsageError(f"{' '.join(message.split())}; dpdsyn run --help tells of flags and keys")

    parser.error = refuse  # type: ignore[method-assign]
    arguments = list(arguments)
    given = parser.parse_intermixed_args(arguments)
    for action in parser._actions:
        named = [text for text in arguments if text.partition("=")[0] in action.option_strings]
        if action.nargs != 0 and len(named) > 1:
            raise UsageError(
                f"{named[-1].partition('=')[0]} is given more than once; of several values the last alone would count: give one"
            )
        if action.nargs != 0 and named and getattr(given, action.dest) == "":
            raise UsageError(f"{named[-1].partition('=')[0]} is empty; a value is needed, or leave it out")
    _refuse_without_effect(given)
    times = Counter(text.partition("=")[0].lstrip("+") for text in given.overrides if "=" in text)
    for key, count in times.items():
        if count > 1:
            raise UsageError(f"{key} is given more than once; of several values the last alone would count: give one")
    return given


def _refuse_without_effect(given: argparse.Namespace) -> None:
    """Raise UsageError for flags of which Hydra would follow one at the most, or show a page that is of no use here."""
    if given.hydra_help:
        raise UsageError("--hydra-help is a page on Hydra itself; dpdsyn run --help tells of the flags and keys that there are")
    asked = {
        "--help": given.help,
        "--cfg": given.cfg is not None,
        "--info": given.info is not None,
        "--shell-completion": given.shell_completion,
    }
    shows = [flag for flag, there in asked.items() if there]
    if len(shows) > 1:
        raise UsageError(f"{' and '.join(shows)} each show something else and run nothing; give one of them")
    if given.run and (given.multirun or shows):
        other = shows[0] if shows else "-m"
        raise UsageError(f"--run does one run, and {other} something else; leave one of them out")
    if given.resolve and not (given.cfg or given.help):
        raise UsageError("--resolve is for what --cfg shows; add --cfg job, or leave it out")
    if given.package is not None and given.cfg is None:
        raise UsageError("--package is for what --cfg shows; add --cfg job, or leave it out")


def settled(arguments: Sequence[str], extra: Path | None) -> list[str]:
    """The arguments with file names quoted and `glob` as the names that it stands for. extra: a folder of configuration.

    Raises UsageError for what cannot be read or listed.
    """
    overrides = split(arguments).overrides
    return [_settled(text, extra) if text in overrides else text for text in arguments]


@lru_cache(maxsize=256)  # a list of a thousand seeds takes long to read, and is asked for several times
def parsed(text: str) -> Any:
    """Hydra's reading of one override. Raises UsageError, with what to type instead."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, equals, value = text.partition("=")
    if not key.lstrip("+~") or not (equals or key.startswith("~")):
        raise UsageError(f"{text!r} is no setting; KEY=VALUE is needed")
    try:
        return OverridesParser.create().parse_override(text)
    except (HydraException, RecursionError) as error:
        raise UsageError(
            f"{text} cannot be read: brackets, commas, quotes, = and letters beyond ASCII belong to Hydra's grammar. Where "
            f"they are part of a text, quote it twice, for Hydra and for the shell: {remedy(key, value)}"
        ) from error


def values(override: Any) -> list[Any]:
    """The values that an override sweeps over, or the one that it has; names of options as Hydra reads them, others as texts.

    Raises UsageError for what cannot be listed, or lists nothing.
    """
    from hydra.core.override_parser.types import Glob, IntervalSweep, RangeSweep

    if not override.is_sweep_override():
        return [override.value()]
    key, swept = override.key_or_group, override.value()
    if isinstance(swept, IntervalSweep):
        raise UsageError(
            f"{override.input_line}: an interval names no values. List them ({key}=VALUE,VALUE,...), "
            f"or give {key}=range(START,STOP,STEP); hydra/sweeper=optuna tries values of an interval"
        )
    if isinstance(swept, Glob):
        raise UsageError(f"{override.input_line}: glob is for names of {', '.join(GROUPS)}; list the values instead")
    if isinstance(swept, RangeSweep):
        start, stop, step = (float(number) for number in (swept.start or 0, swept.stop or 0, swept.step))
        if not (math.isfinite(start) and math.isfinite(stop) and step) or abs((stop - start) / step) > _MOST:
            raise UsageError(f"{override.input_line}: a range of 1 to {_MOST:,} values is needed, with a step that is not 0")
    found = list(override.sweep_string_iterator())
    if not found:
        raise UsageError(
            f"{override.input_line} names no value, so that nothing would run; range(START,STOP,STEP) goes from START by STEP "
            "and ends before STOP"
        )
    return [parsed(f"{key}={text}").value() for text in found] if key in GROUPS else found


def as_name(group: str, name: str) -> str:
    """An option's name as Hydra's grammar takes it for that name: between quotes where it would be another word, or several."""
    try:
        override = parsed(f"{group}={name}")
    except UsageError:
        return quoted(name)
    return name if not override.is_sweep_override() and override.value() == name else quoted(name)


def remedy(key: str, value: str) -> str:
    """What to type so that Hydra takes the value for a text, whatever signs it has."""
    return shlex.quote(f"{key}={quoted(value)}")


def quoted(value: str) -> str:
    """The value between quotes, as Hydra reads it."""
    mark = "'" if '"' in value and "'" not in value else '"'
    escaped = re.sub(rf"(\\*){mark}", rf"\1\1\\{mark}", value)
    escaped = re.sub(r"(\\+)\Z", r"\1\1", escaped)
    return mark + escaped.replace("${", "\\${") + mark


def refuse_absent(config: Mapping[str, Any], overrides: Iterable[str]) -> None:
    """Raise UsageError if what every run needs is missing from a composed configuration, as `~KEY` makes it."""
    absent = [group for group in _NEEDED if not isinstance(config.get(group), Mapping)]
    absent += [
        f"{group}.{key}" for group, keys in _NEEDED.items() if group not in absent for key in keys if key not in config[group]
    ]
    absent += [] if "seed" in config else ["seed"]
    if absent:
        deleted = [text.removesuffix("=null") for text in overrides if text.startswith("~")]
        hint = f"; leave {' '.join(deleted)} out" if deleted else ""
        raise UsageError(f"every run needs {', '.join(absent)}{hint}")


def _settled(text: str, extra: Path | None) -> str:
    from hydra.core.override_parser.types import Glob

    key, _, value = text.partition("=")
    if key.lstrip("+") in _FILES and _is_file(value) and not _means(text, value):
        return f"{key}={quoted(value)}"
    override = parsed(text)
    if key not in GROUPS or not override.is_sweep_override() or not isinstance(override.value(), Glob):
        return text
    names = override.value().filter(options(key, extra))
    if not names:
        raise UsageError(f"{text}: no {key} is called like that; there are {', '.join(options(key, extra))}")
    return f"{key}={','.join(as_name(key, name) for name in names)}"


def _is_file(value: str) -> bool:
    try:
        return bool(value) and Path(value).is_file()
    except (OSError, ValueError):
        return False


def _means(text: str, value: str) -> bool:
    """Whether Hydra, too, takes the override for this text, or for a list of files that there are."""
    try:
        override = parsed(text)
        return values(override) == [value] or (
            override.is_sweep_override() and all(_is_file(str(one)) for one in values(override))
        )
    except UsageError:
        return False
