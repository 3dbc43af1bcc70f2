"""Classes of few rows: how many are published, and who is told of it."""

from __future__ import annotations

import json
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn
from dpdsyn.base.saved import read, write
from dpdsyn.guides.fewest_rows import FewRowsWarning, cautions, raised
from dpdsyn.reading.column import Column
from experiments.cli.main import main

CLASSES = ["no", "yes", "perhaps", "never"]
COLUMN = Column.from_mapping("ill", {"kind": "categorical", "categories": CLASSES}, True)
SCHEMA = {
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 100], "bins": 4},
        "ill": {"kind": "categorical", "categories": CLASSES},
    },
    "target": "ill",
    "rows_public": 3000,
}
GUIDE = {"steps": 5, "pretraining": 5}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Of 3,000 rows 1,500 each are of the first two classes, one is of the third, and nobody is of the fourth."""
    ill = np.array(["no", "yes"], dtype=object)[np.arange(3000) % 2]
    ill[0] = "perhaps"
    return pd.DataFrame({"age": np.random.default_rng(0).integers(0, 100, 3000), "ill": ill})


def test_no_share_falls_below_what_models_need_and_others_stay() -> None:
    shares = np.array([0.7, 0.298, 0.002, 0.0])
    assert raised(shares, 10_000).tolist() == [0.7, 0.298, 0.004, 0.004]
    assert raised(shares, 500).tolist() == [0.7, 0.298, 0.01, 0.01], "one in a hundred where 40 rows are more"


def test_it_is_told_of_classes_that_get_clearly_more_than_they_had() -> None:
    (said,) = cautions(COLUMN, np.array([0.7, 0.2968, 0.0032, 0.0]), 10_000)
    assert said.text.startswith("of ill 'never' (about 0) had few rows") and "40 of 10,000 rows" in said.text and not said.grave
    (said,) = cautions(COLUMN, np.array([0.7, 0.296, 0.0031, 0.0009]), 10_000)
    assert said.text.startswith("of ill 'never' (about 9), 'perhaps' (about 31) had")
    assert cautions(COLUMN, np.array([0.7, 0.2932, 0.0034, 0.0034]), 10_000) == ()


def test_of_many_classes_five_are_named() -> None:
    many = Column.from_mapping("code", {"kind": "categorical", "categories": list(range(12))}, True)
    (said,) = cautions(many, np.array([0.6, 0.4, *[0.0] * 10]), 1000)
    assert "2 (about 0), 3 (about 0)" in said.text and said.text.count("about 0") == 5 and "5 more had few rows" in said.text


def test_fit_warns_and_a_saved_or_copied_model_still_knows(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.warns(FewRowsWarning, match=r"^of ill ('never'|'perhaps') \(about \d\), "):
        model = DPDSyn(epsilon=3.0, delta=1e-6, guide=GUIDE).fit(table, SCHEMA)
    (said,) = model.cautions
    assert "each such class is published as if it had 30 of 3,000 rows" in said.text
    made = model.sample(3000)["ill"].value_counts()
    assert 15 <= made["never"] <= 45 and 15 <= made["perhaps"] <= 45
    model.save(tmp_path / "model")
    for again in (DPDSyn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert again.cautions == (said,)
    meta, arrays = read(tmp_path / "model")
    del meta["format"]
    write(tmp_path / "wrong", meta, {**arrays, "counted_shares": np.ones(3)})
    with pytest.raises(ValueError, match="shares of classes do not fit"):
        DPDSyn.load(tmp_path / "wrong")
    write(tmp_path / "earlier", meta, {name: array for name, array in arrays.items() if name != "counted_shares"})
    assert DPDSyn.load(tmp_path / "earlier").cautions == ()


@pytest.mark.parametrize(
    ("parameters", "schema"),
    [
        ({}, {**SCHEMA, "columns": {**SCHEMA["columns"], "ill": {"kind": "categorical", "categories": CLASSES[:2]}}}),
        ({}, {**SCHEMA, "target": "age"}),
        ({"labels": "argmax"}, SCHEMA),
        ({"candidates": "permuted"}, SCHEMA),
    ],
    ids=["common classes", "numbers", "labels that are not drawn", "no guarantee"],
)
def test_nothing_is_said_where_nothing_is_raised(parameters: dict[str, Any], schema: dict[str, Any], table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FewRowsWarning)
        rows = table[1:] if len(schema["columns"]["ill"]["categories"]) == 2 else table
        model = DPDSyn(epsilon=3.0, delta=1e-6, guide=GUIDE, **parameters).fit(rows, schema)
    assert model.cautions == ()


def test_the_command_says_it_once_and_the_statement_and_the_page_have_it(
    table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    table.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.yaml").write_text(json.dumps(SCHEMA))
    files = [str(tmp_path / "people.csv"), "--schema", str(tmp_path / "people.yaml"), "--output", str(tmp_path / "made.csv")]
    assert main(["synthesize", *files, "--epsilon", "3"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("note: of ill 'never' (about") + told.count("note: of ill 'perhaps' (about") == 1
    (said,) = json.loads((tmp_path / "made.privacy.json").read_text())["cautions"]
    page = (tmp_path / "made.html").read_text()
    assert "as if it had 30 of 3,000 rows" in said and "as if it had 30 of 3,000 rows" in page
    assert not [warning for warning in recwarn if issubclass(warning.category, FewRowsWarning)]
