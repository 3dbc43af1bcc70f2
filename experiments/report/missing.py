"""What became of runs that are missing from a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from experiments.records.record import Record


def lost(runs: Sequence[Record]) -> str:
    """How many did not end well or are of an older version; empty if none."""
    counts = Counter(record.status for record in runs if record.status != "ok")
    stale = sum(_is_stale(record) for record in runs)
    if stale:
        counts["from an older version"] = stale
    return ", ".join(f"{count} of {len(runs)} {status}" for status, count in sorted(counts.items()))


def _is_stale(record: Record) -> bool:
    """Whether the method's output has changed since; unknown for methods that are not installed here."""
    from dpdsyn.synthesizer import load

    try:
        return load(record.method.target or "").version != record.method.version
    except (KeyError, ValueError):
        return False
