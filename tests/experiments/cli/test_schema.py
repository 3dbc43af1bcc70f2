"""`dpdsyn schema draft`, the real command: what is published, and what its owner alone is told."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

Dpdsyn = Callable[..., subprocess.CompletedProcess]
DRAFT = ("schema", "draft", "people.csv", "--encoding", "latin-1")


def test_a_draft_of_a_csv_has_guessed_kinds_and_its_owner_is_told_the_rest(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*DRAFT, "--target", "ill")
    assert done.returncode == 0, done.stderr
    *_, columns = done.stdout.partition("\ncolumns:\n")
    patient, _, others = columns.partition("\n")
    assert patient.startswith("  patient: {kind: categorical} # READ OFF THE ROWS: values repeat: is this the `person`?")
    assert others == (
        "  age: {kind: integer}\n  ward: {kind: categorical}\n  seen: {kind: date}\n"
        "  note: {kind: categorical}\n  ill: {kind: categorical} # list its classes if they may be known, as in categories: "
        "[no, yes]; a rare one may not be learnt, and where one alone is learnt, nothing is published and the budget is spent\n"
    )
    assert "# person: patient\n" in done.stdout and "note: patient: values repeat: " in done.stderr
    assert "until then it is a draft" in done.stderr
    assert "\nkinds_inferred: true\n" in done.stdout and "\ntarget: ill\nrows_public: learn " in done.stdout
    assert "note: note: every cell is different" in done.stderr and "not for publishing" in done.stderr
    assert "dpdsyn synthesize --confirm-kinds" in done.stderr


def test_flags_and_copies_are_told_of_and_another_number_is_refused(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    rows = [f"{i},{i % 2}.0,{i % 3 % 2},{'no' if i % 3 % 2 else 'yes'}" for i in range(60)]
    (tmp_path / "f.csv").write_text("\n".join(["age,smokes,ill,well", *rows]))
    done = dpdsyn("schema", "draft", "f.csv", "--target", "ill")
    assert "  smokes: {kind: categorical, categories: [0, 1], other: false}\n" in done.stdout
    assert "note: well: in other words it says the same as ill in every row: keep one" in done.stderr
    (tmp_path / "f.yaml").write_text(done.stdout)
    assert dpdsyn("schema", "check", "f.csv", "--schema", "f.yaml").returncode == 0
    (tmp_path / "f.csv").write_text("\n".join(["age,smokes,ill,well", "3,2,0,yes", *rows]))
    refused = dpdsyn("schema", "check", "f.csv", "--schema", "f.yaml")
    assert (
        refused.returncode == 2 and "line 2: column 'smokes', row 1: a cell is not among its categories (0, 1)" in refused.stderr
    )


def test_a_number_may_be_the_target(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*DRAFT, "--target", "age")
    assert done.returncode == 0 and "  age: {kind: integer}\n" in done.stdout
    assert "note: age: a number, so synthetic rows serve models that predict the number" in done.stderr
    assert "cut_at" in done.stderr and "cut_at" not in done.stdout


def test_a_parquet_file_of_declared_types_needs_no_confirmation(people: Path, dpdsyn: Dpdsyn) -> None:
    frame = pd.read_csv(people, sep=";", encoding="latin-1")
    frame.to_parquet(people)  # a Parquet file, whatever its name
    done = dpdsyn("schema", "draft", "people.csv", "--target", "ill")
    assert done.returncode == 0, done.stderr
    assert "kinds_inferred" not in done.stdout and "confirm" not in done.stdout + done.stderr
    assert "  age: {kind: integer}\n" in done.stdout and "  seen: {kind: categorical}\n" in done.stdout
    assert "note: seen: it is declared a text, and in the first rows all cells are dates" in done.stderr


@pytest.mark.parametrize("target", ["seen", "income"])
def test_a_target_that_cannot_be_predicted_is_refused_in_one_line(target: str, people: Path, dpdsyn: Dpdsyn) -> None:
    refused = dpdsyn(*DRAFT, "--target", target)
    assert refused.returncode == 2 and refused.stdout == "" and refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"dpdsyn: people.csv: target '{target}' ")


def test_public_gives_a_draft_to_replace(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*DRAFT, "--target", "ill", "--public")
    assert done.returncode == 0 and "\ndrafted: true\n" in done.stdout and "kinds_inferred" not in done.stdout
    assert "    bounds: [18, 89] # READ OFF THE ROWS" in done.stdout and "is not private" in done.stderr


def test_a_file_without_names_gets_a_caution(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    rows = [f"{20 + i % 50},north,{i / 7:.2f},{'yes' if i % 3 else 'no'}" for i in range(80)]
    (tmp_path / "headless.csv").write_text("\n".join(rows))
    told = dpdsyn("schema", "draft", "headless.csv", "--target", "no").stderr
    assert "CAUTION: columns are called 20, 0.00. If the file begins with a row and has no line of names, that person's" in told
    (tmp_path / "headed.csv").write_text("\n".join(["age,ward,cost,ill", *rows]))
    assert "CAUTION: columns are called" not in dpdsyn("schema", "draft", "headed.csv", "--target", "ill").stderr


@pytest.mark.parametrize("public", [(), ("--public",)])
def test_a_title_above_the_names_is_thought_of_where_there_is_one_column(
    public: tuple[str, ...], people: Path, dpdsyn: Dpdsyn
) -> None:
    people.write_text("A report\nage;ill\n30;yes\n40;no\n")
    refused = dpdsyn(*DRAFT, *public)
    assert refused.returncode == 2 and refused.stdout == "" and refused.stderr.count("\n") == 1
    assert (
        "there is one column, A report, and a schema needs two or more; name what divides columns (--sep) where it"
        in refused.stderr
    )


@pytest.mark.parametrize("rest", [("draft", ""), ("check", " ", "--schema", "people.yaml")])
def test_an_empty_name_is_no_folder(rest: tuple[str, ...], people: Path, dpdsyn: Dpdsyn) -> None:
    refused = dpdsyn("schema", *rest)
    said = ("dpdsyn: FILE is empty; a value is needed\n", "dpdsyn: the name of the table is empty; name a CSV or Parquet")
    assert refused.returncode == 2 and refused.stderr.startswith(said)
    assert refused.stderr.count("\n") == 1 and "people" not in refused.stderr


@pytest.mark.parametrize("rules", ["[age < 20, age > 30]", "[age > age]"])
def test_rules_that_contradict_each_other_are_refused_before_a_row_is_read(rules: str, people: Path, dpdsyn: Dpdsyn) -> None:
    schema = people.with_suffix(".yaml")
    schema.write_text(f"constraints: {rules}\n{schema.read_text()}")
    for call in (("schema", "check", "people.csv", "--encoding", "latin-1"), ("doctor", "--epsilon", "1")):
        refused = dpdsyn(*call, "--schema", "people.yaml")
        assert refused.returncode == 2 and refused.stdout == "" and refused.stderr.count("\n") == 1
        assert refused.stderr.startswith("dpdsyn: people.yaml: constraints: no row was found that keeps all of them")
        assert refused.stderr.endswith("Correct or delete one of the rules\n")


def test_parts_of_other_types_are_said_at_the_check_too(people: Path, dpdsyn: Dpdsyn) -> None:
    table = pd.read_csv(people, sep=";", encoding="latin-1").drop(columns=["patient", "note"])
    folder = people.with_name("parts")
    folder.mkdir()
    table.to_parquet(folder / "0.parquet")
    table.astype({"age": "str"}).to_parquet(folder / "1.parquet")
    schema = people.with_suffix(".yaml")
    kept = (line for line in schema.read_text().splitlines() if not line.startswith(("person", "max_rows", "ignore")))
    schema.write_text("\n".join(kept))
    told = "age: its type is int64 in 0.parquet and large_string in 1.parquet; write all files with one type"
    assert f"note: {told}" in dpdsyn("schema", "draft", "parts").stderr
    checked = dpdsyn("schema", "check", "parts", "--schema", "people.yaml")
    assert checked.returncode == 0 and f"CAUTION: parts, column {told.replace('age', repr('age'), 1)}" in checked.stderr


def test_names_that_lose_blanks_and_dates_that_are_codes_are_said_wherever_the_file_is_read(
    tmp_path: Path, dpdsyn: Dpdsyn
) -> None:
    rows = [f"{'1900-01-01' if n < 5 else f'2015-{n % 12 + 1:02d}-11'},{n % 2}" for n in range(60)]
    (tmp_path / "f.csv").write_text("\n".join(["end , ill", *rows]))
    draft = dpdsyn("schema", "draft", "f.csv", "--target", "ill")
    (tmp_path / "f.yaml").write_text(draft.stdout)
    check = dpdsyn("schema", "check", "f.csv", "--schema", "f.yaml")
    asked = ("synthesize", "f.csv", "--schema", "f.yaml", "--epsilon", "1", "--output", "s.csv", "--confirm-kinds")
    for done in (draft, check, dpdsyn(*asked)):
        told = done.stdout + done.stderr
        assert "blanks around names are taken off, in the schema and in what is published: 'end ', ' ill'" in told
        assert "1900-01-01 stands apart from all other dates, in 8.3% of cells" in told
