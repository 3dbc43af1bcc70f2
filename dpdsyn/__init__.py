"""Differentially private table synthesis guided by a downstream task."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dpdsyn.api import DPDSyn
    from dpdsyn.schema import Schema

__all__ = ["DPDSyn", "Schema"]

_HOMES = {"DPDSyn": "dpdsyn.api", "Schema": "dpdsyn.schema"}


def __getattr__(name: str) -> object:
    """Import on first use: commands that need no pandas are not to wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dpdsyn' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
