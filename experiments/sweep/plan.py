"""What a command is going to run: every run of the sweep, composed, checked and named before the first one starts.

A plan is kept in the working store under `runs/sweeps`. The same command finds its plan there, as long as nothing that
could change a run's identity has changed, so that going on with a sweep does not compose its runs again; and `status`,
`retry` and MLflow's view know from there which runs belong together.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import write_whole
from experiments.configuration import config_dir, told
from experiments.records import former
from experiments.sweep.overrides import is_multirun

if TYPE_CHECKING:
    from experiments.run import Run
    from experiments.sweep.local.composition import Known
    from experiments.sweep.request import Request

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Planned:
    """One run of a plan. overrides: what Hydra is given to compose it. compute: how it is to be run. encoding: its name."""

    run_id: str
    overrides: tuple[str, ...]
    dataset: str
    method: str
    epsilon: float
    seed: int
    compute: Mapping[str, Any]
    encoding: str = "public"

    @property
    def name(self) -> str:
        encoding = "" if self.encoding == "public" else f" {self.encoding}"
        return f"{self.dataset} {self.method}{encoding} epsilon={self.epsilon:g} seed={self.seed}"


@dataclass(frozen=True)
class Plan:
    """arguments: as typed after `dpdsyn run`. experiment: as typed, or `single`.

    folder: where it was typed last, which file names and modules of one's own start from; empty in plans of earlier versions.
    """

    arguments: tuple[str, ...]
    experiment: str
    runs: tuple[Planned, ...]
    started: float  # seconds since 1970, when the command was first given
    fingerprint: str
    folder: str = ""

    @property
    def sweep_id(self) -> str:
        return _digest(list(self.arguments))

    @property
    def is_sweep(self) -> bool:
        return is_multirun(self.arguments)


class Plans:
    """The plans of one results folder."""

    def __init__(self, results: Path) -> None:
        self.folder = results / "runs" / "sweeps"

    def write(self, plan: Plan) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / f"{plan.sweep_id}.json", json.dumps(asdict(plan)).encode())

    def read(self, sweep_id: str) -> Plan | None:
        try:
            raw = json.loads((self.folder / f"{sweep_id}.json").read_text(encoding="utf-8"))
            runs = tuple(_planned(run) for run in raw.pop("cells" if "cells" in raw else "runs"))  # cells: as it was called first
            return Plan(**{**raw, "arguments": tuple(raw["arguments"]), "runs": runs})
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # absent or damaged: the command makes it anew
            return None

    def all(self) -> Iterator[Plan]:
        """Every plan, the oldest first."""
        known = [plan for path in self.folder.glob("*.json") if (plan := self.read(path.stem))]
        yield from sorted(known, key=lambda plan: (plan.started, plan.sweep_id))


def _planned(raw: dict[str, Any]) -> Planned:
    first = {"run_id": raw.pop("cell_id")} if "cell_id" in raw else {}
    return Planned(
        **{
            **raw,
            **first,
            "overrides": tuple(map(former.override, raw["overrides"])),
            "method": former.today(raw["method"], former.METHODS),
        }
    )


class Names:
    """Which method or data set each name of a sweep stands for."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Any] = {}

    def add(self, run: Run) -> None:
        """Raises InputError for the name of another one that was added before."""
        files = run.dataset.raw.get("files") or run.dataset.raw.get("path")
        for group, name, what in (("synthesizer", run.method, run.target), ("dataset", run.dataset.name, files)):
            if (other := self._found.setdefault((group, name), what)) != what:
                raise InputError(
                    f"two of {group} are called {name!r} ({told(other)}; {told(what)}); give each a `name` of its own"
                )


def plan_of(request: Request, plans: Plans, progress: Progress = lambda done, total: None) -> tuple[Plan, list[Run]]:
    """The plan of a command and, unless it was known, one composed run for each data set in it.

    Raises InputError, in one line, for the first value that cannot be meant.
    """
    fingerprint, here = _fingerprint(request.config_dir), str(Path.cwd())
    known = plans.read(_digest(list(request.arguments)))
    if known is not None and known.fingerprint == fingerprint:
        return replace(known, folder=here), []
    jobs = request.jobs()
    runs: list[Planned] = []
    examples: dict[str, Run] = {}
    names = Names()
    reusable = True
    for done, (overrides, config, run) in enumerate(composed(jobs, request.config_dir)):
        progress(done, len(jobs))
        names.add(run)
        examples.setdefault(run.dataset_key, run)
        reusable &= run.dataset.kind != "own" and not (run.own_source or run.judges_source)  # which no fingerprint covers
        what = (run.dataset.name, run.method, run.budget.epsilon, run.seed)
        runs.append(Planned(run.run_id, tuple(overrides), *what, compute=config["compute"], encoding=run.encoding.name))
    unique = tuple({planned.run_id: planned for planned in runs}.values())
    experiment = ", ".join(str(name) for name in request.axes.get("experiment", [])) or "single"
    started = known.started if known is not None else time.time()
    plan = Plan(request.arguments, experiment, unique, started, fingerprint if reusable else "", here)
    return plan, list(examples.values())


def composed(
    jobs: list[list[str]], config: Path | None, known: Known | None = None
) -> Iterator[tuple[list[str], dict[str, Any], Run]]:
    """Overrides, configuration and run of each job. known: what earlier calls composed, for the next ones."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    from experiments.run import Run
    from experiments.sweep.composing import composer, plain_words, refuse_unknown
    from experiments.sweep.local.composition import Composition
    from experiments.sweep.local.limits import Limits
    from experiments.sweep.overrides import UsageError, refuse_absent

    with composer(config) as compose:
        composition = Composition(compose, known)
        for overrides in jobs:
            try:
                container = composition.of(overrides)
            except (HydraException, OmegaConfBaseException, YAMLError) as error:
                raise UsageError(plain_words(error)) from error
            refuse_absent(container, overrides)
            refuse_unknown(container, overrides)
            Limits.of(container["compute"])
            yield overrides, container, Run.of(container)


def _fingerprint(extra: Path | None) -> str:
    """Of everything that a run's identity is computed from: configuration and code."""
    here = Path(__file__).parents[1]
    code = [(here.parent / package, "*.py") for package in ("dpdsyn", "baselines", "experiments")]
    folders = [(config_dir(), "*.yaml"), *code, (here.parent / "baselines", "*.txt")]  # locks of environments
    digest = hashlib.sha256()
    for folder, pattern in [*folders, *([(extra, "*.yaml")] if extra else [])]:
        for path in sorted(folder.rglob(pattern)):
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]
