"""The base class of every method, which fits on a private table and then samples encoded rows."""

from __future__ import annotations

import inspect
import posixpath
import re
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from numbers import Real
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

from dpdsyn.accounting.cautions import Caution
from dpdsyn.base.checks import InputError
from dpdsyn.mechanisms.exact_noise import NOISE_IMPORTS
from dpdsyn.privacy import Allowance
from dpdsyn.private_table import PrivateTable
from dpdsyn.rules.impossible import Impossible
from dpdsyn.schema import Schema

GROUP = "dpdsyn.synthesizers"
_STEP = re.compile(r"[\w. /:-]+")
_EVERY_METHOD_IMPORTS = ("dp_accounting.pld", "scipy.optimize", *NOISE_IMPORTS)


class Synthesizer(ABC):
    """A method. Parameters are stored by `__init__` under their own names, unchanged.

    version: raised whenever the output for the same seed changes; that of some settings alone may be set by `__init__`.
    spends: how the method uses its ledger; "gaussian": only Gaussian noise, whose sum is fixed; "zcdp": anything
    that a zCDP cap covers; "nothing": no mechanism at all, so that epsilon makes no difference.
    uses_target: whether, as a source of candidates, the method is to see the target column too.
    most_values: how many codes a learnt column has at most where the method works well; others are merged (`learning.merging`).
    None: as many as there are.
    impossible: combinations of codes that no row has, by public rules; whoever fits sets it, and a method whose model can hold
    zeros may hold these (`dpdsyn.rules.impossible`).
    report: what a long fit tells of its progress, one line at a time; set it to hear.
    steps_: by name numbers of a fit's steps, in order, for charts: set by `fit` where it has any (`dpdsyn.base.steps`), and of
    nothing but what mechanisms have answered, for it is part of what is fitted. A loss on private rows is no such answer.
    """

    version: int = 1
    spends: ClassVar[Literal["gaussian", "zcdp", "nothing"]] = "zcdp"
    uses_target: ClassVar[bool] = False
    most_values: ClassVar[int | None] = None
    impossible: tuple[Impossible, ...] = ()
    report: Callable[[str], None] = staticmethod(lambda line: None)
    steps_: Mapping[str, Sequence[float]] = MappingProxyType({})

    @abstractmethod
    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        """Learn from the private table through its mechanisms. All other randomness comes from `rng`."""

    @abstractmethod
    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n synthetic rows, encoded, shape (n, columns), within the domain of the schema fitted on."""

    def shares(self, position: int) -> np.ndarray | None:
        """The share of rows that has each code of a column, shape (size,), if the method can condition on it; else None."""
        return None

    def sample_given(self, n: int, weights: Mapping[int, np.ndarray], rng: np.random.Generator) -> np.ndarray | None:
        """n rows with the probabilities of `sample` times the weights of their codes (`dpdsyn.rules.exact_conditions`).

        weights: of columns that `shares` answers for, by position. None where no row has any such probability.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot condition its rows")

    def posterior(self, position: int) -> Callable[[np.ndarray], np.ndarray] | None:
        """Of a fitted method whose model tells: the probability of each code of a column, given a row's other cells; else None.

        A function of encoded rows, shape (rows, columns), that gives float64 of shape (rows, size). It is made of what was fitted
        alone, does not look at the column itself, and gives a row the same bits beside any rows: gradients of private rows go by
        it (`dpdsyn.guides.head_start`). It can be pickled.
        """
        return None

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        """Why this method cannot run on such a table or budget, or None if it can."""
        return None

    def cautions(self, rows_public: int) -> tuple[Caution, ...]:
        """What whoever publishes is to be told of this fit: of nothing but public values and what mechanisms have answered.

        rows_public: how many rows there are about, as is told.
        """
        return ()

    def imports(self) -> tuple[str, ...]:
        """Modules that the method imports while it works, beside those that every method does."""
        return ()

    def foreign_versions(self) -> dict[str, int | str]:
        """Versions of what this one uses of other packages; those of its own count in `version`."""
        return {}

    def measured_elsewhere(self) -> Mapping[str, float | None]:
        """Of a method that works in another process: its seconds of `fit` and of the last `sample`, imports left out, and its
        `peak_memory_mb`. Empty where a clock in this process sees the work and nothing else.
        """
        return {}

    @property
    def has_posterior(self) -> bool:
        """Whether `posterior` has an answer once the method is fitted."""
        return type(self).posterior is not Synthesizer.posterior

    @property
    def can_be_saved(self) -> bool:
        """Whether `state` offers what was learnt."""
        return type(self).state is not Synthesizer.state

    def state(self) -> dict[str, np.ndarray]:
        """What was learnt, as arrays, for saving. Raises ValueError for methods that do not offer it."""
        raise InputError(f"{type(self).__name__} cannot be saved; save a table that it samples instead")

    def restore(self, schema: Schema, state: Mapping[str, np.ndarray]) -> Self:
        """Take back what `state` gave, on the schema that was fitted."""
        raise ValueError(f"{type(self).__name__} cannot be restored")

    def parameters(self) -> dict[str, Any]:
        """The values given to `__init__`, defaults included."""
        own = type(self).__init__ is not object.__init__
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters} if own else {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.parameters().items())})"


def load_imports(synthesizer: Synthesizer) -> None:
    """Import all that a fit imports, before a clock starts that is to leave it out."""
    for module in (*_EVERY_METHOD_IMPORTS, *synthesizer.imports()):
        import_module(module)


class ContractError(RuntimeError):
    """A synthesizer broke its contract."""


def load(target: str) -> type[Synthesizer]:
    """The class named "module.Class" or "module:Class". Raises ValueError if it is not there or no Synthesizer."""
    found = named(target)
    if not (isinstance(found, type) and issubclass(found, Synthesizer)):
        raise InputError(f"{target!r} is not a subclass of dpdsyn.synthesizer.Synthesizer")
    return found


def named(target: str) -> Any:
    """Whatever is named "module.Class" or "module:Class". Raises ValueError if it is not there."""
    module_name, _, class_name = target.replace(":", ".").rpartition(".")
    if not module_name:
        raise InputError(f"cannot load {target!r}: it names no class; give MODULE:CLASS of an importable module")
    if module_name.startswith("."):
        raise InputError(
            f"cannot load {target!r}: {module_name!r} is no name of a module; give MODULE:CLASS, as baselines.mst:MST"
        )
    try:
        module = import_module(module_name)
    except Exception as error:  # whatever the module does when it is imported, which may be a person's own
        absent = isinstance(error, ValueError) or (
            isinstance(error, ModuleNotFoundError) and f"{module_name}.".startswith(f"{error.name}.")
        )
        there = "give MODULE:CLASS of an importable module (installed, in the folder at hand, or on PYTHONPATH)"
        what = there if absent else f"{module_name} cannot be imported: {_place(error)}"
        raise InputError(f"cannot load {target!r} ({error}); {what}") from error
    found = getattr(module, class_name, None)
    if found is None:
        raise InputError(f"cannot load {target!r} ({module_name} has no {class_name}); give MODULE:CLASS of an importable module")
    return found


def _place(error: Exception) -> str:
    """The file and line that an import stumbled over."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    last = traceback.extract_tb(error.__traceback__)[-1]
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = own[-1] if own else last
    return f"{type(error).__name__} in {place.filename}, line {place.lineno}"


def find(name: str) -> type[Synthesizer]:
    """The class registered under an entry-point name. Raises ValueError, listing the names that exist."""
    if name not in _registered():
        _registered.cache_clear()  # it may have been installed since
    if name not in (known := _registered()):
        raise InputError(f"no synthesizer is called {name!r}; there are {', '.join(sorted(known))}")
    return load(known[name])


@cache
def _registered() -> dict[str, str]:
    """Classes by the names that they are registered under: to find them, a file of every installed package is read."""
    return {point.name: point.value for point in entry_points(group=GROUP)}


def draw(synthesizer: Synthesizer, schema: Schema, n: int, rng: np.random.Generator) -> np.ndarray:
    """Sample n rows, hold them against the contract, and replace undeclared categories.

    A cell with the code `other` gets the column's value of a random row that has a declared one (a random
    declared one if there is none), so that a category nobody declared is never published.
    Raises ContractError if the sample has the wrong shape, type or domain, or if nothing was fitted.
    """
    if not hasattr(synthesizer, "sample"):
        raise ContractError(f"`fit` gave {synthesizer!r}; it is to return what was fitted, as by `return self`")
    return with_declared(checked(synthesizer.sample(n, rng), synthesizer, schema, n), schema, rng)


def steps_of(fitted: Synthesizer) -> dict[str, list[float]]:
    """What a fitted method tells of its steps, as plain numbers. Raises ContractError if `steps_` holds anything else.

    Names are of letters, digits, blanks and `_ . : / -`, as those of MLflow's metrics are.
    """
    told: Any = fitted.steps_
    name = type(fitted).__name__
    if not isinstance(told, Mapping) or not all(isinstance(step, str) and step for step in told):
        raise ContractError(f"{name}.steps_ is {repr(told)[:60]}; numbers by name are needed, as {{'error': [0.5, 0.25]}}")
    plain: dict[str, list[float]] = {}
    for step, values in told.items():
        if not _STEP.fullmatch(step) or posixpath.normpath(step) != step or step.startswith((".", "/")):
            raise ContractError(f"{name}.steps_ names {step[:60]!r}; letters, digits, blanks and _ . : / - make a name")
        found = _numbers(values)
        if found is None:
            raise ContractError(f"{name}.steps_[{step!r}] is {repr(values)[:60]}; a list of numbers is needed, one a step")
        plain[step] = found
    return plain


def _numbers(values: Any) -> list[float] | None:
    """Plain numbers of a list or a vector of them; None for anything else."""
    listed = isinstance(values, np.ndarray) and values.ndim == 1
    listed = listed or (isinstance(values, Sequence) and not isinstance(values, str | bytes | bytearray))
    if not listed or not all(isinstance(value, Real) and not isinstance(value, bool | np.bool_) for value in values):
        return None
    try:
        return [float(value) for value in values]
    except OverflowError:
        return None


def checked(sample: np.ndarray, synthesizer: Synthesizer, schema: Schema, n: int) -> np.ndarray:
    """The sample as an array of the schema's type, of its own. Raises ContractError as `draw` does."""
    encoded = np.asarray(sample)
    name = type(synthesizer).__name__
    if encoded.shape != (n, len(schema.columns)):
        raise ContractError(f"{name} gave an array of shape {encoded.shape}; ({n}, {len(schema.columns)}) was asked for")
    if encoded.dtype.kind not in "iu":
        raise ContractError(f"{name} gave {encoded.dtype} values; integers are needed")
    if n and ((encoded < 0) | (encoded >= np.array(schema.sizes))).any():
        raise ContractError(f"{name} gave values outside the schema's domain")
    return encoded.astype(schema.dtype)


def with_declared(
    encoded: np.ndarray, schema: Schema, rng: np.random.Generator, others: Callable[[], np.ndarray] | None = None
) -> np.ndarray:
    """Encoded rows whose undeclared categories, where they are not published, are replaced as `draw` says, in place.

    others: gives rows of the method to take values from, where the rows themselves are not like those it samples.
    """
    hidden = [c.other_code is not None and not c.emit_other for c in schema.columns]
    found = [p for p, hides in enumerate(hidden) if hides and (encoded[:, p] == schema.columns[p].other_code).any()]
    source = encoded if others is None or not found else others()
    for position in found:
        code = schema.columns[position].other_code or 0  # there is one
        undeclared = encoded[:, position] == code
        declared = source[source[:, position] != code, position]
        pool = declared if len(declared) else np.arange(code)
        encoded[undeclared, position] = rng.choice(pool, int(undeclared.sum()))
    return encoded
