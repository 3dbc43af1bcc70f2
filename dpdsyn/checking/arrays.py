"""What arrays and tensors hold beside their numbers: what they are views of, and how; fields, gradients, hooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

Opened = tuple[Any, Iterable[tuple[str, Any]]]  # an object's own content and, by the step to each, what it holds
Attributes = Callable[[Any], Iterable[tuple[str, Any]]]

_STRIDED: Any = type(np.lib.stride_tricks.as_strided(np.zeros(1)).base)  # what it puts between two arrays holds an address
_OF_SPARSE = {
    "torch.sparse_coo": ("_indices", "_values"),
    **dict.fromkeys(("torch.sparse_csr", "torch.sparse_bsr"), ("crow_indices", "col_indices", "values")),
    **dict.fromkeys(("torch.sparse_csc", "torch.sparse_bsc"), ("ccol_indices", "row_indices", "values")),
}
_HOOKS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def of_array(value: np.ndarray | np.generic, attributes: Attributes) -> Opened:
    """The numbers, and beside them how they lie in memory: strides, and where in what they are a view of."""
    held: Any = value.base
    if isinstance(held, _STRIDED):
        held = held.base
    beside = [(".base", held)] if held is not None else []
    if isinstance(value, np.ndarray):
        beside.append((".layout", (value.strides, value.flags.writeable, _offset(value, held))))
    if value.dtype.metadata is not None or value.dtype.names is not None:
        beside.append((".dtype", value.dtype))
    if type(value) is not np.ndarray:
        beside += attributes(value)
    if value.dtype.hasobject:
        parts = enumerate(np.ravel(np.asarray(value)).tolist())
        return (value.dtype.str, value.shape), (*((f"[{i}]", part) for i, part in parts), *beside)
    return np.array(value), beside


def _offset(value: np.ndarray, held: Any) -> int | None:
    """At which byte of the object that holds its memory an array begins."""
    try:
        whole = held if isinstance(held, np.ndarray) else np.frombuffer(held, dtype=np.uint8)
    except (TypeError, ValueError, BufferError, AttributeError):  # nothing that has bytes, or no bytes at all
        return None
    return int(value.__array_interface__["data"][0] - whole.__array_interface__["data"][0])


def of_dtype(value: np.dtype) -> Opened:
    fields = {name: tuple(field) for name, field in (value.fields or {}).items()}
    return repr(value), ((".metadata", value.metadata), (".fields", fields), (".subdtype", value.subdtype))


def of_torch(value: Any, kind: str, attributes: Attributes) -> Opened | None:
    """None for what is no tensor and no step of a computation, and has nothing of its own."""
    import torch

    if isinstance(value, torch.Tensor):
        return _of_tensor(value, kind, attributes)
    if isinstance(value, torch.autograd.graph.Node):
        return kind, ((".next_functions", value.next_functions), *_saved(value), (".metadata", value.metadata), *_of_step(value))
    if isinstance(value, torch.Generator):
        return kind, ((".state", value.get_state().numpy()),)
    if isinstance(value, torch.dtype | torch.device | torch.layout):
        return str(value), ()
    return None


def _of_tensor(value: Any, kind: str, attributes: Attributes) -> Opened:
    import torch

    beside: list[tuple[str, Any]] = [(".grad", value.grad if value.is_leaf or value.retains_grad else None)]
    beside += [(".grad_fn", value.grad_fn), *((f".{name}", _hooks(value, name)) for name in _HOOKS), *attributes(value)]
    changed = None if value.is_inference() else value._version  # how often it was written to
    if value.layout != torch.strided:
        parts = _OF_SPARSE.get(str(value.layout), ("to_dense",))
        return (kind, str(value.layout), tuple(value.shape), changed), (
            *((f".{name}", getattr(value.detach(), name)()) for name in parts),
            *beside,
        )
    storage = value.detach().untyped_storage().cpu()
    whole = np.array(torch.tensor([], dtype=torch.uint8).set_(storage).numpy())
    place = (str(value.dtype), tuple(value.shape), value.storage_offset(), tuple(value.stride()), value.requires_grad, changed)
    return _as_type(whole, str(value.dtype)), ((".layout", place), *beside)


def _hooks(value: Any, name: str) -> list[Any]:
    """Without their keys, which count all hooks of a process."""
    return list((getattr(value, name, None) or {}).values())


def _of_step(node: Any) -> Iterator[tuple[str, Any]]:
    """Hooks of a step of a computation: one more is given the container that has them all."""
    for name in ("register_hook", "register_prehook"):
        handle = getattr(node, name)(lambda *_: None)
        kept = handle.hooks_dict_ref()
        handle.remove()
        yield f".{name}", list(kept.values())


def _saved(node: Any) -> Iterator[tuple[str, Any]]:
    """What a step of a computation keeps of its inputs, for gradients."""
    for name in dir(node):
        if name.startswith("_saved_"):
            try:
                yield f".{name}", getattr(node, name)
            except RuntimeError:  # it was freed once gradients were computed
                yield f".{name}", None


def _as_type(storage: np.ndarray, dtype: str) -> np.ndarray:
    """The storage in the type of its tensor where NumPy has it, so that a difference is told by its place."""
    try:
        return np.array(storage.view(dtype.removeprefix("torch.")))
    except TypeError:
        return storage
