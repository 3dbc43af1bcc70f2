"""`dpdsyn synthesize`, the real command on a person's file."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from dpdsyn.accounting.guarantee import HELD_AGAINST

Dpdsyn = Callable[..., subprocess.CompletedProcess]
CALL = ("synthesize", "people.csv", "--schema", "people.yaml", "--encoding", "latin-1", "--epsilon", "2")


def changed(*change: str) -> tuple[str, ...]:
    """The usual command; flags that are given stand instead of its own."""
    usual = dict(zip(CALL[2::2], CALL[3::2], strict=True)) | {"--output": "made.csv"}
    left = [text for flag, value in usual.items() if flag not in change for text in (flag, value)]
    return (*CALL[:2], *left, *change)


@pytest.mark.slow
def test_a_table_and_its_statement_are_written(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*CALL, "--output", "made.csv")
    assert done.returncode == 0, done.stderr
    made, real = pd.read_csv(people.with_name("made.csv")), pd.read_csv(people, sep=";", encoding="latin-1")
    assert len(made) == 1000 and list(made) == ["age", "ward", "seen", "ill"]
    assert set(made["ward"]) == {"north", "south"} and made["seen"].between("2020-01-01", "2024-12-31").all()
    assert ((made["age"] > 50) == (made["ill"] == "yes")).mean() > 0.84  # .890, give or take .009
    statement = json.loads(people.with_name("made.privacy.json").read_text())
    assert statement["guarantee"] == "dp" and statement["protects"] == "one person" and statement["rows"] == 1000
    assert 1.9 < statement["epsilon_spent"] <= 2 and statement["noise"] == "operating system's entropy"
    assert "CAUTION" not in done.stderr and "one person" in done.stdout
    private = {str(len(real)), *real["patient"].head(50), *real["note"].head(50)}
    assert not any(f'"{value}"' in json.dumps(statement) or f" {value}," in json.dumps(statement) for value in private)

    again = dpdsyn(*CALL, "--output", "made.csv")
    assert again.returncode == 2 and "a second release spends epsilon again" in again.stderr
    seeded = dpdsyn(*CALL, "--output", "made.parquet", "--overwrite", "--rows", "50", "--seed", "1")
    assert seeded.returncode == 0 and "CAUTION: the noise was seeded" in seeded.stderr
    assert len(pd.read_parquet(people.with_name("made.parquet"))) == 50
    assert "SEEDED" in people.with_name("made.privacy.json").read_text()


@pytest.mark.slow
def test_rows_keep_rules_and_conditions_and_the_statement_says_so(people: Path, dpdsyn: Dpdsyn) -> None:
    schema = people.with_suffix(".yaml")
    more = "  number: {kind: id, pattern: 'P{:04d}'}\n  land: {constant: DE}\n"
    rules = 'constraints: ["ill = no -> age < 60", "seen >= 2021-01-01"]\n'
    schema.write_text(rules + schema.read_text() + more)
    done = dpdsyn(*CALL, "--output", "made.csv.gz", "--given", "ward=south", "--balance", "yes=0.25,no=0.75", "--rows", "400")
    assert done.returncode == 0, done.stderr
    made = pd.read_csv(people.with_name("made.csv.gz"))
    assert set(made["ward"]) == {"south"} and made["ill"].value_counts().to_dict() == {"no": 300, "yes": 100}
    assert (made.loc[made["ill"] == "no", "age"] < 60).all() and (made["seen"] >= "2021-01-01").all()
    assert made["number"].is_unique and set(made["land"]) == {"DE"} and made["number"].str.fullmatch(r"P\d{4}").all()
    assert "constraint 'seen >= 2021-01-01': " in done.stderr and "rows" in done.stderr  # for the owner
    statement = json.loads(people.with_name("made.privacy.json").read_text())
    assert statement["conditioned_on"] == ["ward = south", "classes: yes 0.25, no 0.75"]
    assert statement["constraints"] == ["ill = no -> age < 60", "seen >= 2021-01-01"]
    assert statement["rows_drawn"]["again"] > 0 and "rows were drawn again" in done.stdout and "break" not in done.stdout


@pytest.mark.slow
def test_a_release_has_a_page_and_the_owner_s_one_and_an_evaluation(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*CALL, "--output", "made.csv", "--evaluate", ".2", "--private-page", "own.html")
    assert done.returncode == 0, done.stderr
    assert "balanced accuracy: " in done.stdout and "private evaluation: noisy sums over real rows" in done.stdout
    page, own = people.with_name("made.html").read_text(), people.with_name("own.html").read_text()
    assert "may be published with the table" in page and "NOT FOR PUBLISHING" not in page
    assert "NOT FOR PUBLISHING" in own and "NOT FOR PUBLISHING" in done.stderr
    evaluation = json.loads(people.with_name("made.privacy.json").read_text())["evaluation"]
    assert f"<strong>{evaluation['accuracy']['estimate']:.3f}</strong>" in page and evaluation["accuracy"]["low"] > 0.8
    for kept in ("made.html", "own.html"):
        others = {"made.csv", "made.privacy.json", "made.html", "own.html"} - {kept}
        for name in others:
            people.with_name(name).unlink(missing_ok=True)
        again = dpdsyn(*CALL, "--output", "made.csv", "--private-page", "own.html")
        assert again.returncode == 2 and f"{kept} exists" in again.stderr
        people.with_name(kept).unlink()
        people.with_name("own.html").write_text("")


@pytest.mark.slow
def test_a_draft_is_refused_unless_it_is_meant(people: Path, dpdsyn: Dpdsyn) -> None:
    schema = people.with_suffix(".yaml")
    schema.write_text("drafted: true\n" + schema.read_text())
    refused = dpdsyn(*CALL, "--output", "made.csv")
    assert refused.returncode == 2 and "is still a draft" in refused.stderr and not people.with_name("made.csv").exists()
    tried = dpdsyn(*CALL, "--output", "made.csv", "--draft", "--rows", "20")
    assert tried.returncode == 0 and "NO privacy guarantee" in tried.stdout
    assert json.loads(people.with_name("made.privacy.json").read_text())["guarantee"] == "none"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--evaluate", "1.5"), "--evaluate 1.5: the share of the budget that buys an evaluation is 1.5"),
        (("--evaluate", "nan"), "--evaluate nan: "),
        (("--hold-out", ".2"), "--hold-out 0.2: rows are held out for an evaluation alone; add --evaluate SHARE"),
        (("--hold-out", "1", "--evaluate", ".1"), "--hold-out 1.0: the part of the rows that is held out is 1.0"),
        (("--other-targets", "zz"), "--other-targets zz: people.yaml: no column 'zz'; columns: age, ward, seen, ill"),
        (("--other-targets", "ill"), "--other-targets ill: it is the target already; leave it out"),
        (("--other-targets", "age", "age"), "--other-targets age: it is named twice"),
        (("--other-targets", "age", "ward", "seen"), "people.yaml has no column to learn them from; name fewer, or describe"),
        (("--private-page", "people.csv"), "has to end in .html"),
        (("--private-page", "nowhere/own.html"), "there is no folder nowhere"),
        (("--private-page", "made.html"), "a file of this name is written already"),
        (("--epsilon", "0"), "epsilon is 0.0"),
        (("--delta", "2"), "delta is 2.0"),
        (("--output", "made.txt"), "has to end in .csv, .csv.gz or .parquet"),
        (("--output", "nowhere/made.csv"), "there is no folder nowhere"),
        (("--given", "ward=west"), "'west' is no category of 'ward'; there are north, south"),
        (("--given", "ward"), "--given 'ward': NAME=VALUE is needed, such as --given sex=Female"),
        (("--balance", "yes=0.5"), "balance: shares add up to 0.5; to 1 is needed"),
        (("--balance", "yes=half,no=half"), "--balance: yes is 'half'; a share such as 0.5 is needed"),
        (("--output", "people.csv", "--overwrite"), "is the private table itself"),
        (("--rows", "0"), "--rows is 0"),
        (("--rows", str(10**15)), "--rows is 1,000,000,000,000,000: as many rows take 3,000,000 GB or more in made.csv, and "),
        (("--rows", str(10**18), "--output", "made.parquet"), "are free there; ask for fewer (--rows)"),
        (("--first-id", "-3"), "--first-id is -3; a whole number of at least 0 is needed"),
        (("--first-id", str(2**63 - 1)), "ids would go beyond 9223372036854775807"),
        (("--first-id", str(2**63 - 5), "--rows", "5"), "with 5 rows ids would go beyond 9223372036854775807"),
        (("--target", "age"), "target is 'ill', and target='age' says otherwise"),
        (("--schema", "absent.yaml"), "absent.yaml: cannot be read"),
        (("--candidates", "mts"), "no synthesizer is called 'mts'"),
        (("--encoding", "utf-8"), "people.csv cannot be read as a table: line 2 is not utf-8 text"),
        (("--encoding", "klingon"), "no encoding is called 'klingon'"),
        (("--seed", "-4"), "--seed is -4; a whole number of at least 0 is needed"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_written(
    change: tuple[str, ...],
    message: str,
    people: Path,
    dpdsyn: Dpdsyn,
) -> None:
    before = sorted(people.parent.iterdir())
    refused = dpdsyn(*changed(*change))
    assert refused.returncode == 2 and message in refused.stderr, refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("dpdsyn: ") and "Traceback" not in refused.stderr
    assert change[0] == "--encoding" or "reading people.csv" not in refused.stderr
    assert sorted(people.parent.iterdir()) == before


def test_more_rows_than_the_disk_can_hold_are_refused_where_the_schema_asks_for_them(people: Path, dpdsyn: Dpdsyn) -> None:
    schema = people.with_suffix(".yaml")
    schema.write_text(schema.read_text().replace("rows_public: 1000\n", f"rows_public: {10**15}\n"))
    refused = dpdsyn(*CALL, "--output", "made.csv")
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1
    assert "people.yaml: rows_public is 1,000,000,000,000,000: as many rows take 3,000,000 GB or more" in refused.stderr


@pytest.mark.slow
def test_a_parquet_file_is_known_by_its_content_and_read_like_any_other(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    frame = pd.DataFrame({"age": range(20, 80), "ward": ["north", "", "?"] * 20, "ill": ["no", "yes"] * 30})
    (tmp_path / "people.yaml").write_text(
        "target: ill\nrows_public: 60\ncolumns:\n  age: {kind: integer, bounds: [0, 110], bins: 10}\n"
        "  ward: {kind: categorical, categories: [north], other: false, missing: own_code}\n"
        "  ill: {kind: categorical, categories: [no, yes]}\n"
    )
    frame.set_index("ward").to_parquet(tmp_path / "people.csv")  # a Parquet file of another name, with a pandas index
    call = ("synthesize", "people.csv", "--schema", "people.yaml", "--epsilon", "100", "--output", "made.csv")
    refused = dpdsyn(*call)
    assert refused.returncode == 2 and "column 'ward', row 2: a cell is not among its categories" in refused.stderr
    assert refused.stderr.count("people.csv") == 2  # one in the line that says what is being read
    done = dpdsyn(*call, "--missing", "", "--missing", "?")
    assert done.returncode == 0, done.stderr
    assert set(pd.read_csv(tmp_path / "made.csv")["ward"].dropna()) == {"north"}


def test_a_row_that_contradicts_the_schema_is_named_by_its_line(people: Path, dpdsyn: Dpdsyn) -> None:
    people.write_text("patient;age;ward;seen;note;ill\np1;30;north;2020-01-01;x;no\np2;thirty;north;2020-01-01;x;no\n")
    refused = dpdsyn(*CALL, "--output", "made.csv")
    assert refused.returncode == 2 and "people.csv, line 3: column 'age', row 2: a cell is not a number" in refused.stderr
    assert "thirty" not in refused.stderr
    shown = dpdsyn(*CALL, "--output", "made.csv", "--show-cells")
    assert shown.returncode == 2 and "people.csv, line 3: column 'age', row 2: 'thirty' is not a number" in shown.stderr


WILD = "patient;age;ward;seen;note;ill\np1;30;north;2020-01-01;x;no\n;thirty;;someday;x;\np3;x;north;2020-01-01;x;perhaps\n"


def test_all_faults_are_said_at_once_and_the_check_says_the_same(people: Path, dpdsyn: Dpdsyn) -> None:
    people.write_text(WILD)
    check = ("schema", "check", "people.csv", "--schema", "people.yaml", "--encoding", "latin-1")
    for call in ((*CALL, "--output", "made.csv"), check):
        refused = dpdsyn(*call)
        assert refused.returncode == 2
        assert refused.stdout.startswith("NOT FOR PUBLISHING: exact shares") if call == check else refused.stdout == ""
        for line in (
            "people.csv, line 3: column 'age', row 2: a cell is not a number, and the schema says the column is integer (2 such",
            "people.csv, line 3: column 'ward': 1 missing cells (first in row 2) and no rule for them",
            "people.csv, line 3: column 'seen', row 2: a cell is not a date of ISO 8601",
            "people.csv, line 3: column 'ill': 1 missing cells",
            "people.csv, line 4: column 'ill', row 3: a cell is not among its categories (no, yes)",
            "people.csv, line 3: column 'patient', row 2: no person is named",
            "dpdsyn: people.csv: 7 cells of 5 columns contradict the schema, as said above; --show-cells quotes",
        ):
            assert line in refused.stderr, line
        assert "thirty" not in refused.stderr and "perhaps" not in refused.stderr and "someday" not in refused.stderr
    assert "'thirty' is not a number" in dpdsyn(*check, "--show-cells").stderr


def test_a_table_that_fits_its_schema_is_said_to_fit(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn("schema", "check", "people.csv", "--schema", "people.yaml", "--encoding", "latin-1")
    assert done.returncode == 0, done.stderr
    first, *shares, last = done.stdout.splitlines()
    assert first.startswith("NOT FOR PUBLISHING: exact shares") and len(shares) > 4
    assert last == "people.csv: 2,000 rows fit people.yaml, 1,000 of them can be used"
    assert "not for publishing" in done.stderr


@pytest.mark.slow
def test_without_preflight_no_row_is_refused_not_even_none(people: Path, dpdsyn: Dpdsyn) -> None:
    for content in (WILD, WILD.partition("\n")[0] + "\n"):
        people.write_text(content)
        assert dpdsyn(*CALL, "--output", "made.csv").returncode == 2
        done = dpdsyn(*CALL, "--output", "made.csv", "--no-preflight", "--rows", "30", "--overwrite")
        assert done.returncode == 0, done.stderr
        assert set(pd.read_csv(people.with_name("made.csv"))["ill"]) <= {"no", "yes"}
        assert HELD_AGAINST not in json.loads(people.with_name("made.privacy.json").read_text()).get("assumptions", [])


@pytest.mark.slow
def test_a_draft_without_its_first_line_is_refused_with_the_marks_that_remain(people: Path, dpdsyn: Dpdsyn) -> None:
    draft = dpdsyn("schema", "draft", "people.csv", "--target", "ill", "--encoding", "latin-1", "--public")
    people.with_suffix(".yaml").write_text(draft.stdout.replace("drafted: true\n", ""))
    refused = dpdsyn(*CALL, "--output", "made.csv")
    numbers = [n for n, line in enumerate(draft.stdout.splitlines()) if "READ OFF THE ROWS" in line and not line.startswith("# ")]
    assert refused.returncode == 2, refused.stderr
    assert f"is still a draft, read off the rows, so nothing made with it is private: {len(numbers)} marks" in refused.stderr
    assert f"remain (lines {numbers[0]}, {numbers[1]}, " in refused.stderr


@pytest.mark.slow
def test_a_budget_that_promises_little_is_said_on_the_terminal_and_in_the_statement(people: Path, dpdsyn: Dpdsyn) -> None:
    done = dpdsyn(*changed("--delta", ".5", "--epsilon", "11", "--rows", "30"))
    assert done.returncode == 0, done.stderr
    assert "CAUTION: delta 0.5 is not below 1/1,000" in done.stderr and "CAUTION: epsilon 11 is above 10" in done.stderr
    said = json.loads(people.with_name("made.privacy.json").read_text())["cautions"]
    assert len(said) == 2 and said[0].startswith("delta 0.5") and said[1].startswith("epsilon 11")


def test_the_private_table_is_not_written_over_by_whatever_path(people: Path, dpdsyn: Dpdsyn) -> None:
    (people.parent / "sub").mkdir()
    (people.parent / "here").symlink_to(people.parent)
    before = people.read_bytes()
    for output in ("sub/../people.csv", "here/people.csv"):
        refused = dpdsyn(*CALL, "--output", output, "--overwrite")
        assert refused.returncode == 2 and "is the private table itself" in refused.stderr
    assert people.read_bytes() == before


@pytest.mark.slow
def test_a_folder_of_parquet_files_is_a_table_and_workers_read_no_other(people: Path, dpdsyn: Dpdsyn) -> None:
    table = pd.read_csv(people, sep=";", encoding="latin-1").drop(columns=["patient", "note", "seen"])
    folder = people.with_name("parts")
    folder.mkdir()
    for i in range(3):
        table.iloc[i::3].to_parquet(folder / f"{i}.parquet", index=False)
    draft = dpdsyn("schema", "draft", "parts", "--target", "ill")
    assert draft.returncode == 0 and "kinds: inferred" not in draft.stdout, draft.stderr
    people.with_name("parts.yaml").write_text(draft.stdout)
    call = ("synthesize", "parts", "--schema", "parts.yaml", "--epsilon", "4", "--seed", "1", "--rows", "200")
    done = dpdsyn(*call, "--output", "made.parquet")
    assert done.returncode == 0, done.stderr
    made = pd.read_parquet(people.with_name("made.parquet"))
    assert len(made) == 200 and set(made["ward"]) <= {"north", "south"} and dict(made.dtypes) == dict(table.dtypes)
    refused = dpdsyn(*CALL, "--output", "other.csv", "--ray", "auto")
    assert refused.returncode == 2 and "workers read Parquet files" in refused.stderr
    (folder / "odd").mkdir()
    nothing = dpdsyn("synthesize", "parts/odd", *call[2:], "--output", "other.csv")
    assert nothing.returncode == 2 and "is a folder without Parquet files" in nothing.stderr
    assert not people.with_name("other.csv").exists()
