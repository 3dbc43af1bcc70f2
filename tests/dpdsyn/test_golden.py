"""A method whose output changes must raise its version: means of a sample from fixed seeds, column by column."""

from __future__ import annotations

import numpy as np
import pytest

from dpdsyn.contract import fit_toy, toy_schema
from dpdsyn.synthesizer import draw, find

GOLDEN = {
    "absyn": (1, [1.073, 1.865, 1.859, 0.0, 0.35]),
    "aim": (1, [1.546, 1.927, 1.933, 0.0, 0.376]),
    "class_conditional": (2, [1.617, 1.954, 2.256, 0.0, 0.497]),
    "dp_ctgan": (1, [2.0, 2.596, 1.972, 0.0, 0.049]),
    "dpdsyn": (2, [1.409, 2.857, 1.815, 0.0, 0.435]),
    "dpwgan": (1, [0.899, 2.145, 1.548, 0.0, 0.268]),
    "guide_only": (2, [1.504, 2.015, 1.946, 0.0, 0.291]),
    "independent": (2, [1.075, 2.156, 1.988, 0.0, 0.361]),
    "majority": (1, [1.504, 2.015, 1.946, 0.0, 0.0]),
    "mst": (2, [1.575, 2.002, 2.011, 0.0, 0.493]),
    "mwem": (1, [1.732, 1.877, 2.962, 0.0, 0.371]),
    "permuted": (1, [1.566, 2.1, 2.188, 0.0, 0.45]),
    "privmrf": (1, [1.35, 2.082, 2.288, 0.0, 0.53]),
    "privpetal": (1, [1.344, 2.084, 2.286, 0.0, 0.528]),
    "privsyn": (1, [1.337, 2.175, 1.677, 0.0, 0.05]),
    "real": (1, [1.567, 2.1, 2.188, 0.0, 0.45]),
    "rdp_gan": (1, [0.777, 1.579, 1.845, 0.0, 0.72]),
    "rdp_gan_as_published": (1, [0.883, 1.671, 2.132, 0.0, 0.418]),
    "uniform": (1, [1.504, 2.015, 1.946, 0.0, 0.506]),
    "wdp_gan": (1, [1.474, 2.056, 2.024, 0.0, 0.148]),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_output_changes_only_with_the_version(name: str) -> None:
    version, means = GOLDEN[name]
    fitted, _ = fit_toy(find(name), toy_schema(), 80, seed=11)
    encoded = draw(fitted, toy_schema(), 2000, np.random.default_rng(12))
    assert fitted.version == version, "write the new version and the new means here"
    assert encoded.mean(axis=0) == pytest.approx(means, abs=0.004), f"the output of {name} changed: raise its version"
