"""MargNet: AIM's choice of marginals, a network in place of the graphical model (Chen, Gong and Wang 2025, arXiv 2511.13893)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import Measurement, estimate_total, measure
from baselines.marginal.selection import choose_worst, round_cost, round_noise
from baselines.marginal.workload import WORKLOADS, Workload, cells_of, workload
from dpdsyn.base.checks import one_of, positive, whole_number
from dpdsyn.base.steps import MEAN_NOISE, Rounds
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer

if TYPE_CHECKING:
    from baselines.mixtures.network import MixtureNetwork


@dataclass(frozen=True)
class Round:
    """What one round measured. clique: column positions; sigma: the noise of its answer."""

    clique: Clique
    sigma: float


class MargNet(Synthesizer):
    """Round after round, measure the marginal that the network has most wrong, and train the network on all answers.

    After the authors' code (KaiChen9909/margnet, `method/MargDL/main.py` and `scripts/gan.py`, no licence; read, not copied):
    - one-way marginals first; at most 16 rounds a column; nine tenths of a round's zCDP for the answer, a tenth for the choice;
    - a marginal's score is |x_r - model_r|_1 - sqrt(2/pi) sigma n_r; marginals may be measured again, and no size of a model
      limits the choice;
    - where a marginal that was chosen for the first time moved the model less than noise would, a round's budget is doubled
      (AIM quadruples it);
    - the network makes of a fixed batch of uniform one-hot rows one product distribution a line, as CTGAN's generator does; its
      loss is the sum over cells of squared errors of shares. Answers are cut off at 0 and made to add up to 1, several of one
      marginal are averaged by weight; a weight is the first sigma over sigma, and in the round that measures a marginal as many
      times as much as there are columns; Adam begins anew in each round.

    workload: `all_2way` as in the code; `target`, every three columns with the target, is ours to try.
    iterations: steps in each round. parts, hidden, rate: lines of the batch, units of each of two hidden layers, rate of
    learning. max_cells: marginals with more are no candidates.

    What differs:
    - 50 steps a round, where the code takes 200 and a graphics processor: some 80 rounds of these would take more than ten
      minutes of a busy core; all other constants are the code's for Adult;
    - a round that cannot be followed by another spends all that is left (AIM's rule), where the code leaves it unspent;
    - the number of rows is the inverse-variance mean of all answers, where the code takes the one-way marginals by other weights;
    - the batch's own moments normalise it while the network is asked, too, where the code takes running ones;
    - a sample draws as many rows of each part, and within a part values as often as expected, rounded up or down at random.
    """

    version = 1
    most_values: ClassVar[int | None] = 32
    uses_target: ClassVar[bool] = True

    def __init__(
        self,
        workload: Workload = "all_2way",
        max_cells: int = 10_000,
        iterations: int = 50,
        rate: float = 0.001,
        parts: int = 512,
        hidden: int = 256,
    ) -> None:
        self.workload = one_of("workload", workload, WORKLOADS)
        self.max_cells = max_cells
        self.iterations = iterations
        self.rate = rate
        self.parts = parts
        self.hidden = hidden
        for name in ("max_cells", "iterations", "hidden"):
            whole_number(name, getattr(self, name), least=1)
        whole_number("parts", parts, least=2)  # one alone has no moments to be normalised by
        positive("rate", rate)

    def imports(self) -> tuple[str, ...]:
        return ("torch", "baselines.gans.networks", "baselines.mixtures.network")

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        from baselines.gans.networks import seeded
        from baselines.mixtures.network import MixtureNetwork, uniform_one_hot

        schema, rho = private.schema, private.ledger.cap()
        columns: list[Clique] = [(column,) for column in range(len(schema.sizes))]
        candidates = workload(schema, self.workload, self.max_cells) or columns
        random = seeded(rng)
        batch = uniform_one_hot(schema.sizes, self.parts, random)
        network = MixtureNetwork(batch, (self.hidden, self.hidden), schema.sizes, random)

        sigma, epsilon = round_noise(rho / (16 * len(columns)))
        first = sigma
        measurements = measure(private, columns, sigma)
        used = len(columns) / (2 * sigma**2)
        self._train(network, measurements, first)
        self.rounds_: list[Round] = []
        told = Rounds()
        last = False
        while not last:
            if rho - used < 2 * round_cost(sigma, epsilon):
                sigma, epsilon = round_noise(rho - used)
                last = True
            used += round_cost(sigma, epsilon)
            model = network.mixture(estimate_total(measurements))
            clique = choose_worst(private, candidates, model, _worth(schema.sizes, sigma), 1.0, epsilon)
            before = model.project(clique)
            known = any(clique == m.clique for m in measurements)
            measurements += measure(private, [clique], sigma)
            told.add([measurements[-1].values], [before], sigma, model.total, used / rho)
            self._train(network, measurements, first)
            self.rounds_.append(Round(clique, sigma))
            self.report(f"round {len(self.rounds_)}, {min(used / rho, 1.0):.0%} of the budget used")
            moved = network.mixture(model.total).project(clique)
            if not known and np.abs(moved - before).sum() < sigma * MEAN_NOISE * before.size:
                sigma, epsilon = sigma / math.sqrt(2), epsilon * math.sqrt(2)
        self.mixture_, self.steps_ = network.mixture(estimate_total(measurements)), told.steps
        return self

    def _train(self, network: MixtureNetwork, measurements: Sequence[Measurement], first: float) -> None:
        """Train on all answers, the last of them above all once there are others than one-way marginals."""
        import torch

        from baselines.mixtures.network import Marginals, flat

        shares = pooled(measurements, first, len(network.sizes))
        wanted, marginals = flat([share for share, _ in shares.values()]), Marginals(network.sizes, list(shares))
        weights = flat([np.full(share.shape, weight) for share, weight in shares.values()])
        optimizer = torch.optim.Adam(network.parameters(), self.rate)
        for _ in range(self.iterations):
            errors = marginals(network()) - wanted
            optimizer.zero_grad()
            (weights * errors.square()).sum().backward()
            optimizer.step()

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.mixture_.sample(n, rng)


def pooled(measurements: Sequence[Measurement], first: float, columns: int) -> dict[Clique, tuple[np.ndarray, float]]:
    """For each marginal the weighted mean of its answers, as shares, and the sum of their weights.

    first: the sigma that has weight 1. columns: by which the last answer's weight is multiplied, unless it is one of the one-way
    marginals that began.
    """
    sums: dict[Clique, tuple[np.ndarray, float]] = {}
    for i, measurement in enumerate(measurements):
        weight = first / measurement.sigma * (columns if i == len(measurements) - 1 and i >= columns else 1)
        counts = np.maximum(measurement.values, 0)
        share = counts / counts.sum() if counts.sum() > 0 else np.full(counts.shape, 1 / counts.size)
        before, weights = sums.get(measurement.clique, (0.0, 0.0))
        sums[measurement.clique] = before + weight * share, weights + weight
    return {clique: (total / weight, weight) for clique, (total, weight) in sums.items()}


def _worth(sizes: tuple[int, ...], sigma: float) -> Callable[[Clique, float], float]:
    """What is wrong beyond what the noise of the answer would be."""
    return lambda clique, off: off - MEAN_NOISE * sigma * cells_of(sizes, clique)
