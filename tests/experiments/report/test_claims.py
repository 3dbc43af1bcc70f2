"""Claims written down before the runs: read, judged on their seeds and tables alone, and refused where they say nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.claims import (
    HOLDS,
    NOT_RUN,
    NOT_SHOWN,
    REFUTED,
    Claim,
    Preregistered,
    adjusted,
    again,
    judged,
    on_unseen_alone,
    preregistered,
)
from experiments.report.grouped import View
from experiments.report.tables import claims as table

TOLD = {"says": "it is better", "method": "dpdsyn", "beside": "mst", "measure": "accuracy", "compared": "difference"}


def claim(**more: Any) -> Claim:
    return Claim.of({**TOLD, "datasets": "both", "at_least": {1.0: 0.02}, **more}, {"both": ["a", "b"]})


def runs(lead: dict[str, float], seeds: range = range(5), **more: Any) -> list[Record]:
    """DPDSyn ahead of MST by so much in each data set, by a little more or less with each seed."""
    made = []
    for dataset, ahead in lead.items():
        for seed in seeds:
            for method, accuracy in (("dpdsyn", 0.7 + ahead + 0.001 * (seed % 3)), ("mst", 0.7)):
                made.append(
                    changed(
                        one(method, accuracy, seed=seed, **more),
                        run_id=f"{dataset}{method}{seed}{more}",
                        dataset={"name": dataset, "n_train": 900, "n_test": 100},
                    )
                )
    return made


def verdict(records: list[Record], told: Claim, seeds: range = range(5)) -> str:
    (found,) = judged(View.of(records), Preregistered((told,), tuple(seeds), "x"))
    return found.verdict


def test_a_claim_holds_is_refuted_or_not_shown_by_its_interval() -> None:
    assert verdict(runs({"a": 0.05, "b": 0.03}), claim()) == HOLDS
    assert verdict(runs({"a": 0.01, "b": 0.0}), claim()) == REFUTED
    assert verdict(runs({"a": 0.02, "b": 0.018}), claim()) == NOT_SHOWN
    assert verdict(runs({"a": 0.05, "b": 0.03}), claim(at_least=None, at_most={1.0: 0.02})) == REFUTED
    assert verdict(runs({"a": 0.01, "b": 0.0}), claim(at_least=None, at_most={1.0: 0.02})) == HOLDS


def test_a_table_that_is_missing_keeps_a_claim_from_holding_and_not_from_being_refuted() -> None:
    assert verdict(runs({"a": 0.05}), claim()) == NOT_SHOWN
    assert verdict(runs({"a": 0.0}), claim()) == REFUTED
    assert verdict(runs({"c": 0.5}), claim()) == NOT_RUN


def test_other_seeds_settings_and_tables_that_are_judged_otherwise_take_no_part() -> None:
    good, bad = runs({"a": 0.05, "b": 0.05}), runs({"a": -0.5, "b": -0.5}, range(5, 20))
    assert verdict(good + bad, claim()) == HOLDS
    assert verdict(good + bad, claim(), range(5, 20)) == REFUTED
    elsewhere = {"evaluation": {"name": "offtask", "evaluators": ["logistic"], "column": "x"}}
    others = runs({"a": -0.5, "b": -0.5}, **elsewhere)
    assert verdict(good + others, claim()) == HOLDS and verdict(good + others, claim(off_task=True)) == REFUTED


def test_p_is_that_of_the_wrong_side_and_is_adjusted_over_all_that_have_one() -> None:
    told = [claim(), claim(says="at most", at_least=None, at_most={1.0: 0.02}), claim(says="elsewhere", datasets=["c"])]
    found = judged(View.of(runs({"a": 0.02, "b": 0.022})), Preregistered(tuple(told), tuple(range(5)), "x"))
    above, below, nothing = found
    assert above.p is not None and below.p is not None and 0 < above.p < 0.5 < below.p
    assert above.p + below.p == pytest.approx(1) and nothing.p is None
    low, high = above.interval or (0, 0)
    assert (above.p < 0.05) == (low > 0.02) and high > low
    assert adjusted(found) == [pytest.approx(min(1, 2 * above.p)), pytest.approx(below.p), None]


def test_unseen_tables_are_judged_alone_where_a_claim_is_about_more() -> None:
    told = Preregistered((claim(), claim(says="of b", datasets=["b"])), tuple(range(5)), "x", ("b",))
    view = View.of(runs({"a": 0.2, "b": 0.0}))
    assert [one.verdict for one in judged(view, told)] == [HOLDS, REFUTED]
    (alone,) = on_unseen_alone(view, told).items()
    assert alone[0] == ("it is better", 1.0) and alone[1].verdict == REFUTED and set(alone[1].by_dataset) == {"b"}
    assert on_unseen_alone(view, Preregistered(told.claims, told.seeds, "x")) == {}


def test_ratios_of_seconds_are_of_runs_alone_and_have_no_interval() -> None:
    told = claim(measure="seconds", compared="ratio", at_least=None, at_most={1.0: 0.5}, datasets=["a"])
    seconds = {"dpdsyn": 1.0, "mst": 4.0}
    alone = [
        changed(each, seconds={"fit": 1.0, "sample": 0.0, "total": seconds[each.method.name], "alone": True})
        for each in runs({"a": 0.0})
    ]
    (found,) = judged(View.of(alone), Preregistered((told,), tuple(range(5)), "x"))
    assert (found.value, found.interval, found.verdict, found.seeds) == (0.25, None, HOLDS, 5)
    assert verdict(runs({"a": 0.0}), told) == NOT_RUN, "beside other runs nothing is timed"


@pytest.mark.parametrize(
    "more",
    [{"at_most": {1.0: 1.0}}, {"at_least": None}, {"compared": "quotient"}, {"datasets": []}, {"more": 1}],
)
def test_a_claim_that_says_nothing_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="claim 'it is better'"):
        claim(**more)


def test_what_is_claimed_of_the_paper_is_readable_and_judged_on_seeds_that_nothing_else_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = preregistered()
    assert told is not None and len(told.claims) >= 10 and min(told.seeds) >= 10
    assert all(set(one.bounds) <= {0.2, 0.8, 1.0, 3.2} for one in told.claims)
    assert preregistered("quickstart") is None and preregistered("no_such") is None
    seeds = Preregistered((claim(),), tuple(range(5)), told.sha256)
    monkeypatch.setattr(table, "preregistered", lambda: seeds)
    (made,) = table.build(View.of(runs({"a": 0.05, "b": 0.03})))
    (row,) = made.rows
    assert row == ["it is better", "1", "≥ 0.02", "+0.0408", row[4], "holds", row[6], "-", "2", "5", "b +0.0308", "-"]
    assert float(row[6]) < 0.05
    assert told.sha256 in made.notes[0] and table.build(View.of(runs({"c": 0.05}))) == []


def test_claims_are_judged_once_more_by_seeds_that_ran_after_the_methods_last_change(monkeypatch: pytest.MonkeyPatch) -> None:
    first, later = preregistered(), again()
    assert first is not None and later is not None and later.claims == first.claims and later.sha256 == first.sha256
    assert not set(first.seeds) & set(later.seeds) and again("no_such") is None
    told = Preregistered((claim(), claim(says="elsewhere", datasets=["c"])), tuple(range(5)), "x")
    monkeypatch.setattr(table, "preregistered", lambda: told)
    monkeypatch.setattr(table, "again", lambda: replace(told, seeds=(5, 6, 7), again=True))
    good, named = runs({"a": 0.05, "b": 0.03}), {"experiment": {"name": "paper_again", "sha256": "0"}}
    bad, others = runs({"a": 0.0, "b": 0.0}, range(5, 8), **named), runs({"a": 0.5, "b": 0.5}, range(5, 8))
    assert len(table.build(View.of(good + others))) == 1, "nothing has run again"
    assert View.of(good + bad).swept.groups == View.of(good).swept.groups, "nothing else counts it"
    whole, more = table.build(View.of(good + bad))
    assert [row[5] for row in whole.rows] == ["holds", "not run"], "later seeds take no part in what was registered"
    assert [row[5] for row in more.rows] == ["refuted"] and "5, 6, 7" in more.notes[0]
