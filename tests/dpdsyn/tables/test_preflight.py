"""What the preflight tells: all faults at once, without cells unless asked, the same of a frame and of a file in pieces."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dpdsyn import DPDSyn, Schema, parquet
from dpdsyn.reading.column import SchemaError
from dpdsyn.tables.preflight import PreflightError, PreflightWarning, examined, preflight

SCHEMA = {
    "target": "ill",
    "rows_public": 10,
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
        "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
FRAME = pd.DataFrame(
    {
        "age": ["1", None, "secret", "secret", "1,5", None],
        "ward": ["north", None, "elsewhere", "south", "north", "north"],
        "ill": ["no", "yes", "no", "perhaps", "no", "no"],
    }
)


def test_every_fault_of_a_table_is_told_with_its_first_row_and_how_often_it_is_there() -> None:
    with pytest.raises(PreflightError) as caught:
        preflight(FRAME, Schema.from_mapping(SCHEMA))
    found = [(fault.column, fault.kind, fault.cells, fault.row) for fault in caught.value.faults]
    assert found == [("age", "missing", 2, 1), ("age", "unreadable", 3, 2), ("ill", "unreadable", 1, 3)]
    said = str(caught.value)
    assert caught.value.row == 1 and "column 'age': 2 missing cells (first in row 2) and no rule" in said
    assert "column 'age', row 3: a cell is not a number, and the schema says the column is integer (3 such cells)" in str(
        caught.value
    )
    assert "secret" not in said and "perhaps" not in said and "\n" not in said
    with pytest.raises(PreflightError, match=r"row 3: 'secret' is not a number.*row 4: 'perhaps' is not among its categories"):
        preflight(FRAME, Schema.from_mapping(SCHEMA), show_cells=True)


def test_a_file_is_held_against_the_schema_in_pieces_as_a_frame_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_ROWS", 2)
    FRAME.to_parquet(tmp_path / "people.parquet")
    schema = Schema.from_mapping(SCHEMA)
    assert examined(tmp_path / "people.parquet", schema) == examined(FRAME, schema)
    with pytest.raises(PreflightError, match=r"people.parquet: column 'age': 2 missing cells"):
        preflight(tmp_path / "people.parquet", schema)


def test_rows_that_can_be_used_are_counted_after_dropping_and_by_person() -> None:
    good = FRAME.assign(age="1", ill="no")
    assert examined(good, Schema.from_mapping(SCHEMA)).usable == 5
    for most, usable in ((1, 2), (2, 4)):
        schema = Schema.from_mapping({**SCHEMA, "person": "who", "max_rows_per_person": most})
        assert preflight(good.assign(who=["a", "b", "c", "c", "c", "a "]).drop(index=2), schema).usable == usable
    with pytest.raises(PreflightError, match=r"column 'who', row 2: no person is named; name one or drop the row \(2 such"):
        preflight(good.assign(who=["a", None, "", *"cca"]), schema)
    with pytest.raises(PreflightError, match="1 rows can be used; at least two"):
        preflight(good.head(2), Schema.from_mapping(SCHEMA))


def closed(**columns: object) -> Schema:
    return Schema.from_mapping({"rows_public": 9, "columns": columns})


def test_columns_of_which_many_cells_are_not_what_the_schema_says_are_told_of() -> None:
    schema = closed(
        ward={"kind": "categorical", "categories": ["north", "south"], "missing": "drop"},
        stay={"kind": "integer", "bounds": [0, 30], "bins": 3},
        seen={"kind": "date", "bounds": ["2024-01-01", "2024-12-31"], "resolution": "hour", "missing": "own_code"},
        size={"kind": "real", "bounds": [0, 1]},
    )
    frame = pd.DataFrame(
        {
            "ward": [*["North"] * 8, None, None, "south", "south"],
            "stay": [*range(28, 34), *[30] * 6],
            "seen": [*["2025-01-01 00:00"] * 2, *["2024-12-31 23:59"] * 10],
            "size": ["1.5", *["1.0"] * 11],
        }
    )
    report = preflight(frame, schema)
    assert report.cautions == (
        "column 'ward': 67% of cells are in no category and become `other`",
        "column 'ward': 17% of cells are missing, and their rows are left out",
        "column 'stay': 25% of cells lie outside its bounds and are clipped",
        "column 'seen': 17% of cells lie outside its bounds and are clipped",
        "column 'size': 8% of cells lie outside its bounds and are clipped",
    )
    few = pd.concat([frame.tail(1).assign(ward="north")] * 19 + [frame.head(1)])
    assert preflight(few, schema).cautions == () and len(preflight(few, schema).shares) == 3  # one in twenty is no more than few


@pytest.mark.parametrize(
    ("spec", "cells", "words"),
    [
        ({"kind": "categorical", "categories": ["a", "b"]}, ["x", None, "y"], "none of its 2 cells is in a category"),
        ({"kind": "categorical", "categories": [0, 1]}, [True, False, True], "none of its 3 cells is in a category"),
        ({"kind": "integer", "bounds": [0, 30], "bins": 3}, ["40", "-1", "50"], "none of its 3 cells lies within the bounds"),
        ({"kind": "real", "bounds": [0, 30]}, ["40", "-1", "50"], "none of its 3 cells lies within the bounds"),
        ({"kind": "date", "bounds": ["2024-01-01", "2024-12-31"]}, ["2023-01-01"] * 3, "none of its 3 cells lies within"),
        ({"kind": "integer", "bounds": [0, 9], "bins": 2}, [None] * 3, "all of its 3 cells are missing"),
        ({"kind": "categorical", "categories": ["a", "b"]}, [None] * 3, "all of its 3 cells are missing"),
    ],
)
def test_a_column_of_which_no_cell_is_what_the_schema_says_is_refused(
    spec: dict, cells: list, words: str, tmp_path: Path
) -> None:
    schema = closed(a={**spec, "missing": "own_code"}, b={"kind": "integer"})
    frame = pd.DataFrame({"a": cells, "b": 1})
    frame.to_parquet(tmp_path / "people.parquet")
    for table in (frame, tmp_path / "people.parquet"):
        with pytest.raises(PreflightError, match=words) as caught:
            preflight(table, schema)
        assert not any(cell and repr(cell) in str(caught.value) for cell in cells)
    one_fits = {"categorical": spec.get("categories", [0])[0], "date": "2024-05-05"}.get(spec["kind"], "5")
    preflight(pd.concat([frame, pd.DataFrame({"a": [str(one_fits)], "b": 1})]), schema)
    if "x" in cells:
        with pytest.raises(PreflightError, match="'x' for one"):
            preflight(frame, schema, show_cells=True)


def test_a_fit_warns_of_the_same_before_the_budget_opens() -> None:
    frame = pd.DataFrame({"age": ["40", "200", "300"] * 9, "ward": "north", "ill": ["no", "yes", "no"] * 9})
    with warnings.catch_warnings():
        warnings.simplefilter("error", PreflightWarning)
        with pytest.raises(PreflightWarning, match=r"^column 'age': 67% of cells lie outside its bounds and are clipped$"):
            DPDSyn(epsilon=1.0).fit(frame, SCHEMA)


def test_durations_and_moments_are_no_numbers() -> None:
    for cells, words in (
        (
            pd.to_timedelta([1, 2], unit="D"),
            "a cell is a duration, and the schema says the column is integer; give it as a number",
        ),
        (pd.to_datetime(["2020-01-01", "2021-01-01"]), "a cell is not a number but a date, and the schema says"),
    ):
        with pytest.raises(PreflightError, match=f"column 'age', row 1: {words}"):
            preflight(pd.DataFrame({"age": cells, "ward": "north", "ill": "no"}), Schema.from_mapping(SCHEMA))


def test_ids_that_lost_digits_in_floating_point_are_told_of() -> None:
    schema = closed(id={"kind": "categorical"}, listed={"kind": "categorical", "categories": [1e20, 2e20]}, a={"kind": "integer"})
    frame = pd.DataFrame({"id": [2.0**53 + 2, None, 5.0], "listed": [1e20, 2e20, 1e20], "a": 1})
    words = (
        "column 'id': 33% of cells are numbers in floating point so large that ids lose digits in them (2^53; 2^24 of float32)"
    )
    assert f"{words}; read them as text" in preflight(frame, schema).cautions
    told = preflight(frame.astype({"id": "str"}), schema).cautions
    assert "column 'id': 33% of cells are missing" in told and not any("floating point" in words for words in told)


def test_a_refusal_is_one_line_whatever_categories_hold() -> None:
    column = {"kind": "categorical", "categories": ["l1\nl2", "c\rd", "日本"], "other": False}
    schema = Schema.from_mapping({"columns": {"t": column, "n": {"kind": "integer", "bounds": [0, 9], "bins": 2}}})
    with pytest.raises(PreflightError) as caught:
        preflight(pd.DataFrame({"t": ["x", "日本", "y"], "n": [1, 2, 3]}), schema)
    assert len(str(caught.value).splitlines()) == 1 and r"l1\nl2, c\rd, 日本" in str(caught.value)
    with pytest.raises(SchemaError, match=r"given twice: l1\\nl2$"):
        Schema.from_mapping({"columns": {"t": {"kind": "categorical", "categories": ["l1\nl2", "l1\nl2"]}}})


@pytest.mark.parametrize(("word", "said"), [("premium", True), ("PREMIUM", False), ("basic", False)])
@pytest.mark.parametrize("categories", [{}, {"categories": ["PREMIUM", "basic", "premium"]}])
def test_a_condition_that_never_holds_is_told_of_where_nobody_lists_the_category(word: str, said: bool, categories: dict) -> None:
    columns = {"plan": {"kind": "categorical"} | categories, "cost": {"kind": "integer"}, "x": {"kind": "integer"}}
    rules = [f"plan = {word} -> cost = 0", "x >= 90 -> cost = 0"]
    schema = Schema.from_mapping({"target": "x", "constraints": rules, "columns": columns})
    table = pd.DataFrame({"plan": ["PREMIUM", "basic"] * 5, "cost": range(10), "x": range(10)})
    report = preflight(table, schema)
    assert report.applied == {rules[0]: 0 if said else 5, rules[1]: 0} and report.broken[rules[1]] == 0
    assert any("its condition holds in no row" in line for line in report.broken_rules) == (said and not categories)


FAR = {
    "coarse": ({"kind": "real", "decimals": 10}, [1_000_000.5, 12.25], r"beyond 900,720, up to.*state fewer decimals"),
    "huge": ({"kind": "real"}, [1e300, 0.5], r"beyond 9,007,199,254,740,992, up to.*as missing, else state `bounds`"),
    "ids": ({"kind": "integer"}, [2**63 - 1, 5], r"beyond 9,007,199,254,740,992.*if all of them are ids, put the column under"),
    "end": ({"kind": "date"}, ["9999-12-31", "2024-02-29"], r"outside the years 1800 to 2199.*as missing, else state `bounds`"),
    "old": ({"kind": "date", "resolution": "hour"}, ["1066-10-14", "2199-12-31 23:59"], r"outside the years 1800 to 2199"),
}


@pytest.mark.parametrize("case", FAR)
def test_cells_beyond_what_is_learnt_without_bounds_are_told_of_and_many_are_refused(case: str) -> None:
    spec, (far, near), words = FAR[case]
    schema = closed(a=spec, b={"kind": "integer"})
    few = preflight(pd.DataFrame({"a": [far, *[near] * 199], "b": 1}), schema)
    assert [(share.kind, share.cells) for share in few.shares] == [("beyond", 1)]
    assert few.cautions == (
        "column 'a': 0.5% of cells lie beyond what is learnt without bounds and are clipped; others come out coarse where such "
        "cells stand out",
    )
    with pytest.raises(PreflightError, match=words) as caught:
        preflight(pd.DataFrame({"a": [near, far, far, *[near] * 100], "b": 1}), schema)
    (fault,) = caught.value.faults
    assert (fault.kind, fault.cells, fault.row) == ("beyond", 2, 1) and str(far) not in str(caught.value)


def test_infinite_numbers_are_faults_unless_bounds_say_where_they_are_clipped_to() -> None:
    frame = pd.DataFrame({"a": [0.5, float("inf"), 0.25, *[0.5] * 20], "b": 1})
    with pytest.raises(PreflightError, match=r"column 'a', row 2: a cell is infinite, and no bounds are stated"):
        preflight(frame, closed(a={"kind": "real", "missing": "own_code"}, b={"kind": "integer"}))
    bounded = closed(a={"kind": "real", "bounds": [0, 1]}, b={"kind": "integer"})
    assert [share.kind for share in preflight(frame, bounded).shares] == ["clipped"]


def test_texts_that_come_out_in_another_spelling_are_told_of_unless_they_are_listed() -> None:
    frame = pd.DataFrame(
        {"flag": ["TRUE", "true"] * 20, "grade": [" 1.0", "2.5"] * 20, "plain": ["x ", "2"] * 20, "n": range(40)}
    )
    columns: dict[str, Any] = {name: {"kind": "categorical"} for name in ("flag", "grade", "plain")}
    schema = {"rows_public": 40, "columns": {**columns, "n": {"kind": "integer", "bounds": [0, 40], "bins": 4}}}
    told = preflight(frame, Schema.from_mapping(schema)).cautions
    one = "come out in one spelling (1 for 1.0, a day for its midnight, of TRUE and true the commoner one)"
    assert told == tuple(f"column {name!r}: 50% of cells {one}; list `categories` to keep yours" for name in ("flag", "grade"))
    columns["flag"]["categories"], columns["grade"]["categories"] = ["TRUE", "FALSE"], ["1.0", "2.5"]
    assert preflight(frame, Schema.from_mapping(schema)).cautions == ()


@pytest.mark.parametrize(
    ("cells", "share", "made_of"),
    [
        (("true", "false"), 0, {"true", "false"}),
        (("True", "False"), 0, {True, False}),
        (("TRUE", "FALSE"), 0, {"TRUE", "FALSE"}),
        (("TRUE", "False"), 0, {"TRUE", "False"}),
        (("true", "TRUE", "true", "FALSE"), 25, {"true", "FALSE"}),
        ((True, False), 0, {True, False}),
    ],
)
@pytest.mark.filterwarnings("ignore:seeded noise", "ignore:column .flag")
def test_truth_values_that_are_learnt_come_out_as_they_are_spelled_most(
    cells: tuple, share: int, made_of: set, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"flag": [*cells] * (4000 // len(cells)), "y": ["a", "b", "b", "a"] * 1000})
    written = (
        "target: y\nrows_public: 4000\ncolumns:\n  y: {kind: categorical, categories: [a, b]}\n  flag: {kind: categorical%s}\n"
    )
    both = [*{str(cell).lower(): str(cell) for cell in cells}.values()]
    for listed, kept in (("", False), (f", categories: {json.dumps(both)}", True)):
        (tmp_path / "t.yaml").write_text(written % listed)
        schema = Schema.from_yaml(tmp_path / "t.yaml")
        told = preflight(frame, schema).cautions
        made = DPDSyn(epsilon=5.0, delta=1e-6, random_state=0).fit(frame, schema).sample(200)["flag"]
        if kept:
            assert told == () and set(made) <= set(map(str, cells))
        else:
            assert set(made) == made_of
            assert [caution.partition(" come out")[0] for caution in told] == [f"column 'flag': {share}% of cells"] * (share > 0)


def test_a_target_that_is_to_be_learnt_and_has_one_class_is_refused_before_anything_is_spent() -> None:
    columns = {"y": {"kind": "categorical"}, "x": {"kind": "integer"}}
    schema = Schema.from_mapping({"target": "y", "rows_public": 40, "columns": columns})
    with pytest.raises(
        PreflightError, match="column 'y': all of its 39 cells say the same, and a target has two classes or more"
    ):
        preflight(pd.DataFrame({"y": [*["yes"] * 39, None], "x": range(40)}), schema)
    assert preflight(pd.DataFrame({"y": [*["yes"] * 39, "no"], "x": range(40)}), schema).usable == 40
