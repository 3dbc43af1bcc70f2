"""Any method published as DPDSyn's own is: learnt domains, preflight, person units, a guarantee that is read off the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from dpdsyn.api import DPDSyn
from dpdsyn.base import saved
from dpdsyn.base.checks import InputError
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import load

_OURS = ("dpdsyn", "baselines")


class Release(DPDSyn):
    """A method by the name of its class, "module:Class", with parameters of its own, in the place of DPDSyn's.

    `fit`, `sample`, `guarantee` and the rest are those of `DPDSyn`. A method that takes rows without a mechanism of ours is
    refused at that moment, before it sees one, unless the schema is a draft, of which nothing has a guarantee. What can be saved
    is what offers `state`. owners_types: types of the private file, if it declares any, as whoever publishes writes them; kept in
    the model's file.
    """

    owners_types: str = ""

    def __init__(
        self,
        method: str = "dpdsyn.method:GuidedSynthesizer",
        parameters: Mapping[str, Any] | None = None,
        epsilon: float = 1.0,
        delta: float | None = None,
        target: str | None = None,
        random_state: int | None = None,
    ) -> None:
        self.method = method
        self.parameters = parameters
        self.epsilon = epsilon
        self.delta = delta
        self.target = target
        self.random_state = random_state

    def _method(self) -> GuidedSynthesizer:
        kind = load(self.method)
        try:
            return cast(GuidedSynthesizer, kind(**(self.parameters or {})))
        except (TypeError, ValueError) as error:  # a constructor checks nothing but what it is given
            raise InputError(f"{self.method}: {error}") from error

    def _ledger(self, budget: Budget, schema: Schema) -> Ledger:
        return Ledger(budget) if schema.drafted else _Protected(budget)

    @property
    def can_be_saved(self) -> bool:
        """Whether `save` will do, before or after `fit`."""
        return self._method().can_be_saved

    def save(self, path: str | Path) -> None:
        """As `DPDSyn.save`. Raises ValueError for a method that cannot be saved."""
        method = self._fitted().method_
        meta = {"parameters": self._fitted_with, **self._learnt(), "owners_types": self.owners_types}
        saved.write(Path(path), meta, method.state())

    @classmethod
    def load(cls, path: str | Path, random_state: int | None = None, guide: Any = None) -> Release:
        """As `DPDSyn.load`, for what `save` of this class wrote, of methods of ours: a file runs no code of another's."""
        meta, arrays = saved.read(Path(path))
        with saved.read_as("Release", path, meta):
            model = cls(**meta["parameters"], random_state=random_state)
            if model.method.partition(".")[0] not in _OURS:
                raise InputError(f"{path} is of {model.method}, which is no method of ours; fit it anew")
            model._restore(meta, arrays)
            model.owners_types = meta.get("owners_types", "")
        model._begin_sampling()
        return model


class _Protected(Ledger):
    """A ledger that lets no row leave but through a mechanism."""

    def expose(self, why: str) -> None:
        raise InputError(f"this method uses rows without protection ({why}), so it has no guarantee and is not published")

    def hand_over(self, promise: str) -> None:
        raise InputError(f"this method gives rows to an outside library ({promise}), which nobody here has verified")

    def claim(self, label: str) -> None:
        raise InputError(f"this method asks by a mechanism of its own ({label}), which nobody here has verified")
