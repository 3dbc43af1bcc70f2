"""What a method changes for its whole process is found, and the runs after it are what they would have been without it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from experiments.records.store import Store
from experiments.sweep.local.process_state import ProcessState

Dpdsyn = Callable[..., subprocess.CompletedProcess]


def test_settings_and_replaced_code_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dpdsyn.schema import Schema

    state = ProcessState.now()
    assert state.changes() == []
    with np.errstate(all="raise"):
        assert state.changes() == ["how numpy treats floating-point errors (np.seterr)"]
    with monkeypatch.context() as meddling:
        meddling.setattr(np.random, "default_rng", lambda *seed: None)
        meddling.setattr(Schema, "decode", lambda *values: None)
        meddling.setattr(pd.DataFrame, "merge", lambda *values: None)
        assert sorted(state.changes()) == ["DataFrame.merge", "Schema.decode", "numpy.random.default_rng"]
        meddling.chdir(tmp_path)
        assert state.changes()[0] == "the folder that it works in (os.chdir)"
    assert state.changes() == []


def test_what_is_loaded_for_the_first_time_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "never_before.py").write_text("def something(): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    state = ProcessState.now()
    import never_before  # type: ignore[import-not-found]

    os.environ["NEVER_BEFORE"] = "1"
    try:
        assert never_before and state.changes() == []
    finally:
        del os.environ["NEVER_BEFORE"], sys.modules["never_before"]


@pytest.mark.slow
def test_runs_after_a_method_that_meddles_get_a_process_of_their_own(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    one = ("dataset=toy", "evaluation.evaluators=[logistic]", "compute.workers=1")
    done = dpdsyn("run", "-m", *one, "synthesizer=meddling,independent", "seed=0,1")
    assert "note: meddling changed how numpy treats floating-point errors (np.seterr), numpy.random.default_rng" in done.stderr
    assert done.stderr.count("note: meddling changed") == 1
    found = {(record.method.name, record.seed): record for record in Store(tmp_path / "results").all()}
    assert [found["independent", seed].status for seed in (0, 1)] == ["ok", "ok"], found["independent", 0].error
    assert [found["independent", seed].seconds.process for seed in (0, 1)] == ["fresh", "warm"]
