"""What YAML files tell of methods and data sets that no record has to carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from experiments.configuration import options, read_option
from experiments.records.about import About

STARRED = "*: settings were chosen on it."


@dataclass(frozen=True)
class DatasetFacts:
    """title: what it is. development: settings were chosen on it. same_rows_as: another split of that data set's rows."""

    title: str = ""
    development: bool = False
    same_rows_as: str | None = None

    @property
    def star(self) -> str:
        """What stands after the name of a development set in a table, where `STARRED` tells of it."""
        return "*" if self.development else ""


def of_method(name: str, recorded: Mapping[str, Any] | None = None) -> About:
    """What its YAML says now; of a method without one here, what its record kept. Raises ValueError for what cannot be meant."""
    return _here(name) or About.of(name, recorded)


@cache
def _here(name: str) -> About | None:
    return About.of(name, read_option("synthesizer", name).get("about")) if name in _options("synthesizer") else None


@cache
def of_dataset(name: str) -> DatasetFacts:
    """What its YAML says now; nothing of a data set without one here."""
    if name not in _options("dataset"):
        return DatasetFacts()
    told = read_option("dataset", name)
    return DatasetFacts(told.get("title", ""), bool(told.get("development")), told.get("same_rows_as"))


@cache
def development_sets() -> tuple[str, ...]:
    """The data sets on which settings were chosen."""
    return tuple(name for name in _options("dataset") if of_dataset(name).development)


@cache
def _options(group: str) -> tuple[str, ...]:
    return tuple(options(group))
