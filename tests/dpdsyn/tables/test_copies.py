"""Columns that say the same are told of, those that only look alike are not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from dpdsyn.tables.copies import copies


def test_copies_and_other_words_for_the_same_are_told_of(rng: np.random.Generator) -> None:
    sex = pd.Series(rng.choice(["Male", "Female"], 200), dtype="str").where(np.arange(200) % 9 > 0)
    cost = pd.Series([f"{number:.6f}" for number in rng.normal(size=200)])
    frame = {"sex": sex, "cost": cost, "s": sex.str[:1].astype("category"), "price": cost.astype("category"), "again": sex}
    assert copies(frame) == {
        "s": "in other words it says the same as sex in every row: keep one, and put the other under `ignore`",
        "price": "it has the same cells as cost in every row: keep one, and put the other under `ignore`",
        "again": "it has the same cells as sex in every row: keep one, and put the other under `ignore`",
    }


def test_columns_of_the_same_form_are_not(rng: np.random.Generator) -> None:
    frame = pd.DataFrame({name: rng.normal(size=200).astype(str) for name in "ab"})  # whose cells all differ
    frame = pd.concat([frame, frame.head(1)]).assign(c="x", d="y", e="1")
    frame.iloc[7, 4] = "2"
    assert copies({name: frame[name] for name in frame}) == {}
    few = pd.Series(["1", "2", "2"])
    assert copies({"a": few, "b": few}) == {}
