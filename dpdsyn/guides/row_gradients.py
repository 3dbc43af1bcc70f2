"""Clipped sums of the gradients of a torch module, row by row, by Opacus (Yousefpour et al. 2021, arXiv 2109.12298).

Two ways to the same sum. *Row by row*: Opacus makes each row's gradient of each parameter (`GradSampleModule`). *Ghost
clipping* (Goodfellow 2015; Li et al. 2022, arXiv 2110.05679): of linear layers and embeddings Opacus computes each row's norm
without its gradient, and the weighted sum is one product of what goes into a layer and what comes back to it. Opacus's own
second pass, which differentiates the weighted losses, is left out. So in both ways the vectors that are summed are the very ones
whose norms were taken: whatever a module does, no row adds more than its clip.

A row's vector may depend in its last bits on where the row stands, for torch does not say in which order a product is added up.
So every call has `block` rows, the last ones made up with rows that weigh nothing, and one thread: no shape depends on how many
rows there are. On the processors tried the numbers of a row are then the same bit for bit in every place and beside any rows for
the module that ships and most others, and off by the last bit for one whose linear layer is given several vectors of a row
(tests hold both). Such differences, a few units of 2^-53 times what the module magnifies them by, lie far below what the slack of
`noisy_sum` covers, if the gradient is a continuous function of the numbers in between: see `dpdsyn.guides.module_guide`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.grad_sample import GradSampleModuleFastGradientClipping
from torch import nn
from torch.nn import functional

_BLOCK = 1024  # rows at once, at most
_NUMBERS = 1 << 22  # of one block's gradients, where each row's is made: 32 MB
_GHOSTS = (nn.Linear, nn.Embedding)


@contextlib.contextmanager
def apart(seed: int = 0, dtype: torch.dtype = torch.float64) -> Iterator[None]:
    """torch with a random state of its own, one thread, gradients, no warnings; all of it is as before when it is left.

    dtype: of new tensors. A warning raised on private rows would tell of one.
    """
    before, threads = torch.get_default_dtype(), torch.get_num_threads()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings(), torch.inference_mode(False), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would disturb the generators of other devices
        torch.set_default_dtype(dtype)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
            torch.set_num_threads(threads)


def block_of(parameters: int) -> int:
    """How many rows at once have their gradients made, of so many parameters each: whole multiples of vectors, if they can be."""
    rows = max(1, min(_BLOCK, _NUMBERS // max(1, parameters)))
    return rows - rows % 16 if rows > 16 else rows


class NoGhost(NotImplementedError):
    """Ghost clipping does not serve this module."""


def loss_sum(logits: torch.Tensor, labels: torch.Tensor, heads: Sequence[slice]) -> torch.Tensor:
    """The sum over rows and heads of cross-entropies. logits: shape (rows, classes); labels: shape (rows, heads)."""
    losses = [
        functional.cross_entropy(logits[:, head], own, reduction="sum") for head, own in zip(heads, labels.unbind(1), strict=True)
    ]
    return torch.stack(losses).sum()


class RowGradients:
    """Clipped gradient sums of one module; to be used inside `apart`.

    module: in double precision; it is put in training mode and given Opacus's hooks. heads: where each target's classes stand.
    ghost: whether by ghost clipping; raises NoGhost, here or at the first sum, if the module is not one for it.
    """

    def __init__(self, module: nn.Module, heads: Sequence[slice], ghost: bool) -> None:
        module.train()
        self.heads = tuple(heads)
        self.parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self.count = sum(parameter.numel() for parameter in self.parameters)
        self.block = _BLOCK if ghost else block_of(self.count)
        if ghost:
            _refuse_ghost(module)
        # not strict: buffers are allowed, which `dpdsyn.guides.module_guide` has seen to stay as they are
        self.module = _Ghost(module) if ghost else GradSampleModule(module, loss_reduction="sum", strict=False)

    def clipped_sum(self, flat: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        """Sum over rows of the gradient of all heads' cross-entropies, each row's scaled down to norm `clip`.

        flat: all trainable parameters, shape (parameters,), as `nn.utils.parameters_to_vector` lays them out. features: shape
        (rows, columns); labels: shape (rows, heads). The sum has the shape of `flat`, float64. A row adds nothing if its
        gradient has no finite norm.
        """
        with torch.no_grad():
            nn.utils.vector_to_parameters(torch.from_numpy(flat.astype(np.float64)), self.parameters)
        total = torch.zeros(self.count, dtype=torch.float64)
        for start in range(0, len(features), self.block):
            total += self._block_sum(features[start : start + self.block], labels[start : start + self.block], clip)
        return total.numpy()

    def norms(self, flat: np.ndarray, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The norm of each row's gradient, shape (rows,); of shapes as in `clipped_sum`."""
        with torch.no_grad():
            nn.utils.vector_to_parameters(torch.from_numpy(flat.astype(np.float64)), self.parameters)
        blocks = [slice(start, start + self.block) for start in range(0, len(features), self.block)]
        return np.concatenate([np.zeros(0), *(self._block_norms(features[block], labels[block]) for block in blocks)])

    def _block_norms(self, features: np.ndarray, labels: np.ndarray) -> np.ndarray:
        try:
            loss_sum(self.module(_filled(features, self.block)), _filled(labels, self.block), self.heads).backward()
            square = sum((part.square for part in self._parts(self.block).values()), torch.zeros(self.block, dtype=torch.float64))
            return square.sqrt().numpy()[: len(features)]
        finally:
            self._forget()

    def _block_sum(self, features: np.ndarray, labels: np.ndarray, clip: float) -> torch.Tensor:
        there = torch.arange(self.block) < len(features)
        try:
            logits = self.module(_filled(features, self.block))
            loss_sum(logits, _filled(labels, self.block), self.heads).backward()
            found = self._parts(self.block)
            square = torch.zeros(self.block, dtype=torch.float64)
            for part in found.values():
                square = square + part.square
            known = there & torch.isfinite(square)
            scale = torch.where(known, (clip / (square + 1e-300).sqrt()).clamp(max=1.0), 0.0)
            none = [torch.zeros(parameter.numel(), dtype=torch.float64) for parameter in self.parameters]
            return torch.cat(
                [found[p].summed(scale, known) if p in found else zero for p, zero in zip(self.parameters, none, strict=True)]
            )
        finally:
            self._forget()

    def _parts(self, rows: int) -> dict[torch.Tensor, _Part]:
        """What each parameter's gradients are made of; a parameter that was not used is left out.

        Raises NoGhost or ValueError for a layer that was given something else than one thing for each row.
        """
        if isinstance(self.module, _Ghost):
            found = self.module.parts
        else:
            samples = {parameter: parameter.grad_sample for parameter in self.parameters}  # type: ignore[attr-defined]
            if any(isinstance(sample, list) for sample in samples.values()):
                raise ValueError("Opacus gave several gradients of one row")
            found = {parameter: _Whole(sample.flatten(1)) for parameter, sample in samples.items() if sample is not None}
        given = {len(part.square) for part in found.values()} - {rows}
        if given:
            kind = NoGhost if isinstance(self.module, _Ghost) else ValueError
            raise kind(f"a layer was given {given.pop()} rows where there were {rows}; the first dimension is to be that of rows")
        return found

    def _forget(self) -> None:
        """Keep nothing of the rows."""
        for parameter in self.parameters:
            parameter.grad = None
            for name in ("_current_grad_sample", "_norm_sample"):
                if hasattr(parameter, name):
                    delattr(parameter, name)
            parameter.grad_sample, parameter._forward_counter = None, 0  # type: ignore[attr-defined]
        for layer in self.module.modules():
            for name in ("activations", "max_batch_len"):
                if hasattr(layer, name):
                    delattr(layer, name)
        if isinstance(self.module, _Ghost):
            self.module.parts = {}


class _Part:
    """The gradients of one parameter, of all rows. square: their squared norms, shape (rows,)."""

    square: torch.Tensor

    def summed(self, scale: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """The sum of the rows' gradients times `scale`, flat; those of rows that are not `known` may be anything."""
        raise NotImplementedError


class _Whole(_Part):
    """Each row's gradient, shape (rows, numbers of the parameter)."""

    def __init__(self, gradients: torch.Tensor) -> None:
        self.gradients = gradients.to(torch.float64)
        self.square = self.gradients.square().sum(dim=1)

    def summed(self, scale: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return scale @ _kept(self.gradients, known)


class _Outer(_Part):
    """Of a linear layer's weights: each row's is the outer product of what comes back and what was given."""

    def __init__(self, norm: torch.Tensor, given: torch.Tensor, back: torch.Tensor) -> None:
        self.square, self.given, self.back = norm.square(), given, back

    def summed(self, scale: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        return ((_kept(self.back, known) * scale[:, None]).T @ _kept(self.given, known)).flatten()


class _Looked(_Part):
    """Of an embedding: each row's is what comes back, added to the places that were looked up."""

    def __init__(self, norm: torch.Tensor, given: torch.Tensor, back: torch.Tensor, shape: torch.Size) -> None:
        self.square, self.given, self.back, self.shape = norm.square(), given, back.reshape(len(back), -1), shape

    def summed(self, scale: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        scaled = _kept(self.back, known) * scale[:, None]
        return scaled.new_zeros(self.shape).index_add_(0, self.given.flatten(), scaled.reshape(-1, self.shape[1])).flatten()


def _kept(numbers: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Zero in rows that are not known: infinity times zero is no number."""
    return numbers if known.all() else torch.where(known[:, None], numbers, 0.0)


def _norms_of_embedding(
    layer: nn.Embedding, given: Sequence[torch.Tensor], back: torch.Tensor
) -> dict[torch.Tensor, torch.Tensor]:
    """Each row's norm, as Opacus gives it, without sorting the whole batch: ten times as fast.

    What comes back for one place that a row looks up several times is added up first.
    """
    index = given[0].reshape(len(back), -1)
    back = back.reshape(*index.shape, -1)
    ordered = index.sort(dim=1).values
    if not (ordered[:, 1:] == ordered[:, :-1]).any():
        return {layer.weight: back.square().sum(dim=2).sum(dim=1).sqrt()}
    equal = (index[:, :, None] == index[:, None, :]).to(
        back.dtype
    )  # of a row without repetitions, where nothing changes, the same
    return {layer.weight: ((equal @ back).square().sum(dim=2) / equal.sum(dim=2)).sum(dim=1).sqrt()}


class _Ghost(GradSampleModuleFastGradientClipping):
    """Opacus's module that computes norms, keeping beside each what the sum is made of."""

    NORM_SAMPLERS = {**GradSampleModuleFastGradientClipping.NORM_SAMPLERS, nn.Embedding: _norms_of_embedding}

    def __init__(self, module: nn.Module) -> None:
        super().__init__(module, loss_reduction="sum", strict=False, use_ghost_clipping=True)
        self.parts: dict[torch.Tensor, _Part] = {}

    def capture_backprops_hook(self, module: Any, _forward_input: Any, forward_output: Any, *rest: Any, **more: Any) -> None:
        given, back = module.activations[-1][0], forward_output[0].detach()
        super().capture_backprops_hook(module, _forward_input, forward_output, *rest, **more)
        norm: Any = getattr(module.weight, "_norm_sample", None)  # none where weights are frozen and biases are not
        if isinstance(module, nn.Embedding):
            self.parts[module.weight] = _Looked(norm, given, back, module.weight.shape)
            return
        if back.dim() != 2:
            raise NoGhost("a linear layer is given several vectors of one row")
        if module.weight.requires_grad:
            self.parts[module.weight] = _Outer(norm, given, back)
        if module.bias is not None and module.bias.requires_grad:
            self.parts[module.bias] = _Whole(back)


def _refuse_ghost(module: nn.Module) -> None:
    """Opacus itself refuses a parameter that is used twice."""
    own = {type(layer) for layer in module.modules() if any(p.requires_grad for p in layer.parameters(recurse=False))}
    if own - set(_GHOSTS):
        raise NoGhost(f"layers without ghost norms: {', '.join(sorted(kind.__name__ for kind in own - set(_GHOSTS)))}")


def _filled(numbers: np.ndarray, rows: int) -> torch.Tensor:
    """As int64, with rows of zeros after the last."""
    whole = np.zeros((rows, numbers.shape[1]), dtype=np.int64)
    whole[: len(numbers)] = numbers
    return torch.from_numpy(whole)
