"""Rows drawn under a condition have the law of rows that are drawn and passed over until one fits, and cost no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from baselines.marginal.conditioned import conditioned
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import JunctionTree
from baselines.mst import MST
from baselines.swift import Swift
from dpdsyn.candidates import ClassConditional, Independent, Uniform
from dpdsyn.learning.merging import Merged, Merging
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.rows import Rows
from dpdsyn.rules.conditions import Conditions
from dpdsyn.rules.exact_conditions import draw_given
from dpdsyn.rules.published_rows import PublishedRows, most_drawn
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

ROWS = 12_000
_COUNTS = [40.0, 25.0, 5.0, 20.0, 10.0, 8.0]


def schema_of(**columns: Any) -> Schema:
    usual: dict[str, Any] = {
        "a": {"kind": "categorical", "categories": ["p", "q", "r"]},  # with an `other` that is not published
        "b": {"kind": "integer", "bounds": [0, 8], "bins": 3},
        "c": {"kind": "categorical", "categories": ["x", "y"]},
        "y": {"kind": "categorical", "categories": ["no", "yes"]},
    }
    return Schema.from_mapping({"target": "y", "rows_public": 2000, "columns": {**usual, **columns}})


def fitted(method: Synthesizer, schema: Schema, seed: int = 0) -> Synthesizer:
    """On rows whose columns depend on each other."""
    rng = np.random.default_rng(seed)
    base = rng.random(2000)
    codes = [np.minimum((base * 0.7 + rng.random(2000) * 0.3) ** 1.5 * size, size - 1).astype(int) for size in schema.sizes]
    rows = np.stack(codes, axis=1).astype(schema.dtype)
    private = PrivateTable(Rows(rows), schema, Ledger(Budget(50.0, 1e-5)), np.random.default_rng(1))
    return method.fit(private, np.random.default_rng(2))


def refused_until(method: Synthesizer, schema: Schema, weights: Mapping[int, np.ndarray], n: int) -> np.ndarray:
    """By rejection."""
    rng = np.random.default_rng(3)
    encoded = draw(method, schema, n, rng)
    accept = np.prod([weight[encoded[:, position]] for position, weight in weights.items()], axis=0)
    return encoded[rng.random(n) < accept]


def unlike(schema: Schema, one: np.ndarray, other: np.ndarray) -> float:
    """The p-value of the hypothesis that both samples have one law."""
    flat = [np.ravel_multi_index(tuple(rows.astype(int).T), schema.sizes) for rows in (one, other)]
    cells = np.stack([np.bincount(codes, minlength=int(np.prod(schema.sizes))) for codes in flat])
    common = cells.sum(axis=0) >= 10
    return float(chi2_contingency(np.column_stack([cells[:, common], cells[:, ~common].sum(axis=1) + 1])).pvalue)


def learnt(size: int = 6) -> dict[str, Any]:
    starts = list(range(size))
    pieces = {"starts": starts, "firsts": starts, "lasts": starts}
    return {"kind": "integer", "pieces": pieces, "counts": _COUNTS[:size], "count_sds": [1.0] * size}


METHODS: dict[str, Any] = {
    "swift": lambda schema: fitted(Swift(), schema),
    "mst": lambda schema: fitted(MST(), schema),
    "independent": lambda schema: fitted(Independent(), schema),
    "class_conditional": lambda schema: fitted(ClassConditional(), schema),
    "uniform": lambda schema: fitted(Uniform(), schema),
    "merged": lambda schema: fitted(
        Merged(Swift(), Merging(schema, {"b": np.array([0, 0, 1, 1, 2, 2])})), schema
    ),
}  # fmt: skip
WEIGHTS = {0: np.array([0.0, 1.0, 0.0, 1.0]), 1: np.array([1.0, 0.5, 0.0]), 3: np.array([1.0, 0.3])}


@pytest.mark.parametrize("name", METHODS)
def test_the_law_is_that_of_rejection(name: str) -> None:
    schema = schema_of(**({"b": learnt()} if name == "merged" else {}))
    weights = WEIGHTS | ({1: np.array([1.0, 0.2, 0.0, 1.0, 0.5, 0.0])} if name == "merged" else {})
    method = METHODS[name](schema)
    exact = draw_given(method, schema, ROWS, weights, np.random.default_rng(4))
    rejected = refused_until(method, schema, weights, 8 * ROWS)
    assert exact is not None and exact.dtype == schema.dtype and len(exact) == ROWS
    assert set(exact[:, 0]) == {1} and 0 not in weights[1][exact[:, 1]]
    assert unlike(schema, exact, rejected) > 1e-4
    plain = draw(method, schema, ROWS, np.random.default_rng(5))
    assert unlike(schema, plain[np.isin(plain[:, 0], [1])], rejected) < 1e-4, "the test tells laws apart"
    for position in range(4):
        shares = method.shares(position)
        assert shares is not None and shares.sum() == pytest.approx(1.0)
        seen = np.bincount(method.sample(ROWS, np.random.default_rng(6))[:, position], minlength=len(shares)) / ROWS
        assert seen == pytest.approx(shares, abs=0.02)
    assert draw_given(method, schema, 5, {2: np.zeros(3)}, np.random.default_rng(0)) is None


def test_evidence_passes_through_the_whole_tree(rng: np.random.Generator) -> None:
    sizes = (2, 3, 4, 2, 3)
    joint = rng.random(sizes) * (rng.random(sizes) > 0.3)
    tree = JunctionTree.of(sizes, [(0, 1), (1, 2), (2, 3), (1, 4)])
    parts = [rng.random([sizes[c] for c in clique]) for clique in tree.cliques]
    joint = np.ones(sizes)
    for clique, part in zip(tree.cliques, parts, strict=True):
        order = sorted(range(len(clique)), key=lambda k: clique[k])
        shape = [size if c in clique else 1 for c, size in enumerate(sizes)]
        joint = joint * part.transpose(order).reshape(shape)

    def beliefs(table: np.ndarray) -> list[np.ndarray]:
        found = []
        for clique in tree.cliques:
            summed = table.sum(axis=tuple(c for c in range(5) if c not in clique))
            found.append(summed.transpose([sorted(clique).index(c) for c in clique]))
        return found

    weights = {0: np.array([0.0, 1.0]), 3: np.array([0.5, 2.0]), 4: np.array([1.0, 0.0, 1.0])}
    under = conditioned(Model(tree, float(joint.sum()), {}, beliefs(joint)), weights)
    wanted = joint * weights[0].reshape(2, 1, 1, 1, 1) * weights[3].reshape(1, 1, 1, 2, 1) * weights[4].reshape(1, 1, 1, 1, 3)
    assert under is not None and under.total == pytest.approx(wanted.sum())
    for found, right in zip(under.beliefs, beliefs(wanted), strict=True):
        assert found == pytest.approx(right)
    assert under.project((0, 3)) == pytest.approx(wanted.sum(axis=(1, 2, 4)))


GUIDE = {"steps": 5, "pretraining": 20, "hidden": 4, "batch": 200}


@pytest.fixture(scope="module")
def guided() -> tuple[Synthesizer, Schema]:
    schema = schema_of()
    return fitted(GuidedSynthesizer(candidates="swift", guide=GUIDE, labels="sample"), schema), schema


def test_the_guides_labels_follow_from_features_under_the_condition(guided: tuple[Synthesizer, Schema]) -> None:
    method, schema = guided
    weights = {0: WEIGHTS[0], 1: WEIGHTS[1]}
    exact = draw_given(method, schema, ROWS, weights, np.random.default_rng(4))
    assert exact is not None and unlike(schema, exact, refused_until(method, schema, weights, 8 * ROWS)) > 1e-4
    assert method.shares(3) is None, "what the guide labels is drawn again until it fits"


def test_a_rare_value_costs_no_more_rows_and_rules_are_kept() -> None:
    rare = {"kind": "categorical", "categories": ["u", "v"], "other": False}
    raw = schema_of(c=rare).to_mapping() | {"constraints": ["c = v -> b >= 2"]}
    schema = Schema.from_mapping(raw)
    method = fitted(Independent(), schema)
    method.marginals_[2] = np.array([1 - 1e-6, 1e-6])  # type: ignore[attr-defined]
    published = PublishedRows(method, schema)
    frame = published.sample(500, Conditions({"c": "v", "a": "q"}, {"yes": 0.5, "no": 0.5}), np.random.default_rng(0))
    assert set(frame["c"]) == {"v"} and set(frame["a"]) == {"q"} and (frame["b"] >= 2).all()
    assert frame["y"].value_counts().to_dict() == {"yes": 250, "no": 250}
    assert published.tally.drawn < 5_000 and published.tally.repaired == 0
    labels = PublishedRows(method, schema)
    assert len(labels.sample(40, Conditions({}, {"yes": 1.0}), np.random.default_rng(0))) == 40 and labels.tally.drawn < 3_000


def test_what_the_model_never_has_is_repaired_at_once() -> None:
    schema = schema_of(c={"kind": "categorical", "categories": ["u", "v"], "other": False})
    method = fitted(Independent(), schema)
    method.marginals_[2] = np.array([1.0, 0.0])  # type: ignore[attr-defined]
    published = PublishedRows(method, schema)
    frame = published.sample(50, Conditions({"c": "v"}), np.random.default_rng(0))
    assert set(frame["c"]) == {"v"} and published.tally.drawn == 0 and published.tally.repaired == 50 < most_drawn(50)


def test_a_label_beside_which_the_condition_cannot_be_is_not_drawn() -> None:
    schema = schema_of()
    method = fitted(ClassConditional(), schema)
    method.conditional_[1] = np.array([[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]])  # type: ignore[attr-defined]
    rows = draw_given(method, schema, 50, {1: np.array([1.0, 0.0, 0.0])}, np.random.default_rng(0))
    assert rows is not None and set(rows[:, 3]) == {0} and set(rows[:, 1]) == {0}


@pytest.mark.parametrize("method", [Independent, ClassConditional, Swift])
@pytest.mark.parametrize("given", [{"b": 1}, {"a": "q"}, {"b": 1, "a": "q"}])
def test_a_missing_cell_does_not_have_the_value_that_is_given(method: type[Synthesizer], given: dict[str, Any]) -> None:
    """Though it breaks no rule, as the owner's own rules go."""
    schema = schema_of(
        a={"kind": "categorical", "categories": ["p", "q"], "missing": "own_code", "other": False},
        b={"kind": "integer", "bounds": [0, 8], "bins": 9, "missing": "own_code"},
    )
    for rules in ((), ["c = x -> b >= 1"]):
        ruled = Schema.from_mapping({**schema.to_mapping(), **({"constraints": rules} if rules else {})})
        rows = PublishedRows(fitted(method(), ruled), ruled)
        frame = rows.sample(500, Conditions(given), np.random.default_rng(4))
        assert all((frame[name] == value).all() for name, value in given.items()) and len(frame) == 500
