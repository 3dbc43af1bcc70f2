"""Writes `data/my_data.csv`: 400 people who never lived, whether they smoke, and whether they fell ill."""

from __future__ import annotations

from pathlib import Path

import numpy as np

FILE = Path(__file__).parent / "data" / "my_data.csv"


def content() -> str:
    """The whole file, always the same."""
    rng = np.random.default_rng(0)
    age, smokes = rng.integers(18, 90, 400), rng.random(400) < 0.3
    ill = rng.random(400) < np.where(smokes, 0.75, 0.05) + (age > 60) * 0.2
    lines = [f"{a},{'yes' if s else 'no'},{'yes' if i else 'no'}" for a, s, i in zip(age, smokes, ill, strict=True)]
    return "\n".join(["age,smokes,ill", *lines]) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(content(), encoding="utf-8")
