"""What others published, read from its list and held against runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from builders.paths import ROOT
from builders.records import changed, record

from experiments.bench.audited import SEES
from experiments.configuration import options
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.published import AUDITED, LIST, Entry, FoundAgain, Held, Nearest, Source, held, read
from experiments.report.tables.all import BUILDERS

NEAREST = {"dataset": "adult", "synthesizer": "mst", "epsilon": 1.0, "delta": 1e-6, "measure": "auroc", "evaluator": "boosting"}


def run(seed: int, auroc: float, **more: object) -> Record:
    return record(
        f"{seed}{more}",
        seed=seed,
        method={"name": "mst", "guarantee": "dp", "parameters": {}},
        dataset={"name": "adult", "n_train": 80, "n_test": 20},
        metrics={"boosting": {"auroc": auroc}, "logistic": {"auroc": 0.1}},
        **more,
    )


def test_our_value_is_that_of_the_named_model_in_the_named_case_alone() -> None:
    entry = Entry("MST", 0.8, Nearest(**NEAREST))
    other = changed(run(2, 0.1), method={"name": "aim", "guarantee": "dp", "parameters": {}})
    offtask = changed(run(3, 0.1), evaluation={"evaluators": ["boosting"], "column": "sex"})
    (found,) = held([entry], [run(1, 0.82), run(0, 0.81), other, offtask, run(4, 0.1, status="failed", error="x")])
    assert found.ours == (0.81, 0.82) and found.less == pytest.approx(0.015)
    (mean,) = held([Entry("MST", 0.8, Nearest(**{**NEAREST, "evaluator": None}))], [run(0, 0.9)])
    assert mean.ours == (pytest.approx(0.5),)


def test_a_score_of_pairs_is_that_of_their_mean_distance() -> None:
    told = changed(run(0, 0.8), fidelity={"tvd2": 0.024})
    (found,) = held([Entry("MST", 958, Nearest(**{**NEAREST, "measure": "k-marginal"}))], [told])
    assert found.ours == (pytest.approx(976),) and found.verdict == "ours is better"


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [
        ((), "not run"),
        ((0.795,), "the same"),
        ((0.78,), "ours is worse"),
        ((0.75, 0.81), "the same"),  # within twice the deviation of two seeds
        ((0.82, 0.821), "ours is better"),
    ],
)
def test_the_verdict_is_by_the_margin_or_the_seeds(ours: tuple[float, ...], verdict: str) -> None:
    assert Held(Entry("MST", 0.8, Nearest(**NEAREST)), ours).verdict == verdict


def test_a_list_that_is_not_as_it_should_be_is_refused(tmp_path: Path) -> None:
    good = {"what": "MST", "theirs": 0.8, "ours": NEAREST}
    assert Source.of({"source": "a paper", "numbers": [good]}).entries[0].ours == Nearest(**NEAREST)
    for wrong in ({**good, "theirs": "about .8"}, {**good, "our": 1}, {"theirs": 1}, {**good, "ours": {**NEAREST, "model": "x"}}):
        with pytest.raises(ValueError):
            Source.of({"source": "a paper", "numbers": [wrong]})
    with pytest.raises(ValueError, match="numbers"):
        Source.of({"source": "a paper"})
    assert read(tmp_path / LIST) == []


def test_the_table_sets_theirs_beside_ours(tmp_path: Path) -> None:
    sources = [
        {"source": "a paper", "differs": "bins", "numbers": [{"what": "MST, AUROC", "theirs": 0.81, "ours": NEAREST}]},
        {"source": "another", "numbers": [{"what": "far away", "theirs": "2.40x"}]},
    ]
    (tmp_path / LIST).write_text(yaml.safe_dump(sources))
    checked, others = BUILDERS["published"](View.of([run(0, 0.812), run(1, 0.814)], tmp_path))
    assert checked.rows == [["MST, AUROC", "0.81", "0.8130 ± 0.0014", "2", "+0.0030", "the same"]]
    assert checked.notes[0] == "What differs: bins." and others.rows == [["far away", "2.40x"]]


def test_the_committed_list_names_what_there_is() -> None:
    sources = read(ROOT / "results" / LIST)
    named = [entry.ours for source in sources for entry in source.entries if entry.ours]
    assert len(named) >= 12 and sum(any(entry.ours for entry in source.entries) for source in sources) >= 4
    assert {one.dataset for one in named if isinstance(one, Nearest)} <= set(options("dataset"))
    audited = [one for one in named if isinstance(one, FoundAgain)]
    assert {one.sees for one in audited} <= set(SEES)
    methods = {one.synthesizer if isinstance(one, Nearest) else one.audited for one in named}
    assert methods <= set(options("synthesizer"))


def test_an_audit_is_held_against_a_published_one(tmp_path: Path) -> None:
    entry = {"what": "MST, rows", "theirs": 0.39, "ours": {"audited": "mst", "sees": "released rows"}}
    (tmp_path / LIST).write_text(yaml.safe_dump([{"source": "an audit", "differs": "noise", "numbers": [entry]}]))
    lines = ["method,seed,attacker_sees,shown_mu"]
    lines += [
        f"{method},{seed},{sees},{mu}" for method, seed, sees, mu in [("mst", 0, "released rows", 0.3), ("mst", 0, "both", 0.4)]
    ]
    (tmp_path / AUDITED).write_text("\n".join([*lines, "mst,1,released rows,0.32", "aim,0,released rows,0.1"]))
    (table,) = BUILDERS["published"](View.of([run(0, 0.812)], tmp_path))
    assert table.rows == [["MST, rows", "0.39", "0.3100 ± 0.0141", "2", "-0.0800", "less is found again"]]
    (tmp_path / AUDITED).unlink()
    (table,) = BUILDERS["published"](View.of([run(0, 0.812)], tmp_path))
    assert table.rows[0][-1] == "not run"
