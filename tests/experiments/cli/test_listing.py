"""`dpdsyn list`: every data set, method, encoding, evaluation and experiment in a line, a method with its role if it has one."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.cli import listing
from experiments.cli.main import main
from experiments.configuration import options, read_option


def test_methods_are_listed_with_their_roles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def told(group: str, name: str, extra: Path | None = None) -> dict:
        return read_option(group, name, extra) | ({"about": {"role": "reference"}} if name == "real" else {})

    monkeypatch.setattr(listing, "read_option", told)
    assert main(["list"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    groups = ("dataset", "synthesizer", "encoding", "evaluation", "experiment")
    assert set(lines) == {name for group in groups for name in options(group)}
    assert lines["real"][1] == "reference" and len(lines["real"]) > 3


def test_a_folder_of_ones_own_is_listed_too(toy_world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--config-dir", str(toy_world / "conf")]) == 0
    shown = capsys.readouterr().out
    for command in (["list"], ["data", "list"], ["data", "describe", "toy"], ["run", "dataset=toy", "synthesizer=real"]):
        assert main([*command, "--config-dir", str(toy_world / "nowhere")]) == 2
        assert "nowhere: there is no such folder" in capsys.readouterr().err
    assert {"toy", "crashing", "adult"} <= {line.split()[0] for line in shown.splitlines()}
