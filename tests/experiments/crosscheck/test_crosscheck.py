"""The cross-check's own machinery, on simulated clones; the reference implementations themselves are no part of the tests."""

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from builders.paths import ROOT

from experiments.crosscheck.reference_implementations import REFERENCES
from experiments.crosscheck.rows import Row, RowsError, append, by_round, read, summary


def _row(side: str, seed: int, tvd2: float, status: str = "ok") -> Row:
    times = {"seconds": 9.0, "processor_seconds": 2.0 if side == "ours" else 8.0}
    return Row("mst", "adult", 0.8, seed, side, "", status, tvd2=tvd2, tvd1=tvd2 / 2, **times)


def test_ratios_are_of_seeds_that_both_sides_finished(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    for row in (_row("reference", 0, 0.02), _row("ours", 0, 0.01), _row("reference", 1, 0.5), _row("ours", 1, 0.5, "timeout")):
        append(file, row)
    *_, last = summary(read(file)).splitlines()
    assert [cell.strip() for cell in last.split("|")[5:-1]] == ["1", "0.0100", "0.0200", "0.50", "0.50", "2.0", "8.0", "0.250"]


def test_rounds_are_compared_as_far_as_both_went() -> None:
    reference = replace(_row("reference", 0, 0.1), round_seconds="60 40 7", round_processor_seconds="30 20 4")
    ours = replace(_row("ours", 0, 0.1), round_seconds="4 1", round_processor_seconds="2 3")
    *_, last = by_round([reference, ours]).splitlines()
    assert [cell.strip() for cell in last.split("|")[5:-1]] == ["2", "2.50", "50.00", "20.0", "2.50", "25.00", "10.0"]


def test_rows_in_the_former_word_for_a_side_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    append(file, _row("public", 0, 0.02))
    append(file, _row("ours", 0, 0.01))
    assert [row.side for row in read(file)] == ["reference", "ours"]
    committed = read(ROOT / "results" / "crosscheck.csv")
    assert {row.side for row in committed} == {"reference", "ours"} and summary(committed).count("| mst | adult |") == 3


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("method,error\nmst,1\n")
    with pytest.raises(RowsError, match=r"rows\.csv has other columns"):
        read(file)


def test_a_clone_that_is_missing_is_named_with_what_to_type(tmp_path: Path) -> None:
    missing = REFERENCES["privsyn"].missing(tmp_path)
    assert missing is not None
    assert "git clone https://github.com/vvv214/privsyn-tabular" in missing and "checkout 568e3d0" in missing


_DIES = "import os, signal\ndef run(*args, **kwargs): os.kill(os.getpid(), signal.SIGSEGV)\n"


@pytest.mark.slow
def test_a_reference_that_takes_its_interpreter_down_is_a_row_and_is_not_run_again(tmp_path: Path) -> None:
    package = tmp_path / "PrivMRF" / "PrivMRF"
    (package / "utils").mkdir(parents=True)
    (package / "main.py").write_text(_DIES)
    (package / "domain.py").write_text("def Domain(*args): pass\n")
    (package / "utils" / "tools.py").write_text("def dp_entropy(): pass\n")
    file = tmp_path / "rows.csv"
    command = [sys.executable, "-m", "experiments.crosscheck", "--references", str(tmp_path), "--sides", "reference"]
    command += ["--methods", "privmrf", "--datasets", "simulated", "--epsilons", "0.8", "--seeds", "0", "--output", str(file)]
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "failed, SIGSEGV" in first.stdout
    rows = list(csv.DictReader(file.open()))
    assert [(row["status"], row["message"][:7]) for row in rows] == [("failed", "SIGSEGV")]
    (package / "main.py").write_text("raise AssertionError")
    subprocess.run(command, check=True, capture_output=True)
    assert list(csv.DictReader(file.open())) == rows
