"""What a torch module has to be before it is trained on private rows, tried on random encoded rows that nobody is behind.

Refused is what would make one row's gradient depend on others (batch normalisation), on chance (dropout) or on what was seen
before (running statistics), and what Opacus cannot take apart row by row. Tried are a few rows, two weights, whole blocks and
some tens of calls: that a module is sound is made likely and not proved, and one that means harm is not found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

import numpy as np
import torch
from opacus.validators import ModuleValidator
from torch import nn

from dpdsyn.base.checks import InputError
from dpdsyn.guides.row_gradients import RowGradients, loss_sum

_ROWS = 10
_CALLS = 32  # before whole blocks are tried
_CLOSE = 1e-9  # of what double precision gives twice, relative to the largest number
_WEIGHTS = (0.0, 0.3)  # how far, in standard deviations of 1, weights are moved from the initial ones


def examined(name: str, build: Callable[[], nn.Module], sizes: Sequence[int], heads: Sequence[slice]) -> bool:
    """Whether the module is one for ghost clipping. Raises InputError, saying what is wrong and where, if it can be no guide.

    name: as messages call it. build: gives the module in double precision, the same at each call. To be used inside `apart`.
    """
    rng = np.random.default_rng(0)
    features = np.stack([rng.integers(size, size=_ROWS) for size in sizes], axis=1)
    labels = np.stack([rng.integers(head.stop - head.start, size=_ROWS) for head in heads], axis=1)
    tried = _Tried(name, build, features, labels, tuple(heads))
    tried.layers()
    for moved in _WEIGHTS:
        tried.logits(moved)
    ghost = tried.has_ghost_norms()
    tried.crowds(ghost)
    return ghost


class _Differs(Exception):
    """Opacus's gradients are not those of torch."""


class _Tried:
    """One module and the rows that it is tried on."""

    def __init__(
        self, name: str, build: Callable[[], nn.Module], features: np.ndarray, labels: np.ndarray, heads: tuple[slice, ...]
    ) -> None:
        self.name, self.build, self.features, self.labels, self.heads = name, build, features, labels, heads
        self.rng = np.random.default_rng(1)

    def refuse(self, why: str) -> NoReturn:
        raise InputError(f"{self.name} cannot be a guide: {why}")

    def layers(self) -> None:
        """Opacus's own list of layers that it cannot train, and dropout."""
        module = self.build().train()
        for place, layer in module.named_modules():
            where = f"its layer {place} ({type(layer).__name__})" if place else type(layer).__name__
            if isinstance(layer, nn.modules.dropout._DropoutNd) and layer.p > 0:
                self.refuse(f"{where} makes gradients a matter of chance; take it out, for noise regularises already")
            if getattr(layer, "max_norm", None) is not None:
                self.refuse(f"{where} has max_norm, which changes weights by the rows that are looked up; leave it out")
            for error in ModuleValidator.VALIDATORS.get(type(layer), lambda layer: [])(layer):
                self.refuse(f"Opacus does not support {where}: {error}")
        if not any(parameter.requires_grad for parameter in module.parameters()):
            self.refuse("it has no parameters to train")

    def _placed(self, moved: float) -> tuple[nn.Module, np.ndarray]:
        """The module with its weights moved at random, and all that can be trained of them, flat."""
        module = self.build().train()
        own = [parameter for parameter in module.parameters() if parameter.requires_grad]
        flat = nn.utils.parameters_to_vector(own).detach().numpy() + moved * self.rng.standard_normal(sum(p.numel() for p in own))
        with torch.no_grad():
            nn.utils.vector_to_parameters(torch.from_numpy(flat.copy()), own)
        return module, flat

    def logits(self, moved: float) -> None:
        """Shape and type, and what they must not depend on."""
        module, _ = self._placed(moved)
        before = {key: value.clone() for key, value in _tensors(module)}
        rows, classes = torch.from_numpy(self.features), self.heads[-1].stop
        try:
            found, again, half = module(rows), module(rows), module(rows[_ROWS // 2 :])
            late = module.eval()(rows)
        except Exception as error:
            self.refuse(f"it fails on encoded rows of shape {tuple(rows.shape)} ({type(error).__name__}: {error})")
        if not isinstance(found, torch.Tensor) or found.shape != (_ROWS, classes):
            given = tuple(found.shape) if isinstance(found, torch.Tensor) else f"a {type(found).__name__}"
            self.refuse(f"of {_ROWS} rows it gives {given}; logits of shape ({_ROWS}, {classes}) are needed, one of each class")
        if found.dtype != torch.float64:
            self.refuse(
                f"its logits are {found.dtype} where its parameters are float64; it is to keep the type of its parameters"
            )
        if not bool(torch.isfinite(found).all()):
            self.refuse("its logits are not finite")
        if not _close(found, again) or not _close(found, late):
            self.refuse(
                "the same rows have other logits at each call, or in training and in use; no chance, no running statistics"
            )
        if not _close(found[_ROWS // 2 :], half):
            self.refuse("a row's logits depend on the other rows of its batch, as with batch normalisation")
        if any(not torch.equal(value, before[key]) for key, value in _tensors(module)):
            self.refuse("using it changes its parameters or buffers, and what they hold then tells of rows")

    def has_ghost_norms(self) -> bool:
        """Whether ghost clipping gives its gradients; otherwise Opacus has to give them row by row."""
        try:
            self.gradients(ghost=True)
            return True
        except InputError:
            raise
        except Exception:  # a kind of layer, or a use of one, that there is no ghost norm for
            pass
        try:
            self.gradients(ghost=False)
        except InputError:
            raise
        except Exception as error:  # of Opacus, or of layers that it runs in a way of its own
            self.refuse(f"Opacus does not give its gradients row by row ({type(error).__name__}: {error})")
        return False

    def gradients(self, ghost: bool) -> None:
        """Sums of Opacus's beside sums of torch's own, of each row alone. Raises _Differs or what Opacus raises."""
        for moved in _WEIGHTS:
            plain, flat = self._placed(moved)
            rows = list(self._gradients_one_by_one(plain))
            norms = np.linalg.norm(rows, axis=1)
            if not np.isfinite(norms).all():
                self.refuse("its gradients are not finite")
            ours = RowGradients(self.build(), self.heads, ghost)
            ours.block = min(ours.block, 2 * _ROWS)  # rows without weight are beside them, as in training
            for clip in (2 * norms.max() + 1e-9, np.median(norms) / 2 + 1e-9):
                expected = [row * min(1.0, clip / (norm + 1e-300)) for row, norm in zip(rows, norms, strict=True)]
                _hold(ours.clipped_sum(flat, self.features, self.labels, float(clip)), np.sum(expected, axis=0), norms.max())

    def crowds(self, ghost: bool) -> None:
        """Sums over whole blocks, in which rows may meet that do not meet among few, after calls that may be remembered."""
        plain, flat = self._placed(_WEIGHTS[-1])
        rows = np.array(list(self._gradients_one_by_one(plain)))
        norms = np.linalg.norm(rows, axis=1)
        ours = RowGradients(self.build(), self.heads, ghost)
        few, whole = np.arange(_ROWS), ours.block
        alike = np.full(whole, norms.argmax())  # whose gradients add up to the largest
        for crowd in (*[few] * _CALLS, alike, self.rng.integers(_ROWS, size=whole)):
            ours.block = min(whole, max(len(crowd), 2 * _ROWS))
            found = ours.clipped_sum(flat, self.features[crowd], self.labels[crowd], float(2 * norms.max() + 1e-9))
            try:
                _hold(found, rows[crowd].sum(axis=0), float(norms.max()) * len(crowd))
            except _Differs:
                self.refuse("of many rows, or calls, its gradients are not those of each row alone: rows meet, or it remembers")

    def _gradients_one_by_one(self, module: nn.Module) -> Iterator[np.ndarray]:
        own = [parameter for parameter in module.parameters() if parameter.requires_grad]
        for row, label in zip(torch.from_numpy(self.features), torch.from_numpy(self.labels), strict=True):
            try:
                loss = loss_sum(module(row[None]), label[None], self.heads)
                parts = torch.autograd.grad(loss, own, allow_unused=True)
            except Exception as error:
                self.refuse(f"it fails on a single row, or has no gradient ({type(error).__name__}: {error})")
            filled = [torch.zeros_like(p) if part is None else part for p, part in zip(own, parts, strict=True)]
            yield torch.cat([part.flatten() for part in filled]).numpy()


def _tensors(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    return [(key, value.detach()) for key, value in (*module.named_parameters(), *module.named_buffers())]


def _close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= _CLOSE * (1 + one.abs().max()))


def _hold(found: np.ndarray, expected: np.ndarray, scale: float) -> None:
    if not np.abs(found - expected).max() <= _CLOSE * (scale + 1e-3):
        raise _Differs("a row's gradient is not torch's own: is a parameter used outside of its layer, or other rows with it?")
