"""What the records were made by: experiment, commit, machine, and the time it took."""

from __future__ import annotations

from collections import Counter, defaultdict

from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.tables.table import Table

_UNNAMED = "-"


def build(view: View) -> list[Table]:
    """One row for each experiment that records name."""
    experiments: dict[str, list[Record]] = defaultdict(list)
    for record in view.records:
        experiments[record.experiment.name if record.experiment else _UNNAMED].append(record)
    rows = [[name, *_row(group)] for name, group in sorted(experiments.items(), key=lambda item: (item[0] == _UNNAMED, item[0]))]
    columns = ["experiment", "runs", "ended otherwise", "beside other work", "hours", "seeds", "commits", "machine"]
    notes = [
        "`dpdsyn run -m experiment=NAME` makes the runs of a row. A run that several experiments share stands with the first "
        "that ran it; a fit that several judged is one run, of the one that asked least of it. "
        f"{_UNNAMED} is of single runs and of records older than the note of their experiment. Hours: of all runs "
        "together, training and testing of models included; ≥: some records are older than this measurement. Beside other work: "
        "other runs of the sweep, or anything else, kept the processors busy. A + marks uncommitted changes."
    ]
    return [Table("What made these records", columns, rows, notes)] if rows else []


def _row(group: list[Record]) -> list[str]:
    ends = Counter(record.status for record in group if record.status != "ok")
    took = [record.seconds.run or record.seconds.reached for record in group]
    hours = sum(float(seconds) for seconds in took if seconds) / 3600
    return [
        f"{len(group)}",
        ", ".join(f"{count} {status}" for status, count in sorted(ends.items())) or "-",
        f"{sum(bool(record.seconds.contended) for record in group)}",
        f"{'' if all(took) else '≥ '}{hours:.2f}",
        _spans(sorted({record.seed for record in group})),
        ", ".join(sorted({_commit(record) for record in group})),
        "; ".join(sorted({_machine(record) for record in group})),
    ]


def _spans(numbers: list[int]) -> str:
    """Numbers in order, runs of them as `0-4`."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in spans)


def _commit(record: Record) -> str:
    return (record.environment.commit or "unknown")[:7] + ("+" if record.environment.dirty else "")


def _machine(record: Record) -> str:
    found = record.environment
    return f"{found.cpu or 'unknown'}, {found.cores or '?'} cores, Python {found.python or '?'}"
