"""Rows that are asked for: values given, shares of classes; what is said of them, and of rules that rows keep."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dpdsyn.api import DPDSyn
    from dpdsyn.rules.conditions import Conditions


STAND_ALONE = (
    "each synthetic row stands alone: rows of one person are not kept together, and an id that is made anew is new in each"
)


def asks_for_rows(make: argparse.ArgumentParser) -> None:
    """Add the options."""
    make.add_argument(
        "--given",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a value that every row is to have, such as sex=Female; several times for several columns",
    )
    make.add_argument(
        "--balance", action="append", default=[], metavar="CLASS=SHARE,...", help="shares of the target's classes: yes=0.5,no=0.5"
    )
    make.add_argument("--first-id", type=int, metavar="N", help="number new ids (`kind: id`) from N on")


def conditions(given: argparse.Namespace) -> Conditions:
    """What the options ask of rows. Raises InputError for what cannot be read."""
    from dpdsyn.rules.conditions import Conditions, pairs, shares

    return Conditions(pairs(given.given, "--given", "sex=Female"), shares(given.balance))


def kept(model: DPDSyn, conditions: Conditions) -> list[str]:
    """What to say of rules that rows keep and of conditions that they were drawn under."""
    lines = [f"conditioned on {line}" for line in conditions.told()]
    lines += [f"every row keeps {rule.written}" for rule in model.schema_.constraints]
    return [*lines, f"to that end {model.tally.told()}; no private row was looked at, so it costs no budget"] if lines else []


def kept_rules(model: DPDSyn, conditions: Conditions) -> dict[str, Any]:
    """The same for the privacy statement, and what rows are where people have several; nothing where there is nothing to say."""
    rules, told = [rule.to_plain() for rule in model.schema_.constraints], conditions.told()
    return {
        **({"persons": STAND_ALONE} if _has_persons(model) else {}),
        **({"constraints": rules} if rules else {}),
        **({"conditioned_on": told} if told else {}),
        **({"rows_drawn": vars(model.tally)} if rules or told else {}),
    }


def _has_persons(model: DPDSyn) -> bool:
    """Whether somebody may look for several rows of a person: the schema names one, or ids are made."""
    return model.schema_.person is not None or any(column.pattern is not None for column in model.schema_.made)
