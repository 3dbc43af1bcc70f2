"""One run as launchers bring it to a process: under its lock, supervised, and recorded."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from experiments.paths import results_dir
from experiments.records.parts import Experiment
from experiments.records.store import Store
from experiments.sweep.locks import locked

if TYPE_CHECKING:
    from experiments.sweep.supervisor import Supervisor


@dataclass(frozen=True)
class Errand:
    """What all jobs of a command are told.

    replaced: what the records said that are to be replaced, by run. One that says something else is new, however long
    a job has waited in a queue meanwhile. path: where the command finds modules, a person's method among them.
    stamps: what records say of the experiment they are run for, by its name.
    """

    replaced: Mapping[str, str] = field(default_factory=dict)
    path: Sequence[str] = ()
    stamps: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Ended:
    """How a job ended. computed: it left a record; else somebody else has done so or is at work on it, or it was refused.

    refused: why, in a line, or nothing.
    """

    computed: bool = False
    refused: str = ""


def job(config: Any, errand: Errand) -> Ended:
    """One composed run, in whatever process one of Hydra's launchers chose."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from experiments.sweep.supervisor import supervisor

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    experiment = str(HydraConfig.get().runtime.choices.get("experiment"))
    return done(plain, experiment, errand, supervisor())


def done(config: Mapping[str, Any], experiment: str, errand: Errand, supervisor: Supervisor) -> Ended:
    """One run, done by this supervisor unless it has its record by now."""
    sys.path += [folder for folder in errand.path if folder not in sys.path]
    from experiments.run import Run

    run, store = Run.of(config), Store(results_dir())
    try:
        with locked(store.locks, run.run_id, {"name": run.name}) as lock:
            known = store.read(run.run_id)
            if lock is None or (known is not None and known.content != errand.replaced.get(run.run_id)):
                return Ended()  # somebody else is at work on it, or has just been
            store.prepare()  # nothing is computed that could not be kept
            record = supervisor.execute(run, config, store.results, lock.note_phase)
            stamp = errand.stamps.get(experiment)
            store.write(replace(record, experiment=Experiment.of(stamp) if stamp else None))
    except RuntimeError as error:  # of the folder, of company where none is wanted, or a fault of the harness
        return Ended(refused=f"{run.name}: {error}")
    return Ended(computed=True)
