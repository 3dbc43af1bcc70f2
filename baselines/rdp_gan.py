"""RDP-GAN (Ma et al. 2020, arXiv 2007.02056): with noise where it protects, and where the paper puts it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np

from baselines.gan import GAN, Losses, cross_entropy
from dpdsyn.checks import positive, whole_number
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    import torch

    from baselines.networks import Generator, Perceptron


class RDPGAN(GAN):
    """A GAN of the original kind, with noise on the critic's clipped gradients.

    Of the paper only the abstract was read; networks and numbers are those of an unofficial public code (moh-salih/RDP-GAN):
    hidden layers of 128, 256, 512 in the generator and 256, 512 in the critic, Adam at 3e-4 for both, batches of 64 for 10
    epochs, one step each in turn. What differs: noise goes on clipped gradients of Poisson samples (see `RDPGANAsPrinted`
    for why), there is no tuning of it by test accuracy, and all columns are binned. The paper composes in Renyi DP; here the
    ledger composes the same steps by privacy loss distributions, which is tighter, so less noise is needed.
    """

    def __init__(
        self,
        noise_size: int = 100,
        batch: int = 64,
        epochs: float = 10,
        critic_steps: int = 1,
        clip: float = 1.0,
        learning_rate: float = 0.0003,
    ) -> None:
        self.noise_size = noise_size
        self.batch = batch
        self.epochs = epochs
        self.critic_steps = critic_steps
        self.clip = clip
        self.learning_rate = learning_rate
        self._check()
        whole_number("noise_size", noise_size, least=1)
        positive("learning_rate", learning_rate)

    def _generator(self, schema: Schema, marginals: Sequence[np.ndarray], random: torch.Generator) -> Generator:
        from baselines.networks import Perceptron, RowGenerator

        widths = (self.noise_size, 128, 256, 512, sum(schema.sizes))
        return RowGenerator(Perceptron(widths, 0.0, random), self.noise_size, schema.sizes)

    def _critic(self, schema: Schema, random: torch.Generator) -> Perceptron:
        from baselines.networks import Perceptron

        return Perceptron((sum(schema.sizes), 256, 512, 1), 0.02, random)

    def _losses(self) -> Losses:
        return cross_entropy()

    def _optimizers(self) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
        from torch.optim import Adam

        return Adam(self.generator_.parameters(), self.learning_rate), Adam(self.critic_.parameters(), self.learning_rate)


class RDPGANAsPrinted(RDPGAN):
    """The same networks with noise on the value of the critic's loss, as the abstract and the public code have it: not private.

    A number that is added to a loss does not depend on the parameters, so it does not change the gradient: the update is that
    of training without privacy, row by row exact, and whoever sees the critic or the generator sees a function of clean
    gradients. The rows therefore go through `unprotected`. Batches are those of a shuffled table, as in the public code.

    loss_noise: standard deviation of what is added to the loss, the largest of the three in the public code. It changes nothing
    but the printed loss, so neither does epsilon.

    Randomness, in the order of use: one draw of `rng` seeds the torch generator of both networks and of generated rows; one
    child of `rng` gives the noise; `rng` itself then shuffles the rows of each epoch.
    """

    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "nothing"

    def __init__(
        self,
        noise_size: int = 100,
        batch: int = 64,
        epochs: float = 10,
        critic_steps: int = 1,
        learning_rate: float = 0.0003,
        loss_noise: float = 0.1,
    ) -> None:
        super().__init__(noise_size, batch, epochs, critic_steps, learning_rate=learning_rate)
        self.loss_noise = loss_noise
        positive("loss_noise", loss_noise)

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        from baselines.networks import seeded

        rows = private.unprotected("noise on the value of a loss leaves its gradient as it is")
        random, noise = seeded(rng), rng.spawn(1)[0]
        self.schema_ = private.schema
        self.generator_ = self._generator(private.schema, [], random)
        self.critic_ = self._critic(private.schema, random)
        self._play(self._noisy_loss_gradient(_shuffled(rows, self.batch, rng), noise, random), random)
        return self

    def _noisy_loss_gradient(
        self, batches: Iterator[np.ndarray], noise: np.random.Generator, random: torch.Generator
    ) -> Callable[[], torch.Tensor]:
        import torch

        from baselines.networks import one_hot, without_gradient

        critic, losses = self.critic_, self._losses()

        def gradient() -> torch.Tensor:
            real = one_hot(next(batches), self.schema_.sizes)
            fake = without_gradient(self.generator_, self.batch, random)
            loss = losses.real(critic(real)).sum() / max(len(real), 1) + losses.fake(critic(fake)).mean()
            loss = loss + float(noise.normal(0.0, self.loss_noise))
            return torch.cat([part.flatten() for part in torch.autograd.grad(loss, tuple(critic.parameters()))])

        return gradient


def _shuffled(rows: np.ndarray, batch: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of all rows in a new order each epoch, without end."""
    while True:
        order = rng.permutation(len(rows))
        for start in range(0, max(len(rows), 1), batch):
            yield rows[order[start : start + batch]]
