"""A fuzzed file by its number: the same number is the same file, in whichever process."""

from __future__ import annotations

import random
import tempfile
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path

from fuzzing.damage import damaged
from fuzzing.sound import sound
from fuzzing.strange import strange

_SORTS = ((0.68, sound), (0.88, damaged), (1.0, strange))


@dataclass(frozen=True)
class Outcome:
    """seed: the file's number. said: what was tried. failed: the traceback, if something is wrong."""

    seed: int
    said: str
    failed: str = ""


def tried(seed: int) -> Outcome:
    """Make the file, and try it in a folder of its own."""
    r = random.Random(seed)
    share = r.random()
    sort = next(sort for most, sort in _SORTS if share <= most)
    with tempfile.TemporaryDirectory(prefix="fuzzing-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Outcome(seed, sort(r, Path(folder)))
        except Exception:
            return Outcome(seed, sort.__name__, traceback.format_exc())
