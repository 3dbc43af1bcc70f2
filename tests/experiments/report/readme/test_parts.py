"""What the READMEs say of records: each sentence and cell against what the records were made to hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders.records import changed, one

from experiments.records.record import Record
from experiments.report.claims import Claim, Preregistered
from experiments.report.grouped import View
from experiments.report.readme import sentences, shown
from experiments.report.readme.parts import FRONT, RESULTS, parts
from experiments.report.tables import readme

TABLE = {"name": "adult", "n_train": 39_000, "n_test": 9_000}


def runs(method: str, accuracy: float, epsilon: float = 1.0, seeds: int = 5, dataset: str = "adult", **more: Any) -> list[Record]:
    """One a seed, each a little different, so that differences have a deviation."""
    made = []
    for seed in range(seeds):
        value = accuracy + 0.0001 * ((seed * (1 + len(method))) % 5)
        scores = {"logistic": {"accuracy": value, "balanced_accuracy": value, "auroc": 0.9, "log_loss": 1 - value}}
        other = {"metrics": scores, "dataset": {**TABLE, "name": dataset}, **more}
        made.append(changed(one(method, value, epsilon=epsilon, seed=seed), run_id=f"{dataset}{method}{epsilon}{seed}", **other))
    return made


def compared(epsilon: float = 1.0, own: float = 0.85, dataset: str = "adult", **more: Any) -> View:
    """DPDSyn beside real rows and four others, of which aim is the best."""
    given = {"real": 0.9, "dpdsyn": own, "aim": 0.84, "aim_target": 0.83, "mst": 0.8, "independent": 0.7}
    found = [runs(method, accuracy, epsilon, dataset=dataset, **more) for method, accuracy in given.items()]
    return View.of([record for group in found for record in group])


def rows_of(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "---" not in line]


def test_there_is_a_text_for_every_part_whatever_the_records_are() -> None:
    for view in (View.of([]), compared(), View.of(runs("mst", 0.8))):
        made = parts(view)
        assert set(made) == {*FRONT, *RESULTS} and all(isinstance(text, str) for text in made.values())
        assert "nan" not in " ".join(made.values()).lower()


def test_the_first_table_has_the_known_methods_in_order_and_counts_the_rest() -> None:
    view = View.of([*compared().records, *runs("gem", 0.6), *runs("tab_pe", 0.6), *runs("mwem", 0.6, epsilon=0.2)])
    text = shown.first_table(view)
    assert text.startswith("These rows and 4 more: Adult, epsilon 1, delta 1e-06, 5 seeds")
    head, *rows = rows_of(text)
    assert head == ["method", "guarantee", "accuracy", "mean 2-way TVD", "seconds"]
    assert [row[0] for row in rows] == ["`real`", "`dpdsyn`", "`aim_target`", "`mst`"]
    assert rows[1][2] == "0.850 ± 0.000" and rows[1][4] == "1.00"
    assert shown.first_table(compared(epsilon=0.2)) == "Its runs are not among the committed records."


def test_shares_of_real_rows_stand_with_those_of_others() -> None:
    text = shown.shares(compared(epsilon=0.8))
    assert text.startswith("Accuracy as a share of that on real rows, of DPDSyn (of `aim_target`, `mst`), 5 seeds; ")
    assert rows_of(text)[1:] == [["adult", "-", "-", "94.5% (92.2%, 88.9%)", "-"]]
    constant = View.of([*compared(epsilon=0.8).records, *runs("majority", 0.6, epsilon=0.8)])
    assert rows_of(shown.shares(constant))[1][1] == "66.7%"


def test_the_best_of_the_others_has_its_lead_and_mark() -> None:
    ((dataset, low, middle, high),) = rows_of(shown.best_of_the_others(compared(epsilon=0.2)))[1:]
    assert dataset == "adult" and low == "-0.0100 ▼ aim (5)" and (middle, high) == ("-", "-")
    assert rows_of(shown.best_of_the_others(compared(epsilon=0.2, own=0.8)))[1][1] == "+0.0400 ▲ aim (5)"
    assert rows_of(shown.best_of_the_others(compared(epsilon=0.2, dataset="br2000")))[1][0] == "br2000*"


def test_sentence_and_table_leave_out_who_has_few_of_dpdsyns_seeds() -> None:
    many = compared(epsilon=0.2).records
    lucky, enough = (View.of([*many, *runs("privmrf", 0.95, epsilon=0.2, seeds=seeds)]) for seeds in (2, 3))
    text = shown.best_of_the_others(lucky)
    assert rows_of(text)[1][1] == "-0.0100 ▼ aim (5)"
    assert "fewer than half of dpdsyn's seeds are left out; in 1 of 1 cells one of them is further ahead." in text
    assert (
        "in 1 of 1 cases (a data set at a budget) no other method with the same guarantee and at least half its seeds is as "
        in (sentences.findings(lucky))
    )
    assert rows_of(shown.best_of_the_others(enough))[1][1].endswith("privmrf (3)")
    assert "in 0 of 1 cases" in sentences.findings(enough) and "**The strongest of these others is `privmrf`**" in (
        sentences.findings(enough)
    )


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four claims, of which one each holds, is refuted, is not shown and did not run."""

    def claim(says: str, least: float, **more: Any) -> Claim:
        told = {"method": "dpdsyn", "beside": "mst", "measure": "accuracy", "compared": "difference", "datasets": ["adult"]}
        return Claim.of({"says": says, **told, "at_least": {0.8: least}, **more}, {})

    claims = (
        claim("ahead", 0.02),
        claim("far ahead", 0.2),
        claim("anywhere ahead", 0.02, datasets=["adult", "acs"]),
        claim("elsewhere ahead", 0.02, datasets=["acs"]),
    )
    told = Preregistered(claims, tuple(range(5)), "x")
    monkeypatch.setattr(shown, "preregistered", lambda: told)
    monkeypatch.setattr(sentences, "preregistered", lambda: told)
    monkeypatch.setattr(sentences, "again", lambda: replace(told, seeds=(1, 2, 3), again=True))


@pytest.mark.usefixtures("claimed")
def test_claims_stand_with_their_verdicts() -> None:
    text = shown.claims(compared(epsilon=0.8))
    assert [row[2] for row in rows_of(text)[1:]] == [
        "holds: +0.050 (≥ 0.02)",
        "refuted: +0.050 (≥ 0.2)",
        "not shown: +0.050 (≥ 0.02, without 1 of 2 tables)",
        "not run",
    ]
    said = sentences.findings(compared(epsilon=0.8))
    assert "Of 4 statements written down before these runs 1 hold at every budget** (1 with p adjusted over all)." in said
    assert "Refuted at one at least: “far ahead” (+0.050 at 0.8)." in said
    assert "1: not shown at one at least. 1: not run." in said
    assert "after the last change" not in said
    later = compared(epsilon=0.8, experiment={"name": "paper_again", "sha256": "0"})
    said = sentences.findings(View.of([*compared(epsilon=0.8).records, *later.records]))
    assert "On seeds 1 to 3, run after the last change, 1 of 3 hold (1 with p adjusted), 1 refuted, 1 not shown." in said


@pytest.mark.usefixtures("claimed")
def test_every_sentence_is_carried_by_runs_and_so_is_each_number_of_few() -> None:
    view = View.of([*compared(epsilon=0.8, own=0.82).records, *runs("dpdsyn", 0.5, epsilon=0.2), *runs("mst", 0.4, epsilon=0.2)])
    made = sentences.points(view)
    text = sentences.findings(view)
    assert [f"- {point.text}" for point in made] == text.splitlines()
    carried = [one for point in made for one in point.carried]
    assert all(one.runs and len({run.run_id for run in one.runs}) == len(one.runs) for one in carried)
    answer, *others = made
    assert answer.text == " ".join(one.says for one in answer.carried[:3])
    assert all(point.text == point.carried[0].says for point in others)

    def of(says: str) -> set[tuple[str, float]]:
        (found,) = (one for one in carried if one.says == says)
        assert says.removeprefix("behind by accuracy on ") in text or says.startswith("“")
        return {(run.method.name, run.privacy.epsilon) for run in found.runs}

    assert of("least 91.1%, adult at 0.8") == {("dpdsyn", 0.8), ("real", 0.8)}
    assert of("“ahead”: not shown at 0.8") == {("dpdsyn", 0.8), ("mst", 0.8)}
    assert of("behind by accuracy on adult at 0.8 (`aim` +0.020)") == {("dpdsyn", 0.8), ("aim", 0.8)}
    assert {name for name, _ in of(answer.carried[0].says)} == {"dpdsyn", "real", "aim", "aim_target", "mst"}


def test_the_table_of_what_carries_the_readme_names_records_and_the_commands_that_make_them() -> None:
    view = compared(own=0.82)
    (made,) = readme.build(view)
    rows = {row["the README says"]: row for row in made.named_rows}
    least = rows["least 91.1%, adult at 1"]
    assert least["runs"] == "10" and "adultdpdsyn1.00" in least["records"] and "adultreal1.04" in least["records"]
    assert "synthesizer=real" in least["made again by"] and least["stands in"] == "leaderboard.md"
    assert rows["the first table, `mst`"]["runs"] == "5"
    whole = next(row for says, row in rows.items() if says.startswith("By accuracy"))
    assert int(whole["runs"]) > 10 and " to " in whole["records"] and whole["made again by"].endswith("commands")
    assert readme.build(View.of([])) == []


def test_losses_and_times_alone_are_told() -> None:
    said = sentences.findings(compared(epsilon=0.8, own=0.82))
    assert (
        "By accuracy, of 3 tests 1 find it significantly ahead (1 of `mst`), 2 behind, by most on adult at 0.8 (`aim` +" in said
    )
    assert "**The strongest of these others is `aim`**, the most accurate in 1 of 1 cases." in said
    assert "its accuracy and log loss less DPDSyn's are +0.0200 and -0.02 at 0.8." in said
    assert "By balanced accuracy, of 3 tests 1 find" in said and "Measured alone" not in said
    alone = [
        changed(record, seconds={"fit": took, "sample": 0.0, "total": took, "alone": True})
        for record in compared(epsilon=0.8).records
        for took in [{"dpdsyn": 2.0, "aim": 24.0}.get(record.method.name, 3.0)]
    ]
    told = sentences.findings(View.of(alone))
    assert (
        "Alone on the machine (adult), others take this many times as long as DPDSyn: `aim_target` 1.5, `aim` 12, `mst` 1.5."
        in told
    )
    some = [record for record in alone if record.method.name != "mst"]
    elsewhere = [changed(record, run_id=f"{record.run_id}b", dataset={"name": "acs"}) for record in some]
    assert "(acs, adult), others" in sentences.findings(View.of([*alone, *elsewhere]))
    assert "`aim` 12, `mst` 1.5 (adult)." in sentences.findings(View.of([*alone, *elsewhere]))


def test_the_largest_ratio_of_times_may_be_over_one_that_was_stopped_and_says_so() -> None:
    took = {"dpdsyn": 2.0, "aim": 24.0}
    alone = [
        changed(record, seconds={"fit": seconds, "sample": 0.0, "total": seconds, "alone": True})
        for record in compared(epsilon=0.8).records
        for seconds in [took.get(record.method.name, 3.0)]
    ]
    assert "of speed, measured alone, 12.00x (aim on adult, 5 seeds; the paper 333.73x: not reached)." in findings(alone)
    for limit, told in (
        (20.0, "12.00x (aim on adult, 5 seeds"),
        (700.0, "at least 350.00x (mwem on adult, stopped at its limit, one seed"),
    ):
        limits = {"limit": limit, "reached": limit, "alone": True}
        stopped = changed(runs("mwem", 0.8, epsilon=0.8, seeds=1)[0], status="timeout", metrics={}, seconds=limits)
        verdict = "reached" if limit == 700 else "not reached"
        assert f"of speed, measured alone, {told}; the paper 333.73x: {verdict})." in findings(
            [*alone, *runs("mwem", 0.8, seeds=1), stopped]
        )


def findings(records: list[Record]) -> str:
    return sentences.findings(View.of(records))
