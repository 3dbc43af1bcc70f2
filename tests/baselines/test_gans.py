"""What every GAN must show: the accounting of its steps, exact clipped sums, a generator that no row reaches."""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch

from baselines.clipped_ctgan import ClippedCTGAN
from baselines.dpwgan import DPWGAN
from baselines.gans.gan import GAN, WassersteinGAN, cross_entropy, wasserstein
from baselines.gans.networks import (
    Perceptron,
    RealRows,
    centred_clipped_sum,
    clipped_sum,
    hardened,
    mean_gradient,
    one_hot,
    relaxed,
    row_gradients,
)
from baselines.rdp_gan import RDPGAN, RDPGANAsPublished
from baselines.wdp_gan import SequenceGAN
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import load
from experiments.configuration import options, read_option

SCHEMA = toy_schema(rows_public=400)
ENCODED = toy_encoded(SCHEMA, 400)
SHRUNK = {"width": 8, "hidden": 16, "batch": 64, "epochs": 1, "critic_steps": 2}  # for those that have such parameters


def small(kind: type[GAN]) -> GAN:
    """A GAN of little work."""
    return kind(**{name: value for name, value in SHRUNK.items() if name in inspect.signature(kind).parameters})


def private_gans() -> list[type[GAN]]:
    """The classes of all methods that are GANs and spend budget."""
    kinds = {load(read_option("synthesizer", name)["_target_"]) for name in options("synthesizer")}
    return sorted((kind for kind in kinds if issubclass(kind, GAN) and kind.spends != "nothing"), key=lambda kind: kind.__name__)


every_gan = pytest.mark.parametrize(
    "make", [partial(small, kind) for kind in private_gans()], ids=lambda make: make.args[0].__name__
)


def test_every_gan_of_ours_is_among_those_that_are_tried() -> None:
    assert {DPWGAN, RDPGAN, SequenceGAN, ClippedCTGAN} <= set(private_gans())
    assert RDPGANAsPublished not in private_gans()


def table(encoded: np.ndarray = ENCODED, epsilon: float = 1.0, seed: int = 0) -> PrivateTable:
    return PrivateTable(encoded, SCHEMA, Ledger(Budget(epsilon, 1e-6)), np.random.default_rng(seed), verify=True)


def fitted(make: Callable[[], GAN], encoded: np.ndarray = ENCODED, epsilon: float = 1.0) -> tuple[GAN, PrivateTable]:
    private = table(encoded, epsilon)
    return make().fit(private, np.random.default_rng(1)), private


def parameters(module: torch.nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in module.parameters()]).numpy()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("losses", [wasserstein(), cross_entropy()], ids=["wasserstein", "cross entropy"])
@pytest.mark.parametrize("widths", [(15, 8, 1), (15, 6, 7, 1)])
@pytest.mark.parametrize("clip", [0.2, 1.0, 1e6])
def test_clipped_sums_equal_naive_ones_and_those_of_opacus(
    widths: tuple[int, ...], losses: tuple, clip: float, bias: bool, rng: np.random.Generator
) -> None:
    from opacus.grad_sample import GradSampleModule
    from opacus.optimizers import DPOptimizer

    critic = Perceptron(widths, 0.02, torch.Generator().manual_seed(3), bias=bias)
    rows = torch.from_numpy(rng.random((30, widths[0])).astype(np.float32))
    loss = losses[0]
    total = np.zeros(sum(p.numel() for p in critic.parameters()))
    norms = []
    for row in rows:
        gradient = torch.cat([g.flatten() for g in torch.autograd.grad(loss(critic(row[None])[:, 0]).sum(), critic.parameters())])
        norms.append(float(gradient.norm()))
        total += gradient.numpy() * min(1.0, clip / norms[-1])
    assert clipped_sum(critic, rows, loss, clip).numpy() == pytest.approx(total, abs=2e-4)
    assert row_gradients(critic, rows, loss)[1].numpy() == pytest.approx(np.array(norms), rel=1e-4)

    module = GradSampleModule(copy.deepcopy(critic), loss_reduction="sum")
    optimizer = DPOptimizer(
        torch.optim.SGD(module.parameters(), lr=1.0),
        noise_multiplier=0.0,
        max_grad_norm=clip,
        expected_batch_size=1,
        loss_reduction="sum",
    )
    loss(module(rows.requires_grad_())[:, 0]).sum().backward()
    optimizer.clip_and_accumulate()
    theirs = torch.cat([p.summed_grad.flatten() for p in module.parameters()]).numpy()
    assert theirs == pytest.approx(total, abs=2e-4)


def naive_gradients(critic: Perceptron, rows: torch.Tensor) -> np.ndarray:
    """Of the Wasserstein critic's loss on real rows, row by row, shape (rows, parameters)."""
    flat = [torch.autograd.grad(-critic(row[None]).sum(), tuple(critic.parameters())) for row in rows]
    return np.stack([torch.cat([part.flatten() for part in parts]).numpy() for parts in flat])


@pytest.mark.parametrize("clip", [0.05, 0.3, 1e6])
def test_sums_clipped_around_a_centre_equal_naive_ones(clip: float, rng: np.random.Generator) -> None:
    critic = Perceptron((15, 8, 6, 1), 0.02, torch.Generator().manual_seed(3), bias=False).double()
    rows, others = (torch.from_numpy(rng.random((n, 15))) for n in (30, 20))
    centre = mean_gradient(critic, others, wasserstein().real)
    left = naive_gradients(critic, rows) - naive_gradients(critic, others).mean(axis=0)
    norms = np.linalg.norm(left, axis=1, keepdims=True)
    expected = (left * np.minimum(1, clip / norms)).sum(axis=0)
    assert centred_clipped_sum(critic, rows, wasserstein().real, clip, centre).numpy() == pytest.approx(expected, abs=1e-9)
    assert not centred_clipped_sum(critic, rows[:0], wasserstein().real, clip, centre).any()


@pytest.mark.parametrize("weights", [0.01, 1.0, 1e3, 1e6, 1e9])
def test_a_row_beside_a_centre_that_is_nearly_its_own_stays_within_the_clip(weights: float) -> None:
    clip = 0.3
    for seed, near in itertools.product(range(5), (1e-6, 1e-8, 1e-10, 1e-12)):
        random = torch.Generator().manual_seed(seed)
        critic = Perceptron((25, 64, 1), 0.02, random, bias=False).double()
        for parameter in critic.parameters():
            parameter.data = (2 * torch.rand(parameter.shape, generator=random).double() - 1) * weights
        row = RealRows.of(np.zeros((1, 6), dtype=np.uint8), (3, 8, 6, 2, 4, 2))
        centre = mean_gradient(critic, row.hot.double() * (1 - near) + near / 4, wasserstein().real)
        assert float(centred_clipped_sum(critic, row, wasserstein().real, clip, centre).norm()) <= clip


TEN = Schema.from_mapping(
    {
        "rows_public": 300,
        "columns": {f"c{i}": {"kind": "categorical", "categories": list(range(2 + i % 4)), "other": False} for i in range(10)},
    }
)


@pytest.mark.parametrize("kind", [kind for kind in private_gans() if issubclass(kind, WassersteinGAN)])
def test_a_row_gives_the_same_beside_any_others_where_weights_lie_on_their_bound(
    kind: type[GAN], rng: np.random.Generator
) -> None:
    """Half of the hidden units' sums are then 0 but for the order in which they are added up, and a leaky ReLU bends there."""
    rows = np.stack([rng.integers(size, size=300) for size in TEN.sizes], axis=1).astype(TEN.dtype)
    gan, off, most = kind(epochs=1), [], []

    class OnTheBound(PrivateTable):
        def noisy_sum(self, function: Callable, rate: float, noise: float, clip: float, *more: object) -> np.ndarray:
            with torch.no_grad():
                for parameter in gan.critic_.parameters():
                    ends = [0.0] if parameter.dim() == 1 else [-0.01, 0.01]  # biases are still at 0 in the first steps
                    parameter.copy_(torch.from_numpy(rng.choice(ends, parameter.shape)))
            for row in rows[:20]:
                alone = function(row[None], clip)
                for n in (3, 7, 63, 64):
                    moved = function(np.repeat(row[None], n + 1, axis=0), clip) - function(np.repeat(row[None], n, axis=0), clip)
                    off.append(np.linalg.norm(moved - alone))
                    most.append(np.linalg.norm(moved) / clip)
                among = function(np.concatenate([row[None], rows[20:83]]), clip) - function(rows[20:83], clip)
                off.append(np.linalg.norm(among - alone))
            return super().noisy_sum(function, rate, noise, clip, *more)

    gan.fit(OnTheBound(rows, TEN, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(0)), np.random.default_rng(1))
    assert max(off) < 1e-9 and 0.1 < max(most) < 1 + 1e-9


def test_a_row_without_a_finite_norm_adds_nothing() -> None:
    critic = Perceptron((15, 8, 1), 0.02, torch.Generator().manual_seed(3))
    rows = torch.ones(3, 15, dtype=torch.float32)
    expected = clipped_sum(critic, rows[:2], wasserstein().real, 0.5)
    rows[2] = float("inf")
    assert torch.equal(clipped_sum(critic, rows, wasserstein().real, 0.5), expected)


def test_the_sequence_gans_sum_is_that_of_clipped_gradients_and_counts_the_clipped_ones() -> None:
    gan, _ = fitted(lambda: small(SequenceGAN))
    gradients = naive_gradients(gan.critic_, one_hot(ENCODED[:60], SCHEMA.sizes))
    norms = np.linalg.norm(gradients, axis=1)
    distinct = np.unique(np.round(norms, 9))
    gan.clip_ = float(distinct[len(distinct) // 3 : len(distinct) // 3 + 2].mean())  # no row's norm is at the clip itself
    *summed, bit = gan._contribution(ENCODED[:60])
    weights = np.minimum(1 / norms, 1 / gan.clip_) * np.sqrt(0.99)
    assert np.array(summed) == pytest.approx(weights @ gradients, abs=2e-4)
    assert bit == pytest.approx(0.1 * ((norms > gan.clip_).sum() - (norms <= gan.clip_).sum()), abs=1e-4)


@every_gan
def test_the_ledger_holds_the_steps_that_were_taken_at_the_price_of_dp_accounting(make: Callable[[], GAN]) -> None:
    import dp_accounting
    from dp_accounting.pld import PLDAccountant
    from opacus.accountants import RDPAccountant

    gan, private = fitted(make)
    charges = [(entry["mechanism"], entry["noise_multiplier"], entry["count"]) for entry in private.ledger.entries]
    *before, (mechanism, noise, count) = charges
    rate, steps = 64 / 400, gan.steps(SCHEMA)
    assert (mechanism, count, private.ledger.entries[-1]["rate"]) == ("SampledGaussian", steps, rate) and steps == round(
        SHRUNK["epochs"] / rate
    )
    measured = [spend.noise_multiplier for spend in gan._measurements(Budget(1.0, 1e-6))]
    assert before == [("Gaussian", pytest.approx(multiplier), 1) for multiplier in measured]
    if isinstance(gan, ClippedCTGAN):
        assert measured == pytest.approx([1 / np.sqrt(2 * 0.1 * Budget(1.0, 1e-6).rho)])

    accountant = PLDAccountant(value_discretization_interval=1e-4)
    for _, multiplier, _ in before:
        accountant.compose(dp_accounting.GaussianDpEvent(multiplier))
    accountant.compose(dp_accounting.PoissonSampledDpEvent(rate, dp_accounting.GaussianDpEvent(noise)), steps)
    exact = accountant.get_epsilon(1e-6)
    assert private.ledger.guarantee == "dp" and exact <= private.ledger.spent <= 1.0
    assert private.ledger.spent == pytest.approx(exact, rel=0.005)

    renyi = RDPAccountant()
    renyi.history = [*((multiplier, 1.0, 1) for _, multiplier, _ in before), (noise, rate, steps)]
    assert exact <= renyi.get_epsilon(1e-6) <= 1.35 * exact


@every_gan
@pytest.mark.parametrize("rows", [0, 1])
def test_samples_without_rows_are_steps_like_others(make: Callable[[], GAN], rows: int) -> None:
    gan, private = fitted(make, ENCODED[:rows])
    assert private.ledger.entries[-1]["count"] == gan.steps(SCHEMA)
    assert np.isfinite(parameters(gan.critic_)).all() and np.isfinite(parameters(gan.generator_)).all()


@every_gan
def test_only_the_critics_real_gradient_depends_on_the_rows(make: Callable[[], GAN], monkeypatch: pytest.MonkeyPatch) -> None:
    """With that gradient held fixed, two tables that share no row give the same critic and the same generator, bit by bit."""
    others = (np.array(SCHEMA.sizes) - 1 - ENCODED).astype(ENCODED.dtype)
    real = PrivateTable.noisy_sum
    monkeypatch.setattr(
        PrivateTable, "noisy_marginals", lambda self, queries, sigmas: [np.ones(SCHEMA.shape(q)) for q in queries]
    )
    assert not np.array_equal(parameters(fitted(make)[0].generator_), parameters(fitted(make, others)[0].generator_))

    def blind(self: PrivateTable, f: Callable, rate: float, sigma: float, clip: float) -> np.ndarray:
        return np.full_like(real(self, f, rate, sigma, clip), 0.01)

    monkeypatch.setattr(PrivateTable, "noisy_sum", blind)
    one, other = fitted(make)[0], fitted(make, others)[0]
    assert np.array_equal(parameters(one.generator_), parameters(other.generator_))
    assert np.array_equal(parameters(one.critic_), parameters(other.critic_))


@every_gan
def test_generated_rows_are_made_of_noise_and_parameters_alone(make: Callable[[], GAN], monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the critic outside the mechanism is what the generator has just made."""
    inside, made, judged = [False], [], []
    generate, judge, mechanism = None, Perceptron.forward, PrivateTable.noisy_sum

    def noisy_sum(self: PrivateTable, *arguments: object) -> np.ndarray:
        inside[0] = True
        try:
            return mechanism(self, *arguments)
        finally:
            inside[0] = False

    gan = make()
    build = gan._generator

    def watched(*arguments: object) -> torch.nn.Module:
        nonlocal generate
        generator = build(*arguments)
        generate = generator.rows

        def rows(n: int, random: torch.Generator) -> torch.Tensor:
            assert not inside[0]
            made.append(generate(n, random))
            return made[-1]

        generator.rows = rows
        return generator

    def forward(self: Perceptron, x: torch.Tensor) -> torch.Tensor:
        if self is gan.critic_:
            judged.append((inside[0], x))
        return judge(self, x)

    monkeypatch.setattr(gan, "_generator", watched)
    monkeypatch.setattr(Perceptron, "forward", forward)
    monkeypatch.setattr(PrivateTable, "noisy_sum", noisy_sum)
    gan.critic_ = None
    gan.fit(table(), np.random.default_rng(1))
    outside = [x for within, x in judged if not within]
    assert outside and all(any(x is rows for rows in made) for x in outside)


def test_noise_on_the_value_of_a_loss_protects_nothing() -> None:
    """The critic is the same, bit by bit, whatever the noise; it is that of plain training; and the guarantee says so."""
    critics = []
    for loss_noise in (1e-6, 0.1, 1e6):
        gan, private = fitted(lambda loss_noise=loss_noise: RDPGANAsPublished(epochs=2, loss_noise=loss_noise))
        assert private.ledger.guarantee == "none" and private.ledger.spent is None
        critics.append(parameters(gan.critic_))
    assert np.array_equal(critics[0], critics[1])
    assert critics[2] == pytest.approx(critics[0], abs=0.2)  # rounding of the sum alone
    without_one = fitted(lambda: RDPGANAsPublished(epochs=2), ENCODED[:-1])[0]
    assert not np.array_equal(parameters(without_one.critic_), critics[1])


def test_the_clip_follows_the_median_norm_by_answers_that_are_paid_for(rng: np.random.Generator) -> None:
    gan = SequenceGAN(width=4, hidden=8, batch=100, epochs=8, clip=5.0, clip_rate=0.5, learning_rate=1e-6)
    private = table(epsilon=100.0)
    gan.fit(private, rng)
    norms = row_gradients(gan.critic_, one_hot(ENCODED, SCHEMA.sizes), wasserstein().real)[1].numpy()
    assert gan.clip_ == pytest.approx(np.median(norms), rel=0.1)
    assert [entry["mechanism"] for entry in private.ledger.entries] == ["SampledGaussian"]
    gan.clip_ = float(np.median(norms))
    singles = np.array([np.linalg.norm(gan._contribution(ENCODED[i : i + 1])) for i in range(50)])
    assert singles.max() == pytest.approx(1.0, abs=1e-5) and (singles <= 1 + 1e-6).all() and singles.min() < 0.9999


def test_labels_are_as_common_as_was_measured() -> None:
    gan, _ = fitted(lambda: ClippedCTGAN(hidden=16, epochs=2, marginal_share=0.9), epsilon=20.0)
    labels = gan.sample(20_000, np.random.default_rng(5))[:, -1]
    assert labels.mean() == pytest.approx(ENCODED[:, -1].mean(), abs=0.03)


def test_values_are_drawn_from_each_columns_softmax() -> None:
    random = torch.Generator().manual_seed(1)
    logits = torch.tensor([[0.0, 1.0, -1.0, 2.0, 0.5]]).expand(40_000, 5)
    encoded = hardened(logits, (3, 2), random)
    expected = relaxed(logits[:1], (3, 2), None, random)[0].numpy()
    assert np.bincount(encoded[:, 0]) / 40_000 == pytest.approx(expected[:3], abs=0.01)
    assert np.bincount(encoded[:, 1]) / 40_000 == pytest.approx(expected[3:], abs=0.01)
    assert np.corrcoef(encoded.T)[0, 1] == pytest.approx(0, abs=0.02)


@every_gan
def test_torchs_global_random_state_is_left_alone(make: Callable[[], GAN]) -> None:
    before = torch.get_rng_state()
    fitted(make)[0].sample(10, np.random.default_rng(0))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (DPWGAN, {"batch": 0}),
        (DPWGAN, {"weight_clip": -0.01}),
        (DPWGAN, {"epochs": 0}),
        (RDPGAN, {"clip": float("nan")}),
        (RDPGAN, {"critic_steps": 1.5}),
        (RDPGANAsPublished, {"loss_noise": 0}),
        (SequenceGAN, {"width": 0}),
        (SequenceGAN, {"clip_rate": "fast"}),
        (ClippedCTGAN, {"marginal_share": 1.0}),
        (ClippedCTGAN, {"average": 1}),
    ],
)
def test_values_that_cannot_be_meant_are_refused(kind: type[GAN], bad: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        kind(**bad)
