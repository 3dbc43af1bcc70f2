"""What became of runs that are missing from a number."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.records.record import Record

if TYPE_CHECKING:
    from dpdsyn.synthesizer import Synthesizer


STALE = "from an older version"


def lost(runs: Sequence[Record]) -> str:
    """How many did not end well or are of an older version; empty if none."""
    counts = Counter(record.status for record in runs if record.status != "ok")
    stale = sum(_is_stale(record) for record in runs)
    if stale:
        counts[STALE] = stale
    return ", ".join(f"{count} of {len(runs)} {status}" for status, count in sorted(counts.items()))


def briefly(missing: str) -> str:
    """The same in fewer words, where there are many of them: all of an older version go without their number."""
    return re.sub(r"\b(\d+) of \1 from an older version", "older version", missing)


def _is_stale(record: Record) -> bool:
    """Whether the method's output has changed since, or its own source; unknown for methods that are not installed here.

    A version may be that of some settings alone: then it is asked of a method with those of the record.
    """
    from dpdsyn.synthesizer import load
    from experiments import sources

    target = record.method.target or ""
    try:
        if _version(load(target), record.method.parameters) != record.method.version:
            return True
        then = record.method.source or {}
        return any(then.get(name, now) != now for name, now in (sources.own(sources.named(target)) if then else {}).items())
    except (KeyError, ValueError):
        return False


def _version(kind: type[Synthesizer], parameters: Mapping[str, Any]) -> int:
    """Of the method with these settings; of its class where it takes them no more."""
    try:
        return kind(**parameters).version
    except (TypeError, ValueError):
        return kind.version
