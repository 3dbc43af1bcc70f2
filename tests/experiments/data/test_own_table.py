"""A person's own file, from the draft of a schema to a record, through the real command."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from dpdsyn.draft import draft_schema
from dpdsyn.schema import Schema
from experiments.configuration import read_option
from experiments.data import datasets
from experiments.data.errors import DataError

Dpdsyn = Callable[..., subprocess.CompletedProcess]


LATIN = "dataset.read.encoding=latin-1"
RUN = (
    "run",
    "-m",
    "dataset=csv",
    "dataset.path=people.csv",
    "dataset.schema=people.yaml",
    LATIN,
    "compute.workers=1",
    "evaluation.evaluators=[logistic]",
)


@pytest.mark.slow
def test_from_a_file_to_a_record_with_a_person_as_the_unit(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*RUN, "synthesizer=dpdsyn,real")
    assert done.returncode == 0, done.stderr
    assert "Guarantees are for one person, added or removed." in done.stdout
    assert "Caution: computed on rows of your own table" in done.stdout
    rows = {row["method"]: row for row in csv.DictReader(io.StringIO(dpdsyn("records").stdout))}
    assert rows["dpdsyn"]["dataset"] == "people.csv" and rows["dpdsyn"]["unit"] == "person"
    assert rows["dpdsyn"]["guarantee"] == "dp" and 0 < float(rows["dpdsyn"]["epsilon_spent"]) <= 1
    assert int(rows["real"]["n_train"]) + int(rows["real"]["n_test"]) == 1000
    assert rows["real"]["n_synth"] == "800" and float(rows["real"]["accuracy"]) > 0.9


@pytest.mark.slow
def test_settings_of_reading_are_understood_as_the_readme_writes_them(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    lines = [f"{20 + i % 60},5;{'north' if i % 3 else 'south'};{'yes' if i % 60 > 30 else 'no'}" for i in range(300)]
    (tmp_path / "people.csv").write_text("\n".join(["age;ward;ill", *lines, "?;north;no"]) + "\n")
    (tmp_path / "people.yaml").write_text(
        "target: ill\nrows_public: 300\ncolumns:\n  age: {kind: real, bounds: [0, 110], bins: 11, missing: own_code}\n"
        "  ward: {kind: categorical, categories: [north, south]}\n  ill: {kind: categorical, categories: [no, yes]}\n"
    )
    settings = ("dataset.read.decimal=','", "dataset.read.sep=';'", 'dataset.read.missing=["?"]')
    for flag, seeds in (((), "seed=0"), (("-m",), "seed=0,1")):
        done = dpdsyn("run", *flag, *RUN[2:5], *settings, RUN[-1], "synthesizer=real", seeds)
        assert done.returncode == 0, done.stderr
    records = list(csv.DictReader(io.StringIO(dpdsyn("records").stdout)))
    assert [row["seed"] for row in records] == ["0", "1"]
    assert all(int(row["n_train"]) + int(row["n_test"]) == 301 and float(row["accuracy"]) > 0.9 for row in records)


def test_a_draft_that_cannot_be_made_names_the_file(people: Path, dpdsyn: Dpdsyn) -> None:
    refused = dpdsyn("schema", "draft", "people.csv", "--target", "income", "--encoding", "latin-1")
    assert refused.returncode == 2 and refused.stderr.startswith("dpdsyn: people.csv: target 'income' is not a column")
    assert refused.stdout == "" and refused.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_draft_runs_at_once_but_gives_no_guarantee_until_a_person_has_been_through_it(people: Path, dpdsyn: Dpdsyn) -> None:
    draft = dpdsyn("schema", "draft", "people.csv", "--target", "ill", "--encoding", "latin-1", "--public")
    assert draft.returncode == 0 and "is not private" in draft.stderr
    text = draft.stdout
    marked = [
        line.split(":")[0].strip() for line in text.splitlines() if "READ OFF THE ROWS" in line and not line.startswith("#")
    ]
    assert marked.count("bounds") == 2 and marked.count("categories") == 2 and "rows_public" in marked
    assert "- note # READ OFF THE ROWS: free text or an id: bin" in text and "# person: patient # READ OFF" in text
    schema = people.with_suffix(".yaml")
    schema.write_text(text)
    first = dpdsyn(*RUN, "synthesizer=dpdsyn")
    assert first.returncode == 0, first.stderr
    assert "CAUTION: the schema of people.csv is a draft" in first.stderr
    assert "no DP guarantee (schema read off the rows)" in first.stdout
    unmarked = [line for line in text.splitlines() if line != "drafted: true"]
    schema.write_text("\n".join(unmarked))  # the marks say that it is a draft still
    again = dpdsyn(*RUN, "synthesizer=dpdsyn")
    assert "0 computed now, 1 done before" in again.stderr and "no DP guarantee" in again.stdout
    known = {"rows_public": "1000", "bounds": "[0, 110]", "bins": "10", "kind": "integer"}
    replaced = [_replaced(line, known) for line in unmarked]
    schema.write_text("\n".join(replaced))
    second = dpdsyn(*RUN, "synthesizer=dpdsyn")
    assert "1 computed now" in second.stderr and "CAUTION" not in second.stderr, second.stderr
    assert {row["guarantee"] for row in csv.DictReader(io.StringIO(dpdsyn("records").stdout))} == {"none", "dp"}


@pytest.mark.slow
def test_a_draft_of_kinds_runs_as_it_is_and_says_what_its_guarantee_takes_as_public(people: Path, dpdsyn: Dpdsyn) -> None:
    draft = dpdsyn("schema", "draft", "people.csv", "--target", "ill", "--encoding", "latin-1")
    answered = [line.partition(" # READ OFF THE ROWS")[0] for line in draft.stdout.splitlines()]  # `patient` is no person here
    people.with_suffix(".yaml").write_text("\n".join(answered))
    done = dpdsyn(*RUN, "synthesizer=dpdsyn", "privacy.epsilon=3")
    assert done.returncode == 0, done.stderr
    assert "note: kinds of columns of people.csv were guessed from cells; its guarantees take them as public" in done.stderr
    (row,) = csv.DictReader(io.StringIO(dpdsyn("records").stdout))
    assert row["guarantee"] == "dp" and float(row["accuracy"]) > 0.85


def _replaced(line: str, known: dict[str, str]) -> str:
    """The line of a draft as a person leaves it who has read it: a value known without the rows, and no mark."""
    content, mark, _ = line.partition(" # READ OFF THE ROWS")
    key, _, value = content.partition(": ")
    wide = key.strip() in known and "-" not in value and value not in ("categorical", "date")
    return f"{key}: {known[key.strip()]}" if mark and wide else content


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "dataset=csv needs dataset.path=FILE, a CSV or Parquet file"),
        (("dataset.path=nobody.csv",), "nobody.csv"),
        (("dataset.path=people.csv",), "draft one: dpdsyn schema draft people.csv > people.yaml"),
        (("dataset.path=people.csv", "dataset.schema=absent.yaml"), "absent.yaml: cannot be read as text"),
        (("dataset.path=people.csv", "dataset.schema=people.csv"), "people.csv: "),
        (
            ("dataset.path=people.csv", "dataset.schema=people.yaml", "dataset.target=ward"),
            "people.yaml: its target is 'ill', and dataset.target=ward says otherwise; keep one of them",
        ),
        (("dataset.path=people.csv", "dataset.schema=people.yaml", "dataset.positive=maybe"), "accepted for people.csv: no, yes"),
        (("dataset.path=people.csv", "dataset.schema=people.yaml", "dataset.test_share=1.5"), "test_share is 1.5"),
        (("dataset.path=people.csv", "dataset.schema=people.yaml"), "line 2 is not utf-8 text; name the encoding"),
        (("dataset.path=people.csv", "dataset.schema=people.yaml", LATIN, "dataset.read.sep=x"), "people.csv"),
        (
            ("dataset.path=people.csv", "dataset.schema=people.yaml", "dataset.read.encoding=klingon"),
            "no encoding is called 'klingon'",
        ),
    ],
)
def test_what_is_missing_or_contradicts_itself_is_refused_in_one_line(
    arguments: tuple[str, ...], message: str, people: Path, dpdsyn: Dpdsyn
) -> None:
    refused = dpdsyn("run", "dataset=csv", *arguments, "synthesizer=dpdsyn")
    assert refused.returncode == 2, refused.stdout
    assert message in refused.stderr and refused.stderr.count("\n") == 1, refused.stderr


GOOD = {"target": "y", "rows_public": 10, "columns": {"x": {"kind": "integer", "bounds": [0, 9], "bins": 5},
        "y": {"kind": "categorical", "categories": ["no", "yes"]}}}  # fmt: skip


@pytest.mark.parametrize(
    ("content", "change", "message"),
    [
        (
            "x,y\n1,no\n2,perhaps\n",
            {},
            r"people.csv, line 3: column 'y', row 2: a cell is not among its categories \(no, yes\)",
        ),
        ("x,y\n1,no\n2,\n", {}, "line 3: column 'y': 1 missing cells .* and no rule for them"),
        ('x,y\n1,no\n"2\n",yes\nmany,no\n', {}, "people.csv, line 5: column 'x', row 3: a cell is not a number"),
        ("x;y\n1,5;no\n", {}, "a cell is not a number, .*; if the comma is a decimal mark, say so where the file is read"),
        ("x,z\n1,no\n", {}, "people.csv: the data lack the column 'y'; they have x, z"),
        ("x,y,z\n1,no,3\n", {}, "columns that the schema does not know: z; describe them or list them under `ignore`"),
        ("x,y\n1,no\n", {"person": "who", "max_rows_per_person": 1}, "people.csv: the data lack the column 'who'"),
        (
            "x,y,who\n1,no,a\n2,yes,\n",
            {"person": "who", "max_rows_per_person": 1},
            "people.csv, line 3: column 'who', row 2: no person is named",
        ),
    ],
)
def test_rows_that_contradict_the_schema_are_found_before_any_work(
    content: str, change: dict, message: str, tmp_path: Path
) -> None:
    (tmp_path / "people.csv").write_text(content)
    option = {**read_option("dataset", "csv"), "path": str(tmp_path / "people.csv"), "schema": {**GOOD, **change}}
    with pytest.raises(ValueError, match=message):
        datasets.check(datasets.resolved(option))


def test_columns_whose_cells_are_in_no_category_are_said(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("x,y,ward,sex\n" + "1,no,North,f\n" * 90 + "2,yes,south,m\n" * 9 + "2,yes,south,d\n")
    categories = {
        name: {"kind": "categorical", "categories": values}
        for name, values in (("ward", ["north", "south"]), ("sex", ["f", "m"]))
    }
    schema = {**GOOD, "columns": {**GOOD["columns"], **categories}}
    option = {**read_option("dataset", "csv"), "path": str(tmp_path / "people.csv"), "schema": schema}
    said: list[str] = []
    datasets.check(datasets.resolved(option), said.append)
    assert said == ["CAUTION: people.csv: column 'ward': 90% of cells are in no category and become `other`"]


def test_too_few_rows_to_split_are_said(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("x,y\n1,no\n")
    option = {**read_option("dataset", "csv"), "path": str(tmp_path / "people.csv"), "schema": GOOD}
    with pytest.raises(DataError, match=r"people.csv: 1 rows are too few to be split"):
        datasets.load(datasets.resolved(option), 0)


def test_a_run_is_known_by_the_content_of_its_files_not_their_place(tmp_path: Path) -> None:
    def identity(folder: str, content: str) -> dict:
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "people.csv"
        path.write_text(content)
        return datasets.identity(datasets.resolved({**read_option("dataset", "csv"), "path": str(path), "schema": GOOD}))

    assert identity("a", "x,y\n1,no\n") == identity("b", "x,y\n1,no\n")
    assert identity("a", "x,y\n1,no\n") != identity("c", "x,y\n1,yes\n")
    assert identity("a", "x,y\n1,no\n")["split"] == 2


def test_a_draft_lists_a_category_once_however_it_is_written() -> None:
    frame = pd.DataFrame({"a": ["true", "TRUE", "x"] * 40, "b": ["true", "True", "TRUE"] * 40, "y": ["n", "j", "n"] * 40})
    text = draft_schema(frame, "people.csv", "y")
    assert Schema.from_mapping(yaml.safe_load(text))["a"].size == 3  # true, x and what is in no category
    assert "one value throughout" in text


def test_people_with_several_rows_stay_on_one_side_and_are_bounded(tmp_path: Path) -> None:
    rows = [f"{i % 90},{'yes' if i % 3 else 'no'},p{i % 50}" for i in range(400)]
    (tmp_path / "people.csv").write_text("\n".join(["x,y,who", *rows]))
    schema = {**GOOD, "person": "who", "max_rows_per_person": 3}
    option = {**read_option("dataset", "csv"), "path": str(tmp_path / "people.csv"), "schema": schema}
    split = datasets.load(datasets.resolved(option), seed=0)
    assert split.persons is not None and len(split.persons) == len(split.train)
    counts = np.bincount(split.persons)
    assert set(counts.tolist()) == {3} and len(counts) + len(split.test) // 3 == 50
