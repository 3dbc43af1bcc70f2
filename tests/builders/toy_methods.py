"""Methods that do what methods should not: a file that lies beside a person's configuration."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dpdsyn.candidates import Uniform


class Instant(Uniform):
    """Takes no time; leaves a mark for each fit where the test looks for it."""

    def fit(self, private, rng):
        if marks := os.environ.get("TOY_MARKS"):
            (Path(marks) / f"{time.monotonic_ns()}-{os.getpid()}").touch()
            time.sleep(float(os.environ.get("TOY_SECONDS", "0")))
        return super().fit(private, rng)


class Slow(Uniform):
    """Never comes to an end, unless there is a file that says so."""

    def fit(self, private, rng):
        sys.stdout.write("this may take a while\n")
        while not Path("enough").exists():
            time.sleep(0.05)
        return super().fit(private, rng)


class Hungry(Uniform):
    """Takes half a GiB more every tenth of a second, in a process of its own."""

    def fit(self, private, rng):
        subprocess.run([sys.executable, "-c", "import time; x = []\nwhile len(x) < 40: x.append(b'x' * 2**29); time.sleep(0.1)"])
        return super().fit(private, rng)


class Hoarding(Uniform):
    """Never gives back what it has taken: a GiB and a half."""

    hoard = []

    def fit(self, private, rng):
        self.hoard.append(b"x" * (3 * 2**29))
        time.sleep(1)
        return super().fit(private, rng)


class Filling(Uniform):
    """Leaves no room on the disk of the results."""

    def fit(self, private, rng):
        with (Path(os.environ["DPDSYN_RESULTS"]) / "filler").open("wb", buffering=0) as file:
            for size in (2**16, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return super().fit(private, rng)


class Mistaken(Uniform):
    """Prints what it does, and then does what NumPy refuses."""

    def fit(self, private, rng):
        sys.stdout.write("about to reshape\n")
        subprocess.run(["echo", "a child speaks"], check=True)
        np.arange(6).reshape(4, 2)


class Shot(Uniform):
    """Is killed by somebody else, as often as a file says."""

    def fit(self, private, rng):
        left = int(Path("shots").read_text()) if Path("shots").exists() else 0
        if left:
            Path("shots").write_text(str(left - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(private, rng)


class Crashing(Uniform):
    """Takes its interpreter down."""

    def fit(self, private, rng):
        sys.stdout.write("nothing can go wrong\n")
        os.kill(os.getpid(), signal.SIGSEGV)


class Meddling(Uniform):
    """Changes what all that goes on in its process relies on."""

    def fit(self, private, rng):
        np.seterr(all="raise")
        np.random.default_rng = _always_the_same
        return super().fit(private, rng)


def _always_the_same(*seed):
    raise RuntimeError("there is one generator, and it is mine")
