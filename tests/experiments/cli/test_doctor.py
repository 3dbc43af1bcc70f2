"""`dpdsyn doctor`: what it prints, from the schema alone, and what it refuses in one line."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dpdsyn import Schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.quality import expectations
from dpdsyn.synthesizer import load
from experiments.cli.main import main
from experiments.publishing import chosen

CODES = ", ".join(f"c{i}" for i in range(3000))
SCHEMA = f"""\
target: ill
rows_public: 4000
columns:
  code: {{kind: categorical, categories: [{CODES}]}}
  sex: {{kind: categorical, categories: [f, m]}}
  ward: {{kind: categorical}}
  ill: {{kind: categorical, categories: ["no", "yes"]}}
"""


@pytest.fixture
def schema(tmp_path: Path) -> str:
    path = tmp_path / "people.yaml"
    path.write_text(SCHEMA)
    return str(path)


def test_the_verdict_comes_first_then_columns_advice_other_budgets_and_cost(
    schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--schema", schema, "--epsilon", "1", "--delta", "1e-8"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0].endswith("people.yaml: epsilon 1, delta 1e-08, about 4,000 rows.") and "no table was opened" in lines[1]
    assert lines[3].startswith("This should work, but not for every column. 2 of 4 columns") and "drowned in it: code" in lines[3]
    words = {line.split()[0]: line.split() for line in lines if line}
    assert words["code"][-1] == "lost" and words["ward"][-3:] == ["clear", "to", "lost"]
    assert float(words["sex"][-4]) == pytest.approx(40, abs=15)  # the noise
    assert sum(line.startswith("- ") for line in lines) == 3
    table = [line.split() for line in lines[lines.index("Another epsilon:") + 2 :][:4]]
    assert [row[0] for row in table] == ["0.5", "1", "2", "4"]
    noises = [float(row[1]) for row in table]
    assert noises == sorted(noises, reverse=True) and 1.7 < noises[0] / noises[1] < 2.2
    assert lines[-1].startswith("It will take some ") and "4,000 rows x 4 columns" in lines[-1]


def test_budgets_beyond_any_protection_are_not_offered(
    schema: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    same = expectations.rehearsed(Schema.from_yaml(schema), 8.0, 1e-6, 4000)
    monkeypatch.setattr(expectations, "rehearsed", lambda *_: same)  # which takes long for a large epsilon
    assert main(["doctor", "--schema", schema, "--epsilon", "60", "--rows", "4000"]) == 0
    out = capsys.readouterr().out
    assert "\n30 " in out and "\n60 " in out and "\n120 " not in out and "CAUTION: epsilon 60 is above 10" in out


def test_no_epsilon_takes_long(schema: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is worked out is the noise of 100 at most; of a larger one that is said."""
    real, asked = expectations.rehearsed, []
    monkeypatch.setattr(
        expectations, "rehearsed", lambda known, epsilon, *more: asked.append(epsilon) or real(known, epsilon, *more)
    )  # type: ignore[func-returns-value]
    begun = time.process_time()
    assert main(["doctor", "--schema", schema, "--epsilon", "1e9"]) == 0
    assert asked == [expectations.MOST] and time.process_time() - begun < 10
    out = capsys.readouterr().out
    assert "epsilon 1e+09, delta" in out and "noise below is that of epsilon 100" in out and "\n5e+08" not in out
    sex = next(line.split() for line in out.splitlines() if line.startswith("sex "))
    assert float(sex[-4]) < 2 and sex[-1] == "clear"


@pytest.mark.parametrize("method", ["mst", "aim_target", "independent", "swift", "dpdsyn"])
def test_a_method_whose_counts_are_fixed_beforehand_has_its_own_noise(
    method: str, schema: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.cli.doctor._OTHERS", ())
    assert main(["doctor", "--schema", schema, "--epsilon", "1", "--method", method]) == 0
    out, err = capsys.readouterr()
    assert err == "" and f"about 4,000 rows, by the method {method}." in out
    own = {line.split()[0]: float(line.split()[-4]) for line in out.splitlines() if line.startswith(("sex ", "ill "))}
    asked: dict[str, float] = {}

    def told(self: PrivateTable, queries: Sequence[Query], sigmas: Sequence[float]) -> None:
        asked.update(zip((name for (name,) in queries), sigmas, strict=True))
        raise StopIteration

    closed = replace(Schema.from_yaml(schema).select(["sex", "ill", "code"]), rows_public=4000)
    monkeypatch.setattr(PrivateTable, "noisy_marginals", told)
    found = chosen(method)
    with pytest.raises(StopIteration):
        load(found.target)(**found.parameters).fit(
            PrivateTable(np.zeros((5, 3), dtype=np.uint16), closed, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(0)),
            np.random.default_rng(0),
        )
    for name, noise in own.items():  # four columns, one of which is learnt, instead of three
        assert noise == pytest.approx(asked[name] * np.sqrt(4 / 3), rel=0.15), name


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("mwem", "does not count"),
        ("quail", "does not count ill at first"),
        ("uniform", "counts nothing"),
        ("real", "--method real is not published"),
        ("nothing", "nothing"),
    ],
)
def test_of_a_method_whose_noise_is_open_that_is_said_in_one_line(
    method: str, message: str, schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--schema", schema, "--epsilon", "1", "--method", method]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("dpdsyn: ") and err.count("\n") == 1 and message in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epsilon", "0"], "epsilon is 0.0"),
        (["--epsilon", "nan"], "epsilon is nan"),
        (["--epsilon", "1", "--delta", "1"], "delta is 1.0"),
        (["--epsilon", "1", "--rows", "-3"], "rows is -3"),
        (["--epsilon", "1", "--rows", str(10**22)], "--rows is 10000000000000000000000; about how many rows there are, at most"),
        (["--epsilon", "1", "--target", "sex"], "the schema's target is 'ill'"),
        (["--epsilon", "1", "--evaluate", "1.5"], "1.5; a number between 0 and 1"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    options: list[str], message: str, schema: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--schema", schema, *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("dpdsyn: ") and err.count("\n") == 1 and message in err


def test_a_schema_that_is_not_there_is_one_line_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--schema", str(tmp_path / "none.yaml"), "--epsilon", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
