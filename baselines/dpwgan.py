"""DPWGAN (Srivastava and Alzantot 2019), from its reference implementation; no paper of it was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from baselines.gans.gan import SLOPE, WassersteinGAN
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    import torch

    from baselines.gans.networks import Generator, Perceptron

_DEVIATION = 0.1  # of initial weights


class DPWGAN(WassersteinGAN):
    """A Wasserstein GAN with clipped weights, its critic trained by DP-SGD.

    Numbers are those of the reference implementation (nesl/nist_differential_privacy_synthetic_data_challenge, tf_gan.py): one
    hidden layer of leaky ReLUs in either network, batches of 64, ten steps of the critic for one of the generator, weights
    within .01, norm 1 for a row's gradient. What differs:
    - one clip for the whole gradient of a row, where the implementation clips each tensor by itself;
    - 10 epochs, where the implementation has 20 at most, so that Adult takes about a minute of one processor;
    - Poisson samples, where the implementation shuffles and accounts as if it sampled; as much noise as these epochs need,
      where it takes one of two fixed noises and stops once the budget is used;
    - RMSProp for the critic too, as the implementation does without privacy; with privacy it takes plain gradient steps;
    - numbers are binned, so all columns are categories.
    """

    def __init__(
        self,
        hidden: int = 1024,
        noise_size: int = 64,
        batch: int = 64,
        epochs: float = 10,
        critic_steps: int = 10,
        clip: float = 1.0,
        weight_clip: float = 0.01,
        learning_rate: float = 0.001,
    ) -> None:
        self.hidden = hidden
        self.noise_size = noise_size
        self.batch = batch
        self.epochs = epochs
        self.critic_steps = critic_steps
        self.clip = clip
        self.weight_clip = weight_clip
        self.learning_rate = learning_rate
        self._check()

    def _generator(self, schema: Schema, marginals: Sequence[np.ndarray], random: torch.Generator) -> Generator:
        from baselines.gans.networks import Perceptron, RowGenerator

        widths = (self.noise_size, self.hidden, sum(schema.sizes))
        return RowGenerator(Perceptron(widths, SLOPE, random, _DEVIATION), self.noise_size, schema.sizes)

    def _critic(self, schema: Schema, random: torch.Generator) -> Perceptron:
        from baselines.gans.networks import Perceptron

        return Perceptron((sum(schema.sizes), self.hidden, 1), SLOPE, random, _DEVIATION)
