"""How a run is done, whoever does it: threads, time, memory, and whether it has its process to itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpdsyn.base.checks import InputError, positive, whole_number
from experiments.records.record import Record


@dataclass(frozen=True)
class Limits:
    """How a run is done (`compute` in the configuration). Raises InputError for a value out of range.

    timeout: seconds for the whole run, None for any. memory: GiB resident in all its processes together, None for any.
    fresh: a new process for each run. alone: fresh, and nothing else of ours on this machine.
    """

    threads: int = 1
    timeout: float | None = None
    memory: float | None = None
    fresh: bool = False
    alone: bool = False

    @classmethod
    def of(cls, compute: Mapping[str, Any]) -> Limits:
        whole_number("compute.threads", compute["threads"], least=1)
        if compute["workers"] != -1:
            whole_number("compute.workers", compute["workers"], least=1)
        for name in ("timeout", "memory"):
            if compute[name] is not None:
                positive(f"compute.{name}", compute[name])
        for name in ("retry", "fresh", "alone"):
            if not isinstance(compute[name], bool):
                raise InputError(f"compute.{name} is {compute[name]!r}; accepted: true, false")
        alone = compute["alone"]
        if alone and compute["workers"] > 1:
            raise InputError(
                f"compute.workers is {compute['workers']}, and runs that are to be alone on the machine (compute.alone=true) go "
                "one at a time: leave one of them out"
            )
        return cls(compute["threads"], compute["timeout"], compute["memory"], compute["fresh"] or alone, alone)

    def raised_since(self, record: Record) -> bool:
        """Whether a run that came to a limit would now have more of what it lacked."""
        had = record.seconds.limit
        limit = {"timeout": self.timeout, "out_of_memory": self.memory}.get(record.status, had)
        return had is not None and (limit is None or limit > had)
