"""What the page's search finds: sections, methods, data sets, figures and tables, each with where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from experiments.report.cases import Dataset, Method
from experiments.report.summary import Summary


@dataclass(frozen=True)
class Entry:
    """kind: section, method, data set, figure or table. place: the id to go to. part: what has to be unpacked first.

    hint: what is searched and shown besides the name.
    """

    name: str
    kind: str
    place: str
    part: str = ""
    hint: str = ""

    @property
    def plain(self) -> list[str]:
        return [self.name, self.kind, self.place, self.part, self.hint]


def of_methods(shown: Iterable[Summary]) -> list[Entry]:
    """Each method, under the leaderboard's rows of its name."""
    methods: dict[str, Method] = {}
    for summary in shown:
        methods.setdefault(summary.name, summary.method)
    return [
        Entry(name, "method", "leaderboard", hint="; ".join(filter(None, [method.about.role, method.about.paper])))
        for name, method in sorted(methods.items())
    ]


def of_datasets(shown: Iterable[Summary]) -> list[Entry]:
    """Each data set with its settings, under its rows."""
    datasets: dict[str, Dataset] = {str(summary.dataset): summary.dataset for summary in shown}
    return [Entry(title, "data set", "leaderboard", hint=dataset.facts.title) for title, dataset in sorted(datasets.items())]


def plain(entries: Sequence[Entry]) -> list[list[str]]:
    return [entry.plain for entry in entries]
