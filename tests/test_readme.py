"""What the READMEs say is what the records say, and what they name is there."""

from __future__ import annotations

import re
from importlib.util import find_spec
from statistics import fmean

import pytest
from builders.paths import ROOT

from experiments.records.export import read_export
from experiments.report.comparison import pairs
from experiments.report.grouped import Case, Dataset, View
from experiments.report.tables import accuracy, headline, time

README = (ROOT / "README.md").read_text()
PAGES = {"README.md": README, "results/README.md": (ROOT / "results" / "README.md").read_text()}


@pytest.fixture(scope="module")
def swept() -> View:
    """As in the tables: of sweeps, with default settings, judged by the target."""
    return View.of(read_export(ROOT / "results")).swept.plain.of_groups(lambda group: group.case.dataset.is_usual)


def table_after(words: str) -> list[dict[str, str]]:
    """The Markdown table that follows these words, a dict a row."""
    lines = [line for line in README.split(words, 1)[1].split("\n\n|", 1)[1].split("\n\n", 1)[0].splitlines() if line.strip()]
    header, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_the_first_table_is_that_of_the_first_command(swept: View) -> None:
    there = swept.where(lambda record: record.dataset.name == "adult" and record.privacy.epsilon == 1.0)
    (accuracies,), (times,) = accuracy.build(there), time.build(there)
    known = {row[0]: dict(zip(accuracies.columns, row, strict=True)) for row in accuracies.rows}
    took = {row[0]: dict(zip(times.columns, row, strict=True)) for row in times.rows}
    shown = table_after("Adult at epsilon 1, delta 1e-6")
    assert {row["method"] for row in shown} == {record.method.name for record in there.records}
    names = {"AUROC": "auroc", "label share": "positive rate", "two-way error": "mean 2-way TVD"}
    for row in shown:
        found = known[row["method"]]
        for column in set(row) - {"method", "seconds"}:
            assert row[column] == found[names.get(column, column)], (row["method"], column)
        assert row["seconds"] == f"{float(took[row['method']]['total s']):.2f}", row["method"]


def test_the_shares_of_real_rows_are_those_of_the_records(swept: View) -> None:
    def mean(dataset: str, method: str, epsilon: float) -> float:
        values = {
            record.seed: record.mean("accuracy")
            for record in swept.records
            if (record.dataset.name, record.method.name, record.privacy.epsilon) == (dataset, method, epsilon) and record.seed < 5
        }
        assert set(values) == set(range(5)) and None not in values.values()
        return fmean(value for value in values.values() if value is not None)

    for row in table_after("Five tables, three budgets, five seeds"):
        dataset = row["accuracy / real, DPDSyn (MST)"]
        for column, epsilon in (("epsilon 0.2", 0.2), ("0.8", 0.8), ("3.2", 3.2)):
            ours, theirs = (mean(dataset, method, epsilon) / mean(dataset, "real", epsilon) for method in ("dpdsyn", "mst"))
            assert row[column] == f"{ours:.1%} ({theirs:.1%})", (dataset, epsilon)


def test_the_best_of_the_other_methods_are_those_of_the_records(swept: View) -> None:
    found = pairs(swept)
    for row in table_after("less DPDSyn's"):
        dataset, *cells = row.values()
        for epsilon, cell in zip((0.2, 0.8, 3.2), cells, strict=True):
            others = [pair for pair in found[Case(Dataset(dataset), epsilon, 1e-6)] if pair.method.about.family != "dpdsyn"]
            best = max(others, key=lambda pair: pair.difference.mean)
            mark = f" {best.mark}" if best.mark else ""
            assert cell == f"{best.difference.mean:+.3f}{mark} {best.method} ({best.difference.seeds})", (dataset, epsilon)


def test_the_claims_are_held_against_the_largest_ratios() -> None:
    (table,) = headline.build(View.of(read_export(ROOT / "results")))
    here = {row[0]: row[2] for row in table.rows}
    learnt = next(ratio for claim, ratio in here.items() if "learnt something" in claim)
    alone = here["largest ratio of synthesis time over a baseline, measured alone"]
    assert f"{learnt} and, each alone on the machine, {alone}" in README.replace("\n", " ")


@pytest.mark.parametrize("page", PAGES)
def test_what_the_pages_name_is_there(page: str) -> None:
    text = PAGES[page]
    experiments = {path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml")}
    assert set(re.findall(r"experiment=([a-z_]+)\b(?!=)", text)) <= experiments
    here = (ROOT / page).parent
    links = [link for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text) if "://" not in link]
    assert links or page != "README.md"
    assert [link for link in links if not (here / link).exists()] == []
    headings = {
        re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line[:1] == "#"
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= headings
    modules = re.findall(r"python -m ([a-z_.]+)", text)
    assert [name for name in modules if find_spec(name) is None] == []
