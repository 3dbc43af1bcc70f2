"""Commands are repeated and told from anywhere: what they hang on is looked for where they were typed."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from builders.records import record

from experiments.cli.main import main
from experiments.cli.run import retry
from experiments.records.store import Store
from experiments.sweep import sweep
from experiments.sweep.launch import debug_command, typed_command
from experiments.sweep.local import places
from experiments.sweep.plan import Plan, Plans, plan_of
from experiments.sweep.request import inspect_request

ONE = ("-m", "dataset=adult", "seed=0,1")
OWN = ("--config-dir", "conf", *ONE, "synthesizer=own")


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two folders with a method of one's own, of the same names in both."""
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    monkeypatch.delenv("DPDSYN_DATA", raising=False)  # commands that are told name it
    for name in ("here", "there"):
        (tmp_path / name / "conf" / "synthesizer").mkdir(parents=True)
        (tmp_path / name / "conf" / "synthesizer" / "own.yaml").write_text("name: own\n_target_: placed_method.Own\n")
        (tmp_path / name / "placed_method.py").write_text(
            f"from dpdsyn.candidates import Uniform\nPLACE = {name!r}\nclass Own(Uniform):\n    pass\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))  # restores the path
    return tmp_path / "here", tmp_path / "there"


def planned(folder: Path, arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(folder)
    results = Path(os.environ["DPDSYN_RESULTS"])
    with places.typed_there(Plan((), "single", (), 0.0, "")):
        sys.path.insert(0, str(folder))
        plan, _ = plan_of(inspect_request(arguments), Plans(results))
        sys.path.remove(str(folder))
        places._take_away(folder)
    Plans(results).write(plan)
    return plan


def test_a_plan_keeps_where_it_was_typed_and_earlier_ones_are_read(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, there = folders
    made = planned(there, OWN, monkeypatch)
    plans = Plans(tmp_path / "results")
    assert made.folder == str(there) and plans.read(made.sweep_id) == made
    former = {key: value for key, value in asdict(made).items() if key != "folder"}
    (plans.folder / f"{made.sweep_id}.json").write_text(json.dumps(former))
    assert plans.read(made.sweep_id) == replace(made, folder="")
    plain = planned(there, (*ONE, "synthesizer=real"), monkeypatch)
    monkeypatch.chdir(here)
    assert plan_of(inspect_request(plain.arguments), plans)[0] == replace(plain, folder=str(here)), "the last one counts"


def test_what_is_told_works_when_it_is_pasted(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    here, there = folders
    own, plain = planned(there, OWN, monkeypatch), planned(there, (*ONE, "synthesizer=real"), monkeypatch)
    assert typed_command(own) == "dpdsyn run --config-dir conf -m dataset=adult seed=0,1 synthesizer=own"
    monkeypatch.chdir(here)
    told = f"cd {there} && DPDSYN_RESULTS={tmp_path / 'results'} dpdsyn run --config-dir conf -m dataset=adult seed=0,1"
    assert typed_command(own) == f"{told} synthesizer=own"
    assert debug_command(own, own.runs[0]).startswith(f"cd {there} && DPDSYN_RESULTS={tmp_path / 'results'} dpdsyn run --debug ")
    assert typed_command(plain) == shlex.join(["dpdsyn", "run", *plain.arguments]), "which can be typed anywhere"
    with monkeypatch.context() as other:
        other.setenv("DPDSYN_DATA", "rows")
        assert typed_command(own) == f"{told.replace('dpdsyn run', f'DPDSYN_DATA={here}/rows dpdsyn run')} synthesizer=own"
    store = Store(tmp_path / "results")
    store.prepare()
    store.write(record())  # else status says how to begin
    assert main(["status", "--once"]) == 0 and told in capsys.readouterr().out
    assert main(["status", "--once", "--config-dir", f"{there}/../there/conf"]) == 0
    told_of_one = capsys.readouterr().out
    assert told in told_of_one and "synthesizer=real" not in told_of_one
    for command in ("status", "retry"):
        assert main([command, "--config-dir", "conf"]) == 2
        assert f"no command with --config-dir {here / 'conf'} is known in {tmp_path / 'results'}" in capsys.readouterr().err
        assert main([command, "--config-dir", "nosuch"]) == 2 and "nosuch: there is no such folder" in capsys.readouterr().err


class _Failed:
    run_id = "a"


def test_a_retry_is_done_where_the_command_was_typed_and_leaves_nothing_of_it(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    here, there = folders
    plans = [planned(folder, (*OWN[:1], str(folder / "conf"), *OWN[2:]), monkeypatch) for folder in folders]
    relative = planned(there, OWN, monkeypatch)
    gone = replace(relative, folder=str(tmp_path / "gone"))
    old = replace(relative, folder="", arguments=(*OWN[:-1], "synthesizer=absent"))
    seen: list[Any] = []

    def computed(request: Any, retried: set[str], _: Any) -> sweep.Outcome:
        import placed_method

        plan = plan_of(request, Plans(tmp_path / "elsewhere"))[0]
        seen.append((Path.cwd().name, placed_method.PLACE, {run.run_id for run in plan.runs}))
        return sweep.Outcome(plan, Store(tmp_path), 0, 0, [])

    monkeypatch.setattr(sweep, "failures", lambda store: [(plan, [_Failed()]) for plan in (*plans, relative, gone, old)])
    monkeypatch.setattr(sweep, "sweep", computed)
    monkeypatch.chdir(here)
    assert retry([]) == 2
    runs = [{run.run_id for run in plan.runs} for plan in (*plans, relative)]
    assert seen == [("here", "here", runs[0]), ("there", "there", runs[1]), ("there", "there", runs[2])] and runs[0] != runs[1]
    assert Path.cwd() == here and str(there) not in sys.path and sys.modules["placed_method"].PLACE == "here"
    said = capsys.readouterr().err
    assert f"typed in {gone.folder}, which is not here; where its files are now, type: dpdsyn retry --config-dir conf -m" in said
    assert "'absent'" in said and "which an earlier version did not keep, and type there: dpdsyn retry --config-dir conf" in said
    seen.clear()
    monkeypatch.setattr(sweep, "failures", lambda store: [(plan, [_Failed()]) for plan in (*plans, relative)])
    assert retry(["--config-dir", str(there / "conf")]) == 0 and [place for place, *_ in seen] == ["there", "there"]
    places._take_away(here)
