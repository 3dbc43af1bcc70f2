"""`dpdsyn reproduce`: recorded runs, drawn at random, done again and held against what was recorded."""

from __future__ import annotations

import argparse
import math
import os
import secrets
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.cli.records import load, reads_records
from experiments.console import aligned, say
from experiments.paths import results_dir

if TYPE_CHECKING:
    from experiments.cli.parts.drawn_runs import Again, Drawn

WITHIN = 0.01  # of accuracy and of mean 2-way TVD: what another processor's rounding may do through a choice that tips


def add(commands: argparse._SubParsersAction) -> None:
    parser = commands.add_parser(
        "reproduce",
        help="do recorded runs again, drawn at random, and say how far off they are",
        description="Recorded runs, drawn at random, are done again in a folder of their own and held against their records.",
    )
    parser.add_argument("--sample", type=int, default=20, metavar="N", help="how many runs (20)")
    parser.add_argument("--seed", type=int, help="of the draw; the same one goes on with the same runs (drawn anew)")
    parser.add_argument("--at-most", type=float, metavar="SECONDS", help="only runs that took no longer (any)")
    parser.add_argument("--config-dir", type=Path, metavar="DIR", help="a folder of configuration beside ours")
    parser.add_argument("--within", type=float, default=WITHIN, help=f"of accuracy and mean 2-way TVD ({WITHIN})")
    parser.add_argument("--folder", type=Path, help="results folder of the new runs (results/runs/reproduced-SEED)")
    reads_records(parser, reproduce)


def reproduce(given: argparse.Namespace) -> int:
    """Exit code: 0 if every run agrees, 1 if not. Raises InputError if none can be done again."""
    from experiments.cli.parts.drawn_runs import done_again, draw
    from experiments.configuration import options
    from experiments.report.commands import overrides

    extra = given.config_dir and given.config_dir.absolute()
    options("dataset", extra)  # refuses a folder that there is not

    if given.sample < 1 or not 0 <= given.within < math.inf:
        raise InputError(
            f"--sample {given.sample} --within {given.within}: one run at least, and a finite difference of 0 or more are needed"
        )
    if given.at_most is not None and not given.at_most > 0:
        raise InputError(f"--at-most {given.at_most}: seconds above 0 are needed")
    records = load(given)
    if given.at_most is not None:
        records = [record for record in records if (record.seconds.run or 0) <= given.at_most]
    seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    say(f"drawing {given.sample} of {len(records)} records with --seed {seed}")
    drawn = draw(records, given.sample, seed, partial(overrides, extra=extra), extra)
    folder = given.folder or results_dir() / "runs" / f"reproduced-{seed}"
    os.environ["DPDSYN_RESULTS"] = str(folder.absolute())
    again = done_again(drawn, folder.absolute(), seed)
    sys.stdout.write("\n".join([*aligned(_rows(again)), "", *_summary(drawn, again, seed, given.within)]) + "\n")
    return 0 if all(one.agrees(given.within) for one in again) else 1


def _rows(again: Sequence[Again]) -> list[list[str]]:
    columns = ["run", "accuracy then", "now", "2-way TVD then", "now", "seconds then", "now", "rows"]
    return [columns, *map(_row, again)]


def _row(one: Again) -> list[str]:
    name = one.name if one.measure == "accuracy" else f"{one.name} ({one.measure.upper()})"
    numbers = [_number(value, 4) for pair in one.pairs for value in pair]
    seconds = [_number(record.seconds.total if record else None, 2) for record in (one.then, one.now)]
    return [name, *numbers, *seconds, _told(one)]


def _told(one: Again) -> str:
    if one.now is None:
        return "not done"
    if one.now.status != "ok":
        return one.now.status
    return "the same, bit for bit" if one.same_rows else "others"


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _summary(drawn: Drawn, again: Sequence[Again], seed: int, within: float) -> list[str]:
    from experiments.cli.parts.drawn_runs import told_of

    lines = [f"left when they were drawn: {told}" for told in told_of(drawn.passed)]
    ended = [one for one in again if one.now is not None and one.now.status == "ok"]
    same = sum(one.same_rows for one in ended)
    lines.append(f"{len(again)} runs drawn with --seed {seed}, {len(ended)} ended well, {same} with the same rows bit for bit")
    for place, what in enumerate(("accuracy", "mean 2-way TVD")):
        off = [abs(a - b) for one in ended for a, b in [one.pairs[place]] if a is not None and b is not None]
        lines += [f"{what} is off by {max(off):.4f} at most"] if off else []
    agreeing = sum(one.agrees(within) for one in again)
    return [*lines, f"within {within:g}: {agreeing} of {len(again)}"]
