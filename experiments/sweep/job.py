"""One run as launchers bring it to a process: under its lock, supervised, and recorded."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from experiments.paths import results_dir
from experiments.records.parts import Experiment
from experiments.records.store import Store
from experiments.sweep.locks import locked


def job(config: Any, replaced: Mapping[str, str], path: Sequence[str], stamps: Mapping[str, Mapping[str, str]]) -> str | None:
    """One composed run, in whatever process the launcher chose. Gives a line if it was refused, else leaves a record.

    replaced: what the records said that are to be replaced, by run. One that says something else is new, however long
    this job has waited in a queue meanwhile. path: where the command finds modules, a person's method among them.
    stamps: what records say of the experiment they are run for, by its name.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    sys.path += [folder for folder in path if folder not in sys.path]
    from experiments.run import Run
    from experiments.sweep.supervisor import supervisor

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    run, store = Run.of(plain), Store(results_dir())
    try:
        with locked(store.locks, run.run_id, {"name": run.name}) as lock:
            known = store.read(run.run_id)
            if lock is None or (known is not None and known.content != replaced.get(run.run_id)):
                return None  # somebody else is at work on it, or has just been
            store.prepare()  # nothing is computed that could not be kept
            record = supervisor().execute(run, plain, store.results, lock.note_phase)
            stamp = stamps.get(str(HydraConfig.get().runtime.choices.get("experiment")))
            store.write(replace(record, experiment=Experiment.of(stamp) if stamp else None))
    except RuntimeError as error:  # of the folder, of company where none is wanted, or a fault of the harness
        return f"{run.name}: {error}"
    return None
