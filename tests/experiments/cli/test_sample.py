"""`dpdsyn sample` of a model that `synthesize --model` kept, and what both say and refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn.base import saved
from dpdsyn.release import Release
from experiments.cli.main import main

SCHEMA = """
target: ill
rows_public: 600
columns:
  key: {kind: id, pattern: "{}"}
  age: {kind: integer, bounds: [18, 90], bins: 4}
  ill: {kind: categorical, categories: ["no", "yes"]}
"""
CALL = ["synthesize", "p.csv", "--schema", "p.yaml", "--epsilon", "8", "--rows", "40", "--method", "independent"]
OWN = "operating system's entropy"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 91, 600), "ill": rng.choice(["yes", "no"], 600)})
    frame.to_csv("p.csv", index=False)
    Path("p.yaml").write_text(SCHEMA, encoding="utf-8")
    yield tmp_path
    assert not list(tmp_path.glob(".*.part")), "nothing is left half written"


pytestmark = pytest.mark.filterwarnings("ignore:seeded noise")


def statement(name: str) -> dict[str, Any]:
    return json.loads(Path(f"{name}.privacy.json").read_text())


def test_a_model_whose_noise_was_seeded_stays_so_in_whatever_is_drawn_from_it(capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--seed", "9", "--output", "s.csv", "--model", "s.dpdsyn"]) == 0
    for seed in ([], ["--seed", "5"]):
        capsys.readouterr()
        assert main(["sample", "s.dpdsyn", "--output", "s2.csv", "--overwrite", *seed]) == 0
        assert statement("s2")["noise"] == statement("s")["noise"] == "SEEDED: not private against whoever knows the seed"
        assert "The noise was seeded" in Path("s2.html").read_text()
        assert "CAUTION: the noise of this model was seeded" in capsys.readouterr().err
    Release.load("s.dpdsyn").save("again.dpdsyn")
    assert Release.load("again.dpdsyn").noise_seeded_ is True


def test_draws_that_repeat_do_not_make_a_model_s_noise_a_seeded_one(capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--output", "m.csv", "--model", "m.dpdsyn"]) == 0
    assert main(["sample", "m.dpdsyn", "--output", "m2.csv", "--seed", "5"]) == 0
    assert statement("m2")["noise"] == OWN and statement("m2")["draws"].startswith("seeded: ")
    assert "draws" not in statement("m") and "The noise was seeded" not in Path("m2.html").read_text()
    assert "CAUTION: the noise of" not in capsys.readouterr().err and Release.load("m.dpdsyn", 5).noise_seeded_ is False
    meta, arrays = saved.read(Path("m.dpdsyn"))
    saved.write(Path("old.dpdsyn"), {name: value for name, value in meta.items() if name != "noise_seeded"}, arrays)
    assert Release.load("old.dpdsyn").noise_seeded_ is None
    assert main(["sample", "old.dpdsyn", "--output", "m3.csv"]) == 0 and statement("m3")["noise"] == OWN


def test_a_model_is_announced_as_publishable_only_where_the_table_is(capsys: pytest.CaptureFixture) -> None:
    keep = ["--output", "m.csv", "--model", "m.dpdsyn", "--overwrite"]
    for extra, public in (([], True), (["--seed", "1"], False), (["--draft"], False)):
        Path("p.yaml").write_text("drafted: true\n" * ("--draft" in extra) + SCHEMA)
        assert main([*CALL, *keep, *extra]) == 0
        told = capsys.readouterr().out
        assert ("m.dpdsyn: the fitted model, which may be published too" in told) == public
        assert ("m.dpdsyn: the fitted model, NOT FOR PUBLISHING" in told) != public


@pytest.mark.parametrize("other", ["m.csv", "m.html", "m.privacy.json", "own.html", "sub/../m.csv"])
def test_no_two_files_of_a_release_have_one_name(other: str, folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "sub").mkdir()
    before = sorted(folder.rglob("*"))
    for extra in ([], ["--overwrite"]):
        assert main([*CALL, "--output", "m.csv", "--private-page", "own.html", "--model", other, *extra]) == 2
        told = capsys.readouterr().err
        assert f"--model {other}: a file of this name is written already" in told and "reading" not in told
    assert sorted(folder.rglob("*")) == before


def test_nothing_is_written_into_a_folder_that_is_the_private_table(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "parts").mkdir()
    pd.read_csv("p.csv").to_parquet("parts/a.parquet", index=False)
    (folder / "here").symlink_to(folder / "parts")
    held = {path: path.read_bytes() for path in (folder / "parts").iterdir()}
    call = ["synthesize", "parts", *CALL[2:], "--output"]
    for extra in (
        ["parts/a.parquet", "--overwrite"],
        ["parts/b.csv"],
        ["here/b.csv"],
        ["m.csv", "--model", "parts/m.dpdsyn"],
        ["m.csv", "--private-page", "parts/../here/own.html"],
    ):
        assert main([*call, *extra]) == 2
        told = capsys.readouterr().err
        assert "lies in the folder parts, which is the private table" in told and "reading" not in told
    assert {path: path.read_bytes() for path in (folder / "parts").iterdir()} == held


def test_all_files_are_looked_at_before_one_is_replaced(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--output", "m.csv", "--model", "m.dpdsyn"]) == 0
    before = Path("m.privacy.json").read_bytes()
    Path("m.html").unlink()
    (folder / "m.html").mkdir()
    assert main(["sample", "m.dpdsyn", "--output", "m.csv", "--overwrite"]) == 2
    assert "m.html is a folder" in capsys.readouterr().err and Path("m.privacy.json").read_bytes() == before


def test_numbers_of_ids_are_looked_at_before_anything_is_read(capsys: pytest.CaptureFixture) -> None:
    for number in ("-3", str(2**63 - 40), str(2**64)):
        for call in ([*CALL, "--output", "m.csv"], ["sample", "absent.dpdsyn", "--rows", "40", "--output", "m.csv"]):
            assert main([*call, "--first-id", number]) == 2
            told = capsys.readouterr().err
            assert f"dpdsyn: --first-id is {number}; " in told and "reading" not in told
    assert main([*CALL, "--output", "m.csv", "--first-id", str(2**63 - 41)]) == 0
    assert pd.read_csv("m.csv")["key"].iloc[-1] == 2**63 - 2
