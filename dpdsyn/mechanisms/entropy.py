"""Where random numbers come from: AES in counter mode under a key of the operating system, or, for research, a seed.

Whatever a person may publish (noise, batches, published draws) takes its own stream of `fresh()`: none tells anything of
another, and of none can earlier or later numbers be computed from those that were seen. The cipher is that of `randomgen`.
"""

from __future__ import annotations

import secrets

import numpy as np
from randomgen import AESCounter

_KEY_BITS = 128


def fresh() -> np.random.Generator:
    """A stream under a key of its own, drawn from the operating system."""
    return np.random.Generator(AESCounter(key=secrets.randbits(_KEY_BITS)))


def apart(rng: np.random.Generator) -> np.random.Generator:
    """A stream that is unrelated to the one given; if that was seeded, so is this."""
    return fresh() if isinstance(rng.bit_generator, AESCounter) else rng.spawn(1)[0]
