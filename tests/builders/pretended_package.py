"""A package for `baselines.foreign.isolated` that is none: it does what it is told, right or wrong."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd


def answers() -> int:
    """A descriptor that no package should touch."""
    return int(sys.argv[4])


def prepare(method: str) -> Callable[..., Callable[[int, int], pd.DataFrame]]:
    if method == "slow_to_import":
        time.sleep(1.5)
    if method == "not_importable":
        raise ImportError("libtorch.so.2: cannot open shared object file")

    def fit(
        frame: pd.DataFrame, sizes: list[int], epsilon: float, delta: float, seed: int, options: dict
    ) -> Callable[[int, int], pd.DataFrame]:
        assert frame.columns.tolist() == [f"c{i}" for i in range(len(sizes))] and (frame < sizes).all(axis=None)
        assert (epsilon, delta) == (1.0, 1e-6)
        sys.stdout.write("round 3 of 9\n")
        if method in AT_FIT:
            AT_FIT[method]()

        def sample(rows: int, again: int) -> pd.DataFrame:
            rng = np.random.default_rng([seed, again])
            drawn = pd.DataFrame(rng.integers(0, sizes, size=(rows, len(sizes))), columns=frame.columns)
            return AT_SAMPLE[method](drawn) if method in AT_SAMPLE else drawn

        return sample

    return fit


def complain() -> None:
    raise RuntimeError("the budget\nis too small")


def exit_with_three() -> None:
    sys.stderr.write("Traceback (most recent call last):\nFatal: no such device\n")
    os._exit(3)


def eat() -> None:
    eaten = []
    while True:
        eaten.append(b"x" * 2**28)
        time.sleep(0.05)


class NoTable:
    """Is written as something that is no Parquet."""

    def astype(self, kind: str) -> NoTable:
        return self

    def to_parquet(self, buffer, index: bool) -> None:
        buffer.write(b"PAR1 or not")


AT_FIT: dict[str, Callable[[], object]] = {
    "hangs": lambda: time.sleep(1000),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "complains": complain,
    "exits": exit_with_three,
    "eats": eat,
    "asks_for_too_much": lambda: np.ones(2**50),
    "babbles": lambda: os.write(answers(), b"\x00epoch 1\n"),
    "answers_a_number": lambda: os.write(answers(), b"42\n"),
    "answers_nothing": lambda: os.write(answers(), b"{}\n"),
    "hangs_up": lambda: (os.close(answers()), time.sleep(1000)),
    "slow_to_fit": lambda: time.sleep(0.3),
}

AT_SAMPLE: dict[str, Callable[[pd.DataFrame], object]] = {
    "other_columns": lambda drawn: drawn.rename(columns={"c0": "colour"}),
    "fewer_columns": lambda drawn: drawn[["c0"]],
    "fewer_rows": lambda drawn: drawn[:-1],
    "outside": lambda drawn: drawn.assign(c1=99),
    "below": lambda drawn: drawn.assign(c1=-1),
    "texts": lambda drawn: drawn.assign(c1="old"),
    "no_table": lambda drawn: NoTable(),
}
