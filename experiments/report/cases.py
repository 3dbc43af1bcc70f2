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
    """settings: those that are not the default. column: what models predict where that is not the target."""

    name: str
    settings: Settings = ()
    column: str | None = None
    facts: DatasetFacts = field(default_factory=DatasetFacts, compare=False, repr=False)

    @cached_property
    def title(self) -> str:
        return f"{self.task} (off-task)" if self.column else self.task

    @property
    def task(self) -> str:
        """The title without the word that warns of another task."""
        return f"{self.with_settings}, predicting {self.column}" if self.column else self.with_settings

    @property
    def is_usual(self) -> bool:
        """Whether it is as its file has it, judged by its target."""
        return not self.settings and self.column is None

    @property
    def is_sized(self) -> bool:
        """Whether its number of rows was chosen."""
        return any(key in SIZES for key, _ in self.settings)

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

    def __str__(self) -> str:
        return f"{self.dataset}, epsilon {self.epsilon:g}, delta {self.delta:g}"
