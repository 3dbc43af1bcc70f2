"""What others published beside the runs here that come nearest, mixed into no other table."""

from __future__ import annotations

from collections.abc import Sequence

from experiments.report.grouped import View
from experiments.report.published import AUDITED, LEAST, LIST, FoundAgain, Held, audits, held, read
from experiments.report.tables.cells import mean_and_deviation
from experiments.report.tables.table import Table

_NOTES = [
    "Other columns, bins, splits and models than ours: to compare with, never mixed in. `experiment=published` makes our side.",
    f"The same: within {LEAST:g} (10 points of a k-marginal score). Not told apart: further off, but within twice our seeds' "
    "standard deviation.",
]
_SHARES = (
    "Shares: the mu that an attack shows, of the mu that the guarantee implies, theirs of theirs and ours of ours. Audits of an "
    "older version of a method are left out."
)


def build(view: View) -> list[Table]:
    """One table a source, if the results folder has such a list."""
    if view.results is None:
        return []
    tables, audited = [], audits(view.results / AUDITED)
    for source in read(view.results / LIST):
        found = held(source.entries, view.swept.records, audited)
        if any(one.entry.ours for one in found):
            columns = ["what", "theirs", "ours", "seeds", "ours less theirs", ""]
            rows, notes = (
                list(map(_row, found)),
                [f"What differs: {source.differs}.", *_NOTES, *_of_judges(found), *_of_audits(found)],
            )
        else:
            columns, rows = ["what", "theirs"], [[one.entry.what, str(one.entry.theirs)] for one in found]
            notes = [source.differs] if source.differs else []
        tables.append(Table(f"Published in {source.source}", columns, rows, notes))
    return tables


def _of_judges(found: Sequence[Held]) -> list[str]:
    """Why there are no verdicts, where that is so."""
    off = {one.real_differs for one in found if one.real_differs is not None}
    told = " and ".join(f"{less:+.4f}" for less in sorted(off))
    said = (
        f"Not compared: on real rows themselves ours less theirs is {told}, so that models and splits may be all of a difference."
    )
    return [said] if off else []


def _of_audits(found: Sequence[Held]) -> list[str]:
    return [_SHARES] if any(isinstance(one.entry.ours, FoundAgain) for one in found) else []


def _row(one: Held) -> list[str]:
    entry = one.entry
    digits = 0 if one.less is not None and abs(float(entry.theirs)) > 2 else 4  # a score up to 1000, or a share
    less = "-" if one.less is None else f"{one.less:+.{digits}f}"
    theirs = str(entry.theirs)
    if isinstance(entry.ours, FoundAgain):
        share = None if entry.compared is None else f"{entry.compared:.4f} ({entry.theirs} of {entry.ours.implied})"
        theirs = share or f"{entry.theirs} of a mu that is not told"
    return [entry.what, theirs, mean_and_deviation(one.ours, digits), str(len(one.ours)), less, one.verdict]
