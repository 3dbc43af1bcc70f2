"""A number hidden where none of an object's own numbers shows it: two objects are told apart by it all the same."""

from __future__ import annotations

import logging
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dpdsyn.checking.content import content

KEPT: set[Any] = set()  # that weak references may point at


class Thing:
    note: Any


class Share(float):
    note: Any


class Bytes(bytearray):
    note: Any


class Own(dict[str, int]):
    note: Any


def noted(thing: Any, value: Any) -> Any:
    thing.note = value
    return thing


def ordered(value: int) -> Thing:
    found = Thing()
    for name in ("one", "two") if value == 3 else ("two", "one"):
        setattr(found, name, 1)
    return found


def local(value: int) -> Any:
    class Local:
        def rows(self) -> int:
            return value

    return Local()


def hooked(value: int) -> torch.Tensor:
    found = torch.ones(2, requires_grad=True)
    found.register_hook(lambda gradient: gradient * value)
    return found


def hooked_later(value: int) -> torch.Tensor:
    found = torch.ones(2, requires_grad=True)
    found.register_post_accumulate_grad_hook(lambda _: value)  # type: ignore[arg-type, return-value]
    return found


def computed(change: Callable[[Any], Any]) -> torch.Tensor:
    found = torch.ones(2, requires_grad=True) * 2
    change(found.grad_fn)
    return found


def retained(value: int) -> torch.Tensor:
    weight = torch.ones(1, requires_grad=True)
    found = weight * 1
    found.retain_grad()
    (found * value).sum().backward()
    weight.grad = None
    return found


def written_often(value: int) -> torch.Tensor:
    found = torch.zeros(2)
    for _ in range(value):
        found.add_(0)
    return found


def read_only(value: int) -> np.ndarray:
    found = np.zeros(2)
    found.flags.writeable = value == 3
    return found


def filtered(value: int) -> logging.Logger:
    found = logging.Logger("apart")
    found.addFilter(lambda record: bool(value))
    return found


def function(where: str, held: Any) -> Any:
    def own() -> None:
        pass

    setattr(own, where, held)
    return own


def on_its_stack(value: int) -> Any:
    """A loop that has begun: only its first number is a variable."""

    def count() -> Any:
        for _ in [0, value]:
            yield 0

    found = count()
    next(found)
    return found


MAKERS: list[Callable[[int], Any]] = [
    lambda v: weakref.finalize(KEPT, print, v),
    lambda v: weakref.ref(KEPT, lambda _: v),
    hooked,
    hooked_later,
    lambda v: computed(lambda step: step.register_hook(lambda *_: v)),
    lambda v: computed(lambda step: step.register_prehook(lambda *_: v)),
    lambda v: computed(lambda step: step.metadata.update(rows=v)),
    retained,
    written_often,
    lambda v: torch.sparse_coo_tensor(torch.tensor([[v]]), torch.tensor([0.0]), (9,)),
    lambda v: np.zeros((3, 4), order="F" if v == 3 else "C"),
    lambda v: np.lib.stride_tricks.as_strided(np.zeros(9), shape=(1,), strides=(8 * v,)),
    lambda v: np.zeros(9)[v : v + 1],
    lambda v: np.frombuffer(bytes(9), dtype=np.uint8, count=1, offset=v),
    read_only,
    lambda v: np.zeros(1, dtype=[("a", np.dtype("f8", metadata={"rows": v}))]),
    lambda v: np.zeros(1, dtype=[((f"title {v}", "a"), "f8")]),
    lambda v: np.dtype("f8", metadata={"rows": v}),
    ordered,
    lambda v: {0, 8} if v == 3 else {8, 0},
    lambda v: complex(0.0, 0.0 if v == 3 else -0.0),
    lambda v: noted(Share(1.0), v),
    lambda v: noted(Bytes(b"a"), v),
    lambda v: noted(Own(), v),
    lambda v: type("Plain", (), {"rows": v}),
    lambda v: type("Plain", (), {"rows": v})(),
    lambda v: type("Plain", (type("Base", (), {"rows": v}),), {})(),
    lambda v: type("Plain", (), {"__doc__": f"{v} rows"}),
    lambda v: type("Kind", (type,), {"rows": v})("Plain", (), {}),
    local,
    lambda v: noted(types.ModuleType("fresh"), v),
    lambda v: types.GenericAlias(list, (v,)),
    lambda v: logging.getLogger(f"planted.{v}"),
    filtered,
    lambda v: function("__doc__", f"{v} rows"),
    lambda v: function("__name__", f"rows_{v}"),
    lambda v: function("__annotations__", {"rows": v}),
    lambda v: types.FunctionType((lambda: KEPT).__code__, {"KEPT": v}),
    lambda v: eval(f"lambda: name{v}"),
    lambda v: eval(f"lambda name{v}: 0"),
    lambda v: eval(compile("lambda: 0", f"file {v}", "eval")),
    lambda v: eval(compile("\n" * v + "lambda: 0", "file", "eval")),
    on_its_stack,
    lambda v: np.frompyfunc(lambda _: v, 1, 1),
]


@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_hidden_beside_an_object_s_numbers_is_a_difference(maker: Callable[[int], Any]) -> None:
    one, again, other = (content({"it": maker(value)}) for value in (3, 3, 4))
    assert one.difference(again) is None and not one.closed
    assert one.difference(other) is not None and other.difference(one) is not None


def test_classes_functions_and_modules_that_have_a_name_are_told_by_it_and_others_are_opened() -> None:
    found = content({"class": Thing, "module": types, "other": type("Thing", (), {"rows": 3})}).leaves
    assert found["class"] == f"class {__name__}.Thing" and found["module"] == "module types"
    assert [way for way in found if way.startswith(("class.", "module."))] == [] and found["other.rows"] == 3
