"""`dpdsyn check`: hold a method against the contract."""

from __future__ import annotations

import argparse

from experiments.paths import see_own_modules


def add(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="hold a method against the contract: dpdsyn check MODULE:CLASS")
    check.add_argument("target", metavar="MODULE:CLASS")
    check.set_defaults(command=hold)


def hold(given: argparse.Namespace) -> int:
    from dpdsyn.contract import outcomes
    from dpdsyn.synthesizer import load

    see_own_modules()
    broken = 0
    for outcome in outcomes(load(given.target)):
        if outcome.untried is not None:
            print(f"-      {outcome.requirement}: not tried, {outcome.untried}", flush=True)
        elif outcome.fault is not None:
            print(f"BROKEN {outcome.requirement}: {outcome.fault}", flush=True)
        else:
            print(f"ok     {outcome.requirement}", flush=True)
        broken += outcome.fault is not None
    return 1 if broken else 0
