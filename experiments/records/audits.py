"""What audits came to: the finished ones of the working store, and their export `audits.csv`."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import write_whole
from experiments.records import former

EXPORT = "audits.csv"
FORMER_COLUMNS = (
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
COLUMNS = (
    *FORMER_COLUMNS[:9],
    "family_bound",
    "family_power",
    "noise_refuted_from",
    *FORMER_COLUMNS[9:12],
    "fresh_family_bound",
    "fresh_runs",
    "calibration_p",
    "calibration_by",
    "noise_of_charged",
    "moved_of_charged",
    "canary",
    "relation",
    "rows_of_canary",
    *FORMER_COLUMNS[13:18],
    "attacks_version",
    *FORMER_COLUMNS[18:],
)
# What audits of the former kind, which had one threshold event and nothing else, would say today.
_FORMER = {"canary": "row", "relation": "add_remove", "rows_of_canary": 1, "attacks_version": 1}


@dataclass(frozen=True)
class Audited:
    """One audit: a row of COLUMNS for each attack, all with the verdict on the whole."""

    rows: list[dict[str, Any]]

    @property
    def verdict(self) -> str:
        return str(self.rows[0]["verdict"])

    @property
    def former(self) -> bool:
        """Whether it is of the former kind: one threshold event, no plan, no calibration."""
        return int(self.rows[0]["attacks_version"]) < 2

    def in_order(self, names: Sequence[str]) -> Audited:
        """With these keys and no others in every row."""
        return Audited([{name: row[name] for name in names} for row in self.rows])


def audits_folder(results: Path) -> Path:
    return results / "runs" / "audits"


def stored(results: Path) -> list[Audited]:
    """All finished audits of the working store, sorted."""
    found = [
        Audited([_today(row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]])
        for path in audits_folder(results).glob("*/result.json")
    ]
    return sorted(found, key=lambda audited: _key(audited.rows[0]))


def _today(row: Mapping[str, Any]) -> dict[str, Any]:
    """A stored row in today's words, with every column of COLUMNS."""
    return {**dict.fromkeys(COLUMNS), **_FORMER, **former.audit(row)}


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["dataset"],
        float(row["delta"]),
        float(row["claimed_epsilon"]),
        row["method"],
        int(row["columns"]),
        int(row["rows"]),
        int(row["attacks_version"]),
        row["canary"],
        row["relation"],
        int(row["rows_of_canary"]),
    )


def _subject(audited: Audited) -> tuple[str, str]:
    """Of which data set and method it is, whatever the method's settings."""
    first = audited.rows[0]
    return first["dataset"], str(first["method"]).partition(" (")[0]


def write_audits(results: Path, audits: Sequence[Audited]) -> Path:
    """The export. What it holds already stays, as it may have been made elsewhere, unless it was made anew.

    Audits of the former kind stay until their method has one of today's kind on the same data set.
    """
    given = {_key(audited.rows[0]) for audited in audits}
    held = [audited for audited in read_audits(results) if _key(audited.rows[0]) not in given]
    today = {_subject(audited) for audited in (*held, *audits) if not audited.former}
    kept = [audited for audited in held if not (audited.former and _subject(audited) in today)]
    audits = sorted([*kept, *audits], key=lambda audited: _key(audited.rows[0]))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for audited in audits for row in audited.rows)
    write_whole(results / EXPORT, buffer.getvalue().encode())
    return results / EXPORT


def read_audits(results: Path) -> list[Audited]:
    """Of the export, which may be one of the former kind; empty if there is none. Raises InputError for other columns."""
    path = results / EXPORT
    if not path.exists():
        return []
    reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    if tuple(reader.fieldnames or ()) not in (COLUMNS, FORMER_COLUMNS):
        raise InputError(f"{path} has other columns than {', '.join(COLUMNS)}")
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for number, given in enumerate(reader, start=2):
        if None in given or None in given.values():
            raise InputError(f"{path}, line {number}: another number of cells than {len(reader.fieldnames or ())}")
        row = _today(given)
        try:
            groups[_key(row)].append(row)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: {error}") from error
    return [Audited(rows) for _, rows in sorted(groups.items())]
