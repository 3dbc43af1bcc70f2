"""A method that says or does what it should not is a record on one printable line, or is refused before any run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.configuration import composed
from builders.records import record
from hydra import initialize_config_dir

from dpdsyn.base.checks import InputError
from experiments.cli.main import main
from experiments.configuration import config_dir
from experiments.records.printable import MOST, MOST_OF_AN_ERROR, one_line
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.run import Run, execute
from experiments.sweep.progress import line_of

SMALL = ("dataset=simulated", "dataset.generator.rows=300", "dataset.generator.test_rows=200")
METHODS = """\
import numpy as np

from dpdsyn.candidates import Uniform


class Raising(Uniform):
    def __init__(self, how="", skips=None):
        self.how, self.skips = how, skips

    def skip(self, schema, budget):
        return self.skips

    def fit(self, private, rng):
        self.report("one\\nstep \\ud800" + "x" * 5000)
        raise {"half": ValueError("a \\ud800 b"), "long": ValueError("x" * 5_000_000 + "\\nend"), "mute": Mute(),
               "lines": ValueError("one\\n  two\\r\\n\\n\\x1b[31mthree\\x00"), "memory": MemoryError("a\\nb\\udfff")}[self.how]


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("nothing to say")


class Texts(Uniform):
    version = "1.0"


class Truth(Uniform):
    version = True


class Number(Uniform):
    version = np.int64(1)


class Everything(Uniform):
    spends = "everything"


class Guessing(Uniform):
    def predict_proba(self, encoded):
        encoded[:] = 0
        return np.tile([0.25, 0.75], (len(encoded), 1))
"""


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "broken_by_me.py").write_text(METHODS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path / "results"))
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        yield


def run(name: str, **parameters: Any) -> Run:
    config = composed(*SMALL, "synthesizer=uniform")
    return Run.of({**config, "synthesizer": {"name": name.lower(), "_target_": f"broken_by_me.{name}", **parameters}})


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("half", "ValueError: a \ufffd b (broken_by_me.py, line "),
        ("lines", "ValueError: one two \ufffd[31mthree\ufffd (broken_by_me.py, line "),
        ("long", f"ValueError: {'x' * MOST} [and 4,999,004 characters more] (broken_by_me.py, line "),
        ("mute", "Mute: (what it says cannot be read: RuntimeError) (broken_by_me.py, line "),
        ("memory", "a b\ufffd"),
    ],
)
def test_whatever_a_method_raises_is_one_printable_line_and_its_trace_has_all(how: str, said: str) -> None:
    traces: list[str] = []
    phases: list[str] = []
    made = execute(run("Raising", how=how), trace=traces.append, enter=phases.append)
    assert made.status == ("out_of_memory" if how == "memory" else "failed")
    assert str(made.error).startswith(said) and len(made.error or "") < MOST_OF_AN_ERROR
    for text in (str(made.error), *phases, line_of("a run", made)):
        assert "\n" not in text and "\x1b" not in text and text.encode()
    assert all(len(phase) < 300 for phase in phases) and phases[-1].startswith("fit, one step \ufffdxxx")
    if how == "long":
        assert "x" * 5_000_000 + "\nend" in traces[0]


def test_a_reason_to_skip_is_a_text() -> None:
    made = execute(run("Raising", skips=True))
    assert made.status == "failed" and "gave True; it gives a reason as text, or None if the method can run" in str(made.error)
    assert str(made.error).startswith("ContractError: `skip` of raising ")
    skipped = execute(run("Raising", skips="too\nwide \ud800"))
    assert (skipped.status, skipped.error) == ("skipped", "too wide \ufffd")
    assert execute(run("Raising", how="half", skips="")).status == "failed", "an empty reason is none"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Texts", "synthesizer texts: version is '1.0'; a whole number is needed"),
        ("Truth", "synthesizer truth: version is True; a whole number is needed"),
        ("Number", r"synthesizer number: version is np.int64\(1\); a whole number is needed"),
        ("Everything", "synthesizer everything: spends is 'everything'; accepted: gaussian, zcdp, nothing"),
    ],
)
def test_a_class_that_no_record_could_tell_of_is_refused_before_anything_runs(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        run(name)
    assert "\n" not in str(refused.value)


def test_a_method_that_changes_the_rows_that_it_predicts_is_judged_by_the_rows_that_there_are() -> None:
    made = execute(run("Guessing"))
    assert made.status == "ok" and 0.3 < float(made.metrics["guide"]["accuracy"] or 0) < 0.7, "it always says the second class"


def old(run_id: str, error: str) -> Record:
    """A failed run as earlier versions recorded it."""
    return record(run_id, status="failed", error=error, metrics={}, fidelity={}, dataset={"name": "caf\udce9.csv"})


@pytest.mark.parametrize("command", [["status", "--once"], ["records", "--format", "csv"], ["records", "--format", "jsonl"]])
def test_records_of_before_are_shown_whatever_they_say(
    command: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    store = Store(tmp_path / "results")
    store.prepare()
    for made in (old("a", "ValueError: \ud800"), old("b", f"two\nlines and {'y' * 100_000}"), record("c")):
        store.write(made)
    assert "\\ud800" in (store.records / "a.json").read_text()
    assert main(command) == 0
    shown, said = capfd.readouterr()
    mark = "\\ufffd" if "jsonl" in command else "\ufffd"
    assert f"ValueError: {mark}" in shown and f"caf{mark}.csv" in shown and said == ""
    if command[0] == "status":
        assert "two lines and yyy" in shown and max(map(len, shown.splitlines())) < 2 * MOST_OF_AN_ERROR


def test_a_record_of_before_is_read_with_marks_and_one_with_whole_letters_as_it_is() -> None:
    assert Record.from_json(old("a", "\ud800").to_json()).error == "\ufffd"
    assert Record.from_json(old("a", "\ud800").to_json()).dataset.name == "caf\ufffd.csv"
    whole = record("a", status="failed", error="\U0001f600 and \x07 stay")
    assert Record.from_json(whole.to_json()) == whole


@pytest.mark.parametrize("say", [str, ValueError])
def test_one_line_says_what_was_said(say: Callable[[str], object]) -> None:
    assert one_line(say("short")) == "short" and one_line(say("")) == "" and one_line(say(" a\n\tb ")) == "a b"
    assert one_line(say("z" * (MOST + 1))) == "z" * MOST + " [and 1 characters more]" and one_line(None) == "None"
