"""`dpdsyn list`: every data set, method and experiment in a line, a method with its role if its file tells one."""

from __future__ import annotations

import pytest

from experiments.cli import listing
from experiments.cli.main import main
from experiments.configuration import options, read_option


def test_methods_are_listed_with_their_roles(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def told(group: str, name: str) -> dict:
        return read_option(group, name) | ({"about": {"role": "reference"}} if name == "real" else {})

    monkeypatch.setattr(listing, "read_option", told)
    assert main(["list"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert set(lines) == {*options("dataset"), *options("synthesizer"), *options("experiment")}
    assert lines["real"][1] == "reference" and len(lines["real"]) > 3
