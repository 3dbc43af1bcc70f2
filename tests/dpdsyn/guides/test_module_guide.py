"""A guide of a torch module: what is accepted, how it learns, what it keeps, and that it tells of rows what answers tell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from builders import torch_modules as modules

from baselines.references import GuideOnly
from dpdsyn import contract
from dpdsyn.accounting.composition import compose
from dpdsyn.accounting.spends import ZCDP
from dpdsyn.checking.blind import sight
from dpdsyn.checking.content import content
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.crosses import Crosses
from dpdsyn.guide import Guide, GuideSettings, guide_imports
from dpdsyn.guides.module_guide import ModuleGuide
from dpdsyn.guides.module_guide import guide_of as made
from dpdsyn.guides.named_module import load_module, module_name
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema

EPSILON = 4.0
CROSSES = "dpdsyn.crosses:Crosses"


def xor_table(rows: int = 20_000) -> tuple[Schema, np.ndarray]:
    rng = np.random.default_rng(0)
    columns = [Column(f"x{i}", "categorical", categories=(0, 1)) for i in range(6)]
    schema = Schema((*columns, Column("y", "categorical", categories=("a", "b"))), "y", rows)
    bits = rng.integers(2, size=(rows, 6))
    return schema, np.column_stack([bits, bits[:, 0] ^ bits[:, 3]]).astype(np.uint8)


def guide_of(module: Any, schema: Schema | None = None, other_targets: tuple[str, ...] = (), **settings: Any) -> ModuleGuide:
    return ModuleGuide(schema or toy_schema(), GuideSettings(module=module, **settings), other_targets)


def fitted(
    guide: ModuleGuide, rows: np.ndarray, schema: Schema, seed: int = 0, verify: bool = False
) -> tuple[ModuleGuide, Ledger]:
    ledger = Ledger(Budget(EPSILON, 1e-6))
    noise = ledger.open_calibrated(lambda noise: [guide.spend(noise)])
    private = PrivateTable(rows, schema, ledger, np.random.default_rng([seed, 1]), verify)
    return guide.fit(private, noise, np.random.default_rng([seed, 2])), ledger


def toy_fit(module: Any = Crosses, rows: int = 80, seed: int = 0, **settings: Any) -> ModuleGuide:
    schema = toy_schema()
    return fitted(guide_of(module, schema, **{"steps": 4, **settings}), toy_encoded(schema, rows), schema, seed)[0]


def test_it_learns_what_no_column_shows_alone_for_the_price_that_is_charged() -> None:
    schema, encoded = xor_table()
    guide, ledger = fitted(guide_of(CROSSES, schema, batch=1024), encoded, schema)
    probabilities = guide.predict_proba(encoded[:, :6])
    assert np.mean(probabilities.argmax(axis=1) == encoded[:, 6]) > 0.97
    assert probabilities.dtype == np.float32 and probabilities.sum(axis=1) == pytest.approx(np.ones(len(encoded)), abs=1e-5)
    assert ledger.guarantee == "dp" and 0.99 * EPSILON < ledger.spent <= EPSILON


def test_rates_and_charges_are_those_of_the_built_in_guide() -> None:
    schema, settings = toy_schema(), {"steps": 37, "wander": 0.3, "batch": 20}
    ours, theirs = guide_of(Crosses, schema, **settings), Guide(schema, GuideSettings(**settings))
    for noise in (0.5, 3.0, 80.0):
        assert ours.spend(noise) == theirs.spend(noise) and ours.learning_rate(noise) == theirs.learning_rate(noise)
    assert (ours.targets, ours.features, ours.rate) == (theirs.targets, theirs.features, theirs.rate)
    for rows in (None, 30, 800.0):
        assert ours.expected_batch(rows) == theirs.expected_batch(rows)
        assert ours.learning_rate(3.0, rows) == theirs.learning_rate(3.0, rows)
    assert compose([ours.spend(3.0)], 1e-6) > 0


@pytest.mark.parametrize("kind", [Crosses, modules.Plain, modules.Normed, modules.Tied, modules.WithConstants])
@pytest.mark.parametrize("rows", [0, 1, 60])
def test_what_the_mechanism_is_given_is_a_sum_of_clipped_vectors(kind: type, rows: int) -> None:
    """`verify` calls the function row by row; a rate of 1 brings all rows into every batch."""
    schema = toy_schema(rows_public=30)
    guide, _ = fitted(guide_of(kind, schema, steps=3, clip=0.1), toy_encoded(schema, rows), schema, verify=True)
    assert np.isfinite(guide.parameters_).all()


def test_one_guide_serves_several_targets() -> None:
    schema, encoded = xor_table()
    encoded[:, 5] = encoded[:, 1]
    guide, _ = fitted(guide_of(Crosses, schema, ("x5",), batch=1024), encoded, schema)
    assert guide.features == ("x0", "x1", "x2", "x3", "x4") and guide.classes == 4 and guide.slices == [slice(0, 2), slice(2, 4)]
    for name, probabilities in zip(guide.targets, guide.predict_all(encoded[:, :5]), strict=True):
        assert np.mean(probabilities.argmax(axis=1) == encoded[:, schema.position(name)]) > 0.95, name


def test_pretraining_is_free_and_fitting_begins_where_it_ends() -> None:
    schema, encoded = xor_table()
    guide = guide_of(Crosses, schema, pretraining=300).pretrain(encoded, np.random.default_rng(3))
    start = guide.parameters_.copy()
    assert np.mean(guide.predict_proba(encoded[:, :6]).argmax(axis=1) == encoded[:, 6]) > 0.97
    tuned, _ = fitted(
        guide_of(Crosses, schema, wander=1e-4, steps=10, pretraining=300).pretrain(encoded, np.random.default_rng(3)),
        encoded,
        schema,
    )
    assert 0 < np.abs(tuned.parameters_ - start).max() < 1e-2
    other, _ = fitted(guide_of(Crosses, schema, wander=1e-4, steps=10), encoded, schema)
    assert np.abs(other.parameters_ - start).max() > 0.1


def test_pretraining_on_no_rows_is_no_error() -> None:
    schema = toy_schema()
    guide = guide_of(Crosses, schema, pretraining=10).pretrain(toy_encoded(schema, 0), np.random.default_rng(0))
    assert np.isfinite(guide.parameters_).all() and guide.predict_proba(np.empty((0, 4), dtype=np.uint8)).shape == (0, 2)


def test_rows_are_predicted_alike_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    guide, rows = toy_fit(), toy_encoded(toy_schema(), 500)[:, :4]
    whole = guide.predict_proba(rows)
    monkeypatch.setattr("dpdsyn.guide._CHUNK", 64)
    assert guide.predict_proba(rows) == pytest.approx(whole, abs=1e-6)
    with pytest.raises(RuntimeError, match="not been fitted"):
        guide_of(Crosses).predict_proba(rows)


# --- chance, and what is kept


def test_all_chance_comes_from_the_generators_that_are_given() -> None:
    schema, public = toy_schema(), toy_encoded(toy_schema(), 50, seed=3)

    def parameters(seed: int, pretrain: bool) -> np.ndarray:
        guide = guide_of(modules.WithConstants, schema, steps=3, pretraining=5)
        if pretrain:
            guide.pretrain(public, np.random.default_rng([seed, 3]))
        guide = fitted(guide, toy_encoded(schema, 80), schema, seed)[0]
        return np.concatenate([guide.parameters_, *map(np.ravel, guide.constants_.values())])

    for pretrain in (False, True):
        torch.manual_seed(1)
        one = parameters(0, pretrain)
        torch.manual_seed(2)
        assert np.array_equal(one, parameters(0, pretrain)) and not np.array_equal(one, parameters(1, pretrain))


def test_the_number_of_threads_changes_nothing() -> None:
    found, before = [], torch.get_num_threads()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(toy_fit(modules.Normed, rows=3000).parameters_)
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert np.array_equal(*found)


def test_torch_is_left_as_it_was() -> None:
    schema = toy_schema()
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    with torch.no_grad():  # a person's own mode does not keep it from learning
        guide = guide_of(modules.WithConstants, schema, pretraining=20).pretrain(
            toy_encoded(schema, 50), np.random.default_rng(0)
        )
        fitted(guide, toy_encoded(schema, 80), schema)[0].predict_proba(toy_encoded(schema, 5)[:, :4])
        guide.corrected(toy_encoded(schema, 5)[:, :4])
        assert not torch.is_grad_enabled()
    assert torch.equal(before[0], torch.get_rng_state()) and before[1:] == (torch.get_default_dtype(), torch.get_num_threads())


def test_what_is_kept_is_arrays_and_settings() -> None:
    """No module, gradient or row stays behind."""
    leaves = content({"guide": toy_fit()}).leaves
    assert not [way for way, leaf in leaves.items() if "torch" in str(leaf) and "Crosses" not in str(leaf)]
    assert len(leaves) < 100


class OfAModule(GuideOnly):
    """The whole budget on a guide of a module, pretrained on uniform rows."""

    def __init__(self, module: Any = Crosses) -> None:
        super().__init__({"module": module})
        self.module = module

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> OfAModule:
        guide = guide_of(self.module, private.schema, steps=3, pretraining=2)
        noise = private.ledger.open_calibrated(lambda noise: [guide.spend(noise)])
        sizes = private.schema.sizes
        guide.pretrain(np.stack([rng.integers(size, size=30) for size in sizes], axis=1), rng)
        self.guide_ = guide.fit(private, noise, rng)
        self.schema_ = private.schema
        return self


@pytest.mark.slow
@pytest.mark.parametrize("module", [Crosses, modules.Normed])
def test_the_whole_contract_holds(module: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blindness, neighbours, charges and noise, what is left behind: all that `dpdsyn check` asks of a method."""
    monkeypatch.setattr("dpdsyn.guides.row_gradients._BLOCK", 64)  # sums are made again row by row, in blocks of this size
    requirements = {name for name, _ in contract._REQUIREMENTS} - {contract.MECHANISMS}  # which are no method's
    found = list(contract.outcomes(lambda: OfAModule(module), requirements))
    assert not [(outcome.requirement, outcome.fault) for outcome in found if outcome.fault]


class Leaky(modules.Plain):
    """Keeps on its class what it has seen."""

    seen: Any = None

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        Leaky.seen = hidden.detach().sum().item()
        return hidden


def test_a_module_that_keeps_rows_on_its_class_is_seen() -> None:
    class Keeping(OfAModule):
        def fit(self, private: PrivateTable, rng: np.random.Generator) -> OfAModule:
            super().fit(private, rng)
            self.seen_ = Leaky.seen
            return self

    schema = toy_schema()
    tables = {"": toy_encoded(schema, 80), "half": toy_encoded(schema, 40)}
    fakes = [toy_encoded(schema, 80, seed=9)] * 2  # the module sees them after the rows and, of the second, before
    found = sight(lambda: Keeping(Leaky), tables, fakes, schema, Budget(1.0, 1e-6))
    assert found is not None and "seen_" in found


# --- saving


@pytest.mark.parametrize("kind", [Crosses, modules.WithConstants])
def test_state_comes_back(kind: type) -> None:
    guide, rows = toy_fit(kind), toy_encoded(toy_schema(), 50)[:, :4]
    state = guide.state()
    assert all(type(value) is np.ndarray and not value.dtype.hasobject for value in state.values())
    again = guide_of(kind).restore(state)
    assert np.array_equal(again.predict_proba(rows), guide.predict_proba(rows))
    assert content({"state": again.state()}).difference(content({"state": state})) is None
    for key in guide.constants_:
        again.constants_[key] = 0 * again.constants_[key]
        assert not np.array_equal(again.predict_proba(rows), guide.predict_proba(rows)), key


def _shorter(state: dict[str, np.ndarray]) -> None:
    state["parameters"] = state["parameters"][:-1]


def _infinite(state: dict[str, np.ndarray]) -> None:
    state["parameters"] = np.full_like(state["parameters"], np.inf)


def _without(state: dict[str, np.ndarray]) -> None:
    del state["constant.projection"]


def _other(state: dict[str, np.ndarray]) -> None:
    state["constant.projection"] = state["constant.projection"][:2]


def _more(state: dict[str, np.ndarray]) -> None:
    state["constant.another"] = state["constant.projection"]


@pytest.mark.parametrize("change", [_shorter, _infinite, _without, _other, _more])
def test_a_state_of_another_module_is_refused(change: Callable[[dict[str, np.ndarray]], None]) -> None:
    state = dict(toy_fit(modules.WithConstants).state())
    change(state)
    with pytest.raises(ValueError, match="does not fit its schema and WithConstants"):
        guide_of(modules.WithConstants).restore(state)
    with pytest.raises(RuntimeError, match="not been fitted"):
        guide_of(Crosses).state()


# --- which modules: test_module_checks.py


def test_options_are_the_modules_own() -> None:
    assert toy_fit(CROSSES, options={"width": 3}).parameters_.size < toy_fit(CROSSES).parameters_.size
    with pytest.raises(ValueError, match=r"dpdsyn.crosses:Crosses cannot be made of .*'depth': 3.* unexpected keyword argument"):
        guide_of(CROSSES, options={"depth": 3})
    with pytest.raises(ValueError, match="width is 0; a whole number of at least 1 is needed"):
        guide_of(CROSSES, options={"width": 0})


def test_settings_make_the_guide_that_they_name() -> None:
    schema = toy_schema()
    assert type(made(schema, GuideSettings())) is Guide and type(made(schema, GuideSettings(module=Crosses))) is ModuleGuide
    imported = guide_imports(GuideSettings(module=CROSSES)), guide_imports(GuideSettings(module=Crosses))
    assert imported[0] == imported[1] == ("torch", "opacus", "dpdsyn.guides.module_checks", "dpdsyn.crosses")
    assert guide_imports(GuideSettings()) == ("scipy.sparse",)


def test_settings_name_a_module_or_hold_it() -> None:
    assert GuideSettings().module is None
    assert GuideSettings.of({"module": CROSSES, "options": {"width": 3}}) == GuideSettings(module=CROSSES, options={"width": 3})
    for bad in ({"module": 3}, {"options": ["width"]}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            GuideSettings(**bad)
    assert GuideSettings.of(Crosses) == GuideSettings(module=Crosses)


def test_a_persons_own_module_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_guides.py").write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, sizes, classes, scale=1.0):\n"
        "        super().__init__()\n"
        "        self.tables = nn.ModuleList(nn.Embedding(size, classes) for size in sizes)\n"
        "        self.scale = scale\n"
        "    def forward(self, encoded):\n"
        "        return self.scale * sum(table(encoded[:, i]) for i, table in enumerate(self.tables))\n"
    )
    (tmp_path / "my_torn_guides.py").write_text("raise OSError('torn')\n")
    monkeypatch.syspath_prepend(tmp_path)
    schema = toy_schema()
    encoded = toy_encoded(schema, 6000)
    guide, _ = fitted(
        guide_of("my_guides:Net", toy_schema(rows_public=6000), options={"scale": 2.0}), encoded, toy_schema(rows_public=6000)
    )
    assert np.mean(guide.predict_proba(encoded[:, :4]).argmax(axis=1) == encoded[:, 4]) > 0.75
    with pytest.raises(ValueError, match=r"'my_torn_guides:Net' cannot be imported \(OSError: torn\)"):
        guide_of("my_torn_guides:Net")


@pytest.mark.parametrize("absent", ["torch", "opacus"])
def test_what_is_to_be_installed_is_said(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(ValueError, match=rf"needs {absent}: pip install 'dpdsyn\[torch\]'"):
        load_module(CROSSES)


def test_a_module_has_a_name_to_be_saved_by_or_that_is_said() -> None:
    assert module_name(Crosses) == module_name(CROSSES) == CROSSES
    assert load_module(module_name(modules.Plain)) is modules.Plain

    class Local(modules.Plain):
        pass

    for nameless in (Local, lambda sizes, classes: modules.Plain(sizes, classes)):
        with pytest.raises(ValueError, match="cannot be found again by its name"):
            module_name(nameless)


def test_a_function_may_make_the_module() -> None:
    wide = toy_fit(lambda sizes, classes: Crosses(sizes, classes, width=20))
    assert np.array_equal(wide.parameters_, toy_fit(CROSSES, options={"width": 20}).parameters_)


def test_the_module_that_ships_is_one_for_ghost_clipping_and_others_are_not() -> None:
    assert guide_of(CROSSES)._ghost and guide_of(modules.Plain)._ghost and guide_of(modules.WithConstants)._ghost
    assert not any(guide_of(kind)._ghost for kind in (modules.Normed, modules.Tokens, modules.Tied))


def test_a_wrong_module_spends_nothing() -> None:
    ledger = Ledger(ZCDP(1.0))
    private = PrivateTable(toy_encoded(toy_schema(), 80), toy_schema(), ledger, np.random.default_rng(0))
    with pytest.raises(ValueError, match="BatchNorm1d"):
        OfAModule(modules.Batched).fit(private, np.random.default_rng(0))
    assert not ledger.entries
