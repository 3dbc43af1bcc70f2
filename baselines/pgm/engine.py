"""private-pgm at work: `mbi` estimates models, says what they would weigh, answers marginals and draws rows.

`pgm_mst`, `pgm_aim` and `pgm_mwem` share no code with `baselines/marginal`, so that where they and our rows agree neither is a
straw man. Columns are attributes by their positions: no step depends on how Python hashes names.

All is computed in double precision, within these functions alone: outside, JAX is left as it was. The warnings that `mbi` gives
when it is imported (of single precision, of a cache) do not apply and are not shown.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dpdsyn.private_table import PrivateTable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import jax
    import jax.numpy as jnp
    from mbi import (
        CliqueVector,
        Domain,
        Factor,
        LinearMeasurement,
        MarkovRandomField,
        estimation,
        junction_tree,
        marginal_oracles,
    )

_MOST_MAPS = 30_000
_MOST_OPERANDS = 60

Columns = tuple[int, ...]  # an mbi clique: attributes are positions of columns


@dataclass(frozen=True)
class Learnt:
    """A fitted model as plain arrays: log-potentials by their cliques, and the number of rows that it stands for."""

    sizes: tuple[int, ...]
    potentials: dict[Columns, np.ndarray]
    total: float


def domain_of(sizes: Sequence[int]) -> Domain:
    return Domain(tuple(range(len(sizes))), tuple(sizes))


def measured(private: PrivateTable, cliques: Sequence[Columns], sigma: float) -> list[LinearMeasurement]:
    """Marginals with Gaussian noise sigma in every cell, as `mbi` takes them; costs len(cliques) / (2 sigma^2) of zCDP."""
    names = private.schema.names
    answers = private.noisy_marginals([tuple(names[c] for c in clique) for clique in cliques], [sigma] * len(cliques))
    return [LinearMeasurement(answer.ravel(), clique, stddev=sigma) for clique, answer in zip(cliques, answers, strict=True)]


def counts(measurement: LinearMeasurement, domain: Domain) -> np.ndarray:
    """The noisy counts of a marginal, of the shape of its columns."""
    return np.asarray(measurement.noisy_measurement).reshape(domain.project(measurement.clique).shape)


def rows_measured(measurements: Sequence[LinearMeasurement]) -> float:
    """The number of rows, by mbi's estimate of least variance from the measurements that are whole marginals."""
    return float(estimation.minimum_variance_unbiased_total(list(measurements)))


def estimated(
    domain: Domain,
    measurements: Sequence[LinearMeasurement],
    iterations: int,
    total: float | None = None,
    start: MarkovRandomField | None = None,
) -> MarkovRandomField:
    """mbi's mirror descent. total: None lets mbi estimate the number of rows. start: where the search begins."""
    spare_memory_maps()
    with jax.enable_x64(True):
        return estimation.MirrorDescent().estimate(
            domain, list(measurements), known_total=total, iters=iterations, warm_start=start
        )


def uniform(domain: Domain, total: float) -> MarkovRandomField:
    """The model before anything was measured."""
    return estimated(domain, [], 1, total)


def marginals(model: MarkovRandomField, cliques: Sequence[Columns]) -> list[np.ndarray]:
    """The model's counts on each set of columns, each of the shape of its columns.

    As `mbi.MarkovRandomField.project`: by variable elimination in mbi's greedy order where the set is in no clique of the model.
    Sums of products are mbi's too, with NumPy's einsum, for JAX would compile a program for every question about every new model:
    seconds each, a hundred a round.
    """
    own = {clique: np.asarray(model.marginals[clique].values) for clique in model.marginals.cliques}
    logs = [(tuple(f.domain.attributes), np.asarray(f.values)) for f in model.potentials.tables.values()]
    factors = [Factor(model.domain.project(clique), np.exp(table - table.max())) for clique, table in logs]
    return [
        _inside(own, clique) if any(set(clique) <= set(c) for c in own) else _outside(model, factors, clique)
        for clique in cliques
    ]


def _inside(own: Mapping[Columns, np.ndarray], clique: Columns) -> np.ndarray:
    """A marginal of the smallest of the model's that holds it."""
    of = min((c for c in own if set(clique) <= set(c)), key=lambda c: own[c].size)
    left = [c for c in of if c in clique]
    summed = own[of].sum(axis=tuple(i for i, c in enumerate(of) if c not in clique))
    return summed.transpose([left.index(c) for c in clique])


def _outside(model: MarkovRandomField, factors: Sequence[Factor], clique: Columns) -> np.ndarray:
    domain, left = model.domain, list(factors)
    cliques = [tuple(f.domain.attributes) for f in left]
    for column in junction_tree.greedy_order(domain, [*cliques, clique], elim=[c for c in domain if c not in clique])[0]:
        joined = [f for f in left if column in f.domain]
        left = [f for f in left if column not in f.domain]
        if joined:
            beside = sorted({c for f in joined for c in f.domain} - {column})
            values = np.asarray(marginal_oracles.sum_product(joined, domain.project(beside), _numpy_einsum).values)
            left.append(Factor(domain.project(beside), values / (values.max() or 1.0)))
    ones = [Factor(domain.project((c,)), np.ones(domain[c])) for c in clique]
    values = np.asarray(marginal_oracles.sum_product([*left, *ones], domain.project(clique), _numpy_einsum).values)
    if values.sum() > 0:
        return values * (float(model.total) / values.sum())
    with jax.enable_x64(True):  # potentials so far apart that only logarithms tell them
        return np.asarray(model.project(clique).datavector(flatten=False))


def _numpy_einsum(formula: str, *tables: np.ndarray, optimize: object = None, precision: object = None) -> np.ndarray:
    """NumPy's, for mbi's `sum_product`; of two and more tables the order in which they are multiplied is found greedily.

    NumPy takes 63 tables: where there are more, those on the same columns are multiplied first. (What columns that are joined to
    none leave is on no column; what the leaves of a star leave is on its hub.)
    """
    if len(tables) > _MOST_OPERANDS:
        scopes, answer = formula.split("->")
        products: dict[str, np.ndarray] = {}
        for scope, table in zip(scopes.split(","), tables, strict=True):
            products[scope] = products[scope] * table if scope in products else table
        formula, tables = f"{','.join(products)}->{answer}", tuple(products.values())
    return np.einsum(formula, *tables, optimize="greedy" if len(tables) > 2 else False)


def megabytes(domain: Domain, cliques: Sequence[Columns]) -> float:
    """What the junction tree of these cliques takes, by mbi's own reckoning."""
    return float(junction_tree.hypothetical_model_size(domain, list(cliques)))


def learnt(model: MarkovRandomField) -> Learnt:
    """The model without anything of JAX in it, to be kept."""
    tables = {tuple(factor.domain.attributes): np.array(factor.values) for factor in model.potentials.tables.values()}
    return Learnt(tuple(model.domain.shape), tables, float(model.total))


def spare_memory_maps() -> None:
    """Drop what JAX has compiled once it holds about half of the memory maps that a process may have (65,530 by default).

    Every new set of cliques makes new programs, a thousand maps or so each, and where there are no more, LLVM dies.
    """
    with contextlib.suppress(OSError):
        if Path("/proc/self/maps").read_bytes().count(b"\n") > _MOST_MAPS:
            jax.clear_caches()


def drawn(model: Learnt, n: int, rng: np.random.Generator, merged: Mapping[int, np.ndarray] | None = None) -> np.ndarray:
    """n rows by mbi's `synthetic_data` (randomised rounding along the junction tree), shape (n, columns).

    merged: of columns whose values were merged, the new code of each old one; old codes come back, uniform among equals.
    """
    if n == 0:
        return np.zeros((0, len(model.sizes)), dtype=np.int64)
    domain = domain_of(model.sizes)
    with jax.enable_x64(True), _global_generator(rng):
        tables = {c: Factor(domain.project(c), jnp.asarray(table)) for c, table in model.potentials.items()}
        potentials = CliqueVector(domain, tuple(tables), tables)
        # synthetic_data reads potentials alone; it computes marginals anew, on the cliques of its junction tree
        field = MarkovRandomField(potentials=potentials, marginals=potentials, total=model.total)
        columns = field.synthetic_data(rows=n).decompress(dict(merged or {})).to_dict()
    return np.stack([np.asarray(columns[c], dtype=np.int64) for c in range(len(model.sizes))], axis=1)


@contextlib.contextmanager
def _global_generator(rng: np.random.Generator) -> Iterator[None]:
    """NumPy's global generator, which mbi draws from, seeded from ours for a while and then put back as it was."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(rng.integers(2**32, size=8, dtype=np.uint32))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
