"""What stops a command: a fault of the program shows where it came from, what a person gave is refused in one line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from builders.records import record

from dpdsyn.base.checks import InputError
from experiments.cli.main import main
from experiments.records.export import write_export


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DPDSYN_RESULTS", raising=False)
    monkeypatch.delenv("DPDSYN_TRACEBACK", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    write_export(tmp_path / "results", [record()])
    return tmp_path / "results"


def test_a_mistake_of_the_program_shows_where_it_came_from(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistaken(*_: object) -> str:
        raise ValueError("not enough values to unpack")

    monkeypatch.setattr("experiments.report.tables.all.first_screen", mistaken)
    assert main(["tables"]) == 1
    *trace, last = capsys.readouterr().err.strip().splitlines()
    assert trace[0] == "Traceback (most recent call last):" and trace[-1] == "ValueError: not enough values to unpack"
    assert any("cli/tables.py" in line for line in trace)
    assert last.startswith(
        "dpdsyn: this is a fault of the program, not of what was typed: ValueError in mistaken (test_faults.py"
    )
    assert last.endswith(f"DPDSYN_TRACEBACK=1 {sys.executable} -m pdb -c continue -m experiments.cli.main tables")


@pytest.mark.parametrize("command", ["run -m", "audit", "status experiment=quickstart", "tables", "reproduce"])
@pytest.mark.parametrize("second", [["--config-dir", "b"], ["--config-dir=b"], ["-cd", "b"]])
def test_a_second_folder_of_configuration_is_refused_for_the_first_would_not_count(
    results: Path, capsys: pytest.CaptureFixture[str], command: str, second: list[str]
) -> None:
    for name in ("a", "b"):
        Path(name).mkdir()
    assert main([*command.split(), "--config-dir", "a", *second]) == 2
    assert capsys.readouterr().err.strip() == (
        "dpdsyn: --config-dir is given more than once; put the files into one folder, and give that"
    )


def test_what_was_given_is_refused_in_one_line_unless_asked_otherwise(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (results / "records.jsonl").write_text("no record\n")
    assert main(["tables"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"dpdsyn: {results / 'records.jsonl'}, line 1: ")
    monkeypatch.setenv("DPDSYN_TRACEBACK", "1")
    with pytest.raises(InputError, match="line 1"):
        main(["tables"])
