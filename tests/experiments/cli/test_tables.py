"""`dpdsyn tables`: what is printed can be chosen, what is written is the same."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from builders.records import changed, few

from experiments.cli.main import main
from experiments.records.export import write_export


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DPDSYN_RESULTS", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    other = [changed(run, run_id=f"other {run.run_id}", dataset={"name": "other", "n_train": 9, "n_test": 3}) for run in few()]
    write_export(tmp_path / "results", [*few(), *other])
    return tmp_path / "results"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["tables", *arguments]) == 0
    return capsys.readouterr().out


def test_data_sets_budgets_and_methods_are_chosen_and_files_stay(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = printed(capsys)
    files = {path.name: path.read_bytes() for path in (results / "tables").iterdir()}
    assert "### toy" in whole and "### other" in whole
    some = printed(capsys, "--dataset", "other", "--epsilon", "4.0", "--methods", "mst,aim")
    assert "### toy" not in some and "epsilon 1 " not in some and "epsilon 4" in some
    assert re.findall(r"^\| (\w+) ", some, re.MULTILINE)[1:] == ["aim", "mst"]
    assert files == {path.name: path.read_bytes() for path in (results / "tables").iterdir()} and len(files) > 3


def test_on_a_terminal_tables_are_plain(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    text = re.sub(r"\x1b\[\d*m", "", printed(capsys, "--methods", "mst,aim", "--dataset", "toy"))
    assert "|" not in text and "#" not in text and max(map(len, text.splitlines()[:-1])) <= 80
    assert re.search(r"^\d+ files written in ", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--dataset", "tot"), "--dataset tot: no record has it; there are other, toy"),
        (("--epsilon", "1,3"), "--epsilon 3: no record has it; there are 1, 4"),
        (("--methods", "mst,mts"), "--methods mts: no record has it; there are absyn, aim, dpdsyn"),
    ],
)
def test_what_no_record_has_is_refused_in_a_line(
    arguments: tuple[str, ...], message: str, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tables", *arguments]) == 2
    told = capsys.readouterr()
    assert message in told.err and told.err.count("\n") == 1 and not told.out
