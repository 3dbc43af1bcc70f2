"""To and from private-pgm (`mbi` on the package index, 2.0 or later), and its own way to fit.

A fitted `Model` and an `mbi.MarkovRandomField` are the same thing told in two ways: a product of factors, of which both keep
logarithms. `to_mbi` hands ours to private-pgm's tools, `from_mbi` takes one back. Nothing here touches private rows.

All that is computed here is in double precision; outside of these functions JAX is left as it was, in single precision unless
somebody has changed that. Importing this module imports JAX, in a second or two, and `mbi` without what it warns of at that.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import logsumexp

from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, JunctionTree, spread
from baselines.marginal.marginals import Measurement
from dpdsyn.base.checks import InputError, positive
from dpdsyn.schema import Schema

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of single precision, which is not used here, and of a cache that nobody asked for
    import jax
    import jax.numpy as jnp
    from mbi import CliqueVector, Domain, Factor, LinearMeasurement, MarkovRandomField, WeightedQuery, estimation


def to_mbi(model: Model, schema: Schema) -> MarkovRandomField:
    """The same distribution for private-pgm's tools: its attributes are the schema's columns, by name and in their order.

    schema: of the table that the model was fitted on; its sizes have to be the model's (MST fits on merged values). Every column
    lies in a clique of it, those that nothing was measured of by themselves. Its tables are of double precision: call its methods
    under `jax.enable_x64(True)`, else JAX rounds what they give to single precision and warns of it.
    """
    if model.tree.sizes != schema.sizes:
        raise InputError(f"the model has columns of {_listed(model.tree.sizes)} values, the schema of {_listed(schema.sizes)}")
    covered = {column for clique in model.potentials for column in clique}
    potentials: dict[Clique, np.ndarray] = dict(model.potentials)
    potentials |= {(column,): np.zeros(size) for column, size in enumerate(schema.sizes) if column not in covered}
    with jax.enable_x64(True):
        return MarkovRandomField(
            potentials=_vector(potentials, schema.names, schema.sizes),
            marginals=_vector({clique: model.project(clique) for clique in potentials}, schema.names, schema.sizes),
            total=float(model.total),
        )


def from_mbi(model: MarkovRandomField, schema: Schema) -> Model:
    """Our model of the distribution that private-pgm has fitted, its columns in the order of the schema.

    Exact to rounding whatever the range of its potentials is: beliefs are computed among logarithms, in NumPy, as `mbi` would
    compile a program for it.
    Raises InputError for another kind of model, one with structural constraints, and attributes that are not the schema's.
    """
    if not isinstance(model, MarkovRandomField):
        raise InputError(f"the model is a {type(model).__name__}; a MarkovRandomField of mbi is needed")
    if model.constraints:
        raise InputError("the model has structural constraints, which ours cannot hold; fit one without them")
    theirs, ours = dict(model.domain.config), dict(zip(schema.names, schema.sizes, strict=True))
    if theirs != ours:
        raise InputError(f"the model has the attributes {theirs}, the schema the columns {ours}; names and sizes have to agree")
    return as_model(model, schema.names, schema.sizes)


def fit_with_mbi(
    sizes: Sequence[int], measurements: Sequence[Measurement], total: float, iterations: int, start: Model | None = None
) -> MarkovRandomField:
    """As `baselines.marginal.inference.fit_model`, by private-pgm's mirror descent; its attributes are positions of columns.

    It takes all `iterations`, rounded up to a multiple of 50, and compiles programs for every new set of cliques.
    """
    names = tuple(range(len(sizes)))
    noisy = [
        LinearMeasurement(m.values.ravel(), m.clique, stddev=m.sigma)
        if m.weights is None
        else LinearMeasurement(m.values.ravel(), m.clique, stddev=m.sigma, query=WeightedQuery(m.weights.ravel()))
        for m in measurements
    ]
    with jax.enable_x64(True):
        warm = _vector(start.potentials, names, sizes) if start else None
        domain, descent = Domain(names, tuple(sizes)), estimation.MirrorDescent()
        return descent.estimate(domain, noisy, known_total=float(total), iters=iterations, warm_start=warm)


def as_model(model: MarkovRandomField, names: Sequence[str | int], sizes: Sequence[int]) -> Model:
    """Our model over columns that are its attributes `names`, of so many values."""
    position = {name: column for column, name in enumerate(names)}
    potentials = {
        tuple(position[name] for name in factor.domain.attributes): np.array(factor.values, dtype=np.float64)
        for factor in model.potentials.tables.values()
    }
    total = positive("the model's total", float(model.total))
    tree = JunctionTree.of(sizes, potentials)
    return Model(tree, total, potentials, _beliefs(tree, potentials, total))


def _beliefs(tree: JunctionTree, potentials: Mapping[Clique, np.ndarray], total: float) -> list[np.ndarray]:
    """As `baselines.marginal.junction_tree.calibrated`, among logarithms: slower, and no potential is too low or too high."""
    logs = [np.zeros([tree.sizes[c] for c in clique]) for clique in tree.cliques]
    for own, table in potentials.items():
        home = tree.home(own)
        logs[home] += spread(table, own, tree.cliques[home])
    upward: list[np.ndarray] = [np.empty(0)] * len(logs)
    for i in reversed(range(1, len(logs))):
        parent = tree.parents[i]
        upward[i] = _log_summed(logs[i], tree.cliques[i], tree.separators[i])
        logs[parent] += spread(upward[i], tree.separators[i], tree.cliques[parent])
    for i in range(1, len(logs)):
        downward = _log_summed(logs[tree.parents[i]], tree.cliques[tree.parents[i]], tree.separators[i])
        told = np.where(np.isneginf(upward[i]), 0, downward - np.where(np.isneginf(upward[i]), 0, upward[i]))
        logs[i] += spread(told, tree.separators[i], tree.cliques[i])
    return [total * np.exp(table - logsumexp(table)) for table in logs]


def _log_summed(table: np.ndarray, axes: Clique, onto: Clique) -> np.ndarray:
    """The logarithm of the sum over all columns but `onto`, in their order."""
    left = [c for c in axes if c in onto]
    found = np.asarray(logsumexp(table, axis=tuple(k for k, c in enumerate(axes) if c not in onto)))
    return found.transpose([left.index(c) for c in onto])


def forget_programs() -> None:
    """Drop what JAX has compiled: a process may hold only so many memory maps, and a new set of cliques needs new programs."""
    jax.clear_caches()


def _vector(tables: Mapping[Clique, np.ndarray], names: Sequence[str | int], sizes: Sequence[int]) -> CliqueVector:
    """Tables on sets of columns, as private-pgm keeps them; to be called in double precision."""
    domain = Domain(tuple(names), tuple(sizes))
    named = {_named(clique, names): table for clique, table in tables.items()}
    factors = {clique: Factor(domain.project(clique), jnp.asarray(table)) for clique, table in named.items()}
    return CliqueVector(domain, tuple(factors), factors)


def _named(clique: Clique, names: Sequence[str | int]) -> tuple[Any, ...]:
    return tuple(names[column] for column in clique)


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))
