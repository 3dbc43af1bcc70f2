"""No class has fewer rows in what is published than models need, and whoever publishes is told where that is more than there are.

Gradient boosting, as scikit-learn has it, goes astray for all classes where one has a handful of rows: results/notes/settings.md
tells how many were needed. What is raised, and what is said of it, follows from what was fitted and the schema alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.reading.column import Column

_FEWEST, _FEWEST_SHARE = 40, 0.01  # rows of a class, of all of `rows_public`, or that share if it is less
_RAISED = 0.1  # of all rows, what such classes have together at most: where there are very many, each has fewer
_FACTOR = 1.25  # more rows than were counted, from which on it is told
_NAMED, _LENGTH = 5, 40  # classes that are told of by name, and characters of a name


class FewRowsWarning(UserWarning):
    """Classes are published with more rows than they had by what was fitted."""


def raised(shares: np.ndarray, rows_public: int) -> np.ndarray:
    """Shares of classes, shape (classes,), of which none is less than models need; their sum is then above 1."""
    least = min(_FEWEST / rows_public, _FEWEST_SHARE)
    few = int((shares < least).sum())
    return np.maximum(shares, min(least, _RAISED / max(few, 1)))


@dataclass(frozen=True)
class ClassShares:
    """Of the target's classes, shape (classes,) each. fitted: by what was fitted. published: of what is drawn.

    Raises ValueError for shares that are none.
    """

    fitted: np.ndarray
    published: np.ndarray

    def __post_init__(self) -> None:
        for shares in (self.fitted, self.published):
            if shares.ndim != 1 or not (np.isfinite(shares) & (shares >= 0)).all() or len(shares) != len(self.fitted):
                raise ValueError("shares of classes are numbers of at least 0, one a class")

    def cautions(self, target: Column, rows_public: int) -> tuple[Caution, ...]:
        """What to say of classes that are published with more rows than they had: nothing, or one thing."""
        had, made = self.fitted * rows_public, self.published * rows_public
        few = [code for code in np.argsort(had, kind="stable").tolist() if made[code] > _FACTOR * had[code]]
        if made[few].sum() < 1:
            return ()
        named = [f"{_short(target.categories[code])} about {had[code]:.0f}" for code in few[:_NAMED]]
        more = [f"{len(few) - _NAMED} more a few"] if len(few) > _NAMED else []
        return (
            Caution(
                f"of {rows_public:,} rows, by what was fitted, these classes of {_short(target.name)} had few or none: "
                f"{', '.join(named + more)}. Each is published as if it had {_number(made[few].max())}, for with fewer models "
                "may go astray for all classes; so the synthetic rows do not tell how common it is. If nobody can be of it, take "
                "it out of the schema's categories; another fit spends its own epsilon",
                False,
            ),
        )


def _short(name: object) -> str:
    text = repr(name)
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 3]}..."


def _number(rows: float) -> str:
    return f"{rows:.0f}" if rows >= 10 else f"{rows:.2g}"
