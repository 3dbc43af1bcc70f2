"""Fits that were judged several times: each seed counts once, and what was judged in another way stays apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import fields, replace
from typing import Any

from experiments.records.parts import Fidelity, Given, name_of
from experiments.records.record import Record


def differing(records: Iterable[Record]) -> Callable[[Record], dict[str, str]]:
    """Reads how a record was judged, where records of its data set were judged in several ways that give other numbers.

    These are the repeats of each model, and metrics of one's own that share a name.
    """
    repeats: dict[str, set[int]] = defaultdict(set)
    metrics: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        repeats[record.dataset.name].add(_repeats(record))
        for one in record.evaluation.metrics:
            metrics[record.dataset.name, name_of(one)].add(_whole(one))

    def read(record: Record) -> dict[str, str]:
        name, often = record.dataset.name, _repeats(record)
        found = {"evaluation.repeats": str(often)} if len(repeats[name]) > 1 and often != 1 else {}
        several = [one for one in record.evaluation.metrics if len(metrics[name, name_of(one)]) > 1]
        return found | ({"evaluation.metrics": " ".join(map(_whole, several))} if several else {})

    return read


def once(runs: Iterable[Record], apart: Callable[[Record], Hashable]) -> list[Record]:
    """Runs of one method in one case, with one record for all that was judged of the same fit, in their order.

    apart: what runs must share besides. Models of one name with other parameters stay in records of their own. Times and machine
    are those of the record that was judged by the fewest further questions, so that of all methods they are of one experiment.
    """
    runs = list(runs)
    kept: dict[int, Record] = {}  # by the place of the first in the order
    places: dict[tuple[Hashable, ...], list[int]] = defaultdict(list)
    for place in sorted(range(len(runs)), key=lambda place: _further(runs[place])):
        record = runs[place]
        places_of_fit = places[record.fit_id, record.seed, record.alone, apart(record)]
        joined = next((i for i in places_of_fit if _agree(kept[i], record)), None) if record.status == "ok" else None
        if joined is not None:
            kept[joined] = _joined(kept[joined], record)
            continue
        if record.status == "ok":
            places_of_fit.append(place)
        kept[place] = record
    return [kept[place] for place in sorted(kept)]


def told_of_other_rows(records: Iterable[Record]) -> list[str]:
    """A line of each fit whose records tell of different rows: of one version and seed, and so of code that changed in between.

    Another kind of processor seldom makes a difference.
    """
    fits: dict[Hashable, list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "ok" and record.synthetic_sha256 is not None:
            fits[record.fit_id, record.seed, record.method.version].append(record)
    unlike = [found for found in fits.values() if len({record.synthetic_sha256 for record in found}) > 1]
    return [
        f"{one.method.name} on {one.dataset.name} at epsilon {one.privacy.epsilon:g}, seed {one.seed}: records "
        f"{', '.join(sorted(record.run_id for record in found))} tell of different rows of version {one.method.version}"
        for found in unlike
        for one in found[:1]
    ]


def _further(record: Record) -> tuple[int, bool]:
    """How many questions beside models' scores its rows were asked, and whether other work went on beside it."""
    return len(record.evaluation.likeness) + len(record.evaluation.groups), bool(record.seconds.contended)


def _agree(one: Record, other: Record) -> bool:
    """Whether the same code was judged in another way, and no name stands for two models."""
    ours, theirs = _models(one), _models(other)
    other_way = one.evaluation != other.evaluation and one.method == other.method
    return other_way and all(ours[name] == theirs[name] for name in ours.keys() & theirs.keys())


def _models(record: Record) -> dict[str, str]:
    given = (*(record.evaluation.evaluators or tuple(record.metrics)), *record.evaluation.models)
    return {name_of(one): _whole(one) for one in given}


def _joined(one: Record, other: Record) -> Record:
    """The first with all that the other has besides."""
    models = dict.fromkeys([*one.metrics, *other.metrics])
    metrics = {model: {**other.metrics.get(model, {}), **one.metrics.get(model, {})} for model in models}
    measures = (f.name for f in fields(Fidelity))
    near = {name: _first(getattr(one.fidelity, name), getattr(other.fidelity, name)) for name in measures}
    mine, theirs = one.evaluation, other.evaluation
    evaluation = replace(
        mine,
        evaluators=_union(mine.evaluators or tuple(one.metrics), theirs.evaluators or tuple(other.metrics)),
        models=_union(mine.models, theirs.models),
        metrics=_union(mine.metrics, theirs.metrics),
        likeness=_union(mine.likeness, theirs.likeness),
        groups=_union(mine.groups, theirs.groups),
    )
    return replace(one, metrics=metrics, fidelity=Fidelity(**near), evaluation=evaluation)


def _union(some: tuple[Any, ...], others: tuple[Any, ...]) -> tuple[Any, ...]:
    return (*some, *(one for one in others if one not in some))


def _first(one: Any, other: Any) -> Any:
    return other if one is None else one


def _repeats(record: Record) -> int:
    return record.evaluation.repeats or 1


def _whole(given: Given) -> str:
    """As it was given, by which two of one name can be told apart."""
    if isinstance(given, str):
        return given
    return "{" + ", ".join(f"{key}: {value}" for key, value in sorted(given.items())) + "}"
