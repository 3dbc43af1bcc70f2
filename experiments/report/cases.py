"""What methods are compared on, and what is compared: data sets, methods and budgets, with the settings that were chosen.

Settings are those that differ from the default. They are fields here and stand in brackets in titles only: `aim (rounds=4)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from experiments.records.about import About
from experiments.records.record import as_text
from experiments.report.facts import DatasetFacts

Settings = tuple[tuple[str, str], ...]
SIZES = ("rows", "train_rows")  # the settings of a data set that say how many rows it has


class _Named:
    """Printed, and put in order, by its title."""

    name: str
    settings: Settings

    @cached_property
    def title(self) -> str:
        return self.with_settings

    @property
    def with_settings(self) -> str:
        return f"{self.name} ({as_text(dict(self.settings))})" if self.settings else self.name

    def __str__(self) -> str:
        return self.title

    def __lt__(self, other: _Named) -> bool:
        return self.title < other.title


@dataclass(frozen=True)
class Dataset(_Named):
    """settings: those that are not the default. column: what models predict where that is not the target.

    space: raw where decoded rows were judged by rows as they were read. encoding: how columns were encoded where their domains
    were learnt, in brackets with what is not the default. What differs in either is compared in tables of its own alone.
    """

    name: str
    settings: Settings = ()
    column: str | None = None
    space: str = "encoded"
    encoding: str = ""
    facts: DatasetFacts = field(default_factory=DatasetFacts, compare=False, repr=False)

    @cached_property
    def title(self) -> str:
        return f"{self.task} (off-task)" if self.column else self.task

    @property
    def task(self) -> str:
        """The title without the word that warns of another task."""
        predicted = f", predicting {self.column}" if self.column else ""
        judged = ", raw space" if self.space == "raw" else ""
        return self.with_settings + predicted + judged + (f", encoding {self.encoding}" if self.encoding else "")

    @property
    def is_usual(self) -> bool:
        """Whether it is as its file has it, judged by its target in encoded space."""
        return not self.settings and self.is_usually_judged

    @property
    def counts(self) -> bool:
        """Whether it is part of answers and claims: in its usual form, no setting chosen on it, its rows under no other name."""
        return self.is_usual and not (self.facts.development or self.facts.same_rows_as)

    @property
    def is_usually_judged(self) -> bool:
        """Whether models predict its target, of rows that are encoded as its file says."""
        return self.column is None and self.space == "encoded" and not self.encoding

    @property
    def is_sized(self) -> bool:
        """Whether its number of rows was chosen."""
        return any(key in SIZES for key, _ in self.settings)

    @property
    def as_read(self) -> Dataset:
        """The same in raw space, whatever the encoding was: there, runs of all encodings are beside each other."""
        return replace(self, space="raw", encoding="")

    @property
    def of_any_size(self) -> Dataset:
        """The same without its number of rows."""
        return replace(self, settings=tuple((key, value) for key, value in self.settings if key not in SIZES))


@dataclass(frozen=True)
class Method(_Named):
    """settings: those that are not the default. about: what is told of it."""

    name: str
    settings: Settings = ()
    about: About = field(default_factory=About, compare=False, repr=False)


@dataclass(frozen=True, order=True)
class Case:
    """What methods are compared on: a data set at a budget."""

    dataset: Dataset
    epsilon: float
    delta: float

    @property
    def as_read(self) -> Case:
        """The same in raw space, whatever the encoding was."""
        return replace(self, dataset=self.dataset.as_read)

    def __str__(self) -> str:
        return f"{self.dataset}, epsilon {self.epsilon:g}, delta {self.delta:g}"
