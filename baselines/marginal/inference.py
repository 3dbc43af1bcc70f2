"""Private-PGM without compilation: graphical models fitted to noisy marginals.

The estimate is that of McKenna, Sheldon and Miklau (2019, arXiv 1901.09136): among the distributions of maximum
entropy that a set of marginals allows, the one whose marginals are nearest to the measured ones. Columns are named by
their positions. Nothing here touches private rows: measurements come in, a model goes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from baselines.marginal.drawing import systematic_draw
from baselines.marginal.junction_tree import Clique, JunctionTree, Table, calibrated, spread, summed
from baselines.marginal.marginals import Measurement

_LEAST = 0.1  # standard deviations of a count that noise made smaller or negative, where a search begins
_FLOOR = -100.0  # of a log potential under its largest entry; e^-100 of the rows is none


@dataclass(frozen=True)
class Model:
    """A fitted distribution of `total` rows: calibrated tables of counts on the cliques of a junction tree.

    potentials: logarithms of the factors on the measured cliques, from which another fit can start.
    beliefs: expected counts on each clique of the tree. loss: what the fit reached, in nats; see `fit_model`.
    """

    tree: JunctionTree
    total: float
    potentials: Mapping[Clique, np.ndarray]
    beliefs: Sequence[np.ndarray]
    loss: float = math.nan
    iterations: int = 0
    _sums: _Kept = field(default_factory=lambda: _Kept(), repr=False)
    _messages: _Kept = field(default_factory=lambda: _Kept(), repr=False)

    def project(self, clique: Clique) -> np.ndarray:
        """Expected counts of every combination of values of these columns, axes in the order given."""
        tree, wanted = self.tree, sum(1 << c for c in clique)
        root = max(range(len(tree.cliques)), key=lambda i: (wanted & self._mask(i)).bit_count())
        axes, table = self._gathered(root, -1, wanted, wanted)
        return table.transpose([axes.index(c) for c in clique])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n encoded rows, shape (n, columns), drawn column after column along the tree.

        Given the columns before it, a column's values are a systematic sample of its distribution: their counts are
        the expected ones rounded up or down at random, so that marginals of the sample stay next to the model's.
        """
        encoded = np.zeros((len(self.tree.sizes), n), dtype=np.int64).T  # a column lies side by side while it is drawn
        for i, (clique, separator) in enumerate(zip(self.tree.cliques, self.tree.separators, strict=True)):
            given = separator
            for column in sorted(set(clique) - set(separator)):
                joint = self._marginal(i, tuple(c for c in clique if c in given or c == column))
                at = [c for c in clique if c in given or c == column].index(column)
                table = np.moveaxis(joint, at, -1).reshape(-1, self.tree.sizes[column])
                encoded[:, column] = systematic_draw(table, _joint_code(encoded, given, self.tree.sizes), rng)
                given = tuple(c for c in clique if c in given or c == column)
        return np.ascontiguousarray(encoded)

    def _mask(self, i: int) -> int:
        return sum(1 << c for c in self.tree.cliques[i])

    def _marginal(self, i: int, onto: Clique) -> np.ndarray:
        """The belief of clique i summed down to columns of it, in the order of its axes."""
        axes = self.tree.cliques[i]
        return self._sums.get((i, onto), lambda: (onto, summed(self.beliefs[i], axes, onto)))[1]

    def _neighbours(self, i: int) -> list[tuple[int, int, int]]:
        """(neighbour, mask of the separator, mask of all columns on its side) of clique i."""
        parents = self.tree.parents
        beside = [j for j, p in enumerate(parents) if p == i] + ([parents[i]] if parents[i] >= 0 else [])
        return [(j, self._mask(i) & self._mask(j), self._behind(j, i)) for j in beside]

    def _behind(self, i: int, away_from: int) -> int:
        parents = self.tree.parents
        beside = [j for j, p in enumerate(parents) if p == i] + ([parents[i]] if parents[i] >= 0 else [])
        return self._mask(i) | _union(self._behind(j, i) for j in beside if j != away_from)

    def _gathered(self, i: int, toward: int, kept: int, wanted: int) -> Table:
        """Counts over `kept`, from clique i and all that lies behind it as seen from its neighbour `toward`."""
        needed = [
            (j, separator, wanted & behind & ~self._mask(i))
            for j, separator, behind in self._neighbours(i)
            if j != toward and wanted & behind & ~self._mask(i)
        ]
        own = self._mask(i) & (kept | _union(separator for _, separator, _ in needed))
        axes = tuple(c for c in self.tree.cliques[i] if own >> c & 1)
        table = self._marginal(i, axes)
        for k, (j, separator, beyond) in enumerate(needed):
            later = kept | _union(s for _, s, _ in needed[k + 1 :])
            axes, table = _joined((axes, table), self._message(j, i, separator, beyond), separator & ~later, separator)
        return axes, table

    def _message(self, i: int, toward: int, separator: int, beyond: int) -> Table:
        """P(columns beyond | separator), from the side of clique i."""

        def conditional() -> Table:
            axes, table = self._gathered(i, toward, separator | beyond, beyond)
            gone = tuple(k for k, c in enumerate(axes) if not separator >> c & 1)
            given = table.sum(axis=gone, keepdims=True)
            return axes, np.divide(table, given, out=np.zeros_like(table), where=given > 0)

        return self._messages.get((i, toward, beyond), conditional)


class _Kept:
    """Tables that are made once, as long as they are few; all are dropped when they hold too many cells."""

    most_cells = 2**24

    def __init__(self) -> None:
        self._tables: dict[Hashable, Table] = {}
        self._cells = 0

    def get(self, key: Hashable, make: Callable[[], Table]) -> Table:
        """The table of this key, made if it is not kept."""
        if key not in self._tables:
            made = make()
            if self._cells + made[1].size > self.most_cells:
                self._tables.clear()
                self._cells = 0
            self._tables[key] = made
            self._cells += made[1].size
        return self._tables[key]


def _union(masks: Iterable[int]) -> int:
    result = 0
    for mask in masks:
        result |= mask
    return result


def _joined(left: Table, right: Table, summed: int, shared: int) -> Table:
    """The product of two tables that share the columns `shared`, those in `summed` summed out, as a matrix product."""
    batch = [c for c in left[0] if shared >> c & 1 and not summed >> c & 1]
    inner = [c for c in left[0] if summed >> c & 1]
    outer_left = [c for c in left[0] if not shared >> c & 1]
    outer_right = [c for c in right[0] if not shared >> c & 1]

    def lengths(table: Table, columns: list[int]) -> list[int]:
        return [table[1].shape[table[0].index(c)] for c in columns]

    def arranged(table: Table, *groups: list[int]) -> np.ndarray:
        ordered = table[1].transpose([table[0].index(c) for group in groups for c in group])
        return ordered.reshape([math.prod(lengths(table, group)) for group in groups])

    result = arranged(left, batch, outer_left, inner) @ arranged(right, batch, inner, outer_right)
    shape = lengths(left, batch) + lengths(left, outer_left) + lengths(right, outer_right)
    return (*batch, *outer_left, *outer_right), result.reshape(shape)


def _joint_code(encoded: np.ndarray, columns: Clique, sizes: Sequence[int]) -> np.ndarray:
    joint = np.zeros(len(encoded), dtype=np.int64)
    for column in columns:
        joint = joint * sizes[column] + encoded[:, column]
    return joint


@dataclass
class _Loss:
    """Half the squared distance of marginals to the measurements, in standard deviations: a negative log-likelihood in nats.

    cliques: the largest measured cliques; the marginals of the others are sums of theirs.
    """

    sizes: tuple[int, ...]
    measurements: Sequence[Measurement]
    cliques: list[Clique] = field(init=False)

    def __post_init__(self) -> None:
        self.cliques = []
        for clique in sorted({m.clique for m in self.measurements}, key=lambda c: (-len(c), c)):
            if not any(set(clique) <= set(larger) for larger in self.cliques):
                self.cliques.append(clique)
        self._within = [next(large for large in self.cliques if set(m.clique) <= set(large)) for m in self.measurements]

    @property
    def cells(self) -> int:
        """Cells of all measurements together."""
        return sum(m.values.size for m in self.measurements)

    def steepness(self) -> float:
        """How steep the loss is at most in any cell."""
        return max(1 / m.sigma**2 for m in self.measurements)

    def __call__(self, marginals: Mapping[Clique, np.ndarray]) -> tuple[float, dict[Clique, np.ndarray]]:
        """The loss and its gradient, one table for each of `cliques`."""
        loss = 0.0
        gradient = {clique: np.zeros_like(marginals[clique]) for clique in self.cliques}
        for m, large in zip(self.measurements, self._within, strict=True):
            own = tuple(c for c in large if c in m.clique)
            expected = summed(marginals[large], large, own).transpose([own.index(c) for c in m.clique])
            off = (expected if m.weights is None else expected * m.weights) - m.values
            loss += 0.5 * float((off * off).sum()) / m.sigma**2
            slope = off / m.sigma**2 if m.weights is None else off * m.weights / m.sigma**2
            gradient[large] += spread(slope, m.clique, large)
        return loss, gradient


def fit_model(
    sizes: Sequence[int],
    measurements: Sequence[Measurement],
    total: float,
    iterations: int = 1000,
    start: Model | None = None,
    tolerance: float = 1e-3,
) -> Model:
    """The graphical model of `total` rows whose marginals fit the measurements best, by maximum likelihood.

    iterations: of belief propagation at most. start: an earlier model, whose potentials are where the search begins; without one
    it begins at the product of the columns' own estimates, for from uniform columns a rare value is reached last, or never.
    tolerance: the search ends when a step gains less than this share of half the number of measured cells, which is
    about the loss of the truth itself. A smaller one fits the noise more closely, and unmeasured marginals get worse.

    Mirror descent (McKenna et al. 2019, Algorithm 1) with Armijo's rule; accelerated (Tseng 2008, Algorithm 1) as long
    as the loss is far above that of the truth.
    """
    loss = _Loss(tuple(sizes), measurements)
    tree = JunctionTree.of(sizes, loss.cliques)
    potentials = _expanded(start.potentials if start else _apart(measurements), loss.cliques, tree.sizes)
    search = _Search(tree, total, loss, tolerance, iterations)
    potentials = search.plain(search.accelerated(potentials))
    beliefs, found = calibrated(tree, _factors(potentials), total, loss.cliques)
    return Model(tree, total, potentials, beliefs, loss(found)[0], search.used)


def _apart(measurements: Sequence[Measurement]) -> dict[Clique, np.ndarray]:
    """Potentials of independent columns: of each that was measured by itself, the log of its counts (inverse-variance means)."""
    precise: dict[Clique, np.ndarray] = {}
    weighted: dict[Clique, np.ndarray] = {}
    for m in measurements:
        if len(m.clique) == 1:
            scale = np.ones_like(m.values) if m.weights is None else m.weights
            precise[m.clique] = precise.get(m.clique, 0.0) + scale**2 / m.sigma**2
            weighted[m.clique] = weighted.get(m.clique, 0.0) + scale * m.values / m.sigma**2
    return {own: np.log(np.maximum(weighted[own] / sum_, _LEAST / np.sqrt(sum_))) for own, sum_ in precise.items()}


def _expanded(
    potentials: Mapping[Clique, np.ndarray], cliques: Sequence[Clique], sizes: Sequence[int]
) -> dict[Clique, np.ndarray]:
    """The same product of factors, on `cliques`."""
    result = {clique: np.zeros([sizes[c] for c in clique]) for clique in cliques}
    for own, table in potentials.items():
        large = next(clique for clique in cliques if set(own) <= set(clique))
        result[large] += spread(table, own, large)
    return result


def _factors(potentials: Mapping[Clique, np.ndarray]) -> dict[Clique, np.ndarray]:
    return {clique: np.exp(np.maximum(table - table.max(), _FLOOR)) for clique, table in potentials.items()}


def _inner(left: Mapping[Clique, np.ndarray], right: Mapping[Clique, np.ndarray]) -> float:
    return sum(float(np.vdot(left[clique], right[clique])) for clique in left)


def _moved(left: Mapping[Clique, np.ndarray], by: float, right: Mapping[Clique, np.ndarray]) -> dict[Clique, np.ndarray]:
    return {clique: left[clique] + by * right[clique] for clique in left}


@dataclass
class _Search:
    tree: JunctionTree
    total: float
    loss: _Loss
    tolerance: float
    iterations: int
    used: int = 0
    step: float = field(init=False)

    def __post_init__(self) -> None:
        self.step = 0.2 / (self.total * self.loss.steepness())
        self._of_truth = self.loss.cells / 2

    def _settled(self, reached: Sequence[float]) -> bool:
        return len(reached) > 10 and reached[-10] - reached[-1] < 10 * self.tolerance * self._of_truth

    def _marginals(self, potentials: Mapping[Clique, np.ndarray]) -> dict[Clique, np.ndarray]:
        self.used += 1
        return calibrated(self.tree, _factors(potentials), self.total, self.loss.cliques)[1]

    def accelerated(self, mirror: dict[Clique, np.ndarray]) -> dict[Clique, np.ndarray]:
        """Tseng's method with a step that adapts: `mirror` are potentials, `best` a running mean of their marginals."""
        at_mirror = best = self._marginals(mirror)
        reached = [self.loss(best)[0]]
        weight, growth = 1.0, 1.5
        while self.used < self.iterations // 2 and reached[-1] > 1.5 * self._of_truth and not self._settled(reached):
            between = _moved(_scaled(best, 1 - weight), weight, at_mirror)
            value, gradient = self.loss(between)
            while True:
                next_mirror = _moved(mirror, -self.step / weight, gradient)
                at_next = self._marginals(next_mirror)
                next_best = _moved(_scaled(best, 1 - weight), weight, at_next)
                next_value = self.loss(next_best)[0]
                # half the symmetric divergence stands for the divergence of two models, which differs in third order
                apart = 0.5 * (
                    _inner(_moved(next_mirror, -1, mirror), at_next) - _inner(_moved(next_mirror, -1, mirror), at_mirror)
                )
                bound = value + _inner(gradient, _moved(next_best, -1, between)) + weight**2 / self.step * apart
                if next_value <= bound + 1e-9 * abs(value) or self.used >= self.iterations // 2:
                    break
                self.step, growth = self.step / 2, 1.05
            mirror, at_mirror, best = next_mirror, at_next, next_best
            reached.append(next_value)
            self.step *= growth
            weight = (math.sqrt(weight**4 + 4 * weight**2) - weight**2) / 2
        return mirror

    def plain(self, potentials: dict[Clique, np.ndarray]) -> dict[Clique, np.ndarray]:
        """Mirror descent with Armijo's rule, until ten steps together gain too little."""
        here = self._marginals(potentials)
        value, gradient = self.loss(here)
        reached = [value]
        growth = 1.5
        while self.used < self.iterations and not self._settled(reached):
            further = _moved(potentials, -self.step, gradient)
            there = self._marginals(further)
            next_value, next_gradient = self.loss(there)
            if value - next_value >= 0.5 * self.step * _inner(gradient, _moved(here, -1, there)):
                potentials, here, value, gradient = further, there, next_value, next_gradient
                reached.append(value)
                self.step *= growth
            else:
                self.step, growth = self.step / 2, 1.1
                if self.step < 1e-12 / (self.total * self.loss.steepness()):
                    break
        return potentials


def _scaled(tables: Mapping[Clique, np.ndarray], by: float) -> dict[Clique, np.ndarray]:
    return {clique: by * table for clique, table in tables.items()}


def uniform_model(sizes: Sequence[int], total: float) -> Model:
    """The model of no answer at all."""
    tree = JunctionTree.of(sizes, [])
    return Model(tree, total, {}, calibrated(tree, {}, total, [])[0], 0.0)
