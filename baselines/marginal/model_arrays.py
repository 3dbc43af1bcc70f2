"""A fitted model as plain arrays, for saving, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from baselines.marginal.inference import Model
from baselines.marginal.junction_tree import Clique, JunctionTree

_KINDS = {"columns": "iu", "lengths": "iu", "parents": "iu", "beliefs": "f", "total": "f"}
_ROUNDING = 1e-3  # share of the rows by which cliques may disagree, so that single precision will do


def to_arrays(model: Model) -> dict[str, np.ndarray]:
    """columns: those of all cliques, one clique after the other; lengths: how many each has; parents: each clique's, as in the
    tree; beliefs: counts on all cliques, flat; total: the number of rows.
    """
    tree = model.tree
    return {
        "columns": np.array([column for clique in tree.cliques for column in clique], dtype=np.int64),
        "lengths": np.array([len(clique) for clique in tree.cliques], dtype=np.int64),
        "parents": np.array(tree.parents, dtype=np.int64),
        "beliefs": np.concatenate([belief.ravel() for belief in model.beliefs]),
        "total": np.array(model.total, dtype=float),
    }


def from_arrays(sizes: Sequence[int], arrays: Mapping[str, np.ndarray]) -> Model:
    """The model over columns of these sizes. Raises ValueError for arrays that are none."""
    if not all(name in arrays and arrays[name].dtype.kind in kinds for name, kinds in _KINDS.items()):
        raise ValueError(f"a saved model has the arrays {', '.join(_KINDS)}, whole numbers or floating point as they were saved")
    tree = _tree(tuple(sizes), *(arrays[name] for name in ("columns", "lengths", "parents")))
    beliefs, total = arrays["beliefs"].astype(float), arrays["total"]
    if beliefs.shape != (tree.cells,) or total.shape != () or not (math.isfinite(total) and total > 0):
        raise ValueError("the saved counts do not fit their schema")
    if not (np.isfinite(beliefs).all() and (beliefs >= 0).all()):
        raise ValueError("saved counts are finite and not negative")
    cells = [math.prod(sizes[c] for c in clique) for clique in tree.cliques]
    tables = np.split(beliefs, np.cumsum(cells)[:-1])
    if not all(abs(table.sum() - total) <= _ROUNDING * total for table in tables):
        raise ValueError("the saved counts of a clique do not add up to the number of rows")
    shaped = [table.reshape([sizes[c] for c in clique]) for table, clique in zip(tables, tree.cliques, strict=True)]
    return Model(tree, float(total), {}, shaped)


def _tree(sizes: tuple[int, ...], columns: np.ndarray, lengths: np.ndarray, parents: np.ndarray) -> JunctionTree:
    """The junction tree, if it is one over all columns."""
    if lengths.ndim != 1 or parents.shape != lengths.shape or not len(lengths) or (lengths < 1).any():
        raise ValueError("the saved model has no tree of cliques")
    if columns.shape != (int(lengths.sum()),) or set(columns.tolist()) != set(range(len(sizes))):
        raise ValueError("the saved cliques do not have the columns of their schema")
    cliques: list[Clique] = [tuple(part.tolist()) for part in np.split(columns, np.cumsum(lengths)[:-1])]
    separators: list[Clique] = []
    before: set[int] = set()
    for i, (clique, parent) in enumerate(zip(cliques, parents.tolist(), strict=True)):
        own = set(cliques[parent]) if i and 0 <= parent < i else set()
        if len(set(clique)) < len(clique) or (parent != -1 if i == 0 else not 0 <= parent < i) or not set(clique) & before <= own:
            raise ValueError("the saved cliques are no junction tree")
        separators.append(tuple(c for c in clique if c in own))
        before |= set(clique)
    return JunctionTree(sizes, tuple(cliques), tuple(parents.tolist()), tuple(separators))
