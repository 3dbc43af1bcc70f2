"""Writes `people.csv` into the folder at hand: 4,000 people who never lived, for the first hour in `dpdsyn/README.md`.

Whether somebody is ill depends on age, smoking and weight; knowing that by heart one is right in some 76% of cases, and six of
ten are well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

FILE = Path("people.csv")
WARDS = ("north", "south", "east", "west", "harbour")


def people(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    """Rows of the table. The same arguments give the same rows; another seed gives other people of the same kind."""
    rng = np.random.default_rng([7, seed])
    age = np.clip(rng.normal(48, 18, rows).round(), 18, 95).astype(int)
    smokes = rng.random(rows) < np.where(age < 60, 0.35, 0.15)
    weight = np.clip(rng.normal(72 + age / 12, 13), 40, 160).round(1)
    logit = -0.9 + 0.055 * (age - 48) + 2.2 * smokes + 0.05 * (weight - 76)
    ill = rng.random(rows) < 1 / (1 + np.exp(-1.3 * logit))
    return pd.DataFrame(
        {
            "age": age,
            "sex": rng.choice(["female", "male"], rows),
            "ward": rng.choice(WARDS, rows, p=[0.3, 0.25, 0.2, 0.15, 0.1]),
            "smokes": np.where(smokes, "yes", "no"),
            "weight": weight,
            "ill": np.where(ill, "yes", "no"),
        }
    )


if __name__ == "__main__":
    people().to_csv(FILE, index=False)
