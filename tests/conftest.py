"""Small tables, and a data set of its own for whatever runs through the command line."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import settings

settings.register_profile("shared machine", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("shared machine")

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

ROOT = Path(__file__).parents[1]


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
        "title": "made up for tests",
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
    for name in ("Instant", "Slow", "Hungry", "Crashing", "Filling", "Hoarding"):
        (world / "conf" / "synthesizer" / f"{name.lower()}.yaml").write_text(
            f"name: {name.lower()}\n_target_: toy_methods.{name}\n"
        )
    (world / "toy_methods.py").write_text(TOY_METHODS)
    return world


TOY_METHODS = '''"""Methods that do what methods should not."""
import os, signal, time
from pathlib import Path
from dpdsyn.candidates import Uniform


class Instant(Uniform):
    """Takes no time; leaves a mark for each fit where the test looks for it."""

    def fit(self, private, rng):
        if marks := os.environ.get("TOY_MARKS"):
            (Path(marks) / f"{time.monotonic_ns()}-{os.getpid()}").touch()
            time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
        return super().fit(private, rng)


class Slow(Uniform):
    """Never comes to an end, unless there is a file that says so."""

    def fit(self, private, rng):
        while not Path("enough").exists():
            time.sleep(0.05)
        return super().fit(private, rng)


class Hungry(Uniform):
    """Takes half a GiB more every tenth of a second, in a process of its own."""

    def fit(self, private, rng):
        import subprocess, sys
        subprocess.run([sys.executable, "-c", "import time; x = []\\nwhile len(x) < 40: x.append(b'x' * 2**29); time.sleep(0.1)"])
        return super().fit(private, rng)


class Hoarding(Uniform):
    """Never gives back what it has taken: a GiB and a half."""

    hoard = []

    def fit(self, private, rng):
        self.hoard.append(b"x" * (3 * 2**29))
        time.sleep(1)
        return super().fit(private, rng)


class Filling(Uniform):
    """Leaves no room on the disk of the results."""

    def fit(self, private, rng):
        with open(os.path.join(os.environ["DPDSYN_RESULTS"], "filler"), "wb", buffering=0) as file:
            for size in (2**16, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return super().fit(private, rng)


class Crashing(Uniform):
    """Takes its interpreter down."""

    def fit(self, private, rng):
        os.kill(os.getpid(), signal.SIGSEGV)
'''


@pytest.fixture
def dpdsyn(toy_world: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the real command in a process of its own; `run` gets the toy data set's folder."""

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


def command(world: Path, *arguments: str) -> list[str]:
    extra = ["--config-dir", str(world / "conf")] if arguments[0] == "run" else []
    return [str(Path(sys.executable).with_name("dpdsyn")), arguments[0], *extra, *arguments[1:]]


def process_environment(world: Path, results: Path, **more: str) -> dict[str, str]:
    own = {
        "DPDSYN_DATA": str(world / "data"),
        "DPDSYN_RESULTS": str(results / "results"),
        "XDG_CACHE_HOME": str(results / "cache"),
    }
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{world}", **own, **more}
