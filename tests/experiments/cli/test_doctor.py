"""`dpdsyn doctor`: what it prints, from the schema alone, and what it refuses in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdsyn import Schema, expectations
from experiments.cli.main import main

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
    assert lines[3].startswith("This should work, but not for every column. 3 of 4 columns") and "drowned in it: code" in lines[3]
    words = {line.split()[0]: line.split() for line in lines if line}
    assert words["code"][-1] == "lost" and words["ward"][-1] == "clear"
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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epsilon", "0"], "epsilon is 0.0"),
        (["--epsilon", "nan"], "epsilon is nan"),
        (["--epsilon", "1", "--delta", "1"], "delta is 1.0"),
        (["--epsilon", "1", "--rows", "-3"], "rows is -3"),
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
