"""`dpdsyn check`: hold a method against the contract."""

from __future__ import annotations

import argparse

from experiments.paths import see_own_modules


def add(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="hold a method against the contract: dpdsyn check MODULE:CLASS")
    check.add_argument("target", metavar="MODULE:CLASS")
    check.set_defaults(command=hold)


def hold(given: argparse.Namespace) -> int:
    from dpdsyn.contract import check
    from dpdsyn.synthesizer import load

    see_own_modules()
    broken = 0
    for name, fault in check(load(given.target)):
        print(f"{'ok    ' if fault is None else 'BROKEN'} {name}" + (f": {fault}" if fault else ""), flush=True)
        broken += fault is not None
    return 1 if broken else 0
