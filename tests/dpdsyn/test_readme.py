"""The library's README names every file and every key of a schema, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.paths import ROOT

from dpdsyn import DPDSyn, Schema, schema
from dpdsyn.reading import column

README = (ROOT / "dpdsyn" / "README.md").read_text(encoding="utf-8")


def first_column(header: str) -> list[str]:
    """What stands in backticks in the first column of the table with this header."""
    lines = README.split(f"| {header} |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for line in lines for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def block(language: str) -> str:
    """The first block of code in a language."""
    return README.split(f"```{language}\n", 1)[1].split("```", 1)[0]


def write_table(folder: Path) -> None:
    """`people.csv` and `people.yaml`, the schema that the README shows."""
    rng = np.random.default_rng(0)
    rows = 600
    days = pd.to_datetime("2015-01-01") + pd.to_timedelta(rng.integers(0, 4000, rows), unit="D")
    age = rng.integers(0, 120, rows)
    frame = pd.DataFrame(
        {
            "patient_id": rng.integers(0, 400, rows),
            "remarks": "none",
            "age": age,
            "weight": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(80, 12, rows)),
            "cost": rng.lognormal(6, 1, rows),
            "admitted": days.strftime("%d.%m.%Y"),
            "ward": rng.choice(["north", "south", "elsewhere"], rows),
            "income": 30_000 + 500 * age,
        }
    )
    frame.to_csv(folder / "people.csv", index=False)
    (folder / "people.yaml").write_text(block("yaml"), encoding="utf-8")


def test_every_key_of_a_schema_is_explained_and_no_other() -> None:
    assert sorted(first_column("key of a schema")) == sorted(schema.KEYS)
    assert sorted(first_column("key of a column")) == sorted(column.KEYS)


def test_the_schema_that_is_shown_has_every_key_or_leaves_out_a_default(tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(block("yaml"), encoding="utf-8")
    shown = Schema.from_yaml(path)
    assert set(column.KINDS) == {own.kind for own in shown.columns}
    assert (shown.unit, shown.groups, shown.drafted) == ("person", "rows", False)
    assert shown["ward"].other and not shown["income"].other
    named = set(re.findall(r"(\w+):", block("yaml")))
    rules = {"groups", "drafted", "kinds_inferred", "other", "emit_other"}
    learnt = {"decimals", "resolution", "unlearnt", "pieces", "counts", "count_sds", "written"}
    assert named | rules | learnt >= schema.KEYS | column.KEYS


def test_every_file_is_named() -> None:
    assert sorted(first_column("file")) == sorted(path.name for path in (ROOT / "dpdsyn").glob("*.py") if path.name[0] != "_")
    folders = README.split("| folder | what is in it |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    assert len(folders) >= 10
    for row in folders:
        _, folder, content, _ = (cell.strip() for cell in row.split("|"))
        files = sorted(path.stem for path in (ROOT / "dpdsyn" / folder.strip("`")).glob("*.py") if path.name[0] != "_")
        assert sorted(re.findall(r"`(\w+)`", content)) == files, folder


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example = block("python")
    assert len(example.splitlines()) <= 20
    write_table(tmp_path)
    monkeypatch.chdir(tmp_path)
    made: dict = {}
    exec(compile(example, "dpdsyn/README.md", "exec"), made)
    assert len(made["synthetic"]) == 10_000 and len(made["more"]) == 500
    assert list(made["synthetic"]) == list(made["schema"].names)
    assert made["model"].guarantee.kind == made["near"].guarantee.kind == "dp" and made["model"].guarantee.unit == "person"
    assert made["model"].method_.guide_.targets == ("income", "ward")
    made["near"].save(tmp_path / "near.dpdsyn")
    assert isinstance(DPDSyn.load(tmp_path / "near.dpdsyn"), DPDSyn)


def test_every_promise_of_the_threat_model_names_tests_that_there_are() -> None:
    rows = README.split("| promise | how | tested by |", 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    assert len(rows) >= 10
    for row in rows:
        named = re.findall(r"\]\(([^)]+)\)", row.rsplit("|", 2)[1])
        assert named, row
        for path in named:
            text = (ROOT / "dpdsyn" / path).read_text(encoding="utf-8")
            assert "def test_" in text, path
