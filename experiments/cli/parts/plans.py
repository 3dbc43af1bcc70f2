"""`dpdsyn audit --plan`: what records and statements say was spent, composed anew by two accountants that share no code."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from dpdsyn.base.checks import InputError
from experiments.audit.plans import Plan, distinct, judge, named, page, read_statement, table
from experiments.cli import records as shown
from experiments.cli.parts.parser import Parser
from experiments.console import bar, console
from experiments.records.record import Record


def audit_plans(arguments: Sequence[str]) -> int:
    """Exit code: 0 if the accountants agree on every plan, 1 if not. Raises InputError for what cannot be found."""
    parser = Parser(prog="dpdsyn audit", description="What was spent, composed by two accountants.")
    parser.add_argument(
        "--plan", required=True, nargs="+", metavar="RECORD", help="a run_id, METHOD, DATASET/METHOD, all, or a JSON file"
    )
    shown.reads_records(parser, show)
    given = parser.parse_args(list(arguments))
    return show(given)


def show(given: argparse.Namespace) -> int:
    """One plan as a page, several as a table."""
    files = {name: Path(name) for name in given.plan if name.endswith(".json") or Path(name).is_file()}
    found: dict[Plan, list[str]] = {}
    for name, path in files.items():
        found.setdefault(read_statement(path), []).append(name)
    names = [name for name in given.plan if name not in files]
    if names:
        for plan, records in distinct(_chosen(shown.load(given), names)).items():
            found.setdefault(plan, []).extend(f"{r.dataset.name}/{r.method.name}" for r in records)
    if not found:
        raise InputError(f"none of {', '.join(given.plan)} has a guarantee of ours with anything spent")
    verdicts = []
    with bar(console(), "plans") as progress:
        for plan in progress.track(found):
            verdicts.append(judge(plan))
    if len(found) == 1:
        text = page(verdicts[0], ", ".join(dict.fromkeys(found[verdicts[0].plan])))
    else:
        text = table([(verdict, _whose(found[verdict.plan]), len(found[verdict.plan])) for verdict in verdicts])
        wrong = sum(bool(verdict.complaints) for verdict in verdicts)
        total = sum(map(len, found.values()))
        text += f"\n{len(found)} plans of {total} records: the accountants agree on {len(found) - wrong}, disagree on {wrong}"
    sys.stdout.write(text + "\n")
    return 1 if any(verdict.complaints for verdict in verdicts) else 0


def _chosen(records: Sequence[Record], names: Sequence[str]) -> list[Record]:
    if "all" in names:
        return list(records)
    chosen = []
    for name in names:
        matching = named(records, name)
        if not matching:
            raise InputError(f"--plan {name}: no record's run_id begins so, no method is called so, and there is no such file")
        chosen += matching
    return list({record.run_id: record for record in chosen}.values())


def _whose(names: Sequence[str]) -> str:
    """The commonest, and how many others."""
    counted = Counter(names)
    others = len(counted) - 1
    return counted.most_common(1)[0][0] + (f" and {others} other{'s' if others > 1 else ''}" if others else "")
