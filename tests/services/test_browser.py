"""The dashboard as a person sees it: `dpdsyn ui` in a headless Chromium. Started by `nox -s browser`."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.chromium import browser  # noqa: F401, a fixture
from builders.daemons import daemon, free_port, listens, wait_until
from builders.processes import command, gone, process_environment, workers_of

Dpdsyn = Callable[..., subprocess.CompletedProcess]


def test_runs_are_there_sorted_by_accuracy_and_compared(
    browser: Any,  # noqa: F811
    toy_world: Path,
    tmp_path: Path,
    dpdsyn: Dpdsyn,
) -> None:
    call = ("run", "-m", "dataset=toy", "synthesizer=real,majority,instant", "evaluation.evaluators=[logistic]")
    assert dpdsyn(*call).returncode == 0

    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'results' / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'ad hoc: toy'")
    shown = client.search_runs([experiment.experiment_id], "tags.`dpdsyn.cell_id` != ''", order_by=["metrics.accuracy DESC"])
    best_first = [run.info.run_name for run in shown]
    assert best_first[0] == "real toy eps=1 seed=0" and len(best_first) == 3

    port = free_port()
    env = process_environment(toy_world, tmp_path)
    with daemon(tmp_path / "ui.log", *command(toy_world, "ui", "--port", str(port)), env=env):
        wait_until(lambda: listens(port), 120, f"the dashboard, see {tmp_path}/ui.log")
        home = f"http://127.0.0.1:{port}/#"

        def text() -> str:
            return browser.find_element("tag name", "body").text

        def order() -> list[str]:
            found = [text().find(name) for name in best_first]
            return [name for _, name in sorted(zip(found, best_first, strict=True))] if min(found) >= 0 else []

        sort = "orderByKey=metrics.%60accuracy%60&compareRunsMode=TABLE"
        for ascending, expected in (("false", best_first), ("true", best_first[::-1])):
            browser.get("about:blank")
            browser.get(f"{home}/experiments/{experiment.experiment_id}/runs?{sort}&orderByAsc={ascending}")
            wait_until(lambda expected=expected: order() == expected, 60, f"runs in the order {expected}: {text()}")
        ids = ",".join(f'"{run.info.run_id}"' for run in shown[:2])
        browser.get(f'{home}/compare-runs?runs=[{ids}]&experiments=["{experiment.experiment_id}"]')
        wait_until(lambda: all(name in text() for name in best_first[:2]), 60, f"the comparison: {text()}")
        for word in ("accuracy", "auroc", "method"):
            assert word in text(), text()
        (tmp_path / "compared.png").write_bytes(browser.get_screenshot_as_png())
        printed = (tmp_path / "ui.log").read_text()
        browser.get("about:blank")
        browser.get(printed.partition("methods compared: ")[2].split()[0])
        wait_until(lambda: "toy: means by method" in text(), 60, f"the view that compares: {text()}")
        for word in ("Group: instant", "Group: real", "total_seconds vs. accuracy", "Model registry"):
            wait_until(lambda word=word: word in text(), 30, f"{word}: {text()}")
        assert "Sessions" not in text()  # of conversations, which a person who trains models does not have
        (tmp_path / "view.png").write_bytes(browser.get_screenshot_as_png())
    assert "Traceback" not in (tmp_path / "ui.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_whatever_ends_the_dashboard_leaves_no_process(number: int, toy_world: Path, tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    assert dpdsyn("run", "dataset=toy", "synthesizer=instant", "evaluation.evaluators=[logistic]").returncode == 0
    port, env = free_port(), process_environment(toy_world, tmp_path)
    assert gone(tmp_path / "results")
    with (tmp_path / "ui.log").open("wb") as log:
        ui = subprocess.Popen(command(toy_world, "ui", "--port", str(port)), env=env, stdout=log, stderr=log)
    wait_until(lambda: listens(port), 120, f"the dashboard, see {tmp_path}/ui.log")
    assert len(workers_of(tmp_path / "results")) > 1
    os.kill(ui.pid, number)
    ui.wait(60)
    assert gone(tmp_path / "results", 30) and not listens(port)
