"""Classes of few rows: how many are published, and who is told of it."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn
from dpdsyn.base.saved import read, write
from dpdsyn.guides.fewest_rows import ClassShares, FewRowsWarning, raised
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


def shares(*fitted: float, rows: int) -> ClassShares:
    made = raised(np.array(fitted), rows)
    return ClassShares(np.array(fitted), made / made.sum())


def test_no_share_falls_below_what_models_need_and_others_stay() -> None:
    few = np.array([0.7, 0.298, 0.002, 0.0])
    assert raised(few, 10_000).tolist() == [0.7, 0.298, 0.004, 0.004]
    assert raised(few, 500).tolist() == [0.7, 0.298, 0.01, 0.01], "one in a hundred where 40 rows are more"


@pytest.mark.parametrize("classes", [5, 12, 300, 5000])
def test_however_many_classes_there_are_the_common_ones_keep_their_rows(classes: int) -> None:
    made = raised(np.array([0.6, 0.4, *[0.0] * (classes - 2)]), 3000)
    assert made[2:].sum() <= 0.1 + 1e-12 and (made[:2] == [0.6, 0.4]).all() and made[2:].min() > 0


def test_it_is_told_of_classes_that_get_clearly_more_than_they_had() -> None:
    (said,) = shares(0.7, 0.2968, 0.0032, 0.0, rows=10_000).cautions(COLUMN, 10_000)
    assert said.text.startswith(
        "of 10,000 rows, by what was fitted, these classes of 'ill' had few or none: 'never' about 0. Each"
    )
    assert "as if it had 40," in said.text and not said.grave
    (said,) = shares(0.7, 0.296, 0.0031, 0.0009, rows=10_000).cautions(COLUMN, 10_000)
    assert "none: 'never' about 9, 'perhaps' about 31. Each" in said.text
    assert shares(0.7, 0.2932, 0.0034, 0.0034, rows=10_000).cautions(COLUMN, 10_000) == ()
    assert shares(0.7, 0.3, 0.0, 0.0, rows=30).cautions(COLUMN, 30) == (), "less than a row of all of them is none"
    many = Column.from_mapping("ill", {"kind": "categorical", "categories": list(range(300))}, True)
    (said,) = shares(0.7, 0.3, *[0.0] * 298, rows=3000).cautions(many, 3000)
    assert "as if it had 0.92," in said.text, "though hundreds of classes have less than a row each"


def test_what_is_said_is_what_is_published_and_short() -> None:
    names = ["yes", "no", "\x1b[2J\n", "x" * 5000, *range(296)]
    many = Column.from_mapping("co\nde", {"kind": "categorical", "categories": names}, True)
    (said,) = shares(0.6, 0.4, *[0.0] * 298, rows=30_000).cautions(many, 30_000)
    assert "'xxx" in said.text and said.text.count("about 0") == 5 and "293 more a few" in said.text
    assert "as if it had 9.2," in said.text and said.text.isprintable() and len(said.text) < 700


@pytest.mark.parametrize("wrong", [[np.nan, 1], [-0.1, 1.1], [[0.5, 0.5]], [1.0]], ids=repr)
def test_shares_that_are_none_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="shares of classes"):
        ClassShares(np.array([0.5, 0.5]), np.array(wrong))


def test_fit_warns_and_a_saved_or_copied_model_still_knows(table: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.warns(FewRowsWarning, match=r"^of 3,000 rows, by what was fitted, these classes of 'ill' had few or none: '"):
        model = DPDSyn(epsilon=3.0, delta=1e-6, guide=GUIDE).fit(table, SCHEMA)
    (said,) = model.cautions
    assert re.search(r"Each is published as if it had (29|30),", said.text)  # one in a hundred, where all are up to 102
    made = model.sample(3000)["ill"].value_counts()
    assert 15 <= made["never"] <= 45 and 15 <= made["perhaps"] <= 45
    model.save(tmp_path / "model")
    for again in (DPDSyn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert again.cautions == (said,)
    meta, arrays = read(tmp_path / "model")
    del meta["format"]
    write(tmp_path / "wrong", meta, {**arrays, "class_shares.fitted": np.ones(3), "class_shares.published": np.ones(3)})
    with pytest.raises(ValueError, match="shares of classes do not fit"):
        DPDSyn.load(tmp_path / "wrong")
    write(tmp_path / "earlier", meta, {name: array for name, array in arrays.items() if "class_shares" not in name})
    assert DPDSyn.load(tmp_path / "earlier").cautions == ()


@pytest.mark.parametrize("more", [{"hold_out": 0.5, "evaluate": 0.1}, {"person": "who"}], ids=["held out", "persons"])
def test_what_is_said_is_of_the_rows_that_are_published_and_a_saved_model_says_the_same(
    more: dict[str, Any], table: pd.DataFrame, tmp_path: Path
) -> None:
    of_persons = {"person": "who", "max_rows_per_person": 3} if "person" in more else {}
    rows = table.assign(who=np.arange(3000) // 3) if of_persons else table
    fitting = {} if of_persons else more
    with pytest.warns(FewRowsWarning):
        model = DPDSyn(epsilon=3.0, delta=1e-6, guide=GUIDE).fit(rows, {**SCHEMA, **of_persons}, **fitting)
    (said,) = (caution.text for caution in model.cautions if "few or none" in caution.text)
    made = model.sample(30_000)["ill"].value_counts()["never"] / 10
    assert made == pytest.approx(float(said.split("as if it had ")[1].split(",")[0]), rel=0.25) and said.startswith(
        "of 3,000 rows"
    )
    model.save(tmp_path / "model")
    assert said in [caution.text for caution in DPDSyn.load(tmp_path / "model").cautions]


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
    assert told.count("note: of 3,000 rows, by what was fitted, these classes of 'ill' had few or none: '") == 1
    (said,) = json.loads((tmp_path / "made.privacy.json").read_text())["cautions"]
    page = (tmp_path / "made.html").read_text()
    assert re.search(r"as if it had (29|30),", said) and re.search(r"as if it had (29|30),", page)
    assert not [warning for warning in recwarn if issubclass(warning.category, FewRowsWarning)]
