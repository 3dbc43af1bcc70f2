"""Plans: which runs a command has, which of them are due, how long they take, and merging of folders."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from builders.records import record

from experiments.records.export import write_export
from experiments.records.record import METRICS
from experiments.records.store import Store
from experiments.sweep import composing
from experiments.sweep.launch import due, records_of, time_left
from experiments.sweep.merge import merge
from experiments.sweep.plan import Plan, Planned, Plans, composed, plan_of
from experiments.sweep.request import inspect_request
from experiments.sweep.supervisor import Limits

CALL = ("-m", "dataset=adult,br2000", "synthesizer=dpdsyn,real", "seed=0,1", "privacy.epsilon=0.5,2")
COMPUTE = {"threads": 1, "workers": -1, "timeout": 60, "memory": None, "retry": False, "fresh": False, "alone": False}


def planned(run_id: str, **changes: object) -> Planned:
    return replace(Planned(run_id, (), "toy", "m", 1.0, 0, COMPUTE), **changes)  # type: ignore[arg-type]


def plan(*runs: Planned) -> Plan:
    return Plan(("-m",), "single", runs, 0.0, "")


def test_a_plan_names_the_runs_that_hydra_composes_one_by_one(tmp_path: Path) -> None:
    request = inspect_request(CALL)
    made, examples = plan_of(request, Plans(tmp_path))
    assert len(made.runs) == 16 and {run.dataset.name for run in examples} == {"adult", "br2000"}
    for run in made.runs[::5]:
        ((_, _, alone),) = composed([[*run.overrides[1:], run.overrides[0]]], None)
        assert alone.run_id == run.run_id and alone.seed == run.seed and alone.budget.epsilon == run.epsilon


def test_a_known_plan_is_not_made_again_until_code_or_configuration_changes(tmp_path: Path) -> None:
    plans = Plans(tmp_path)
    made, _ = plan_of(inspect_request(CALL), plans)
    plans.write(made)
    assert plan_of(inspect_request(CALL), plans) == (made, [])
    plans.write(replace(made, fingerprint="of other code", runs=made.runs[:3]))
    again, examples = plan_of(inspect_request(CALL), plans)
    assert again == made and len(examples) == 2
    (plans.folder / f"{made.sweep_id}.json").write_text(json.dumps({"arguments": 3}))
    assert len(plan_of(inspect_request(CALL), plans)[0].runs) == 16


def test_a_plan_composes_each_choice_of_files_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[str]] = []
    real = composing.composer

    @contextmanager
    def counted(extra: Path | None) -> Iterator[Callable[[Sequence[str]], Any]]:
        with real(extra) as compose:
            yield lambda overrides: asked.append(overrides) or compose(overrides)

    monkeypatch.setattr(composing, "composer", counted)
    request = inspect_request(["-m", "dataset=simulated", "synthesizer=uniform,majority", "seed=range(0,50)"])
    made, _ = plan_of(request, Plans(tmp_path))
    assert len(made.runs) == 100 and len(asked) == 2


def test_what_is_due() -> None:
    timeout = record(status="timeout", seconds={"limit": 60})
    assert due(planned("a"), None) and not due(planned("a"), record())
    assert not due(planned("a"), timeout) and not due(planned("a"), record(status="failed"))
    for limit in (61, None):
        assert due(planned("a", compute={**COMPUTE, "timeout": limit}), timeout)
    assert due(planned("a", compute={**COMPUTE, "retry": True}), record(status="failed"))
    assert due(planned("a"), record(status="skipped"))  # what it lacked may be there by now
    assert due(planned("a"), record(status="failed"), retried=set()) and not due(planned("a"), timeout, retried={"a"})
    assert not due(planned("a"), None, retried=set()) and not due(planned("a"), record(), retried=set())


def test_what_lacks_a_metric_is_judged_again_where_its_rows_are_kept() -> None:
    ours = dict.fromkeys(METRICS, 0.5)
    whole, older = (
        record(metrics={"logistic": {**ours, "auroc": None}}),
        record(metrics={"logistic": ours, "mlp": {"auroc": 0.5}}),
    )
    due_with_rows = partial(due, has_fit=lambda fit_id: fit_id == whole.fit_id)
    assert not due_with_rows(planned("a"), whole) and due_with_rows(planned("a"), older)
    assert not due(planned("a"), older) and not due(planned("a"), older, has_fit=lambda fit_id: fit_id != older.fit_id)
    assert not due_with_rows(planned("a"), older, retried=set())
    assert not due_with_rows(planned("a"), record(status="failed", metrics={"logistic": {}}))


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"memory": -1}, {"threads": 0}, {"timeout": "long"}, {"workers": 0}])
def test_limits_that_cannot_be_meant_are_refused(wrong: dict) -> None:
    (name,) = wrong
    with pytest.raises(ValueError, match=rf"compute\.{name} is "):
        Limits.of({**COMPUTE, **wrong})


def test_the_time_left_is_that_of_like_runs() -> None:
    whole = plan(planned("a"), planned("b"), planned("c"), planned("d", method="other"), planned("e", dataset="large"))
    known = {"a": record("a", seconds={"run": 4.0}), "b": record("b", seconds={"run": 6.0})}
    assert time_left(whole, known, 1) == pytest.approx(15.0) and time_left(whole, known, 3) == pytest.approx(5.0)
    known["d"] = record("d", method={"name": "other"}, seconds={"run": 100.0})
    assert time_left(whole, known, 1) == pytest.approx(10.0)
    assert time_left(whole, {}, 1) is None and time_left(plan(planned("a")), known, 1) == 0.0


def test_folders_merge_without_conflict(tmp_path: Path) -> None:
    here, there = Store(tmp_path / "here"), Store(tmp_path / "there")
    for store in (here, there):
        store.prepare()
    here.write(record("both"))
    here.write(record("mended", status="failed"))
    there.write(record("both", seconds={"total": 9.0}))
    there.write(record("mended"))
    there.write(record("new"))
    write_export(there.results, [record("exported"), record("new")])
    Plans(there.results).write(plan(planned("new"), planned("absent")))
    (there.fits / "f.npz").write_bytes(b"a fit")
    said: list[str] = []
    assert merge(here, [there.results], said.append) == {"kept": 1, "better": 1, "new": 2} and not said
    assert {r.run_id: r.status for r in here.all()} == dict.fromkeys(("both", "exported", "mended", "new"), "ok")
    assert here.read("both") == record("both") and (here.fits / "f.npz").read_bytes() == b"a fit"
    (brought,) = Plans(here.results).all()
    assert set(records_of(brought, here)) == {"new"}
    assert merge(here, [there.results], said.append) == {"kept": 1, "same": 3}
    with pytest.raises(ValueError, match="absent holds no records"):
        merge(here, [tmp_path / "absent"], said.append)
