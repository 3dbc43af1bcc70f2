"""Which pages a release writes: one that may be published, and one for the owner if it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dpdsyn.base.files import whole, write_whole
from dpdsyn.schema import Schema
from experiments.page.private_page import MOST_ROWS, private_page
from experiments.page.public_page import public_page
from experiments.page.tallies import Tally, readable, tallies


class Pages:
    """Counts the synthetic rows as they pass on their way to the file; the pages are written when all have passed."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._tallies: list[Tally] | None = None
        self._first = pd.DataFrame()

    def watch(self, chunks: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        """The same chunks."""
        for chunk in chunks:
            rows = readable(chunk, self._schema)
            if self._tallies is None:
                self._tallies, self._first = tallies(self._schema, rows), chunk[:MOST_ROWS]
            for tally in self._tallies:
                tally.add(rows[tally.column.name])
            yield chunk

    def write(self, path: Path, name: str, statement: Mapping[str, Any]) -> None:
        """The page that may be published, whole or not at all. name: of the table's file. Raises FileError."""
        write_whole(path, public_page(statement, name, self._tallies or []).encode())

    def write_private(self, path: Path, name: str, real: Callable[[], pd.DataFrame]) -> None:
        """The owner's page. real: gives the private rows, as they were read."""
        made = private_page(name, self._schema, real(), self._first, self._tallies or [])
        with whole(path) as partial:
            partial.touch(mode=0o600)
            partial.write_bytes(made.encode())
