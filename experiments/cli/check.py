"""`dpdsyn check`: hold a method, or whoever learns domains, against the contract."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from experiments.paths import see_own_modules

if TYPE_CHECKING:
    from dpdsyn.contract import Outcome

DOMAINS = "domains"


def add(commands: argparse._SubParsersAction) -> None:
    check = commands.add_parser("check", help="hold a method against the contract: dpdsyn check METHOD or MODULE:CLASS")
    check.add_argument(
        "target",
        metavar="METHOD or MODULE:CLASS",
        help=f"a method, ours or your own; `{DOMAINS}` for the learning of domains, or a class of one's own with `learn(raw)`",
    )
    check.set_defaults(command=hold)


def hold(given: argparse.Namespace) -> int:
    from dpdsyn.base.checks import InputError
    from dpdsyn.contract import LIMITS

    see_own_modules()
    try:
        broken = _told(given.target)
    except SystemExit as error:
        raise InputError(f"{given.target} cannot be tried: it ends the process ({error})") from error
    print(f"no check of this kind sees: {'; '.join(LIMITS)}", flush=True)
    return 1 if broken else 0


def _told(target: str) -> int:
    """Print each outcome; gives how many requirements are broken."""
    broken = 0
    for outcome in _outcomes(target):
        if outcome.untried is not None:
            print(f"-      {outcome.requirement}: not tried, {outcome.untried}", flush=True)
        elif outcome.fault is not None:
            print(f"BROKEN {outcome.requirement}: {outcome.fault}", flush=True)
        else:
            print(f"ok     {outcome.requirement}", flush=True)
        broken += outcome.fault is not None
    return broken


def _outcomes(target: str) -> Iterator[Outcome]:
    """Of the contract that the class is to keep. Raises InputError for a name that is neither a method nor a learner."""
    from dpdsyn import contract
    from dpdsyn.base.checks import InputError
    from dpdsyn.checking import learning_contract
    from dpdsyn.learning.domain_learning import DomainLearning
    from dpdsyn.synthesizer import Synthesizer, find, load, named

    if target != DOMAINS and not {":", "."} & set(target):
        try:
            return contract.outcomes(find(target))
        except InputError as error:
            raise InputError(f"{error}; or give MODULE:CLASS of your own, as {target}:CLASS") from error
    found = DomainLearning if target == DOMAINS else named(target)
    if isinstance(found, type) and not issubclass(found, Synthesizer) and callable(getattr(found, "learn", None)):
        return learning_contract.outcomes(found)  # type: ignore[arg-type]  # a class of its own, which has `learn`
    return contract.outcomes(load(target))
