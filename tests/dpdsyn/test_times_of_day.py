"""Times of day, alone in their cells: read as written, in texts and as Python's own, and published as they came in."""

from __future__ import annotations

from datetime import time

import numpy as np
import pandas as pd

from dpdsyn.cells import moment
from dpdsyn.column import Column

CLOCK = {"kind": "date", "format": "%H:%M", "resolution": "minute"}


def test_a_clock_has_the_bounds_of_one_day_and_pythons_times_are_read_as_texts_are() -> None:
    column = Column.from_mapping("clock", CLOCK, False)
    assert column.bounds == (-25567.0, -25566.0)  # 1900-01-01, and the day after
    assert Column.from_mapping("clock", column.to_mapping(), False) == column
    found = [column.found(pd.Series(cells, dtype=object)) for cells in (["09:05", "23:59"], [time(9, 5), time(23, 59)])]
    assert np.array_equal(found[0].values[found[0].positions], found[1].values[found[1].positions])
    shown = column.cells_of(found[1].values[found[1].positions])
    assert shown.tolist() == ["09:05", "23:59"]
    assert np.isnan(moment(time(9, 5)))  # without a format no day is known


def test_formats_with_a_day_in_them_have_no_such_bounds() -> None:
    assert Column.from_mapping("when", CLOCK | {"format": "%d.%m.%Y %H:%M"}, False).bounds is None
    assert Column.from_mapping("when", CLOCK | {"resolution": "day"}, False).bounds is None
