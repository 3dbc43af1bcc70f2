"""The method that stands for those of other packages: each fit runs in the interpreter of the package's own environment.

A package is one file, `foreign/NAME.py`, and one lock, `foreign/NAME.txt` (see `environments`). The file offers one
function, `prepare(method)`, which imports what the method needs and gives `fit(frame, sizes, epsilon, delta, seed, options)`.
That fits on an encoded frame, integers below `sizes` column after column, and gives `sample(rows, seed)`, which gives such a
frame. It runs under the package's interpreter, so it imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from baselines.foreign import environments
from baselines.foreign.other_interpreter import OtherInterpreter, PackageFailed
from dpdsyn.base.checks import InputError
from dpdsyn.privacy import Allowance, Budget
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer


class Isolated(Synthesizer):
    """A method of another package as its makers ship it; its guarantee is what the package says, unverified.

    package: smartnoise or dpmm; what is known to be wrong with their methods is written in `foreign/smartnoise.py` and
    `foreign/dpmm.py`. options: further arguments of the package's own class.

    The package is given encoded rows, the domain size of each column, epsilon and delta. Its process lives until this object is
    dropped or this process ends, for samples to be drawn from. `fit` has no limit of time: whoever needs one kills the
    process that it runs in, as the harness does, and the package's ends with it. Seconds are measured there, without
    starting, importing and exchanging tables. Raises PackageFailed if the package fails, MemoryError if it asks for more
    memory than there is.
    """

    def __init__(self, package: str = "smartnoise", method: str = "mst", options: Mapping[str, Any] | None = None) -> None:
        self.package = package
        self.method = method
        self.options = options
        if options is not None and not isinstance(options, Mapping):
            raise InputError(f"options is {options!r}; names with values are needed, as {{epochs: 100}}")
        known = self.environment().methods
        if method not in known:
            raise InputError(f"{package} has no method {method!r}; there are {', '.join(known)}")

    def environment(self) -> environments.Environment:
        """The environment of the package."""
        return environments.find(self.package)

    def interpreter(self) -> Path:
        """The Python that runs the package."""
        return self.environment().interpreter

    def adapter(self) -> Path:
        """The file that calls the package."""
        return self.environment().adapter

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        if not isinstance(budget, Budget):
            return f"{self.package} needs an (epsilon, delta) of its own and cannot share a budget"
        if not self.interpreter().exists():
            return f"its packages are not on this machine; this brings them: {self.environment().command}"
        return None

    def foreign_versions(self) -> dict[str, int | str]:
        return self.environment().versions

    def measured_elsewhere(self) -> dict[str, float | None]:
        return self.measured_

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema, allowance = private.schema, private.ledger.allowance
        if reason := self.skip(schema, allowance):
            raise InputError(reason)
        assert isinstance(allowance, Budget)
        budget = allowance.left
        name = f"{self.package} {self.method}"
        self.schema_ = schema
        self.process_ = OtherInterpreter(name, self.interpreter(), self.adapter(), self.method, self.report)
        measured = self.process_.fit(
            private.hand_over(f"{name} claims ({budget.epsilon:g}, {budget.delta:g})"),
            sizes=list(schema.sizes),
            epsilon=float(budget.epsilon),
            delta=float(budget.delta),
            seed=int(rng.integers(2**31)),
            options=dict(self.options or {}),
        )
        self.measured_ = {"fit": measured["seconds"], "sample": 0.0, "peak_memory_mb": measured["peak_memory_mb"]}
        return self

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        schema = self.schema_
        seed = int(rng.integers(2**31))
        if n == 0:
            return np.empty((0, len(schema.columns)), dtype=schema.dtype)
        encoded, measured = self.process_.sample(n, seed, len(schema.columns))
        outside = ((encoded < 0) | (encoded >= np.array(schema.sizes))).any(axis=0)
        if outside.any():
            self.process_.close()
            column = schema.columns[int(outside.argmax())]
            raise PackageFailed(
                f"{self.package} {self.method}: it gave values outside the {column.size} of column {column.name!r}"
            )
        self.measured_ |= {"sample": measured["seconds"], "peak_memory_mb": measured["peak_memory_mb"]}
        return encoded.astype(schema.dtype)
