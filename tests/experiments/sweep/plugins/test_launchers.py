"""A launcher of one's own by `--config-dir`: any class of Hydra's kind, and one line for what is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from experiments.sweep.overrides import UsageError
from experiments.sweep.plugins.launchers import hint, launcher, refuse_unknown_launcher

OWN = """\
from pathlib import Path

from hydra._internal.core_plugins.basic_launcher import BasicLauncher


class Noting(BasicLauncher):
    def __init__(self, note):
        super().__init__()
        self.note = note

    def launch(self, job_overrides, initial_job_idx):
        Path(self.note).write_text(str(len(job_overrides)))
        return super().launch(job_overrides, initial_job_idx)


class Other:
    pass
"""


def made(**settings: Any) -> Any:
    return launcher(None, print, OmegaConf.create({"hydra": {"launcher": settings}}))


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "launched_by_me.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)


def test_a_class_of_ones_own_gets_its_parameters_and_the_job(own: None) -> None:
    found = made(_target_="launched_by_me.Noting", note="here")
    assert found.note == "here" and found.task_function is print
    hydras = made(_target_="hydra._internal.core_plugins.basic_launcher.BasicLauncher")
    assert type(hydras).__name__ == "BasicLauncher" and hydras.task_function is print


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"_target_": "launched_by_me.Nosuch"}, "cannot be made: cannot load 'launched_by_me.Nosuch'"),
        ({"_target_": "nosuch_module.Launcher"}, "cannot be made: cannot load 'nosuch_module.Launcher'"),
        ({"_target_": "launched_by_me.Other"}, "a class of hydra.plugins.launcher.Launcher is needed"),
        ({"_target_": "launched_by_me.Noting"}, "cannot be made: .*note"),
        ({"_target_": "launched_by_me.Noting", "note": "", "pause": 1}, "cannot be made: .*pause"),
        ({"pause": 1}, "the launcher has no _target_"),
    ],
)
def test_what_is_no_launcher_is_refused_in_a_line(own: None, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        made(**settings)
    assert "\n" not in str(refused.value)


def test_what_to_install_is_told_of_launchers_that_need_it() -> None:
    assert (
        "dpdsyn[slurm]" in hint("Could not find 'hydra/launcher/submitit_slurm'") and hint("Could not override 'hydra.x'") == ""
    )
    with pytest.raises(UsageError, match=r"^no hydra/launcher is called 'nope'; there are basic, joblib, local, .*dpdsyn\[ray\]"):
        refuse_unknown_launcher("nope", None)
    refuse_unknown_launcher("local", None)
