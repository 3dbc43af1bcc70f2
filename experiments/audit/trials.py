"""One audit: a method, a budget and a small table, fitted many times with and without one row; and what comes of it."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dpdsyn.checks import whole_number
from dpdsyn.files import write_whole
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw
from dpdsyn.twin import Twin
from experiments import machine
from experiments.audit import attacks as audit_attacks
from experiments.audit.attacks import ATTACKS, RELEASED, Attack
from experiments.audit.bounds import lower_bound, one_run_bound, power, split, tpr_at_low_fpr
from experiments.configuration import options, read_option
from experiments.data import datasets
from experiments.records import former
from experiments.records.record import as_text, settings
from experiments.run import Run, _digest

CHUNK = 20  # runs that are done and stored together
_ONE_RUN = "one run, many canaries"


@dataclass(frozen=True)
class Cut:
    """What is left of a data set. others: all rows but the canary, which is unlike all of them; shape (1, columns)."""

    schema: Schema
    others: np.ndarray
    canary: np.ndarray


@dataclass(frozen=True)
class Looked:
    """What was looked at in some runs, each array with a row a run. Even runs are without the canary, odd ones with it."""

    released: np.ndarray
    parameters: np.ndarray
    evidence: np.ndarray
    seconds: np.ndarray
    guarantee: str

    def of(self, attack: Attack) -> np.ndarray:
        return dict(zip((a.name for a in ATTACKS), (self.released, self.parameters, self.evidence), strict=True))[attack.name]


@dataclass(frozen=True)
class Audit:
    """A composed configuration, checked. Building one raises ValueError for the first value that cannot be meant."""

    run: Run
    runs: int
    columns: int
    rows: int
    canaries: int

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Audit:
        run, given = Run.of(config), config["audit"]
        names = {"runs": 40, "columns": 2, "rows": 20, "canaries": 40}
        numbers = {name: whole_number(f"audit.{name}", given[name], least) for name, least in names.items()}
        if numbers["columns"] > len(run.schema.columns):
            raise ValueError(f"audit.columns is {given['columns']}; {run.dataset.name} has {len(run.schema.columns)}")
        return cls(run, **numbers)

    @property
    def audit_id(self) -> str:
        """Of everything that decides what a run comes to; more runs of the same are the same audit."""
        run, budget = self.run, self.run.budget
        name, target = former.first(run.method, former.METHODS), former.first(run.target, former.TARGETS)
        method = [name, target, dict(run.parameters), run.synthesizer.version, run.synthesizer.foreign_versions()]
        cut = [datasets.identity(run.dataset), run.seed, self.columns, self.rows]
        return _digest([method, [budget.epsilon, budget.delta], cut, [audit_attacks.VERSION, RELEASED]])

    @property
    def name(self) -> str:
        budget = self.run.budget
        return f"{self.run.dataset.name} {self.label} epsilon={budget.epsilon:g} delta={budget.delta:g}"

    @property
    def label(self) -> str:
        """The method, with the settings that differ from its configuration file."""
        own, method = settings(self.run.parameters), self.run.method
        usual = settings(read_option("synthesizer", method)) if method in options("synthesizer") else {}
        differs = as_text({key: value for key, value in own.items() if usual.get(key) != value})
        return f"{method} ({differs})" if differs else method

    def schema(self) -> Schema:
        """Of the first columns and the target; the public row count is that of the cut."""
        whole = self.run.schema
        kept = [name for name in whole.names if name != whole.target][: self.columns - (whole.target is not None)]
        return replace(whole.select([name for name in whole.names if name in {*kept, whole.target}]), rows_public=self.rows)

    def cut(self) -> Cut:
        """The table, the same for every run. Raises DataError or SchemaError as the data set does."""
        schema = self.schema()
        codes = datasets.load(self.run.dataset, self.run.seed).train[:, self.run.schema.positions(schema.names)]
        if len(codes) < self.rows:
            raise ValueError(f"audit.rows is {self.rows}; {self.run.dataset.name} has {len(codes)} training rows")
        order = np.random.default_rng(self.rows).permutation(len(codes))
        drawn = codes[order[: self.rows]].astype(schema.dtype)
        canary = audit_attacks.canary_of(drawn, schema)
        return Cut(schema, drawn[(drawn != canary).any(axis=1)], canary)

    def fit_once(self, cut: Cut, trial: int, number: int) -> tuple[np.ndarray, np.ndarray, float, float, str]:
        """One fit and release: released, parameters, evidence, seconds, guarantee.

        trial: 0, or 1 for fresh runs; number: of the run in its trial. Both decide the noise; the method's own randomness
        is the same in all runs, as if the attacker knew it.
        """
        seeds = np.random.SeedSequence([int(self.audit_id, 16), trial, number]).spawn(2)
        noise, sampling = (np.random.default_rng(seed) for seed in seeds)
        ledger = Ledger(self.run.budget)
        present = number % 2 == 1
        start = time.perf_counter()
        private = Twin.of(cut.others, cut.canary, present, cut.schema, ledger, noise)
        fitted = self._method().fit(private, np.random.default_rng(0))
        codes = draw(fitted, cut.schema, RELEASED * self.rows, sampling)
        seconds = time.perf_counter() - start
        looked = audit_attacks.released(codes, cut.canary), audit_attacks.parameters(fitted, cut.schema, cut.canary)
        return *looked, private.evidence, seconds, ledger.guarantee

    def _method(self) -> Synthesizer:
        return type(self.run.synthesizer)(**self.run.parameters)

    def one_run(self, cut: Cut) -> tuple[int, int]:
        """Guesses made, and right ones, of the attack with many canaries in one fit."""
        seeds = np.random.SeedSequence([int(self.audit_id, 16), 2, self.canaries]).spawn(3)
        noise, sampling, coins = (np.random.default_rng(seed) for seed in seeds)

        def fit(rows: np.ndarray) -> np.ndarray:
            private = PrivateTable(rows, cut.schema, Ledger(self.run.budget), noise)
            fitted = self._method().fit(private, np.random.default_rng(0))
            return draw(fitted, cut.schema, RELEASED * self.rows, sampling)

        return audit_attacks.guesses(fit, cut.others, cut.schema, self.canaries, coins)


@dataclass(frozen=True)
class Chunks:
    """The stored runs of one audit, in a folder of its own."""

    folder: Path

    def path(self, trial: int, chunk: int) -> Path:
        return self.folder / f"{trial}-{chunk:05}.npz"

    def missing(self, trial: int, runs: int) -> list[int]:
        return [chunk for chunk in range(-(-runs // CHUNK)) if not self.path(trial, chunk).exists()]

    def write(self, audit: Audit, cut: Cut, trial: int, chunk: int) -> None:
        """Do the runs of one chunk and store them whole."""
        runs = [audit.fit_once(cut, trial, number) for number in range(chunk * CHUNK, (chunk + 1) * CHUNK)]
        names = ("released", "parameters", "evidence", "seconds", "guarantee")
        arrays: dict[str, Any] = dict(zip(names, map(np.array, zip(*runs, strict=True)), strict=True))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.path(trial, chunk), buffer.getvalue())

    def read(self, trial: int, runs: int) -> Looked:
        parts = [dict(np.load(self.path(trial, chunk), allow_pickle=False)) for chunk in range(-(-runs // CHUNK))]
        whole = {name: np.concatenate([part[name] for part in parts])[:runs] for name in parts[0]}
        found = {former.today(kind, former.GUARANTEES) for kind in whole["guarantee"].tolist()}
        guarantee = next(kind for kind in ("none", "unverified", "dp") if kind in found)
        return Looked(whole["released"], whole["parameters"], whole["evidence"][:, None], whole["seconds"], guarantee)


@lru_cache(maxsize=2)
def prepared(config: str) -> tuple[Audit, Cut]:
    """The audit of a configuration (as JSON) and its table, made once in a process."""
    audit = Audit.of(json.loads(config))
    machine.pin_threads(audit.run.threads)
    return audit, audit.cut()


@dataclass(frozen=True)
class Finding:
    """One attack's result. bound: what it refutes at 95%; power: what it could have; tpr: at a false-positive rate of 1%."""

    attack: str
    knows: str
    bound: float
    power: float
    tpr: float | None
    runs: int


def findings(audit: Audit, looked: Looked) -> list[Finding]:
    """Of every attack that had something to look at."""
    delta, found = audit.run.budget.delta, []
    with_canary = np.arange(len(looked.evidence)) % 2 == 1
    for attack in ATTACKS:
        seen = looked.of(attack)
        scored = audit_attacks.scores(attack, seen[with_canary], seen[~with_canary])
        if scored is None:
            continue
        inside, outside = scored
        tpr = tpr_at_low_fpr(inside[~split(len(inside))], outside[~split(len(outside))])
        bound = lower_bound(inside, outside, delta)
        found.append(Finding(attack.name, attack.knows, bound, power(len(with_canary), delta), tpr, len(with_canary)))
    return found


def one_run_finding(audit: Audit, guessed: int, right: int) -> Finding:
    delta = audit.run.budget.delta
    bound, best = (one_run_bound(audit.canaries, guessed, v, delta) for v in (right, guessed))
    return Finding(_ONE_RUN, audit_attacks.ATTACKS[0].knows, bound, best, None, 1)
