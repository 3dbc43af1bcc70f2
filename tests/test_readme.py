"""The front page is short and works, and what any page names is there. That its numbers are the records': test_documents."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.paths import ROOT

from experiments.cli.main import parser
from experiments.configuration import options

README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "results" / "README.md").read_text()
_NOT_OURS = {"node_modules", "build", "dist", "tables", "runs", "mlartifacts"}
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.rglob("*.md")
    if not any(part in _NOT_OURS or (part[0] == "." and part != ".github") for part in path.relative_to(ROOT).parts)
)
HYDRAS = ("run", "retry", "audit")


# --- the front page works


def test_the_front_page_is_short() -> None:
    assert len(README.split()) <= 1300
    assert len(re.sub(r"<!-- generated: .*?<!-- end -->", "", RESULTS, flags=re.DOTALL).split()) <= 1500


@pytest.mark.slow
def test_the_lines_of_python_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    people = pd.DataFrame({"age": rng.integers(18, 90, 400), "income": rng.choice(["low", "high"], 400)})
    people.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.yaml").write_text(
        "target: income\nrows_public: 400\ncolumns:\n  age: {kind: integer, bounds: [0, 110], bins: 10}\n"
        "  income: {kind: categorical, categories: [low, high]}\n"
    )
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(block, names)
    synthetic = names["synthetic"]
    assert isinstance(synthetic, pd.DataFrame) and len(synthetic) == 10_000 and set(synthetic["income"]) <= {"low", "high"}
    assert "epsilon" in capsys.readouterr().out and (tmp_path / "people.dpdsyn").is_file()


def test_the_workflow_runs_the_two_commands() -> None:
    workflow = (ROOT / ".github" / "workflows" / "tests.yml").read_text()
    commands = [block for block in re.findall(r"```sh\n(.*?)\n```", README) if block.startswith("python3 -m venv")]
    assert len(commands) == 2
    assert [command for command in commands if command not in workflow] == []


# --- what any page names is there


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def code(text: str) -> str:
    """What stands between backticks, a span a line, and in fenced blocks."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))])


def commands(text: str) -> Iterator[list[str]]:
    """The words after `dpdsyn` of each command that is typed somewhere in the text."""
    for line in code(text).replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|>| # ", line):
            found = re.match(r"\s*(?:\.venv/bin/)?dpdsyn ([a-z].*)", part)
            if found:
                yield shlex.split(found[1].replace("...", ""))


def accepted(whole: argparse.ArgumentParser, words: list[str]) -> bool:
    """Whether the parser has these commands and flags; arguments that are required need not be there."""
    groups = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    if groups and words:
        return words[0] in groups[0].choices and accepted(groups[0].choices[words[0]], words[1:])
    flags = {flag for action in whole._actions for flag in action.option_strings}
    return {word.split("=")[0] for word in words if word.startswith("--")} <= flags


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    here = (ROOT / page).parent
    for link in re.findall(r"\]\(([^)\s]+)\)", read(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (here / path).resolve() if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_those_of_the_parser(page: str) -> None:
    for words in commands(read(page)):
        if words[0] not in HYDRAS:
            assert accepted(parser(), words), words
            continue
        for group, names in (word.split("=", 1) for word in words if re.match(r"(dataset|synthesizer|experiment)=[a-z]", word)):
            own = ROOT / words[words.index("--config-dir") + 1] if "--config-dir" in words else None
            assert set(names.split(",")) - {"my_method", "mine"} <= set(options(group, own)), words
    assert set(re.findall(r"experiment=([a-z_]+)\b(?!=)", read(page))) <= set(
        options("experiment", ROOT / "experiments/examples/conf")
    )


@pytest.mark.parametrize("page", PAGES)
def test_modules_files_and_sessions_are_there(page: str) -> None:
    text = read(page)
    modules = [name.rstrip(".") for name in re.findall(r"python -m ([a-z_.]+)", text)]
    assert [name for name in modules if name not in ("venv",) and find_spec(name) is None] == []
    sessions = set(re.findall(r"^def ([a-z]+)\(session", read("noxfile.py"), re.MULTILINE))
    assert set(re.findall(r"nox -s ([a-z]+)", text)) <= sessions
    paths = re.findall(r"(?<![\w/.])((?:dpdsyn|baselines|experiments|conf|tests)/[\w./-]+)", code(text))
    named = [path for path in paths if not re.search(r"[A-Z]{3}|my_", path)]
    assert [path for path in named if not any((place / path).exists() for place in (ROOT, (ROOT / page).parent))] == []
    files = set(re.findall(r"(?<![\w/.-])(\w+\.py)\b", code(text)))
    below = {path.name for folder in ("dpdsyn", "baselines", "experiments", "tests") for path in (ROOT / folder).rglob("*.py")}
    assert files - below - {"my_method.py", "noxfile.py"} == set()
