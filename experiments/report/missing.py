"""What became of runs that are missing from a number: not ended well, of code of before, or done again since."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.records.record import Record

if TYPE_CHECKING:
    from dpdsyn.synthesizer import Synthesizer


STALE = "from an older version"
OTHERWISE = "by other code of the same run"


def lost(runs: Sequence[Record]) -> str:
    """How many did not end well or are of an older version; empty if none."""
    counts = Counter(record.status for record in runs if record.status != "ok")
    if stale := sum(map(is_stale, runs)):
        counts[STALE] = stale
    codes = {(asked(record), json.dumps(record.method.source, sort_keys=True)) for record in runs}
    if again := len(codes) - len({of for of, _ in codes}):
        counts[OTHERWISE] = again
    return ", ".join(f"{count} of {len(runs)} {status}" for status, count in sorted(counts.items()))


def current(records: Iterable[Record]) -> list[Record]:
    """Without records beside which stands the same run by a later version, or by the source that is there today, in their order.

    Where nobody can tell which source is today's, all stay, and `lost` says so.
    """
    records = list(records)
    alike: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        alike[asked(record)].append(record)
    kept = {record.run_id for same in alike.values() for record in (_latest(same) if len(same) > 1 else same)}
    return [record for record in records if record.run_id in kept]


def _latest(same: list[Record]) -> list[Record]:
    """Those of the latest version, and of these those of today's source and with today's methods within it, if any are."""
    latest = max(record.method.version or 0 for record in same)
    same = [record for record in same if (record.method.version or 0) == latest]
    if len({json.dumps([record.method.source, _used(record.environment.foreign)], sort_keys=True) for record in same}) == 1:
        return same
    return [record for record in same if not is_stale(record, unknown=True)] or same


def briefly(missing: str) -> str:
    """The same in fewer words, where there are many of them: all of an older version go without their number."""
    return re.sub(r"\b(\d+) of \1 from an older version", "older version", missing)


def asked(record: Record) -> str:
    """What was to be run, whatever code did it."""
    data, method, judged = record.dataset, record.method, record.evaluation.plain()
    encoding = record.encoding and [record.encoding.name, record.encoding.settings]
    of_data = [data.name, data.version, data.sha256, record.data_settings]
    of_method = [method.name, method.target, method.parameters]
    budget = [record.privacy.epsilon, record.privacy.delta]
    return json.dumps([of_data, of_method, budget, encoding, judged, record.seed, record.alone], sort_keys=True, default=str)


def is_stale(record: Record, unknown: bool = False) -> bool:
    """Whether the method's output has changed since, or its own source; `unknown` for methods that are not installed here.

    A version may be that of some settings alone: then it is asked of a method with those of the record. So may the versions of
    methods that it uses.
    """
    from dpdsyn.synthesizer import load
    from experiments import sources

    target = record.method.target or ""
    try:
        version, used = _versions(load(target), record.method.parameters)
        then = _used(record.environment.foreign)
        if version != record.method.version or any(used.get(name, own) != own for name, own in then.items()):
            return True
        source = record.method.source or {}
        return any(source.get(name, now) != now for name, now in (sources.own(sources.named(target)) if source else {}).items())
    except (KeyError, ValueError):
        return unknown


def _versions(kind: type[Synthesizer], parameters: Mapping[str, Any]) -> tuple[int, dict[str, int]]:
    """Of the method with these settings, and of the methods that it uses; of its class where it takes the settings no more."""
    try:
        method = kind(**parameters)
    except (TypeError, ValueError):
        return kind.version, {}
    try:
        return method.version, _used(method.foreign_versions())
    except Exception:  # a package that is not installed here has no version
        return method.version, {}


def _used(foreign: Mapping[str, Any] | None) -> dict[str, int]:
    """Of versions of what a method uses those of methods: packages' own are texts."""
    return {name: version for name, version in (foreign or {}).items() if isinstance(version, int)}
