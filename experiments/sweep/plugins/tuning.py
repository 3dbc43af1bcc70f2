"""`hydra/sweeper=optuna` as it is typed: what is tried, over what each trial is a mean, and by which number trials are compared.

    dpdsyn run -m hydra/sweeper=optuna hydra.sweeper.n_trials=30 dataset=br2000 seed=0,1,2 synthesizer=dpdsyn \
        'synthesizer.candidate_share=interval(0.3,0.9)'

Keys of the method and of the encoding are tried. Data sets, seeds and budgets may be listed, and each trial has a run for each of
them: nothing is gained by a lucky seed, or by an easy table. How runs are judged is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError, whole_number
from experiments.configuration import option_path, read_file, read_option
from experiments.records.parts import Evaluation, Fidelity, Seconds
from experiments.records.record import METRICS, OF_NUMBERS
from experiments.sweep.composing import hydra_with
from experiments.sweep.local.composition import Known
from experiments.sweep.overrides import UsageError, parsed, settled, split
from experiments.sweep.plan import composed
from experiments.sweep.plugins.space import Dimension
from experiments.sweep.request import Request, inspect_request
from experiments.typed import suggestion

NAME = "optuna"
_TRIED = ("synthesizer", "encoding")
_LISTED = ("dataset", "seed", "privacy")
_MORE = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "r2", "accuracy_best", "rarest_average_precision")  # is better
_UNCLEAR = ("calibration_slope", "positive_rate")  # of numbers that records have, those whose best is in between


@dataclass(frozen=True)
class Tuning:
    """One command that tunes. arguments: as typed. request: of a trial, with a value for every key that is tried.

    settings: of the sweeper, composed. direction: maximize or minimize.
    """

    arguments: tuple[str, ...]
    request: Request
    space: tuple[Dimension, ...]
    settings: Mapping[str, Any]
    direction: str

    @property
    def trials(self) -> int:
        return int(self.settings["n_trials"])

    @property
    def at_once(self) -> int:
        return int(self.settings["n_jobs"])

    @property
    def objective(self) -> str:
        return str(self.settings["objective"])

    @cached_property
    def _jobs(self) -> list[list[str]]:
        return self.request.jobs()

    def jobs(self, chosen: Sequence[str]) -> list[list[str]]:
        """The overrides of a trial's runs. chosen: an override for each key that is tried, or for some."""
        values = {text.partition("=")[0]: text for text in chosen}
        return [[values.get(text.partition("=")[0], text) for text in job] for job in self._jobs]

    def sampler(self) -> Any:
        """Optuna's, seeded. Raises UsageError for one that cannot be made, or that would not choose the same twice."""
        from hydra.errors import HydraException
        from hydra.utils import instantiate
        from optuna.samplers import BaseSampler

        given = self.settings.get("sampler") or {}
        if "seed" in given and given["seed"] is None:
            raise UsageError("hydra.sweeper.sampler.seed is null: without a seed the same command could not go on; give a number")
        try:
            made = instantiate(dict(given))
        except (HydraException, TypeError, ValueError) as error:
            raise UsageError(f"hydra.sweeper.sampler cannot be made: {' '.join(str(error).split())}") from error
        if not isinstance(made, BaseSampler):
            raise UsageError(f"hydra.sweeper.sampler is {made!r}; a class of optuna.samplers is needed under _target_")
        return made


def is_asked(arguments: Sequence[str]) -> bool:
    """Whether the command chooses this sweeper: in its own words, or by an experiment whose file does. Composes nothing."""
    if any(argument.lstrip("+").startswith("hydra/sweeper=") for argument in arguments):
        return True
    if not any(argument.startswith("experiment=") for argument in arguments):
        return False
    given = split(arguments)
    names = [text.partition("=")[2] for text in given.overrides if text.startswith("experiment=")]
    extra = Path(given.config_dir).absolute() if given.config_dir else None
    return any(_chooses(name, extra) for name in names)


def _chooses(experiment: str, extra: Path | None) -> bool:
    try:
        entries = read_file(option_path("experiment", experiment, extra)).get("defaults") or []
    except InputError:  # several, or none of that name: said where experiments are read
        return False
    chosen = [entry.get(key) for entry in entries if isinstance(entry, Mapping) for key in entry if "/hydra/sweeper" in str(key)]
    return NAME in chosen


def inspect_tuning(arguments: Sequence[str]) -> Tuning:
    """Raises UsageError in one line for what cannot be tuned, and InputError for a value that cannot be meant."""
    given = split(arguments)
    extra = Path(given.config_dir).absolute() if given.config_dir else None
    arguments = settled(arguments, extra)
    given = split(arguments)
    ours = [text for text in given.overrides if text.lstrip("+~").startswith(("hydra/sweeper", "hydra.sweeper"))]
    for text in ours:
        if text.startswith("hydra/sweeper=") and text != f"hydra/sweeper={NAME}":
            raise UsageError(f"{text}: there are {NAME}, which tunes, and basic, which does all that is listed if none is named")
        if text.lstrip("+").startswith("hydra.sweeper.params"):
            raise UsageError(f"{text}: params are for an experiment's file; on the command line write KEY=interval(LOW,HIGH)")
    if not given.multirun:
        raise UsageError(f"hydra/sweeper={NAME} does many runs; add -m")
    if find_spec("optuna") is None:
        raise UsageError("hydra/sweeper=optuna needs the package optuna: pip install 'dpdsyn[tune]'")
    space = {dimension.key: dimension for text in _swept(given.overrides, extra) if (dimension := _tried(text))}
    if not space:
        raise UsageError(
            f"nothing is tried: give at least one key of {' or '.join(_TRIED)} an interval, a range or a list, as in "
            "'synthesizer.candidate_share=interval(0.3,0.9)'"
        )
    plain = [text for text in arguments if text not in ours and text.partition("=")[0] not in space]
    request = inspect_request([*plain, *(dimension.ends[0] for dimension in space.values())], frozenset(space))
    settings = _settings(request, ours)
    tuning = Tuning(tuple(arguments), request, tuple(space.values()), settings, "")
    return _checked(tuning)


def _swept(overrides: Sequence[str], extra: Path | None) -> list[str]:
    """What is typed, and what stands in an experiment's file of which nothing is typed."""
    typed = [text for text in overrides if not text.lstrip("+~").startswith("hydra")]
    keys = {text.partition("=")[0] for text in typed}
    names = [str(value) for text in typed if text.startswith("experiment=") for value in [text.partition("=")[2]]]
    if len(names) > 1 or any("," in name for name in names):
        raise UsageError("one experiment is tuned at a time; name one")
    params: dict[str, Any] = {}
    for name in names:
        params = (read_option("experiment", name, extra).get("hydra") or {}).get("sweeper", {}).get("params") or {}
    return [*typed, *(f"{key}={value}" for key, value in params.items() if key not in keys)]


def _tried(text: str) -> Dimension | None:
    """The dimension that a swept override is; None for one that is fixed or only listed."""
    override = parsed(text)
    if not override.is_sweep_override():
        return None
    from hydra.core.override_parser.types import IntervalSweep

    axis = override.key_or_group.partition(".")[0]
    if axis in _TRIED:
        return Dimension.of(text.partition("=")[0], override)
    if axis not in _LISTED:
        raise UsageError(f"{text}: only {' and '.join(_TRIED)} are tuned, and {', '.join(_LISTED)} may be listed; give one value")
    if isinstance(override.value(), IntervalSweep):
        raise UsageError(f"{text}: a trial is the mean over what is listed of {', '.join(_LISTED)}, so list values there")
    return None


def _settings(request: Request, ours: Sequence[str]) -> dict[str, Any]:
    """The sweeper's own settings, composed. Raises UsageError for a key that it does not have."""
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    chosen = [] if any(text.startswith("hydra/sweeper=") for text in ours) or request.experiments else [f"hydra/sweeper={NAME}"]
    fixed = request.jobs()[0]
    with hydra_with(request.config_dir) as hydra:
        try:
            config = hydra.compose_config(
                "config", [*chosen, *ours, *fixed], run_mode=RunMode.MULTIRUN, with_log_configuration=False
            )
            found: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
        except (HydraException, OmegaConfBaseException) as error:
            reason = " ".join(str(error).partition("Config search path")[0].split())
            raise UsageError(f"{reason} (the sweeper's keys stand in conf/hydra/sweeper/{NAME}.yaml)") from error
    return dict(found)


def _checked(tuning: Tuning) -> Tuning:
    settings, request = tuning.settings, tuning.request
    for key in ("n_trials", "n_jobs"):
        whole_number(f"hydra.sweeper.{key}", settings.get(key), least=1)
    if not isinstance(settings.get("development_only"), bool):
        raise UsageError(f"hydra.sweeper.development_only is {settings.get('development_only')!r}; accepted: true, false")
    shared = Known()
    runs = [run for _, _, run in composed(request.jobs(), request.config_dir, shared)]
    others = sorted({run.dataset.name for run in runs if not run.dataset.development})
    if others and settings["development_only"]:
        raise UsageError(
            f"{', '.join(others)} is no development set, and settings are chosen on those only: a result on a table that they "
            "were chosen on is not what it claims to be, and choosing by private rows is a release nobody accounts for. Take "
            "one that is marked `development: true` (br2000, simulated, ...), or add hydra.sweeper.development_only=false"
        )
    direction = _direction(settings, runs[0].evaluation)
    tuning = replace(tuning, direction=direction)
    tuning.sampler()
    ends = [[end] for dimension in tuning.space for end in dimension.ends]
    for _ in composed([tuning.jobs(end)[0] for end in ends], request.config_dir, shared):
        pass  # refused here, before anything is computed
    return tuning


def _direction(settings: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """Raises UsageError for an objective that records do not have, and for one of which it is not known and not said."""
    from experiments.evaluation.metrics import ALSO

    objective, direction = settings.get("objective"), settings.get("direction")
    judged = Evaluation.of({key: value for key, value in evaluation.items() if key != "name"})
    known = [*METRICS, *ALSO, *OF_NUMBERS, *judged.own_metrics]
    alone = [f"{name}.{judge}" for name in known for judge in judged.names]
    least = [f.name for f in fields(Fidelity)] + [f"{f.name}_seconds" for f in fields(Seconds)[:4]] + ["peak_memory_mb"]
    accepted = [*known, "accuracy_best", "positive_rate", *alone, *least]
    if not isinstance(objective, str) or objective not in accepted:
        hint = suggestion(str(objective), accepted)
        raise UsageError(
            f"hydra.sweeper.objective is {objective!r}{hint}; one number is needed, a column of `dpdsyn records` such as "
            f"{', '.join([*known, *alone[:1], *least[:2], 'total_seconds'])}"
        )
    if direction not in (None, "maximize", "minimize"):
        raise UsageError(f"hydra.sweeper.direction is {direction!r}; accepted: maximize, minimize")
    name = objective.partition(".")[0]
    if direction is None and name in (*_UNCLEAR, *judged.own_metrics):
        raise UsageError(f"nothing says whether more {objective} is better; add hydra.sweeper.direction=maximize or minimize")
    return str(direction or ("maximize" if name in _MORE else "minimize"))
