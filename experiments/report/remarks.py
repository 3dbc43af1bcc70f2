"""What to know of records: settings chosen on their data, what the data warn of, experiments changed since."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from statistics import fmean

from experiments.configuration import content_hash, option_path
from experiments.records import former
from experiments.records.record import Record
from experiments.report import facts


def remarks(records: Iterable[Record]) -> list[str]:
    """A sentence each."""
    records = list(records)
    changed: Counter[str] = Counter()
    for record in records:
        present = _present_hash(record.experiment.name) if record.experiment else None  # none of a person's own, of whose file
        if record.experiment and present and former.experiment(record.experiment.sha256) != present:  # nothing is known here
            changed[record.experiment.name] += 1
    chosen_on = sorted({name for record in records if facts.of_dataset(name := record.dataset.name).development})
    warned = dict.fromkeys(record.dataset.caution for record in records if record.dataset.caution)
    return [
        *(f"Development set, on which settings were chosen: {name}." for name in chosen_on),
        *(f"Caution: {caution}." for caution in warned),
        *(f"{count} of these runs were made for an older {name}.yaml." for name, count in sorted(changed.items())),
    ]


def protected(records: Iterable[Record]) -> list[str]:
    """What a guarantee is for, and how much of the test part is known from training."""
    records = list(records)
    units = sorted({record.privacy.unit for record in records})
    notes = [f"Guarantees are for one {' or one '.join(units)}, added or removed."]
    leaks = [record.dataset.leak for record in records if record.dataset.leak is not None]
    if leaks:
        notes.append(f"Share of test rows whose profile is also in training: {fmean(leaks):.1%}.")
    return notes


def timed_on(records: Iterable[Record]) -> list[str]:
    """Which methods were timed on which kind of processor, where there are several; one timed on two stands with the rarer."""
    of: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        if record.seconds.total is not None and record.environment.cpu:
            of[record.environment.cpu].add(record.method.name)
    if len(of) < 2:
        return []
    most, *others = sorted(of, key=lambda cpu: (-len(of[cpu]), cpu))
    told = [f"{', '.join(sorted(of[cpu]))} on {cpu}" for cpu in others]
    return [f"Timed on {len(of)} kinds of processor, whose seconds do not compare: {'; '.join(told)}; the others on {most}."]


@cache
def _present_hash(experiment: str) -> str | None:
    """Of the experiment's file as it is now; None if there is none of that name."""
    try:
        return content_hash(option_path("experiment", experiment))
    except FileNotFoundError:
        return None
