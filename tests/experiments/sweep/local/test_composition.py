"""Configurations from few compositions are those that Hydra composes one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from experiments.sweep.composing import composer
from experiments.sweep.local.composition import Composition

FILES = ("dataset=simulated", "synthesizer=woven")
_WOVEN = "name: woven\n_target_: dpdsyn.candidates.Uniform\nplain: 1\nsame: ${seed}\ndeep: {twice: '${..plain}-${..plain}'}\n"


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Hydra, with a method of one's own some of whose values are made of others."""
    folder = tmp_path_factory.mktemp("conf")
    (folder / "synthesizer").mkdir()
    (folder / "synthesizer" / "woven.yaml").write_text(_WOVEN, encoding="utf-8")
    with composer(folder) as hydras:
        yield hydras


def whole(compose: Any, overrides: Sequence[str]) -> Any:
    """As Hydra has it, or the kind of its refusal."""
    try:
        return OmegaConf.to_container(compose(overrides), resolve=True)
    except Exception as error:
        return type(error)


def quick(composition: Composition, overrides: Sequence[str]) -> Any:
    try:
        return composition.of(overrides)
    except Exception as error:
        return type(error)


JOBS: tuple[tuple[str, ...], ...] = (
    ("dataset=simulated", "synthesizer=uniform", "seed=0", "privacy.epsilon=1"),
    ("dataset=simulated", "synthesizer=uniform", "seed=1", "privacy.epsilon=0.5"),
    ("dataset=simulated", "synthesizer=uniform", "privacy.epsilon=2", "seed=1"),
    ("dataset=simulated", "synthesizer=uniform", "seed=null", "privacy.epsilon='2'"),
    ("dataset=simulated", "synthesizer=uniform", "seed=2", "privacy.epsilon=${seed}"),
    ("dataset=simulated", "synthesizer=uniform", "seed=3", "privacy.epsilon=[1,2]"),
    ("dataset=simulated", "synthesizer=uniform", "seed=4", "privacy.epsilon=1"),
    ("dataset=simulated", "synthesizer=uniform", "seed=4", "dataset.generator={rows: 300}", "dataset.generator.rows=400"),
    ("dataset=simulated", "synthesizer=uniform", "seed=5", "dataset.generator={rows: 300}", "dataset.generator.rows=500"),
    ("dataset=simulated", "synthesizer=uniform", "seed=6", "seed=7", "compute.timeout=9"),
    ("dataset=simulated", "synthesizer=uniform", "seed=8", "seed=6", "compute.timeout=null"),
    ("dataset=simulated", "synthesizer=uniform", "seed=0", "privacy.nosuch=1"),
    ("dataset=simulated", "synthesizer=uniform", "seed=0", "+privacy.more=1", "evaluation.evaluators=[forest]"),
    (*FILES, "seed=1", "synthesizer.plain=2"),
    (*FILES, "seed=2", "synthesizer.plain=3"),
    (*FILES, "seed=2", "synthesizer.same=3"),
)


def test_what_was_composed_before_changes_nothing(compose: Any) -> None:
    composition = Composition(compose)
    for overrides in JOBS:
        assert quick(composition, overrides) == whole(compose, overrides), overrides


_VALUES = {
    "seed": st.integers(0, 3),
    "privacy.epsilon": st.sampled_from(["1", "0.5", "1.0", "'1'", "null", "${seed}", "true"]),
    "synthesizer.plain": st.sampled_from(["1", "x", "[1]", "{a: 1}", "${seed}"]),
    "synthesizer.deep.twice": st.sampled_from(["1", "${..plain}"]),
    "synthesizer.deep": st.sampled_from(["1", "{twice: 5}"]),
}


@pytest.mark.slow
@settings(max_examples=8)
@given(st.lists(st.lists(st.sampled_from(sorted(_VALUES)), max_size=4), min_size=2, max_size=3), st.data())
def test_any_values_of_any_keys_compose_as_hydra_composes_them(compose: Any, keys: list[list[str]], data: st.DataObject) -> None:
    composition = Composition(compose)
    for chosen in [*keys, keys[0]]:
        overrides = (*FILES, *(f"{key}={data.draw(_VALUES[key])}" for key in chosen))
        assert quick(composition, overrides) == whole(compose, overrides), overrides


def test_a_thousand_runs_of_two_methods_take_two_compositions_and_share_nothing(compose: Any) -> None:
    asked: list[Sequence[str]] = []
    composition = Composition(lambda overrides: asked.append(overrides) or compose(overrides))
    made = [
        composition.of(("dataset=simulated", f"synthesizer={name}", f"seed={seed}", f"privacy.epsilon={epsilon}"))
        for name in ("uniform", "majority")
        for seed in range(250)
        for epsilon in (0.5, 1)
    ]
    assert len(asked) == 2 and len({(run["synthesizer"]["name"], run["seed"], run["privacy"]["epsilon"]) for run in made}) == 1000
    made[1]["dataset"]["generator"]["rows"] = -1
    assert made[0]["dataset"]["generator"]["rows"] != -1 != made[2]["dataset"]["generator"]["rows"]
