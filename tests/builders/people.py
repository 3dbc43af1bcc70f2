"""A person's own table, with all that such tables bring along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE = """\
target: ill
rows_public: 1000
person: patient
max_rows_per_person: 1
ignore: [note]
columns:
  age: {kind: integer, bounds: [0, 110], bins: 10}
  ward: {kind: categorical, categories: [north, south]}
  seen: {kind: date, bounds: [2020-01-01, 2024-12-31], bins: 5}
  ill: {kind: categorical, categories: ["no", "yes"]}
"""


def write_people(folder: Path) -> Path:
    """`people.csv`: 2,000 visits of 1,000 patients, in Latin-1 with semicolons and German dates; its schema beside it."""
    rng = np.random.default_rng(1)
    rows = 2000
    age = rng.integers(18, 90, rows)
    frame = pd.DataFrame(
        {
            "patient": [f"p{i:04d}" for i in range(rows // 2)] * 2,
            "age": age,
            "ward": rng.choice(["north", "south"], rows),
            "seen": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 1800, rows), unit="D"),
            "note": [f"schläft schlecht, Nr. {i}" for i in range(rows)],
            "ill": np.where(age > 50, "yes", "no"),
        }
    )
    frame.to_csv(folder / "people.csv", index=False, sep=";", encoding="latin-1")
    (folder / "people.yaml").write_text(PEOPLE)
    return folder / "people.csv"
