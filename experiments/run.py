"""One run: a data set, a method, a budget and a seed, from the file to the record."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from inspect import signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np

from dpdsyn.base.checks import InputError, one_of, whole_number
from dpdsyn.base.files import FileError
from dpdsyn.learning import merging
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.rows import Rows
from dpdsyn.rules.published_rows import PublishedRows, refuse_contradictions
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import ContractError, Synthesizer, draw, load, load_imports, steps_of
from experiments import machine, sources
from experiments.configuration import refuse_name
from experiments.console import Say, silent
from experiments.data import datasets
from experiments.data.description import Dataset
from experiments.data.encoding import Encoding
from experiments.evaluation import VERSION as EVALUATION_VERSION
from experiments.evaluation.settings import Settings
from experiments.judging import Judging
from experiments.records import former
from experiments.records.about import About
from experiments.records.printable import one_line
from experiments.records.record import Record
from experiments.records.steps import thinned
from experiments.records.store import Fit, Store

_SPENDS = get_args(get_args(get_type_hints(Synthesizer)["spends"])[0])  # the words that there are
_RULES = 1  # raised when the way in which rules are kept changes what comes out
_MOST_OF_A_PHASE = 200  # characters
_fits_before = itertools.count()  # of this process: whether a fit was its first


@dataclass(frozen=True)
class Run:
    """A composed configuration, checked. Building one raises InputError for the first value that cannot be meant.

    schema: what the run begins with; an open one is closed by learning, out of the same budget. judged: the column that models
    trained on the synthetic rows are to predict. alone: it is run to be timed, so that a fit which was not is made again.
    """

    dataset: Dataset
    encoding: Encoding
    schema: Schema
    judged: str
    method: str
    target: str
    parameters: Mapping[str, Any]
    about: Mapping[str, Any]
    synthesizer: Synthesizer
    budget: Budget
    evaluation: Mapping[str, Any]
    seed: int
    threads: int
    alone: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Run:
        """Raises InputError (SchemaError among them) or DataError."""
        method = dict(config["synthesizer"])
        name, target, about = method.pop("name"), method.pop("_target_"), method.pop("about", None) or {}
        About.of(name, about)  # refused here, before anything is computed
        refuse_name("synthesizer", name, target)
        kind = load(target)
        try:
            synthesizer = kind(**method)
        except (TypeError, ValueError) as error:  # a constructor checks nothing but what it is given
            accepted = (
                f"; it has {', '.join(signature(kind).parameters) or 'no parameters'}" if isinstance(error, TypeError) else ""
            )
            raise InputError(f"synthesizer {name}: {error}{accepted}") from error
        if type(synthesizer.version) is not int:
            raise InputError(
                f"synthesizer {name}: version is {synthesizer.version!r}; a whole number is needed, as in version = 1"
            )
        one_of(f"synthesizer {name}: spends", synthesizer.spends, _SPENDS)
        judged = Settings.of(config["evaluation"])
        dataset = datasets.resolved(config["dataset"])
        if dataset.kind == "published":
            refuse_name("dataset", dataset.name, dict(dataset.raw["files"]))
        encoding = Encoding.of(config["encoding"])
        schema = encoding.opened(datasets.schema_of(dataset))
        judged.refuse_unknown_groups(schema.names)
        refuse_contradictions(schema)
        return cls(
            dataset=dataset,
            encoding=encoding,
            schema=schema,
            judged=datasets.judged_column(dataset, schema, config["evaluation"].get("target")),
            method=name,
            target=target,
            parameters=method,
            about=about,
            synthesizer=synthesizer,
            budget=Budget(config["privacy"]["epsilon"], config["privacy"]["delta"]),
            evaluation=config["evaluation"],
            seed=whole_number("seed", config["seed"], least=0),
            threads=whole_number("compute.threads", config["compute"]["threads"], least=1),
            alone=bool(config["compute"]["alone"]),
        )

    @property
    def name(self) -> str:
        """For a person: data set, method, encoding where it is not the usual one, budget and seed."""
        encoding = "" if self.encoding.name == "public" else f" {self.encoding.name}"
        return f"{self.dataset.name} {self.method}{encoding} epsilon={self.budget.epsilon:g} seed={self.seed}"

    @property
    def dataset_key(self) -> str:
        """Of the data set and all its settings."""
        return _digest(datasets.identity(self.dataset))

    @property
    def n_synth(self) -> int:
        """0 where it is still to be learnt how many rows there are about."""
        return self.schema.rows_public

    @property
    def fit_id(self) -> str:
        """Of everything that can change the synthetic table; epsilon only where any is spent; the encoding where it is learnt."""
        ignores_budget = self.synthesizer.spends == "nothing" and not self.schema.is_open
        foreign = self.synthesizer.foreign_versions()
        name, target = former.first(self.method, former.METHODS), former.first(self.target, former.TARGETS)
        return _digest(
            {
                **({"foreign": foreign} if foreign else {}),
                **({"source": self.own_source} if self.own_source else {}),
                **({"rules": _RULES} if self.keeps_rules else {}),
                **self.encoding.identity(self.schema),
                "data": datasets.identity(self.dataset),
                "method": [name, target, former.parameters(self.parameters), self.synthesizer.version],
                "privacy": None if ignores_budget else self._budget,
                "n_synth": self.n_synth,
                "seed": self.seed,
            }
        )

    @property
    def run_id(self) -> str:
        """Of the fit, the budget it stands for, and how it is judged."""
        settings = {key: value for key, value in self.evaluation.items() if (key, value) != ("space", "encoded")}
        judged = [settings, EVALUATION_VERSION, self.dataset.raw.get("positive")]
        judged += [own] if (own := self.judges_source) else []
        return _digest([self.fit_id, self._budget, *judged] + ([self.judged] if self.off_task else []))

    @property
    def keeps_rules(self) -> bool:
        """Whether its rows are drawn until they keep the rules between columns that the schema states."""
        exempt = any(hasattr(self.synthesizer, name) for name in ("judged_as_read", "predict_proba"))
        return bool(self.schema.constraints) and not exempt

    @property
    def own_source(self) -> dict[str, str]:
        """Hashes of the modules of a person's own that the method is made of: a changed one makes another table."""
        return sources.own([*sources.of_method(self.target, self.parameters), *self.synthesizer.imports()])

    @property
    def judges_source(self) -> dict[str, str]:
        """Hashes of the modules of a person's own that metrics and models of the evaluation are made of."""
        return sources.own(sources.named(dict(self.evaluation)))

    @property
    def _budget(self) -> list[float]:
        """As it counts in names: `epsilon=1` and `epsilon=1.0` are one."""
        return [float(self.budget.epsilon), float(self.budget.delta)]

    @property
    def off_task(self) -> bool:
        return self.judged != self.schema.target

    @property
    def judging(self) -> Judging:
        as_read = getattr(self.synthesizer, "judged_as_read", False)
        return Judging(self.dataset, self.judged, self.evaluation, self.seed, as_read)


def outline(run: Run) -> dict[str, Any]:
    """The part of the run's record that is known before it runs."""
    generator, foreign = run.dataset.raw.get("generator"), run.synthesizer.foreign_versions()
    return {
        "run_id": run.run_id,
        "fit_id": run.fit_id,
        "dataset": {
            "name": run.dataset.name,
            "sha256": dict(run.dataset.files),
            "split_seed": run.seed,
            "ceiling": None if run.off_task else datasets.ceiling(run.dataset),
            "caution": run.dataset.caution,
            **({"generator": dict(generator)} if generator else {}),
            **({"train_rows": run.schema.rows_public} if run.dataset.raw.get("train_rows") else {}),
            **({"version": run.dataset_key[:8]} if run.dataset.kind == "own" else {}),
        },
        "method": {
            "name": run.method,
            "target": run.target,
            "version": run.synthesizer.version,
            "parameters": dict(run.parameters),
            "about": dict(run.about),
            **({"source": run.own_source} if run.own_source else {}),
        },
        "privacy": {"epsilon": run.budget.epsilon, "delta": run.budget.delta, "unit": run.schema.unit},
        "seed": run.seed,
        "n_synth": run.n_synth,
        "evaluation": dict(run.evaluation) | ({"column": run.judged} if run.off_task else {}),
        **({"encoding": {"name": run.encoding.name, "settings": run.encoding.settings}} if run.schema.is_open else {}),
        "environment": {
            **machine.describe(run.threads),
            **({"foreign": foreign} if foreign else {}),
            "code": sources.code(sources.of_method(run.target, run.parameters)),
        },
    }


def execute(run: Run, store: Store | None = None, say: Say = silent, enter: Say = silent, trace: Say = silent) -> Record:
    """Fit, sample and judge; a fit that the store already holds is not repeated. Never raises what a method raises.

    say: hears what the person should know. enter: hears which phase begins: load, fit, sample, evaluate. trace: hears the
    whole traceback of a run that fails. Raises FileError for a results folder that cannot be used.
    """
    known = outline(run)
    try:
        return _performed(run, known, store, say, enter)
    except MemoryError as error:
        trace(traceback.format_exc())
        return Record.of(**known, status="out_of_memory", error=one_line(error) or "MemoryError")
    except FileError:  # the folder, not the method: nothing is known of the run
        raise
    except Exception as error:  # a crash is a record, whatever raised it
        trace(traceback.format_exc())
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = one_line(f"{Path(where.filename).name}, line {where.lineno}, in {where.name}")
        return Record.of(**known, status="failed", error=f"{type(error).__name__}: {one_line(error)} ({place})")


def perform(run: Run, say: Say = silent, enter: Say = silent) -> Record:
    """Like `execute` without a store, but what the method raises goes through to the caller."""
    return _performed(run, outline(run), None, say, enter)


def _performed(run: Run, known: dict[str, Any], store: Store | None, say: Say, enter: Say) -> Record:
    """known: of the record, what is known before; what becomes known on the way is added, for whoever catches an error."""
    enter("load")
    machine.pin_threads(run.threads)
    reason = _reason_to_skip(run, run.schema)
    if run.off_task and hasattr(run.synthesizer, "predict_proba"):
        reason = f"predicts {run.schema.target} itself and makes no rows to learn {run.judged} from"
    if reason:
        return Record.of(**known, status="skipped", error=one_line(reason))
    split = datasets.load(run.dataset, run.seed, say, run.schema, frames=run.judging.in_raw_space)
    known["dataset"] |= {**dict(zip(("n_train", "n_test"), split.sizes, strict=True)), "leak": split.leak}
    known["dataset"] |= {"floor": run.judging.floor(split)}
    fit = store.read_fit(run.fit_id) if store else None
    if fit is None or (run.alone and not fit.seconds.get("alone")):
        try:
            fit = fit_and_sample(run, split, enter)
        except Unfit as error:
            return Record.of(**known, status="skipped", error=one_line(error))
        if store:
            _cached(run, store, fit, say)
    if fit.schema is not None:
        learnt = Schema.from_mapping(fit.schema)
        known["encoding"] |= {"codes": dict(zip(learnt.names, learnt.sizes, strict=True))}
    known["n_synth"] = len(fit.encoded)
    known["method"] |= {"guarantee": fit.guarantee}
    known["privacy"] |= {"spent": fit.spent, "ledger": fit.ledger, **({"plan": fit.plan} if fit.plan else {})}
    known |= {"steps": fit.steps} if fit.steps else {}
    enter("evaluate")
    return Record.of(
        **known,
        status="ok",
        **run.judging.measured(split, fit),
        synthetic_sha256=hashlib.sha256(fit.encoded.tobytes()).hexdigest(),
        seconds={**fit.seconds, "alone": run.alone},  # of a fit that was timed alone a run in a sweep is still one of a sweep
        peak_memory_mb=fit.peak_memory_mb,
    )


def _cached(run: Run, store: Store, fit: Fit, say: Say) -> None:
    """Keep the fit if it can be: a record is worth having without, and where that cannot be written either the run is refused."""
    try:
        store.write_fit(run.fit_id, fit)
    except FileError as error:
        say(f"{run.name}: its rows are not cached ({error}); judging them otherwise will take another fit")


def _reason_to_skip(run: Run, schema: Schema) -> str | None:
    """Why the method cannot run on this schema. Raises ContractError if what it says is no reason."""
    reason = run.synthesizer.skip(schema, run.budget)
    if reason and not isinstance(reason, str):
        raise ContractError(f"`skip` of {run.method} gave {reason!r}; it gives a reason as text, or None if the method can run")
    return reason or None


class Unfit(Exception):
    """A method cannot run on the domain that was learnt; the message says why."""


def fit_and_sample(run: Run, split: datasets.Split, enter: Say = silent) -> Fit:
    """Learn what the schema leaves open, fit and sample, on the clock, with nothing else on it; imports are made before.

    Raises Unfit if the method skips the schema that was learnt.
    """
    enter("learn" if split.schema.is_open else "fit")
    load_imports(run.synthesizer)
    machine.pin_threads(run.threads)
    noise, method, sampling = (np.random.default_rng(s) for s in np.random.SeedSequence(run.seed).spawn(3))
    ledger = Ledger(run.budget)
    run.synthesizer.report = lambda line: enter(f"fit, {one_line(line, _MOST_OF_A_PHASE)}")
    rows = _behind_mechanisms(run, split, ledger, noise)
    with machine.PeakMemory() as memory, machine.OtherWork() as others:
        start = time.perf_counter()
        private, closed = (rows, split.schema) if isinstance(rows, PrivateTable) else _learnt(run, rows, enter)
        learnt = time.perf_counter()
        fitted = merging.fit(run.synthesizer, private, method)
        middle = time.perf_counter()
        enter("sample")
        encoded = _sampled(run, fitted, closed, sampling)
        end = time.perf_counter()
    seconds = {"learn": learnt - start} if split.schema.is_open else {}
    elsewhere = fitted.measured_elsewhere()
    if elsewhere:  # this clock saw an interpreter start, imports and tables exchanged besides: `around`
        seconds |= {name: elsewhere[name] or 0.0 for name in ("fit", "sample")}
        seconds |= {"total": sum(seconds.values()), "around": end - start - sum(seconds.values())}
    else:
        seconds |= {"fit": middle - learnt, "sample": end - middle, "total": end - start}
    predicts = getattr(fitted, "predict_proba", None)
    held_out = split if predicts is None or not split.schema.is_open else split.encoded(closed)
    return Fit(
        encoded=encoded,
        test_probabilities=None if predicts is None else np.asarray(predicts(held_out.test.copy()), dtype=np.float32),
        guarantee=ledger.guarantee,
        spent=ledger.spent,
        ledger=ledger.entries,
        plan=ledger.plan,
        schema=closed.to_mapping() if split.schema.is_open else None,
        steps={name: thinned(values) for name, values in steps_of(fitted).items()} or None,
        seconds={
            **seconds,
            "process": "warm" if next(_fits_before) else "fresh",
            "contended": others.contended,
            "alone": run.alone,
        },
        peak_memory_mb=elsewhere["peak_memory_mb"] if elsewhere else memory.megabytes,
    )


def _sampled(run: Run, fitted: Synthesizer, closed: Schema, rng: np.random.Generator) -> np.ndarray:
    """As many rows as the table has about, encoded; they keep the rules that the schema states, as those of `synthesize` do.

    References that are the real rows stay what they are; a method that predicts by itself makes no rows that count.
    """
    if run.keeps_rules:
        return PublishedRows.of(fitted, closed, rng).codes(closed.rows_public, rng)
    return draw(fitted, closed, closed.rows_public, rng)


def _closed(begun: Schema, learnt: Schema) -> Schema:
    """The schema that a run began with, with what was learnt; `learnt` is as methods see it, of one row a unit."""
    rows = begun.rows_public or learnt.rows_public * (begun.max_rows_per_person or 1)
    return replace(begun, columns=learnt.columns, ignore=learnt.ignore, rows_public=rows)


def _behind_mechanisms(run: Run, split: datasets.Split, ledger: Ledger, noise: np.random.Generator) -> PrivateTable | RawTable:
    """The training rows: encoded, or, where the schema is open, as they were read."""
    if split.schema.is_open:
        return RawTable(split.train_frame, split.schema, ledger, noise, datasets.bounding_key(run.seed))
    rows = Rows(split.train, split.persons, split.schema.max_rows_per_person or 1)
    return PrivateTable(rows, split.schema, ledger, noise)


def _learnt(run: Run, rows: RawTable, enter: Say) -> tuple[PrivateTable, Schema]:
    """The rows behind the schema that is learnt from them, and that schema. Raises Unfit if the method skips it."""
    private = run.encoding.learning.learn(rows)
    closed = _closed(rows.schema, private.schema)
    if reason := _reason_to_skip(run, closed):
        raise Unfit(reason)
    enter("fit")
    return private, closed


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:20]
