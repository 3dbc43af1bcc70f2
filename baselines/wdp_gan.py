"""A sequence GAN inspired by WDP-GAN (Hou et al. 2023, IEEE TNSM); not WDP-GAN itself, of which only the abstract was found."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from baselines.gans.gan import WassersteinGAN
from dpdsyn.base.checks import positive, whole_number
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    import torch

    from baselines.gans.networks import Generator

_BIT = 0.1  # share of a row's contribution, in norm, that says whether its gradient was clipped
_TEMPERATURE = 0.5


class SequenceGAN(WassersteinGAN):
    """A recurrent generator writes a row as a sequence of attribute values; the noise on the critic's gradient adapts.

    WDP-GAN makes weighted graphs: it samples node sequences, learns them with a bidirectional LSTM in a GAN, counts edges in what
    the generator writes, and has an "adaptive gradient perturbation algorithm". Here a row takes the place of a sequence and its
    values that of the nodes. What could not be known: the sizes of networks, where the LSTM stands, the loss, all numbers of
    training, and what the perturbation adapts to. All of that is ours:
    - an LSTM as the generator, a perceptron over the whole sequence as the critic, the Wasserstein loss with clipped weights;
    - the noise on a gradient is the noise multiplier times the clip, and the clip follows the median norm of the rows' gradients
      (Andrew et al. 2021, "Differentially private learning with adaptive clipping"). What it follows is paid for: a row adds to
      a step's sum its clipped gradient over the clip and, beside it, one number that says whether the norm was above the clip,
      together a vector of norm 1 at most; both get the noise of the one charge.

    clip: of the first step. clip_rate: how fast the clip follows, in logarithms, for a share of clipped rows that is off by one.
    """

    def __init__(
        self,
        width: int = 64,
        noise_size: int = 16,
        hidden: int = 256,
        batch: int = 256,
        epochs: float = 20,
        critic_steps: int = 5,
        clip: float = 1.0,
        clip_rate: float = 0.2,
        weight_clip: float = 0.01,
        learning_rate: float = 0.001,
    ) -> None:
        self.width = width
        self.noise_size = noise_size
        self.hidden = hidden
        self.batch = batch
        self.epochs = epochs
        self.critic_steps = critic_steps
        self.clip = clip
        self.clip_rate = clip_rate
        self.weight_clip = weight_clip
        self.learning_rate = learning_rate
        self._check()
        whole_number("width", width, least=1)
        positive("clip_rate", clip_rate)

    def _generator(self, schema: Schema, marginals: Sequence[np.ndarray], random: torch.Generator) -> Generator:
        from baselines.gans.networks import SequenceGenerator

        return SequenceGenerator(schema.sizes, self.noise_size, self.width, _TEMPERATURE, random)

    def _critic_gradient(self, private: PrivateTable, noise: float, random: torch.Generator) -> Callable[[], torch.Tensor]:
        import torch

        from baselines.gans.networks import clipped_sum, without_gradient

        rate = self.rate(private.schema)
        expected = rate * private.schema.rows_public
        self.clip_ = self.clip

        def summed(batch: np.ndarray, norm: float) -> np.ndarray:
            return norm * self._contribution(batch)

        def gradient() -> torch.Tensor:
            mean = torch.from_numpy(private.noisy_sum(summed, rate, noise, 1.0)) / expected
            fake = without_gradient(self.generator_, self.batch, random)
            whole = mean[:-1] * (self.clip_ / math.sqrt(1 - _BIT**2))
            whole += clipped_sum(self.critic_, fake, self._losses().fake, self.clip_) / self.batch
            clipped = float(mean[-1]) / (2 * _BIT) + 0.5
            self.clip_ *= math.exp(self.clip_rate * (min(max(clipped, 0.0), 1.0) - 0.5))
            return whole

        return gradient

    def _contribution(self, batch: np.ndarray) -> np.ndarray:
        """The sum over rows of the clipped gradient over the clip and, last, 1 for a gradient that was clipped and -1 for others.

        Both are weighted so that a row's vector has norm 1 at most.
        """
        import torch

        from baselines.gans.networks import RealRows, row_gradients, weighted_sum

        parts, norms = row_gradients(self.critic_, RealRows.of(batch, self.schema_.sizes), self._losses().real)
        weights = (1 / norms.clamp(min=1e-30)).clamp(max=1 / self.clip_) * math.sqrt(1 - _BIT**2)
        bits = ((norms > self.clip_).to(norms.dtype) * 2 - 1) * _BIT
        return torch.cat([weighted_sum(parts, weights), bits.sum()[None]]).numpy()
