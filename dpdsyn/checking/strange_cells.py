"""Cells of every kind that a table may hold, for trials: whatever a row holds, nobody may learn of it but through noise."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd


class Hostile:
    """A cell whose every method raises."""

    def _raise(self, *_: object) -> Any:
        raise RuntimeError("a cell was asked")

    __str__ = __repr__ = __eq__ = __hash__ = __float__ = __int__ = __bool__ = __len__ = __iter__ = _raise


def strange_cells() -> dict[str, Any]:
    """One cell of each kind, by what it is."""
    return {
        "no cell": None,
        "a NaN": float("nan"),
        "no time": pd.NaT,
        "no value": pd.NA,
        "infinity": float("inf"),
        "minus infinity": float("-inf"),
        "a minus zero": -0.0,
        "the least number": 5e-324,
        "the greatest number": 1.7976931348623157e308,
        "a text beyond doubles": "1e400",
        "a whole number beyond doubles": -(10**400),
        "a whole number beyond 64 bits": 2**64,
        "a new maximum": 123_456,
        "a new minimum": -987_654,
        "many decimals": 0.123456789,
        "a decimal": decimal.Decimal("12.50"),
        "a decimal that is no number": decimal.Decimal("sNaN"),
        "a decimal beyond doubles": decimal.Decimal("1e999999"),
        "a number as text": " 17 ",
        "a truth value": True,
        "a complex number": 1 + 2j,
        "a new category": "never seen before",
        "an empty text": "",
        "a long text": "x" * 5000,
        "half a character": "\ud800",
        "bytes": b"\xff\xfe",
        "a new date": datetime.date(2031, 5, 17),
        "the last date": datetime.datetime.max,
        "a date beyond the calendar": np.datetime64(10**12, "Y"),
        "a date as text": "0001-01-01",
        "no date": "2020-13-45",
        "a moment of a time zone": pd.Timestamp("2020-01-01 23:30", tz="Asia/Tokyo"),
        "a duration": np.timedelta64(5, "D"),
        "a list": [1, 2],
        "an array": np.array([1.0, np.nan]),
        "a mapping": {"a": 1},
        "a set": {1},
        "something": object(),
        "something hostile": Hostile(),
    }
