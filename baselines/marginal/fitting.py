"""Which engine fits a graphical model: our own inference, or private-pgm's; and the base of the methods that fit one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal, get_args

import numpy as np

from baselines.marginal.conditioned import GivenRows
from baselines.marginal.inference import Model, fit_model
from baselines.marginal.marginals import Measurement
from dpdsyn.base.checks import InputError, one_of
from dpdsyn.synthesizer import Synthesizer

Engine = Literal["own", "mbi"]
_BRIDGE = "baselines.marginal.private_pgm"  # imports JAX, so it is imported where it is needed


def known_engine(engine: Engine) -> Engine:
    """The engine, if there is one of that name and its packages are here; else InputError."""
    one_of("engine", engine, get_args(Engine))
    if engine == "mbi" and find_spec("mbi") is None:
        raise InputError("engine is 'mbi', and that package is not here: pip install 'dpdsyn[bench]', or take 'own'")
    return engine


def fit(
    engine: Engine,
    sizes: Sequence[int],
    measurements: Sequence[Measurement],
    total: float,
    iterations: int,
    start: Model | None = None,
) -> Model:
    """The graphical model of `total` rows over columns of `sizes` values that fits the measurements best.

    engine: `own` ends when it gains no more (`fit_model`); `mbi` takes all iterations (`fit_with_mbi`). Both minimise the same
    loss. start: an earlier model, of either engine, where the search begins.
    """
    if engine == "own":
        return fit_model(sizes, measurements, total, iterations, start)
    from baselines.marginal.private_pgm import as_model, fit_with_mbi, forget_programs

    model = as_model(fit_with_mbi(sizes, measurements, total, iterations, start), range(len(sizes)), sizes)
    forget_programs()
    return replace(model, loss=sum(_loss(model, m) for m in measurements), iterations=iterations)


def _loss(model: Model, measurement: Measurement) -> float:
    """Half the squared distance of a measurement to the model's marginal, in standard deviations, as in `fit_model`."""
    expected = model.project(measurement.clique)
    off = (expected if measurement.weights is None else expected * measurement.weights) - measurement.values
    return 0.5 * float((off * off).sum()) / measurement.sigma**2


class ModelSynthesizer(Synthesizer):
    """A method that fits one graphical model, `model_`, by its `engine`, and samples it."""

    engine: Engine
    model_: Model

    def imports(self) -> tuple[str, ...]:
        return (_BRIDGE,) if self.engine == "mbi" else ()

    def foreign_versions(self) -> dict[str, int | str]:
        return {"mbi": version("mbi")} if self.engine == "mbi" else {}

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.model_.sample(n, rng)

    def shares(self, position: int) -> np.ndarray | None:
        return GivenRows(self.model_).shares(position)

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        return GivenRows(self.model_).sample(n, weights, rng)
