"""Runs that later code did again count once, and one name stands for one method."""

from __future__ import annotations

from typing import Any

import pytest
from builders.records import record

from baselines.swift import Swift
from dpdsyn.method import GuidedSynthesizer
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.missing import OTHERWISE, STALE, current, is_stale, lost
from experiments.sources import own as sources_of

OWN = "builders.toy_methods"


def run(run_id: str, seed: int = 0, **method: Any) -> Record:
    known = {"name": "mine", "guarantee": "dp", "parameters": {}, "target": f"{OWN}.Instant", "version": 1}
    return record(run_id, seed=seed, method={**known, **method})


def ids(records: list[Record]) -> list[str]:
    return [one.run_id for one in records]


def test_the_latest_version_counts_and_runs_that_it_has_not_done_stay() -> None:
    runs = [run("a", 0), run("b", 1), run("c", 0, version=2), run("d", 0, parameters={"x": 1})]
    assert ids(current(runs)) == ["b", "c", "d"]
    assert ids(current(reversed(runs))) == ["d", "c", "b"]
    assert [len(group.runs) for group in View.of(runs).groups] == [2, 1]


def test_of_sources_that_of_today_counts_and_unknown_ones_all() -> None:
    now = sources_of([OWN])
    assert OWN in now
    runs = [run("a", source={**now, OWN: "0" * 16}), run("b", source=now), run("c", source={**now, OWN: "1" * 16})]
    assert ids(current(runs)) == ["b"]
    gone = [run(one, target="gone.away.Method", source={"gone.away": one * 16}) for one in "ab"]
    assert ids(current(gone)) == ["a", "b"]
    (group,) = View.of(gone).groups
    assert group.missing == f"1 of 2 {OTHERWISE}"


def test_a_method_within_another_that_changed_makes_its_runs_older() -> None:
    """DPDSyn's candidates are another method's rows, whose version is no part of its own."""

    def one(run_id: str, **foreign: Any) -> Record:
        target, version = "dpdsyn.method.GuidedSynthesizer", GuidedSynthesizer().version
        method = {"name": "dpdsyn", "guarantee": "dp", "parameters": {}, "target": target, "version": version}
        return record(run_id, method=method, environment={"foreign": foreign})

    now, before, unknown = one("a", swift=Swift.version), one("b", swift=Swift.version - 1), one("c")
    assert [is_stale(run) for run in (now, before, unknown)] == [False, True, False]
    assert ids(current([before, now])) == ids(current([now, before])) == ["a"]
    assert ids(current([before])) == ["b"] and lost([before]) == f"1 of 1 {STALE}"
    assert not is_stale(one("d", swift=Swift.version, package="0.1"))


@pytest.mark.parametrize("change", [{"seed": 1}, {"evaluation": {"column": "x"}}, {"seconds": {"alone": True}}])
def test_other_runs_supersede_nothing(change: dict[str, Any]) -> None:
    later = record("b", **{"method": {"name": "mine", "target": f"{OWN}.Instant", "version": 2}, **change})
    assert ids(current([run("a"), later])) == ["a", "b"]


def test_two_methods_and_two_data_sets_of_one_name_are_two() -> None:
    two = View.of([run("a"), run("b", target=f"{OWN}.Slow")]).groups
    assert [len(group.runs) for group in two] == [1, 1] and {str(group.method) for group in two} == {
        f"mine (class={OWN}.Instant)",
        f"mine (class={OWN}.Slow)",
    }
    files = [record(one, dataset={"name": "shop", "sha256": {"shop.csv": one * 64}}) for one in "ab"]
    assert {str(case.dataset) for case in View.of(files).cases} == {"shop (files=aaaaaaaa)", "shop (files=bbbbbbbb)"}
