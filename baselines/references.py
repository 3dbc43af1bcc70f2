"""References that every table shows: what is gained at most, and what comes for nothing.

`uniform` and `independent` are candidate sources too and live in `dpdsyn.candidates`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np

from dpdsyn.candidates import uniform_rows
from dpdsyn.guide import GuideSettings, guide_imports
from dpdsyn.guides.module_guide import guide_of
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer


class Real(Synthesizer):
    """The training rows themselves: the ceiling. No guarantee.

    judged_as_read: in raw space the training rows are judged as they were read, without being encoded and decoded.
    """

    judged_as_read: ClassVar[bool] = True
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "nothing"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        self.rows_ = private.unprotected("the training rows are released as they are")
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The rows in random order, without replacement until all have been given once."""
        orders = [rng.permutation(len(self.rows_)) for _ in range(-(-n // max(len(self.rows_), 1)))]
        return self.rows_[np.concatenate(orders)[:n]] if orders else self.rows_[:0]


class RealEncoded(Real):
    """The training rows, encoded and decoded: the ceiling of all methods that see encoded rows. No guarantee."""

    judged_as_read: ClassVar[bool] = False


class Majority(Synthesizer):
    """Uniform rows that all carry the commonest label: what no learning at all is worth. No guarantee."""

    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "nothing"

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        self.schema_ = private.schema
        self.position_ = private.schema.target_position
        labels = private.unprotected("the exact majority class is used")[:, self.position_]
        self.label_ = int(np.bincount(labels, minlength=private.schema.classes).argmax())
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = uniform_rows(self.schema_, n, rng)
        rows[:, self.position_] = self.label_
        return rows


class GuideOnly(Synthesizer):
    """The guide without a table: the whole budget trains it, and it is scored directly on the test rows."""

    version = 3

    def __init__(self, guide: GuideSettings | Mapping[str, Any] | None = None) -> None:
        self.guide = guide
        GuideSettings.of(guide)

    def imports(self) -> tuple[str, ...]:
        return guide_imports(GuideSettings.of(self.guide))

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        guide = guide_of(private.schema, GuideSettings.of(self.guide))
        noise = private.ledger.open_calibrated(lambda noise: [guide.spend(noise)])
        self.guide_ = guide.fit(private, noise, rng)
        self.steps_ = {"guide/gradient_to_noise": guide.gradient_to_noise_}
        self.schema_ = private.schema
        return self

    def predict_proba(self, encoded: np.ndarray) -> np.ndarray:
        """Class probabilities for whole encoded rows (the label column is not read), shape (rows, classes)."""
        return self.guide_.predict_proba(encoded[:, self.schema_.positions(self.schema_.features)])

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Uniform rows with the guide's likeliest label, to fill the contract; the guide itself is what is scored."""
        rows = uniform_rows(self.schema_, n, rng)
        rows[:, self.schema_.target_position] = self.predict_proba(rows).argmax(axis=1)
        return rows
