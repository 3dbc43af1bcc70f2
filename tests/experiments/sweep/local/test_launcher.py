"""Runs on this machine are each done once, whatever becomes of the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from experiments.sweep.composing import hydra_with
from experiments.sweep.job import Ended, Errand
from experiments.sweep.local import launcher
from experiments.sweep.plan import Planned

FILES = ("dataset=simulated", "synthesizer=uniform", 'experiment="quickstart"')  # as a name is written that is no text


def planned(seed: int, *more: str) -> Planned:
    return Planned(f"r{seed}", (*FILES, f"seed={seed}", *more), "simulated", "uniform", 1.0, seed, {})


def test_each_run_is_done_once_by_some_worker_and_a_run_that_fails_is_refused_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str, int, str | None]] = []
    supervisors = set()

    def done(config: Mapping[str, Any], experiment: str, errand: Errand, supervisor: Any) -> Ended:
        seen.append((config["seed"], experiment, threading.get_ident(), os.environ.get("OF_A_SWEEP")))
        supervisors.add(id(supervisor))
        time.sleep(0.02)
        if config["seed"] == 3:
            raise OSError("the folder is gone")
        return Ended(computed=config["seed"] != 4)

    monkeypatch.setattr(launcher, "done", done)
    runs = [planned(seed) for seed in range(8)] + [planned(8, "privacy.nosuch=1")]
    before = threading.active_count()
    with hydra_with(None):
        ended = launcher.launch(runs, Errand(), 3, {"OF_A_SWEEP": "yes"})
    assert sorted(seed for seed, *_ in seen) == list(range(8))
    assert {(experiment, set_) for _, experiment, _, set_ in seen} == {("quickstart", "yes")} and "OF_A_SWEEP" not in os.environ
    assert len(supervisors) == len({thread for _, _, thread, _ in seen}) == 3 and threading.active_count() == before
    assert [one.computed for one in ended] == [True, True, True, False, False, True, True, True, False]
    assert ended[3].refused == "simulated uniform epsilon=1 seed=3: OSError: the folder is gone" and not ended[4].refused
    assert "nosuch" in ended[8].refused
