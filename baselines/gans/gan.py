"""What the GANs share: a critic that learns of rows through a mechanism only, and a generator that learns of the critic only."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, NamedTuple, Self, cast

import numpy as np

from dpdsyn.accounting.spends import Gaussian, SampledGaussian
from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

if TYPE_CHECKING:
    import torch

    from baselines.gans.networks import Generator, Loss, Perceptron

_CHUNK = 16384  # rows sampled at once
_REPORTS = 50  # of progress in one fit
SLOPE = 0.01  # of leaky ReLUs


class Losses(NamedTuple):
    """What critic and generator are to make small, as functions of each row's score."""

    real: Loss
    fake: Loss
    generator: Loss


def wasserstein() -> Losses:
    """Scores are to be high on real rows and low on generated ones (Arjovsky, Chintala and Bottou 2017)."""
    return Losses(real=lambda score: -score, fake=lambda score: score, generator=lambda score: -score)


def cross_entropy() -> Losses:
    """Scores are log-odds that a row is real; the generator's loss is the non-saturating one (Goodfellow et al. 2014)."""
    from torch.nn.functional import softplus

    return Losses(real=lambda score: softplus(-score), fake=softplus, generator=lambda score: softplus(-score))


class GAN(Synthesizer):
    """A GAN whose critic sees Poisson samples of the rows inside `noisy_sum`: clipped gradients, their sum with noise.

    The number of steps is fixed beforehand, and the noise is the least that (epsilon, delta) covers for that many. Rows
    enter only the real half of the critic's gradient; the generated half is clipped alike, for balance. An update of the
    generator is a function of the critic's parameters and of noise of its own.
    After `fit`, `critic_` and `generator_` are the networks and `schema_` is what they were fitted on. The schema's
    columns are all one-hot: a generated row is a softmax for each column, and encoded values are drawn from these.

    batch: expected rows of a sample; the sampling rate is batch / rows_public. epochs: how often a row is sampled in the
    mean. critic_steps: updates of the critic for each of the generator. clip: L2 norm of a row's gradient. average: share
    that the mean of the generators on the way keeps at each update (free: it is post-processing); 0 for the last one.
    """

    version = 3
    batch: int
    epochs: float
    critic_steps: int
    clip: float
    average: float = 0.0

    def _check(self) -> None:
        whole_number("batch", self.batch, least=1)
        positive("epochs", self.epochs)
        whole_number("critic_steps", self.critic_steps, least=1)
        positive("clip", self.clip)
        if isinstance(self.average, bool) or not isinstance(self.average, Real) or not 0 <= self.average < 1:
            raise InputError(f"average is {self.average!r}; a share of 1 is needed")

    def imports(self) -> tuple[str, ...]:
        return ("torch", "torch.optim.swa_utils", "baselines.gans.networks")

    def rate(self, schema: Schema) -> float:
        """The chance of each row to be in a step's sample."""
        return min(1.0, self.batch / schema.rows_public)

    def steps(self, schema: Schema) -> int:
        """How often the critic is updated."""
        return max(1, round(self.epochs / self.rate(schema)))

    def plan(self, schema: Schema, allowance: Allowance, noise: float) -> list[Gaussian | SampledGaussian]:
        """All that a fit spends, if each step's sum gets noise of `noise` times the clip."""
        return [*self._measurements(allowance), SampledGaussian(self.rate(schema), noise, self.steps(schema))]

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        from baselines.gans.networks import seeded

        schema, ledger = private.schema, private.ledger
        noise = ledger.open_calibrated(lambda scale: self.plan(schema, ledger.allowance, scale))
        marginals = self._measure(private)
        random = seeded(rng)
        self.schema_ = schema
        self.generator_ = self._generator(schema, marginals, random)
        self.critic_ = self._critic(schema, random).double()  # its gradients are summed inside a mechanism
        self._play(self._critic_gradient(private, noise, random), random)
        return self

    def _measurements(self, allowance: Allowance) -> Sequence[Gaussian]:
        """What is spent before the critic's steps."""
        return ()

    def _measure(self, private: PrivateTable) -> list[np.ndarray]:
        """Spend it; gives each column's distribution, or nothing."""
        return []

    @abstractmethod
    def _generator(self, schema: Schema, marginals: Sequence[np.ndarray], random: torch.Generator) -> Generator: ...

    @abstractmethod
    def _critic(self, schema: Schema, random: torch.Generator) -> Perceptron: ...

    @abstractmethod
    def _losses(self) -> Losses: ...

    @abstractmethod
    def _optimizers(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        """Of the generator and of the critic."""

    def _after_critic_step(self) -> None:
        """Whatever keeps the critic within bounds."""

    def _critic_gradient(self, private: PrivateTable, noise: float, random: torch.Generator) -> Callable[[], torch.Tensor]:
        """A function that gives, at each call, the gradient on a new sample of real rows, noisy, and on generated ones."""
        import torch

        from baselines.gans.networks import RealRows, clipped_sum, without_gradient

        schema, critic, losses = private.schema, self.critic_, self._losses()
        rate = self.rate(schema)

        def summed(batch: np.ndarray, clip: float) -> np.ndarray:
            return clipped_sum(critic, RealRows.of(batch, schema.sizes), losses.real, clip).numpy()

        def gradient() -> torch.Tensor:
            real = torch.from_numpy(private.noisy_sum(summed, rate, noise, self.clip)) / (rate * schema.rows_public)
            fake = without_gradient(self.generator_, self.batch, random)
            return real + clipped_sum(critic, fake, losses.fake, self.clip) / self.batch

        return gradient

    def _play(self, critic_gradient: Callable[[], torch.Tensor], random: torch.Generator) -> None:
        """All steps of critic and generator."""
        from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

        from baselines.gans.networks import set_gradient

        generator, critic, loss = self.generator_, self.critic_, self._losses().generator
        generator_optimizer, critic_optimizer = self._optimizers()
        mean = AveragedModel(generator, avg_fn=get_ema_avg_fn(self.average))
        steps = self.steps(self.schema_)
        for step in range(1, steps + 1):
            set_gradient(critic, critic_gradient())
            critic_optimizer.step()
            self._after_critic_step()
            if step % self.critic_steps == 0:
                generator_optimizer.zero_grad()
                loss(critic(generator.rows(self.batch, random))[:, 0]).mean().backward()
                generator_optimizer.step()
                mean.update_parameters(generator)
            if step % max(1, steps // _REPORTS) == 0:
                self.report(f"step {step} of {steps}")
        self.generator_ = cast("Generator", mean.module)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        from baselines.gans.networks import seeded

        random = seeded(rng)
        return np.concatenate([self.generator_.encoded(min(_CHUNK, n - i), random) for i in range(0, n, _CHUNK)])


class WassersteinGAN(GAN):
    """A GAN with the Wasserstein loss, its critic's parameters kept within bounds, RMSProp for both (Arjovsky et al. 2017).

    hidden: leaky ReLUs in the critic's one hidden layer. weight_clip: bound of each of its parameters.
    """

    hidden: int
    weight_clip: float
    learning_rate: float
    noise_size: int

    def _check(self) -> None:
        super()._check()
        for name in ("hidden", "noise_size"):
            whole_number(name, getattr(self, name), least=1)
        for name in ("weight_clip", "learning_rate"):
            positive(name, getattr(self, name))

    def _critic(self, schema: Schema, random: torch.Generator) -> Perceptron:
        """Without biases: they repeat what one-hot columns say, and would take up much of the norm that gradients may have."""
        from baselines.gans.networks import Perceptron

        return Perceptron((sum(schema.sizes), self.hidden, 1), SLOPE, random, bias=False)

    def _losses(self) -> Losses:
        return wasserstein()

    def _optimizers(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        from torch.optim import RMSprop

        networks = (self.generator_, self.critic_)
        generator, critic = (RMSprop(network.parameters(), self.learning_rate, alpha=0.9) for network in networks)
        return generator, critic

    def _after_critic_step(self) -> None:
        from baselines.gans.networks import clamp_parameters

        clamp_parameters(self.critic_, self.weight_clip)
