"""What other packages' modules hold is taken apart once, and every change of it is seen."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from dpdsyn.checking.other_packages import held_by_others


class _Unhashable(type):
    __hash__ = None  # type: ignore[assignment]

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("nobody asks a class of others for anything")


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    made = types.ModuleType("somebody_else_s")
    made.__dict__.update(rows=80, share=0.5, known=[1], kind=_Unhashable("Kind", (), {})())
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


def of(name: str = "somebody_else_s") -> dict[str, Any]:
    """What is told of a module, by the name in it."""
    start = f"(modules).{name}."
    return {way.removeprefix(start): leaf for way, leaf in held_by_others({"dpdsyn"}).items() if way.startswith(start)}


def test_single_values_are_told_and_nothing_that_was_there_besides(module: types.ModuleType) -> None:
    assert of() == {"rows": 80, "share": (0.5).hex()} == of()
    assert of("dpdsyn.schema") == {}


@pytest.mark.parametrize(
    "change",
    [
        lambda held: held.update(rows=81),
        lambda held: held.update(rows=80.0),
        lambda held: held.update(share=-0.5),
        lambda held: held.update(another=80),
        lambda held: held.pop("rows"),
        lambda held: held.update(later=[80]),
        lambda held: held.update(known=80),
    ],
)
def test_every_change_is_seen(module: types.ModuleType, change: Callable[[dict[str, Any]], None]) -> None:
    before = of()
    assert before == of()
    change(vars(module))
    after = of()
    assert {way: (type(leaf), leaf) for way, leaf in after.items()} != {way: (type(leaf), leaf) for way, leaf in before.items()}
    assert after == of()


def test_a_container_of_later_is_looked_into_each_time(module: types.ModuleType) -> None:
    of()
    module.later, module.known = [80], [80, 81]  # type: ignore[attr-defined]
    assert of()["later"] == "[80]" and "known" not in of()
    module.later.append(81)  # type: ignore[attr-defined]
    assert of()["later"] == "[80, 81]"


def test_a_module_that_comes_again_is_looked_at_anew(module: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert of()["rows"] == 80
    monkeypatch.delitem(sys.modules, module.__name__)
    assert of() == {}
    again = types.ModuleType(module.__name__)
    again.rows = 81  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, again)
    assert of() == {"rows": 81}
