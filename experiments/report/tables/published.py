"""What others published beside the runs here that come nearest, mixed into no other table."""

from __future__ import annotations

from experiments.report.grouped import View
from experiments.report.published import AUDITED, LEAST, LIST, Held, audits, held, read
from experiments.report.tables.cells import mean_and_deviation
from experiments.report.tables.table import Table

_NOTES = [
    "Other columns, bins, splits and models than ours: to compare with, never mixed in. `experiment=published` makes our side.",
    f"The same: within {LEAST:g} (10 points of a k-marginal score) or twice our seeds' standard deviation, whichever is more.",
]


def build(view: View) -> list[Table]:
    """One table a source, if the results folder has such a list."""
    if view.results is None:
        return []
    tables, audited = [], audits(view.results / AUDITED)
    for source in read(view.results / LIST):
        found = held(source.entries, view.swept.records, audited)
        if any(one.entry.ours for one in found):
            columns = ["what", "theirs", "ours", "seeds", "ours less theirs", ""]
            rows, notes = list(map(_row, found)), [f"What differs: {source.differs}.", *_NOTES]
        else:
            columns, rows = ["what", "theirs"], [[one.entry.what, str(one.entry.theirs)] for one in found]
            notes = [source.differs] if source.differs else []
        tables.append(Table(f"Published in {source.source}", columns, rows, notes))
    return tables


def _row(one: Held) -> list[str]:
    entry = one.entry
    digits = 0 if one.less is not None and abs(float(entry.theirs)) > 2 else 4  # a score up to 1000, or a share
    less = "-" if one.less is None else f"{one.less:+.{digits}f}"
    return [entry.what, str(entry.theirs), mean_and_deviation(one.ours, digits), str(len(one.ours)), less, one.verdict]
