"""What a `dpdsyn run` command line asks for, checked before Hydra composes anything or a worker starts."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError, inside_0_and_1, positive, whole_number
from experiments.configuration import config_dir, content_hash, option_path, options, read_file, read_option
from experiments.console import say
from experiments.paths import results_dir
from experiments.sweep import overrides as typed
from experiments.sweep.overrides import GROUPS, MULTIRUN, UsageError, as_name, parsed, remedy, settled, split
from experiments.sweep.plugins.launchers import hint, refuse_unknown_launcher

_CALL = re.compile(r"\w+\(")  # a word of Hydra's own
_CONFIG_DIR = ("--config-dir", "-cd")
_PLACES = ("hydra.job.chdir", "hydra.run.dir", "hydra.sweep.dir", "hydra.sweep.subdir", "hydra.output_subdir")
_USUAL = {"role": "method", "takes": "seconds"}  # what an experiment may select methods by, and what holds unless `about` tells

__all__ = ["Request", "UsageError", "inspect_request", "show"]


@dataclass(frozen=True)
class Request:
    """What was asked for. arguments: as typed, but for file names and globs. only_shows: a flag asks Hydra to print something.

    experiments: those named, a list of others standing for these. sweeps: for each experiment (or the one command without
    any) the overrides that are swept, those of the experiment's file first. config_dir: a folder of configuration beside ours.
    """

    arguments: tuple[str, ...]
    only_shows: bool
    experiments: tuple[str, ...]
    sweeps: tuple[tuple[str, ...], ...]
    axes: dict[str, list[Any]]
    config_dir: Path | None

    def stamps(self) -> dict[str, dict[str, str]]:
        """Name and content hash of each experiment's file, by name."""
        files = {name: option_path("experiment", name, self.config_dir) for name in self.experiments}
        return {name: {"name": name, "sha256": content_hash(path)} for name, path in files.items()}

    def jobs(self) -> list[list[str]]:
        """The overrides of every run, in the order in which Hydra's own sweeper would run them."""
        from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
        from hydra.core.override_parser.overrides_parser import OverridesParser

        parser = OverridesParser.create()
        parsed = (parser.parse_overrides(list(sweep)) for sweep in self.sweeps)
        return [job for overrides in parsed for job in BasicSweeper.split_arguments(overrides, None)[0]]


def inspect_request(arguments: Sequence[str], tuned: frozenset[str] = frozenset()) -> Request:
    """Raises UsageError in one line for an unknown name, a value out of range, or a data set or method not given.

    tuned: keys of which the arguments stand for what an experiment's file says.
    """
    given = split(arguments)
    for flag in ("config_path", "config_name", "experimental_rerun"):
        if getattr(given, flag, None) is not None:
            raise UsageError(
                f"--{flag.replace('_', '-')} is not for us; files of your own go before ours with --config-dir FOLDER"
            )
    extra = Path(given.config_dir).absolute() if given.config_dir else None
    options("dataset", extra)  # refuses a folder that there is not
    arguments = settled(arguments, extra)
    given = split(arguments)
    helps = any((given.help, given.hydra_help, given.shell_completion))
    shows = helps or bool(given.cfg or given.info)
    _refuse_of_hydra(given.overrides, extra)
    axes = _axes(given.overrides)
    _check_names(axes, extra)
    experiments = _single(map(str, axes.get("experiment", [])), extra)
    own = [text for text in given.overrides if not _key(text).lstrip("+~").startswith("hydra")]
    sweeps = []
    asked = dict(axes)
    for name in experiments:
        for whole in _params(name, extra):
            params = tuple(text for text in whole if _key(text) not in tuned)
            for key, values in (_defaults(name, extra) | _axes(params)).items():
                axes[key] = asked.get(key) or [*axes.get(key, []), *(value for value in values if value not in axes.get(key, []))]
            sweeps.append(
                (*params, *(text for text in own if _key(text) != "experiment"), f"experiment={as_name('experiment', name)}")
            )
    _check_names(axes, extra)
    _refuse_names_of_others(axes, extra)
    _check_values(axes)
    swept = [key for key, values in axes.items() if len(values) > 1]
    if not (shows or given.multirun):
        if experiments:
            raise UsageError(f"experiment={experiments[0]} is a sweep; add -m: dpdsyn run -m experiment={experiments[0]}")
        if swept:
            raise UsageError(f"{', '.join(swept)} has several values; add -m to run them all{_if_one(given.overrides, swept)}")
    if any(_key(text).lstrip("+~").startswith(("hydra/sweeper", "hydra.sweeper")) for text in given.overrides):
        raise UsageError(
            "hydra.sweeper is of the tuner: add hydra/sweeper=optuna, or leave it out, and all that is listed is done"
        )
    for group in ("dataset", "synthesizer"):
        if not helps and group not in axes:
            raise UsageError(f"no {group} is given; add {group}=NAME, one of {', '.join(options(group, extra))}")
    return Request(tuple(arguments), shows, experiments, tuple(sweeps) or (tuple(own),), axes, extra)


def _axes(overrides: Iterable[str]) -> dict[str, list[Any]]:
    """Values of each key, more than one where it is swept. Keys that add (+), delete (~) or are Hydra's own are left out."""
    axes: dict[str, list[Any]] = {}
    for override in map(parsed, overrides):
        key = override.key_or_group
        if not override.is_delete() and not key.startswith("hydra"):
            axes[key] = typed.values(override)
    return axes


def _if_one(overrides: Iterable[str], swept: Sequence[str]) -> str:
    """What to type if the first value that was split at commas is one text."""
    text = next((text for text in overrides if _key(text) in swept and "," in text), None)
    if text is None or "." not in _key(text) or _CALL.match(text.partition("=")[2]):
        return ""
    return f"; if it is one text, quote it twice: {remedy(_key(text), text.partition('=')[2])}"


def _single(names: Iterable[str], extra: Path | None) -> tuple[str, ...]:
    """The experiments that these names stand for: a file with `experiments` is a list of others. Each once."""
    found: list[str] = []
    for name in names:
        others = read_option("experiment", name, extra).get("experiments")
        found += _single(others, extra) if others else [name]
    return tuple(dict.fromkeys(found))


def _defaults(experiment: str, extra: Path | None) -> dict[str, list[Any]]:
    """The options that an experiment's file chooses in its `defaults`, as in `override /synthesizer: mst`."""
    chosen: dict[str, list[Any]] = {}
    for entry in read_file(option_path("experiment", experiment, extra)).get("defaults") or []:
        for where, name in entry.items() if isinstance(entry, Mapping) else ():
            group = str(where).removeprefix("override ").strip().removeprefix("/")
            if group in GROUPS and isinstance(name, list):
                raise UsageError(
                    f"experiment {experiment}: its defaults choose {group}: {name!r}; one name is needed there. A list belongs "
                    f"under hydra.sweeper.params, as `{group}: {','.join(map(str, name))}`"
                )
            if group in GROUPS and isinstance(name, str):
                chosen[group] = [name]
    return chosen


def _params(experiment: str, extra: Path | None) -> list[tuple[str, ...]]:
    """What an experiment's file sweeps over, as overrides: once, or once for each mapping under `each`, laid over what all share.

    The methods that it selects stand after the data set.
    """
    file = read_option("experiment", experiment, extra)
    shared = file.get("hydra", {}).get("sweeper", {}).get("params", {})
    each = file.get("each", [{}])
    if not isinstance(each, list) or not each or not all(isinstance(one, Mapping) for one in each):
        raise UsageError(f"experiment {experiment}: each is {each!r}; a list of mappings of keys to values is needed")
    return [_overrides_of(experiment, file, {**shared, **one}, extra) for one in each]


def _overrides_of(experiment: str, file: Mapping[str, Any], swept: Mapping[str, Any], extra: Path | None) -> tuple[str, ...]:
    params = [f"{key}={value}" for key, value in swept.items()]
    if "methods" in file:
        keys = [_key(text) for text in params]
        if "synthesizer" in keys:
            raise UsageError(f"experiment {experiment} has both `methods` and a list of synthesizers; keep one of them")
        params.insert(keys.index("dataset") + 1 if "dataset" in keys else 0, _selected(experiment, file["methods"], extra))
    return tuple(params)


def _selected(experiment: str, wanted: Any, extra: Path | None) -> str:
    """The methods whose `about` says what is wanted, sorted, as one swept override. What a file does not say is as usual."""
    if not isinstance(wanted, Mapping) or set(wanted) - set(_USUAL):
        raise UsageError(f"experiment {experiment}: methods is {wanted!r}; accepted: {', '.join(_USUAL)}, each a name or a list")
    about = {
        name: _USUAL | (read_option("synthesizer", name, extra).get("about") or {}) for name in options("synthesizer", extra)
    }
    accepted = {key: [values] if isinstance(values, str) else list(values) for key, values in wanted.items()}
    for key, values in accepted.items():
        known = {told[key] for told in about.values()} | {_USUAL[key]}
        if set(values) - known:
            raise UsageError(
                f"experiment {experiment}: no method has the {key} {', '.join(sorted(set(values) - known))}; "
                f"there are {', '.join(sorted(known))}"
            )
    names = [name for name, told in about.items() if all(told[key] in values for key, values in accepted.items())]
    if not names:
        raise UsageError(f"experiment {experiment}: no method is as its `methods` says")
    return f"synthesizer={','.join(as_name('synthesizer', name) for name in names)}"


def _check_names(axes: dict[str, list[Any]], extra: Path | None) -> None:
    for group in GROUPS:
        known = options(group, extra)
        for value in axes.get(group, []):
            if group == "experiment" and value is None:
                raise UsageError("experiment=null names no experiment; leave it out")
            if not isinstance(value, str) and (meant := _option_read_as(value, group, known)):
                raise UsageError(
                    f"Hydra reads {group}={meant} as {value!r}, which is no name; quote it twice, for Hydra and for the shell: "
                    f"{remedy(group, meant)}, or call the file {meant}.yaml otherwise"
                )
            if value not in known:
                raise UsageError(f"no {group} is called {value!r}; there are {', '.join(known)}")
            if group == "dataset":
                read_option(group, value, extra)  # refuses a file of which Hydra reads something else than was written


def _refuse_of_hydra(overrides: Iterable[str], extra: Path | None) -> None:
    """Raise UsageError for a folder of Hydra's, of which none is used, and for a launcher that there is not."""
    for text in overrides:
        key, _, value = text.partition("=")
        if key.lstrip("+~") in _PLACES:
            raise UsageError(f"{text}: runs keep all files in DPDSYN_RESULTS; leave it out")
        if key.lstrip("+") == "hydra/launcher":
            refuse_unknown_launcher(value, extra)


def _refuse_names_of_others(axes: Mapping[str, list[Any]], extra: Path | None) -> None:
    """Raise UsageError for an evaluation or encoding that is to be called as another one is."""
    for group, usual in (("evaluation", "standard"), ("encoding", "public")):
        chosen = axes.get(group, [usual])
        for name in axes.get(f"{group}.name", []):
            if name in options(group, extra) and chosen != [name]:
                raise UsageError(f"{group}.name={name} is the name of another one; give a `name` of its own, or {group}={name}")


def _option_read_as(value: Any, group: str, known: Sequence[str]) -> str | None:
    """The option whose name Hydra takes for such a value, which is no text."""
    return next((name for name in known if as_name(group, name) != name and repr(_read(group, name)) == repr(value)), None)


def _read(group: str, name: str) -> Any:
    try:
        return parsed(f"{group}={name}").value()
    except UsageError:
        return name


def _check_values(axes: dict[str, list[Any]]) -> None:
    for key, check in _CHECKS.items():
        for value in axes.get(key, []):
            try:
                check(_number(value))
            except InputError as error:
                raise UsageError(f"{key}={value}: {error}") from error


_CHECKS: dict[str, Callable[[Any], object]] = {
    "privacy.epsilon": lambda value: positive("epsilon", value),
    "privacy.delta": lambda value: inside_0_and_1("delta", value),
    "seed": lambda value: whole_number("seed", value, least=0),
    "compute.threads": lambda value: whole_number("compute.threads", value, least=1),
    "audit.runs": lambda value: whole_number("audit.runs", value, least=40),
    "audit.columns": lambda value: value == "all" or whole_number("audit.columns", value, least=2),
    "audit.rows": lambda value: whole_number("audit.rows", value, least=20),
    "audit.canaries": lambda value: whole_number("audit.canaries", value, least=40),
    "audit.rows_of_canary": lambda value: whole_number("audit.rows_of_canary", value, least=1),
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


def _overrides(arguments: Sequence[str]) -> list[str]:
    """Those arguments that are no flags."""
    given: list[str] = split(arguments).overrides
    return given


def _without_config_dir(arguments: Sequence[str]) -> list[str]:
    """What Hydra is given where the folder is its main one."""
    kept, words = [], iter(arguments)
    for word in words:
        if word in _CONFIG_DIR:
            next(words, None)
        elif not word.startswith(f"{_CONFIG_DIR[0]}="):
            kept.append(word)
    return kept


def show(request: Request) -> None:
    """Let Hydra print what its flags ask for."""
    import hydra

    os.environ["DPDSYN_RESULTS"] = str(results_dir())
    unset = [f"{group}={options(group)[0]}" for group in ("dataset", "synthesizer") if group not in request.axes]
    shown = [text for text in (*request.arguments, *unset) if text not in MULTIRUN]  # Hydra shows, or runs
    if not unset and len(runs := request.jobs()) > 1:  # Hydra shows one configuration and knows no sweep then
        say(f"the first of {len(runs)} runs: {' '.join(runs[0])}")
        shown = [text for text in shown if text not in _overrides(shown)] + runs[0]
    if request.config_dir:
        shown = [*_without_config_dir(shown), _CONFIG_DIR[0], str(config_dir())]  # ours after theirs
    sys.argv = ["dpdsyn run", *shown]
    with _errors_raised():
        hydra.main(config_path=str(request.config_dir or config_dir()), config_name="config", version_base="1.3")(
            lambda config: None
        )()


@contextmanager
def _errors_raised() -> Iterator[None]:
    """Put what Hydra does not understand into one line, as where runs are composed. Raises UsageError."""
    from hydra.core.utils import env_override
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from experiments.sweep.composing import plain_words

    with env_override({"HYDRA_FULL_ERROR": "1"}):  # else it prints what it has to say, and ends the program
        try:
            yield
        except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
            reason = plain_words(error)
            raise UsageError(reason + hint(reason)) from error
        except SystemExit as end:  # of `--package`, say, which it refuses in a line of its own
            sys.exit(2 if end.code else 0)
