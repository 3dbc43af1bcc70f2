"""`dpdsyn status`: what is done, running, failed and missing."""

from __future__ import annotations

import argparse

from experiments.console import say
from experiments.paths import results_dir, see_own_modules


def add(commands: argparse._SubParsersAction) -> None:
    status = commands.add_parser("status", help="what is done, running, failed and missing; live while a sweep runs")
    status.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="of one command, as experiment=quickstart")
    status.add_argument("--config-dir", metavar="DIR", help="a folder of configuration beside ours")
    status.add_argument("--once", action="store_true", help="print once, also on a terminal")
    status.set_defaults(command=show)


def show(given: argparse.Namespace) -> int:
    from experiments.records.store import Store
    from experiments.sweep.status import status

    see_own_modules()
    folder = [] if given.config_dir is None else ["--config-dir", given.config_dir]
    return status(Store(results_dir()), [*folder, *given.overrides], given.once, say)
