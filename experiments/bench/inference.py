"""How long Private-PGM takes to fit one set of measurements, and what it reaches: ours beside private-pgm's own engine.

Run: python -m experiments.bench.inference [dataset] [pairs ...]
Both get the same noisy marginals of the data set's training rows: all columns, and as many random pairs as asked for while
the junction tree stays within 80 MB. `mbi` runs in double precision for 1,000 steps, as AIM's authors have it, compilation
included, and then again on as many measurements with another pair, as in AIM's next round, where nothing compiled fits.
Writes results/inference.md.
"""

from __future__ import annotations

import itertools
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from baselines.marginal.inference import Model, fit_model
from baselines.marginal.junction_tree import Clique, JunctionTree, calibrated, tree_cells
from baselines.marginal.marginals import Measurement
from baselines.marginal.private_pgm import fit_with_mbi
from dpdsyn.base.files import write_whole
from dpdsyn.private_table import marginal
from dpdsyn.schema import Schema
from experiments.configuration import read_option
from experiments.data import datasets
from experiments.machine import pin_threads
from experiments.paths import results_dir
from experiments.report.tables.table import Table, markdown

_SIGMA = 60.0  # about what AIM measures with on Adult at epsilon 1
_MEGABYTES = 80
_STEPS = 1000


def chosen_cliques(sizes: Sequence[int], pairs: int, rng: np.random.Generator) -> list[Clique]:
    """Every column, and random pairs as long as the junction tree stays small."""
    cliques: list[Clique] = [(column,) for column in range(len(sizes))]
    for pair in rng.permutation(list(itertools.combinations(range(len(sizes)), 2))).tolist():
        if len(cliques) < len(sizes) + pairs and tree_cells(sizes, [*cliques, tuple(pair)]) * 8 <= _MEGABYTES * 2**20:
            cliques.append(tuple(pair))
    return cliques


def compare(encoded: np.ndarray, schema: Schema, pairs: int) -> list[list[str]]:
    """One row for each way to fit."""
    sizes, rng = schema.sizes, np.random.default_rng(pairs)
    cliques = chosen_cliques(sizes, pairs, rng)
    exact = {c: marginal(encoded, schema, tuple(schema.names[i] for i in c)) for c in _subsets(len(sizes))}
    noisy = [Measurement(c, exact[c] + rng.normal(0, _SIGMA, exact[c].shape), _SIGMA) for c in cliques]
    total = float(len(encoded))
    before = fit_model(sizes, noisy[:-1], total)
    ways: dict[str, Callable[[], Any]] = {
        f"mbi, {_STEPS} steps, first time": lambda: fit_with_mbi(sizes, noisy[:-1], total, _STEPS),
        f"mbi, {_STEPS} steps, one pair more": lambda: fit_with_mbi(sizes, noisy, total, _STEPS),
        "ours": lambda: fit_model(sizes, noisy, total),
        "ours, from the model without the last pair": lambda: fit_model(sizes, noisy, total, start=before),
        "ours, run on (tolerance 1e-5)": lambda: fit_model(sizes, noisy, total, tolerance=1e-5, iterations=5000),
    }
    rows = []
    for name, fit in ways.items():
        start = time.perf_counter()
        model = fit()
        seconds = time.perf_counter() - start
        projected = _projection(sizes, model, total)
        used = noisy[:-1] if "first" in name else noisy
        loss = sum(float(((projected(m.clique) - m.values) ** 2).sum()) / (2 * m.sigma**2) for m in used)
        error = np.mean([np.abs(exact[c] - projected(c)).sum() / 2 / total for c in exact if len(c) == 2])
        rows.append([name, f"{seconds:.2f}", f"{loss:.0f}", f"{sum(m.values.size for m in used) / 2:.0f}", f"{error:.4f}"])
    size = tree_cells(sizes, cliques) * 8 / 2**20
    return [[f"{len(cliques) - len(sizes)} pairs, {size:.1f} MB", *row] for row in rows]


def _subsets(columns: int) -> list[Clique]:
    return [clique for width in (1, 2) for clique in itertools.combinations(range(columns), width)]


def _projection(sizes: Sequence[int], model: Any, total: float) -> Callable[[Clique], np.ndarray]:
    """Marginals of either kind of model; those of `mbi` out of its potentials, since it would compile a program for each."""
    if hasattr(model, "tree"):
        return model.project
    tables = {tuple(c): np.asarray(model.potentials[c].values, dtype=float) for c in model.potentials.cliques}
    factors = {clique: np.exp(table - table.max()) for clique, table in tables.items()}
    tree = JunctionTree.of(sizes, factors)
    return Model(tree, total, tables, calibrated(tree, factors, total, [])[0]).project


def main(dataset: str = "adult", *pairs: str) -> None:
    warnings.filterwarnings("ignore")
    pin_threads(1)
    described = datasets.resolved(read_option("dataset", dataset))
    schema = datasets.schema_of(described)
    encoded = datasets.load(described, 0, lambda text: None).train
    table = Table(
        f"One fit on {dataset}, {len(encoded)} rows, noise {_SIGMA:g}, one thread",
        ["measured", "by", "seconds", "loss", "loss of the truth, about", "mean 2-way TVD"],
        [row for number in pairs or ("15", "30", "45") for row in compare(encoded, schema, int(number))],
        [
            "The loss is half the squared distance to the answers, in standard deviations. Under that of the truth, it is noise "
            "that is fitted, and by default ours ends early. Mean 2-way TVD: of all pairs, against the real rows.",
        ],
    )
    text = markdown(table)
    write_whole(results_dir() / "inference.md", text.encode())
    sys.stdout.write(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
