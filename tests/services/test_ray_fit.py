"""A fit whose rows are counted and sampled on a local Ray cluster of two nodes. Started by `nox -s ray`."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.ray_cluster import ray_cluster

from dpdsyn import DPDSyn
from dpdsyn.base.checks import InputError
from dpdsyn.ray_workers import RayWorkers

SCHEMA = {
    "target": "ill",
    "rows_public": 40_000,
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
MODEL = "ignore::dpdsyn.api.SeededNoiseWarning"


@pytest.fixture(scope="module")
def workers() -> Iterator[tuple[RayWorkers, int]]:
    """Those of a cluster, and the process of its second node."""
    with ray_cluster() as (env, node), pytest.MonkeyPatch.context() as patch:
        for key, value in env.items():
            patch.setenv(key, value)
        import ray  # which reads the token as it is imported

        yield RayWorkers(env["RAY_ADDRESS"]), node.pid
        ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    parts = tmp_path / "people"
    parts.mkdir()
    for i in range(4):
        age, ward = rng.integers(0, 100, 10_000), pd.Series(rng.choice(["north", "south"], 10_000))
        ill = np.where(rng.random(10_000) < 0.2 + 0.6 * (age > 50), "yes", "no")
        frame = pd.DataFrame({"age": age, "ward": ward.mask(rng.random(10_000) < 0.05), "ill": ill})
        frame.to_parquet(parts / f"{i}.parquet", row_group_size=3_000, index=False)
    return parts


@pytest.mark.filterwarnings(MODEL)
def test_a_seed_gives_the_fit_that_it_gives_here(workers: tuple[RayWorkers, int], folder: Path) -> None:
    there = DPDSyn(epsilon=1.0, random_state=5).fit(folder, SCHEMA, workers=workers[0])
    here = DPDSyn(epsilon=1.0, random_state=5).fit(folder, SCHEMA)
    assert workers[0].count == 2
    assert there.sample(3_000).equals(here.sample(3_000)) and there.guarantee_ == here.guarantee_


def test_no_other_cluster_is_taken_for_the_one_that_was_named(workers: tuple[RayWorkers, int]) -> None:
    with pytest.raises(InputError, match=r"works with the Ray cluster at .* already, so not with the one at 127\.0\.0\.1:1"):
        RayWorkers("127.0.0.1:1")
    assert RayWorkers("auto").count == 2


@pytest.mark.filterwarnings(MODEL)
def test_a_node_that_vanishes_costs_its_tasks_and_no_more(workers: tuple[RayWorkers, int], tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    begun.mkdir()

    def slow(item: int) -> int:
        import os

        node = os.getpgid(os.getppid())  # the group of the node that this process was started by
        (begun / f"{item}-{os.getpid()}-{node}").touch()
        time.sleep(2)
        return item * item

    def kill() -> None:
        while not any(begun.glob(f"*-{workers[1]}")):  # the second node is at work
            time.sleep(0.1)
        import os

        os.killpg(workers[1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert list(workers[0].each(slow, range(6))) == [i * i for i in range(6)]
    killer.join()
    names = [path.name.partition("-")[0] for path in begun.iterdir()]
    assert len(names) > len(set(names)) == 6, "a task that was lost has been done again"
