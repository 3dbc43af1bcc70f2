"""Making environments: real virtual environments and a real pip, with simulated packages instead of an index."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
from builders.paths import ROOT
from builders.processes import wait_for

from baselines.foreign import environments
from baselines.foreign.environments import Environment, EnvironmentFault, create

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


def wheel(folder: Path, name: str, version: str, module: str = "", needs: str = "") -> None:
    """A package of one module."""
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        about = f"{name}-{version}.dist-info"
        required = f"Requires-Dist: {needs}\n" if needs else ""
        file.writestr(f"{name}/__init__.py", module)
        file.writestr(f"{name}/parquet.py", "")
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip can see, with simulated packages of the names that every environment needs."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in ("pandas", "pyarrow"):
        wheel(folder, name, "1.0")
    for variable, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_CONFIG_FILE", os.devnull)):
        monkeypatch.setenv(variable, value)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def described(*pins: str, python: str = HERE, gigabytes: str = "0.1") -> Environment:
    return Environment("simulated", "\n".join([f"# python: {python}", f"# gigabytes: {gigabytes}", "# methods: one", *pins, ""]))


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "dpdsyn" / "environments").glob("*"))


@pytest.mark.slow
def test_an_environment_is_made_once_and_another_lock_is_another(index: Path, tmp_path: Path) -> None:
    said: list[str] = []
    first = described("pandas==1.0", "pyarrow==1.0")
    assert not first.made
    assert create(first, said.append) == first.folder and first.made
    assert "1 of 2: pandas-1.0-py3-none-any.whl" in said and "installing 2 packages" in said
    run = [str(first.interpreter), "-c", "import sys, pyarrow; print(sys.prefix)"]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == str(first.folder)
    said.clear()
    assert create(first, said.append) == first.folder and said == []
    wheel(index, "pandas", "2.0")
    second = described("pandas==2.0", "pyarrow==1.0")
    assert create(second, said.append) != first.folder
    assert left(tmp_path) == sorted([first.folder.name, second.folder.name])
    assert environments.left_over() == sorted([first.folder, second.folder])  # of no lock that is shipped


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pins", "reason"),
    [
        (
            ["pandas==1.0", "pyarrow==7.0"],
            "pip cannot install its packages: Could not find a version that satisfies the requirement pyarrow==7.0",
        ),
        (["pandas==1.0"], "what was installed cannot be imported: ModuleNotFoundError: No module named 'pyarrow'"),
        (
            ["pandas==1.0", "needy==1.0"],
            "pip cannot install its packages: Cannot install .* because these package versions have conflicting dependencies",
        ),
    ],
)
def test_what_cannot_be_installed_is_said_in_one_line_and_leaves_nothing(
    index: Path, tmp_path: Path, pins: list[str], reason: str
) -> None:
    wheel(index, "needy", "1.0", needs="pandas>=2")
    with pytest.raises(EnvironmentFault, match=reason) as caught:
        create(described(*pins), lambda line: None)
    assert "\n" not in str(caught.value) and left(tmp_path) == []


@pytest.mark.slow
def test_an_index_out_of_reach_is_said(index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (("PIP_NO_INDEX", "0"), ("PIP_FIND_LINKS", ""), ("PIP_INDEX_URL", "http://127.0.0.1:9/simple")):
        monkeypatch.setenv(variable, value)
    with pytest.raises(EnvironmentFault, match="pip cannot install its packages: the package index cannot be reached"):
        create(described("pandas==1.0"), lambda line: None)
    assert left(tmp_path) == []


def test_too_little_room_and_another_python_are_said_before_any_work(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        EnvironmentFault, match=rf"simulated needs Python 3.4; this is {HERE}, and there is no python3.4 on the PATH"
    ):
        create(described(python="3.4"), lambda line: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3e9))
    with pytest.raises(EnvironmentFault, match=r"simulated takes 5 GB and .* has 3.0 GB left; XDG_CACHE_HOME can name"):
        create(described(gigabytes="5"), lambda line: None)
    assert left(tmp_path) == []
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EnvironmentFault, match=r"simulated cannot be made in .*Not a directory"):
        create(described(), lambda line: None)


@pytest.mark.slow
def test_a_killed_creation_leaves_nothing_that_counts_and_the_next_one_tidies_up(index: Path, tmp_path: Path) -> None:
    lock = described("pandas==1.0", "pyarrow==1.0")
    script = f"from baselines.foreign.environments import *; create(Environment('simulated', {lock.lock!r}), print)"
    path = str(ROOT)
    with subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, start_new_session=True
    ) as process:
        wait_for(lambda: any(name.startswith(".simulated.") for name in left(tmp_path)))
        os.killpg(process.pid, signal.SIGKILL)
    assert not lock.made and left(tmp_path) == [f".simulated.{process.pid}"]
    create(lock, lambda line: None)
    assert lock.made and left(tmp_path) == [lock.folder.name]


def test_shipped_locks_pin_everything_and_name_their_python() -> None:
    assert environments.names() == ["dpmm", "smartnoise"]
    for name in environments.names():
        environment = environments.find(name)
        assert environment.adapter.is_file() and environment.python == "3.11" and environment.gigabytes >= 1
        assert set(environment.methods) == set(import_module(f"baselines.foreign.{name}").METHODS)
        lines = [line for line in environment.lock.splitlines() if not line.startswith("#")]
        assert len(lines) == len(environment.pins) > 10 and {"numpy", "pandas", "pyarrow"} <= set(environment.pins)


def test_the_command_refuses_what_there_is_not(dpdsyn: Callable[..., subprocess.CompletedProcess]) -> None:
    refused = dpdsyn("env", "create", "dpmm", "smartnois")
    assert (
        refused.returncode == 2 and refused.stderr == "dpdsyn: no environment is called 'smartnois'; there are dpmm, smartnoise\n"
    )
    listed = dpdsyn("env", "list")
    assert listed.returncode == 0 and "dpmm_privbayes" in listed.stdout and " no " in listed.stdout and not listed.stderr
