"""What the READMEs say is what the tables say, and what they name is there."""

from __future__ import annotations

import argparse
import csv
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
from experiments.report.roles import RIVAL
from experiments.report.tables.equivalence import MARGIN
from experiments.sweep.request import inspect_request

Row = dict[str, str]
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "results" / "README.md").read_text()
_NOT_OURS = {"node_modules", "build", "dist", "tables", "runs", "mlartifacts"}
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.rglob("*.md")
    if not any(part in _NOT_OURS or (part[0] == "." and part != ".github") for part in path.relative_to(ROOT).parts)
)
FIVE = ("adult", "acs", "acs_binary", "smoking", "br2000")
BUDGETS = ("0.2", "0.8", "3.2")
HYDRAS = ("run", "retry", "audit")


# --- numbers: as in results/tables, which other tests hold to the records


_OLDER = re.compile(r" \((\d+) of \1 from an older version\)")  # the README says so of all its numbers


def table(name: str, title: str) -> list[Row]:
    """The rows of one table of a file of results/tables."""
    with (ROOT / "results" / "tables" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        found = [
            {key: _OLDER.sub("", cell) for key, cell in row.items()} for row in csv.DictReader(file) if row["table"] == title
        ]
    assert found, (name, title)
    return found


def of(rows: list[Row], method: str) -> Row:
    (row,) = (row for row in rows if row["method"] == method)
    return row


def accuracy(dataset: str, epsilon: str) -> list[Row]:
    return table("accuracy", f"{dataset}, epsilon {epsilon}, delta 1e-06: accuracy")


def two_way(epsilon: str) -> list[Row]:
    return table("overview", f"epsilon {epsilon}, delta 1e-06: mean 2-way TVD")


def against_dpdsyn(dataset: str, epsilon: str) -> list[Row]:
    rows = table("comparison", f"{dataset}, delta 1e-06: accuracy against dpdsyn")
    return [row for row in rows if row["epsilon"] == epsilon]


def best_of_the_others(dataset: str, epsilon: str) -> Row:
    others = [row for row in against_dpdsyn(dataset, epsilon) if not row["method"].startswith("dpdsyn")]
    return max(others, key=lambda row: float(row["difference"]))


def shown(text: str, words: str) -> list[Row]:
    """The Markdown table that follows these words."""
    lines = text.split(words, 1)[1].split("\n\n|", 1)[1].split("\n\n", 1)[0].splitlines()
    header, _, *rows = [[cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")] for line in lines]
    return [dict(zip(header, row, strict=True)) for row in rows]


def says(words: str, text: str = README) -> None:
    """Hold the text to these words, whatever lines they are broken into."""
    assert words in " ".join(text.split()), words


def three(value: str | float) -> str:
    """A share as it is written in sentences: .853."""
    return f"{float(str(value).split(' ')[0]):.3f}".removeprefix("0")


def test_the_first_table_is_that_of_the_first_command() -> None:
    known, took = accuracy("adult", "1"), table("time", "adult, epsilon 1, delta 1e-06: synthesis time")
    rows = shown(README, "## Compare methods")
    assert len(rows) == 8 and list(rows[0]) == ["method", "guarantee", "accuracy", "mean 2-way TVD", "seconds"]
    assert {row["seeds"] for row in known} == {"3"}
    assert {"real", "independent", "guide_only", "dpdsyn"} < {row["method"] for row in rows}
    planned = inspect_request(["-m", "experiment=quickstart"]).axes["synthesizer"]
    says(f"these rows and {['ten', 'eleven', 'twelve', 'thirteen', 'fourteen'][len(planned) - len(rows) - 10]} more")
    order = [row["method"] for row in known]
    assert [row["method"] for row in rows] == sorted((row["method"] for row in rows), key=order.index)
    for row in rows:
        found = of(known, row["method"])
        assert {column: row[column] for column in list(row)[:4]} == {column: found[column] for column in list(row)[:4]}
        assert row["seconds"] == f"{float(of(took, row['method'])['total s']):.2f}", row["method"]


def test_the_shares_of_real_rows() -> None:
    rows = shown(README, "## What the runs say")
    assert [row[""] for row in rows] == list(FIVE)
    seeds = set()
    for row in rows:
        for column, epsilon in zip(("epsilon 0.2", "0.8", "3.2"), BUDGETS, strict=True):
            ours, theirs = (of(accuracy(row[""], epsilon), method) for method in ("dpdsyn", "mst"))
            assert row[column] == f"{ours['of real']} ({theirs['of real']})", (row[""], epsilon)
            seeds |= {(row[""] in ("adult", "br2000"), found["seeds"]) for found in (ours, theirs)}
    assert seeds == {(True, "10"), (False, "5")}
    says("over five seeds, ten on adult and br2000")


def test_the_best_of_the_other_methods() -> None:
    for row in shown(RESULTS, "## Findings"):
        dataset, *cells = row.values()
        for epsilon, cell in zip(BUDGETS, cells, strict=True):
            best = best_of_the_others(dataset, epsilon)
            mark = f" {best['']}" if best[""] else ""
            assert cell == f"{best['difference']}{mark} {best['method']} ({best['seeds']})", (dataset, epsilon)
    differences = [float(best_of_the_others(dataset, epsilon)["difference"]) for dataset in FIVE for epsilon in BUDGETS]
    says(f"the best of them is from {three(-min(differences))} less to {three(max(differences))} more accurate than DPDSyn")


def test_times_measured_alone() -> None:
    adult, acs = (table("efficiency", f"{dataset}, epsilon 1, delta 1e-06: time and memory") for dataset in ("adult", "acs"))

    def times(method: str) -> tuple[str, str]:
        return of(adult, method)["total / dpdsyn"], of(acs, method)["total / dpdsyn"]

    says("AIM takes {} times as long on Adult and {} times on ACS".format(*times("aim")))
    says("PrivMRF {} and {} times, MST {} and {} times.".format(*times("privmrf"), *times("mst")))


def test_the_papers_claims_are_held_against_the_largest_ratios() -> None:
    claims = {row["claim"]: row for row in table("headline", "The paper's claims")}
    learnt = next(row for claim, row in claims.items() if "learnt something" in claim)
    alone = claims["largest ratio of synthesis time over a baseline, measured alone"]
    says(f"It has {learnt['paper']} the accuracy and {alone['paper']} the speed of a baseline")
    says(f"one that learns at all are {learnt['here']} and, measured alone, {alone['here']}")


def test_where_dpdsyn_loses() -> None:
    mwem, aim = of(against_dpdsyn("liver", "0.8"), "mwem"), of(against_dpdsyn("liver_published", "3.2"), "aim_target")
    assert mwem[""] == aim[""] == "▲"
    ahead, published = three(mwem["difference"]), three(aim["difference"])
    says(f"on `liver` MWEM is {ahead} ahead at 0.8, on `liver_published` `aim_target` {published} at 3.2, both significantly")


def test_what_it_gives_up() -> None:
    sex = accuracy("adult, predicting sex (off-task)", "3.2")
    ours, privmrf, real = (three(of(sex, method)["accuracy"]) for method in ("dpdsyn", "privmrf", "real"))
    assert ours == three(of(sex, "independent")["accuracy"])
    says(f"({ours} at 3.2; PrivMRF's {privmrf}, real ones {real})")
    both = [
        next(row for row in table("settings", f"{title}, delta 1e-06: settings of dpdsyn") if "sex" in row["settings"])
        for title in ("adult, predicting sex (off-task)", "adult")
    ]
    says("they reach {} at epsilon 1, and income stays at {}.".format(*(three(row["accuracy at 1"]) for row in both)))
    known = accuracy("adult", "1")
    ours, real = (three(of(known, method)["positive rate"]) for method in ("dpdsyn", "real"))
    says(f"(a positive rate of {ours}, in truth {real})")


def test_how_far_pairs_of_columns_are_off() -> None:
    def ratios(method: str) -> list[float]:
        return [float(of(two_way(e), method)[d]) / float(of(two_way(e), "mst")[d]) for d in FIVE for e in BUDGETS]

    ours, from_mst = ratios("dpdsyn"), ratios("dpdsyn_mst")
    says(f"Pairs of columns are {min(ours):.1f} to {max(ours):.1f} times as far off as MST's")
    says(f"is {min(from_mst):.2f} to {max(from_mst):.2f} times as far off as MST.".replace("is 0.", "is ."))
    far = two_way("3.2")
    private = [row for row in far if row["method"] not in ("real", "dpdsyn_as_published") and row["acs_binary"] not in ("", "-")]
    best = min(private, key=lambda row: float(row["acs_binary"]))["acs_binary"]
    says(f"on acs_binary at 3.2, {of(far, 'dpdsyn')['acs_binary'][1:]}; the best has {best[1:]}.", RESULTS)
    assert all(
        float(of(two_way(e), "independent")["acs_binary"]) < float(of(two_way(e), "dpdsyn")["acs_binary"]) for e in BUDGETS
    )


def test_equivalence_with_the_rival_is_claimed_nowhere_that_it_is_not_shown() -> None:
    def rival(epsilon: str, measure: str) -> Row:
        return of(table("equivalence", f"epsilon {epsilon}, delta 1e-06: {measure}, pooled"), f"{RIVAL} (named beforehand)")

    assert all(rival(epsilon, "accuracy")[f"within {MARGIN:g}"] == "not shown" for epsilon in BUDGETS)
    says(f"with `{RIVAL}`, named beforehand, equivalence within {f'{MARGIN:g}'[1:]} is shown at no budget")
    ahead = rival("0.2", "balanced accuracy")
    assert ahead[f"within {MARGIN:g}"] == "no: more"
    says(f"by balanced accuracy it leads by {three(ahead['difference'])} at 0.2")


def test_published_numbers_that_were_checked() -> None:
    with (ROOT / "results" / "tables" / "published.csv").open(encoding="utf-8", newline="") as file:
        checked = [row for row in csv.DictReader(file) if row.get("seeds") not in (None, "", "0")]
    assert not [row["what"] for row in checked if row[""] not in ("the same", "ours is better")]
    says(f"Of {len(checked)} published numbers that were checked, none is better than ours by more than .01", RESULTS)


def test_accuracy_against_rows() -> None:
    rows = table("scale", "acs, epsilon 1, delta 1e-06: accuracy against rows")
    few, many = ([three(of(rows, method)[count]) for method in ("dpdsyn", "aim")] for count in ("2,000", "163,000"))
    says("models reach {} on DPDSyn's rows and {} on AIM's, on 163,000 rows {} and {}.".format(*few, *many), RESULTS)


# --- the front page works


def test_the_front_page_is_short() -> None:
    assert len(README.split()) <= 1300
    assert len(RESULTS.split()) <= 1500


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
