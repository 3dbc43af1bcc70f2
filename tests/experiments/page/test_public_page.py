"""The page of a release: one file, made of the statement and the synthetic rows alone."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn.accounting.guarantee import HELD_AGAINST
from dpdsyn.quality.private_evaluation import PrivateEvaluation
from dpdsyn.schema import Schema
from experiments.page.public_page import public_page
from experiments.page.release_pages import Pages
from experiments.page.tallies import MOST_VALUES, readable, tallies
from experiments.page.words import best_guess

VOID = {"meta", "line", "rect", "circle", "i"}
SCHEMA = Schema.from_mapping(
    {
        "target": "ill",
        "rows_public": 500,
        "person": "patient",
        "max_rows_per_person": 2,
        "ignore": ["note <b>"],
        "columns": {
            "age": {"kind": "integer", "bounds": [0, 110], "bins": 20},
            "cost": {"kind": "real", "bounds": [0, 100000], "bins": 40, "missing": "own_code"},
            "seen": {"kind": "date", "bounds": ["2020-01-01", "2024-12-31"], "bins": 30, "format": "%d.%m.%Y"},
            "<script>alert(1)</script>": {"kind": "categorical", "categories": ["a&b", "<i>", *[f"v{i}" for i in range(30)]]},
            "floor": {"kind": "categorical", "categories": [1, 2, 3]},
            "ill": {"kind": "categorical", "categories": ["no", "yes"]},
        },
    }
)
EVALUATION = PrivateEvaluation("ill", ("no", "yes"), ((300.4, 20.1), (-3.0, 180.0)), 9.5, (160.0, 90.0), 4.6, 0.1, 0.0, 500)


def rows(count: int = 500) -> pd.DataFrame:
    """As `sample` gives them."""
    rng = np.random.default_rng(0)
    encoded = np.stack(
        [rng.integers(column.values + (column.missing == "own_code"), size=count) for column in SCHEMA.columns], axis=1
    )
    frame = SCHEMA.decode(encoded, rng)
    frame["cost"] = frame["cost"].where(rng.random(count) < 0.7, 0.0)
    return frame


def statement(**changed: Any) -> dict[str, Any]:
    """As `dpdsyn synthesize` writes it."""
    return {
        "guarantee": "dp",
        "epsilon": 1.0,
        "delta": 1e-6,
        "epsilon_spent": 0.99991,
        "protects": "one person",
        "neighbouring_tables": "one person added or removed",
        "spends": [{"label": "2 noisy marginals", "mechanism": "Gaussian", "noise_multiplier": 7.25, "count": 1}],
        "assumptions": ["kinds were confirmed"],
        "learnt": ["age: 7 pieces"],
        "program": "dpdsyn 0.1.0",
        "method": {"name": "dpdsyn", "version": 4, "candidates": "swift"},
        "rows": 500,
        "noise": "operating system's entropy",
        "cautions": ["delta is large"],
        "evaluation": EVALUATION.to_mapping(),
        "schema": SCHEMA.to_mapping(),
        **changed,
    }


def made(frame: pd.DataFrame | None = None, pieces: int = 1, **changed: Any) -> str:
    """The page of rows that came in so many chunks."""
    pages = Pages(SCHEMA)
    frame = rows() if frame is None else frame
    ends = np.linspace(0, len(frame), pieces + 1).astype(int)
    for start, end in pairwise(ends):
        list(pages.watch([frame.iloc[start:end].reset_index(drop=True)]))
    return public_page(statement(**changed), "made.csv", pages._tallies or [])


class Nested(HTMLParser):
    """Notes tags that are not closed, and all addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_one_sound_file_that_asks_for_nothing() -> None:
    page = made()
    found = Nested(page)
    assert found.open == [] and page.startswith("<!doctype html>")
    assert not {name for name, _ in found.attributes} & {"src", "href", "onclick", "onload", "action"}
    assert "<script" not in page and "&lt;script&gt;alert(1)" in page and "a&amp;b" in page and "note &lt;b&gt;" in page
    assert "url(" not in page and "@import" not in page and "http" not in re.sub(r"http-equiv", "", page)
    for media in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print"):
        assert media in page


def test_what_is_promised_is_said_for_anybody_and_word_by_word() -> None:
    page = made()
    for text in (
        "synthetic table of 500 rows and 6 columns",
        "may be published with the table",
        "right at most 73.1% of the time",
        "one person, with all rows that bear",
        "one person added or removed",
        "1, of which 0.9999 is spent",
        "at most 2 of each are used",
        "kinds were confirmed",
        "age: 7 pieces",
        "left out of the synthetic table: note",
        "2 noisy marginals",
        "noise multiplier 7.25",
        "delta is large",
        "whether the published table is anonymous".capitalize(),
    ):
        assert text in page, text
    assert "for two neighbouring tables, the probability" in page
    assert "for two neighbouring tables that both fit the schema, the" in made(assumptions=[HELD_AGAINST])
    assert "None of its rows" not in page and "may happen to equal a real one" in page
    assert "A row is protected, not a person" in made(protects="one row")
    assert "weak promise" in made(epsilon=20.0) and "practically always" in made(epsilon=20.0)
    assert "outside library" in made(guarantee="unverified")
    without = made(guarantee="none", epsilon_spent=None)
    assert "neither the table nor this page is for publishing" in without and "may be published with" not in without
    assert "whoever knows the seed, or guesses it, can take it off. Not for publishing" in made(
        noise="SEEDED: not private against whoever knows the seed"
    )


def test_that_rows_stand_alone_is_said_where_people_may_have_several() -> None:
    assert "stands alone" not in made()
    assert "Each synthetic row stands alone. So nothing can be learnt" in made(persons="each synthetic row stands alone")


def test_a_guess_is_no_better_than_epsilon_and_delta_allow() -> None:
    assert best_guess(0.0, 0.0) == 0.5 and best_guess(1.0, 0.0) == pytest.approx(np.e / (1 + np.e)) and best_guess(1e4, 1e-6) == 1
    assert best_guess(0.0, 0.1) == pytest.approx(0.55)  # with probability delta all is told, else nothing


def test_an_evaluation_is_shown_or_said_to_be_missing() -> None:
    page = made()
    for text in (
        "In words: models learn",
        "in-sample",
        "give or take 9.5",
        ">300<",
        ">0<",
        "0.966",
        "with a chance of 95% between",
    ):
        assert text in page, text
    absent = statement()
    del absent["evaluation"]
    assert "Nothing was measured" in public_page(absent, "made.csv", [])
    assert "held out: about 25% of them" in made(evaluation={**EVALUATION.to_mapping(), "part": 0.25})


def of_evaluation(table: tuple[tuple[float, ...], ...], loss: tuple[float, float]) -> tuple[dict[str, Any], list[str]]:
    """An evaluation, and what the page has of each measure."""
    found = replace(EVALUATION, table=table, loss=loss, sd=2.0).to_mapping()
    page = made(evaluation=found)
    return found, re.findall(r'<div class="gauge">.*?</div>', page, re.DOTALL)


def test_a_number_that_is_no_better_than_guessing_gives_way_to_words() -> None:
    """Accuracy .95 where one class is 95 in 100 is what is got by looking at nothing."""
    found, gauges = of_evaluation(((950.0, 1.0), (50.0, 1.0)), (200.0, 150.0))
    assert found["accuracy"]["low"] < found["guessing"]["accuracy"] and "no better than guessing" in found["verdict"]
    commonest = "no better, as far as can be told, than to say the commonest class of everybody"
    for gauge, words in zip(gauges, (commonest, "the same class of everybody", "how common the classes are"), strict=True):
        assert words in gauge and "<strong>" not in gauge and "with a chance of 95% between" in gauge
    assert "In words: no better than guessing" in made(evaluation=found)


def test_each_measure_is_judged_by_its_own_line() -> None:
    """Rare cases are found, and so many others taken for them that the commonest class is right as often."""
    found, gauges = of_evaluation(((900.0, 50.0), (10.0, 40.0)), (130.0, 100.0))
    assert found["accuracy"]["low"] < found["guessing"]["accuracy"] and found["verdict"].startswith("models learn")
    assert "commonest class of everybody" in gauges[0] and "<strong>" not in gauges[0]
    assert f"<strong>{found['balanced_accuracy']['estimate']:.3f}</strong>" in gauges[1]
    found, gauges = of_evaluation(((500.0, 20.0), (30.0, 450.0)), (250.0, 180.0))
    for gauge, measure in zip(gauges, ("accuracy", "balanced_accuracy", "log_loss"), strict=True):
        assert f"<strong>{found[measure]['estimate']:.3f}</strong>" in gauge and "no better" not in gauge


def test_shares_of_columns_are_those_of_the_rows_however_they_come() -> None:
    frame = rows(3000)
    cost, floor = frame["cost"], frame["floor"]
    pages = Pages(SCHEMA)
    list(pages.watch([frame[:1500].reset_index(drop=True), frame[1500:].reset_index(drop=True)]))
    found = {tally.column.name: tally for tally in pages._tallies or []}
    assert all(tally.rows == 3000 for tally in found.values())
    assert found["floor"].values == {str(k): int((floor == k).sum()) for k in (1, 2, 3)}
    assert found["cost"].missing == cost.isna().sum() and found["cost"].values[0.0] == (cost == 0).sum()
    assert found["cost"].ranges.sum() + found["cost"].values[0.0] + found["cost"].missing == 3000
    assert found["cost"].mean == pytest.approx(cost.mean()) and found["seen"].ranges.sum() == 3000
    shown, rest, many = found["<script>alert(1)</script>"].commonest()
    assert len(shown) == MOST_VALUES and many == 32 - MOST_VALUES and sum(part for _, part in shown) + rest == pytest.approx(1)
    assert found["seen"].written(0.0) == "1970-01-01" and "2020" in made() and made(pieces=1) == made(pieces=1)


@pytest.mark.parametrize("changed", [{"age": 40}, {"cost": np.nan}, {"cost": 12.5, "age": 1}, {"seen": "03.02.2021"}])
def test_columns_of_one_value_or_none_are_drawn(changed: dict[str, Any]) -> None:
    assert Nested(made(rows(50).assign(**changed))).open == []
    assert Nested(made(rows(1))).open == []


def test_tallies_of_skewed_numbers_are_cut_on_a_logarithmic_scale() -> None:
    frame = rows(2000).assign(cost=np.exp(np.random.default_rng(1).normal(5, 3, 2000)))
    own = next(tally for tally in tallies(SCHEMA, readable(frame, SCHEMA)) if tally.column.name == "cost")
    assert own.edges is not None and np.ptp(np.diff(np.log(own.edges))) < 1e-6


def test_nothing_on_the_page_depends_on_anything_but_statement_and_rows() -> None:
    one, other = made(), made()
    assert one == other
    changed = copy.deepcopy(EVALUATION.to_mapping())
    changed["accuracy"]["estimate"] = 0.123
    assert made(evaluation=changed) != one and "0.123" in made(evaluation=changed)


def test_made_columns_rules_conditions_and_times_of_day_are_told() -> None:
    clock = {"kind": "date", "format": "%H:%M", "resolution": "minute", "bounds": None, "counts": [1] * 3, "count_sds": [1] * 3}
    pieces = {"starts": [0, 480, 960], "firsts": [0, 480, 960], "lasts": [479, 959, 1439]}
    clock["pieces"] = {key: [value - 25567 * 1440 for value in values] for key, values in pieces.items()}
    columns = {"seen": clock, "number": {"kind": "id", "pattern": "P{:04d}"}, "land": {"constant": "D<E"}}
    schema = Schema.from_mapping({"rows_public": 9, "columns": columns, "constraints": ["seen >= 08:00"]})
    cells = pd.DataFrame({"seen": [f"{8 + i % 10:02d}:{i:02d}" for i in range(60)], "number": range(60), "land": "D<E"})
    pages = Pages(schema)
    assert [len(chunk) for chunk in pages.watch([cells])] == [60]
    assert pages._tallies is not None and [tally.column.name for tally in pages._tallies] == ["seen"]
    told = {"constraints": ["seen >= 08:00", {"a -> b": {"x": 1}}], "conditioned_on": ["ward = south"]}
    page = public_page(statement(schema=schema.to_mapping(), **told), "made.csv", pages._tallies)
    assert "time of day, 08:00 to 17:59" in page and "1900" not in page
    for line in (
        "number: made anew for every row (P{:04d})",
        "land: D&lt;E in every row",
        "rule: seen &gt;= 08:00",
        "a -&gt; b (x -&gt; 1)",
    ):
        assert line in page
    assert "synthetic rows, drawn without the conditions below, to predict" in page and "conditions below" not in made()
    assert "drawn under a condition, so how common this is says nothing: ward = south" in page


def test_years_have_no_comma_and_large_numbers_do() -> None:
    from experiments.page.markup import number

    told = [number(value) for value in (1984, 1984.26, 12345, 0.00001234, -2048, 0, 3.5)]
    assert told == ["1984", "1984", "12,345", "1.23e-05", "-2048", "0", "3.5"]


def test_a_logarithmic_axis_says_so() -> None:
    from experiments.page.tallies import Tally

    column = Schema.from_mapping(
        {"target": None, "rows_public": 9, "columns": {"cost": {"kind": "real", "bounds": [0, 1e6], "bins": 9}}}
    )["cost"]
    cells = pd.Series(np.geomspace(1, 1e6, 500))
    assert Tally.of(column, cells).is_logarithmic and not Tally.of(column, pd.Series(np.arange(500.0))).is_logarithmic
