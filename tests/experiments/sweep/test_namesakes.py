"""A name stands for one method and one data set."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpdsyn.base.checks import InputError
from experiments.configuration import config_dir
from experiments.sweep.plan import Plans, plan_of
from experiments.sweep.request import inspect_request


def planned(folder: Path, *arguments: str) -> list[str]:
    request = inspect_request(["-m", "--config-dir", str(folder), "seed=0", *arguments])
    return [run.method for run in plan_of(request, Plans(folder))[0].runs]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "synthesizer").mkdir()
    for file, name, target in (
        ("one", "one", "dpdsyn.candidates.Uniform"),
        ("twin", "one", "dpdsyn.candidates.Independent"),
        ("copied", "mst", "dpdsyn.candidates.Uniform"),
        ("again", "mst", "baselines.mst.MST"),
    ):
        (tmp_path / "synthesizer" / f"{file}.yaml").write_text(f"name: {name}\n_target_: {target}\n", encoding="utf-8")
    return tmp_path


def test_a_method_has_no_other_methods_name(own: Path) -> None:
    assert planned(own, "dataset=simulated", "synthesizer=one,again") == ["one", "mst"]
    with pytest.raises(InputError, match=r"synthesizer 'mst' is the name of another one \(baselines.mst.MST\); give a `name`"):
        planned(own, "dataset=simulated", "synthesizer=copied")
    with pytest.raises(InputError, match=r"two of synthesizer are called 'one' \(dpdsyn.candidates.Uniform; dpdsyn.candidates.I"):
        planned(own, "dataset=simulated", "synthesizer=one,twin")


def test_a_data_set_has_no_other_data_sets_name(own: Path) -> None:
    (own / "dataset").mkdir()
    shipped = (config_dir() / "dataset" / "br2000.yaml").read_text(encoding="utf-8")
    files = shipped[shipped.index("files:") :].splitlines()[1]
    digest = files.rpartition(" ")[2].strip().strip('"')
    (own / "dataset" / "mine.yaml").write_text(shipped.replace(digest, "f" * 64), encoding="utf-8")
    with pytest.raises(InputError, match=r"dataset 'br2000' is the name of another one \(br2000/"):
        planned(own, "dataset=mine", "synthesizer=one")
