"""What others published, read from its list and held against runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from builders.paths import ROOT
from builders.records import changed, record

from baselines.mst import MST
from experiments.bench.audited import SEES
from experiments.configuration import options
from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.published import AUDITED, LIST, Entry, FoundAgain, Held, Nearest, Source, held, read
from experiments.report.tables.all import BUILDERS
from experiments.report.tables.table import Table

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
        ((0.75, 0.81), "not told apart"),  # within twice the deviation of two seeds
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


def audit(method: str, seed: int, sees: str, shown: float, version: int = MST.version) -> str:
    return f"{method},{version},{seed},{sees},0.5,{shown}"


def audited(folder: Path, lines: list[str], **ours: object) -> Table:
    """The table of a published audit that finds .39 again, beside these lines of ours."""
    entry = {"what": "MST, rows", "theirs": 0.39, "ours": {"audited": "mst", "sees": "released rows", **ours}}
    (folder / LIST).write_text(yaml.safe_dump([{"source": "an audit", "differs": "noise", "numbers": [entry]}]))
    (folder / AUDITED).write_text("\n".join(["method,version,seed,attacker_sees,implied_mu,shown_mu", *lines]))
    (made,) = BUILDERS["published"](View.of([run(0, 0.812)], folder))
    return made


def test_an_audit_is_held_against_a_published_one_by_the_share_of_mu_that_is_found_again(tmp_path: Path) -> None:
    lines = [audit("mst", seed, "released rows", mu) for seed, mu in enumerate((0.39, 0.38))]
    lines += [audit("mst", 0, "both", 0.4), audit("aim", 0, "released rows", 0.1)]
    made = audited(tmp_path, lines, implied=0.4)
    assert made.rows == [["MST, rows", "0.9750 (0.39 of 0.4)", "0.7700 ± 0.0141", "2", "-0.2050", "less is found again"]]
    assert any(note.startswith("Shares: ") for note in made.notes)
    assert audited(tmp_path, lines).rows[0][1:2] + audited(tmp_path, lines).rows[0][-2:] == [
        "0.39 of a mu that is not told",
        "-",
        "-",
    ]
    (tmp_path / AUDITED).unlink()
    (without,) = BUILDERS["published"](View.of([run(0, 0.812)], tmp_path))
    assert without.rows[0][-1] == "not run"


def test_few_audits_that_are_far_apart_are_not_called_the_same(tmp_path: Path) -> None:
    lines = [audit("mst", seed, "released rows", mu) for seed, mu in enumerate((0.35, 0.48, 0.34))]
    made = audited(tmp_path, lines, implied=0.4)
    assert made.rows[0][-2:] == ["-0.1950", "not told apart"]


def test_an_audit_of_an_older_version_is_left_out(tmp_path: Path) -> None:
    stale = [audit("mst", 0, "released rows", 0.39, MST.version - 1)]
    assert audited(tmp_path, stale, implied=0.4).rows[0][2:] == ["-", "0", "-", "not run"]
    both = [*stale, audit("mst", 1, "released rows", 0.2)]
    assert audited(tmp_path, both, implied=0.4).rows[0][2:4] == ["0.4000", "1"]


def test_there_is_no_verdict_where_models_of_real_rows_differ_themselves(tmp_path: Path) -> None:
    of_real = {**NEAREST, "synthesizer": "real"}
    numbers = [
        {"what": "real rows", "theirs": 0.80, "ours": of_real},
        {"what": "MST", "theirs": 0.80, "ours": NEAREST},
        {"what": "MST by another model", "theirs": 0.80, "ours": {**NEAREST, "evaluator": "logistic"}},
    ]
    (tmp_path / LIST).write_text(yaml.safe_dump([{"source": "a paper", "differs": "judges", "numbers": numbers}]))

    def real(auroc: float) -> Record:
        return changed(run(0, auroc), run_id="real", method={"name": "real", "guarantee": "none", "parameters": {}})

    (apart,) = BUILDERS["published"](View.of([run(0, 0.802), real(0.82)], tmp_path))
    assert [row[-1] for row in apart.rows] == ["not compared", "not compared", "ours is worse"]
    assert any(note.startswith("Not compared: ") and "+0.0200" in note for note in apart.notes)
    (near,) = BUILDERS["published"](View.of([run(0, 0.802), real(0.805)], tmp_path))
    assert [row[-1] for row in near.rows] == ["the same", "the same", "ours is worse"]
