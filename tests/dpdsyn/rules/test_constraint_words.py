"""Constraints as people write them: what is read, and what is refused with what was given and what is accepted."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from builders.paths import ROOT

from dpdsyn import Schema
from dpdsyn.reading.column import SchemaError
from dpdsyn.rules.constraints import Among, Comparison, Dependence, Implication, Missing, computed

COLUMNS: dict[str, Any] = {
    "id": {"kind": "id"},
    "start": {"kind": "date", "bounds": ["2020-01-01", "2020-12-31"], "bins": 4, "format": "%d.%m.%Y"},
    "end": {"kind": "date", "bounds": ["2020-01-01", "2021-12-31"], "bins": 4},
    "days": {"kind": "integer", "bounds": [0, 99], "bins": 5},
    "a": {"kind": "integer", "bounds": [0, 9], "bins": 10},
    "b": {"kind": "real", "bounds": [0, 9], "bins": 3},
    "number of children": {"kind": "integer", "bounds": [0, 9], "bins": 10},
    "sex": {"kind": "categorical", "categories": ["male", "never married"], "missing": "own_code"},
    "education": {"kind": "categorical", "categories": ["low", "high"]},
    "education-num": {"kind": "integer", "bounds": [1, 16], "bins": 16},
}


def schema(*constraints: Any, **more: Any) -> Schema:
    return Schema.from_mapping({"rows_public": 100, "columns": COLUMNS | more, "constraints": list(constraints)})


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("end >= start", ("end", "start")),
        ("end-start<=30".replace("-", " - "), ("end", "start")),
        ("end = start + days", ("end", "start", "days")),
        ("01.02.2020 <= start", ("start",)),
        ("0 <= a <= b", ("a", "b")),
        ("b = a + 2 * days - 1.5", ("b", "a", "days")),
        ('"number of children" <= a', ("number of children", "a")),
        ("`a` != 3", ("a",)),
        ("sex = 'never married' -> \"number of children\" = 0", ("sex", "number of children")),
        ("sex in [male, 'never married'] and a not in (1, 2) -> education is not missing", ("sex", "a", "education")),
        ("sex is missing -> education != low", ("sex", "education")),
        ("education->education-num", ("education", "education-num")),
        ("education, sex -> a", ("education", "sex", "a")),
    ],
)
def test_what_is_read(written: str, names: tuple[str, ...]) -> None:
    own = schema(written)
    assert own.constraints[0].names == names
    assert own.constraints[0].written == written
    assert Schema.from_mapping(own.to_mapping()) == own


def test_parts_are_what_they_say() -> None:
    chain, implication, dependence = schema(
        "0 <= a < days", "sex = male and a is missing -> b > 1", "education -> sex"
    ).constraints
    assert isinstance(chain, Implication) and [test.comparison for test in chain.conclusions] == [">=", "<"]  # type: ignore[union-attr]
    assert isinstance(implication, Implication)
    assert implication.conditions == (Among("sex", ("male",)), Missing("a"))
    assert isinstance(implication.conclusions[0], Comparison)
    assert isinstance(dependence, Dependence) and dependence.sources == ("education",)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        ("end >= begin", r"constraint 'end >= begin': no column is called 'begin'; there are start, end"),
        ("end", "a comparison is needed at its end"),
        ("a >", "a name or a value is needed at its end"),
        ("a > 1 2", "'2' is one word too many"),
        ('a > "b', "cannot be read .a quotation mark that is never closed"),
        ("a-b > 1", "A minus sign has spaces around it"),
        ("a * b > 1", "a product of two columns; accepted is a number times a column"),
        ("sex > male", "'sex' is categorical; accepted after it: = VALUE"),
        ("sex = female", "'female' is no category of 'sex'; there are male, never married"),
        ("sex = `education`", "it is compared with a value, not with the column .education."),
        ("a = sex", "'sex' is categorical; comparisons and sums are of numbers or dates"),
        ("start >= 2020", "dates are compared with dates"),
        ("end >= a", "dates are compared with dates"),
        ("end >= start + end", "dates are compared with dates"),
        ("1 < 2", "no column stands in a comparison"),
        ("a = b", "'a' is integer and is to equal a sum of real numbers"),
        ("a in 1, 2", r"a list such as in \[a, b\] is needed"),
        ("a in [1.5]", "'1.5' is no whole number"),
        ("a in [12]", r"'12' is out of the bounds of 'a', which are \[0.0, 9.0\]"),
        ("a is empty", "after `is` stands `missing`"),
        ("id = 3", "'id' is made anew for every row"),
        ("a >= 20", r"cannot be kept: a has the bounds \[0.0, 9.0\]"),
        ("sex = male -> start > 2021-01-01", "cannot be kept: start has the bounds"),
        ("education -> education", "a column stands in it twice"),
        ({"education -> education-num": {"middle": 3}}, "'middle' is no category of 'education'"),
        ({"education -> education-num": {"low": 17}}, "'17' is out of the bounds"),
        ({"education, sex -> a": {"low": 1}}, "its mapping is"),
        ({"a > 1": {"low": 1}}, "a mapping is stated"),
        (3, "constraint 3: a text is needed, such as end >= start"),
    ],
)
def test_what_is_refused(constraint: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema(constraint)


def test_what_follows_twice_or_in_a_circle_is_refused() -> None:
    with pytest.raises(SchemaError, match="'a' follows from two rules: education -> a; sex -> a; keep one"):
        schema("education -> a", "sex -> a")
    with pytest.raises(SchemaError, match="dependences lead in a circle"):
        schema("education -> sex", "sex -> education")
    with pytest.raises(SchemaError, match="constraints are 'a > 1'; a list is needed"):
        Schema.from_mapping({"rows_public": 9, "columns": COLUMNS, "constraints": "a > 1"})


def test_sums_compute_a_column_each_and_never_in_a_circle() -> None:
    rules = schema("days = a + education-num", "a = days - education-num", "a = days + education-num").constraints
    assert [name for _, name in computed(rules)] == ["days"]  # the others are tested, for they would lead in a circle
    rules = schema("days = a + education-num", 'days = a + "number of children"').constraints
    assert [name for _, name in computed(rules)] == ["days", "number of children"]


def test_of_what_is_learnt_any_value_may_be_named() -> None:
    own = schema("town = Oslo -> height >= 100", town={"kind": "categorical"}, height={"kind": "integer"})
    assert own.constraints[0].names == ("town", "height")


def test_the_rules_that_the_readme_shows_are_read() -> None:
    text = (ROOT / "dpdsyn" / "README.md").read_text(encoding="utf-8").split("```text\nconstraints:", 1)[1].split("```", 1)[0]
    number, category = {"kind": "integer", "bounds": [0, 99], "bins": 5}, {"kind": "categorical"}
    names = ("start", "end", "total", "price", "fee", "pregnancies", "education-num", "code", "age")
    columns = {**dict.fromkeys(names, number), **dict.fromkeys(("sex", "education", "marital status"), category)}
    raw = {"rows_public": 9, "columns": columns, "constraints": yaml.safe_load(text)}
    assert len(Schema.from_mapping(raw).constraints) == 6
