"""What an attack sees of a guide: where training ended, and how far it went from where it began, which may be anywhere."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from dpdsyn.contract import fit_toy, toy_encoded, toy_schema
from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.method import GuidedSynthesizer
from experiments.audit.attacks import canary_of, parameters

SCHEMA = toy_schema()
CANARY = canary_of(toy_encoded(SCHEMA, 80), SCHEMA)
CROSSES = {"module": "dpdsyn.crosses:Crosses", "options": {"width": 3, "hidden": 3}}


def trained(begin: np.ndarray, moved: np.ndarray) -> Any:
    guide = Guide(SCHEMA, GuideSettings(hidden=3))
    guide.begin_, guide.parameters_ = begin, (begin + moved).astype(np.float32)
    return SimpleNamespace(guide_=guide)


def test_where_training_began_is_taken_off() -> None:
    """What the canary's codes add on the linear path is moved alike wherever that was; the log-odds hang on both."""
    rng = np.random.default_rng(0)
    size = Guide(SCHEMA, GuideSettings(hidden=3)).network.parameters
    moved, begins = rng.normal(0, 0.3, size), rng.normal(0, 1.0, (2, size))
    first, second = (parameters(trained(begin, moved), SCHEMA, CANARY) for begin in begins)
    each = len(first) // 2
    assert each == 1 + len(SCHEMA.features) + 1  # the bias, a code a column, the log-odds
    assert np.abs(first[:each] - second[:each]).min() > 1e-3
    assert first[each:-1] == pytest.approx(second[each:-1], abs=1e-5) and np.abs(first[each:-1]).min() > 1e-3
    still = parameters(trained(begins[0], np.zeros(size)), SCHEMA, CANARY)
    assert np.array_equal(still[each:], np.zeros(each))


def test_only_what_the_canary_pulls_at_is_looked_at() -> None:
    size = Guide(SCHEMA, GuideSettings(hidden=3)).network.parameters
    seen = []
    for position in range(size):
        found = parameters(trained(np.zeros(size), np.eye(1, size, position)[0]), SCHEMA, CANARY)
        seen.append(bool(found.any()))
    table, _ = Guide(SCHEMA, GuideSettings(hidden=3)).network.split(np.array(seen))
    rows = Guide(SCHEMA, GuideSettings(hidden=3)).network.index(CANARY[:, :-1])[0]
    assert set(np.flatnonzero(table.any(axis=1))) == set(rows) and table[rows, 3:].all()


@pytest.mark.parametrize("kind", [{"hidden": 3}, CROSSES])
def test_a_fitted_guide_can_be_attacked_whatever_it_is_made_of(kind: dict[str, Any]) -> None:
    settings = {"steps": 4, "pretraining": 6, **kind}
    fitted, _ = fit_toy(lambda: GuidedSynthesizer("class_conditional", guide=settings), SCHEMA, 80, verify=False)
    guide = fitted.guide_
    found = parameters(fitted, SCHEMA, CANARY)
    own = 2 * (len(SCHEMA.features) + (1 if "module" in kind else 2))
    assert len(found) == own + len(SCHEMA.features) and np.isfinite(found).all()  # the source's cells are looked at too
    label = int(CANARY[0, -1])
    chances = np.log(guide.predict_proba(CANARY[:, :-1])[0].astype(float))
    assert found[own // 2 - 1] == pytest.approx(chances[label] - chances.mean(), abs=1e-5)
    assert found[own // 2 : own].any()  # training has moved it
