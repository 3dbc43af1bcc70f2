"""A conditional GAN for tables under differential privacy, a design of ours after CTGAN (Xu et al. 2019, arXiv 1907.00503)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from baselines.gans.gan import WassersteinGAN
from dpdsyn.accounting.spends import Gaussian
from dpdsyn.base.checks import InputError, positive
from dpdsyn.candidates import as_distribution
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    import torch

    from baselines.gans.networks import Generator


class ClippedCTGAN(WassersteinGAN):
    """A conditional Wasserstein GAN whose steps are made for noise.

    From CTGAN: the generator is told a condition and makes the rest of the row; its output begins at the columns' modes;
    rows reach the critic by Gumbel-softmax. What privacy changes:
    - CTGAN draws a condition, then a real row that fulfils it, so a row's chance to be drawn depends on how rare it is and no
      theorem on sampling covers it. Here real rows are Poisson samples, and a row's condition is what it holds itself, so that
      the critic sees rows alone. A generated row's condition is its label, drawn from the noisy marginal of the target (the last
      column where there is none).
    - All one-way marginals are measured first, with `marginal_share` of the budget in zCDP, for conditions and modes. Numbers
      are binned, so the modes of a column are its values.
    - Packs of rows and the gradient penalty are left out: a row would enter the gradients of others.
    - Gradients are clipped around those of generated rows: from each real row's gradient the mean gradient of newly generated
      rows is taken off before it is clipped. What is left is what the two differ in, so the same noise hides less.
    - Large batches, several steps of the critic for one of the generator (Bie, Kamath and Zhang 2023, "Private GANs, revisited",
      arXiv 2302.02936), weights within bounds, and the mean of the generators on the way, which is free.

    hidden: units of the one hidden layer of either network. temperature: of the Gumbel-softmax.
    """

    def __init__(
        self,
        hidden: int = 256,
        noise_size: int = 64,
        batch: int = 512,
        epochs: float = 25,
        critic_steps: int = 3,
        clip: float = 0.3,
        weight_clip: float = 0.01,
        learning_rate: float = 0.001,
        temperature: float = 0.5,
        marginal_share: float = 0.1,
        average: float = 0.95,
    ) -> None:
        self.hidden = hidden
        self.noise_size = noise_size
        self.batch = batch
        self.epochs = epochs
        self.critic_steps = critic_steps
        self.clip = clip
        self.weight_clip = weight_clip
        self.learning_rate = learning_rate
        self.temperature = temperature
        self.marginal_share = marginal_share
        self.average = average
        self._check()
        positive("temperature", temperature)
        if not isinstance(marginal_share, Real) or not 0 < marginal_share < 1:
            raise InputError(f"marginal_share is {marginal_share!r}; a number between 0 and 1 is needed")

    def _measurements(self, allowance: Allowance) -> Sequence[Gaussian]:
        return [Gaussian(1 / math.sqrt(2 * self.marginal_share * allowance.rho))]

    def _measure(self, private: PrivateTable) -> list[np.ndarray]:
        names = private.schema.names
        (spend,) = self._measurements(private.ledger.allowance)
        sigma = spend.noise_multiplier * math.sqrt(len(names))
        return [as_distribution(answer) for answer in private.noisy_marginals([(name,) for name in names], [sigma] * len(names))]

    def _generator(self, schema: Schema, marginals: Sequence[np.ndarray], random: torch.Generator) -> Generator:
        from baselines.gans.networks import ConditionalGenerator

        given = len(marginals) - 1 if schema.target is None else schema.target_position
        return ConditionalGenerator(self.hidden, self.noise_size, marginals, given, self.temperature, random)

    def _critic_gradient(self, private: PrivateTable, noise: float, random: torch.Generator) -> Callable[[], torch.Tensor]:
        import torch

        from baselines.gans.networks import RealRows, centred_clipped_sum, mean_gradient, without_gradient

        schema, critic, loss = private.schema, self.critic_, self._losses().real
        rate = self.rate(schema)

        def gradient() -> torch.Tensor:
            centre = mean_gradient(critic, without_gradient(self.generator_, self.batch, random), loss)

            def summed(batch: np.ndarray, clip: float) -> np.ndarray:
                return centred_clipped_sum(critic, RealRows.of(batch, schema.sizes), loss, clip, centre).numpy()

            return torch.from_numpy(private.noisy_sum(summed, rate, noise, self.clip)) / (rate * schema.rows_public)

        return gradient
