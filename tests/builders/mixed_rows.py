"""Raw rows of every kind of column, as a CSV file gives them (texts) or as Parquet does (typed), and their schema."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema

CLASSES = ("no", "yes", "maybe")
_COLUMNS = {
    "age": {"kind": "integer", "bounds": [0, 99], "bins": 10},
    "pay": {"kind": "real", "bounds": [0, 1000], "bins": 10, "missing": "own_code"},
    "joined": {"kind": "date", "bounds": ["2000-01-01", "2030-01-01"], "bins": 10},
    "city": {"kind": "categorical", "categories": ["Ulm", "Kiel", "Bonn"], "missing": "own_code"},
    "label": {"kind": "categorical", "categories": list(CLASSES)},
}


def mixed_schema(target: str = "label") -> Schema:
    """Numbers, a date, a category and three classes."""
    return Schema.from_mapping({"target": target, "rows_public": 100, "columns": _COLUMNS})


def mixed_rows(rows: int, seed: int = 0, absent: float = 0.1) -> pd.DataFrame:
    """Typed rows; label and pay hang on age and city, and a share `absent` of pay and of city is missing."""
    rng = np.random.default_rng(seed)
    age, city = rng.integers(0, 100, rows), np.array(["Ulm", "Kiel", "Bonn"])[rng.integers(0, 3, rows)]
    pay = np.round(4 * age + 100 * (city == "Bonn") + rng.normal(0, 20 + age / 4, rows), 2)
    label = np.where(city == "Kiel", 2, (age + rng.normal(0, 10, rows) > 50).astype(int))
    frame = pd.DataFrame(
        {
            "age": age,
            "pay": pay,
            "joined": np.datetime64("2001-01-01", "s") + rng.integers(0, 9000, rows) * np.timedelta64(1, "D"),
            "city": city.astype(object),
            "label": np.array(CLASSES)[label],
        }
    )
    frame.loc[rng.random(rows) < absent, "pay"] = np.nan
    frame.loc[rng.random(rows) < absent, "city"] = None
    return frame


def as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows as a CSV file says them."""
    texts = {name: cells.astype(object).map(str, na_action="ignore").astype(object) for name, cells in frame.items()}
    return pd.DataFrame({name: cells.where(frame[name].notna(), None) for name, cells in texts.items()})
