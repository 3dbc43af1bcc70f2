"""What a fit in rounds may tell of them: made of noisy answers, the model before each and public numbers, and so of no row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

MEAN_NOISE = math.sqrt(2 / math.pi)  # mean size of Gaussian noise of standard deviation 1


class Rounds:
    """Collects, round by round, what `Synthesizer.steps_` is to hold.

    steps: by name one number a round. `error`: half the L1 distance per row between a noisy marginal and the model before it was
    measured, of whole marginals their total variation distance (a mean where a round measures several). Noise is in it, so that
    it can be above 1; where the model is right it is about `noise`, which is what noise alone comes to on average. `budget_used`:
    the share of the method's own zCDP that is spent after the round, from 0 to 1; of a source, of the part that it was given.
    """

    def __init__(self) -> None:
        self.steps: dict[str, list[float]] = {"error": [], "noise": [], "budget_used": []}

    def add(
        self, answers: Sequence[np.ndarray], expected: Sequence[np.ndarray], sigma: float, rows: float, budget_used: float
    ) -> None:
        """One round. A round that measures nothing tells nothing.

        answers: noisy counts, the noise of standard deviation `sigma`; expected: the model's before, of the same shapes. rows:
        how many the model stood for.
        """
        if not answers:
            return
        distances = [float(np.abs(answer - model).sum()) for answer, model in zip(answers, expected, strict=True)]
        cells = sum(answer.size for answer in answers) / len(answers)
        self.steps["error"].append(sum(distances) / len(distances) / (2 * rows))
        self.steps["noise"].append(MEAN_NOISE * sigma * cells / (2 * rows))
        self.steps["budget_used"].append(min(budget_used, 1.0))
