"""Rules between columns that a data set's schema states hold in what every method of a run makes, encoded and decoded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from builders.configuration import composed
from hydra import initialize_config_dir

from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.rules.kept_rules import Kept
from dpdsyn.rules.published_rows import decoded
from experiments.configuration import config_dir
from experiments.data import datasets
from experiments.records.store import Store
from experiments.run import Run, execute


def given(*rules: str) -> str:
    return "+dataset.schema.constraints=[" + ",".join(f'"{rule}"' for rule in rules) + "]"


KEPT = given("colour = red -> age >= 40", "colour = blue -> ill = no")


@pytest.fixture
def of(toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Run]]:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        path = f"hydra.searchpath=[file://{toy_world / 'conf'}]"
        yield lambda *overrides: Run.of(
            composed("dataset=toy", "evaluation.evaluators=[boosting]", "privacy.epsilon=3", *overrides, path)
        )


@pytest.mark.parametrize(("method", "encoding"), [("independent", "public"), ("mst", "kinds"), ("swift", "public")])
def test_what_a_run_makes_keeps_the_rules_of_its_data_set(
    of: Callable[..., Run], method: str, encoding: str, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    store.prepare()
    run = of(f"synthesizer={method}", f"encoding={encoding}", "evaluation=raw", "evaluation.evaluators=[boosting]", KEPT)
    assert execute(run, store).status == "ok"
    fit = store.read_fit(run.fit_id)
    assert fit is not None
    schema = run.schema if fit.schema is None else run.schema.from_mapping(fit.schema)
    assert not Kept(schema).impossible(fit.encoded).any() and len(fit.encoded) == 900
    made = decoded(schema, fit.encoded, np.random.default_rng(0))
    assert (made.loc[made["colour"] == "red", "age"].astype(float) >= 40).all() and set(made["colour"]) == {
        "red",
        "green",
        "blue",
    }
    assert (made.loc[made["colour"] == "blue", "ill"] == "no").all()


def test_rules_make_another_table_and_no_rules_the_same_one(of: Callable[..., Run]) -> None:
    plain, ruled = of("synthesizer=mst"), of("synthesizer=mst", KEPT)
    assert plain.fit_id != ruled.fit_id and not plain.keeps_rules and ruled.keeps_rules
    for reference in ("real", "real_encoded", "guide_only"):
        assert not of(f"synthesizer={reference}", KEPT).keeps_rules, "what is real, or predicts by itself, stays as it is"


def test_a_dependence_holds_between_decoded_cells(of: Callable[..., Run]) -> None:
    run = of("synthesizer=independent", given("colour -> size", "colour -> age"))
    schema = datasets.schema_of(run.dataset)
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, column.values, 500) for column in schema.columns], axis=1)
    made = decoded(schema, codes, rng)
    assert made.groupby("colour")[["size", "age"]].nunique().max().max() == 1


def test_rules_that_contradict_each_other_are_refused_before_anything_runs(of: Callable[..., Run]) -> None:
    with pytest.raises(SchemaError, match="no row was found that keeps all of them"):
        of("synthesizer=mst", given("age > 50", "age < 40"))
