"""Runs from the file to the record under both encodings, judged in both spaces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from builders.configuration import composed
from hydra import initialize_config_dir

from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.privacy import Allowance
from dpdsyn.schema import Schema
from experiments import run as runs
from experiments.configuration import config_dir
from experiments.data import datasets
from experiments.data.description import named
from experiments.judging import Judging
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.run import Run, execute, perform

SMALL = ("evaluation.evaluators=[boosting]", "privacy.epsilon=3")


@pytest.fixture
def of(toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    """A composed run of the toy data set, whose `age` has eight hand-made bins."""
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield lambda *overrides: Run.of(
            composed("dataset=toy", *SMALL, *overrides, f"hydra.searchpath=[file://{toy_world / 'conf'}]")
        )


def cost(record: Record) -> set[str]:
    return {entry["label"] for entry in record.privacy.ledger}


def test_steps_are_in_the_record_of_a_fit_and_of_one_that_is_judged_again(of: Callable[..., Run], tmp_path: Path) -> None:
    run, store = of("synthesizer=mwem"), Store(tmp_path)
    store.prepare()
    first = execute(run, store)
    assert first.steps is not None and set(first.steps) == {"error", "noise", "budget_used"}
    assert [step for step, _ in first.steps["error"]] == [0, 1, 2, 3] and first.steps["budget_used"][-1] == [3, 1.0]
    store.write(first)
    again = execute(run, store)  # of the cached fit
    assert again.steps == first.steps == store.read(run.run_id).steps  # type: ignore[union-attr]
    assert again.seconds == first.seconds and Record.from_json(first.to_json()) == first


@pytest.mark.parametrize("method", ["independent", "mst", pytest.param("dpdsyn", marks=pytest.mark.slow)])
def test_domains_are_learnt_out_of_the_run_s_own_budget(of: Callable[..., Run], method: str) -> None:
    record = perform(of(f"synthesizer={method}", "encoding=kinds"))
    assert (record.status, record.method.guarantee) == ("ok", "dp")
    assert {"domains: noisy histograms", "domains: values above a threshold"} < cost(record)
    assert record.privacy.spent == pytest.approx(3.0, rel=0.01) and record.privacy.spent <= 3.0
    seconds = record.seconds
    assert seconds.learn and seconds.total == pytest.approx(seconds.learn + seconds.fit + seconds.sample)  # type: ignore[operator]
    assert (
        record.encoding is not None
        and record.encoding.name == "kinds"
        and record.encoding.settings["share"] == DomainLearning().share
    )
    assert set(record.encoding.codes) == {"colour", "size", "age", "ill"} and record.encoding.codes["age"] > 2
    assert record.encoding.codes["ill"] == 2 and record.n_synth == 900
    public = perform(of(f"synthesizer={method}"))
    assert (record.steps is not None) is (public.steps is not None) is (method == "dpdsyn")
    assert public.encoding is None and public.seconds.learn is None and not any("domains" in label for label in cost(public))


def test_a_fit_is_judged_again_in_the_other_space_from_what_the_store_holds(
    of: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.prepare()
    for encoding in ("public", "learned"):
        encoded, raw = (of("synthesizer=independent", f"encoding={encoding}", *more) for more in ((), ("evaluation=raw",)))
        assert encoded.fit_id == raw.fit_id
        first = execute(encoded, store)
        with monkeypatch.context() as patch:
            patch.setattr(runs, "fit_and_sample", lambda *given: pytest.fail("fitted again"))
            second = execute(of("synthesizer=independent", f"encoding={encoding}", "evaluation=raw", SMALL[0]), store)
            again = execute(encoded, store)
        assert first.status == second.status == "ok" and again.metrics == first.metrics
        assert second.encoding == first.encoding and second.synthetic_sha256 == first.synthetic_sha256
        assert first.fidelity.tvd2 is not None and first.fidelity.wasserstein is None
        assert second.fidelity.tvd2 is None and second.fidelity.wasserstein is not None and second.fidelity.grid_tvd3 is not None
        assert (first.evaluation.space, second.evaluation.space) == ("encoded", "raw")
        assert abs(first.positive_rate - second.positive_rate) < 1e-9  # type: ignore[operator]
        same = [execute(raw, None), execute(raw, None)]
        assert same[0].metrics == same[1].metrics == second.metrics, "decoding draws the same every time"


def test_real_rows_are_judged_as_they_were_read_and_real_encoded_ones_after_decoding(of: Callable[..., Run]) -> None:
    raw = ("evaluation=raw",)
    real, through, learnt = (
        perform(of(f"synthesizer={name}", f"encoding={encoding}", *raw))
        for name, encoding in (("real", "public"), ("real_encoded", "public"), ("real_encoded", "learned"))
    )
    assert real.fidelity.wasserstein == real.fidelity.range_queries == 0.0
    assert through.fidelity.wasserstein > 0 and learnt.fidelity.wasserstein > 0  # type: ignore[operator]
    assert real.metrics["boosting"]["accuracy"] > 0.8 and real.method.guarantee == through.method.guarantee == "none"
    encoded = [perform(of(f"synthesizer={name}")) for name in ("real", "real_encoded")]
    assert encoded[0].metrics == encoded[1].metrics
    assert real.n_synth == 900 and real.positive_rate == pytest.approx(encoded[0].positive_rate, abs=0.03)


def test_a_method_that_predicts_itself_is_scored_directly_in_both_spaces(of: Callable[..., Run]) -> None:
    for encoding in ("public", "learned"):
        encoded, raw = (
            perform(of("synthesizer=guide_only", f"encoding={encoding}", *more)) for more in ((), ("evaluation=raw",))
        )
        assert set(raw.metrics) == {"guide"} and raw.metrics == encoded.metrics and raw.metrics["guide"]["accuracy"] > 0.6
        assert raw.fidelity.plain() == {}


def test_a_number_is_predicted_by_its_codes_and_beats_the_median(of: Callable[..., Run]) -> None:
    target = ("dataset.schema.target=age", "dataset.positive=null", "evaluation=raw")
    for encoding in ("public", "learned"):
        record = perform(of("synthesizer=guide_only", f"encoding={encoding}", "privacy.epsilon=10", *target))
        floor = record.dataset.floor
        assert floor is not None and set(floor) == set(record.metrics["guide"]) == {"r2", "mae", "pinball"}
        assert record.metrics["guide"]["mae"] < floor["mae"] and record.metrics["guide"]["r2"] > floor["r2"]
        assert record.positive_rate is None and not record.lacks_metrics
    rows = perform(of("synthesizer=independent", "encoding=learned", *target))
    assert rows.status == "ok" and set(rows.metrics["boosting"]) == {"r2", "mae", "pinball"} and rows.dataset.floor == floor
    assert perform(of("synthesizer=independent", *target[:2])).dataset.floor is None


def test_a_method_is_asked_twice_whether_it_can_run(of: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Schema] = []

    def skip(self: object, schema: Schema, budget: Allowance) -> str | None:
        asked.append(schema)
        return None if schema.is_open else "too large"

    run = of("synthesizer=mst", "encoding=learned")
    monkeypatch.setattr(type(run.synthesizer), "skip", skip)
    record = execute(run)
    assert (record.status, record.error) == ("skipped", "too large") and [schema.is_open for schema in asked] == [True, False]


def test_a_schema_that_leaves_something_open_itself_is_learnt_under_the_public_encoding(of: Callable[..., Run]) -> None:
    age = "dataset.schema.columns.age"
    run = of("synthesizer=independent", f"~{age}.bounds", f"~{age}.bins", "dataset.schema.rows_public=learn")
    assert run.schema.is_open and run.n_synth == 0 and run.encoding.name == "public"
    record = perform(run)
    assert record.status == "ok" and record.encoding is not None and record.encoding.name == "public"
    assert record.n_synth == pytest.approx(900, rel=0.15) and "number of rows" in cost(record)
    assert record.privacy.spent <= 3.0  # type: ignore[operator]
    assert run.fit_id != of("synthesizer=independent").fit_id


def test_the_reported_class_is_the_same_whatever_was_learnt() -> None:
    adult = datasets.resolved(named("adult").raw)
    own = datasets.schema_of(adult)

    def learnt(*sexes: str) -> Schema:
        columns = {**own.to_mapping()["columns"], "sex": {"kind": "categorical", "categories": list(sexes)}}
        return Schema.from_mapping({**own.to_mapping(), "columns": columns})

    positive = {sexes: datasets.positive_class(adult, learnt(*sexes), "sex") for sexes in (("Male", "Female"), ("Female",))}
    assert positive == {("Male", "Female"): 0, ("Female",): None} and datasets.positive_class(adult, own, "sex") == 1
    assert datasets.positive_class(adult, own, "income") == datasets.positive_class(adult, learnt("Male"), "income") == 1
    assert datasets.positive_class(adult, own, "age") is None


def test_rows_are_decoded_alike_for_a_seed(of: Callable[..., Run]) -> None:
    run = of("synthesizer=real_encoded", "evaluation=raw")
    split = datasets.load(run.dataset, 0, frames=True)
    fit = runs.fit_and_sample(run, split)
    judged = [Judging(run.dataset, run.judged, run.evaluation, seed, False).measured(split, fit) for seed in (0, 0, 1)]
    assert judged[0] == judged[1] and judged[0]["fidelity"]["wasserstein"] != judged[2]["fidelity"]["wasserstein"]
