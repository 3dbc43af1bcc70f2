"""A method of one's own: the label from its noisy marginal, every column from its noisy marginal with the label."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np

from dpdsyn.accounting.spends import Gaussian
from dpdsyn.candidates import as_distribution
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import Synthesizer


class MyMethod(Synthesizer):
    """Columns independent given the label. label_share: of the budget, for the label's own marginal."""

    version = 1  # to be raised whenever the same seed gives other rows
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "gaussian"  # Gaussian noise of a scale fixed beforehand

    def __init__(self, label_share: float = 0.2) -> None:
        self.label_share = label_share

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        target = str(schema.target)
        queries = [(target,), *((target, name) for name in schema.features)]
        shares = [self.label_share, *[(1 - self.label_share) / len(schema.features)] * len(schema.features)]
        scale = private.ledger.open_calibrated(lambda noise: [Gaussian(noise)])  # that of one answer for the whole budget
        answers = private.noisy_marginals(queries, [scale / np.sqrt(share) for share in shares])
        self.schema_ = schema
        self.label_ = as_distribution(answers[0])
        self.given_label_ = [np.stack([as_distribution(row) for row in answer]) for answer in answers[1:]]
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = np.zeros((n, len(self.schema_.columns)), dtype=np.int64)
        labels = rng.choice(len(self.label_), size=n, p=self.label_)
        rows[:, self.schema_.target_position] = labels
        for position, given_label in zip(self.schema_.positions(self.schema_.features), self.given_label_, strict=True):
            for label in np.unique(labels):
                chosen = labels == label
                rows[chosen, position] = rng.choice(given_label.shape[1], size=chosen.sum(), p=given_label[label])
        return rows
