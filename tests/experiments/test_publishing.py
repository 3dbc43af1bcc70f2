"""What `synthesize` publishes: the benchmark's rows as their files have them, and nothing whose guarantee is not ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.release import Release
from experiments.configuration import default_parameters, options, read_option
from experiments.publishing import chosen, publishable

SCHEMA = {
    "target": "y",
    "rows_public": 300,
    "columns": {
        "a": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "y": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    a = np.arange(300) % 100
    return pd.DataFrame({"a": a, "y": np.where(a > 60, "yes", "no")})


def test_a_method_has_the_settings_of_its_file_and_those_that_were_changed() -> None:
    for name in publishable():
        made, file = chosen(name), read_option("synthesizer", name)
        assert (made.name, made.target) == (name, file["_target_"]) and made.parameters == default_parameters("synthesizer", name)
    assert chosen(None).is_usual and chosen("dpdsyn").is_usual and not chosen("mst").is_usual
    changed = chosen("dpdsyn", changes=["candidate_share=0.9", "guide.hidden=3", "labels=argmax"])
    assert (changed.parameters["candidate_share"], changed.parameters["guide"]["hidden"], changed.parameters["labels"]) == (
        *(0.9, 3, "argmax"),
    )
    assert not changed.is_usual


@pytest.mark.parametrize(
    ("candidates", "row"),
    [("swift", "dpdsyn"), ("mst", "dpdsyn_mst"), ("class_conditional", "dpdsyn_class_conditional")],
)
def test_candidates_labels_and_targets_mean_what_the_benchmarks_rows_mean(candidates: str, row: str) -> None:
    made = chosen(None, candidates)
    assert made.name == row and dict(made.parameters) == default_parameters("synthesizer", row)
    for labels in ("sample", "argmax", "toward_shares", "calibrated"):
        other = chosen(None, candidates, labels, ["a"])
        assert other.parameters == {**made.parameters, "labels": labels, "other_targets": ["a"]}
    assert chosen(None, "independent").parameters == {**default_parameters("synthesizer", "dpdsyn"), "candidates": "independent"}


def test_what_has_no_guarantee_of_ours_is_not_published() -> None:
    roles = {name: (read_option("synthesizer", name).get("about") or {}).get("role") for name in options("synthesizer")}
    refused = {name for name, role in roles.items() if role in ("wrapped", "as_published")} | {"real", "real_encoded", "majority"}
    assert not (refused | {"guide_only"}) & set(publishable()) and {"mst", "aim", "swift", "dpdsyn", "independent"} <= set(
        publishable()
    )
    for name in sorted(refused):
        with pytest.raises(InputError, match=f"^--method {name} is not published: .*; there are .*dpdsyn"):
            chosen(name)
    with pytest.raises(InputError, match="--method dpdsyn_as_published is not published: it has no guarantee"):
        chosen(None, "permuted")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["nosuch=1"], "method swift has no setting nosuch; it has caution, "),
        (["workload"], "--set workload: KEY=VALUE is needed"),
        (["workload.x=1"], "no setting workload.x"),
        (["workload=[1"], "the value is no YAML"),
    ],
)
def test_a_setting_that_there_is_not_is_refused(changes: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen("swift", changes=changes)
    with pytest.raises(InputError, match="method swift has no setting labels"):
        chosen("swift", labels="argmax")


@pytest.mark.parametrize("method", ["baselines.references:Real", "baselines.references:Majority", "dpdsyn.candidates:Permuted"])
def test_a_method_that_takes_rows_past_the_mechanisms_is_stopped_before_it_sees_one(method: str, rows: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"uses rows without protection .* is not published"):
        Release(method).fit(rows, SCHEMA)
    with pytest.raises(InputError, match="uses rows without protection"):
        Release(parameters={"candidates": "permuted"}).fit(rows, SCHEMA)


def test_any_method_is_published_saved_and_loaded_as_ours_is(rows: pd.DataFrame, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        open_schema = {**SCHEMA, "columns": {**SCHEMA["columns"], "a": {"kind": "integer"}}}  # type: ignore[dict-item]
        model = Release("dpdsyn.candidates:Independent", None, epsilon=8.0).fit(rows, open_schema)
    assert model.guarantee.kind == "dp" and 0 < model.guarantee.spent <= 8 and model.guarantee.learnt  # type: ignore[operator]
    made = model.sample(200)
    assert set(made["y"]) == {"no", "yes"} and made["a"].nunique() > 3
    model.set_params(method="baselines.mst:MST").save(tmp_path / "m")
    loaded = Release.load(tmp_path / "m")
    assert loaded.method == "dpdsyn.candidates:Independent" and loaded.guarantee == model.guarantee and len(loaded.sample(9)) == 9
    again = Release.load(tmp_path / "m")
    assert not loaded.sample(50).equals(again.sample(50))


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"^--set workload is given more than once; of several values the last alone would count"
    ):
        chosen("swift", changes=["workload=3", "workload=4"])
