"""Two objects are told apart wherever they differ, by the way to it, and equal ones never are."""

from __future__ import annotations

import collections
import functools
import hashlib
import re
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from dpdsyn.checking.content import content
from dpdsyn.contract import toy_encoded, toy_schema
from dpdsyn.privacy import Budget, Gaussian, Ledger
from dpdsyn.private_table import PrivateTable


class Slotted:
    __slots__ = ("__hidden", "open")

    def __init__(self, value: int) -> None:
        self.open = 1
        self.__hidden = value


@dataclass
class Node:
    value: Any
    next: Node | None = None


class Listed(list[int]):
    note: Any


class Named(np.ndarray):
    note: Any


class Colour(Enum):
    RED = 1
    BLUE = 2


def cyclic(value: int) -> Node:
    node = Node([0], Node(value))
    node.next.next = node  # type: ignore[union-attr]
    return node


def named(value: int) -> Named:
    found = np.zeros(2).view(Named)
    found.note = value
    return found


def listed(value: int) -> Listed:
    found = Listed([1, 2])
    found.note = value
    return found


def cached(value: int, size: int | None) -> Any:
    kept = functools.lru_cache(size)(lambda number: number + 1)
    kept(value)
    return kept


def tensor(value: int) -> torch.Tensor:
    return torch.tensor([1.0, float(value), 3.0])


def module(value: int) -> torch.nn.Module:
    network = torch.nn.utils.skip_init(torch.nn.Linear, 2, 1)
    torch.nn.init.constant_(network.weight, 0.5)
    torch.nn.init.constant_(network.bias, float(value))
    return torch.nn.Sequential(torch.nn.ReLU(), network)


def optimizer(value: int) -> torch.optim.Optimizer:
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.grad = torch.full((2,), float(value))
    found = torch.optim.Adam([parameter], 0.0)
    found.step()
    return found


def graph(value: int) -> torch.Tensor:
    """Zero, which still holds what it was computed of."""
    weight = torch.ones(1, requires_grad=True)
    return (weight * float(value)) * 0


def function(value: int) -> Callable[[], int]:
    def outer(default: int = 0) -> Callable[[], int]:
        return lambda: value + default

    return outer()


def local_class(value: int) -> type:
    class Local:
        number = value

    return Local


def drawn(value: int) -> np.random.Generator:
    rng = np.random.default_rng(0)
    rng.random(value)
    return rng


def spawned(value: int) -> np.random.Generator:
    rng = np.random.default_rng(0)
    rng.spawn(value)
    return rng


def started(value: int) -> Any:
    def count() -> Any:
        number = value
        yield 0
        yield number

    found = count()
    next(found)
    return found


class Thing:
    def __init__(self, value: Any) -> None:
        self.value = value


def in_a_set(value: int) -> set[Any]:
    """Among its like, in whatever order these lie in memory."""
    return {Thing(1), Thing(value), Thing((2, value)), Thing(0), *map(Thing, range(10, 20))}


def raised(value: int) -> BaseException:
    """The number is in a frame that the exception came through."""

    def inner(number: int) -> None:
        raise ValueError("a reason")

    try:
        inner(value)
    except ValueError as error:
        return error
    raise AssertionError


def raised_from(value: int) -> BaseException:
    try:
        raise RuntimeError("another reason") from KeyError(value)
    except RuntimeError as error:
        return error


def lock(value: int) -> Any:
    found = threading.Lock()
    if value == 3:
        found.acquire()
    return found


def delegated(value: int) -> Any:
    def count() -> Any:
        yield from iter([0, value])

    found = count()
    next(found)
    return found


def padded(value: int, rest: int = 7) -> Thing:
    """A field of one byte and one of eight, with bytes between them that belong to none."""
    kind = np.dtype([("small", np.int8), ("large", np.float64)], align=True)
    found = np.zeros(2, kind)
    found.view(np.uint8)[:] = rest
    found["small"], found["large"] = 1, [0.0, value]
    return Thing(found)


def ledger(value: int) -> Ledger:
    found = Ledger(Budget(1.0, 1e-6))
    found.open([Gaussian(10.0 + value)])
    return found


MAKERS: list[Callable[[int], Any]] = [
    lambda v: v,
    float,
    lambda v: -0.0 if v == 3 else 0.0,
    lambda v: f"text {v}",
    lambda v: {"a": [1, (2, {"b": v})]},
    lambda v: {v: 1},
    lambda v: dict.fromkeys([1, 2] if v == 3 else [2, 1]),
    lambda v: {frozenset({v, 1}), "x"},
    lambda v: {(1, Colour.RED): v},
    lambda v: Colour(v - 2),
    lambda v: collections.deque([v]),
    lambda v: collections.Counter("ab" * v),
    lambda v: np.array([1.0, np.nan, v]),
    lambda v: np.array([1, 2], dtype=np.int32 if v == 3 else np.int64),
    lambda v: np.zeros((2, 3) if v == 3 else (3, 2)),
    lambda v: np.float32(v),
    lambda v: np.array([None, {"x": v}], dtype=object),
    lambda v: np.array([v, 1, 2])[1:],
    lambda v: np.full(5, v)[:0],
    tensor,
    lambda v: tensor(v)[2:],
    lambda v: tensor(v).to(torch.bfloat16),
    module,
    optimizer,
    graph,
    lambda v: torch.Generator().manual_seed(v),
    lambda v: scipy.sparse.csr_array(np.eye(2) * v),
    lambda v: pd.DataFrame({"a": [1, v], "b": ["x", "y"]}),
    drawn,
    spawned,
    function,
    lambda v: functools.partial(int, v),
    lambda v: [v].append,
    lambda v: Node(v).__init__,  # type: ignore[misc]
    lambda v: cached(v, None),
    lambda v: cached(v, 8),
    local_class,
    Slotted,
    cyclic,
    listed,
    named,
    started,
    lambda v: iter([v, 1]),
    lambda v: memoryview(bytes([v])),
    lambda v: memoryview(bytes([1, v]))[:1],
    lambda v: np.frombuffer(bytes([1, v]), dtype=np.uint8, count=1),
    lambda v: np.frombuffer(bytearray([1, v]), dtype=np.uint8, count=1),
    lambda v: np.array([[v], [1]], dtype=object)[1:],
    lambda v: np.zeros(1, dtype=np.dtype("f8", metadata={"rows": v})),
    lambda v: np.array([0x7FF8000000000000 + v], dtype=np.uint64).view(float)[0].item(),
    padded,
    lambda v: {"a": v}.keys() | {v},
    lambda v: {v: 1}.keys(),
    lambda v: {1: v}.values(),
    lambda v: {1: v}.items(),
    lambda v: {(1, Thing(v)): 1},
    lambda v: {Thing(v)},
    lambda v: frozenset([(Thing(v), 1)]),
    in_a_set,
    lambda v: collections.deque([1], maxlen=v),
    lambda v: collections.defaultdict(functools.partial(int, v)),
    raised,
    raised_from,
    delegated,
    lock,
    lambda v: re.compile(f"{v}"),
    lambda v: re.match(".*", f"{v}"),
    lambda v: np.lib.stride_tricks.as_strided(np.array([1, v]), shape=(1,)),
    ledger,
]


@pytest.mark.parametrize("maker", MAKERS)
def test_equal_things_are_equal_and_others_are_not(maker: Callable[[int], Any]) -> None:
    one, again, other = (content({"it": maker(value)}) for value in (3, 3, 4))
    assert one.difference(again) is None
    assert one.difference(other) is not None and other.difference(one) is not None


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (lambda v: {"a": [1, (2, {"b": v})]}, "it['a'][1][1]['b'] is 3 and 4"),
        (lambda v: np.array([[1, 2], [v, 5]]), "it[1, 0] is 3 and 4"),
        (cyclic, "it.next.value is 3 and 4"),
        (module, "it._modules['1']._parameters['bias'][0] is 3.0 and 4.0"),
        (lambda v: np.full(5, v)[:0], "it.base[0] is 3 and 4"),
        (lambda v: [0] * v, "it is ('builtins.list', 3) and ('builtins.list', 4)"),
        (float, "it is 3.0 and 4.0"),
    ],
)
def test_the_first_difference_is_told_with_its_place(maker: Callable[[int], Any], said: str) -> None:
    assert content({"it": maker(3)}).difference(content({"it": maker(4)})) == said


def test_bytes_between_fields_are_no_difference() -> None:
    one, other = padded(3, rest=7), padded(3, rest=9)
    assert one.value.tobytes() != other.value.tobytes()
    assert content({"it": one}).difference(content({"it": other})) is None
    assert content({"it": one}).difference(content({"it": padded(4)})) == "it.value['large'][1] is 3.0 and 4.0"


def test_what_nothing_opens_is_named() -> None:
    found = content({"a": [1, zlib.compressobj()], "b": {"c": hashlib.sha256()}, "d": raised(3), "e": iter([1])})
    assert found.closed == ["a[1]", "b['c']"]


class Database(sqlite3.Connection):
    note: str


class Closed:
    def __reduce__(self) -> str:
        raise TypeError("not to be pickled")


def test_attributes_do_not_open_what_compiled_code_keeps() -> None:
    database, closed = sqlite3.connect(":memory:", factory=Database), Closed()
    database.note = closed.note = "scratch"  # type: ignore[attr-defined]
    found = content({"of compiled code": database, "of Python": closed})
    assert found.closed == ["of compiled code"] and found.leaves["of compiled code.note"] == "scratch"
    database.close()


def test_a_frame_of_a_module_is_told_by_its_name() -> None:
    try:
        exec(compile("raise ValueError", "a file", "exec"), {"__name__": "a module", "within": [1]})
    except ValueError as error:
        found = content({"it": error})
    assert "it.__traceback__.tb_next.tb_frame" in found.leaves and not any("within" in way for way in found.leaves)


def test_what_is_there_only_once_is_a_difference() -> None:
    assert content({"a": 1}).difference(content({"a": 1, "b": 2})) == "b is not always there"


def test_a_reference_to_one_thing_differs_from_one_to_its_equal() -> None:
    part = [1]
    assert content({"a": part, "b": part}).difference(content({"a": part, "b": [1]})) is not None
    node = Node(1)
    assert content({"a": weakref.ref(node)}).leaves["a().value"] == 1


def test_private_tables_are_found_wherever_they_are() -> None:
    schema = toy_schema()
    private = PrivateTable(toy_encoded(schema, 10), schema, Ledger(Budget(1.0, 1e-6)), np.random.default_rng(0))
    found = content({"a": [private], "b": lambda: private, "c": functools.partial(print, private)})
    assert found.tables == ["a[0]", "b.<private>", "c.args[0]"]
