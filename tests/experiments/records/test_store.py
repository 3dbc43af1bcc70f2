"""The working store and its export: records, fits and files come back whole, and garbage is set aside."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.paths import ROOT
from builders.records import record

from dpdsyn.base.files import FileError, write_whole
from experiments.cli.main import main
from experiments.records.export import read_export, sort_key, write_export
from experiments.records.judgings import told_of_other_rows
from experiments.records.record import Record
from experiments.records.steps import kept, thinned
from experiments.records.store import Fit, Store, StoreError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    store.prepare()
    return store


def test_a_record_comes_back_as_it_was(store: Store) -> None:
    store.write(record())
    assert store.read("a") == record() and store.read("b") is None
    nan = record("n", positive_rate=float("nan"))
    store.write(nan)
    assert store.read("n").positive_rate is None  # type: ignore[union-attr]


def test_a_record_of_a_later_version_is_refused_and_left_where_it_is(store: Store) -> None:
    later = record().to_json().replace('"format":3', '"format":7,"news":1')
    path = store.records / "a.json"
    path.write_text(later)
    for read in (lambda: store.read("a"), lambda: list(store.all())):
        with pytest.raises(StoreError, match="a record of format 7; this version reads up to 6: install a newer one"):
            read()
    assert path.read_text() == later


LEARNT = {
    "encoding": {"name": "learned", "settings": {"keep": ["bounds"], "share": 0.1}, "codes": {"age": 74, "city": 9}},
    "evaluation": {"name": "raw", "evaluators": ["linear"], "repeats": 1, "space": "raw"},
    "seconds": {"learn": 0.2, "fit": 1.0, "sample": 0.5, "total": 1.7},
    "fidelity": {"wasserstein": 0.1, "category_tvd": 0.2, "correlation_error": 0.3, "range_queries": 0.4, "grid_tvd3": 0.5},
    "metrics": {"linear": {"r2": 0.4, "mae": 3.0, "pinball": 1.5}},
}


def test_a_record_of_learnt_domains_and_raw_rows_comes_back_and_no_earlier_version_mistakes_it(store: Store) -> None:
    made = record(**LEARNT)
    store.write(made)
    assert store.read("a") == made and not made.lacks_metrics
    assert '"format":4' in made.to_json() and '"format":3' in record().to_json()
    assert all('"format":4' in record(**{part: LEARNT[part]}).to_json() for part in ("encoding", "evaluation"))
    row = made.flat()
    assert (row["encoding"], row["space"], row["encoding_settings"]) == ("learned", "raw", "keep=['bounds'], share=0.1")
    assert (row["learn_seconds"], row["wasserstein"], row["grid_tvd3"], row["r2"]) == (0.2, 0.1, 0.5, 0.4)
    plain = record().flat()
    assert (plain["encoding"], plain["space"], plain["wasserstein"]) == ("public", "encoded", None)


def test_a_record_that_tells_of_steps_comes_back_and_one_that_does_not_is_written_as_ever(store: Store) -> None:
    steps = {"error": [[0, 0.5], [1, 0.25]], "noise": [[0, float("nan")], [1, 0.125]]}
    made = record(environment={"code": "1" * 16}, steps=steps)
    store.write(made)
    read = store.read("a")
    assert read is not None and read.steps == {**steps, "noise": [[0, None], [1, 0.125]]}
    assert read.to_json() == made.to_json() == (store.records / "a.json").read_text().strip() and '"format":6' in made.to_json()
    without = record(environment={"code": "1" * 16}).to_json()
    assert '"format":5' in without and "steps" not in without and Record.from_json(without).to_json() == without


@pytest.mark.parametrize("steps", [{"e": 3}, {"e": [0.5]}, {"e": [[0, "x"]]}, {"e": [[-1, 0.5]]}, {"e": [[None, 1]]}])
def test_steps_that_are_no_pairs_of_numbers_are_no_record(steps: dict) -> None:
    with pytest.raises(ValueError, match=r"steps\.e"):
        Record.from_json(record(steps=steps).to_json())


@pytest.mark.parametrize(("count", "most"), [(0, 0), (1, 1), (7, 7), (50, 50), (51, 50), (240, 50), (12_345, 50)])
def test_of_many_steps_fifty_are_kept_the_first_and_the_last_among_them(count: int, most: int) -> None:
    pairs = thinned([i / 7 for i in range(count)])
    assert len(pairs) == len(kept(count)) == most
    assert all(value == float(f"{step / 7:.5g}") for step, value in pairs)
    assert [step for step, _ in pairs[:1] + pairs[-1:]] == [0, count - 1][: 2 * bool(count)]


def test_a_record_that_tells_of_code_is_mistaken_by_no_earlier_version(store: Store) -> None:
    made = record(method={"name": "mine", "source": {"mine": "0" * 16}}, environment={"code": "1" * 16})
    store.write(made)
    assert store.read("a") == made and made.method.source == {"mine": "0" * 16}
    for part in ({"method": {"name": "mine", "source": {"mine": "0" * 16}}}, {"environment": {"code": "1" * 16}}):
        assert '"format":5' in record(**part).to_json()


def test_committed_records_say_nothing_of_a_choice_that_they_had_not() -> None:
    usual = [made for made in read_export(ROOT / "results") if made.evaluation.name != "raw"]
    assert len(usual) > 1500
    for made in usual[::20]:
        text = made.to_json()
        assert made.encoding is None and made.evaluation.space == "encoded" and Record.from_json(text) == made
        assert not {"encoding", "space", "learn", "wasserstein"} & set(re.findall(r'"(\w+)":', text))


def test_committed_records_of_one_fit_tell_of_the_same_rows() -> None:
    assert told_of_other_rows(read_export(ROOT / "results")) == []


def test_a_fit_whose_rows_changed_under_one_version_is_told_of_when_it_is_exported(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for run_id, rows in (("a", "1" * 64), ("b", "2" * 64), ("c", "1" * 64)):
        store.write(record(run_id, fit_id="f", seed=3, synthetic_sha256=rows, method={"name": "m", "version": 2}))
    store.write(record("d", fit_id="f", seed=4, synthetic_sha256="3" * 64))
    monkeypatch.setenv("DPDSYN_RESULTS", str(store.results))
    assert main(["export"]) == 0
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "different rows" in line]
    assert "seed 3: records a, b, c tell of different rows of version 2" in line


def test_a_flat_row_has_means_over_evaluators() -> None:
    row = record().flat()
    assert row["accuracy"] == pytest.approx(0.6) and row["accuracy_best"] == 0.7 and row["auroc"] == 0.9
    assert row["accuracy.forest"] == 0.7 and row["accuracy.mlp"] is None
    wanted = """dataset method epsilon delta seed status guarantee epsilon_spent n_train n_synth accuracy balanced_accuracy
        macro_f1 auroc accuracy.logistic accuracy.forest accuracy.boosting accuracy.mlp accuracy_best positive_rate tvd1 tvd2
        fit_seconds sample_seconds total_seconds peak_memory_mb error"""
    assert set(wanted.split()) <= set(row)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"run_id": "a"}', b"\xff\xfe", b'{"run_id":"a","fit_id":"f","status":"ok","x":1}']
)
def test_garbage_is_set_aside_by_name_and_never_read(store: Store, content: bytes) -> None:
    path = store.records / "a.json"
    path.write_bytes(content)
    said: list[str] = []
    assert list(store.all(said.append)) == []
    assert "a.json is not a record" in said[0] and (store.records / "a.unreadable").read_bytes() == content
    assert store.read("a") is None


def test_a_fit_comes_back_or_is_set_aside(store: Store) -> None:
    fit = Fit(
        np.arange(6, dtype=np.uint8).reshape(3, 2), np.ones((2, 2), np.float32), "dp", 0.5, [{"label": "x"}], {"fit": 1.0}, 3.5
    )
    store.write_fit("f", fit)
    back = store.read_fit("f")
    assert back is not None and np.array_equal(back.encoded, fit.encoded) and back.encoded.dtype == np.uint8
    assert np.array_equal(back.test_probabilities, fit.test_probabilities) and back.ledger == fit.ledger and back.spent == 0.5  # type: ignore[arg-type]
    assert back.schema is None
    closed = {"columns": {"a": {"kind": "integer"}}}
    store.write_fit("h", replace(fit, schema=closed))
    assert store.read_fit("h").schema == closed  # type: ignore[union-attr]
    path = store.fits / "f.npz"
    path.write_bytes(path.read_bytes()[:-40])
    assert store.read_fit("f") is None and not path.exists() and store.read_fit("g") is None


def test_the_export_is_sorted_and_a_bad_line_is_named(tmp_path: Path) -> None:
    records = [record("c", seed=2), record("b", dataset={"name": "adult"}), record("a", seed=1)]
    write_export(tmp_path, records)
    assert read_export(tmp_path) == sorted(records, key=sort_key) != records
    with (tmp_path / "records.jsonl").open("a") as file:
        file.write("half a rec")
    with pytest.raises(ValueError, match=r"records.jsonl, line 4"):
        read_export(tmp_path)


def test_a_long_export_is_split_into_files_and_what_an_older_one_left_is_removed(tmp_path: Path) -> None:
    records = [record(f"{i:03}", seed=i) for i in range(30)]
    line = len(records[0].to_json()) + 1
    write_export(tmp_path, records, limit=10 * line + 25)
    names = ["records.jsonl", "records-2.jsonl", "records-3.jsonl"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    assert all(5 * line < (tmp_path / name).stat().st_size <= 10 * line + 25 for name in names)
    assert read_export(tmp_path) == records
    (tmp_path / "records-3.jsonl").write_text("half a rec")
    with pytest.raises(ValueError, match=r"records-3.jsonl, line 1"):
        read_export(tmp_path)
    write_export(tmp_path, records[:12], limit=10 * line + 25)
    assert read_export(tmp_path) == records[:12] and not (tmp_path / "records-3.jsonl").exists()
    write_export(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == ["records.jsonl"] and read_export(tmp_path) == []
    write_export(tmp_path, records[:1], limit=5)
    assert read_export(tmp_path) == records[:1]


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match=r"cannot write to the results folder .*DPDSYN_RESULTS"):
        Store(tmp_path / "results").prepare()
    with pytest.raises(FileError, match="nothing was left half written"):
        write_whole(tmp_path / "absent" / "x.json", b"1")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room on its disk"),
        (errno.EDQUOT, "make room on its disk"),
        (errno.EACCES, "change its permissions"),
        (errno.EROFS, "mount its disk for writing"),
        (errno.EIO, "look at it"),
    ],
)
def test_what_to_do_is_told_by_what_the_system_says(
    number: int, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(self: Path, data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "write_bytes", refused)
    with pytest.raises(StoreError, match=f"{os.strerror(number)}\\); {remedy}, or name another in DPDSYN_RESULTS"):
        Store(tmp_path).prepare()


def test_a_writer_that_is_killed_leaves_whole_files_only(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dpdsyn.base.files import FileError, write_whole\n"
        "i = 0\n"
        "while True:\n"
        "    i += 1; write_whole(Path(sys.argv[1]) / f'{i % 7}.json', (str(i % 10) * 300_000).encode())\n"
    )
    for round_ in range(8):
        process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)})
        time.sleep(0.25 + 0.03 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for path in tmp_path.glob("*.json"):
            content = path.read_bytes()
            assert len(content) == 300_000 and len(set(content)) == 1
    assert list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("metrics", "x"),
        ("metrics", {"logistic": 5}),
        ("seed", "x"),
        ("status", 5),
        ("status", "fine"),
        ("dataset", 7),
        ("privacy", None),
        ("seconds", 3),
        ("run_id", 5),
    ],
)
def test_a_record_with_a_value_of_another_type_is_set_aside_by_name(store: Store, name: str, value: object) -> None:
    store.write(record())
    path = store.records / "a.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    said: list[str] = []
    assert list(store.all(said.append)) == [] and path.with_suffix(".unreadable").exists()
    assert str(path) in said[0] and name in said[0] and "its run counts as not done" in said[0]
    store.write(record())
    path.write_text(path.read_text().replace('"epsilon":1.0', '"epsilon":"one"'))
    with pytest.raises(ValueError, match=r"Privacy.epsilon is 'one', no float or int"):
        Record.from_json(path.read_text())
