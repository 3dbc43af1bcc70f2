"""What was claimed before the runs, and what they say of it."""

from __future__ import annotations

from experiments.report.claims import (
    FILE,
    Found,
    Preregistered,
    adjusted,
    again,
    judged,
    on_unseen_alone,
    preregistered,
    ran,
)
from experiments.report.grouped import AGAIN, View
from experiments.report.tables.table import Table

_COLUMNS = ["claim", "epsilon", "bound", "found", "90% interval", "verdict", "p (Holm)", "unseen alone", "data sets", "seeds"]
_COLUMNS += ["worst", "without"]


def build(view: View) -> list[Table]:
    """One row a claim and budget, and those that ran once more in a table of their own; nothing where none of it has run."""
    told = preregistered()
    once_more = again()
    made = [] if told is None else _judged(view, told, judged(view, told), "Claims, and what became of them", _noted(told))
    if made and once_more is not None:
        seeds = ", ".join(map(str, once_more.seeds))
        words = [
            f"The same statements and bounds on seeds {seeds} ({AGAIN}), which ran after the last change of the method and which "
            "no other comparison counts, for only these methods have them. Tables that nothing had been run on are those of "
            "which that was true before the first seeds ran.",
        ]
        made += _judged(view, once_more, ran(judged(view, once_more)), "The claims that were run again", words)
    return made


def _noted(told: Preregistered) -> list[str]:
    return [
        f"Written down in conf/experiment/{FILE}.yaml before the first of these runs (`git log` of that file tells when; "
        f"{told.sha256}: sha256 of what it says, remarks and layout aside). Seeds: {', '.join(map(str, told.seeds))}.",
        "Found: the mean over data sets, each counting alike, of ratios or differences on the same splits. Holds, refuted: the "
        "whole interval lies on that side of the bound, so that either verdict is wrong in at most one of twenty repetitions; "
        "else not shown, as is what lacks a table. Seconds: ratios of medians of runs alone, without an interval.",
        "p (Holm): of the true mean lying on the wrong side of the bound, adjusted over all rows of this table.",
    ]


def _judged(view: View, told: Preregistered, found: list[Found], title: str, notes: list[str]) -> list[Table]:
    if all(one.value is None for one in found):
        return []
    alone = on_unseen_alone(view, told)
    if alone:
        when = " before the first seeds ran" if told.again else ""
        notes = [*notes, f"Unseen alone: the same claim on {', '.join(told.unseen)} alone, on which nothing had been run{when}."]
    rows = [_row(one, p, alone.get((one.claim.says, one.epsilon))) for one, p in zip(found, adjusted(found), strict=True)]
    return [Table(title, _COLUMNS, rows, notes)]


def _row(one: Found, p: float | None, alone: Found | None) -> list[str]:
    claim, digits = one.claim, 4 if one.claim.compared == "difference" else 3
    sign = "+" if claim.compared == "difference" else ""
    worst = min(one.by_dataset, key=lambda name: one.by_dataset[name] * (1 if claim.at_most is None else -1), default=None)
    return [
        claim.says,
        f"{one.epsilon:g}",
        f"{'≥' if claim.at_most is None else '≤'} {one.bound:g}",
        "-" if one.value is None else f"{one.value:{sign}.{digits}f}",
        "-" if one.interval is None else " to ".join(f"{end:{sign}.{digits}f}" for end in one.interval),
        one.verdict,
        "-" if p is None else f"{p:.3f}",
        "-" if alone is None or alone.value is None else f"{alone.verdict} ({alone.value:{sign}.{digits}f})",
        str(len(one.by_dataset)),
        str(one.seeds),
        "-" if worst is None else f"{worst} {one.by_dataset[worst]:{sign}.{digits}f}",
        ", ".join(one.missing) or "-",
    ]
