"""`dpdsyn env`: environments of their own for packages whose pins conflict with ours."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from baselines.foreign import environments


def overview(names: Sequence[str]) -> int:
    """One line an environment."""
    print(f"{'name':<14}{'python':<9}{'packages':>8}{'GB':>5}  {'here':<6}methods")
    for name in environments.names():
        environment = environments.find(name)
        here = "yes" if environment.made else "no"
        methods = ", ".join(_methods(name))
        print(f"{name:<14}{environment.python:<9}{len(environment.pins):>8}{environment.gigabytes:>5g}  {here:<6}{methods}")
    for folder in environments.left_over():
        print(f"of an older lock, to be deleted by hand: {folder}")
    return 0


def _methods(name: str) -> list[str]:
    from experiments.paths import options, read_option

    return [method for method in options("synthesizer") if read_option("synthesizer", method).get("package") == name]


def create(names: Sequence[str]) -> int:
    """Make the environments that are not there yet."""
    from rich.console import Console

    console = Console(stderr=True)
    for environment in [environments.find(name) for name in names]:
        with console.status(environment.name) as shown:
            folder = environments.create(environment, shown.update if console.is_terminal else _say)
        print(f"{folder}: ready", flush=True)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
