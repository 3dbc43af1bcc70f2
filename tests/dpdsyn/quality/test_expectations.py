"""What is said before anything is spent: which columns drown, what a category needs, and what to do about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import Schema
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.quality.expectations import Cost, Expectation, expected

ROWS = 2000
COLUMNS: dict[str, Any] = {
    "id": {"kind": "categorical", "categories": [f"i{i}" for i in range(ROWS)]},
    "age": {"kind": "integer", "bounds": [0, 99], "bins": 25},
    "sex": {"kind": "categorical", "categories": ["f", "m"]},
    "ward": {"kind": "categorical"},
    "ill": {"kind": "categorical", "categories": ["no", "yes"]},
}


def schema(**changes: Any) -> Schema:
    return Schema.from_mapping({"target": "ill", "rows_public": ROWS, "columns": COLUMNS} | changes)


@pytest.fixture(scope="module")
def seen() -> Expectation:
    return expected(schema(), 1.0, 1e-8)


def test_columns_are_told_apart_by_their_rows_beside_the_noise(seen: Expectation) -> None:
    states = {column.name: column.state for column in seen.columns}
    assert states == {"id": "lost", "age": "blurred", "sex": "clear", "ward": "clear", "ill": "clear"}
    by_name = {column.name: column for column in seen.columns}
    assert by_name["id"].each == 1 and by_name["age"].each == 80 and by_name["ward"].each is None
    assert all(column.least >= 3 * column.noise for column in seen.columns)
    assert seen.outlook == "fair" and "drowned in it: id" in seen.verdict and "blurred: age" in seen.verdict
    assert seen.verdict.startswith("This should work, but not for every column. 2 of 5 columns stand clear of the noise whatever")
    assert by_name["ward"].told == "clear to lost" and "clear or not, as they are spread: ward" in seen.verdict


def test_every_finding_says_what_to_do(seen: Expectation) -> None:
    about = {finding.columns: finding for finding in seen.findings}
    assert set(about) == {("id",), ("age",), ("ward",), ("ill",)}
    assert "belong under `ignore`" in about["id",].advice and "State fewer bins" in about["age",].advice
    assert seen.unlisted is not None and seen.unlisted[0] > seen.unlisted[1]
    ward = about["ward",]
    assert f"needs about {round(seen.unlisted[0], -1):,.0f} rows to be told of at epsilon 1" in ward.text
    assert "List the categories" in ward.advice
    assert "too rare to be learnt" in about["ill",].text and "Merge rare classes" in about["ill",].advice
    unlisted = expected(schema(columns=COLUMNS | {"ill": {"kind": "categorical"}}), 1.0, 1e-8)
    advice = {finding.columns: finding.advice for finding in unlisted.findings}["ill",]
    assert advice.startswith("List its classes") and "nothing is published, and the budget is spent" in advice
    assert all(str(finding).endswith(".") and "\n" not in str(finding) for finding in seen.findings)


def test_columns_alike_share_a_finding() -> None:
    numbers = {f"n{i}": {"kind": "integer", "bounds": [0, 99], "bins": 50} for i in range(30)}
    many = expected(schema(columns={**numbers, "ill": COLUMNS["ill"]}), 1.0, 1e-8)
    first, classes = many.findings
    assert first.columns == tuple(numbers) and "(30 in all) drown in the noise: of 2,000 rows each of 50 bins" in first.text
    assert classes.columns == ("ill",) and many.outlook == "none"


def test_more_epsilon_is_less_noise_and_no_worse_a_verdict(seen: Expectation) -> None:
    better = expected(schema(), 8.0, 1e-8)
    assert better.noise < seen.noise / 4 and better.unlisted is not None and seen.unlisted is not None
    assert better.unlisted[0] < seen.unlisted[0] / 3 and set(seen.of("clear")) < set(better.of("clear"))


def wide(columns: int, rows: int, rng: np.random.Generator) -> tuple[dict[str, Any], pd.DataFrame]:
    """A table of columns of eight kinds, close together and far apart, whose name begins with the kind."""
    made: dict[str, Any] = {
        "age": lambda: rng.integers(0, 100, rows),
        "pay": lambda: np.rint(np.exp(rng.normal(10, 0.8, rows))).astype(int),
        "score": lambda: np.round(rng.normal(0, 1, rows), 6),
        "fee": lambda: np.where(rng.random(rows) < 0.9, 0, np.rint(np.exp(rng.normal(5, 1.2, rows)))).astype(int),
        "seen": lambda: np.datetime64("2024-01-01") + rng.integers(0, 365, rows),
        "born": lambda: np.datetime64("1930-01-01") + rng.integers(0, 90 * 365, rows),
        "sex": lambda: rng.choice(["f", "m"], rows),
        "ward": lambda: rng.choice([f"w{n}" for n in range(50)], rows),
    }
    kinds = {"score": "real", "seen": "date", "born": "date", "sex": "categorical", "ward": "categorical"}
    names = [f"{kind}{n}" for n in range(columns // len(made)) for kind in made]
    frame = pd.DataFrame({name: pd.Series(made[name.rstrip("0123456789")](), dtype=object).astype(str) for name in names})
    spec = {name: {"kind": kinds.get(name.rstrip("0123456789"), "integer")} for name in names}
    return spec | {"ill": COLUMNS["ill"]}, frame.assign(ill=rng.choice(["no", "yes"], rows))


@pytest.mark.parametrize(
    ("columns", "rows", "clear"),
    [
        (64, 10_000, set()),
        (64, 2000, set()),
        (8, 10_000, {"seen", "born"}),
        (8, 30_000, {"age", "pay", "score", "fee", "seen", "born", "sex", "ward"}),
    ],
)
def test_what_is_called_clear_however_it_is_spread_is_learnt(
    columns: int, rows: int, clear: set[str], rng: np.random.Generator
) -> None:
    """Of wide tables, dates over many years and categories as common, some are left out, and of fees, nine in ten of them 0, the
    rest is lost: none of these was called clear.
    """
    spec, frame = wide(columns, rows, rng)
    given = Schema.from_mapping({"target": "ill", "rows_public": rows, "columns": spec})
    told = expected(given, 1.0, 1e-6)
    closed = DomainLearning().learn(RawTable(frame, given, Ledger(Budget(1.0, 1e-6)), rng)).schema
    kinds: dict[str, set[str]] = {}
    for column in told.columns:
        if column.name != "ill":
            kinds.setdefault(column.name.rstrip("0123456789"), set()).add(column.worst)
    assert {kind for kind, worst in kinds.items() if worst == {"clear"}} == clear
    for name in told.clear:
        column = closed[name]  # which is there
        assert column.values >= (50 if name.startswith("ward") else 4) or not column.ordered
    for name in told.of("lost"):
        assert name not in closed.names or closed[name].values < 4
    lost = {name.rstrip("0123456789") for name in given.names if name not in closed.names}
    assert {"ward", "born"} <= lost if columns == 64 else lost <= {"ward"}


def test_a_budget_that_gives_noise_alone_is_called_so() -> None:
    few = expected(schema(), 1.0, 1e-8, rows=60)
    assert few.outlook == "none" and few.rows == 60 and "ill" in few.of("lost")
    assert few.verdict.startswith("Do not spend this budget") and "without the target ill no model can learn" in few.verdict
    assert "there are 60 in all, so nothing is left" in " ".join(map(str, few.findings))


def test_of_kinds_alone_as_much_is_said() -> None:
    kinds = {
        "age": {"kind": "integer"},
        "born": {"kind": "date"},
        "ward": {"kind": "categorical"},
        "ill": {"kind": "categorical"},
    }
    open_schema = schema(rows_public="learn", columns=kinds)
    enough, few = expected(open_schema, 1.0, 1e-8, rows=40_000), expected(open_schema, 1.0, 1e-8, rows=200)
    assert enough.outlook == "good" and {column.told for column in enough.columns} == {"clear"}
    assert few.outlook == "none" and "nothing can be learnt of the target" in few.findings[0].text


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        ({"rows_public": "learn"}, None, "say about how many, as --rows 10000"),
        ({}, 0, "rows is 0; a whole number of at least 1"),
        ({"target": None, "columns": {**COLUMNS, "ill": {"kind": "categorical", "categories": ["a"]}}}, 5, "no target is named"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], rows: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        expected(schema(**changes), 1.0, 1e-8, rows)


def test_cost_grows_with_rows_and_columns() -> None:
    small, large = Cost.of(1000, 10), Cost.of(1_000_000, 10)
    assert small.seconds < 10 < large.seconds < 120 and small.megabytes < 300 < large.megabytes
    assert Cost.of(1000, 100).seconds > small.seconds


def test_a_verdict_tells_how_rare_what_is_to_be_learnt_may_be() -> None:
    listed = {"kind": "categorical", "categories": [0, 1]}
    age = {"kind": "integer", "bounds": [0, 99], "bins": 5}
    told = {
        name: expected(schema(rows_public=20_000, columns={"ward": kind, "age": age, "ill": kind}), 1.0, 1e-6).verdict
        for name, kind in (("open", {"kind": "categorical"}), ("listed", listed))
    }
    assert all("This should work" in verdict for verdict in told.values()) and "3 of 3 columns" in told["listed"]
    assert "rows is lost, a class of ill like any other" in told["open"] and "lost" not in told["listed"]


def test_of_numbers_to_be_cut_it_is_said_how_rare_those_of_another_size_may_be() -> None:
    kinds = {"dollar": {"kind": "integer"}, "born": {"kind": "date"}, "age": {"kind": "integer", "bounds": [0, 110]}}
    told = expected(schema(columns=kinds | {"ill": COLUMNS["ill"]}, rows_public=20_000), 1.0, 1e-6)
    assert told.tail is not None and 1000 > told.tail[0] > told.tail[1] > 50
    (finding,) = [finding for finding in told.findings if finding.columns == ("dollar", "born")]
    assert f"{told.tail[0] / 20_000:.1%} of all, to be told of at epsilon 1" in finding.text and "[0, 1]" in finding.advice
    assert f"fewer than about {told.tail[0]:,.0f} rows have" in told.verdict and "This should work. 4 of 4" in told.verdict
    by_name = {column.name: column for column in told.columns}
    assert by_name["dollar"].least == pytest.approx(told.tail[0]) and by_name["age"].least < told.tail[0] / 2
    assert expected(schema(), 1.0, 1e-8).tail is None


def test_what_is_as_rare_as_said_is_lost_and_what_is_not_is_told_of(rng: np.random.Generator) -> None:
    rows = 8000
    kinds = {f"n{i}": {"kind": "integer"} for i in range(6)}
    given = schema(columns=kinds | {"ill": COLUMNS["ill"]}, rows_public=rows)
    tail = expected(given, 1.0, 1e-6).tail
    assert tail is not None
    for ones, told in ((0.8 * tail[1], False), (1.2 * tail[0], True)):
        frame = pd.DataFrame(dict.fromkeys(kinds, (np.arange(rows) < ones).astype(int)) | {"ill": ["no", "yes"] * (rows // 2)})
        closed = DomainLearning().learn(RawTable(frame, given, Ledger(Budget(1.0, 1e-6)), rng)).schema
        several = [closed[name].values > 1 for name in kinds]
        assert sum(several) >= 5 if told else sum(several) <= 1
