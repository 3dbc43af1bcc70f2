"""What is measured on request: 3-way distances, telling rows apart, membership attacks, accuracy by group."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dpdsyn.base.checks import InputError
from dpdsyn.schema import Schema
from experiments.evaluation.by_group import FEWEST, group_scores, groups
from experiments.evaluation.detection import detection
from experiments.evaluation.fidelity import MOST_TRIPLES, triples_tvd
from experiments.evaluation.likeness import LIKENESS, likeness
from experiments.evaluation.membership import membership
from experiments.evaluation.settings import Settings


def table(columns: int = 4, size: int = 5) -> Schema:
    told = {
        f"c{i}": {"kind": "categorical", "categories": [str(v) for v in range(size)], "other": False} for i in range(columns - 1)
    }
    told["n"] = {"kind": "integer", "bounds": [0, 20], "bins": 20}
    return Schema.from_mapping({"target": "c0", "rows_public": 1000, "columns": told})


def drawn(schema: Schema, rows: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, rows) for size in schema.sizes], axis=1)


def test_three_way_distances_are_the_mean_over_all_triples() -> None:
    schema, (one, other) = table(), (drawn(table(), 300, seed) for seed in (0, 1))

    def naive(columns: tuple[int, ...]) -> float:
        counts = [{}, {}]
        for count, rows in zip(counts, (one, other), strict=True):
            for row in rows:
                key = tuple(row[list(columns)])
                count[key] = count.get(key, 0) + 1 / len(rows)
        return 0.5 * sum(abs(counts[0].get(key, 0) - counts[1].get(key, 0)) for key in {*counts[0], *counts[1]})

    expected = np.mean([naive(columns) for columns in itertools.combinations(range(4), 3)])
    assert triples_tvd(one, other, schema) == pytest.approx(expected)
    assert triples_tvd(one, one, schema) == 0
    assert np.isnan(triples_tvd(one[:, :2], other[:, :2], table(3).select(["c0", "c1"])))


def test_of_many_triples_the_same_are_drawn_for_everybody() -> None:
    wide = table(16)
    rows = drawn(wide, 50, 0)
    assert len(list(itertools.combinations(range(16), 3))) > MOST_TRIPLES
    assert triples_tvd(rows, drawn(wide, 50, 1), wide) == triples_tvd(rows, drawn(wide, 50, 1), wide)


def test_rows_of_one_law_are_not_told_apart_and_others_are() -> None:
    schema = table()
    real, same = drawn(schema, 1200, 0), drawn(schema, 1200, 1)
    alike = detection(same, real, schema, 0)
    assert abs(alike["detection_auroc"] - 0.5) < 0.1 and alike["pmse"] < 0.02
    other = same.copy()
    other[:, 1] = 0
    apart = detection(other, real, schema, 0)
    assert apart["detection_auroc"] > 0.85 and apart["pmse"] > 5 * alike["pmse"]
    assert np.isnan(detection(real[:1], real, schema, 0)["pmse"])


def test_what_depends_on_pairs_is_seen_by_boosting_and_not_by_propensities_of_a_linear_model() -> None:
    schema = table()
    real, paired = drawn(schema, 3000, 0), drawn(schema, 3000, 1)
    paired[:, 2] = paired[:, 1]
    found = detection(paired, real, schema, 0)
    assert found["detection_auroc"] > 0.8 and found["pmse"] < 0.02


def test_copies_of_training_rows_are_found_and_fresh_rows_are_not() -> None:
    schema = table(8, 6)
    train, test = drawn(schema, 1500, 0), drawn(schema, 1500, 1)
    copied = membership(train, train, test, schema, 0)
    assert copied["membership_nearest"] > 0.95 and copied["membership_calibrated"] > 0.9
    fresh = membership(drawn(schema, 1500, 2), train, test, schema, 0)
    assert all(abs(value - 0.5) < 0.06 for value in fresh.values())
    assert np.isnan(membership(train, train, test[:2], schema, 0)["membership_nearest"])


def test_accuracy_of_groups_is_that_of_their_rows() -> None:
    schema = table()
    test = drawn(schema, 1000, 0)
    labels, rng = test[:, 0], np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(schema.sizes[0]), 1000)
    members = groups(test, schema, ["c1"])
    assert set(members) == {f"c1 {value}" for value in range(5)}
    told = group_scores(labels, probabilities, members)
    right = probabilities.argmax(axis=1) == labels
    by_hand = [right[test[:, 1] == value].mean() for value in range(5)]
    assert [told[f"accuracy c1 {value}"] for value in range(5)] == pytest.approx(by_hand)
    assert told["accuracy_gap"] == pytest.approx(max(by_hand) - min(by_hand))
    assert group_scores(labels, probabilities, {}) == {}


def test_groups_of_few_rows_are_left_out_and_names_are_those_that_trackers_take() -> None:
    told = {"a": {"kind": "categorical", "categories": ["x=1?", "y"], "other": False}}
    schema = Schema.from_mapping({"target": "a", "rows_public": 100, "columns": told})
    rows = np.repeat([0, 1], [FEWEST, FEWEST - 1])[:, None]
    assert list(groups(rows, schema, ["a"])) == ["a x_1_"]


def test_what_is_asked_for_is_measured_and_misspelt_names_are_refused() -> None:
    schema = table()
    tables = tuple(drawn(schema, 400, seed) for seed in range(3))
    assert set(likeness(["triples"], tables, schema, 0)) == {"tvd3"}
    assert set(likeness(list(LIKENESS), tables, schema, 0)) == {
        *("tvd3", "detection_auroc", "pmse", "membership_nearest", "membership_calibrated")
    }
    given = {"name": "own", "evaluators": ["logistic"], "repeats": 1}
    with pytest.raises(InputError, match="did you mean detection"):
        Settings.of({**given, "likeness": ["detektion"]})
    with pytest.raises(InputError, match="encoded space"):
        Settings.of({**given, "space": "raw", "groups": ["sex"]})
    with pytest.raises(InputError, match="did you mean c1"):
        Settings.of({**given, "groups": ["c_1"]}).refuse_unknown_groups(schema.names)
