"""Cells of several values, of versions, and of one value in several spellings are told of once, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dpdsyn.tables.kinds import Kind, guessed
from dpdsyn.tables.open_draft import open_draft

ROWS = 6000
COLOURS = ["black", "blue", "green", "red", "white", "yellow"]


def of(cells: list[str], name: str = "x") -> Kind:
    return guessed(pd.Series(cells, dtype="str", name=name))


def numbers() -> list[int]:
    return np.random.default_rng(0).integers(0, 2**31, ROWS).tolist()


def some(number: int, mark: str) -> str:
    return mark.join(colour for i, colour in enumerate(COLOURS) if number >> i & 1) or "none"


PACKED: dict[str, tuple[Callable[[int], str], str]] = {
    "fractions": (lambda n: f"{n % 8 + 1}/{n // 8 % 9 + 2}", "two numbers with a slash between them: "),
    "wholes and fractions": (
        lambda n: f"{n // 2 % 20} 1/2" if n % 2 else str(n // 2 % 20),
        "two numbers with a slash between them: ",
    ),
    "blood pressure": (lambda n: f"{100 + n % 60}/{60 + n // 60 % 40}", "a pair such as 120/80 as two columns"),
    "degrees": (lambda n: f"52°{n % 60_000 / 1000:.3f}'N", "plain numbers of degrees"),
    "feet": (lambda n: f"{5 + n % 2}'{n // 2 % 12}\"", "plain numbers of one unit"),
    "JSON": (lambda n: json.dumps({"a": n % 9, "b": [n % 7]}), "JSON, which is taken for one text each: "),
    "lists": (lambda n: some(n, "; "), "lists of several values with ; between them"),
    "lists without blanks": (lambda n: some(n, "|"), "lists of several values with | between them"),
    "lists with commas": (lambda n: some(n, ", "), "lists of several values with , between them"),
}


@pytest.mark.parametrize("kind", PACKED)
def test_cells_of_several_values_are_told_of_and_are_no_person(kind: str) -> None:
    pack, words = PACKED[kind]
    found = of([pack(number) for number in numbers()])
    assert found.spec == {"kind": "categorical"} and not found.repeats
    (remark,) = found.remarks
    assert words in remark and "draft again" in remark and remark.endswith("so it is taken for categories")


OTHERS: dict[str, Callable[[int], str]] = {
    "names": lambda n: f"{('Smith', 'Jones', 'Brown', 'Miller', 'Moore')[n % 5]}, {('Ann', 'Bob', 'Cid', 'Dora')[n // 5 % 4]}",
    "places": lambda n: f"Town {'abcdefghij'[n % 10]}, {('Ohio', 'Utah')[n % 2]}",
    "answers": lambda n: ("Yes", "No", "Won't say; refused")[n % 3],
    "codes": lambda n: f"A{n % 30}/B",
    "classes": lambda n: ("1/2", "1/4", "3/4")[n % 3],
    "paths": lambda n: f"/a/{n % 20}",
    "brackets": lambda n: f"[{'abc'[n % 3]}",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_texts_hold_one_value(kind: str) -> None:
    assert of([OTHERS[kind](number) for number in numbers()]).remarks == ()


def test_a_name_that_says_person_is_asked_about_whatever_its_cells_hold() -> None:
    assert of([f"{n % 900}/{n % 7}" for n in numbers()], "patient_id").repeats


@pytest.mark.parametrize("cells", [["1.9", "1.10", "1.11", "2.0"], ["1.1", "1.10"], ["2.0", "2.00", "3.5"], ["0.5", "12.50"]])
def test_numbers_that_may_be_versions_are_told_of(cells: list[str]) -> None:
    found = of(cells * 30)
    assert found.spec["kind"] == "real"
    (remark,) = found.remarks
    assert "as in 1.10 beside 1.9. If they are versions or codes" in remark


@pytest.mark.parametrize(
    "cells",
    [
        ["1.50", "2.00", "3.25"],
        ["1.5", "2.0", "3.25"],
        ["10", "2.5", "3.0"],
        ["1.5", "1e1", "20"],
        ["1.10", "20"],
        ["0.10", "1.1", "12.3"],
    ],
)
def test_usual_decimals_are_no_versions(cells: list[str]) -> None:
    assert of(cells * 30).remarks == ()


def test_values_that_differ_by_their_spelling_alone_are_told_of() -> None:
    (remark,) = of(["Agree", "agree", "Dis  agree", "dis agree", "neither"] * 9).remarks
    assert remark.startswith("4 of 5 different values differ from another one by capital letters or blanks alone")
    assert "agree" not in remark
    assert of(["TRUE", "true", "False", "x"] * 9).remarks == ()  # one category as they are


@pytest.mark.parametrize("cell", ["({n}) 555-{m:04d}", "10.{n}.{m}.7", "{n}-{m:04d}-x"])
def test_cells_of_which_nearly_each_is_different_are_told_of(cell: str) -> None:
    texts = [cell.format(n=number % 97, m=number % 1009) for number in range(900)]
    (remark,) = of([*texts, *texts[:10]]).remarks
    assert remark.startswith("nearly every cell is different (900 of 910); if it is an id")
    assert not any("different (" in said for said in of([*texts, *texts[:200]]).remarks)


def drafted(first: str, last: str) -> list[str]:
    rows = pd.DataFrame({"height": range(150, 190), "weight": [f"{n}.5" for n in range(40)], "group": ["a", "b"] * 20}).astype(
        "str"
    )
    odd = [pd.DataFrame([text.split(",")], columns=rows.columns).replace("", np.nan) for text in (first, last) if text]
    frame = pd.concat([*odd[: bool(first)], rows, *odd[bool(first) :]], ignore_index=True).astype("str").replace("nan", np.nan)
    return list(open_draft({str(name): guessed(frame[name]) for name in frame}, "t.csv").remarks)


def test_a_second_line_of_names_is_told_of_once() -> None:
    (remark,) = drafted("cm,kg,", "")
    assert remark.startswith("the first row (line 2 of most files) looks like a second line of names, or of units")
    assert "(height, weight)" in remark and "delete it" in remark and "cm" not in remark


def test_a_line_of_sums_is_told_of() -> None:
    remarks = drafted("", "Total,1234,")
    assert remarks[0].startswith("the last row looks like sums, or a word on where the table is from")
    assert "(height)" in remarks[0] and remarks[1].startswith("height: all but 1 of 41 different cells are numbers")
    assert not any(remark.startswith("the ") for remark in drafted("", ""))


def test_texts_in_other_rows_are_no_second_line() -> None:
    cells = pd.Series([*map(str, range(40)), "unknown", *map(str, range(40, 60))], dtype="str")
    assert guessed(cells).edge is None and guessed(pd.Series(["x", "y"] * 20, dtype="str")).edge is None


def test_names_that_hardly_differ_are_told_of() -> None:
    kinds = {name: Kind({"kind": "real"}) for name in ("Age", "age", "AG E", "sex")}
    (remark,) = open_draft(kinds, "t").remarks
    assert remark == "names that differ by capital letters or blanks alone: Age, age, AG E. Call each otherwise"
