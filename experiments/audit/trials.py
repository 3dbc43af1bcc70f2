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

from dpdsyn.base.checks import InputError, whole_number
from dpdsyn.base.files import write_whole
from dpdsyn.checking.twin import with_person
from dpdsyn.privacy import Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw
from experiments import machine
from experiments.audit import attacks as audit_attacks
from experiments.audit import family
from experiments.audit.attacks import ATTACKS, RELEASED, Attack
from experiments.audit.released import Evaluated, Neighbours, WatchedRelease
from experiments.audit.watched import Canary, PlannedLedger, WatchedTwin
from experiments.configuration import default_parameters, options
from experiments.data import datasets
from experiments.records import former
from experiments.records.record import as_text, settings
from experiments.run import Run, _digest

CHUNK = 20  # runs that are done and stored together
_CANARIES = ("worst_case", "row")
_RELATIONS = ("add_remove", "replace")


@dataclass(frozen=True)
class Cut:
    """What is left of a data set.

    others: all rows but the canary, which is unlike all of them; shape (1, columns). instead: what is in the table without it,
    of the same shape and unlike the others too, or no row at all.
    """

    schema: Schema
    others: np.ndarray
    canary: np.ndarray
    instead: np.ndarray


@dataclass(frozen=True)
class Observed:
    """What was observed in some runs, each array with a row a run. Even runs are without the canary, odd ones with it."""

    released: np.ndarray
    parameters: np.ndarray
    evidence: np.ndarray
    watched: np.ndarray
    seconds: np.ndarray
    guarantee: str
    plan: family.Plan | None
    evaluation: np.ndarray

    def of(self, attack: Attack) -> np.ndarray:
        seen = self.released, self.parameters, self.evidence, self.evaluation
        return dict(zip((a.name for a in ATTACKS), seen, strict=True))[attack.name]


@dataclass(frozen=True)
class Audit:
    """A composed configuration, checked. Building one raises InputError for the first value that cannot be meant.

    canary: "worst_case" (to a noisy sum it gives a vector of norm clip in a fixed direction) or "row" (its own gradient).
    relation: "add_remove", as every guarantee here is meant, or "replace": a guarantee that is claimed for replacing a row.
    rows_of_canary: how many rows the canary, one person, has. evaluated: the private evaluation that is audited together with the
    release, None if there is none.
    """

    run: Run
    runs: int
    columns: int
    rows: int
    canaries: int
    canary: str = "worst_case"
    relation: str = "add_remove"
    rows_of_canary: int = 1
    evaluated: Evaluated | None = None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Audit:
        run, given = Run.of(config), config["audit"]
        if run.schema.is_open:
            raise InputError(
                f"audits are of encoded rows, and {run.dataset.name} leaves domains to be learnt (encoding={run.encoding.name}); "
                "take encoding=public and a schema that states them; `dpdsyn check` tries the learning of domains"
            )
        names = {"runs": 40, "columns": 2, "rows": 20, "canaries": 40, "rows_of_canary": 1}
        given = {"rows_of_canary": 1, "canary": "worst_case", "relation": "add_remove", **given}
        if given["columns"] == "all":
            given["columns"] = len(run.schema.columns)
        numbers = {name: whole_number(f"audit.{name}", given[name], least) for name, least in names.items()}
        if numbers["columns"] > len(run.schema.columns):
            raise InputError(f"audit.columns is {given['columns']}; {run.dataset.name} has {len(run.schema.columns)}")
        for name, accepted in (("canary", _CANARIES), ("relation", _RELATIONS)):
            if given[name] not in accepted:
                raise InputError(f"audit.{name} is {given[name]!r}; accepted: {', '.join(accepted)}")
        most, own = run.schema.max_rows_per_person or 1, numbers["rows_of_canary"]
        if own > most:
            raise InputError(f"audit.rows_of_canary is {own}; a person in {run.dataset.name} has {most} at most")
        evaluated = Evaluated.of(given.get("evaluate"), given.get("hold_out"))
        return cls(run, canary=given["canary"], relation=given["relation"], evaluated=evaluated, **numbers)

    @property
    def audit_id(self) -> str:
        """Of everything that decides what a run comes to; more runs of the same are the same audit."""
        run, budget = self.run, self.run.budget
        name, target = former.first(run.method, former.METHODS), former.first(run.target, former.TARGETS)
        method = [name, target, former.parameters(run.parameters), run.synthesizer.version, run.synthesizer.foreign_versions()]
        method += [own] if (own := run.own_source) else []
        cut = [datasets.identity(run.dataset), run.seed, self.columns, self.rows]
        canary = [self.canary, self.relation, self.rows_of_canary]
        canary += [] if self.evaluated is None else [self.evaluated.evaluate, self.evaluated.hold_out]
        return _digest([method, [budget.epsilon, budget.delta], cut, canary, [audit_attacks.VERSION, RELEASED]])

    @property
    def name(self) -> str:
        budget = self.run.budget
        return f"{self.run.dataset.name} {self.label} epsilon={budget.epsilon:g} delta={budget.delta:g}"

    @property
    def label(self) -> str:
        """The method, with the settings that differ from its configuration file."""
        own, method = settings(self.run.parameters), self.run.method
        usual = settings(default_parameters("synthesizer", method)) if method in options("synthesizer") else {}
        differs = as_text({key: value for key, value in own.items() if usual.get(key) != value})
        told = ", ".join(filter(None, (differs, self.evaluated.told if self.evaluated else "")))
        return f"{method} ({told})" if told else method

    def schema(self) -> Schema:
        """Of the first columns and the target; the public row count is that of the cut."""
        whole = self.run.schema
        kept = [name for name in whole.names if name != whole.target][: self.columns - (whole.target is not None)]
        return replace(whole.select([name for name in whole.names if name in {*kept, whole.target}]), rows_public=self.rows)

    def cut(self) -> Cut:
        """The table, the same for every run. Raises DataError or SchemaError as the data set does."""
        schema = self.schema()
        encoded = datasets.load(self.run.dataset, self.run.seed).train[:, self.run.schema.positions(schema.names)]
        if len(encoded) < self.rows:
            raise InputError(f"audit.rows is {self.rows}; {self.run.dataset.name} has {len(encoded)} training rows")
        order = np.random.default_rng(self.rows).permutation(len(encoded))
        drawn = encoded[order[: self.rows]].astype(schema.dtype)
        canary = audit_attacks.canary_of(drawn, schema)
        instead = audit_attacks.opposite_of(canary, drawn, schema)
        others = drawn[(drawn != canary).any(axis=1)]
        if self.relation == "add_remove":
            return Cut(schema, others, canary, instead[:0])
        return Cut(schema, others[(others != instead).any(axis=1)], canary, instead)

    def fit_once(self, cut: Cut, trial: int, number: int) -> dict[str, Any]:
        """One fit and release: what was observed, by its name in a chunk.

        trial: 0, or 1 for fresh runs; number: of the run in its trial. Both decide the noise; the method's own randomness
        is the same in all runs, as if the attacker knew it.
        """
        seeds = np.random.SeedSequence([int(self.audit_id, 16), trial, number]).spawn(3)
        noise, sampling, _ = (np.random.default_rng(seed) for seed in seeds)
        rows, instead = (np.repeat(row, self.rows_of_canary, axis=0) for row in (cut.canary, cut.instead))
        start = time.perf_counter()
        canary = Canary(rows, instead, worst_case=self.canary == "worst_case")
        if self.evaluated is not None:
            tables = Neighbours(cut.schema, cut.others, canary)
            release = WatchedRelease.made(self._method, self.run.budget, self.evaluated, tables, number % 2 == 1, seeds)
            encoded = release.codes(RELEASED * self.rows)
            return self._seen(cut, release.method_, encoded, release.twins[0], release.ledger, start, release.answers)
        ledger = PlannedLedger(self.run.budget)
        private = WatchedTwin.with_canary(cut.others, canary, number % 2 == 1, cut.schema, ledger, noise)
        fitted = self._method().fit(private, np.random.default_rng(0))
        encoded = draw(fitted, cut.schema, RELEASED * self.rows, sampling)
        return self._seen(cut, fitted, encoded, private, ledger, start)

    def _seen(
        self,
        cut: Cut,
        fitted: Synthesizer,
        encoded: np.ndarray,
        private: WatchedTwin,
        ledger: PlannedLedger,
        start: float,
        answers: np.ndarray | None = None,
    ) -> dict[str, Any]:
        """answers: of the private evaluation, which is looked at together with the released rows."""
        seconds = time.perf_counter() - start
        released = audit_attacks.released(encoded, cut.canary)
        return {
            "released": released,
            "parameters": audit_attacks.parameters(fitted, cut.schema, cut.canary),
            "evidence": private.evidence,
            "watched": private.watch.numbers_of_run(),
            "seconds": seconds,
            "guarantee": ledger.guarantee,
            "plan": family.written(ledger.planned),
            "evaluation": released[:0] if answers is None else np.concatenate([answers, released]),
        }

    def _method(self) -> Synthesizer:
        return type(self.run.synthesizer)(**self.run.parameters)

    def one_run(self, cut: Cut) -> tuple[int, int]:
        """Guesses made, and right ones, of the attack with many canaries in one fit."""
        seeds = np.random.SeedSequence([int(self.audit_id, 16), 2, self.canaries]).spawn(3)
        noise, sampling, coins = (np.random.default_rng(seed) for seed in seeds)

        def fit(rows: np.ndarray) -> np.ndarray:
            private = PrivateTable(with_person(rows, rows[:0], cut.schema), cut.schema, Ledger(self.run.budget), noise)
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
        arrays: dict[str, Any] = {name: np.array([run[name] for run in runs]) for name in runs[0]}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.path(trial, chunk), buffer.getvalue())

    def read(self, trial: int, runs: int) -> Observed:
        """Raises ValueError if what was charged differs from run to run: it may depend on nothing that runs differ in."""
        parts = [dict(np.load(self.path(trial, chunk), allow_pickle=False)) for chunk in range(-(-runs // CHUNK))]
        whole = {name: np.concatenate([part[name] for part in parts])[:runs] for name in parts[0]}
        found = {former.today(kind, former.GUARANTEES) for kind in whole["guarantee"].tolist()}
        guarantee = next(kind for kind in ("none", "unverified", "dp") if kind in found)
        plans = set(whole["plan"].tolist())
        if len(plans) > 1:
            raise ValueError(f"the plan of what is charged differs from run to run: {', '.join(sorted(plans)[:2])}")
        observed = (whole["released"], whole["parameters"], whole["evidence"][:, None], whole["watched"], whole["seconds"])
        evaluation = whole.get("evaluation", np.zeros((len(whole["seconds"]), 0)))  # which runs of earlier versions lack
        return Observed(*observed, guarantee, family.read(plans.pop()) if guarantee == "dp" else None, evaluation)


@lru_cache(maxsize=2)
def prepared(config: str) -> tuple[Audit, Cut]:
    """The audit of a configuration (as JSON) and its table, made once in a process."""
    audit = Audit.of(json.loads(config))
    machine.pin_threads(audit.run.threads)
    return audit, audit.cut()
