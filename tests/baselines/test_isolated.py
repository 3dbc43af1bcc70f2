"""Packages in other interpreters: with a pretended package that misbehaves, and with the real ones where they are."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import yaml
from builders.configuration import composed
from builders.paths import ROOT
from builders.pretended import Pretended, fitted
from builders.processes import gone, wait_for
from builders.records import record
from hydra import initialize_config_dir

from baselines.foreign.environments import Environment
from baselines.foreign.isolated import Isolated
from baselines.foreign.other_interpreter import PackageFailed
from dpdsyn.accounting.spends import ZCDP
from dpdsyn.contract import check, fit_toy, toy_schema
from dpdsyn.privacy import Budget
from dpdsyn.synthesizer import draw
from experiments.configuration import config_dir, options, read_option
from experiments.machine import OtherWork
from experiments.records.store import Store
from experiments.report.grouped import View
from experiments.report.tables import accuracy
from experiments.run import Run, execute

WRAPPED = [name for name in options("synthesizer") if "package" in read_option("synthesizer", name)]
Dpdsyn = Callable[..., subprocess.CompletedProcess]


_before: list[psutil.Process] = []  # that other tests of the same process left, such as joblib's pool


@pytest.fixture(autouse=True)
def other_children() -> None:
    _before[:] = psutil.Process().children(recursive=True)


def children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child not in _before]


def ended() -> bool:
    """Whether no process is left, not even a zombie."""
    deadline = time.monotonic() + 10
    while children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not children()


@pytest.mark.slow
def test_a_package_in_another_interpreter_keeps_the_contract() -> None:
    assert {name: fault for name, fault in check(Pretended) if fault} == {}
    assert ended()


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        (
            "killed",
            "pretended killed: the process ended by SIGKILL, as when the machine has run out of memory; its last line: round 3",
        ),
        ("exits", "the process ended by itself with exit code 3; its last line: Fatal: no such device"),
        ("complains", "pretended complains: RuntimeError: the budget is too small; "),
        ("not_importable", "ImportError: libtorch.so.2: cannot open shared object file"),
        ("babbles", r"it answered b'\x00epoch 1', which is no answer; its last line: round 3 of 9"),
        ("answers_a_number", "it answered b'42', which is no answer"),
        ("answers_nothing", "it answered b'{}', which is no answer"),
        ("hangs_up", "the process ended by closing its end"),
        ("other_columns", "it gave the columns colour, c1, c2, c3, c4; wanted are c0, c1, c2, c3, c4"),
        ("fewer_columns", "it gave the columns c0; wanted are c0, c1, c2, c3, c4"),
        ("fewer_rows", "it gave 9 rows; 10 were asked for"),
        ("outside", "it gave values outside the 5 of column 'age'"),
        ("below", "it gave values outside the 5 of column 'age'"),
        ("texts", "ValueError: invalid literal for int() with base 10: 'old'"),
        ("no_table", "its table cannot be read as Parquet"),
    ],
)
def test_whatever_a_package_does_has_a_reason_and_leaves_no_process(method: str, reason: str) -> None:
    with pytest.raises(PackageFailed) as caught:
        fitted(method).sample(10, np.random.default_rng(0))
    assert reason in str(caught.value)
    if kept := re.search(r"all it printed: (\S+)$", str(caught.value)):
        log = Path(kept[1])
        assert "round 3 of 9" in log.read_text() or method == "not_importable"
        log.unlink()
    assert ended()


def test_a_package_that_asks_for_too_much_memory_has_run_out_of_it() -> None:
    with pytest.raises(MemoryError, match="Unable to allocate"):
        fitted("asks_for_too_much")
    assert ended()


def test_the_package_ends_with_the_fitted_method() -> None:
    found = fitted("fits")
    (process,) = children()
    assert found.sample(0, np.random.default_rng(0)).shape == (0, 5)
    del found
    assert not process.is_running() and ended()


def test_the_package_ends_with_a_process_that_is_killed() -> None:
    script = "from builders.pretended import fitted; fitted('hangs')"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    with subprocess.Popen([sys.executable, "-c", script], env=environment) as parent:
        wait_for(lambda: any("serve.py" in " ".join(child.cmdline()) for child in psutil.Process(parent.pid).children()))
        (package,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not psutil.pid_exists(package.pid) or package.status() == psutil.STATUS_ZOMBIE, 10)


def test_seconds_are_those_of_the_package_alone() -> None:
    start = time.monotonic()
    measured = fitted("slow_to_import").measured_elsewhere()
    assert float(measured["fit"] or 0) < 1.5 <= time.monotonic() - start  # it imports for a second and a half
    start = time.monotonic()
    found = fitted("slow_to_fit")
    draw(found, toy_schema(), 10, np.random.default_rng(0))
    measured = found.measured_elsewhere()
    assert float(measured["fit"] or 0) >= 0.3 and float(measured["sample"] or 0) > 0
    assert float(measured["fit"] or 0) + float(measured["sample"] or 0) < time.monotonic() - start
    assert 30 < float(measured["peak_memory_mb"] or 0) < 1000


def test_the_work_of_the_package_is_our_own_work() -> None:
    with OtherWork() as others:
        before = others._before
        burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        time.sleep(1)
        now = others._readings()
        burner.kill()
        burner.wait()
    assert now[2] - before[2] > 0.1  # seconds of a child that is still at work


def test_what_cannot_run_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    method = Isolated("dpmm", "privbayes")
    reason = "its packages are not on this machine; this brings them: dpdsyn env create dpmm"
    assert method.skip(toy_schema(), Budget(1.0, 1e-6)) == reason
    assert "cannot share a budget" in str(Pretended().skip(toy_schema(), ZCDP(0.1)))
    with pytest.raises(ValueError, match="dpdsyn env create dpmm"):
        fit_toy(lambda: method, toy_schema(), 80)
    with pytest.raises(ValueError, match="it cannot be tried: its packages"):
        list(check(lambda: method))
    with pytest.raises(ValueError, match="no environment is called 'smartnois'; there are dpmm, smartnoise"):
        Isolated("smartnois")
    with pytest.raises(ValueError, match="dpmm has no method 'dpgan'; there are mst, aim, privbayes"):
        Isolated("dpmm", "dpgan")
    with pytest.raises(ValueError, match="options is 3"):
        Isolated(options=3)  # type: ignore[arg-type]


@pytest.fixture
def pretended(dpdsyn: Dpdsyn, toy_world: Path) -> Dpdsyn:
    """The real command, with `synthesizer=pretended`."""
    description = {"name": "pretended", "_target_": "builders.pretended.Pretended", "method": "fits"}
    (toy_world / "conf" / "synthesizer" / "pretended.yaml").write_text(yaml.safe_dump(description))
    path = os.pathsep.join(map(str, (ROOT, toy_world, ROOT / "tests")))

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return dpdsyn(*arguments, **{"PYTHONPATH": path, **environment})

    return call


@pytest.mark.slow
def test_each_misdeed_is_a_record_and_no_process_is_left(pretended: Dpdsyn, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    methods = "fits,hangs,killed,babbles,other_columns,outside,exits,eats"
    call = (
        "run",
        "-m",
        "dataset=toy",
        "evaluation.evaluators=[logistic]",
        "synthesizer=pretended",
        f"synthesizer.method={methods}",
    )
    done = pretended(*call, "compute.timeout=12", "compute.memory=1.5", "compute.workers=1", TMPDIR=str(tmp_path / "tmp"))
    assert done.returncode == 1, done.stderr
    found = {r.method.parameters["method"]: r for r in Store(tmp_path / "results").all()}
    assert {name: record.status for name, record in found.items()} == {
        "fits": "ok",
        "hangs": "timeout",
        "killed": "failed",
        "babbles": "failed",
        "other_columns": "failed",
        "outside": "failed",
        "exits": "failed",
        "eats": "out_of_memory",
    }
    assert "longer than 12 s (in phase fit, round 3 of 9, after " in str(found["hangs"].error)
    assert "PackageFailed: pretended killed: the process ended by SIGKILL" in str(found["killed"].error)
    assert "GiB resident, more than 1.5 (in phase fit, round 3 of 9" in str(found["eats"].error)
    good = found["fits"]
    assert good.method.guarantee == "unverified" and good.environment.foreign == {"python": "3.11", "pretense": "1.0"}
    assert 0 < good.seconds.total < good.seconds.around and good.seconds.process == "fresh"  # starting is not timed
    assert gone(tmp_path / "results")
    kept = {
        path.suffix for path in (tmp_path / "tmp").rglob("*") if path.is_file() and path.parent.name != f"dpdsyn-{os.getuid()}"
    }
    assert kept == {".log"}  # of what failed; no table


@pytest.mark.slow
def test_a_skipped_run_is_made_when_its_environment_is_there(pretended: Dpdsyn, tmp_path: Path) -> None:
    call = ("run", "dataset=toy", "synthesizer=dpmm_mst")
    done = pretended(*call)
    (found,) = Store(tmp_path / "results").all()
    assert done.returncode == 0 and found.status == "skipped"
    assert found.error == "its packages are not on this machine; this brings them: dpdsyn env create dpmm"
    assert "1 computed now" in pretended(*call).stderr


QUICKER = {  # enough to see that it works
    "snsynth_aim": {"rounds": 8},
    "snsynth_mwem": {"split_factor": 2, "iterations": 3},
    "snsynth_dpgan": {"epochs": 1},
    "snsynth_dpctgan": {"epochs": 2},
    "dpmm_aim": {"max_model_size": 80, "gen_kwargs": {"rounds": 8, "n_iters": 50}},
    "dpmm_mst": {"gen_kwargs": {"n_iters": 50}},
    "dpmm_privbayes": {"gen_kwargs": {"n_iters": 50}},
}


@pytest.mark.parametrize("name", WRAPPED)
def test_every_row_says_whose_it_is(name: str) -> None:
    (made,) = accuracy.build(View.of([record("a", method={"name": name, "guarantee": "unverified", "parameters": {}})]))
    package = {"smartnoise": "smartnoise-synth"}.get(name := read_option("synthesizer", name)["package"], name)
    assert f"unverified ({package}" in dict(zip(made.columns, made.rows[0], strict=True))["guarantee"]


@pytest.mark.slow
@pytest.mark.parametrize("name", WRAPPED)
def test_the_real_package_works(name: str) -> None:
    option = read_option("synthesizer", name)

    def kind() -> Isolated:
        return Isolated(option["package"], option["method"], QUICKER.get(name, option["options"]))

    schema = toy_schema(rows_public=2500)
    if reason := kind().skip(schema, Budget(1.0, 1e-6)):
        pytest.skip(f"{name} NOT TESTED: {reason}")
    tables = []
    for _ in range(2):
        found, private = fit_toy(kind, schema, 2500)
        assert private.ledger.guarantee == "unverified" and isinstance(found, Isolated)
        tables += [draw(found, schema, 600, np.random.default_rng(4)) for _ in range(2)]
        assert draw(found, schema, 1, np.random.default_rng(5)).shape == (1, 5)
        assert float(found.measured_elsewhere()["fit"] or 0) > 0
    assert all(np.array_equal(table, tables[0]) for table in tables[1:])


def test_composing_needs_no_environment_and_other_pins_are_another_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        cell = Run.of(composed("dataset=simulated", "synthesizer=snsynth_aim"))
        fit_id = cell.fit_id
        lock = cell.synthesizer.environment().lock.replace("mbi==1.1.0", "mbi==1.1.1")  # type: ignore[attr-defined]
        monkeypatch.setattr(Isolated, "environment", lambda self: Environment("smartnoise", lock))
        assert Run.of(composed("dataset=simulated", "synthesizer=snsynth_aim")).fit_id != fit_id
    skipped = execute(cell)
    assert skipped.status == "skipped" and "dpdsyn env create smartnoise" in str(skipped.error)
