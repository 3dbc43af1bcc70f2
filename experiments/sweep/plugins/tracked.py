"""A tuning as MLflow shows it: the parent of its runs says what was tried, how many trials there are, and which is the best."""

from __future__ import annotations

import hashlib
import json

from experiments.console import Say
from experiments.records.store import Store
from experiments.sweep.plugins.trials import Tuned

_TOLD = "dpdsyn.trials"  # tag: of which trials the parent tells


def note(store: Store, sweep_id: str, tuned: Tuned, say: Say) -> None:
    """Name the parent and give it the trials. It is a view: what MLflow does not take is said, and nothing else comes of it."""
    try:
        _note(store, sweep_id, tuned)
    except Exception as error:  # of MLflow, its database or the network, each with errors of its own
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        say(f"MLflow did not take the trials ({what}); they are in {store.results / 'runs' / 'tunings'}")


def _note(store: Store, sweep_id: str, tuned: Tuned) -> None:
    from experiments.sweep.mlflow.client import client_of
    from experiments.sweep.mlflow.parents import SWEEP
    from experiments.sweep.mlflow.runs import Tracker

    content = json.dumps(tuned.plain(), indent=1)
    told = hashlib.sha256(content.encode()).hexdigest()[:16]
    with Tracker(store):
        client = client_of(store)
        experiments = [found.experiment_id for found in client.search_experiments()]
        parents = client.search_runs(experiments, filter_string=f"tags.`{SWEEP}` = '{sweep_id}'", max_results=10)
        open_ones = [run for run in parents if "mlflow.parentRunId" not in run.data.tags and run.data.tags.get(_TOLD) != told]
        for run_id in [run.info.run_id for run in open_ones]:
            best, objective = tuned.best, tuned.tuning.objective
            client.set_tag(run_id, "mlflow.runName", f"tuning: {len(tuned.trials)} trials of {objective}")
            client.set_tag(run_id, "dpdsyn.best_trial", "none ended well" if best is None else " ".join(best.settings)[:5000])
            if best is not None and best.value is not None:
                client.log_metric(run_id, f"best_{objective.replace('.', '_')}", best.value)
                for trial in tuned.trials:
                    if trial.value is not None:
                        client.log_metric(run_id, f"trial_{objective.replace('.', '_')}", trial.value, step=trial.number)
            client.log_text(run_id, content, "trials.json")
            client.set_tag(run_id, _TOLD, told)
