"""GEM: generative networks with the exponential mechanism (Liu, Vietri and Wu 2021, arXiv 2106.07153)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from baselines.marginal.junction_tree import Clique
from baselines.marginal.marginals import estimate_total, measure, named
from baselines.marginal.workload import WORKLOADS, Workload, workload
from dpdsyn.base.checks import InputError, one_of, positive, whole_number
from dpdsyn.base.steps import Rounds
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

if TYPE_CHECKING:
    from baselines.mixtures.mixture import Mixture
    from baselines.mixtures.network import MixtureNetwork

_EMA = 0.5  # what the running largest error keeps of itself at each round; half of it is the threshold of errors that are fitted
_THRESHOLD = 0.5
_COUNTING = 0.02  # share of the budget for the number of rows
_LAST_RATE = 1e-8


class GEM(Synthesizer):
    """Round after round, measure the marginal in which the network has one cell most wrong, and fit the network to all answers.

    Algorithm 3 of the paper, as its authors' second code does it (terranceliu/dp-query-release, `src/algo/gem.py`; read, not
    copied), which chooses whole marginals where the code of the paper (terranceliu/iterative-dp) chooses single cells:
    - the network makes of a fixed batch of normal noise one product distribution a line; rows are drawn from their mixture;
    - a round chooses among the marginals that were not measured yet, by the largest error of a cell, with the exponential
      mechanism, and measures all of its cells by Gaussian noise; `choosing` is the share of its zCDP for the choice;
    - then up to `iterations` steps of Adam, its rate falling by a cosine, on the L2 norm of the errors of those cells that are
      off by more than half of a running mean of the largest error; it ends when there are none;
    - the parameters at the end are an average over the second half of the rounds, in which the former ones keep the share .9.
    So it is the largest errors that are fitted. Cells that are off by less stay so, whatever the budget: on Adult pairs of
    columns come out no nearer at epsilon 3.2 than at .8.

    workload: `target`, every three columns with the target among them; `all_2way`; `all_3way` (that of the paper's Adult).
    rounds: at most as many as there are marginals. parts, inputs, hidden: lines of noise, their length, and units of each of the
    two hidden layers. max_cells: marginals with more are no part of the workload.

    What differs:
    - neighbouring tables differ by a row more or less, where the paper replaces one, so a marginal's noise is 1/sqrt(2) of theirs
      and the number of rows is private: a marginal of one column with a fiftieth of the budget begins, and shares are
      counts over the estimate of all answers so far;
    - one number of rounds for all budgets; the paper's tables have the best of twelve, chosen on the private errors;
    - a small network (64, two of 128, 256 lines of noise), where the scripts take 256, two of 512 and 1,000 lines, thirty times
      the work; with it the rate of learning is 1e-3, as in MargNet's comparison, not 1e-4 (chosen on a development set);
    - a sample draws as many rows of each part, and within a part values as often as expected, rounded up or down at random.
    """

    version = 1
    most_values: ClassVar[int | None] = 32
    uses_target: ClassVar[bool] = True

    def __init__(
        self,
        workload: Workload = "target",
        max_cells: int = 10_000,
        rounds: int = 50,
        choosing: float = 0.5,
        iterations: int = 100,
        rate: float = 0.001,
        parts: int = 256,
        inputs: int = 64,
        hidden: int = 128,
        average: float = 0.9,
    ) -> None:
        self.workload = one_of("workload", workload, WORKLOADS)
        self.max_cells = max_cells
        self.rounds = rounds
        self.choosing = choosing
        self.iterations = iterations
        self.rate = rate
        self.parts = parts
        self.inputs = inputs
        self.hidden = hidden
        self.average = average
        for name in ("max_cells", "rounds", "iterations", "inputs", "hidden"):
            whole_number(name, getattr(self, name), least=1)
        whole_number("parts", parts, least=2)  # one alone has no moments to be normalised by
        positive("rate", rate)
        for name in ("choosing", "average"):
            if not positive(name, getattr(self, name)) < 1:
                raise InputError(f"{name} is {getattr(self, name)!r}; a number between 0 and 1, both excluded, is needed")

    def imports(self) -> tuple[str, ...]:
        return ("torch", "baselines.gans.networks", "baselines.mixtures.network")

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        import torch

        from baselines.gans.networks import seeded
        from baselines.mixtures.network import MixtureNetwork

        schema, rho = private.schema, private.ledger.cap()
        waiting = self._offered(schema)
        rounds = min(self.rounds, len(waiting))
        random = seeded(rng)
        noise = torch.randn(self.parts, self.inputs, generator=random)
        network = MixtureNetwork(noise, (self.hidden, self.hidden), schema.sizes, random)

        smallest: Clique = (int(np.argmin(schema.sizes)),)
        answers = measure(private, [smallest], math.sqrt(1 / (2 * _COUNTING * rho)))
        each = (1 - _COUNTING) * rho / rounds
        sigma, epsilon = math.sqrt(1 / (2 * (1 - self.choosing) * each)), math.sqrt(8 * self.choosing * each)
        self.chosen_: list[Clique] = []
        largest: float | None = None
        mean: list[torch.Tensor] = []
        told = Rounds()
        for done in range(1, rounds + 1):
            before = network.mixture(estimate_total(answers))
            clique = worst_cell(private, waiting, before, epsilon)
            waiting.remove(clique)
            self.chosen_.append(clique)
            answers += measure(private, [clique], sigma)
            used = _COUNTING + (1 - _COUNTING) * done / rounds
            told.add([answers[-1].values], [before.project(clique)], sigma, before.total, used)
            total = estimate_total(answers)
            known = [np.clip(answer.values / total, 0, 1) for answer in answers[1:]]
            largest = self._fitted(network, known, largest)
            if done > rounds // 2:
                now = [parameter.detach().clone() for parameter in network.parameters()]
                mean = [self.average * a + (1 - self.average) * b for a, b in zip(mean or now, now, strict=True)]
            self.report(f"round {done} of {rounds}")
        with torch.no_grad():
            for parameter, averaged in zip(network.parameters(), mean, strict=True):
                parameter.copy_(averaged)
        self.mixture_, self.steps_ = network.mixture(estimate_total(answers)), told.steps
        return self

    def _offered(self, schema: Schema) -> list[Clique]:
        """The marginals of the workload; one-way marginals where there is none that is small enough."""
        columns: list[Clique] = [(column,) for column in range(len(schema.sizes))]
        return workload(schema, self.workload, self.max_cells) or columns

    def _fitted(self, network: MixtureNetwork, known: Sequence[np.ndarray], largest: float | None) -> float:
        """Fit to the shares that are known of the chosen marginals; gives the running mean of the largest error before it."""
        import torch

        from baselines.mixtures.network import Marginals, flat

        wanted, marginals = flat(known), Marginals(network.sizes, self.chosen_)
        optimizer = torch.optim.Adam(network.parameters(), self.rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations, eta_min=_LAST_RATE)
        threshold: float | None = None
        for _ in range(self.iterations):
            errors = marginals(network()) - wanted
            sizes = errors.detach().abs()
            if threshold is None:
                now = float(sizes.max())
                largest = now if largest is None else _EMA * largest + (1 - _EMA) * now
                threshold = _THRESHOLD * largest
            off = errors[sizes >= threshold]
            if not len(off):
                break
            optimizer.zero_grad()
            (torch.linalg.vector_norm(off) / len(off)).backward()
            optimizer.step()
            schedule.step()
        assert largest is not None
        return largest

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.mixture_.sample(n, rng)


def worst_cell(private: PrivateTable, offered: Sequence[Clique], mixture: Mixture, epsilon: float) -> Clique:
    """One of the marginals, by the exponential mechanism; charges it. The score is the largest error of a cell's count.

    Given the mixture, a row moves one cell of each marginal by at most 1, and so the largest error by at most 1.
    """
    queries = named(private.schema, offered)
    clique_of = dict(zip(queries, offered, strict=True))

    def score(exact: np.ndarray, query: Query) -> float:
        return float(np.abs(exact - mixture.project(clique_of[query])).max())

    return offered[private.select(queries, score, sensitivity=1.0, epsilon=epsilon)]
