"""The picture of a run: synthetic beside real rows of data that is anybody's, and nothing real of a table of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders.records import record

from dpdsyn.schema import Schema
from experiments.cli.parts.run_pictures import picture
from experiments.data import datasets
from experiments.page.run_page import thinned


def made(name: str, **known: Any) -> Any:
    return record(dataset={"name": name, "n_train": 9, "n_test": 3, "split_seed": 0, **known})


def test_simulated_rows_are_shown_beside_real_ones_with_both_curves() -> None:
    from experiments.configuration import read_option

    small = made("simulated", generator={**read_option("dataset", "simulated")["generator"], "rows": 400, "columns": 4})
    dataset = datasets.of_record(small)
    assert dataset
    split = datasets.load(dataset, 0, frames=True)
    page = picture(small, split.schema, split.train_frame[:100])
    assert page.count('class="curve') == 2 and "on real rows 0." in page and "synthetic:" in page and "real:" in page
    assert f"{len(split.test_frame):,} test rows" in page


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"name": "mine"}, "not shown"),
        ({"name": "adult", "version": "of a file"}, "not shown"),
        ({"name": "br2000"}, "No real rows"),
    ],
)
def test_of_a_table_of_ones_own_and_of_data_that_is_not_here_nothing_real_is_shown(
    named: dict[str, str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DPDSYN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    columns = {"x": {"kind": "categorical", "categories": ["a", "b"]}, "y": {"kind": "categorical", "categories": ["n", "p"]}}
    schema = Schema.from_mapping({"target": "y", "rows_public": 4, "columns": columns})
    page = picture(made(**named), schema, pd.DataFrame({"x": list("ab"), "y": list("np")}))
    assert said in page and 'class="curve' not in page and "real:" not in page and "2 values" in page


def test_a_long_curve_keeps_its_ends() -> None:
    line = np.linspace(0, 1, 5000)
    false, true = thinned((line, line**2))
    assert len(false) <= 200 and (false[0], false[-1], true[-1]) == (0, 1, 1)
