"""One screen at the end of a sweep: means by method and case, what failed, within the terminal."""

from __future__ import annotations

import pytest
from builders.records import changed, few, one, record

from experiments.records.record import Record
from experiments.report.grouped import View
from experiments.report.terminal.screen import lighter, overview


def shown(records: list[Record], width: int = 100, height: int = 40) -> list[str]:
    lines = overview(View.of(map(lighter, records)), width, height).splitlines()
    assert all(len(line) <= width for line in lines), max(lines, key=len)
    return lines


def judged() -> list[Record]:
    """The usual few, tested on so many rows that their scores tell something."""
    return [changed(run, dataset={"name": "toy", "n_train": 9, "n_test": 3000}) for run in few()]


def cells(lines: list[str], method: str) -> list[str]:
    (line,) = (line for line in lines if line.startswith(f"{method} "))
    return line.split()


def test_methods_stand_by_their_means_with_the_best_marked_and_what_is_missing_said() -> None:
    lines = shown(judged())
    assert lines[0].startswith("accuracy, mean over 1 to 3 seeds; * best under our guarantee; seconds: fit and sample, median")
    assert " ".join((lines[1] + lines[2]).split()) == "toy epsilon 1 epsilon 4 guarantee seconds"
    names = [line.split()[0] for line in lines[3:11]]
    assert names[0] == "real" and names.index("aim") < names.index("dpdsyn") < names.index("mst")
    assert cells(lines, "aim")[:3] == ["aim", "0.860*", "0.860*"] and cells(lines, "dpdsyn")[1] == "0.850"
    assert "no DP guarantee" in next(line for line in lines if line.startswith("real"))
    assert "(1 of 1 timeout)" in "\n".join(lines) and any("timeout: " in line for line in lines[11:])


def test_a_score_at_chance_is_no_best_one() -> None:
    idle = {"logistic": {"accuracy": 0.9, "balanced_accuracy": 0.5, "auroc": 0.5}}
    learnt = {"logistic": {"accuracy": 0.8, "balanced_accuracy": 0.7, "auroc": 0.8}}
    runs = [changed(one("mst"), metrics=idle), changed(one("aim"), metrics=learnt), changed(one("privbayes"), metrics=learnt)]
    floored = [
        changed(run, dataset={"name": "toy", "n_train": 900, "n_test": 3000, "floor": {"balanced_accuracy": 0.5}}) for run in runs
    ]
    lines = shown(floored)
    assert "† nothing learnt" in lines[0] and cells(lines, "mst")[1] == "0.900†" and "0.800*" in "\n".join(lines)


def test_where_one_class_has_nearly_all_rows_balanced_accuracy_stands_beside_and_a_constant_is_no_best() -> None:
    common = {"name": "toy", "n_train": 900, "n_test": 3000, "floor": {"accuracy": 0.95, "balanced_accuracy": 0.5}}
    scores = {"mst": (0.95, 0.53), "aim": (0.94, 0.8), "privbayes": (0.93, 0.7)}
    runs = [
        changed(one(name), metrics={"logistic": {"accuracy": a, "balanced_accuracy": b, "auroc": 0.8}}, dataset=common)
        for name, (a, b) in scores.items()
    ]
    lines = shown(runs)
    second = next(
        i for i, line in enumerate(lines) if line.startswith("balanced accuracy where one class has 90% of rows or more")
    )
    above, below = lines[:second], lines[second:]
    assert "*" not in "".join(above[1:]) and cells(above, "mst")[1] == "0.950"
    assert cells(below, "aim")[1] == "0.800*" and cells(below, "mst")[1] == "0.530"
    usual = shown([changed(run, dataset={**common, "floor": {"accuracy": 0.6, "balanced_accuracy": 0.5}}) for run in runs])
    assert not any(line.startswith("balanced accuracy") for line in usual) and cells(usual, "mst")[1] == "0.950*"


def test_alike_failures_are_one_line_and_each_fits() -> None:
    broken = [
        record(
            f"{name}{seed}",
            seed=seed,
            status="failed",
            error=f"ValueError: {name} {'went far ' * 30}\nmore",
            metrics={},
            method={"name": name, "parameters": {}},
        )
        for name in "abcdefgh"
        for seed in range(3)
    ]
    lines = shown([*judged(), *broken], 80)
    assert [line[:9] for line in lines[-6:-1]] == ["3 failed:"] * 5 and lines[-2].endswith("…")
    assert lines[-1].startswith("and ") and lines[-1].endswith("more kinds of failures: dpdsyn status")


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (100, 40), (200, 60)])
def test_a_large_sweep_fits_a_screen(width: int, height: int) -> None:
    sweep = [
        changed(
            one(f"method_{m}", 0.5 + 0.01 * m + 0.001 * e, epsilon=float(e)),
            run_id=f"{m} {e} {d}",
            dataset={"name": f"data_set_{d}", "n_train": 9, "n_test": 3},
        )
        for m in range(20)
        for e in range(1, 6)
        for d in range(8)
    ]
    lines = shown(sweep, width, height)
    text = "\n".join(lines)
    assert len(lines) <= height - 2 and "method_19" in text and (width == 200) != ("dpdsyn tables --working" in text)
    assert "mean over 1 seed and budgets" in text.replace("\n", " ")


def test_a_number_is_judged_by_r2_beside_classes() -> None:
    numeric = changed(
        one("mst"), run_id="n", dataset={"name": "prices", "n_train": 9, "n_test": 3}, metrics={"ridge": {"r2": 0.42, "mae": 1.0}}
    )
    lines = shown([*judged(), numeric])
    start = next(i for i, line in enumerate(lines) if line.startswith("R2, mean over 1 seed"))
    assert "0.420" in "\n".join(lines[start:]) and "prices" in lines[start + 1]


def test_what_is_not_told_is_not_kept() -> None:
    ledger = [{"mechanism": "Gaussian", "label": "x"}, {"mechanism": "Unprotected", "label": "y"}]
    full = record(
        privacy={"epsilon": 1.0, "delta": 1e-6, "ledger": ledger, "plan": [{"mechanism": "Gaussian"}]},
        environment={"commit": "c", "code": "d"},
    )
    light = lighter(full)
    assert light.privacy.ledger == (ledger[1],) and light.privacy.plan is None
    assert light.environment.commit is None and light.environment.code == "d" and light.metrics == full.metrics
