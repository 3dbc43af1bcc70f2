"""What tables call a data set and a method: its name and, in brackets, the settings that are not its default."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from experiments.configuration import options, read_option
from experiments.records.record import Record, as_text, settings

Group = tuple[str, float, float]  # data set, epsilon, delta


def grouped(records: Iterable[Record]) -> dict[tuple[Group, str], list[Record]]:
    """Records of each data set, budget and method; what was run with several settings stands once for each."""
    groups: dict[tuple[Group, str], list[Record]] = defaultdict(list)
    for key, method, record in labelled(records):
        groups[key, method].append(record)
    return groups


def judged_alike(groups: Mapping[tuple[Group, str], list[Record]]) -> dict[tuple[Group, str], list[Record]]:
    """Of each data set and budget those runs that the same models judged, the most models any did; runs that failed stay."""
    judges: dict[Group, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for (key, _), group in groups.items():
        judges[key].update({record.judges for record in group if record.status == "ok"})
    usual = {key: max(counts, key=lambda names: (len(names), counts[names], names), default=()) for key, counts in judges.items()}
    return {
        (key, method): [record for record in group if record.status != "ok" or record.judges == usual[key]]
        for (key, method), group in groups.items()
    }


def labelled(records: Iterable[Record]) -> list[tuple[Group, str, Record]]:
    """Each record with its data set and budget and its method, both named with the settings that are not the default."""
    records = list(records)
    methods = _labels(records, "synthesizer", lambda record: (record.method.name, record.method.parameters))
    versions: dict[str, set[str | None]] = defaultdict(set)
    for record in records:
        versions[record.dataset.name].add(record.dataset.version)

    def data(record: Record) -> tuple[str, Mapping[str, Any]]:
        name = record.dataset.name
        several = {"version": record.dataset.version} if len(versions[name]) > 1 else {}
        return name, record.data_settings | several

    datasets = _labels(records, "dataset", data)
    result = []
    for record, method, dataset in zip(records, methods, datasets, strict=True):
        column = record.evaluation.column
        title = f"{dataset}, predicting {column} (off-task)" if column else dataset
        result.append(((title, record.privacy.epsilon, record.privacy.delta), method, record))
    return result


def _labels(records: list[Record], group: str, read: Callable[[Record], tuple[str, Mapping[str, Any]]]) -> list[str]:
    """For each record the name that `read` gives and, in brackets, those of its settings that are not the default.

    Defaults are those of the configuration file; without one, what all records of that name share.
    """
    named = [(name, settings(chosen)) for name, chosen in map(read, records)]
    usual: dict[str, set[tuple[str, str]]] = {}
    for name, chosen in named:
        usual[name] = usual.get(name, set(chosen.items())) & set(chosen.items())
    for name in set(usual) & set(options(group)):
        usual[name] = set(settings(read_option(group, name)).items())
    own = [
        {key.removeprefix("generator."): value for key, value in chosen.items() if (key, value) not in usual[name]}
        for name, chosen in named
    ]
    return [f"{name} ({as_text(differs)})" if differs else name for (name, _), differs in zip(named, own, strict=True)]


def plain(records: Iterable[Record]) -> list[Record]:
    """Without the records of special settings wherever the method ran with its defaults too: these have their own table."""
    known = labelled(records)
    usual = {(key, method) for key, method, _ in known}
    return [r for key, method, r in known if method == r.method.name or (key, r.method.name) not in usual]
