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

from dpdsyn.base.checks import InputError
from experiments.records.audits import COLUMNS, read_audits
from experiments.records.export import read_export, write_export
from experiments.records.record import Record
from experiments.report.figures.sheets import write as draw
from experiments.report.grouped import View
from experiments.report.html import packing
from experiments.report.html import page as whole
from experiments.report.html.findings import Findings, findings
from experiments.report.html.leaderboard import charges


def page(records: list[Record]) -> str:
    return whole.page(View.of(records))


def write(records: list[Record], results: Path) -> Path:
    return whole.write(View.of(records), results)


def answer(records: list[Record]) -> Findings:
    return findings(View.of(records))


def unpacked(text: str, name: str) -> Any:
    """A packed part that is JSON."""
    return json.loads(packing.unpack(text, name))


def everything(text: str) -> str:
    """The page with all that it unpacks, rows of the leaderboard included."""
    parts = [packing.unpack(text, name) for name in packing.names(text) if name not in ("rows", "details", "index")]
    return "\n".join([text, *parts, *(row[-1] for row in unpacked(text, "rows"))])


class Rows(HTMLParser):
    """Rows of the leaderboard: kind, values by which they are ordered, stressed words; and every address in the page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.feed("".join(row[-1] for row in unpacked(text, "rows")))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "tr" and "data-row" in given:
            self.rows.append({"kind": given["data-kind"], "values": [], "stressed": []})
        elif "data-v" in given and self.rows:
            self.rows[-1]["values"].append(given["data-v"])
        elif tag in ("strong", "u") and self.rows and len(self.rows[-1]["values"]) < 14:
            self.rows[-1]["stressed"].append((tag, len(self.rows[-1]["values"]) - 1))


class Addresses(HTMLParser):
    """Every address in a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for key in ("href", "src", "action") if (value := given.get(key))]


def details(text: str) -> list[dict[str, Any]]:
    kept = unpacked(text, "details")
    return [{name: kept["shared"][place] for name, place in zip(kept["names"], row, strict=True)} for row in kept["rows"]]


def test_a_row_has_its_numbers_its_ledger_and_its_command() -> None:
    text = page(few())
    rows, opened = Rows(text).rows, details(text)
    place = next(i for i, row in enumerate(rows) if row["values"][0] == "dpdsyn" and row["values"][3] == "1")
    assert rows[place]["kind"] == "ranked" and rows[place]["values"][2:6] == ["toy", "1", "0.85", "0.944444"]
    own = "# DIR: the folder with your dataset/toy.yaml"
    typed = f"dpdsyn run --config-dir DIR -m dataset=toy synthesizer=dpdsyn privacy.epsilon=1.0 seed=0,1,2  {own}"
    assert opened[place]["commands"] == [typed]
    assert opened[place]["spent"] == "epsilon 1.0000 at delta 1e-06, for one row"
    stopped = next(i for i, row in enumerate(rows) if row["values"][0] == "slow")
    assert rows[stopped]["values"][4] == "" and "≥ 600.00" in everything(text) and "1 of 1 timeout" in everything(text)


def test_log_loss_and_slope_have_columns_where_a_record_has_them() -> None:
    honest = {"accuracy": 0.85, "auroc": 0.9, "log_loss": 0.4125, "calibration_slope": 0.5}
    more = [changed(r, metrics={"logistic": honest}) if r.method.name == "dpdsyn" else r for r in few()]
    text, former = page(more), page(few())
    assert (
        "of calibration: 1 is right" in text
        and ">slope<" in text
        and ">0.412<" in everything(text)
        and ">0.50<" in everything(text)
    )
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
        "Models trained on DPDSyn's rows keep 90.0% of real rows' accuracy (median; least 90.0%, toy at 1), and in 1 of 1 cases "
        "(a data set at a budget) no other method with the same guarantee and at least half its seeds is as accurate."
    )
    assert said[1].startswith(
        "They are made in 1 s (mostly beside other work); the most accurate of the others takes 2 times as long"
    )
    timed = [one("dpdsyn", 0.81, 4.0), *(one(name, 0.5, 20.0) for name in others)]
    timed = [changed(r, run_id=f"alone{r.run_id}", seconds={**r.seconds.plain(), "alone": True}) for r in timed]
    assert "the most accurate of the others takes 5 times as long" in answer([*compared(0.81, others), *timed]).sentences[1]
    elsewhere = [
        changed(r, run_id=f"{r.run_id}later", seed=1, privacy={**r.privacy.plain(), "epsilon": 2.0}, environment={"cpu": cpu})
        for r in compared(0.81, others)
        for cpu in ["one" if r.method.name == "dpdsyn" else "two"]
    ]
    several = answer([*compared(0.81, others), *elsewhere]).sentences[1]
    assert several.endswith("takes 2 times as long, the quickest 2 times (1 and 1 cases timed alike).")
    assert "timed alike" not in said[1]
    behind = answer(compared(0.75, others, took=4.0)).sentences
    assert "in 0 of 1 cases" in behind[0] and "takes 0.5 times as long" in behind[1]
    assert "Accuracy above that of the best of the others: -0.0500." in answer(compared(0.75, others, took=4.0)).spreads
    assert answer(few()[:1]).sentences == [
        "No cell that counts here has DPDSyn beside 3 other methods with the same guarantee on the same seeds."
    ]
    assert "wrapped" not in " ".join([*said, *answer(compared(0.81, others)).notes[:1]]).replace("wrapped methods", "")


def test_a_budget_of_one_data_set_among_many_and_rows_that_count_elsewhere_answer_nothing() -> None:
    others = {"mst": 0.7, "aim": 0.8, "privsyn": 0.6}

    def moved(name: str, epsilon: float) -> list[Record]:
        data = {"name": name, "n_train": 9, "n_test": 3}
        budget = {"epsilon": epsilon, "delta": 1e-6, "spent": epsilon}
        return [changed(r, run_id=f"{name}{epsilon}{r.run_id}", dataset=data, privacy=budget) for r in compared(0.81, others)]

    usual = [record for name in ("a", "b", "c") for record in moved(name, 0.2)]
    assert "in 3 of 3 cases" in answer(usual).sentences[0]
    assert "in 3 of 3 cases" in answer([*usual, *moved("a", 1.0)]).sentences[0]
    assert "in 3 of 3 cases" in answer([*usual, *moved("adult_occupation", 0.2)]).sentences[0]
    assert "in 5 of 5 cases" in answer([*usual, *moved("a", 1.0), *moved("b", 1.0)]).sentences[0]


def test_names_with_signs_of_markup_are_only_names(tmp_path: Path) -> None:
    strange = [changed(record, dataset={**record.dataset.plain(), "name": r"a\d$b_$<i>.csv"}) for record in few()]
    made = page(strange)
    assert r"a\d$b_$&lt;i&gt;.csv" in made and "<i>" not in everything(made)
    assert draw(View.of(strange), tmp_path)


def test_two_deltas_are_told_apart() -> None:
    other = [changed(r, run_id=f"{r.run_id}d", privacy={**r.privacy.plain(), "delta": 1e-5}) for r in few()]
    assert "<small>delta 1e-05" in everything(page([*few(), *other])) and "<small>delta" not in everything(page(few()))


def test_the_answer_says_what_the_rows_are_worth_for_another_column() -> None:
    others = {"mst": 0.7, "aim": 0.8, "privsyn": 0.6}
    off = [
        changed(record, run_id=f"off{record.run_id}", evaluation={**record.evaluation.plain(), "column": "sex"})
        for record in compared(0.45, {"mst": 0.72, "wdp_gan": 0.9})
    ]
    price = answer([*compared(0.81, others), *off]).sentences[2]
    assert (
        "models of a column that the rows were not made for (sex of toy) keep 50.0% of their accuracy, with the best "
        "of the others 80.0%" in price
    )
    developed = [changed(record, dataset={**record.dataset.plain(), "name": "br2000"}) for record in off]
    assert "not made for" not in answer([*compared(0.81, others), *developed]).sentences[2]


def test_a_cell_in_which_few_of_the_others_ran_does_not_say_who_is_ahead() -> None:
    full = compared(0.7, {f"m{i}": 0.8 for i in range(8)})
    thin = [
        changed(record, dataset={**record.dataset.plain(), "name": "thin"}, run_id=f"thin{record.run_id}") for record in full[:6]
    ]
    said = answer([*full, *thin])
    assert "in 0 of 1 cases" in said.sentences[0] and "at least 4 others ran" in said.notes[0]


def test_one_table_on_which_everything_ran_drives_out_no_other() -> None:
    broad = compared(0.7, {f"m{i}": 0.8 for i in range(16)})
    usual = [
        changed(record, dataset={**record.dataset.plain(), "name": name}, run_id=f"{name}{record.run_id}")
        for name in ("one", "two", "three")
        for record in compared(0.7, {f"m{i}": 0.8 for i in range(4)})
    ]
    said = answer([*broad, *usual])
    assert "in 0 of 4 cases" in said.sentences[0] and "at least 3 others ran" in said.notes[0]


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
    assert "<script>alert" not in everything(text)
    assert len(re.findall("<script", text)) == 1 + len(packing.names(text)), "its own, and one a packed part"
    assert any(hostile in entry[0] for entry in unpacked(text, "index")), "what is found is shown as text"
    assert any(hostile in error for row in details(text) for error in row["errors"])


def test_the_page_needs_no_other_file() -> None:
    text = page(few())
    all_of_it = everything(text)
    addresses = Addresses(all_of_it).found
    assert {address[0] for address in addresses} == {"#"}
    assert not re.search(r"https?://|@import|url\((?!#)", all_of_it.replace("http://www.w3.org/", ""))
    rows = "".join(row[-1] for row in unpacked(text, "rows"))
    ids = re.findall(r'\bid="([^"]*)"', all_of_it.replace(rows, ""))
    assert len(ids) == len(set(ids))
    assert {address[1:] for address in addresses} <= set(ids)


def test_whatever_is_opened_or_found_is_in_the_file() -> None:
    text = page(few())
    ids = set(re.findall(r'\bid="([^"]*)"', everything(text)))
    asked = set(re.findall(r'data-part="([^"]*)"', text))
    assert asked and asked | {"rows", "details", "index"} == set(packing.names(text))
    entries = unpacked(text, "index")
    assert {kind for _, kind, *_ in entries} == {"section", "method", "data set", "figure", "table"}
    assert ["aim", "method", "leaderboard"] in [entry[:3] for entry in entries]
    for _, _, place, part, _ in entries:
        assert place in ids and (not part or f'id="{place}"' in packing.unpack(text, part))


def test_a_packed_part_comes_back_and_its_bytes_follow_from_it_alone() -> None:
    for content in ("", "a", "<p>\u00e4\U0001f600</p>" * 999):
        made = packing.pack("x", content)
        assert packing.unpack(f"<p>before</p>{made}", "x") == content and packing.names(made) == ["x"]
    assert packing.packed("one")[:13] == "H4sIAAAAAAAC/", "no time and no system in its head"
    with pytest.raises(KeyError):
        packing.unpack(packing.pack("x", ""), "y")


def test_the_first_sight_has_the_answer_one_figure_and_the_first_rows() -> None:
    text = page(compared(0.81, {"mst": 0.7, "aim": 0.8, "privsyn": 0.6}))
    first = text[text.index("<main>") : text.index("</main>")]
    assert "keep 90.0% of real rows" in first and first.count("<svg") == 1 and 'id="fig-answer"' in first
    assert '<a href="#leaderboard" data-dataset="toy" data-epsilon="1">toy at 1</a>' in first
    assert len(re.findall('<tr data-row="', first)) == len(unpacked(text, "rows")) > 3


def test_cautions_and_what_was_not_run_are_said() -> None:
    data = {"name": "liver", "n_train": 3, "n_test": 1, "caution": "mind the patients", "leak": 0.995}
    text = everything(page([*few(), one("mst", dataset=data, run_id="l")]))
    assert "Mind the patients; on average 99.5% of the test rows have their profile in training too." in text
    assert "No audit has been run yet." in text and "No method was run on several numbers of rows yet." in text
    assert "1 timeout" in text and "<td>-</td>" in text


def audit(method: str, guarantee: str, claim: float, attack: str, bound: float, family: str = "", noise: str = "") -> str:
    """One line of audits.csv."""
    known = {
        "method": method,
        "guarantee": guarantee,
        "claimed_epsilon": claim,
        "delta": 1e-6,
        "verdict": "bound under the claim",
    }
    known |= {"attack": attack, "attacker_knows": "all", "lower_bound": bound, "power": 3.0, "family_bound": family, "runs": 200}
    known |= {
        "family_power": family,
        "tpr_at_1pct_fpr": 0.1,
        "noise_of_charged": noise,
        "canary": "row",
        "relation": "add_remove",
    }
    known |= {"rows_of_canary": 1, "dataset": "toy", "columns": 4, "rows": 40, "version": 1, "attacks_version": 2}
    return ",".join(str(known.get(column, "")) for column in COLUMNS) + "\n"


AUDITS = ",".join(COLUMNS) + "\n" + "".join(
    [
        audit("mst", "claimed", 1.0, "door answers", 0.2),
        audit("mst (rounds=2)", "claimed", 2.0, "door answers", 0.2, "1.8", "0.98"),
        audit("dpdsyn_as_printed (labels=sample)", "none", 1.0, "released rows", 2.9),
    ]
)  # fmt: skip


def test_audits_have_a_row_a_method_and_the_rest_where_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "audits.csv").write_text(AUDITS)
    text = write(few(), tmp_path).read_text()
    assert "No audit" not in text and text.count('<th scope="row">mst</th>') == 1
    (row,) = re.findall(r'<tr><th scope="row">mst</th>(.*?)</tr>', text)  # in today's words, whatever the file was written in
    assert re.findall("<td.*?>(.*?)</td>", row) == [
        "0.90", "bound under the claim", "unverified", "2", "0.980", "200", "noisy answers, under the plan&#x27;s trade-off curve"
    ]  # fmt: skip
    (row,) = re.findall(r'<tr><th scope="row">dpdsyn_as_published</th>(.*?)</tr>', text)
    assert re.findall("<td.*?>(.*?)</td>", row)[0] == "no claim"
    rest = packing.unpack(text, "audit-tables")
    assert "0.20 of 3.00" in rest and "dpdsyn_as_published (labels=sample)" in rest


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", AUDITS + "short,row\n", AUDITS.replace("1.0", "many"), "\0"])
def test_other_files_in_place_of_audits_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "audits.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=r"audits\.csv"):
        read_audits(tmp_path)


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


@pytest.mark.slow
def test_the_committed_report_is_that_of_the_committed_records(tmp_path: Path) -> None:
    results = ROOT / "results"
    for name in ("audits.csv", "audited.csv", "published.yaml"):
        if (results / name).exists():
            (tmp_path / name).write_bytes((results / name).read_bytes())
    made = write(read_export(results), tmp_path).read_bytes()
    assert made == (results / "report.html").read_bytes(), "run `dpdsyn report`"
    first_sight = re.sub(rb'<script type="text/plain" id="pack-[^"]*">[^<]*</script>', b"", made)  # the rest unpacks on demand
    assert len(first_sight) < 250_000 and len(made) < 1_000_000
    some, export = read_export(results)[::60], tmp_path / "again"
    export.mkdir()
    write_export(export, some[1:])
    assert write(read_export(export), tmp_path).read_bytes() != write(some, tmp_path).read_bytes()
