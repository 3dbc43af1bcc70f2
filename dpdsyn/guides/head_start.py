"""What a source itself says of labels, beyond what the guide took from its rows: added to the guide's logits from the start.

A small network that is pretrained on a source's rows holds less than the source: where labels hang on many values, or there are
many classes, it loses what marginals have paid for. A source that can say P(label | features) of a row (`Synthesizer.posterior`)
lends the difference r, log P(label | features) less the logarithm of what the pretrained network says, undone of clipping. So
private training begins at the source's own labels and is left with what these get wrong. In a generalised linear model such a
term is an offset (McCullagh and Nelder 1989, section 6.2.1), in gradient boosting the base margin.

**How much of it.** Where a class is rare, or the budget small, r is mostly noise of the source. So w r is added, and private rows
tell the weight w, by one noisy sum of two numbers of each row: the slope and the curvature of its log loss in v, where v r is
added and v is a half. Log loss is convex in v, so one step of Newton's method is near the best v; it is shrunk by what is known
of the sum's noise, as the mean of v given the answer where v is normal around 0 beforehand. If r is signal and independent noise,
the best v is the signal's share of its variance. Private training can find the signal again and cannot take noise away, so w is
the share of the signal less that of the noise, 2 v - 1, and nothing where it is less than half.

r is a function of public things, of the fitted source and of parameters before private training, and of each row alone, bit for
bit, so a clipped gradient stays one row's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dpdsyn.guides.network import Network, added

CLIP = 1.0  # norm of what a row adds to the sum that tells the weight
_MOST = 2.0  # nats that a logit moves by, at most, where the weight is 1: of what it hardly counted the source knows little
_LEAST = 1e-9  # that a probability counts as, where logarithms are taken
_AT = 0.5  # the v at which slopes are taken
_SPREAD = 1.0  # standard deviation of v beforehand

Posterior = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class HeadStart:
    """What is added to the logits of a network with one head, a function of encoded features.

    network, begun, clip: the network as pretrained, its parameters of float64. posterior: of encoded features, shape (rows,
    features), the source's probability of each class, shape (rows, classes). weight: from 0 to 1.
    """

    network: Network
    begun: np.ndarray
    clip: float
    posterior: Posterior
    weight: float = 1.0

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Shape (rows, classes), float64."""
        return (self.weight * self._beyond(features)[1]).T

    def slopes(self, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        """The sum over rows of slope and curvature of a row's log loss in v, shape (2,), each row's scaled down to `clip`.

        A row whose two have no finite norm adds nothing.
        """
        own, beyond = self._beyond(features)
        given = own * np.exp(_AT * beyond)
        given /= added(given)
        mean = added(given * beyond)
        slope = mean - beyond[labels.astype(np.int64), np.arange(len(labels))]
        each = np.stack([slope, np.maximum(added(given * np.square(beyond)) - np.square(mean), 0)])
        norm = np.sqrt(added(np.square(each)))
        known = np.isfinite(norm)
        each = np.where(known, each, 0) * np.minimum(1, clip / np.where(known & (norm > 0), norm, clip))
        return each.sum(axis=1)

    def _beyond(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the network says, undone of clipping, and what the source says beyond it, both of shape (classes, rows)."""
        own = np.maximum(self.network.corrected(self.begun, self.network.index(features), self.clip), _LEAST).T
        beyond = np.log(np.maximum(self.posterior(features), _LEAST)).T - np.log(own)
        centre = added(own * beyond)  # a constant in a row's logits says nothing, but where they are cut off
        return own, np.clip(beyond - centre, -_MOST, _MOST)


def weight_of(slope: float, curvature: float, sigma: float) -> float:
    """The weight, from 0 to 1, of noisy sums of slopes and curvatures with noise of standard deviation `sigma` in each.

    v: its mean given that slope = curvature (1/2 - v) + noise, where it is normal around 0 beforehand.
    """
    curvature = max(curvature, 0.0)
    precision = curvature**2 + (sigma / _SPREAD) ** 2
    v = curvature * (_AT * curvature - slope) / precision if precision > 0 else 0.0
    return min(1.0, max(0.0, 2 * v - 1))


@dataclass(frozen=True)
class OfFeatures:
    """A source's posterior as a function of the guide's features.

    posterior: of rows of the source's columns. columns: how many these are; places: those of the features among them, in order.
    """

    posterior: Posterior
    columns: int
    places: tuple[int, ...]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """The probability of each class, shape (rows, classes)."""
        rows = np.zeros((len(features), self.columns), dtype=features.dtype)
        rows[:, self.places] = features
        return self.posterior(rows)
