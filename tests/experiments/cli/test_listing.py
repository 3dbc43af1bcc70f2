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


def test_what_cannot_be_read_is_said_in_its_line_and_the_others_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    broken = {
        "dataset/bad_yaml": b"a: [",
        "dataset/altered": b"name: x\nschema: {columns: {a: {categories: [no, yes]}}}\n",
        "synthesizer/bad_code": b"_target_: listed_badly.X\n",
        "synthesizer/bad_target": b"_target_: 3\n",
        "encoding/bad_bytes": b"# \xff\n",
        "evaluation/no_keys": b"- 1\n",
        "experiment/bad_base": b"defaults: [nosuch]\n",
    }
    for name, content in {**broken, "evaluation/zz_good": b"# A good one.\nname: zz_good\n"}.items():
        (tmp_path / "conf" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "conf" / f"{name}.yaml").write_bytes(content)
    (tmp_path / "listed_badly.py").write_text("class X(:\n")
    assert main(["list", "--config-dir", "conf"]) == 1
    told = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")}
    assert all("cannot be read: " in told[name.partition("/")[2]] for name in broken), told
    assert sum("cannot be read" in line for line in told.values()) == len(broken)
    assert "A good one." in told["zz_good"] and "quickstart" in told
    assert main(["list", "--config-dir", "nosuch"]) == 2
    assert not capsys.readouterr().out
