"""What the rows on private-pgm ask of the machine: its package, which is in the extra `bench`."""

from __future__ import annotations

from importlib.util import find_spec

from dpdsyn.base.checks import InputError

ENGINE = "baselines.pgm.engine"  # imports JAX, a second or two: so where it is needed, and before a clock starts


def needs_mbi() -> None:
    """Raises InputError where mbi is not installed."""
    if find_spec("mbi") is None:
        raise InputError("this method runs on the package mbi, which is not here: pip install 'dpdsyn[bench]'")
