from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.column import SchemaError
from experiments import datasets, fetch
from experiments.datasets import load, test_side
from experiments.fetch import DataError, locate
from experiments.paths import data_dirs, read_option

test_side.__test__ = False  # type: ignore[attr-defined]  # a function of ours, not a test


@pytest.fixture
def toy(toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return yaml.safe_load((toy_world / "conf" / "dataset" / "toy.yaml").read_text())


CELLS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3).map(str)), min_size=1, max_size=40)


@given(CELLS, st.tuples(st.text(max_size=5), st.text(max_size=5)), st.integers(0, 10**6))
def test_one_more_row_moves_no_other_row(rows: list, wild: tuple, seed: int) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    longer = pd.concat([frame, pd.DataFrame([wild], columns=["a", "b"], dtype="str")], ignore_index=True)
    for groups in ("rows", "identical_rows", ("a",)):
        assert np.array_equal(test_side(longer, groups, 0.3, seed)[:-1], test_side(frame, groups, 0.3, seed))


@given(CELLS, st.integers(0, 10**6))
def test_no_group_stands_on_both_sides(rows: list, seed: int) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    frame["side"] = test_side(frame, "identical_rows", 0.5, seed)
    assert (frame.groupby(["a", "b"])["side"].nunique() == 1).all()
    frame["side"] = test_side(frame[["a", "b"]], ("b",), 0.5, seed)
    assert (frame.groupby("b")["side"].nunique() == 1).all()


def test_the_share_is_kept_and_the_seed_decides() -> None:
    frame = pd.DataFrame({"a": np.arange(50_000).astype(str)})
    for groups in ("rows", "identical_rows"):
        sides = [test_side(frame, groups, 0.2, seed) for seed in range(3)]
        assert all(side.mean() == pytest.approx(0.2, abs=0.01) for side in sides)
        assert np.mean(sides[0] & sides[1]) == pytest.approx(0.04, abs=0.005)


def test_adult_is_whole_and_split_by_identical_rows() -> None:
    description = read_option("dataset", "adult")
    frame = datasets.read_frame(description, print)
    assert frame.shape == (48842, 15)
    assert (frame["income"] == ">50K").mean() == pytest.approx(0.2393, abs=1e-4)
    assert frame["workclass"].isna().sum() == 2799 and frame["income"].nunique() == 2
    split = load(description, 0)
    assert len(split.train) + len(split.test) == 48842
    assert len(split.train) == pytest.approx(split.schema.rows_public, rel=0.01)
    for column, codes in zip(split.schema.columns, split.train.T, strict=True):
        assert column.other_code is None or (codes != column.other_code).all(), f"{column.name} has undeclared categories"
    assert not np.array_equal(load(description, 1).test, split.test) and np.array_equal(load(description, 0).test, split.test)


def test_the_person_s_folder_comes_first_and_an_altered_file_is_refused_by_name_and_hash(
    toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = locate(toy)["toy/toy.csv"]
    content = good.read_bytes()
    own = tmp_path / "own" / "toy"
    own.mkdir(parents=True)
    monkeypatch.setenv("DPDSYN_DATA", str(own.parent))
    for broken in (content[:-100], content.replace(b"red", b"rod", 1), b""):
        (own / "toy.csv").write_bytes(broken)
        with pytest.raises(DataError, match=f"toy.csv is truncated or altered.*{hashlib.sha256(broken).hexdigest()}.*delete it"):
            locate(toy)
    (own / "toy.csv").unlink()
    (own / "toy.csv.gz").write_bytes(b"\x1f\x8b\x08 not gzip")
    with pytest.raises(DataError, match=r"toy.csv.gz cannot be read"):
        locate(toy)


def test_without_data_or_network_one_line_says_what_to_put_where(toy: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DPDSYN_DATA")
    toy = {**toy, "sources": [{"url": "http://127.0.0.1:9/toy.zip", "members": {"toy/toy.csv": "toy.csv"}}]}
    with pytest.raises(
        DataError, match=r"toy is not on this machine.*refused.*Put toy/toy.csv .* into .*cache.*DPDSYN_DATA"
    ) as caught:
        locate(toy)
    assert "\n" not in str(caught.value)


def archive(path: Path, content: bytes) -> dict:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("inside/toy.csv", content)
    return {"url": path.as_uri(), "members": {"toy/toy.csv": "inside/toy.csv"}}


def test_downloads_are_verified_cached_and_never_repeated(toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = locate(toy)["toy/toy.csv"].read_bytes()
    monkeypatch.delenv("DPDSYN_DATA")
    bad, good = archive(tmp_path / "bad.zip", content + b"x"), archive(tmp_path / "good.zip", content)
    (tmp_path / "plain.csv").write_bytes(content)
    plain = {"url": (tmp_path / "plain.csv").as_uri(), "file": "toy/toy.csv"}
    assert fetch._contents(plain) == fetch._contents(good)
    (tmp_path / "torn.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:50])
    torn = {**good, "url": (tmp_path / "torn.zip").as_uri()}
    said: list[str] = []
    path = locate({**toy, "sources": [torn, bad, good]}, said.append)["toy/toy.csv"]
    assert path == data_dirs()[1] / "toy" / "toy.csv" and path.read_bytes() == content
    assert sum("not available" in text for text in said) == 2
    assert [p.name for p in path.parent.iterdir()] == ["toy.csv"]
    monkeypatch.setattr(fetch, "_download", lambda *_: pytest.fail("downloaded again"))
    assert locate(toy)["toy/toy.csv"] == path


def test_rows_that_contradict_the_schema_name_the_file(toy: dict) -> None:
    columns = {**toy["schema"]["columns"], "weight": {"kind": "real", "bounds": [0, 1], "bins": 2}}
    with pytest.raises(SchemaError, match=r"toy/toy.csv: the data lack the column 'weight'; they have colour, size, age, ill"):
        load({**toy, "schema": {**toy["schema"], "columns": columns}}, 0)
    with pytest.raises(SchemaError, match="lack the column 'weight'"):
        datasets.check_head({**toy, "schema": {**toy["schema"], "columns": columns}})
    with pytest.raises(SchemaError, match="schema of toy: target 'weight' is not a column"):
        load({**toy, "schema": {**toy["schema"], "target": "weight"}}, 0)


def test_columns_are_derived_by_public_rules_and_copies_dropped_only_where_asked(toy: dict) -> None:
    derived = {**toy, "derive": {"age": {"above": 60, "then": "old", "else": "young"}, "colour": {"prefix": 2}}}
    plain, changed = datasets.read_frame(toy), datasets.read_frame(derived)
    assert (changed["age"] == np.where(plain["age"].astype(int) > 60, "old", "young")).all()
    assert set(changed["colour"]) == {"re", "gr", "bl"} and len(changed) == 1200
    once = datasets.read_frame({**derived, "deduplicate": True})
    assert len(once) == len(changed.drop_duplicates()) < 1200


def test_options_that_build_on_others_are_laid_over_them() -> None:
    base, over = read_option("dataset", "liver"), read_option("dataset", "liver_published")
    assert over["schema"]["groups"] == "rows" and len(base["schema"]["groups"]) == 8
    assert over["schema"]["columns"] == base["schema"]["columns"] and over["files"] == base["files"]
