"""What `dpdsyn synthesize` prints, writes and leaves tells of no row but through noise (rule 10 of the design).

Noise is replaced by numbers that no row moves; then releases of neighbouring tables have to be the same to the last byte.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders.neighbours import (
    BY_ROW,
    ONE_ROW_EACH,
    OPEN_BY_ROW,
    OPEN_TWO_ROWS_EACH,
    SECRET,
    TWO_ROWS_EACH,
    Writer,
    blind,
    clean_neighbours,
    first_difference,
    held_in,
    one_more,
    people,
    wild_neighbours,
    write_csv,
    write_parquet,
)
from builders.processes import command, process_environment, wait_for

from dpdsyn import DPDSyn
from dpdsyn.checking.side_effects import watched
from experiments.cli.main import main

SCHEMAS = {
    "by row": BY_ROW,
    "one row each": ONE_ROW_EACH,
    "two rows each": TWO_ROWS_EACH,
    "open, by row": OPEN_BY_ROW,
    "open, two rows each": OPEN_TWO_ROWS_EACH,
}
WRITERS: dict[str, Writer] = {"csv": write_csv, "parquet": write_parquet}


class Release:
    """Releases of tables, each in a folder of its own where file names are the same."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self.monkeypatch, self.capfd, self.made = folder, monkeypatch, capfd, 0

    def of(self, table: pd.DataFrame, schema: str, write: Writer, *options: str, output: str = "made.csv") -> dict[str, Any]:
        """All that a release of the table prints, writes and leaves."""
        home, scratch = self.folder / f"home{self.made}", self.folder / f"scratch{self.made}"
        self.made += 1
        home.mkdir()
        scratch.mkdir()
        write(table, home / "people.data")
        (home / "people.yaml").write_text(schema)
        with self.monkeypatch.context() as patch:
            blind(patch)
            patch.setattr("experiments.machine.leave_no_core", lambda: None)  # this process is to live on as it was
            patch.chdir(home)
            patch.setattr(tempfile, "tempdir", str(scratch))
            call = ["synthesize", "people.data", "--schema", "people.yaml", "--epsilon", "2", "--output", output, *options]
            self.capfd.readouterr()
            with watched() as told:
                code = main(call)
        out, err = self.capfd.readouterr()
        (home / "people.data").unlink()
        words = {**told.words(), "code": code, "stdout": out, "stderr": err, "left": told.left}
        files = {f"file {name}": held for folder in (home, scratch) for name, held in held_in(folder).items()}
        return {**words, "modes": [oct(path.stat().st_mode) for path in sorted(home.iterdir())], **files}


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Release:
    return Release(tmp_path, monkeypatch, capfd)


@pytest.mark.slow
@pytest.mark.parametrize("written", WRITERS)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_release_without_preflight_is_the_same_for_neighbouring_tables(schema: str, written: str, release: Release) -> None:
    def of(table: pd.DataFrame) -> dict[str, Any]:
        return release.of(table, SCHEMAS[schema], WRITERS[written], "--no-preflight", "--confirm-kinds", "--rows", "40")

    first = of(people())
    assert first["code"] == 0 and {"file made.csv", "file made.html"} <= set(first), first["printed"]
    assert first_difference(first, of(people())) is None
    for name, table in {**clean_neighbours(), **wild_neighbours()}.items():
        assert (differs := first_difference(first, of(table))) is None, f"{name} shows in {differs}"


@pytest.mark.slow
@pytest.mark.parametrize("schema", [ONE_ROW_EACH, OPEN_BY_ROW])
@pytest.mark.parametrize("output", ["made.csv", "made.parquet"])
def test_a_release_of_tables_that_pass_the_preflight_is_the_same(output: str, schema: str, release: Release) -> None:
    def of(table: pd.DataFrame) -> dict[str, Any]:
        found = release.of(table, schema, write_csv, "--confirm-kinds", output=output)
        *_, after = found["printed"].partition("learning under differential privacy")  # before is the owner's preflight
        return {**found, "printed": after}

    first = of(people())
    assert first["code"] == 0 and f"file {output}" in first and first["printed"]
    for name, table in clean_neighbours().items():
        assert (differs := first_difference(first, of(table))) is None, f"{name} shows in {differs}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "options"), [(TWO_ROWS_EACH, ("--evaluate", ".2")), (OPEN_BY_ROW, ("--evaluate", ".2", "--hold-out", ".3"))]
)
def test_an_evaluation_and_the_page_are_the_same_for_neighbouring_tables(
    schema: str, options: tuple[str, ...], release: Release
) -> None:
    def of(table: pd.DataFrame) -> dict[str, Any]:
        return release.of(table, schema, write_csv, "--no-preflight", "--confirm-kinds", "--rows", "40", *options)

    first = of(people())
    assert first["code"] == 0 and b"How good models will be" in first["file made.html"], first["printed"]
    assert b'"evaluation": {' in first["file made.privacy.json"] and "balanced accuracy" in first["printed"]
    tables = {**clean_neighbours(), **wild_neighbours()}
    for name in (
        "one row more",
        "a person with far more rows",
        "other rows",
        "no row at all",
        "a row of nothing",
        "strange cells",
    ):
        assert (differs := first_difference(first, of(tables[name]))) is None, f"{name} shows in {differs}"


def test_the_types_of_a_parquet_file_are_those_of_the_schema_whatever_is_sampled(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    # so that a chunk lacks a category, or has nothing at all
    monkeypatch.setattr("experiments.cli.parts.release_files._CHUNK", 1)
    schema = BY_ROW.replace("categories: [north, south]", "categories: [true, false]")
    made = release.of(people(), schema, write_csv, "--no-preflight", "--rows", "25", output="made.parquet")
    assert made["code"] == 0, made["printed"]
    types = {field.name: str(field.type) for field in pq.read_schema(pa.BufferReader(made["file made.parquet"]))}
    assert types["floor"] == "int64" and types["ward"] == "bool" and types["weight"] == "double" and types["age"] == "int64"
    mixed = BY_ROW.replace("[1, 2, 3]", "[1, two, 3]")
    texts = release.of(people(), mixed, write_csv, "--no-preflight", "--rows", "25", output="made.parquet")
    assert texts["code"] == 0 and "note: floor: no type of a Parquet column holds all of these categories" in texts["printed"]
    assert texts["printed"].index("note: floor") < texts["printed"].index("reading")
    assert str(pq.read_schema(pa.BufferReader(texts["file made.parquet"])).field("floor").type).endswith("string")


@pytest.mark.parametrize("where", ["fit", "sample"])
def test_a_crash_says_no_cell_and_leaves_no_file(where: str, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        try:
            float(SECRET)
        except ValueError as error:
            raise KeyError(f"{SECRET} again") from error

    monkeypatch.setattr(DPDSyn, where, broken)
    monkeypatch.delenv("DPDSYN_TRACEBACK", raising=False)
    found = [release.of(table, BY_ROW, write_csv, "--no-preflight") for table in (people(), one_more(people(), ward=SECRET))]
    assert first_difference(*found) is None
    assert found[0]["code"] == 1 and [name for name in found[0] if name.startswith("file")] == ["file people.yaml"]
    said = found[0]["printed"]
    assert SECRET not in said and "ValueError\n" in said and "KeyError\n" in said and "in broken\n    float(SECRET)" in said
    assert "what the error said is left out" in said and "KeyError in broken (test_side_doors.py" in said


@pytest.mark.slow
def test_a_killed_release_leaves_no_private_row(tmp_path: Path, toy_world: Path) -> None:
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    write_csv(one_more(people(), ward=SECRET), home / "people.csv")
    (home / "people.yaml").write_text(BY_ROW)
    before = held_in(home)
    call = ["synthesize", "people.csv", "--schema", "people.yaml", "--epsilon", "2", "--output", "made.csv"]
    environment = process_environment(toy_world, home, TMPDIR=str(scratch), HOME=str(scratch))
    running = subprocess.Popen(
        command(toy_world, *call, "--rows", "500000000"),
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        wait_for(lambda: any(path.stat().st_size for path in home.glob(".made.csv.*")), 120)
    finally:
        running.send_signal(signal.SIGKILL)
        said = b"".join(running.communicate())
    left = {name: held for name, held in {**held_in(home), **held_in(scratch)}.items() if name not in before}
    assert len(left) == 1 and next(iter(left)).endswith(".part"), list(left)  # synthetic rows, which are no secret
    assert SECRET.encode() not in next(iter(left.values())) + said
    subprocess.run(
        command(toy_world, *call, "--rows", "10"), cwd=home, env=environment, check=True, capture_output=True
    )  # and the same command works again
    assert (home / "made.csv").exists() and (home / "made.privacy.json").exists()


ASKED = """\
import resource, sys
from experiments.cli.main import main
from experiments.data import table_file

def asked(*_, **__):
    print("limits", resource.getrlimit(resource.RLIMIT_CORE))
    if sys.platform == "linux":
        import ctypes
        print("dumpable", ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
    sys.stdout.flush()
    sys.exit(0)

table_file.read_table = asked
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "call",
    [
        ["synthesize", "people.csv", "--schema", "people.yaml", "--epsilon", "1", "--output", "made.csv"],
        ["schema", "check", "people.csv", "--schema", "people.yaml"],
        ["schema", "draft", "people.csv"],
    ],
)
def test_before_rows_are_read_a_crash_can_leave_no_core(call: list[str], tmp_path: Path, toy_world: Path) -> None:
    write_csv(people(), tmp_path / "people.csv")
    (tmp_path / "people.yaml").write_text(BY_ROW)
    environment = process_environment(toy_world, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", ASKED, *call], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "limits (0, 0)" in done.stdout, done.stderr
    assert "dumpable" not in done.stdout or "dumpable 0" in done.stdout
