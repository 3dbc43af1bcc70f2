"""A broken mlflow.db is set aside, whatever broke it, and a sound one is left alone."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from experiments.sweep.mlflow.file import fault_of, set_aside

Dpdsyn = Callable[..., subprocess.CompletedProcess]
RUN = ("run", "dataset=toy", "synthesizer=instant", "evaluation.evaluators=[logistic]")


def whole(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as database:
        for name in ("experiments", "runs", "metrics", "params", "tags"):
            database.execute(f"CREATE TABLE {name} (id TEXT)")
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('abc')")
        database.executemany("INSERT INTO runs VALUES (?)", [(f"run {i}" * 100,) for i in range(500)])
        database.commit()
    return path


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut_short(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE alembic_version")
        database.commit()


def without_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM alembic_version")
        database.commit()


def another_file(path: Path) -> None:
    path.write_text("<html>no space left</html>")


def torn(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[8192:40960] = b"\xff" * (40960 - 8192)
    path.write_bytes(content)


def test_a_sound_file_one_that_is_not_there_and_one_that_is_written_to_have_no_fault(tmp_path: Path) -> None:
    path = whole(tmp_path / "mlflow.db")
    assert fault_of(path) == "" == fault_of(tmp_path / "none.db")
    with closing(sqlite3.connect(path)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO runs VALUES ('more')")
        assert fault_of(path) == ""


@pytest.mark.parametrize("damage", [emptied, cut_short, without_version, another_file, torn, overwritten])
def test_every_kind_of_damage_is_found_and_set_aside_with_what_lies_beside_it(damage: Callable, tmp_path: Path) -> None:
    path = whole(tmp_path / "mlflow.db")
    damage(path)
    assert fault_of(path)
    (tmp_path / "mlflow.db-journal").write_bytes(b"left")
    aside = set_aside(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [aside.name, f"{aside.name}-journal"] and fault_of(path) == ""


def test_a_sweep_goes_on_with_a_new_file_and_track_fills_it(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    assert dpdsyn(*RUN, "seed=0").returncode == 0
    path = tmp_path / "results" / "mlflow.db"
    cut_short(path)
    again = dpdsyn(*RUN, "seed=1")
    assert again.returncode == 0 and "its making was cut short" in again.stderr and "dpdsyn track" in again.stderr, again.stderr
    assert "has not taken" not in again.stderr
    shutil.copy(next(path.parent.glob("mlflow.db.broken-*")), path)
    filled = dpdsyn("track")
    assert filled.returncode == 0 and "2 runs in" in filled.stdout and "2 of them written now" in filled.stdout, filled.stderr
