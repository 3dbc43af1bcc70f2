"""Real MLflow on sqlite: where runs are found, what they say, and how a sweep's parent run ends."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.records import changed, one, record

from dpdsyn.base.checks import InputError
from experiments.records.record import Record
from experiments.records.store import Fit, Store
from experiments.sweep.launch import typed_command
from experiments.sweep.mlflow import writing
from experiments.sweep.mlflow.client import client_of
from experiments.sweep.mlflow.flavour import Sampler, _load_pyfunc, rows_of
from experiments.sweep.mlflow.mirror import Mirror
from experiments.sweep.mlflow.parents import Parents, is_live
from experiments.sweep.mlflow.runs import PICTURE, experiment_of, first_view, settle, track
from experiments.sweep.plan import Plan, Planned, Plans

SWEEP = "tags.`dpdsyn.sweep` != ''"
RUN = "tags.`dpdsyn.cell_id` != ''"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An `mlflow.db` that MLflow has made: that takes it seconds."""
    folder = tmp_path_factory.mktemp("made")
    client_of(Store(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(made, tmp_path / "mlflow.db")
    (tmp_path / "runs").mkdir()
    return Store(tmp_path)


def plan(records: Sequence[Record], experiment: str = "single", *more: str) -> Plan:
    known = [(each.run_id, each.dataset.name, each.method.name, each.privacy.epsilon, each.seed) for each in records]
    known += [(run_id, "toy", "m", 1.0, 0) for run_id in more]
    planned = tuple(Planned(run, (), data, method, epsilon, seed, {}) for run, data, method, epsilon, seed in known)
    return Plan(("-m", f"experiment={experiment}"), experiment, planned, 1_000_000.0, "")


def keeping(store: Store, records: Sequence[Record], *plans: Plan) -> None:
    for each in records:
        store.records.mkdir(parents=True, exist_ok=True)
        store.write(each)
    for sweep in plans:
        Plans(store.results).write(sweep)


def found(store: Store, experiment: str, only: str = RUN) -> list[Any]:
    client = client_of(store)
    return client.search_runs([client.get_experiment_by_name(experiment).experiment_id], only, max_results=1000)


def history(store: Store, run: Any, metric: str) -> list[tuple[int, float]]:
    return [(told.step, told.value) for told in client_of(store).get_metric_history(run.info.run_id, metric)]


def quiet(text: str) -> None:
    pass


def test_runs_land_where_their_plan_or_else_their_record_says(store: Store) -> None:
    named = changed(one("b"), experiment={"name": "main", "sha256": "0"})
    of_file, ad_hoc, alone = one("a"), one("c"), one("d")
    keeping(store, [of_file, named, ad_hoc, alone], plan([of_file], "quickstart"), plan([ad_hoc]))
    assert track(store, quiet) == (4, 4) and track(store, quiet) == (4, 0)
    names = {e.name for e in client_of(store).search_experiments()}
    assert names == {"Default", "quickstart", "main", "ad hoc: toy"}
    assert [run.data.tags["method"] for run in found(store, "quickstart")] == ["a"]
    assert {run.data.tags["method"] for run in found(store, "ad hoc: toy")} == {"c", "d"}
    wide = plan([changed(one(name), dataset={"name": name}) for name in "pqrst"])
    assert experiment_of(wide) == "ad hoc: p, q, r and 2 more"


def test_what_a_former_version_wrote_into_single_goes_and_what_is_a_persons_own_stays(store: Store) -> None:
    client = client_of(store)
    single = client.create_experiment("single")
    client.create_run(single, tags={"dpdsyn.cell_id": "a"})
    keeping(store, [one("a")])
    track(store, quiet)
    assert client.get_experiment(single).lifecycle_stage == "deleted"
    other = client.create_experiment("mine", tags={"mlflow.experimentKind": "genai_development"})
    client.restore_experiment(single)
    own = client.create_run(single).info.run_id
    track(store, quiet)
    assert [run.info.run_id for run in client.search_runs([single])] == [own] and client.get_experiment(other).tags


def test_many_at_once_are_what_mlflows_own_calls_make(
    store: Store, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ({"mechanism": "Gaussian", "count": 1, "noise_multiplier": 9.0, "label": "x"},) * 3
    steps = {"error": [[0, 0.5], [3, 0.25]], "budget_used": [[0, 0.1], [3, 1.0]]}
    records = [
        changed(one("a"), privacy={"epsilon": 1.0, "delta": 1e-6, "spent": 0.9, "ledger": ledger}, steps=steps),
        one("b", seed=1),
        changed(one("c"), status="timeout", error="too slow", metrics={}),
    ]
    other = Store(tmp_path / "other")
    (other.results / "runs").mkdir(parents=True)
    shutil.copy(made, other.results / "mlflow.db")
    for each in (store, other):
        keeping(each, records, plan(records))
        for path in each.records.iterdir():
            os.utime(path, (2_000_000, 2_000_000))
    assert track(store, quiet) == (3, 3)
    monkeypatch.setattr(writing, "_rows", lambda *given: None)
    assert track(other, quiet) == (3, 3)

    def told(run: Any) -> tuple:
        tags = {key: value for key, value in run.data.tags.items() if key != "mlflow.parentRunId"}
        inputs = [(i.dataset.to_dictionary(), [(t.key, t.value) for t in i.tags]) for i in run.inputs.dataset_inputs]
        times = (run.info.start_time, run.info.end_time, run.info.status, run.info.run_name, run.info.lifecycle_stage)
        return (times, run.data.params, run.data.metrics, tags, inputs)

    ours, theirs = ({run.data.tags["dpdsyn.cell_id"]: run for run in found(each, "ad hoc: toy")} for each in (store, other))
    for key, run in ours.items():
        assert told(run) == told(theirs[key])
    for key, run in ours.items():
        for name in ("privacy/epsilon_used", "steps/error", "steps/budget_used"):
            assert history(store, run, name) == history(other, theirs[key], name)
        assert [f.path for f in client_of(store).list_artifacts(run.info.run_id)] == ["ledger.json", "record.json"]
    first = ours[records[0].run_id]
    assert len(history(store, first, "privacy/epsilon_used")) == 3
    assert history(store, first, "steps/error") == [(0, 0.5), (3, 0.25)] and first.data.metrics["steps/budget_used"] == 1.0


def test_a_new_record_replaces_its_run_and_names_do_not_repeat(store: Store) -> None:
    first = one("a", 0.5)
    keeping(store, [first, changed(one("a", 0.6), run_id="another")])
    track(store, quiet)
    names = {run.info.run_name for run in found(store, "ad hoc: toy")}
    assert len(names) == 2 and all(name.startswith("a toy eps=1 seed=0") for name in names)
    keeping(store, [one("a", 0.9)])
    assert track(store, quiet) == (2, 1)
    assert sorted(run.data.metrics["accuracy"] for run in found(store, "ad hoc: toy")) == [0.6, 0.9]


def test_experiments_open_as_training_on_a_comparison(store: Store) -> None:
    assert first_view(store) is None
    keeping(store, [one("a"), one("b")])
    track(store, quiet)
    experiment = client_of(store).get_experiment_by_name("ad hoc: toy")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    place = first_view(store)
    assert place is not None and place[0] == experiment.experiment_id
    assert f"mlflow.sharedViewState.{place[1]}" in experiment.tags


def parent(store: Store) -> Any:
    (run,) = found(store, "quickstart", SWEEP)
    return run


def test_a_parent_runs_while_its_sweep_does_and_then_says_how_it_went(store: Store) -> None:
    good, bad = one("a"), changed(one("b"), status="failed", error="no", metrics={})
    sweep = plan([good, bad], "quickstart")
    keeping(store, [], sweep)
    mirror = Mirror(store, quiet, sweep, lambda records: {"tables/x.csv": str(len(records)).encode()})
    mirror.begin()
    keeping(store, [good])
    mirror.add([good.run_id])
    while not client_of(store).get_experiment_by_name("quickstart") or not found(store, "quickstart"):
        pass
    assert parent(store).info.status == "RUNNING" and is_live(store, sweep.sweep_id)
    settle(store)  # it lives
    assert parent(store).info.status == "RUNNING"
    keeping(store, [bad])
    mirror.add([bad.run_id])
    mirror.finish()
    ended = parent(store)
    assert (
        ended.info.status == "FAILED" and ended.data.tags["error"] == "1 of 2 runs failed" and not is_live(store, sweep.sweep_id)
    )
    assert ended.info.start_time == 1_000_000_000 and ended.info.end_time > 1_700_000_000_000
    assert "b toy eps=1 seed=0: **failed** no" in ended.data.tags["mlflow.note.content"]
    assert [f.path for f in client_of(store).list_artifacts(ended.info.run_id, "tables")] == ["tables/x.csv"]
    assert {run.data.tags["mlflow.parentRunId"] for run in found(store, "quickstart")} == {ended.info.run_id}
    keeping(store, [one("b")])  # as after a retry
    again = Mirror(store, quiet, sweep)
    again.begin()
    again.add([one("b").run_id])
    again.finish()
    assert parent(store).info.status == "FINISHED"


@pytest.mark.parametrize("asked", [True, False])
def test_a_sweep_that_is_stopped_is_not_said_to_go_on(store: Store, asked: bool) -> None:
    done = one("a")
    sweep = plan([done], "quickstart", "never")
    keeping(store, [done], sweep)
    mirror = Mirror(store, quiet, sweep)
    mirror.begin()
    if asked:  # Ctrl-C: there is a moment to say so
        mirror.interrupted()
    else:  # SIGKILL takes the lock and leaves the run as it is
        while not client_of(store).get_experiment_by_name("quickstart") or not found(store, "quickstart", SWEEP):
            pass
        mirror._live.release(delete=False)
        assert parent(store).info.status == "RUNNING"
        settle(store)
    assert parent(store).info.status == "KILLED"


def fit(encoded: np.ndarray, guarantee: str = "dp") -> Fit:
    learnt = {"target": "y", "rows_public": 4, "columns": {"x": _column("a", "b"), "y": _column("no", "yes")}}
    return Fit(encoded, None, guarantee, 0.9, [], {}, None, None, learnt)


def _column(*categories: str) -> dict:
    return {"kind": "categorical", "categories": list(categories)}


def test_a_run_is_loaded_as_a_model_that_samples_what_was_published(store: Store) -> None:
    import mlflow

    made = record(method={"name": "m", "guarantee": "dp", "parameters": {}})
    keeping(store, [made])
    store.fits.mkdir(parents=True)
    store.write_fit("f", fit(np.array([[0, 1], [1, 0], [1, 1], [0, 0]], dtype=np.uint8)))
    assert track(store, quiet, rows=True, picture=lambda record, schema, rows: f"{schema.target} of {len(rows)} rows") == (1, 1)
    (run,) = found(store, "ad hoc: toy")
    assert Path(run.info.artifact_uri.removeprefix("file://"), PICTURE).read_text() == "y of 4 rows"
    before = os.environ.get("MLFLOW_TRACKING_URI")
    assert before is None  # MLflow would leave its own there
    mlflow.set_tracking_uri(f"sqlite:///{store.results / 'mlflow.db'}")
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/synthetic")
    finally:
        mlflow.set_tracking_uri("")
    drawn = model.predict(pd.DataFrame({"rows": [3], "seed": [1]}))
    assert (
        len(drawn) == 3
        and set(drawn["y"]) <= {"no", "yes"}
        and drawn.equals(model.predict(pd.DataFrame({"rows": [3], "seed": [1]})))
    )
    assert len(model.predict(pd.DataFrame({"rows": [10]}))) == 10
    assert track(store, quiet, rows=True) == (1, 0)
    assert len(client_of(store).search_logged_models([run.info.experiment_id])) == 1
    assert not [path for path in Path(store.results / "mlartifacts").rglob("*") if path.suffix == ".pkl"]


@pytest.mark.parametrize(("said", "kept"), [("none", "dp"), ("dp", "none"), ("unverified", "dp")])
def test_rows_without_a_guarantee_of_the_ledgers_are_not_given_away(store: Store, said: str, kept: str) -> None:
    store.fits.mkdir(parents=True)
    store.write_fit("f", fit(np.zeros((2, 2), dtype=np.uint8), kept))
    assert rows_of(store, record(method={"name": "m", "guarantee": said, "parameters": {}})) is None


def test_the_command_of_a_sweep_can_be_typed_again(store: Store) -> None:
    typed = ("-m", "dataset=toy", "+evaluation.models=[{_target_: my.Model, depth: 3}]")
    sweep = Plan(typed, "single", (Planned("a", (), "toy", "m", 1.0, 0, {}),), 1_000_000.0, "")
    client = client_of(store)
    parents = Parents(client, store, client.create_experiment("typed"))
    told = client.get_run(parents.of(sweep))
    assert shlex.split(told.data.params["command"]) == ["dpdsyn", "run", *typed]
    assert typed_command(sweep) in told.data.tags["mlflow.note.content"]


def test_parents_have_names_of_their_own_and_say_their_experiment(store: Store) -> None:
    made = [one("a", seed=seed) for seed in (0, 1, 2)]
    plans = [replace(plan([each]), arguments=("-m", f"seed={each.seed}")) for each in made]
    keeping(store, made[:2], *plans[:2])
    track(store, quiet)
    keeping(store, made[2:], plans[2])
    track(store, quiet)
    parents = found(store, "ad hoc: toy", SWEEP)
    names = sorted(str(run.info.run_name) for run in parents)
    assert len(set(names)) == 3 and all(name.startswith("sweep of 1 runs: a on toy") for name in names)
    assert {run.data.params["experiment"] for run in parents} == {"ad hoc: toy"}


def test_rows_that_are_written_later_count_as_written(store: Store) -> None:
    keeping(store, [record(method={"name": "m", "guarantee": "dp", "parameters": {}})])
    store.fits.mkdir(parents=True)
    store.write_fit("f", fit(np.zeros((2, 2), dtype=np.uint8)))
    assert track(store, quiet) == (1, 1) and track(store, quiet, rows=True) == (1, 1) and track(store, quiet, rows=True) == (1, 0)


def test_a_sampler_draws_each_row_once_before_any_twice() -> None:
    frame = pd.DataFrame({"x": range(10)})
    sampler = Sampler(lambda rows, rng: frame.iloc[:rows], 10)
    assert len(sampler.predict()) == 10 and len(sampler.predict(4)) == 4
    with pytest.raises(Exception, match="rows"):
        sampler.predict({"rows": 0})
    for asked in (pd.DataFrame({"rows": ["x"]}), {"rows": "x"}, {"rows": ["x"]}, {"rows": []}, {"rows": [1, 2]}):
        with pytest.raises(InputError, match="rows"):
            sampler.predict(asked)


def test_more_rows_than_memory_holds_are_refused_at_once(tmp_path: Path) -> None:
    pd.DataFrame({"x": range(10)}).to_parquet(tmp_path / "rows.parquet")
    sampler = _load_pyfunc(str(tmp_path))
    assert len(sampler.predict(pd.DataFrame({"rows": [25], "seed": [1]}))) == 25
    with pytest.raises(InputError, match=r"rows is 1,000,000,000,000: as many rows take .* GB of memory are free; ask for fewer"):
        sampler.predict(pd.DataFrame({"rows": [10**12]}))
