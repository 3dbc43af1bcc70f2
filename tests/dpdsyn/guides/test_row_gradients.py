"""Clipped sums of a torch module's gradients: beside torch's own row by row, Opacus's, and what privacy asks of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from builders import torch_modules as modules
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import dpdsyn.guides.row_gradients
from dpdsyn.checking.content import content
from dpdsyn.crosses import Crosses
from dpdsyn.guides.row_gradients import RowGradients, apart, loss_sum

SIZES, HEADS = (3, 5, 2, 4), [slice(0, 3), slice(3, 5)]
GHOSTS = [Crosses, modules.Plain, modules.OneTable, modules.WithConstants]
OTHERS = [modules.Normed, modules.Tokens, modules.Tied]
WAYS = [(kind, True) for kind in GHOSTS] + [(kind, False) for kind in (*GHOSTS, *OTHERS)]


def made(kind: type[nn.Module], seed: int = 0) -> nn.Module:
    with apart(seed, torch.float32):
        return kind(SIZES, 5).double()


def rows(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.stack([rng.integers(s, size=count) for s in SIZES], axis=1), rng.integers((3, 2), size=(count, 2))


def weights(kind: type[nn.Module], rng: np.random.Generator, spread: float = 0.7) -> np.ndarray:
    own = [p for p in made(kind).parameters() if p.requires_grad]
    return nn.utils.parameters_to_vector(own).detach().numpy() + rng.normal(0, spread, sum(p.numel() for p in own))


def one_by_one(kind: type[nn.Module], flat: np.ndarray, features: np.ndarray, labels: np.ndarray) -> Iterator[np.ndarray]:
    """Each row's gradient by plain autograd."""
    module = made(kind)
    own = [p for p in module.parameters() if p.requires_grad]
    nn.utils.vector_to_parameters(torch.from_numpy(flat.copy()), own)
    for row, label in zip(torch.from_numpy(features), torch.from_numpy(labels), strict=True):
        parts = torch.autograd.grad(loss_sum(module(row[None]), label[None], HEADS), own, allow_unused=True)
        yield torch.cat([torch.zeros(p.numel()) if g is None else g.flatten() for p, g in zip(own, parts, strict=True)]).numpy()


def clipped(
    kind: type[nn.Module], ghost: bool, flat: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float
) -> np.ndarray:
    with apart():
        return RowGradients(made(kind), HEADS, ghost).clipped_sum(flat, features, labels, clip)


@pytest.mark.parametrize("clip", [0.3, 2.0, 1e6])
@pytest.mark.parametrize(("kind", "ghost"), WAYS)
def test_sums_are_those_of_naive_gradients_row_by_row(
    kind: type[nn.Module], ghost: bool, clip: float, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dpdsyn.guides.row_gradients, "_BLOCK", 16)  # several blocks, the last one not full
    flat, (features, labels) = weights(kind, rng), rows(rng, 41)
    expected = sum(row * min(1.0, clip / np.linalg.norm(row)) for row in one_by_one(kind, flat, features, labels))
    assert clipped(kind, ghost, flat, features, labels, clip) == pytest.approx(expected, abs=1e-12 * min(clip, 1e3))


@pytest.mark.parametrize("kind", GHOSTS)
def test_both_ways_give_one_sum(kind: type[nn.Module], rng: np.random.Generator) -> None:
    flat, (features, labels) = weights(kind, rng), rows(rng, 300)
    by_ghost, by_row = (clipped(kind, ghost, flat, features, labels, 0.8) for ghost in (True, False))
    assert by_ghost == pytest.approx(by_row, abs=1e-11) and np.linalg.norm(by_row) > 1


@pytest.mark.filterwarnings("ignore:Full backward hook")
@pytest.mark.parametrize("kind", GHOSTS[:3])
def test_sums_are_those_of_opacus_with_its_second_pass(kind: type[nn.Module], rng: np.random.Generator) -> None:
    """Ghost clipping as Opacus does it itself: a pass for norms, and one through the weighted losses."""
    from opacus.grad_sample import GradSampleModuleFastGradientClipping

    flat, (features, labels) = weights(kind, rng), rows(rng, 64)
    plain = made(kind).train()
    nn.utils.vector_to_parameters(torch.from_numpy(flat.copy()), plain.parameters())
    theirs = GradSampleModuleFastGradientClipping(plain, loss_reduction="sum", strict=False, max_grad_norm=0.8)
    losses = [
        torch.nn.functional.cross_entropy(theirs(torch.from_numpy(features))[:, head], own, reduction="none")
        for head, own in zip(HEADS[:1], torch.from_numpy(labels).unbind(1), strict=False)
    ]
    losses[0].sum().backward(retain_graph=True)
    coefficients = theirs.get_clipping_coef()
    theirs.disable_hooks()
    theirs.zero_grad()
    (losses[0] * coefficients).sum().backward()
    expected = torch.cat([p.grad.flatten() for p in plain.parameters()]).numpy()
    with apart():
        ours = RowGradients(made(kind), HEADS[:1], True).clipped_sum(flat, features, labels[:, :1], 0.8)
    assert ours == pytest.approx(expected, abs=2e-4)  # Opacus adds 1e-6 to each norm


def test_norms_of_embeddings_are_those_of_opacus_where_places_repeat(rng: np.random.Generator) -> None:
    from opacus.grad_sample.embedding_norm_sample import compute_embedding_norm_sample

    layer = nn.Embedding(5, 3)
    back = torch.from_numpy(rng.normal(size=(50, 4, 3)))
    for index in (rng.integers(5, size=(50, 4)), np.stack([rng.permutation(5)[:4] for _ in range(50)])):
        ours, theirs = (
            norms(layer, [torch.from_numpy(index)], back)[layer.weight].numpy()
            for norms in (dpdsyn.guides.row_gradients._norms_of_embedding, compute_embedding_norm_sample)
        )
        assert ours == pytest.approx(theirs, rel=1e-13)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 40),
    spread=st.sampled_from([0.0, 0.1, 1.0, 10.0, 1e4]),
    clip=st.sampled_from([1e-9, 0.1, 1.0, 30.0]),
    way=st.sampled_from(WAYS),
)
@settings(max_examples=40)
def test_one_row_more_moves_a_sum_by_its_own_vector_of_at_most_the_clip(
    seed: int, count: int, spread: float, clip: float, way: tuple[type[nn.Module], bool]
) -> None:
    rng, (kind, ghost) = np.random.default_rng(seed), way
    flat, (features, labels) = weights(kind, rng, spread), rows(rng, count + 1)
    place = int(rng.integers(count + 1))
    without = np.delete(features, place, axis=0), np.delete(labels, place, axis=0)
    alone = clipped(kind, ghost, flat, features[place : place + 1], labels[place : place + 1], clip)
    moved = clipped(kind, ghost, flat, features, labels, clip) - clipped(kind, ghost, flat, *without, clip)
    assert np.linalg.norm(alone) <= clip * (1 + 1e-12)
    assert moved == pytest.approx(alone, abs=1e-11 * clip * (1 + count))


def parts(gradients: RowGradients, flat: np.ndarray, features: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """All numbers that the rows' vectors are made of, those of each row in its place."""
    kept: list[np.ndarray] = []
    find = gradients._parts

    def found(rows: int) -> dict[torch.Tensor, Any]:
        parts = find(rows)
        for part in parts.values():
            own = [getattr(part, name, None) for name in ("square", "given", "back", "gradients")]
            kept.extend(numbers.numpy().copy() for numbers in own if numbers is not None)
        return parts

    gradients._parts = found  # type: ignore[method-assign]
    gradients.clipped_sum(flat, features, labels, 1.0)
    return kept


KINKED = functools.partial(modules.Plain, act="relu")


@pytest.mark.parametrize(("kind", "ghost"), [*WAYS, (KINKED, True), (KINKED, False)])
def test_on_this_processor_a_row_gives_the_same_numbers_bit_for_bit_in_any_place_beside_any_rows(
    kind: type[nn.Module], ghost: bool, rng: np.random.Generator
) -> None:
    """torch does not promise it: blocks of one shape and one thread bring it about."""
    flat, (features, labels) = weights(kind, rng, 1.5), rows(rng, 900)
    with apart():
        together = parts(RowGradients(made(kind), HEADS, ghost), flat, features, labels)
        for chosen in (rng.permutation(900), np.arange(1, 900), rng.permutation(900)[:5], np.array([7])):
            some = parts(RowGradients(made(kind), HEADS, ghost), flat, features[chosen], labels[chosen])
            for whole, part in zip(together, some, strict=True):
                if kind is modules.Tokens:
                    assert whole[chosen] == pytest.approx(part[: len(chosen)], rel=1e-13, abs=1e-14)
                else:
                    assert np.array_equal(whole[chosen], part[: len(chosen)])


@pytest.mark.parametrize("wild", [1e200, np.inf, np.nan])
@pytest.mark.parametrize(("kind", "ghost"), WAYS)
def test_a_row_without_a_finite_gradient_adds_nothing(
    kind: type[nn.Module], ghost: bool, wild: float, rng: np.random.Generator
) -> None:
    flat, (features, labels) = weights(kind, rng), rows(rng, 60)
    first = next(p for p in made(kind).parameters() if p.requires_grad)
    flat[: first[0].numel()] = wild  # what stands for code 0 of a column
    with np.errstate(all="ignore"):
        total = clipped(kind, ghost, flat, features, labels, 1.0)
        each = [clipped(kind, ghost, flat, features[i : i + 1], labels[i : i + 1], 1.0) for i in range(60)]
    norms = np.linalg.norm(each, axis=1)
    assert np.isfinite(total).all() and (norms <= 1 + 1e-12).all() and (norms > 0.01).sum() > 5
    assert total == pytest.approx(np.sum(each, axis=0), abs=1e-9)
    if np.isnan(wild):
        assert (norms == 0).sum() > 5


@pytest.mark.parametrize(
    ("kind", "ghost"), [(modules.Sticking, True), (modules.Sticking, False), (modules.SecretlyCentred, True)]
)
def test_no_row_adds_more_than_its_clip_even_where_opacus_is_led_astray(
    kind: type[nn.Module], ghost: bool, rng: np.random.Generator
) -> None:
    flat, (features, labels) = weights(kind, rng, 2.0), rows(rng, 30)
    for i in range(30):
        assert np.linalg.norm(clipped(kind, ghost, flat, features[i : i + 1], labels[i : i + 1], 0.1)) <= 0.1 * (1 + 1e-12)


@pytest.mark.parametrize(("kind", "ghost"), WAYS)
def test_no_rows_add_up_to_zeros(kind: type[nn.Module], ghost: bool, rng: np.random.Generator) -> None:
    flat, (features, labels) = weights(kind, rng), rows(rng, 0)
    total = clipped(kind, ghost, flat, features, labels, 1.0)
    assert total.shape == flat.shape and total.dtype == np.float64 and not total.any()


@pytest.mark.parametrize(
    ("kind", "told"),
    zip(OTHERS, ["without ghost norms: LayerNorm", "given several vectors of one row", "Parameter tying is not"], strict=True),
)
def test_a_module_without_ghost_norms_says_so(kind: type[nn.Module], told: str, rng: np.random.Generator) -> None:
    with pytest.raises(NotImplementedError, match=told):
        clipped(kind, True, weights(kind, rng), *rows(rng, 3), 1.0)


@pytest.mark.parametrize(("kind", "ghost"), WAYS)
def test_nothing_of_the_rows_is_kept(kind: type[nn.Module], ghost: bool, rng: np.random.Generator) -> None:
    flat = weights(kind, rng)
    with apart():
        gradients = RowGradients(made(kind), HEADS, ghost)
        left = []
        for features, labels in (rows(rng, 30), rows(rng, 7)):
            gradients.clipped_sum(flat, features, labels, 1.0)
            left.append(content({"gradients": gradients}))
    assert left[0].difference(left[1]) is None


@pytest.fixture
def two_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("two_threads")
def test_torch_is_left_as_it_was() -> None:
    before = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    with torch.no_grad():
        with apart(7):
            assert torch.get_num_threads() == 1 and torch.zeros(1).dtype == torch.float64 and torch.is_grad_enabled()
            torch.rand(3)
        assert not torch.is_grad_enabled()
    with pytest.raises(RuntimeError, match="inside"), apart(7):
        raise RuntimeError("inside")
    after = torch.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads(), torch.is_grad_enabled()
    assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
