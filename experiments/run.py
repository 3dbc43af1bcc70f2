"""One cell: a data set, a method, a budget and a seed, from the file to the record."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from dpdsyn.checks import whole_number
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, load
from experiments import machine
from experiments.data import datasets
from experiments.evaluation import evaluate
from experiments.records.record import DIRECT, EVALUATORS, Record
from experiments.records.store import Fit, Store, StoreError

Tell = Callable[[str], None]
_fits_before = itertools.count()  # of this process: whether a fit was its first


def _silent(text: str) -> None:
    pass


@dataclass(frozen=True)
class Cell:
    """A composed configuration, checked. Building one raises ValueError on the first value that cannot be meant.

    judged: the column that models trained on the synthetic rows are to predict. alone: it is run to be timed, so that a fit
    which was not is made again.
    """

    dataset: Mapping[str, Any]
    schema: Schema
    judged: str
    method: str
    target: str
    parameters: Mapping[str, Any]
    synthesizer: Synthesizer
    budget: Budget
    evaluation: Mapping[str, Any]
    seed: int
    threads: int
    alone: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Cell:
        method = dict(config["synthesizer"])
        name, target = method.pop("name"), method.pop("_target_")
        kind = load(target)
        try:
            synthesizer = kind(**method)
        except TypeError as error:
            raise ValueError(f"synthesizer {name}: {error}") from error
        unknown = [e for e in config["evaluation"]["evaluators"] if e not in EVALUATORS]
        if unknown:
            raise ValueError(f"no evaluator is called {', '.join(unknown)}; there are {', '.join(EVALUATORS)}")
        dataset = datasets.resolved(config["dataset"])
        schema = datasets.schema_of(dataset)
        return cls(
            dataset=dataset,
            schema=schema,
            judged=datasets.judged_column(dataset, schema, config["evaluation"].get("target")),
            method=name,
            target=target,
            parameters=method,
            synthesizer=synthesizer,
            budget=Budget(config["privacy"]["epsilon"], config["privacy"]["delta"]),
            evaluation=config["evaluation"],
            seed=whole_number("seed", config["seed"], least=0),
            threads=whole_number("compute.threads", config["compute"]["threads"], least=1),
            alone=bool(config["compute"]["alone"]),
        )

    @property
    def dataset_key(self) -> str:
        """Of the data set and all its settings."""
        return _digest(datasets.identity(self.dataset))

    @property
    def n_synth(self) -> int:
        return self.schema.rows_public

    @property
    def fit_id(self) -> str:
        """Of everything that can change the synthetic table; epsilon only where the method spends any."""
        ignores_budget = self.synthesizer.spends == "nothing"
        foreign = self.synthesizer.foreign_versions()
        return _digest(
            {
                **({"foreign": foreign} if foreign else {}),
                "data": datasets.identity(self.dataset),
                "method": [self.method, self.target, dict(self.parameters), self.synthesizer.version],
                "privacy": None if ignores_budget else self._budget,
                "n_synth": self.n_synth,
                "seed": self.seed,
            }
        )

    @property
    def cell_id(self) -> str:
        """Of the fit, the budget it stands for, and how it is judged."""
        judged = [dict(self.evaluation), evaluate.VERSION, self.dataset.get("positive")]
        return _digest([self.fit_id, self._budget, *judged] + ([self.judged] if self.off_task else []))

    @property
    def _budget(self) -> list[float]:
        """As it counts in names: `epsilon=1` and `epsilon=1.0` are one."""
        return [float(self.budget.epsilon), float(self.budget.delta)]

    @property
    def off_task(self) -> bool:
        return self.judged != self.schema.target


def outline(cell: Cell) -> dict[str, Any]:
    """The part of the cell's record that is known before it runs."""
    generator, foreign = cell.dataset.get("generator"), cell.synthesizer.foreign_versions()
    return {
        "cell_id": cell.cell_id,
        "fit_id": cell.fit_id,
        "dataset": {
            "name": cell.dataset["name"],
            "sha256": dict(cell.dataset.get("files") or {}),
            "split_seed": cell.seed,
            "ceiling": None if cell.off_task else datasets.ceiling(cell.dataset),
            "caution": cell.dataset.get("caution"),
            **({"generator": dict(generator)} if generator else {}),
            **({"train_rows": cell.schema.rows_public} if cell.dataset.get("train_rows") else {}),
            **({"version": cell.dataset_key[:8]} if cell.dataset.get("path") else {}),
        },
        "method": {
            "name": cell.method,
            "target": cell.target,
            "version": cell.synthesizer.version,
            "parameters": dict(cell.parameters),
        },
        "privacy": {"epsilon": cell.budget.epsilon, "delta": cell.budget.delta, "unit": cell.schema.unit},
        "seed": cell.seed,
        "n_synth": cell.n_synth,
        "evaluation": dict(cell.evaluation) | ({"column": cell.judged} if cell.off_task else {}),
        "environment": {**machine.describe(cell.threads), **({"foreign": foreign} if foreign else {})},
    }


def run_cell(cell: Cell, store: Store | None = None, say: Tell = _silent, enter: Tell = _silent) -> Record:
    """Fit, sample and judge; a fit that the store already holds is not repeated. Never raises what a method raises.

    say: hears what the person should know. enter: hears which phase begins: load, fit, sample, evaluate.
    """
    enter("load")
    machine.pin_threads(cell.threads)
    known = outline(cell)
    try:
        reason = cell.synthesizer.skip(cell.schema, cell.budget)
        if cell.off_task and hasattr(cell.synthesizer, "predict_proba"):
            reason = f"predicts {cell.schema.target} itself and makes no rows to learn {cell.judged} from"
        if reason:
            return Record(**known, status="skipped", error=reason)
        split = datasets.load(cell.dataset, cell.seed, say)
        known["dataset"] |= {"n_train": len(split.train), "n_test": len(split.test), "leak": split.leak}
        fit = store.read_fit(cell.fit_id) if store else None
        if fit is None or (cell.alone and not fit.seconds.get("alone")):
            fit = fit_and_sample(cell, split, enter)
            if store:
                store.write_fit(cell.fit_id, fit)
        known["method"] |= {"guarantee": fit.guarantee}
        known["privacy"] |= {"spent": fit.spent, "ledger": fit.ledger}
        enter("evaluate")
        return Record(**known, status="ok", **_judge(cell, split, fit))
    except MemoryError as error:
        return Record(**known, status="out_of_memory", error=str(error) or "MemoryError")
    except StoreError:  # the folder, not the method: nothing is known of the cell
        raise
    except Exception as error:  # a crash is a record, whatever raised it
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Record(**known, status="failed", error=f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})")


def fit_and_sample(cell: Cell, split: datasets.Split, enter: Tell = _silent) -> Fit:
    """Fit and sample on the clock, with nothing else on it; imports are made before."""
    enter("fit")
    for module in ("dp_accounting.pld", "scipy.optimize", *cell.synthesizer.imports()):
        import_module(module)
    machine.pin_threads(cell.threads)
    noise, method, sampling = (np.random.default_rng(s) for s in np.random.SeedSequence(cell.seed).spawn(3))
    ledger = Ledger(cell.budget)
    private = PrivateTable(split.train, split.schema, ledger, noise)
    cell.synthesizer.report = lambda line: enter(f"fit, {line}")
    with machine.PeakMemory() as memory, machine.OtherWork() as others:
        start = time.perf_counter()
        fitted = cell.synthesizer.fit(private, method)
        middle = time.perf_counter()
        enter("sample")
        codes = draw(fitted, split.schema, cell.n_synth, sampling)
        end = time.perf_counter()
    seconds = {"fit": middle - start, "sample": end - middle, "total": end - start}
    elsewhere = fitted.measured_elsewhere()
    if elsewhere:  # this clock saw an interpreter start, imports and tables exchanged besides: `around`
        seconds = {name: elsewhere[name] or 0.0 for name in ("fit", "sample")}
        seconds |= {"total": sum(seconds.values()), "around": end - start - sum(seconds.values())}
    predicts = getattr(fitted, "predict_proba", None)
    return Fit(
        codes=codes,
        test_probabilities=None if predicts is None else np.asarray(predicts(split.test), dtype=np.float32),
        guarantee=ledger.guarantee,
        spent=ledger.spent,
        ledger=ledger.entries,
        seconds={
            **seconds,
            "process": "warm" if next(_fits_before) else "fresh",
            "contended": others.contended,
            "alone": cell.alone,
        },
        peak_memory_mb=elsewhere["peak_memory_mb"] if elsewhere else memory.megabytes,
    )


def _judge(cell: Cell, split: datasets.Split, fit: Fit) -> dict[str, Any]:
    """The record's measured part. A method that predicts by itself is scored directly, and its filler rows are not."""
    schema, evaluation, probabilities = split.schema, cell.evaluation, fit.test_probabilities
    if probabilities is None:
        metrics = evaluate.utility(
            fit.codes, split.test, schema, cell.judged, evaluation["evaluators"], evaluation["repeats"], cell.seed
        )
        fidelity = evaluate.fidelity(fit.codes, split.train, schema)
        labels = fit.codes[:, schema.position(cell.judged)]
    else:
        metrics = {DIRECT: evaluate.scores(split.test[:, schema.target_position], probabilities)}
        fidelity = {}
        labels = probabilities.argmax(axis=1)
    return {
        "metrics": metrics,
        "label_share": float(np.mean(labels == datasets.positive_class(cell.dataset, schema, cell.judged))),
        "fidelity": fidelity,
        "synthetic_sha256": hashlib.sha256(fit.codes.tobytes()).hexdigest(),
        "seconds": fit.seconds,
        "peak_memory_mb": fit.peak_memory_mb,
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:20]
