"""What all commands refuse: a flag given twice or cut short, and an empty value."""

from __future__ import annotations

import pytest

from dpdsyn.base.checks import InputError
from experiments.cli.main import main, parser
from experiments.cli.parts.parser import Parser

PUBLISH = ["synthesize", "a.csv", "--schema", "a.yaml", "--output", "b.csv", "--epsilon", "1"]


@pytest.mark.parametrize(
    "arguments",
    [
        [*PUBLISH, "--epsilon", "2"],
        [*PUBLISH, "--output=c.csv"],
        [*PUBLISH, "--schema", "c.yaml"],
        [*PUBLISH, "--rows", "1", "--rows", "2"],
        ["records", "--format", "csv", "--format", "jsonl"],
        ["doctor", "--schema", "a.yaml", "--epsilon", ".5", "--epsilon", "3"],
        ["tables", "--dataset", "adult", "--dataset", "acs"],
        ["audit", "--plan", "a", "--plan", "b"],
        ["audit", "--domains", "--runs", "2", "--runs", "4"],
    ],
)
def test_a_flag_given_twice_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "is given more than once" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["tables", "--dataset", ""], "--dataset"),
        (["tables", "--methods="], "--methods"),
        (["merge", ""], "DIR"),
        (["doctor", "--schema", "", "--epsilon", "1"], "--schema"),
        ([*PUBLISH[:4], "--output", "", "--epsilon", "1"], "--output"),
    ],
)
def test_an_empty_value_is_refused(arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    or_else = ", or leave it out" if what.startswith("--") else ""
    assert capsys.readouterr().err == f"dpdsyn: {what} is empty; a value is needed{or_else}\n"


@pytest.mark.parametrize(
    "arguments", [["doctor", "--schema", "a.yaml", "--eps", "3"], [*PUBLISH, "--over"], ["tables", "--work"]]
)
def test_a_flag_is_written_out(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2


def test_what_may_be_repeated_is_and_another_command_begins_anew() -> None:
    whole = parser()
    given = whole.parse_args([*PUBLISH, "--missing", "", "--missing", "?", "--set", "a=1", "--set", "b=2"])
    assert given.missing == ["", "?"] and given.changes == ["a=1", "b=2"]
    assert whole.parse_args([*PUBLISH]).epsilon == 1
    own = Parser()
    own.add_argument("--shown", action="store_true")
    assert own.parse_args(["--shown", "--shown"]).shown
    with pytest.raises(InputError, match="--shown is given more than once"):
        own = Parser()
        own.add_argument("--shown")
        own.parse_args(["--shown", "a", "--shown", "a"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "reproduce --sample x",
            "dpdsyn reproduce: argument --sample: invalid int value: 'x'; dpdsyn reproduce --help tells of it",
        ),
        (
            "tables --epsilon x",
            "dpdsyn tables: argument --epsilon: 'x' is no list of numbers, as 0.5,1; dpdsyn tables --help tells",
        ),
        ("list foo", "dpdsyn list: unrecognized arguments: foo; dpdsyn list --help tells of it"),
        ("data verify --bar", "dpdsyn data verify: unrecognized arguments: --bar; dpdsyn data verify --help tells of it"),
        ("nosuch", "dpdsyn: argument COMMAND: invalid choice: 'nosuch' (choose from "),
        ("--foo", "dpdsyn: unrecognized arguments: --foo; dpdsyn --help tells of it"),
        ("--foo list", "dpdsyn: unrecognized arguments: --foo; dpdsyn --help tells of it"),
        ("", "dpdsyn: the following arguments are required: COMMAND; dpdsyn --help tells of it"),
        ("data", "dpdsyn data: the following arguments are required: ACTION; dpdsyn data --help tells of it"),
        ("merge", "dpdsyn merge: the following arguments are required: DIR; dpdsyn merge --help tells of it"),
        ("check", "dpdsyn check: the following arguments are required: METHOD or MODULE:CLASS; dpdsyn check --help tells of it"),
        ("audit --plan", "dpdsyn audit: argument --plan: expected at least one argument; dpdsyn audit --help tells of it"),
    ],
)
def test_what_argparse_refuses_is_one_line_without_the_usage(
    arguments: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments.split())
    told = capsys.readouterr()
    assert refused.value.code == 2 and told.err.startswith(said) and told.err.count("\n") == 1 and not told.out
