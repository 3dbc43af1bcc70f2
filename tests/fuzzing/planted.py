"""Faults of reading and writing tables, put into the running library, to see that the fuzzer convicts each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pandas as pd

from dpdsyn import parquet
from dpdsyn.reading import cells, listed
from dpdsyn.reading.cells import canonical
from dpdsyn.reading.column import Column
from dpdsyn.tables import preflight
from dpdsyn.tables.preflight import Report as Preflight
from experiments.data import synthetic_file, table_file
from fuzzing.files import Outcome, tried

Fault = Callable[[], AbstractContextManager[Any]]


def _zone() -> AbstractContextManager[Any]:
    return patch.object(cells, "_as_written", lambda moments, unit: moments.dt.tz_convert("UTC").dt.tz_localize(None))


def _as_text() -> AbstractContextManager[Any]:
    return patch.object(listed.Listed, "code", lambda self, cell: self._texts.get(canonical(cell)))


def _word() -> AbstractContextManager[Any]:
    return patch.object(table_file, "WORDS_FOR_MISSING", tuple(w for w in table_file.WORDS_FOR_MISSING if w != "null"))


def _listed_word() -> AbstractContextManager[Any]:
    return patch.object(table_file, "Listed", lambda _: listed.Listed(()))


def _silent() -> AbstractContextManager[Any]:
    return patch.object(preflight, "OFTEN", 0.5)


def _large() -> AbstractContextManager[Any]:
    return patch.object(parquet, "_WHOLE", {})


def _order() -> AbstractContextManager[Any]:
    held = Column.held

    def by_index(self: Column, found: pd.Series) -> Any:
        return held(self, found.sort_index(kind="stable") if found.index.is_unique and found.index.dtype.kind == "i" else found)

    return patch.object(Column, "held", by_index)


def _cents() -> AbstractContextManager[Any]:
    return patch.object(synthetic_file, "_with_cents", lambda chunk, schema: chunk.round(1))


def _quote() -> AbstractContextManager[Any]:
    return patch.object(table_file, "_refuse_unclosed_quote", lambda *_: None)


def _faint() -> AbstractContextManager[Any]:
    return patch.object(Preflight, "often", property(lambda self: tuple(s for s in self.shares if s.kind != "clipped")))


FAULTS: dict[str, Fault] = {
    "moments of a time zone are read in UTC": _zone,
    "listed numbers are compared as texts": _as_text,
    "null is no word for a missing cell": _word,
    "a listed word counts as missing": _listed_word,
    "half of a column's cells may be lost before a word is said": _silent,
    "whole numbers beside a null become floating point": _large,
    "cells are put in the order of the index": _order,
    "synthetic numbers lose a decimal": _cents,
    "a quotation mark that is never closed is let pass": _quote,
    "cells out of bounds are clipped without a word": _faint,
}


def convicted(fault: Fault, start: int, most: int) -> tuple[int, Outcome | None]:
    """How many files it takes, from number `start` on, until one fails for the fault; and that one, None if none of them does."""
    for tries, seed in enumerate(range(start, start + most), start=1):
        with fault():
            outcome = tried(seed)
        if outcome.failed:
            return tries, outcome
    return most, None
