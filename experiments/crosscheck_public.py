"""One run of somebody else's code in a process of its own: started by `experiments.crosscheck`, with any interpreter.

Imports nothing of this project but the clock-side helpers, since public code needs libraries of other versions than ours.
Nothing of that code is kept here: it is imported from the clone that a person made, called, and watched round by round.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import sys
import time
import tomllib
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from experiments.machine import OtherWork, PeakMemory

_PACKAGES = ("numpy", "pandas", "jax")
_MAX_CELLS = 10_000  # of a marginal in private-pgm's default workload


@dataclass(frozen=True)
class Task:
    """What the public code is to do. codes: training rows, shape (rows, columns); sizes: codes of each column."""

    folder: Path
    codes: np.ndarray
    sizes: tuple[int, ...]
    epsilon: float
    delta: float
    rows: int
    settings: Mapping[str, Any]


class Stopped(Exception):
    """A round was not begun, because of a limit. model: what the rounds before it had fitted."""

    def __init__(self, why: str, model: Any) -> None:
        super().__init__(why)
        self.model = model


class Rounds:
    """Hears of the beginning of each round; tells seconds and memory maps of each as it ends; stops the run at a limit."""

    def __init__(self, limit: float | None, most: int | None, tell: Callable[[dict[str, Any]], None]) -> None:
        self._limit, self._most, self._tell = limit, most, tell
        self._begun = 0
        self._start = self._since = time.perf_counter()
        self._processor = 0.0

    def begin(self, model: Any) -> None:
        """Raises Stopped, with `model`, if this round is not to be."""
        now = time.perf_counter()
        if self._begun:
            processor = time.process_time() - self._processor
            self._tell({"round": self._begun, "seconds": now - self._since, "processor": processor, "maps": memory_maps()})
        if self._most is not None and self._begun >= self._most:
            raise Stopped(f"after {self._begun} rounds, as asked", model)
        if self._limit is not None and now - self._start > self._limit:
            raise Stopped(f"after {self._begun} rounds, at the limit of {self._limit:g} s", model)
        self._begun += 1
        self._since, self._processor = time.perf_counter(), time.process_time()

    @property
    def done(self) -> int:
        return self._begun


def memory_maps() -> int | None:
    """Of this process (Linux; None elsewhere)."""
    try:
        return len(Path("/proc/self/maps").read_text().splitlines())
    except OSError:
        return None


Run = Callable[[Rounds], np.ndarray]


@dataclass(frozen=True)
class PublicCode:
    """Where a method's public code is and how to call it.

    settings: the authors' own defaults, and what has to be done for their code to live.
    prepare: imports it, and gives the function that is timed.
    """

    repository: str
    needs: str
    settings: Mapping[str, Any]
    prepare: Callable[[Task], Run]

    @property
    def name(self) -> str:
        return self.repository.rpartition("/")[2]

    def missing(self, folder: Path) -> str | None:
        """What to type if the clone in `folder` is not there or lacks what is needed."""
        if (folder / self.name / self.needs).is_file():
            return None
        return (
            f"{folder / self.name / self.needs} is not there: git clone https://github.com/{self.repository} {folder / self.name}"
        )


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("public_" + path.stem.replace("+", "_"), path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _private_pgm(task: Task, script: str) -> tuple[Any, Any, list[tuple[str, str]]]:
    """A mechanism's module, the data set and all two-way marginals within the size of the authors' command line."""
    sys.path[:0] = [str(task.folder / "src"), str(task.folder / "mechanisms")]  # its own engine, not the one installed
    import pandas as pd
    from mbi import Dataset, Domain

    if int(pd.__version__.split(".")[0]) > 2:
        raise RuntimeError("private-pgm's synthetic_data needs pandas < 3; give --python an interpreter that has it")
    names = [f"c{i}" for i in range(len(task.sizes))]
    data = Dataset(pd.DataFrame(task.codes.astype(np.int64), columns=names), Domain(names, task.sizes))
    pairs = [pair for pair in itertools.combinations(names, 2) if data.domain.size(pair) <= _MAX_CELLS]
    return _module(task.folder / "mechanisms" / script), data, pairs


def _codes(synthetic: Any) -> np.ndarray:
    return np.asarray(synthetic.df[list(synthetic.domain.attrs)].to_numpy(), dtype=np.int64)


def _mst(task: Task) -> Run:
    module, data, _ = _private_pgm(task, "mst.py")
    return lambda rounds: _codes(module.MST(data, task.epsilon, task.delta))


def _aim(task: Task) -> Run:
    import jax

    module, data, pairs = _private_pgm(task, "aim.py")
    settings = task.settings
    choose = module.AIM.worst_approximated

    def run(rounds: Rounds) -> np.ndarray:
        def watched(self: Any, candidates: Any, answers: Any, model: Any, *rest: Any) -> Any:
            rounds.begin(model)
            if settings["clear_caches"]:
                jax.clear_caches()
            with contextlib.nullcontext() if settings["compile_projections"] else jax.disable_jit():
                return choose(self, candidates, answers, model, *rest)

        module.AIM.worst_approximated = watched
        mechanism = module.AIM(
            task.epsilon, task.delta, max_model_size=settings["max_model_size"], max_iters=settings["iterations"]
        )
        return _codes(mechanism.run(data, [(pair, 1.0) for pair in pairs])[1])

    return run


def _mwem(task: Task) -> Run:
    module, data, pairs = _private_pgm(task, "mwem+pgm.py")
    choose = module.worst_approximated

    def run(rounds: Rounds) -> np.ndarray:
        def watched(answers: Any, model: Any, *rest: Any) -> Any:
            rounds.begin(model)
            return choose(answers, model, *rest)

        module.worst_approximated = watched
        limit = task.settings["max_model_size"]
        return _codes(module.mwem_pgm(data, task.epsilon, task.delta, workload=pairs, maxsize_mb=limit))

    return run


_PGM = "ryan112358/private-pgm"
PUBLIC: dict[str, PublicCode] = {
    "mst": PublicCode(_PGM, "mechanisms/mst.py", {}, _mst),
    "aim": PublicCode(
        _PGM,
        "mechanisms/aim.py",
        {"max_model_size": 80, "iterations": 1000, "clear_caches": True, "compile_projections": True},
        _aim,
    ),
    "mwem": PublicCode(_PGM, "mechanisms/mwem+pgm.py", {"max_model_size": 25}, _mwem),
}


def main() -> None:
    """Argument: what is asked, in JSON. Answers are lines of JSON in the file `messages` of the folder named there."""
    asked = json.loads(sys.argv[1])
    with (Path(asked["folder"]) / "messages").open("a", encoding="utf-8", buffering=1) as out:

        def tell(message: dict[str, Any]) -> None:
            out.write(json.dumps(message) + "\n")

        try:
            tell(_answer(asked, tell))
        except Exception as error:  # a crash is a row, whatever raised it
            traceback.print_exc()
            tell({"status": "failed", "message": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})


def _answer(asked: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    code = PUBLIC[asked["method"]]
    given = np.load(Path(asked["folder"]) / "given.npz")
    sizes = tuple(map(int, given["sizes"]))
    folder = Path(asked["public"]) / code.name
    task = Task(folder, given["codes"], sizes, asked["epsilon"], asked["delta"], asked["rows"], asked["settings"])
    run = code.prepare(task)
    tell({"versions": _versions(folder)})
    with _seeded(asked["seed"]), PeakMemory() as memory, OtherWork() as others:
        rounds = Rounds(asked["limit"], asked["rounds"], tell)
        start, processor = time.perf_counter(), time.process_time()
        status, message = "ok", ""
        try:
            codes = run(rounds)
        except Stopped as stopped:
            status, message = "timeout", f"stopped {stopped}; errors are of its model then"
            codes = _codes(stopped.model.synthetic_data())
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
    np.save(Path(asked["folder"]) / "made.npy", codes)
    measured = {
        "seconds": seconds,
        "processor_seconds": processor,
        "peak_memory_mb": memory.megabytes,
        "contended": others.contended,
    }
    if rounds.done:
        measured["rounds"] = rounds.done
    return {
        "status": status,
        "message": message,
        **measured,
        "memory_maps": memory_maps(),
    }


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """NumPy's global generator, and `random`: what public code draws from."""
    import random

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    yield


def _versions(folder: Path) -> dict[str, str]:
    """Of the package that the clone is, if it is one, and of what it stands on."""
    project = folder / "pyproject.toml"
    about = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}) if project.is_file() else {}
    found = {about["name"]: about["version"]} if "version" in about else {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


if __name__ == "__main__":
    main()
