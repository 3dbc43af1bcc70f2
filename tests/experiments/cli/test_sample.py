"""`dpdsyn sample` of a model that `synthesize --model` kept, and what both say and refuse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dpdsyn import DPDSyn
from dpdsyn.accounting.guarantee import TYPES_DECLARED, TYPES_OF_FRAME
from dpdsyn.base import saved
from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError
from dpdsyn.release import Release
from experiments.cli.main import main
from experiments.cli.parts.stopping import as_interrupt

SCHEMA = """
target: ill
rows_public: 600
columns:
  key: {kind: id, pattern: "{}"}
  age: {kind: integer, bounds: [18, 90], bins: 4}
  ill: {kind: categorical, categories: ["no", "yes"]}
"""
CALL = ["synthesize", "p.csv", "--schema", "p.yaml", "--epsilon", "8", "--rows", "40", "--method", "independent"]
OWN = "operating system's entropy"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(18, 91, 600), "ill": rng.choice(["yes", "no"], 600)})
    frame.to_csv("p.csv", index=False)
    Path("p.yaml").write_text(SCHEMA, encoding="utf-8")
    yield tmp_path
    assert not list(tmp_path.glob(".*.part")), "nothing is left half written"


pytestmark = pytest.mark.filterwarnings("ignore:seeded noise")


def statement(name: str) -> dict[str, Any]:
    return json.loads(Path(f"{name}.privacy.json").read_text())


def test_a_model_whose_noise_was_seeded_stays_so_in_whatever_is_drawn_from_it(capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--seed", "9", "--output", "s.csv", "--model", "s.dpdsyn"]) == 0
    for seed in ([], ["--seed", "5"]):
        capsys.readouterr()
        assert main(["sample", "s.dpdsyn", "--output", "s2.csv", "--overwrite", *seed]) == 0
        assert statement("s2")["noise"] == statement("s")["noise"] == "SEEDED: not private against whoever knows the seed"
        assert "The noise was seeded" in Path("s2.html").read_text()
        assert "CAUTION: the noise of this model was seeded" in capsys.readouterr().err
    Release.load("s.dpdsyn").save("again.dpdsyn")
    assert Release.load("again.dpdsyn").noise_seeded_ is True


def test_draws_that_repeat_do_not_make_a_model_s_noise_a_seeded_one(capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--output", "m.csv", "--model", "m.dpdsyn"]) == 0
    assert main(["sample", "m.dpdsyn", "--output", "m2.csv", "--seed", "5"]) == 0
    assert statement("m2")["noise"] == OWN and statement("m2")["draws"].startswith("seeded: ")
    assert "draws" not in statement("m") and "The noise was seeded" not in Path("m2.html").read_text()
    assert "CAUTION: the noise of" not in capsys.readouterr().err and Release.load("m.dpdsyn", 5).noise_seeded_ is False
    meta, arrays = saved.read(Path("m.dpdsyn"))
    saved.write(Path("old.dpdsyn"), {name: value for name, value in meta.items() if name != "noise_seeded"}, arrays)
    assert Release.load("old.dpdsyn").noise_seeded_ is None
    assert main(["sample", "old.dpdsyn", "--output", "m3.csv"]) == 0
    assert statement("m3")["noise"].startswith("not known whether seeded")


def test_a_model_is_announced_as_publishable_only_where_the_table_is(capsys: pytest.CaptureFixture) -> None:
    keep = ["--output", "m.csv", "--model", "m.dpdsyn", "--overwrite"]
    for extra, public in (([], True), (["--seed", "1"], False), (["--draft"], False)):
        Path("p.yaml").write_text("drafted: true\n" * ("--draft" in extra) + SCHEMA)
        assert main([*CALL, *keep, *extra]) == 0
        told = capsys.readouterr().out
        assert ("m.dpdsyn: the fitted model, which may be published too" in told) == public
        assert ("m.dpdsyn: the fitted model, NOT FOR PUBLISHING" in told) != public


@pytest.mark.parametrize("other", ["m.csv", "m.html", "m.privacy.json", "own.html", "sub/../m.csv"])
def test_no_two_files_of_a_release_have_one_name(other: str, folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "sub").mkdir()
    before = sorted(folder.rglob("*"))
    for extra in ([], ["--overwrite"]):
        assert main([*CALL, "--output", "m.csv", "--private-page", "own.html", "--model", other, *extra]) == 2
        told = capsys.readouterr().err
        assert f"--model {other}: a file of this name is written already" in told and "reading" not in told
    assert sorted(folder.rglob("*")) == before


def test_nothing_is_written_into_a_folder_that_is_the_private_table(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "parts").mkdir()
    pd.read_csv("p.csv").to_parquet("parts/a.parquet", index=False)
    (folder / "here").symlink_to(folder / "parts")
    held = {path: path.read_bytes() for path in (folder / "parts").iterdir()}
    call = ["synthesize", "parts", *CALL[2:], "--output"]
    for extra in (
        ["parts/a.parquet", "--overwrite"],
        ["parts/b.csv"],
        ["here/b.csv"],
        ["m.csv", "--model", "parts/m.dpdsyn"],
        ["m.csv", "--private-page", "parts/../here/own.html"],
    ):
        assert main([*call, *extra]) == 2
        told = capsys.readouterr().err
        assert "lies in the folder parts, which is the private table" in told and "reading" not in told
    assert {path: path.read_bytes() for path in (folder / "parts").iterdir()} == held


def test_all_files_are_looked_at_before_one_is_replaced(folder: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--output", "m.csv", "--model", "m.dpdsyn"]) == 0
    before = Path("m.privacy.json").read_bytes()
    Path("m.html").unlink()
    (folder / "m.html").mkdir()
    assert main(["sample", "m.dpdsyn", "--output", "m.csv", "--overwrite"]) == 2
    assert "m.html is a folder" in capsys.readouterr().err and Path("m.privacy.json").read_bytes() == before


def test_numbers_of_ids_are_looked_at_before_anything_is_read(capsys: pytest.CaptureFixture) -> None:
    for number in ("-3", str(2**63 - 40), str(2**64)):
        for call in ([*CALL, "--output", "m.csv"], ["sample", "absent.dpdsyn", "--rows", "40", "--output", "m.csv"]):
            assert main([*call, "--first-id", number]) == 2
            told = capsys.readouterr().err
            assert f"dpdsyn: --first-id is {number}; " in told and "reading" not in told
    assert main([*CALL, "--output", "m.csv", "--first-id", str(2**63 - 41)]) == 0
    assert pd.read_csv("m.csv")["key"].iloc[-1] == 2**63 - 2


SPENT = "epsilon 8 and delta 1e-06 of this table are spent"


def test_rules_that_no_row_can_keep_are_told_with_what_was_spent(capsys: pytest.CaptureFixture) -> None:
    schema = SCHEMA.replace("{kind: integer, bounds: [18, 90], bins: 4}", "{kind: integer}")
    Path("p.yaml").write_text(f"constraints: [age >= 900]\n{schema}")
    call = [*CALL, "--output", "m.csv", "--no-preflight"]
    assert main(call) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "contradict each other" in told and told.endswith(f". No table was written, and {SPENT}") and "m.csv" not in written()
    assert main([*call, "--model", "m.dpdsyn"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith("No table was written; the fitted model, with its epsilon spent, is m.dpdsyn")
    assert written() == {"m.dpdsyn"}


def written() -> set[str]:
    return {path.name for path in Path().iterdir()} - {"p.csv", "p.yaml"}


def stopped(*given: Any, **named: Any) -> None:
    raise KeyboardInterrupt


def broken(*given: Any, **named: Any) -> None:
    raise ZeroDivisionError


def full(*given: Any, **named: Any) -> None:
    raise FileError("cannot write m.csv (No space left on device); nothing was left half written")


READ, FIT = "experiments.data.table_file.read_table", "dpdsyn.release.Release.fit"
WRITE, PRIVATE = "experiments.cli.synthesize.ReleaseFiles.write", "experiments.page.release_pages.Pages.write_private"
COUNT = "Nothing was written; rows were being learnt from, so epsilon 8 and delta 1e-06 of this table count as spent"


@pytest.mark.parametrize(
    ("place", "ends", "code", "told"),
    [
        (READ, stopped, 130, "dpdsyn: interrupted; nothing was written\n"),
        (FIT, stopped, 130, f"dpdsyn: interrupted; n{COUNT[1:]}\n"),
        (WRITE, stopped, 130, f"dpdsyn: interrupted; no table was written, and {SPENT}\n"),
        (PRIVATE, stopped, 130, f"dpdsyn: interrupted; m.csv was written, and {SPENT}\n"),
        (FIT, broken, 1, f"{COUNT}\n"),
        (WRITE, broken, 1, f"No table was written, and {SPENT}\n"),
        (WRITE, full, 2, f"nothing was left half written. No table was written, and {SPENT}\n"),
        (PRIVATE, full, 2, f". m.csv was written, and {SPENT}\n"),
    ],
)
def test_whatever_ends_the_command_is_told_with_what_was_spent(
    place: str, ends: Any, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(place, ends)
    assert main([*CALL, "--output", "m.csv", "--private-page", "own.html"]) == code
    said = capsys.readouterr().err
    assert told in said and "goes on from there" not in said and said.count("spent") <= 1
    assert written() == ({"m.csv", "m.html", "m.privacy.json"} if place == PRIVATE else set())


def test_an_interrupted_command_says_what_is_left_of_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("dpdsyn.base.saved.read", stopped)
    assert main(["sample", "m.dpdsyn", "--output", "m.csv"]) == 130
    assert capsys.readouterr().err == "dpdsyn: interrupted; nothing was written\n"
    monkeypatch.setattr("experiments.cli.run.run", stopped)
    assert main(["run"]) == 130
    assert capsys.readouterr().err.endswith("what was finished is kept, and the same command goes on from there\n")


@pytest.mark.parametrize("other", ["m.csv", "m.html", "m.privacy.json", "own.html", "m.dpdsyn"])
def test_what_somebody_made_meanwhile_is_not_replaced_unless_that_was_asked_for(
    other: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    fit = Release.fit

    def slow(self: Release, *given: Any, **named: Any) -> Release:
        fit(self, *given, **named)
        Path(other).write_text("theirs")
        return self

    monkeypatch.setattr(Release, "fit", slow)
    call = [*CALL, "--output", "m.csv", "--private-page", "own.html", "--model", "m.dpdsyn"]
    release, private, model = {"m.csv", "m.html", "m.privacy.json"}, {"own.html"}, {"m.dpdsyn"}
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert Path(other).read_text() == "theirs"
    named = {name.replace(".", "-2.", 1) for names in (release, private, model) if other in names for name in names}
    kept = {name for names in (release, private, model) if other not in names for name in names}
    assert written() == kept | named | {other}
    moved = other in release
    assert ("m.csv, its statement or its page was made by somebody else meanwhile" in err) == moved
    assert f"{'m-2' if moved else 'm'}.csv: 40 synthetic rows" in out and (not moved or len(pd.read_csv("m-2.csv")) == 40)
    assert all(name in out + err for name in named)
    assert main([*call, "--overwrite"]) == 0 and b"theirs" not in Path(other).read_bytes()


def test_rows_that_are_drawn_again_replace_nothing_either(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert main([*CALL, "--output", "m.csv.gz", "--model", "m.dpdsyn"]) == 0
    draw = Release.sample

    def slow(self: Release, *given: Any, **named: Any) -> pd.DataFrame:
        Path("n.csv.gz").write_text("theirs")
        return draw(self, *given, **named)

    monkeypatch.setattr(Release, "sample", slow)
    assert main(["sample", "m.dpdsyn", "--output", "n.csv.gz", "--rows", "7"]) == 0
    assert Path("n.csv.gz").read_text() == "theirs" and len(pd.read_csv("n-2.csv.gz")) == 7
    assert written() >= {"n-2.html", "n-2.privacy.json"} and not written() & {"n.html", "n.privacy.json"}
    assert "the rows are in n-2.csv.gz" in capsys.readouterr().err


def test_each_file_is_opened_by_its_own_class_and_the_other_says_so() -> None:
    assert main([*CALL, "--output", "m.csv", "--model", "m.dpdsyn"]) == 0
    with pytest.raises(InputError, match=r"m.dpdsyn holds a model of another class .*dpdsyn.release.Release.load\('m.dpdsyn'\)$"):
        DPDSyn.load("m.dpdsyn")
    quick = {"steps": 5, "pretraining": 10, "hidden": 2}
    DPDSyn(guide=quick, candidates="independent").fit(pd.read_csv("p.csv"), "p.yaml").save("own.dpdsyn")
    with pytest.raises(InputError, match=r"own.dpdsyn holds a model of another class; open it with dpdsyn.DPDSyn.load\("):
        Release.load("own.dpdsyn")
    meta, arrays = saved.read(Path("m.dpdsyn"))
    saved.write(Path("m.dpdsyn"), {name: value for name, value in meta.items() if name != "schema"}, arrays)
    with pytest.raises(InputError, match=r"m.dpdsyn holds no model of this version \(KeyError: 'schema'\)"):
        Release.load("m.dpdsyn")


def test_a_class_may_have_the_sign_of_equality_in_its_name() -> None:
    people = pd.read_csv("p.csv")
    people.assign(ill=people["ill"].map({"no": "<=50K", "yes": "a=b=c"})).to_csv("p.csv", index=False)
    Path("p.yaml").write_text(SCHEMA.replace('["no", "yes"]', '["<=50K", "a=b=c"]'))
    assert main([*CALL, "--output", "m.csv", "--balance", "<=50K=0.25,a=b=c=0.75"]) == 0
    assert pd.read_csv("m.csv")["ill"].value_counts().to_dict() == {"a=b=c": 30, "<=50K": 10}


@pytest.mark.parametrize("first", ["s.parquet", "s.csv"])
def test_rows_of_a_kept_model_have_the_types_of_the_file_that_it_was_made_of(first: str) -> None:
    age, ill = pa.array([20, 70] * 300, pa.int8()), pa.array(["no", "yes"] * 300).dictionary_encode()
    pq.write_table(pa.table({"age": age, "ill": ill}), "p.parquet")
    call = ["synthesize", "p.parquet", *CALL[2:]]
    assert main([*call, "--seed", "1", "--output", first, "--model", "s.dpdsyn"]) == 0
    assert main(["sample", "s.dpdsyn", "--output", "more.parquet", "--rows", "9"]) == 0
    types = {field.name: field.type for field in pq.read_schema("more.parquet")}
    assert types == {"key": pa.int64(), "age": pa.int8(), "ill": ill.type}
    if first == "s.parquet":
        assert types == {field.name: field.type for field in pq.read_schema(first)}


def test_a_missing_cell_and_the_width_of_codes_change_no_type_and_the_statement_names_what_is_assumed() -> None:
    written_as, missing = [], [20] * 599 + [None]
    for number, (age, codes) in enumerate([([20, 70] * 300, pa.int8()), (missing, pa.int16())]):
        ill = pa.array(["no", "yes"] * 300).dictionary_encode().cast(pa.dictionary(codes, pa.string()))
        pd.DataFrame({"age": age, "ill": ill.to_pandas()}).to_parquet("p.parquet")
        pq.write_table(pq.read_table("p.parquet").set_column(1, "ill", ill), "p.parquet")
        assert main(["synthesize", "p.parquet", *CALL[2:], "--no-preflight", "--output", f"{number}.parquet"]) == 0
        written_as.append(pq.read_schema(f"{number}.parquet").remove_metadata())
        assert TYPES_DECLARED in statement(str(number))["assumptions"]
    assert written_as[0].equals(written_as[1])


@pytest.mark.parametrize("how", ["by person", "held out"])
def test_the_statement_names_the_types_of_a_parquet_file_that_is_read_whole_and_published_as_text(how: str) -> None:
    pd.DataFrame({"age": [20.0, 70.5] * 300, "ill": ["no", "yes"] * 300, "who": range(600)}).to_parquet("p.parquet")
    raw = yaml.safe_load(Path("p.yaml").read_text())
    Path("p.yaml").write_text(
        yaml.safe_dump(raw | ({"person": "who", "max_rows_per_person": 1} if how == "by person" else {"ignore": ["who"]}))
    )
    more = [] if how == "by person" else ["--evaluate", ".1", "--hold-out", ".3"]
    assert main(["synthesize", "p.parquet", *CALL[2:], *more, "--no-preflight", "--output", "made.csv"]) == 0
    assert TYPES_DECLARED in statement("made")["assumptions"] and TYPES_OF_FRAME not in statement("made")["assumptions"]
    pd.read_parquet("p.parquet").to_csv("p.csv", index=False)
    assert main(["synthesize", "p.csv", *CALL[2:], *more, "--no-preflight", "--output", "text.csv"]) == 0
    assert not {TYPES_DECLARED, TYPES_OF_FRAME} & set(statement("text")["assumptions"])


def test_a_model_that_keeps_no_types_is_written_in_those_of_its_cells() -> None:
    assert main([*CALL, "--output", "s.csv", "--model", "s.dpdsyn"]) == 0
    assert main(["sample", "s.dpdsyn", "--output", "more.parquet"]) == 0
    assert pq.read_schema("more.parquet").field("age").type == pa.int64()
    model = Release.load("s.dpdsyn")
    model.owners_types = "bm9uc2Vuc2U="
    model.save("s.dpdsyn")
    assert main(["sample", "s.dpdsyn", "--output", "other.parquet"]) == 2
    assert not Path("other.parquet").exists()


WAITS = """
import sys, time
from experiments.cli.main import main
from experiments.page.release_pages import Pages

def wait(*_):
    print("writing", flush=True)
    time.sleep(60)

Pages.write = wait
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_whoever_asks_it_to_end_gets_nothing_half_written(number: signal.Signals) -> None:
    taken = f"import signal; signal.signal({int(number)}, signal.default_int_handler if {int(number)} == 2 else signal.SIG_DFL)"
    call = [sys.executable, "-c", f"{taken}\n{WAITS}", *CALL, "--output", "m.csv"]  # whatever this process ignores
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == "writing\n"
        assert list(Path().glob(".m.csv.*.part"))
        process.send_signal(number)
        assert process.wait(30) == 130
        assert process.stderr.read().endswith(f"dpdsyn: interrupted; no table was written, and {SPENT}\n")
    assert written() == set()


def test_what_is_kept_from_a_command_is_kept_from_it_still() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with as_interrupt():
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN and signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("output", ["s.csv", "s.parquet"])
def test_a_damaged_file_and_a_pipe_are_told_in_one_line(output: str, capsys: pytest.CaptureFixture) -> None:
    Path("bad.parquet").write_bytes(b"PAR1 not so PAR1")
    os.mkfifo("pipe")
    for table, told in (("bad.parquet", "bad.parquet cannot be read as Parquet"), ("pipe", "pipe is a pipe or a device")):
        assert main(["synthesize", table, *CALL[2:], "--output", output]) == 2
        said = capsys.readouterr().err
        assert f"dpdsyn: {told}" in said and said.count("\n") == 1
    assert written() == {"bad.parquet", "pipe"}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["--seed", "-1"], "--seed is -1; a whole number"),
        (["--rows", str(10**15)], "--rows is 1,000,000,000,000,000: as many rows"),
    ],
)
def test_what_no_sample_can_be_is_refused_before_a_model_is_opened(
    asked: list[str], told: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["sample", "absent.dpdsyn", "--output", "s.csv", *asked]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"dpdsyn: {told}") and said.count("\n") == 1
