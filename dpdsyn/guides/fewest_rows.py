"""No class has fewer rows in what is published than models need, and whoever publishes is told where that is more than there are.

Gradient boosting, as scikit-learn has it, goes astray for all classes where one has a handful of rows: results/notes/settings.md
tells how many were needed. What is raised, and what is said of it, follows from noisy counts and the schema alone.
"""

from __future__ import annotations

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.reading.column import Column

_FEWEST, _FEWEST_SHARE = 40, 0.01  # rows of a class, of all of `rows_public`, or that share if it is less
_FACTOR = 1.25  # more rows than were counted, from which on it is told
_NAMED = 5  # classes that are told of by name


class FewRowsWarning(UserWarning):
    """Classes are published with more rows than were counted of them."""


def raised(shares: np.ndarray, rows_public: int) -> np.ndarray:
    """Shares of classes, shape (classes,), of which none is less than models need; their sum is then above 1."""
    return np.maximum(shares, _least(rows_public))


def cautions(target: Column, shares: np.ndarray, rows_public: int) -> tuple[Caution, ...]:
    """What to say of the target's classes, by their shares as they were counted, before any was raised: nothing, or one thing."""
    least = _least(rows_public)
    few = sorted((share, code) for code, share in enumerate(shares.tolist()) if share * _FACTOR < least)
    if not few:
        return ()
    named = [f"{target.categories[code]!r} (about {share * rows_public:.0f})" for share, code in few[:_NAMED]]
    more = [f"{len(few) - _NAMED} more"] if len(few) > _NAMED else []
    return (
        Caution(
            f"of {target.name} {', '.join(named + more)} had few rows by noisy counts, or none; each such class is published as "
            f"if it had {least * rows_public:.0f} of {rows_public:,} rows, for with fewer models may go astray for all classes. "
            "So the synthetic rows do not tell how common it is. If nobody can be of it, take it out of the schema's categories; "
            "another fit spends its own epsilon",
            False,
        ),
    )


def _least(rows_public: int) -> float:
    return min(_FEWEST / rows_public, _FEWEST_SHARE)
