"""Plans in records and statements, and what `dpdsyn audit --plan` says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from builders.records import changed, record

from dpdsyn.accounting.guarantee import Guarantee
from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, SampledGaussian
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Budget, Ledger
from experiments.audit.plans import distinct, judge, named, page, plan_of, read_statement
from experiments.cli.main import main
from experiments.records.export import write_export
from experiments.records.record import Record


def charged() -> Ledger:
    """Of a plan of which not all was used."""
    ledger = Ledger(Budget(1.0, 1e-6))
    noise = ledger.open_calibrated(lambda scale: [ZCDP(0.003), SampledGaussian(0.1, scale, 100)])
    ledger.charge(Exponential(0.05), "selection")
    ledger.charge(SampledGaussian(0.1, noise, 60), "step")
    return ledger


def recorded(run_id: str = "abcd1234", plan: bool = True, **changes: Any) -> Record:
    ledger = charged()
    privacy = {"epsilon": 1.0, "delta": 1e-6, "spent": ledger.spent, "ledger": ledger.entries}
    return changed(record(run_id, privacy=privacy | ({"plan": ledger.plan} if plan else {})), **changes)


def statement(folder: Path, **changes: Any) -> Path:
    path = folder / "made.privacy.json"
    path.write_text(json.dumps(Guarantee.of(charged(), Budget(1.0, 1e-6), "row").to_mapping() | changes))
    return path


def test_a_plan_is_kept_beside_charges_and_comes_back() -> None:
    ledger = charged()
    guarantee = Guarantee.of(ledger, Budget(1.0, 1e-6), "row")
    assert guarantee.plan == tuple(ledger.plan or ()) != guarantee.spends
    assert Guarantee.from_mapping(json.loads(json.dumps(guarantee.to_mapping()))) == guarantee
    earlier = guarantee.to_mapping()
    del earlier["plan"]
    assert Guarantee.from_mapping(earlier).plan is None
    made = recorded()
    assert Record.from_json(made.to_json()) == made and len(made.privacy.plan or ()) == 2
    assert "plan" not in json.loads(recorded(plan=False).to_json())["privacy"]


def test_of_an_earlier_record_the_charges_are_composed_and_the_page_says_so() -> None:
    whole, part = judge(plan_of(recorded())), judge(plan_of(recorded(plan=False)))
    assert whole.complaints == part.complaints == []
    assert part.first < whole.first == pytest.approx(whole.plan.stated)
    assert "a plan may hold more" in page(part, "x") and "a plan may hold more" not in page(whole, "x")
    assert "SampledGaussian: noise_multiplier" in page(whole, "x") and "delta 1e-06" in page(whole, "x")


def test_equal_plans_are_judged_once() -> None:
    found = distinct([recorded("a1111"), recorded("b2222"), recorded("c3333", plan=False), record("d", method={"name": "m"})])
    assert sorted(map(len, found.values())) == [1, 2]


def test_records_are_found_by_id_method_and_data_set() -> None:
    records = [recorded("abcd1"), recorded("abcd2"), recorded("efgh1", method={"name": "mst", "guarantee": "dp"})]
    assert [r.run_id for r in named(records, "abcd")] == ["abcd1", "abcd2"]
    assert [r.run_id for r in named(records, "mst")] == [r.run_id for r in named(records, "toy/mst")] == ["efgh1"]
    assert named(records, "abc") == []


def test_the_command_shows_a_page_or_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DPDSYN_RESULTS", raising=False)
    (tmp_path / "results").mkdir()
    write_export(tmp_path / "results", [recorded("abcd1234"), recorded("efgh5678", plan=False)])
    assert main(["audit", "--plan", "abcd"]) == 0
    assert "they agree" in capsys.readouterr().out
    assert main(["audit", "--plan", "all"]) == 0
    shown = capsys.readouterr().out
    assert "2 plans of 2 records: the accountants agree on 2" in shown and "charges" in shown
    assert main(["audit", "--plan", str(statement(tmp_path))]) == 0
    assert "they agree" in capsys.readouterr().out
    assert main(["audit", f"--plan={statement(tmp_path, epsilon_spent=0.5)}"]) == 1
    assert "disagreement: epsilon 0.5 is stated, which is too little" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no privacy statement"),
        ("{}", "is no privacy statement"),
        ('{"privacy": {}}', "is no privacy statement"),
        ('{"epsilon": 1, "delta": 1e-6, "epsilon_spent": 1, "spends": [{"mechanism": "Laplace", "b": 1}]}', "no mechanism"),
    ],
)
def test_a_file_that_is_no_statement_is_refused_in_one_line(
    tmp_path: Path, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert main(["audit", "--plan", str(path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert said in line


def test_a_run_keeps_its_plan_and_it_can_be_audited(dpdsyn: Callable[..., CompletedProcess[str]]) -> None:
    ran = dpdsyn("run", "dataset=toy", "synthesizer=mst", "privacy.epsilon=1")
    assert ran.returncode == 0, ran.stderr
    shown = dpdsyn("audit", "--plan", "toy/mst")
    assert shown.returncode == 0 and "toy/mst, its plan\n  ZCDP: rho" in shown.stdout, shown.stdout + shown.stderr


def test_what_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["audit", "--plan", str(tmp_path / "none.json")]) == 2
    assert "cannot read" in capsys.readouterr().err
    monkeypatch.setenv("DPDSYN_RESULTS", str(tmp_path))
    from experiments.records.store import Store

    Store(tmp_path).prepare()
    Store(tmp_path).write(recorded())
    assert main(["audit", "--plan", "nobody"]) == 2
    assert "--plan nobody" in capsys.readouterr().err


def test_a_first_accountant_that_is_too_low_or_too_high_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    import experiments.audit.plans as plans

    plan = plans.Plan.of({"epsilon": 1.0, "delta": 1e-6}, 0.9, [{"mechanism": "Gaussian", "noise_multiplier": 5.0}])
    truth = judge(plan).first
    for wrong in (truth * 0.999, truth * 1.01):
        monkeypatch.setattr(plans, "compose", lambda spends, delta, wrong=wrong: wrong)
        assert "the accountants disagree" in judge(plan).complaints


def test_a_statement_is_read_with_its_plan(tmp_path: Path) -> None:
    assert read_statement(statement(tmp_path)).whole
    path = tmp_path / "record.json"
    path.write_text(recorded().to_json())
    assert read_statement(path) == plan_of(recorded())
    with pytest.raises(InputError, match="no mechanism"):
        judge(read_statement(statement(tmp_path, plan=[{"mechanism": "Laplace", "epsilon": 1.0}])))


def test_two_charges_alike_count_together() -> None:
    ledger = Ledger(Budget(1.0, 1e-6))
    ledger.open([Gaussian(9.0)])
    for label in ("a", "b"):
        ledger.charge(Gaussian(20.0), label)
    privacy = {"epsilon": 1.0, "delta": 1e-6, "spent": ledger.spent, "ledger": ledger.entries}
    assert plan_of(record("x", privacy=privacy)).text == ["Gaussian: noise_multiplier 20, 2 x"]
