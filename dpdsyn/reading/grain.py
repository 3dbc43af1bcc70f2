"""Real numbers inside bins, on decimal grains that the schema alone decides.

A double that a generator made has digits that no measurement has, and its low bits tell of the generator. So what is published is
a multiple of its bin's grain: the largest power of ten that is at most a hundredth of the bin's width.
"""

from __future__ import annotations

import numpy as np

_FINEST = 300  # decimals; a double has no more than some 320
_EXACT = 2.0**53  # doubles count up to here


def uniform(edges: np.ndarray, bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each bin a random multiple of its grain that lies in it, all alike likely, shape (rows,).

    edges: rising, shape (bins + 1,); a bin holds its lower edge and not its upper one, but for the last, which holds both. A bin
    that is too narrow for a multiple, in the precision of a double, gives its lower edge. Numbers are the doubles nearest to
    their decimals, so 12.34 is printed as 12.34; there is no -0.0.
    """
    digits = _digits(edges)
    first = _first(edges[:-1], digits)
    last = _first(edges[1:], digits) - 1
    last[-1] += _decimal(last[-1:] + 1, digits[-1:])[0] == edges[-1]
    count = np.maximum(last - first + 1, 0)
    steps = np.minimum(np.floor(rng.random(len(bins)) * count[bins]), np.maximum(count[bins] - 1, 0)).astype(np.int64)
    found = _decimal(first[bins] + steps, digits[bins])
    return np.where(count[bins] > 0, found, edges[bins]) + 0.0


def _digits(edges: np.ndarray) -> np.ndarray:
    """Of each bin's grain, how many decimals it has; below 0 for tens, hundreds and so on. Shape (bins,)."""
    largest = np.maximum(np.abs(edges[:-1]), np.abs(edges[1:]))
    wanted = -np.floor(np.log10(np.diff(edges)) - 2 + 1e-9)
    return np.minimum(np.minimum(wanted, np.floor(np.log10(_EXACT) - np.log10(largest))), _FINEST).astype(np.int64)


def _first(edges: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """The first multiple of the grain, counted in grains, that is not below the edge, shape (bins,), int64."""
    near = np.ceil(np.where(digits > 0, edges * 10.0 ** np.maximum(digits, 0), edges / 10.0 ** np.maximum(-digits, 0)))
    near = near.astype(np.int64)
    near -= _decimal(near - 1, digits) >= edges
    return near + (_decimal(near, digits) < edges)


def _decimal(grains: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """The double nearest to so many grains: a quotient or product of two numbers that are exact, up to 22 digits."""
    return np.where(digits > 0, grains / 10.0 ** np.maximum(digits, 0), grains * 10.0 ** np.maximum(-digits, 0))
