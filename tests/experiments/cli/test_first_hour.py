"""The first hour of `dpdsyn/README.md`, typed as it stands there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.forked_command import Forked
from builders.paths import ROOT
from builders.processes import process_environment

from experiments.examples import make_people

HOUR = (ROOT / "dpdsyn" / "README.md").read_text(encoding="utf-8").split("## The first hour\n", 1)[1].split("\n## ", 1)[0]


@pytest.fixture
def typed(tmp_path: Path, forked: Forked) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Do what a line of the README says, in an empty folder."""

    def do(line: str) -> subprocess.CompletedProcess[str]:
        command, _, into = line.partition(" > ")
        words = shlex.split(command)
        environment = process_environment(tmp_path, tmp_path)
        if words[0] == "dpdsyn":
            done = forked.run(words[1:], tmp_path, environment, 300)
        else:
            call = [sys.executable, *words[1:]]
            done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if into:
            (tmp_path / into).write_text(done.stdout)
        return done

    return do


def test_it_is_short_and_names_what_it_makes() -> None:
    assert len(HOUR.split()) <= 420
    commands = [line for block in re.findall(r"```sh\n(.*?)```", HOUR, re.DOTALL) for line in block.splitlines()]
    assert [line.split()[1] for line in commands] == ["-m", "schema", "doctor", "schema", "synthesize"]
    assert {"synthetic.csv", "synthetic.html", "synthetic.privacy.json"} <= set(re.findall(r"`([\w.]+)`", HOUR))


def test_the_people_are_such_as_the_file_says() -> None:
    frame = make_people.people(20_000, seed=3)
    assert abs((frame["ill"] == "no").mean() - 0.55) < 0.02
    assert make_people.people(50).equals(make_people.people(50)) and not make_people.people(50, 1).equals(make_people.people(50))


@pytest.mark.slow
def test_every_command_does_what_is_said_of_it(
    typed: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```(sh|py)\n(.*?)```", HOUR, re.DOTALL)
    said = {}
    for line in (line for kind, block in blocks if kind == "sh" for line in block.splitlines()):
        done = typed(line)
        assert done.returncode == 0, (line, done.stderr)
        said[" ".join(line.split()[1:3])] = done.stdout + done.stderr
    assert len(pd.read_csv(tmp_path / "people.csv")) == 4000 and "kinds_inferred: true" in (tmp_path / "people.yaml").read_text()
    assert "This should work for columns of common values. 0 of 6 columns stand clear" in said["doctor --schema"]
    (needs,) = re.findall(r"a category needs about (\d+) rows", said["doctor --schema"])
    assert f"a category needs about {needs} rows" in " ".join(HOUR.split())
    assert "NOT FOR PUBLISHING" in said["schema check"] and "4,000 of 4,000 rows can be used" in said["schema check"]
    assert json.loads((tmp_path / "synthetic.privacy.json").read_text())["guarantee"] == "dp"
    page = (tmp_path / "synthetic.html").read_text(encoding="utf-8")
    assert "smokes" in page and "epsilon" in page

    monkeypatch.chdir(tmp_path)
    (lesson,) = [block for kind, block in blocks if kind == "py"]
    made: dict = {}
    exec(compile(lesson, "dpdsyn/README.md", "exec"), made)
    wards = pd.read_csv(tmp_path / "people.csv")["ward"].value_counts()
    told = set(made["synthetic"]["ward"]) - {"other"}
    assert set(wards.index[wards > int(needs)]) <= told <= set(make_people.WARDS)
    assert 0.70 < made["accuracy"] < 0.77 and np.isclose((made["real"]["ill"] == "no").mean(), 0.54, atol=0.02)
