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
    """Whether the method's output has changed since, or its own source; unknown for methods that are not installed here."""
    from dpdsyn.synthesizer import load
    from experiments import sources

    target = record.method.target or ""
    try:
        if load(target).version != record.method.version:
            return True
        then = record.method.source or {}
        return any(then.get(name, now) != now for name, now in (sources.own(sources.named(target)) if then else {}).items())
    except (KeyError, ValueError):
        return False
