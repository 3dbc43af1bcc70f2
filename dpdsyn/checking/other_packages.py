"""What modules of other packages hold. There are thousands, so what is as it was at the last look is not taken apart again."""

from __future__ import annotations

import gc
import operator
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpdsyn.checking.content import _ADDRESS, content

MODULES = "(modules)"  # how the way to each begins
SINGLE = (bool, int, float, str, bytes, complex)
_CONTAINERS = (list, tuple, dict, set, frozenset, bytearray, np.ndarray)
_LOOKED_AT = frozenset(map(id, (*SINGLE, *_CONTAINERS)))  # of a class of others nobody knows whether it can be hashed


@dataclass(frozen=True)
class _Look:
    """What a module held, under which names, and what was made of it."""

    names: list[str]
    values: list[Any]
    leaves: dict[str, Any]

    def is_of(self, held: dict[str, Any]) -> bool:
        """Whether a module still holds the very same objects under the same names."""
        values = list(held.values())
        same = len(values) == len(self.values) and all(map(operator.is_, values, self.values))
        return same and list(held) == self.names


_at_first: dict[str, frozenset[str]] = {}  # names that modules had when somebody first looked
_looks: dict[str, _Look] = {}  # of modules of which no container is looked into
_leaves_at_last: dict[str, dict[str, Any]] = {}
_clocks: set[str] = set()  # ways to values that change whenever memory is collected


def held_by_others(packages: Collection[str]) -> dict[str, Any]:
    """Leaves (see `Content`) of single values of all modules but those of these packages, and of containers that they had not
    when somebody first looked.

    Without what a collection of memory changes: clocks of whoever watches it.
    """
    own = {*packages, "__main__"}
    found = _now(own)
    if any(_leaves_at_last.get(name) != leaves for name, leaves in found.items()):  # perhaps because of a clock
        gc.collect(0)
        before, found = found, _now(own)
        for name, leaves in found.items():
            earlier = before.get(name, leaves)
            _clocks.update(way for way, leaf in leaves.items() if leaf != earlier.get(way, leaf))
    _leaves_at_last.update(found)
    return {way: leaf for leaves in found.values() for way, leaf in leaves.items() if way not in _clocks}


def _now(own: Collection[str]) -> dict[str, dict[str, Any]]:
    """Leaves of each module, in the order of their import."""
    for gone in _looks.keys() - sys.modules.keys():
        del _looks[gone]
    modules = [(name, module) for name, module in list(sys.modules.items()) if name.partition(".")[0] not in own]
    return {name: _leaves(name, getattr(module, "__dict__", {})) for name, module in modules}


def _leaves(name: str, held: dict[str, Any]) -> dict[str, Any]:
    look = _looks.get(name)
    if look is not None and look.is_of(held):
        return look.leaves
    first, items = _at_first.setdefault(name, frozenset(held)), list(held.items())
    looked_at = [(own, value) for own, value in items if id(type(value)) in _LOOKED_AT and not own.startswith("__")]
    single = {own: value for own, value in looked_at if type(value) in SINGLE}
    later = {own: shown(value) for own, value in looked_at if own not in single and own not in first}
    leaves = content({f"{MODULES}.{name}.{own}": value for own, value in (single | later).items()}).leaves
    if later:  # which may change and stay the very same objects
        _looks.pop(name, None)
    else:
        _looks[name] = _Look([own for own, _ in items], [value for _, value in items], leaves)
    return leaves


def shown(value: Any) -> Any:
    """A single value, or an object as a text: what is in it may lead to all that a process does besides."""
    return value if type(value) in SINGLE else _ADDRESS.sub("", repr(value))
