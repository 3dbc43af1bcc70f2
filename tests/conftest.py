"""Small tables, and a data set of its own for whatever runs through the command line."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from builders.forked_command import Forked
from builders.paths import ROOT
from builders.people import write_people
from builders.processes import command, process_environment
from hypothesis import settings

EXAMPLES = int(os.environ.get("DPDSYN_EXAMPLES", "40"))  # of each test that says nothing of how many; nox -s examples: 400
settings.register_profile("shared machine", deadline=None, derandomize=bool(os.environ.get("CI")), max_examples=EXAMPLES)
settings.load_profile("shared machine")

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")


@pytest.fixture(autouse=True)
def no_other_tests(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other files of tests are not there: whoever looks at all of a method's package would look at them too, and take long."""
    own = request.module.__name__
    for name in [name for name in sys.modules if name.startswith("tests.") and not own.startswith(name)]:
        monkeypatch.delitem(sys.modules, name)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def toy_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `data/toy/toy.csv` and `conf/dataset/toy.yaml` that describes it: 1,200 rows, 4 columns."""
    world = tmp_path_factory.mktemp("world")
    rng = np.random.default_rng(5)
    rows = 1200
    colour, size, age = rng.integers(3, size=rows), rng.integers(2, size=rows), rng.integers(18, 90, size=rows)
    label = np.where(rng.random(rows) < 0.9, (colour == 0) | (age > 60), rng.random(rows) < 0.5)
    lines = ["colour,size,age,ill"]
    lines += [
        f"{['red', 'green', 'blue'][c]},{['small', 'large'][s]},{a},{'yes' if y else 'no'}"
        for c, s, a, y in zip(colour, size, age, label, strict=True)
    ]
    content = ("\n".join(lines) + "\n").encode()
    (world / "data" / "toy").mkdir(parents=True)
    (world / "data" / "toy" / "toy.csv").write_bytes(content)
    (world / "conf" / "dataset").mkdir(parents=True)
    description = {
        "name": "toy",
        "title": "simulated for tests",
        "licence": "none",
        "files": {"toy/toy.csv": hashlib.sha256(content).hexdigest()},
        "sources": [],
        "read": {"header": 0},
        "positive": "yes",
        "test_share": 0.25,
        "schema": {
            "target": "ill",
            "rows_public": 900,
            "columns": {
                "colour": {"kind": "categorical", "categories": ["red", "green", "blue"]},
                "size": {"kind": "categorical", "categories": ["small", "large"]},
                "age": {"kind": "integer", "bounds": [18, 89], "bins": 8},
                "ill": {"kind": "categorical", "categories": ["no", "yes"]},
            },
        },
    }
    (world / "conf" / "dataset" / "toy.yaml").write_text(yaml.safe_dump(description, sort_keys=False))
    (world / "conf" / "synthesizer").mkdir()
    for name in ("Instant", "Slow", "Hungry", "Crashing", "Filling", "Hoarding", "Mistaken", "Shot", "Meddling"):
        (world / "conf" / "synthesizer" / f"{name.lower()}.yaml").write_text(
            f"name: {name.lower()}\n_target_: toy_methods.{name}\n"
        )
    shutil.copy(ROOT / "tests" / "builders" / "toy_methods.py", world)
    return world


@pytest.fixture(scope="session")
def forked() -> Iterator[Forked]:
    """A process that begins when it is first asked for a command."""
    found = Forked()
    yield found
    found.close()


@pytest.fixture
def dpdsyn(forked: Forked, toy_world: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command in a process of its own, forked where libraries are loaded; `run` gets the toy data set's folder."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return forked.run(
            command(toy_world, *arguments)[1:], tmp_path, process_environment(toy_world, tmp_path, **environment), 300
        )

    return call


@pytest.fixture
def new_dpdsyn(toy_world: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in a process that begins with nothing and is a child of this one."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(toy_world, *arguments),
            cwd=tmp_path,
            env=process_environment(toy_world, tmp_path, **environment),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """`people.csv` with its schema `people.yaml` beside it: see `builders.people`."""
    return write_people(tmp_path)
