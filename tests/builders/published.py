"""Published data sets by name, where their files are on this machine."""

from __future__ import annotations

import pytest

from experiments.data import fetch
from experiments.data.description import PublishedTable, named


def here(name: str) -> PublishedTable:
    """A published data set, or a skip that says what is lacking: not all of them can be had everywhere."""
    dataset = named(name)
    assert isinstance(dataset, PublishedTable)
    absent = [file for file, path in fetch.present(dataset).items() if path is None]
    if absent:
        pytest.skip(f"{', '.join(absent)} is not on this machine (dpdsyn data fetch {name})")
    return dataset
