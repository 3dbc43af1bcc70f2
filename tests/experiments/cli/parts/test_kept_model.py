"""A condition that only learning can answer: the model is kept whatever was learnt, and sampled again for nothing."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn
from experiments.cli.main import main

SCHEMA = """
target: ill
rows_public: 1500
columns:
  key: {kind: id, pattern: "C{:04d}"}
  ward: {kind: categorical}
  age: {kind: integer, bounds: [18, 90], bins: 4}
  ill: {kind: categorical}
"""
CALL = ["synthesize", "p.csv", "--schema", "p.yaml", "--epsilon", "8", "--rows", "60", "--output", "made.csv"]
QUICK = ["--method", "independent"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ward, ill = rng.choice(["north", "south", "east"], 1500, p=[0.5, 0.3, 0.2]), rng.choice(["yes", "no"], 1500)
    pd.DataFrame({"ward": ward, "age": rng.integers(18, 91, 1500), "ill": ill}).to_csv("p.csv", index=False)
    Path("p.yaml").write_text(SCHEMA, encoding="utf-8")
    return tmp_path


def written() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"p.csv", "p.yaml"}


def test_what_was_not_learnt_loses_nothing_and_the_command_that_is_told_works(capsys: pytest.CaptureFixture) -> None:
    asked = ["--given", "ward=nord", "--given", "age=44", "--balance", "yes=0.5,no=0.5"]
    assert main([*CALL, *QUICK, *asked]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "'nord' is no category of 'ward'; there are east, north, south. Nothing is lost: no table was written" in told
    assert written() == {"made.dpdsyn"}
    command = told.partition("spending again: ")[2]
    assert command == (
        "dpdsyn sample made.dpdsyn --given ward=north --given age=44 --balance yes=0.5,no=0.5 --rows 60 --output made.csv"
    )
    assert main(shlex.split(command)[1:]) == 0
    made = pd.read_csv("made.csv")
    assert (
        set(made["ward"]) == {"north"}
        and set(made["age"]) == {44}
        and made["ill"].value_counts().to_dict() == {"yes": 30, "no": 30}
    )
    statement = json.loads(Path("made.privacy.json").read_text())
    assert statement["method"] == {"name": "independent", "version": 3} and 7.9 < statement["epsilon_spent"] <= 8
    assert statement["conditioned_on"] == ["ward = north", "age = 44", "classes: yes 0.5, no 0.5"]
    assert written() == {"made.dpdsyn", "made.csv", "made.privacy.json", "made.html"}

    assert main([*CALL, *QUICK, "--given", "ward=south"]) == 2 and "made.csv exists" in capsys.readouterr().err
    assert main(["sample", "made.dpdsyn", "--output", "made.csv"]) == 2 and "made.csv exists" in capsys.readouterr().err
    assert main(["sample", "made.dpdsyn", "--output", "more.csv", "--rows", "60", "--first-id", "1"]) == 0
    assert main(["sample", "made.dpdsyn", "--output", "other.parquet", "--rows", "60"]) == 0
    more, other = pd.read_csv("more.csv"), pd.read_parquet("other.parquet")
    assert list(more["key"][:2]) == ["C0001", "C0002"] and pd.concat([made, more, other])["key"].is_unique
    assert main(["sample", "made.dpdsyn", "--output", "x.csv", "--given", "ward=nord"]) == 2
    assert main(["sample", "made.csv", "--output", "x.csv"]) == 2 and "x.csv" not in written()


def test_the_files_are_a_matter_of_the_command_and_not_of_what_was_learnt(capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, *QUICK, "--given", "ward=south"]) == 0
    assert written() == {"made.dpdsyn", "made.csv", "made.privacy.json", "made.html"}
    assert "made.dpdsyn: the fitted model, which may be published too" in capsys.readouterr().out
    Path("made.csv").unlink()
    assert main([*CALL, *QUICK, "--given", "ward=nord"]) == 2 and "made.privacy.json exists" in capsys.readouterr().err
    plain = [*CALL[:-1], "plain.csv", *QUICK]
    assert main([*plain, "--given", "age=44"]) == 0 and "plain.dpdsyn" not in written(), "what can be checked beforehand is"
    assert main([*plain, "--overwrite", "--model", "kept.dpdsyn"]) == 0 and "kept.dpdsyn" in written()
    assert main([*plain, "--overwrite", "--model", "p.csv"]) == 2 and "is the private table itself" in capsys.readouterr().err


def test_conditions_that_contradict_rules_lose_nothing_either(capsys: pytest.CaptureFixture) -> None:
    Path("p.yaml").write_text(f'constraints: ["ward = north -> age < 40"]\n{SCHEMA}', encoding="utf-8")
    assert main([*CALL, *QUICK, "--no-preflight", "--given", "ward=north", "--given", "age=60"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert (
        "contradict each other" in told and "`dpdsyn sample made.dpdsyn` draws from it" in told and written() == {"made.dpdsyn"}
    )


def test_a_model_that_was_saved_from_python_is_sampled_too(capsys: pytest.CaptureFixture) -> None:
    people = pd.read_csv("p.csv")
    quick = {"steps": 5, "pretraining": 10, "hidden": 2}
    DPDSyn(epsilon=4.0, guide=quick, candidates="independent").fit(people, "p.yaml", preflight=False).save("own.dpdsyn")
    assert main(["sample", "own.dpdsyn", "--rows", "40", "--output", "made.csv", "--given", "ward=south"]) == 0
    assert set(pd.read_csv("made.csv")["ward"]) == {"south"} and "differentially private: epsilon 4" in capsys.readouterr().out
    method = json.loads(Path("made.privacy.json").read_text())["method"]
    assert (method["name"], method["candidates"], method["guide"]["steps"]) == ("dpdsyn", "independent", 5)


def test_a_method_that_cannot_be_kept_is_refused_before_anything_is_spent(capsys: pytest.CaptureFixture) -> None:
    for extra in (["--given", "ward=south"], ["--balance", "yes=1"], ["--model", "m.dpdsyn"]):
        assert main([*CALL, "--method", "mst", *extra]) == 2
        assert "method mst cannot be saved, to sample it again" in capsys.readouterr().err and written() == set()
    assert main([*CALL, "--candidates", "mst", "--given", "ward=south"]) == 2 and "cannot be saved" in capsys.readouterr().err
