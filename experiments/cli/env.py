"""`dpdsyn env`: environments of their own for packages whose pins conflict with ours."""

from __future__ import annotations

import argparse

from baselines.foreign import environments
from experiments.console import say


def add(commands: argparse._SubParsersAction) -> None:
    env = commands.add_parser("env", help="environments of packages with conflicting pins: create, list")
    actions = env.add_subparsers(metavar="ACTION", required=True)
    make = actions.add_parser("create", help="make them from their lock files; needs the package index")
    make.add_argument("names", nargs="+", metavar="NAME")
    make.set_defaults(command=create)
    actions.add_parser("list", help="what there is, and whether it is on this machine").set_defaults(command=overview)


def overview(given: argparse.Namespace) -> int:
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
    from experiments.configuration import options, read_option

    return [method for method in options("synthesizer") if read_option("synthesizer", method).get("package") == name]


def create(given: argparse.Namespace) -> int:
    """Make the environments that are not there yet."""
    from rich.console import Console

    console = Console(stderr=True)
    for environment in [environments.find(name) for name in given.names]:
        with console.status(environment.name) as shown:
            folder = environments.create(environment, shown.update if console.is_terminal else say)
        print(f"{folder}: ready", flush=True)
    return 0
