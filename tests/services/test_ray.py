"""Sweeps on a local Ray cluster of two nodes. Started by `nox -s ray`, in an environment of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.ray_cluster import ray_cluster

from experiments.records.store import Store

Dpdsyn = Callable[..., subprocess.CompletedProcess]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """The environment in which a command finds a cluster of two nodes, each with one processor."""
    with ray_cluster() as (env, _):
        yield env


def test_records_are_those_of_the_other_launcher_and_resume_asks_for_nothing(
    cluster: dict[str, str], tmp_path: Path, dpdsyn: Dpdsyn
) -> None:
    call = ("run", "-m", "dataset=toy", "evaluation.evaluators=[logistic]", "synthesizer=instant,crashing,slow", "seed=0,1")
    here = dpdsyn(*call, "compute.timeout=8", DPDSYN_RESULTS=str(tmp_path / "here"))
    assert "6 runs: 6 computed now, 0 done before, 4 not ok" in here.stderr, here.stderr
    there = dpdsyn(*call, "compute.timeout=8", "hydra/launcher=ray_cluster", **cluster)
    assert there.returncode == 1 and "6 runs: 6 computed now, 0 done before, 4 not ok" in there.stderr, there.stderr
    expected = {record.run_id: record for record in Store(tmp_path / "here").all()}
    found = {record.run_id: record for record in Store(tmp_path / "results").all()}
    assert set(found) == set(expected) and len(found) == 6
    for run_id, record in found.items():
        same = expected[run_id]
        assert (record.status, record.synthetic_sha256, record.metrics) == (same.status, same.synthetic_sha256, same.metrics)
    errors = {record.method.name: str(record.error) for record in found.values()}
    assert "the process ended by SIGSEGV (in phase fit" in errors["crashing"]
    assert "longer than 8 s (in phase fit" in errors["slow"]
    again = dpdsyn(*call, "compute.timeout=8", "hydra/launcher=ray_cluster", **cluster)
    assert "0 computed now, 6 done before" in again.stderr, again.stderr
