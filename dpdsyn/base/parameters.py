"""Parameters by the conventions of scikit-learn: what `__init__` takes, it keeps under the same names."""

from __future__ import annotations

import inspect
from typing import Any, Self

from dpdsyn.base.checks import InputError


class Parameters:
    """A class whose `__init__` takes parameters by name and does nothing but keep them."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The values given to `__init__`."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters. Raises ValueError for a name that is none."""
        known = self.get_params()
        unknown = sorted(set(parameters) - set(known))
        if unknown:
            raise InputError(f"no parameter is called {', '.join(unknown)}; there are {', '.join(known)}")
        for name, value in parameters.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.get_params().items())})"
