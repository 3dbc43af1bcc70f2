"""What the check looks at once: code objects, and where functools caches are. Neither may hide what changes."""

from __future__ import annotations

import functools
import gc
import struct
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest

from dpdsyn.checking import leaves, outside
from dpdsyn.checking.content import CACHE, content
from dpdsyn.checking.leaves import unchanging
from dpdsyn.synthesizer import find


class Annotated(dict[str, Any]):
    """Which can have attributes beside its texts."""

    def __repr__(self) -> str:
        return "annotated"


class Name(str):
    """A text that is not what it says."""

    def __repr__(self) -> str:
        return "'a name'"


def code_with(*constants: Any) -> CodeType:
    return (lambda: None).__code__.replace(co_consts=constants)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        (float("nan"), struct.unpack(">d", bytes.fromhex("7ff8000000000001"))[0]),
        (1j, complex(-0.0, 1)),
        ("1", b"1"),
        ((1, (2, 3)), (1, (2, 4))),
        (frozenset({1, 2}), frozenset({1, 3})),
        (code_with(1), code_with(2)),
        (None, ...),
    ],
)
def test_code_with_another_constant_is_another(one: Any, other: Any) -> None:
    first, second = code_with(one), code_with(other)
    assert unchanging(first) != unchanging(second) and unchanging(first) == unchanging(code_with(one))
    assert content({"it": first}).difference(content({"it": second})) is not None


def test_names_of_code_are_told_whatever_they_say_of_themselves() -> None:
    first, second = (code_with(1).replace(co_filename=Name(rows)) for rows in ("80", "81"))
    assert content({"it": first}).difference(content({"it": second})) is not None


def test_which_code_is_the_same_is_told() -> None:
    one, equal = code_with(1), code_with(1)
    assert content({"a": one, "b": one}).difference(content({"a": one, "b": equal})) is not None


def test_constants_in_more_layers_than_python_goes_down_are_told_apart() -> None:
    def deep(inner: Any) -> CodeType:
        for _ in range(5000):
            inner = (inner,)
        return code_with(inner)

    first, second = deep(0), deep(1)
    assert unchanging(first) is None
    assert content({"it": first}).difference(content({"it": second})) is not None


def test_equal_sets_are_equal_in_whatever_order_they_lie() -> None:
    assert unchanging(code_with(frozenset({8, 0}))) == unchanging(code_with(frozenset({0, 8})))


@pytest.mark.parametrize("keeps", [[0], {"rows": 0}, (1, [0])], ids=repr)
def test_what_code_keeps_in_a_constant_that_changes_is_seen(keeps: Any) -> None:
    made = code_with(keeps)
    assert unchanging(made) is None
    before = content({"it": made})
    inner = keeps[1] if isinstance(keeps, tuple) else keeps
    inner["rows" if isinstance(inner, dict) else 0] = 80
    assert "is 0 and 80" in str(before.difference(content({"it": made})))


def test_a_function_whose_annotations_defaults_or_code_change_is_another() -> None:
    def told(own: int = 1) -> str:
        return str(own)

    changes: list[Callable[[], None]] = [
        lambda: told.__annotations__.update(own="80"),
        lambda: setattr(told, "__annotations__", Annotated({"own": "80"})),
        lambda: setattr(told.__annotations__, "rows", 80),
        lambda: told.__annotations__.update(own=80),
        lambda: setattr(told, "__defaults__", (80,)),
        lambda: setattr(told, "__kwdefaults__", {"own": 80}),
        lambda: setattr(told, "__code__", code_with(80)),
        lambda: setattr(told, "__defaults__", None),
    ]
    for change in changes:
        before = content({"it": told})
        change()
        assert before.difference(content({"it": told})) is not None


def test_caches_are_found_that_were_made_since_the_last_look_and_not_those_that_are_gone() -> None:
    outside._caches()
    made = functools.cache(lambda: [])
    assert any(found is made for found in outside._caches())
    made()
    assert any(found is made for found in outside._of_changeable_things())
    del made
    gc.collect()
    before = len(outside._caches())
    others = [functools.lru_cache(4)(lambda: []) for _ in range(3)]
    assert len(outside._caches()) == before + 3
    del others
    gc.collect()
    assert len(outside._caches()) == before


def test_what_a_fit_keeps_in_the_modules_of_the_check_itself_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    method = find("independent")()
    before = outside.outside(method)
    monkeypatch.setattr(leaves, "kept", 80, raising=False)
    assert "leaves.kept is not always there" in str(outside.left_behind(before, outside.outside(method)))


def test_a_cache_that_held_the_class_of_caches_hides_no_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was looked for by references to that class, of which clearing then takes one away."""
    method = find("independent")()
    held = functools.cache(lambda: [CACHE])
    held.__module__ = "baselines.nothing"
    monkeypatch.setattr(outside, "_packages", lambda _: {"baselines"})
    held()
    outside.forget_computed(method)
    assert held.cache_info().currsize == 0
    made = functools.cache(lambda: [])
    assert any(found is made for found in outside._caches())
