"""Recorded runs done again: the same rows, a tampered record, and runs that are no longer the same."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.records import changed, record

from dpdsyn.base.checks import InputError
from experiments.cli.parts.drawn_runs import Again, draw
from experiments.report.commands import overrides

Dpdsyn = Callable[..., subprocess.CompletedProcess]
SMALL = (
    "dataset=simulated",
    "dataset.generator.rows=500",
    "dataset.generator.test_rows=300",
    "evaluation.evaluators=[logistic]",
    "compute.workers=1",
)


def tamper(folder: Path, run: str, accuracy: float) -> None:
    path = folder / f"{run}.json"
    told = json.loads(path.read_text())
    told["metrics"]["logistic"]["accuracy"] = accuracy
    path.write_text(json.dumps(told))


@pytest.mark.slow
def test_runs_are_drawn_done_again_and_held_against_their_records(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    made = dpdsyn("run", "-m", *SMALL, "synthesizer=independent,uniform", "seed=0,1")
    assert made.returncode == 0, made.stderr
    again = dpdsyn("reproduce", "--sample", "3", "--seed", "5")
    assert again.returncode == 0, again.stderr
    assert "3 runs drawn with --seed 5, 3 ended well, 3 with the same rows bit for bit" in again.stdout
    assert "within 0.01: 3 of 3" in again.stdout and again.stdout.count("the same, bit for bit") == 3
    records = tmp_path / "results" / "runs" / "records"
    assert len(list(records.glob("*.json"))) == 4, "what is done again is kept elsewhere"
    for path in records.glob("*.json"):
        tamper(records, path.stem, 0.123)
    told = dpdsyn("reproduce", "--sample", "3", "--seed", "5")
    assert told.returncode == 1 and "within 0.01: 0 of 3" in told.stdout
    assert "3 done before" in told.stderr or "[" not in told.stderr, "the same draw goes on where it stopped"


@pytest.mark.slow
def test_runs_of_configuration_of_ones_own_are_done_again_with_its_folder(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    (tmp_path / "mine" / "synthesizer").mkdir(parents=True)
    (tmp_path / "mine" / "synthesizer" / "half.yaml").write_text("name: half\n_target_: my_half.Half\nshare: 0.5\n")
    (tmp_path / "my_half.py").write_text(
        "from dpdsyn.candidates import Independent\n\n\nclass Half(Independent):\n"
        "    def __init__(self, share: float = 0.1) -> None:\n        super().__init__()\n        self.share = share\n"
    )
    folder = ("--config-dir", "mine")
    made = dpdsyn("run", "-m", *folder, *SMALL, "synthesizer=half", "seed=0,1")
    assert made.returncode == 0, made.stderr
    without = dpdsyn("reproduce", "--sample", "2", "--seed", "5")
    assert without.returncode == 2 and without.stderr.count("\n") == 2, without.stderr
    assert "reproduced: 2 cannot be composed: " in without.stderr and "half" in without.stderr
    again = dpdsyn("reproduce", "--sample", "2", "--seed", "5", *folder)
    assert again.returncode == 0 and "2 runs drawn with --seed 5, 2 ended well, 2 with the same rows" in again.stdout


def test_what_is_of_other_code_is_counted_and_another_is_drawn() -> None:
    gone = record("a" * 20, method={"name": "independent", "guarantee": "dp", "parameters": {}}, dataset={"name": "simulated"})
    failed = changed(gone, run_id="b", status="failed")
    with pytest.raises(InputError, match="1 are of other code or another version"):
        draw([gone, failed], 2, 0, overrides)
    absent = [record(str(number), method={"name": f"gone_{number // 3}", "parameters": {}}) for number in range(20)]
    told = r"^no record can be reproduced: 3 cannot be composed: no synthesizer is called 'gone_\d'.*; 5 for other reasons$"
    with pytest.raises(InputError, match=told):
        draw(absent, 1, 0, overrides)
    with pytest.raises(InputError, match="no run ended well"):
        draw([failed], 1, 0, overrides)


def test_numbers_that_are_off_or_missing_do_not_agree() -> None:
    then = record(fidelity={"tvd1": 0.1, "tvd2": 0.2}, synthetic_sha256="x")
    assert Again(then, then).agrees(0.0) and Again(then, then).same_rows
    further = changed(then, fidelity={"tvd1": 0.1, "tvd2": 0.25})
    assert not Again(then, further).agrees(0.04) and Again(then, further).agrees(0.051)
    for other in (None, changed(then, status="timeout", metrics={}), changed(then, fidelity={})):
        assert not Again(then, other).agrees(1.0)
    number = changed(then, metrics={"boosting": {"r2": 0.5}})
    assert Again(number, number).measure == "r2" and Again(number, number).pairs == [(0.5, 0.5), (0.2, 0.2)]


def test_a_draw_depends_on_its_seed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from experiments.cli.parts import drawn_runs

    monkeypatch.setattr(drawn_runs, "_looked_at", lambda records, how, folder: ((each, None, ()) for each in records))
    records = [record(f"{number:02}") for number in range(30)]
    drawn = [each.run_id for each in draw(records, 5, 3, overrides).records]
    assert drawn == [each.run_id for each in draw(records[::-1], 5, 3, overrides).records] and len(set(drawn)) == 5
    counts = Counter(each.run_id for seed in range(300) for each in draw(records, 5, seed, overrides).records)
    assert len(counts) == 30 and max(counts.values()) < 90, "each of 30 is drawn some 50 times"


@pytest.mark.slow
def test_metrics_and_models_of_ones_own_are_done_again_and_what_is_not_there_is_told(dpdsyn: Dpdsyn, tmp_path: Path) -> None:
    (tmp_path / "my_metric.py").write_text("def brier(labels, probabilities):\n    return 0.5\n")
    model = "+evaluation.models=[{_target_:sklearn.neighbors.KNeighborsClassifier,n_neighbors:40,name:forty}]"
    made = dpdsyn("run", *SMALL, "synthesizer=real", "+evaluation.metrics=[my_metric:brier]", model)
    assert made.returncode == 0, made.stderr
    again = dpdsyn("reproduce", "--sample", "1", "--seed", "5")
    assert again.returncode == 0 and "within 0.01: 1 of 1" in again.stdout, again.stderr
    (tmp_path / "my_metric.py").unlink()
    gone = dpdsyn("reproduce", "--sample", "1", "--seed", "6")
    assert gone.returncode == 2 and "1 cannot be composed: cannot load the metric 'my_metric:brier'" in gone.stderr
    nowhere = dpdsyn("reproduce", "--config-dir", "nosuch")
    assert nowhere.returncode == 2 and nowhere.stderr.endswith("nosuch: there is no such folder\n")
    assert nowhere.stderr.count("\n") == 1
