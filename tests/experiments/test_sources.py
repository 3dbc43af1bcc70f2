"""The source of a person's own method is part of what its runs are identified by; built-in code is hashed to tell of changes."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from builders.configuration import composed
from builders.paths import ROOT
from builders.records import record
from hydra import initialize_config_dir

from experiments import sources
from experiments.cli.run import changed_since
from experiments.configuration import config_dir
from experiments.report.missing import lost
from experiments.run import Run

METHOD = "from baselines.references import Real\nimport numpy\n{}\nclass Mine(Real):\n    pass\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a person's own modules lie: a method in a package, that imports two helpers, one of them inside a function."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    package = tmp_path / "own_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "method.py").write_text(METHOD.format("from . import near\nfrom own_judges import brier"))
    (package / "near.py").write_text("def late():\n    import importlib\n    return importlib.import_module('own_far')\n")
    (tmp_path / "own_far.py").write_text("FAR = 1\n")
    (tmp_path / "own_judges.py").write_text("def brier(labels, probabilities):\n    return 0.0\n")
    (tmp_path / "own_other.py").write_text("")
    sources.forget()
    yield tmp_path
    sources.forget()
    for name in [name for name in sys.modules if name.partition(".")[0].startswith("own_")]:
        del sys.modules[name]


def changed(folder: Path, file: str) -> None:
    """A change of one file, as another process sees it."""
    path = folder / file
    path.write_text(path.read_text() + "\n# changed\n")
    sources.forget()


def test_own_modules_are_found_through_packages_functions_and_relative_imports(folder: Path) -> None:
    found = sources.own(["own_pkg.method"])
    assert set(found) == {"own_pkg", "own_pkg.method", "own_pkg.near", "own_far", "own_judges"}
    for file in ("own_pkg/__init__.py", "own_pkg/near.py", "own_far.py"):
        before = sources.own(["own_pkg.method"])
        changed(folder, file)
        assert sources.own(["own_pkg.method"]) != before, file
    before = sources.own(["own_pkg.method"])
    changed(folder, "own_other.py")
    assert sources.own(["own_pkg.method"]) == before, "a module that nothing imports"
    (folder / "own_far.py").write_bytes((folder / "own_far.py").read_bytes().replace(b"\n", b"\r\n"))
    sources.forget()
    assert sources.own(["own_pkg.method"]) == before, "the line ends of another system"


def test_what_is_installed_or_ours_is_no_source_of_ones_own() -> None:
    assert sources.own(["baselines.aim", "dpdsyn.method", "numpy", "json", "sklearn.metrics", "__main__", "nothing.there"]) == {}
    assert len(sources.code(["dpdsyn.method"])) == 16 and sources.code(["dpdsyn.method"]) != sources.code(["baselines.mst"])


def test_a_process_keeps_to_the_file_that_it_has_imported(folder: Path) -> None:
    """A worker that lives longer must not file results of old code under the new text."""
    before = sources.own(["own_far"])
    (folder / "own_far.py").write_text("FAR = 2\n")
    assert sources.own(["own_far"]) == before


def test_modules_that_parameters_name_count_too() -> None:
    assert sources.of_method("a.b.C", {"guide": {"module": "d:E"}, "list": ["f.g", 3], "candidates": "mst", "text": "x y.z"}) == [
        *("a.b", "d", "f", "baselines.mst")
    ]


def test_a_changed_method_metric_or_model_is_another_run(folder: Path) -> None:
    (folder / "synthesizer").mkdir()
    (folder / "synthesizer" / "mine.yaml").write_text("name: mine\n_target_: own_pkg.method.Mine\n")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        path = f"hydra.searchpath=[file://{folder}]"
        mine = Run.of(composed("dataset=adult", "synthesizer=mine", path))
        judged = Run.of(composed("dataset=adult", "synthesizer=real", "+evaluation.metrics=[own_judges:brier]"))
        builtin = Run.of(composed("dataset=adult", "synthesizer=real"))
        fit, run, of_judged, of_builtin = mine.fit_id, mine.run_id, judged.run_id, builtin.run_id
        changed(folder, "own_far.py")
        assert mine.fit_id != fit and mine.run_id != run
        assert (judged.run_id, builtin.run_id) == (of_judged, of_builtin)
        changed(folder, "own_judges.py")
        assert judged.run_id != of_judged and judged.fit_id == builtin.fit_id and builtin.run_id == of_builtin


def test_records_of_older_code_are_told_of(folder: Path) -> None:
    target, code = "baselines.mst.MST", sources.code(["baselines.mst"])
    same = record(method={"name": "mst", "target": target, "version": 1}, environment={"code": code})
    other = replace(same, environment=replace(same.environment, code="0" * 16))
    before = replace(same, environment=replace(same.environment, code=None))
    assert changed_since([same, before]) == []
    (line,) = changed_since([same, other, other])
    assert line.startswith(f"note: the code of {target} has changed since 2 of these runs") and "raise `version`" in line

    (folder / "own_far.py").write_text("class X: version = 1\n")
    mine = record(
        method={"name": "mine", "target": "own_pkg.method.Mine", "version": 1, "source": sources.own(["own_pkg.method"])}
    )
    version = __import__("own_pkg.method", fromlist=["Mine"]).Mine.version
    mine = replace(mine, method=replace(mine.method, version=version))
    assert lost([mine]) == ""
    changed(folder, "own_pkg/near.py")
    assert lost([mine]) == "1 of 1 from an older version"


def test_threads_that_read_files_at_once_do_not_meet_in_python_s_parser() -> None:
    """In Python 3.11 they do where threads are switched while a tree is built, as by JAX's callback of garbage collection."""
    contents = [path.read_bytes() for path in sorted((ROOT / "dpdsyn").glob("*.py"))]
    failed: list[Exception] = []

    def read() -> None:
        try:
            for content in contents:
                sources._imports(content, "dpdsyn")
        except SystemError as error:
            failed.append(error)

    before = gc.get_threshold()
    gc.callbacks.append(switch := lambda *told: time.sleep(1e-6))
    gc.set_threshold(100)
    try:
        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(switch)
    assert failed == []
