"""The page: its rows, what opens under them, what it finds, and that it is whole by itself."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from builders.paths import ROOT
from builders.records import changed, few, one

from experiments.records.export import read_export, write_export
from experiments.records.record import Record
from experiments.report.figures.charts import write as draw
from experiments.report.grouped import View
from experiments.report.html import page as whole
from experiments.report.html.findings import Findings, findings
from experiments.report.html.leaderboard import charges
from experiments.report.html.page import audits


def page(records: list[Record]) -> str:
    return whole.page(View.of(records))


def write(records: list[Record], results: Path) -> Path:
    return whole.write(View.of(records), results)


def answer(records: list[Record]) -> Findings:
    return findings(View.of(records))


class Rows(HTMLParser):
    """Rows of the leaderboard: kind, values by which they are ordered, stressed words; and every address in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.addresses += [value for key in ("href", "src", "action") if (value := given.get(key))]
        if tag == "tr" and "data-row" in given:
            self.rows.append({"kind": given["data-kind"], "values": [], "stressed": []})
        elif "data-v" in given and self.rows:
            self.rows[-1]["values"].append(given["data-v"])
        elif tag in ("strong", "u") and self.rows and len(self.rows[-1]["values"]) < 14:
            self.rows[-1]["stressed"].append((tag, len(self.rows[-1]["values"]) - 1))


def details(text: str) -> list[dict[str, Any]]:
    found = re.search(r'<script type="application/json" id="details">(.*?)</script>', text, re.DOTALL)
    assert found
    kept = json.loads(found[1])
    return [{name: kept["shared"][place] for name, place in zip(kept["names"], row, strict=True)} for row in kept["rows"]]


def test_a_row_has_its_numbers_its_ledger_and_its_command() -> None:
    text = page(few())
    rows, opened = Rows(text).rows, details(text)
    place = next(i for i, row in enumerate(rows) if row["values"][0] == "dpdsyn" and row["values"][3] == "1")
    assert rows[place]["kind"] == "ranked" and rows[place]["values"][2:6] == ["toy", "1", "0.85", "0.944444"]
    assert opened[place]["commands"] == ["dpdsyn run -m dataset=toy synthesizer=dpdsyn privacy.epsilon=1.0 seed=0,1,2"]
    assert opened[place]["spent"] == "epsilon 1.0000 at delta 1e-06, for one row"
    stopped = next(i for i, row in enumerate(rows) if row["values"][0] == "slow")
    assert rows[stopped]["values"][4] == "" and "≥ 600.00" in text and "1 of 1 timeout" in text


def test_log_loss_and_slope_have_columns_where_a_record_has_them() -> None:
    honest = {"accuracy": 0.85, "auroc": 0.9, "log_loss": 0.4125, "calibration_slope": 0.5}
    more = [changed(r, metrics={"logistic": honest}) if r.method.name == "dpdsyn" else r for r in few()]
    text, former = page(more), page(few())
    assert "of calibration: 1 is right" in text and ">slope<" in text and ">0.412<" in text and ">0.50<" in text
    assert "of calibration" not in former and ">slope<" not in former and ">log loss<" not in former
    with_them, without = Rows(text).rows, Rows(former).rows
    assert {len(row["values"]) for row in without} == {14} and {len(row["values"]) for row in with_them} == {16}
    assert {row["values"][9] for row in with_them if row["values"][0] == "dpdsyn"} == {"0.4125"}
    assert {row["values"][10] for row in with_them if row["values"][0] == "mst"} == {""}  # a record from before
    assert all(row["values"][:9] == r["values"][:9] for row, r in zip(with_them, without, strict=True))


def test_only_what_is_compared_is_called_best() -> None:
    rows = Rows(page(few())).rows
    best = {(row["values"][0], how) for row in rows for how, column in row["stressed"] if column == 4}
    assert best == {("aim", "strong"), ("dpdsyn", "u")}
    assert not any(row["stressed"] for row in rows if row["kind"] != "ranked")
    differences = {row["values"][0]: row["values"][6] for row in rows if row["values"][3] == "1"}
    assert differences["aim"] == "0.01" and differences["mst"] == "-0.05"
    assert {differences[name] for name in ("wrapped", "absyn", "dpdsyn_as_published", "real", "dpdsyn")} == {""}


def compared(dpdsyn: float, others: dict[str, float], took: float = 1.0) -> list[Record]:
    made = [one("dpdsyn", dpdsyn, took), one("real", 0.9, guarantee="none"), one("wrapped", 0.99, guarantee="unverified")]
    made += [one(name, accuracy, 2.0) for name, accuracy in others.items()]
    tested = {"n_test": 3000}  # rows, so many that it shows that something was learnt
    return [changed(record, dataset={**record.dataset.plain(), **tested}) for record in made]


def test_the_answer_follows_the_records() -> None:
    others = {"mst": 0.7, "aim": 0.8, "privsyn": 0.6}
    said = answer(compared(0.81, others)).sentences
    assert said[0] == (
        "Models trained on DPDSyn's rows reach 90.0% of the accuracy that real rows give, and in 1 of 1 cells are more accurate "
        "than those trained on the rows of every other method: the difference from the best of the others is +0.0100."
    )
    assert said[1].startswith("Fit and sample take 1 s; the most accurate of the others takes 2 times as long")
    timed = [one("dpdsyn", 0.81, 4.0), *(one(name, 0.5, 20.0) for name in others)]
    timed = [changed(r, run_id=f"alone{r.run_id}", seconds={**r.seconds.plain(), "alone": True}) for r in timed]
    assert "the most accurate of the others takes 5 times as long" in answer([*compared(0.81, others), *timed]).sentences[1]
    behind = answer(compared(0.75, others, took=4.0)).sentences
    assert "in 0 of 1 cells" in behind[0] and "is -0.0500" in behind[0] and "takes 0.5 times as long" in behind[1]
    assert answer(few()[:1]).sentences == [
        "No cell that counts here has DPDSyn beside 3 other methods with the same guarantee on the same seeds."
    ]
    assert "wrapped" not in " ".join([*said, *answer(compared(0.81, others)).notes[:1]]).replace("wrapped methods", "")


def test_names_with_signs_of_markup_are_only_names(tmp_path: Path) -> None:
    strange = [changed(record, dataset={**record.dataset.plain(), "name": r"a\d$b_$<i>.csv"}) for record in few()]
    made = page(strange)
    assert r"a\d$b_$&lt;i&gt;.csv" in made and "<i>" not in made
    assert draw(View.of(strange), tmp_path)


def test_two_deltas_are_told_apart() -> None:
    other = [changed(r, run_id=f"{r.run_id}d", privacy={**r.privacy.plain(), "delta": 1e-5}) for r in few()]
    assert "delta 1e-05" in page([*few(), *other]) and "<small>delta" not in page(few())


def test_the_answer_says_what_the_rows_are_worth_for_another_column() -> None:
    others = {"mst": 0.7, "aim": 0.8, "privsyn": 0.6}
    off = [
        changed(record, run_id=f"off{record.run_id}", evaluation={**record.evaluation.plain(), "column": "sex"})
        for record in compared(0.45, {"mst": 0.72, "wdp_gan": 0.9})
    ]
    price = answer([*compared(0.81, others), *off]).sentences[2]
    assert "models that predict another column reach 50.0% of what real rows give, on the best of the others' rows 80.0%" in price
    developed = [changed(record, dataset={**record.dataset.plain(), "name": "br2000"}) for record in off]
    assert "another column" not in answer([*compared(0.81, others), *developed]).sentences[2]


def test_a_cell_in_which_few_of_the_others_ran_does_not_say_who_is_ahead() -> None:
    full = compared(0.7, {f"m{i}": 0.8 for i in range(8)})
    thin = [
        changed(record, dataset={**record.dataset.plain(), "name": "thin"}, run_id=f"thin{record.run_id}") for record in full[:6]
    ]
    said = answer([*full, *thin])
    assert "in 0 of 1 cells" in said.sentences[0] and "at least 4 others ran" in said.notes[0]


def test_data_sets_that_settings_were_chosen_on_answer_nothing() -> None:
    records = compared(0.81, {"mst": 0.7, "aim": 0.8, "privsyn": 0.6})
    developed = [changed(record, dataset={"name": "br2000", "n_train": 9, "n_test": 3}) for record in records]
    assert answer(developed).sentences[0].startswith("No cell")


def test_a_ledger_is_told_in_few_lines() -> None:
    rounds = [{"mechanism": "Gaussian", "label": "noisy marginals", "count": 2, "noise_multiplier": n} for n in (3.0, 1.5)]
    entries = [*rounds, {"mechanism": "Unprotected", "label": "why"}]
    assert charges(one("m", privacy={"epsilon": 1.0, "delta": 1e-6, "ledger": entries})) == [
        ["Gaussian noise", "noisy marginals", "4", "noise multiplier 1.5 to 3"],
        ["rows without protection", "why", "1", ""],
    ]


def test_what_records_say_is_text_and_never_markup() -> None:
    hostile = '</script><script>alert("x")</script>'
    named = changed(one(hostile, status="failed", error=hostile), method={"name": hostile, "parameters": {"a": hostile}})
    data = {"name": hostile, "n_train": 3, "n_test": 1, "caution": hostile}
    text = page([*few(), named, one("n", dataset=data, run_id="n"), one("n", dataset=data, epsilon=2.0, run_id="n2")])
    assert "<script>alert" not in text and len(re.findall("<script", text)) == 2
    assert any(hostile in error for row in details(text) for error in row["errors"])


def test_the_page_needs_no_other_file() -> None:
    text = page(few())
    assert {address[0] for address in Rows(text).addresses} == {"#"}
    assert not re.search(r"https?://|@import|url\((?!#)", text.replace("http://www.w3.org/", ""))
    ids = re.findall(r'\bid="([^"]*)"', text)
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in Rows(text).addresses} <= set(ids)


def test_cautions_and_what_was_not_run_are_said() -> None:
    data = {"name": "liver", "n_train": 3, "n_test": 1, "caution": "mind the patients", "leak": 0.995}
    text = page([*few(), one("mst", dataset=data, run_id="l")])
    assert "Mind the patients; on average 99.5% of the test rows have their profile in training too." in text
    assert "No audit has been run yet." in text and "No method was run on several numbers of rows yet." in text
    assert "1 timeout" in text and "<td>-</td>" in text


AUDIT = (
    "method,guarantee,claimed_epsilon,attack,lower_bound,power\nmst,claimed,1.0,door answers,0.2,0.9\n"
    "dpdsyn_as_printed (labels=sample),none,1.0,released rows,>9,1.0\n"
)


def test_audits_are_shown_where_there_are_any(tmp_path: Path) -> None:
    (tmp_path / "audits.csv").write_text(AUDIT)
    text = write(few(), tmp_path).read_text()
    assert "lower bound" in text and "<td>&gt;9</td>" in text and "No audit" not in text
    assert (
        "<td>unverified</td>" in text and "<td>noisy answers</td>" in text
    )  # in today's words, whatever the file was written in
    assert "dpdsyn_as_published (labels=sample)" in text


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", AUDIT + "short,row\n", "\0"])
def test_other_files_in_place_of_audits_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "audits.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"audits\.csv"):
        audits(path)


def test_bad_input_is_one_line(dpdsyn: Callable[..., subprocess.CompletedProcess], tmp_path: Path) -> None:
    for name in ("figures", "report"):
        missing = dpdsyn(name)
        assert missing.returncode == 2 and missing.stderr.count("\n") == 1 and "no records" in missing.stderr
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "records.jsonl").write_text("{}\n")
    broken = subprocess.run(dpdsyn("report").args, cwd=tmp_path, env=None, capture_output=True, text=True, check=False)
    assert broken.returncode == 2 and "records.jsonl, line 1" in broken.stderr
    with pytest.raises(ValueError, match="no record"):
        page([])


def test_the_same_records_give_the_same_page_and_another_record_another() -> None:
    first = page(few())
    assert page(few()[::-1]) == first
    other = [changed(r, metrics={"logistic": {"accuracy": 0.8001}}) if r.method.name == "mst" else r for r in few()]
    assert page(other) != first


def test_the_committed_report_is_that_of_the_committed_records(tmp_path: Path) -> None:
    results = ROOT / "results"
    for name in ("audits.csv", "published.yaml"):
        if (results / name).exists():
            (tmp_path / name).write_bytes((results / name).read_bytes())
    made = write(read_export(results), tmp_path).read_bytes()
    assert made == (results / "report.html").read_bytes(), "run `dpdsyn report`"
    assert len(made) < 2_000_000
    export = tmp_path / "again"
    export.mkdir()
    write_export(export, read_export(results)[1:])
    assert write(read_export(export), tmp_path).read_bytes() != made
