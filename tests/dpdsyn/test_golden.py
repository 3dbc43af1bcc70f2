"""A method whose output changes must raise its version: means of a sample from fixed seeds, column by column.

The numbers stand in golden.yaml, one line a method. A method without a line is no failure: a warning says which line to add.
Methods that train by hundreds of float32 steps end a little elsewhere on other processors: `within` says how far off they may be.
A guide's labels may have the source's mean whatever the guide is: their means for each value of the first column are there too.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import yaml
from threadpoolctl import threadpool_limits

from baselines.foreign.isolated import Isolated
from dpdsyn.contract import Factory, fit_toy, toy_schema
from dpdsyn.privacy import Budget
from dpdsyn.synthesizer import GROUP, draw, find, load
from experiments.configuration import options, read_option

GOLDEN = yaml.safe_load(Path(__file__).with_name("golden.yaml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums that several threads share have other last digits."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(threads)


def factory(name: str) -> Factory:
    """A method by its entry point, with default parameters, or as `conf/synthesizer` describes it."""
    if name in entry_points(group=GROUP).names:
        return find(name)
    option = read_option("synthesizer", name)
    return partial(load(option["_target_"]), **{k: v for k, v in option.items() if k not in ("name", "_target_", "about")})


def sampled(name: str) -> tuple[int, dict[str, np.ndarray]]:
    """The method's version, and the means of its sample by what they are of."""
    fitted, _ = fit_toy(factory(name), toy_schema(), 80, seed=11, verify=False)
    rows = draw(fitted, toy_schema(), 2000, np.random.default_rng(12))
    means = {"means": rows.mean(axis=0)}
    if hasattr(fitted, "guide_"):
        more = draw(fitted, toy_schema(), 50_000, np.random.default_rng(13))  # where one label that falls otherwise is not seen
        means["labels"] = np.array([more[more[:, 0] == value, -1].mean() for value in np.unique(more[:, 0])])
    return fitted.version, means


def line(name: str) -> str:
    """The line of golden.yaml for a method as it is today."""
    version, means = sampled(name)
    told = "".join(f", {key}: {[round(float(mean), 3) for mean in own]}" for key, own in means.items())
    return f"{name}: {{version: {version}{told}}}"


def without_numbers(known: set[str]) -> list[str]:
    """Methods of `conf/synthesizer` that can run here, one for each class that no known method has.

    Not wrapped ones, whose output is their packages' own.
    """
    covered = {type(factory(name)()) for name in known} | {Isolated}
    missing = []
    for name in options("synthesizer"):
        method = factory(name)()
        if type(method) not in covered and method.skip(toy_schema(), Budget(1.0, 1e-6)) is None:
            covered.add(type(method))
            missing.append(name)
    return missing


def slowly(name: str) -> object:
    """private-pgm compiles programs for every new set of marginals."""
    return pytest.param(name, marks=pytest.mark.slow) if name.startswith("pgm_") else name


@pytest.mark.parametrize("name", map(slowly, GOLDEN))
def test_output_changes_only_with_the_version(name: str) -> None:
    version, means = sampled(name)
    golden = GOLDEN[name]
    known = {key: golden[key] for key in ("means", "labels") if key in golden}
    variants, within = [known, *(known | other for other in golden.get("elsewhere", []))], golden.get("within", 0.004)
    assert version == golden["version"], f"write the new version and the new means into golden.yaml: {line(name)}"
    assert means.keys() == known.keys(), f"these means are to be in golden.yaml: {line(name)}"
    for key, own in means.items():
        same = [own == pytest.approx(numbers[key], abs=within) for numbers in variants]
        assert any(same), f"the output of {name} changed: raise its version. {line(name)}"


def test_a_method_without_numbers_is_named_with_the_line_to_add() -> None:
    for name in without_numbers(set(GOLDEN)):
        warnings.warn(f"{name} has no golden numbers; this line in golden.yaml gives it some: {line(name)}", stacklevel=1)
    assert set(without_numbers(set(GOLDEN) - {"independent"})) == {"independent", *without_numbers(set(GOLDEN))}
    assert yaml.safe_load(line("independent")) == {"independent": GOLDEN["independent"]}
