"""What the README says of the records, and the runs that carry each of its numbers."""

from __future__ import annotations

from experiments.report.commands import commands
from experiments.report.grouped import View
from experiments.report.readme import sentences, shown
from experiments.report.readme.sentences import Carried
from experiments.report.tables.table import Table

_NAMED = 10  # runs, at the most, that are named one by one
_COLUMNS = ["the README says", "runs", "records", "made again by", "stands in"]


def build(view: View) -> list[Table]:
    """A row for each sentence, then for each number in it that few runs carry; nothing where there is nothing to say."""
    carried = [*shown.first_table_carried(view), *(one for point in sentences.points(view) for one in point.carried)]
    notes = [
        "Records are named by their `run_id`, in `records*.jsonl`. Of a number that many carry, as means and medians are, the "
        "first and the last one are named, and how many commands make them; `report.html` has them by cell.",
    ]
    rows = [_row(one) for one in carried if one.runs]
    return [Table("What carries the numbers of the README", _COLUMNS, rows, notes)] if rows else []


def _row(one: Carried) -> list[str]:
    ids = sorted(record.run_id for record in one.runs)
    told = ", ".join(ids) if len(ids) <= _NAMED else f"{ids[0]} to {ids[-1]}"
    again = commands(one.runs)
    by = "; ".join(f"`{command}`" for command in again) if len(ids) <= _NAMED else f"{len(again)} commands"
    return [one.says, str(len(ids)), told, by, f"{one.table}.md"]
