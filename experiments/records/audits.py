"""What audits came to: the finished ones of the working store, and their export `audits.csv`."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdsyn.checks import InputError
from dpdsyn.files import write_whole
from experiments.records import former

EXPORT = "audits.csv"
COLUMNS = (
    "method",
    "guarantee",
    "claimed_epsilon",
    "delta",
    "verdict",
    "attack",
    "attacker_knows",
    "lower_bound",
    "power",
    "tpr_at_1pct_fpr",
    "runs",
    "fresh_lower_bound",
    "fresh_runs",
    "dataset",
    "columns",
    "rows",
    "seconds_per_run",
    "version",
    "commit",
    "dirty",
)


@dataclass(frozen=True)
class Audited:
    """One audit: a row of COLUMNS for each attack, all with the verdict on the whole."""

    rows: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        return str(self.rows[0]["verdict"])


def audits_folder(results: Path) -> Path:
    return results / "runs" / "audits"


def stored(results: Path) -> list[Audited]:
    """All finished audits of the working store, sorted."""
    found = [
        Audited([former.audit(row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]])
        for path in audits_folder(results).glob("*/result.json")
    ]
    return sorted(found, key=lambda audited: _key(audited.rows[0]))


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["dataset"],
        float(row["delta"]),
        float(row["claimed_epsilon"]),
        row["method"],
        int(row["columns"]),
        int(row["rows"]),
    )


def write_audits(results: Path, audits: Sequence[Audited]) -> Path:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for audited in audits for row in audited.rows)
    write_whole(results / EXPORT, buffer.getvalue().encode())
    return results / EXPORT


def read_audits(results: Path) -> list[Audited]:
    """Of the export; empty if there is none. Raises InputError if its columns are not those written here."""
    path = results / EXPORT
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise InputError(f"{path} has other columns than {', '.join(COLUMNS)}")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in map(former.audit, reader):
        groups[_key(row)].append(row)
    return [Audited(rows) for _, rows in sorted(groups.items())]
