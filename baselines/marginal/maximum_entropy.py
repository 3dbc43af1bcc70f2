"""The distribution of maximum entropy near noisy marginals, each held no more firmly than its noise allows.

Of all distributions p it is the one that minimises

    n KL(p || base) + sum over measured cells i of  trust / (2 sigma_i) (n p_i - y_i)^2,

where base is the product of the one-way estimates, n the number of rows, y_i a noisy count, moved so that its table adds up to
n, and sigma_i its noise. This is maximum entropy with quadratically relaxed constraints (Dudik, Phillips and Schapire 2007,
"Maximum entropy density estimation with generalized regularization and an application to species distribution modeling", JMLR
8, pages 1217 to 1260). What the noisy counts leave open is independent, as the one-way marginals say. A likelihood
(`inference.fit_model`), run to its end, explains noise by dependence instead, and labels drawn from it are surer than they
should be. The price is that strong dependence is believed a little too weak: a cell whose count is e times that of base
keeps a distance of sigma / trust from what was measured.

The dual is solved, without constraints: over one multiplier a measured cell,

    n log sum(base exp(sum of multipliers)) - multipliers . y + sum of sigma_i multiplier_i^2 / (2 trust),

whose gradient is the expected counts less the measured ones, plus sigma_i multiplier_i / trust. Nothing here touches
private rows: measurements come in, a model goes out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from baselines.marginal.gibbs import Gibbs
from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, JunctionTree
from baselines.marginal.marginals import Measurement, nearest_marginal

Zeros = tuple[Clique, np.ndarray]  # columns, and a table of theirs that is true where no row is
_NEVER = -60.0  # of the logarithm of an impossible cell's share: e^-60 of all rows is none
_PRIOR_COUNT = 0.5  # rows added to every cell of a one-way estimate, so that none is impossible


class Dual:
    """The dual of a fit: a convex function of one number a measured cell, with its gradient.

    The numbers are multipliers in units in which the function is about equally curved in all: the root of a cell's count plus
    its slack, sigma / trust, which is about its second derivative.
    """

    def __init__(
        self, tree: JunctionTree, measurements: Sequence[Measurement], total: float, trust: float, zeros: Sequence[Zeros] = ()
    ) -> None:
        self.total = total
        self.gibbs = Gibbs(tree, [*(m.clique for m in measurements), *(clique for clique, _ in zeros)])
        self._zeros = np.concatenate([np.empty(0), *(np.where(cells, _NEVER, 0.0).ravel() for _, cells in zeros)])
        # a table's sum tells of the number of rows alone, which is given
        centred = [m.values + (total - m.values.sum()) / m.values.size for m in measurements]
        self._counts = np.concatenate([table.ravel() for table in centred])
        self._slack = np.concatenate([np.full(m.values.size, m.sigma / trust) for m in measurements])
        self._unit = 1 / np.sqrt(np.maximum(self._counts, 0) + self._slack)
        self._base = np.zeros(self._counts.size)
        for m, cells in zip(measurements, self.gibbs.slices, strict=False):  # those of zeros come after
            if len(m.clique) == 1:
                estimate = nearest_marginal(m, total) + _PRIOR_COUNT
                self._base[cells] = np.log(estimate / estimate.sum())

    @property
    def cells(self) -> int:
        """How many numbers the function takes."""
        return self._counts.size

    def __call__(self, scaled: np.ndarray) -> tuple[float, np.ndarray]:
        """(value in nats, gradient) at multipliers in their units, shape (cells,)."""
        multipliers = scaled * self._unit
        potentials = np.append(self._base + multipliers, self._zeros)
        log_sum, expected = self.gibbs.calibrate(potentials, self.total)
        expected = expected[: self.cells]
        pull = multipliers * self._slack
        value = self.total * log_sum - float(multipliers @ self._counts) + float(multipliers @ pull) / 2
        return value, (expected - self._counts + pull) * self._unit


def fit_maximum_entropy(
    sizes: Sequence[int],
    measurements: Sequence[Measurement],
    total: float,
    trust: float = 0.4,
    iterations: int = 150,
    tolerance: float = 0.5,
    cliques: Sequence[Clique] | None = None,
    zeros: Sequence[Zeros] = (),
) -> Model:
    """The model of `total` rows of maximum entropy near the measurements.

    measurements: unweighted; several of the same columns count as one. A column without a one-way measurement is uniform in the
    base. iterations: of L-BFGS (Byrd, Lu, Nocedal and Zhu 1995) at most. tolerance: the search ends when no cell is further
    off its place than this, in roots of its count plus slack. cliques: of a chordal graph that holds every measurement, if
    one is at hand; the junction tree is built on it unless that of the measurements alone is smaller. zeros: cells that no row
    has, of columns that stand together in one of these cliques; others are passed over.

    Raises ValueError for weighted measurements.
    """
    from scipy.optimize import minimize

    if any(m.weights is not None for m in measurements):
        raise ValueError("weighted measurements are for fit_model")
    measurements = together(measurements)
    zeros = [zero for zero in zeros if any(set(zero[0]) <= set(clique) for clique in cliques or ())]
    tree = JunctionTree.of(sizes, [*(m.clique for m in measurements), *(clique for clique, _ in zeros)])
    if cliques is not None:
        tree = min(tree, JunctionTree.spanning(sizes, cliques), key=lambda tree: tree.cells)
    dual = Dual(tree, measurements, total, trust, zeros)
    options = {"maxiter": iterations, "maxfun": 2 * iterations, "gtol": tolerance, "ftol": 0.0}
    found = minimize(dual, np.zeros(dual.cells), jac=True, method="L-BFGS-B", options=options)
    dual(found.x)  # leaves the beliefs of where the search ended
    return Model(tree, total, {}, [belief.copy() for belief in dual.gibbs.beliefs], float(found.fun), int(found.nfev))


def together(measurements: Sequence[Measurement]) -> list[Measurement]:
    """One measurement for each set of columns, axes in ascending order: the mean of its measurements by inverse variance."""
    tables: dict[Clique, list[tuple[np.ndarray, float]]] = {}
    for m in measurements:
        order = sorted(range(len(m.clique)), key=lambda k: m.clique[k])
        tables.setdefault(tuple(m.clique[k] for k in order), []).append((m.values.transpose(order), m.sigma))
    found = []
    for columns, answers in tables.items():
        precision = [sigma**-2 for _, sigma in answers]
        mean = np.average([values for values, _ in answers], axis=0, weights=precision)
        found.append(Measurement(columns, mean, sum(precision) ** -0.5))
    return found
