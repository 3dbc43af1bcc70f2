"""A guide of any torch module, trained by DP-SGD (Abadi et al. 2016) with per-row gradients by Opacus.

Opacus computes gradients and norms (`guides.row_gradients`). Batches, noise and charges are those of `PrivateTable.noisy_sum`, as
for the built-in guide; its optimiser, data loader and accountant have no part in it.

A module is a class, or whatever else makes an `nn.Module`, that is called `Net(sizes, classes, **options)`. sizes: domain size of
each feature column; classes: of all heads together, side by side. `forward(encoded)` takes int64 of shape (rows, columns) and
gives logits of shape (rows, classes), in the type of its parameters. Before any budget is spent it is tried on random rows, and
refused if it mixes rows, throws dice, keeps statistics, or has layers that Opacus cannot take apart (`guides.module_checks`).

**What is promised.** Each row adds a vector of norm at most the clip to a sum in double precision, whatever the module does: the
vectors that are summed are those whose norms were taken. A row's vector is the built-in guide's bit for bit the same beside any
rows. A module's is so up to rounding, for torch does not say in which order it adds up. (With blocks of one shape and one thread,
that of the module that ships was the same bit for bit on the processors tried, and others' were off by the last.) Say that
rounding moves a row's vector by e, the clip being 1. In a batch of n rows, answers on neighbouring tables then move apart by
n e beyond what is charged, and the slack of `noisy_sum` has room for 2^-14: for e of 10^-8 with 4,096 rows, of 10^-11 with two
million. A smooth module of moderate weights needs some 10^-15; of one whose condition has no bound nothing is proved. A module
with kinks (ReLU, max, abs) keeps to it only while no number of a row lies within rounding of a kink: there its gradient jumps.
Where weights come out of noise that has a chance of about 10^-15 for each row, unit and step, which delta does not cover; where
they lie on a grid or are held within a bound it is no chance, for many a sum is 0 but for its order. Use SiLU, softplus, tanh or
GELU. A `forward` that raises, prints or keeps something for some rows only tells of them: mechanisms
prevent mistakes, not malice.

Random numbers come from the generator that is given, through a seed for torch: torch's global one is neither used nor moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from dpdsyn.base.checks import InputError
from dpdsyn.guide import Guide, GuideSettings
from dpdsyn.guides.head_start import Posterior
from dpdsyn.guides.named_module import load_module
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    import torch
    from torch import nn

    from dpdsyn.guides.row_gradients import RowGradients


def guide_of(schema: Schema, settings: GuideSettings, other_targets: Sequence[str] = ()) -> Guide:
    """A guide with the built-in network, or with the settings' own module. Raises InputError if that cannot be one."""
    return (Guide if settings.module is None else ModuleGuide)(schema, settings, other_targets)


class ModuleGuide(Guide):
    """The module `settings.module` for the schema's target and, beside it, `other_targets`; and its private training.

    settings.options are its own; settings.hidden has no meaning here. Raises InputError for a module that cannot be a guide,
    here and not later. After `fit` or `pretrain`: `parameters_`, all that was trained, flat, float32, and `constants_`, the rest
    of the module's state by its names.
    """

    pretraining_batch: ClassVar[int] = 1024

    def __init__(self, schema: Schema, settings: GuideSettings, other_targets: Sequence[str] = ()) -> None:
        super().__init__(schema, settings, other_targets)
        self._make = load_module(settings.module or "")
        self._name = settings.module if isinstance(settings.module, str) else getattr(self._make, "__name__", "the module")
        self._gradients: RowGradients | None = None
        self.constants_: dict[str, np.ndarray] = {}
        from dpdsyn.guides.module_checks import examined
        from dpdsyn.guides.row_gradients import apart

        with apart():
            self._ghost = examined(self._name, lambda: self._built(0).double(), self.network.sizes, self.slices)

    def pretrain(self, encoded: np.ndarray, rng: np.random.Generator) -> Self:
        """As the built-in guide's."""
        try:
            return super().pretrain(encoded, rng)
        finally:
            self._gradients = None

    def fit(self, private: PrivateTable, noise: float, rng: np.random.Generator, rows: float | None = None) -> Self:
        """As the built-in guide's."""
        try:
            return super().fit(private, noise, rng, rows)
        finally:
            self._gradients = None

    def state(self) -> dict[str, np.ndarray]:
        """What was learnt, as arrays, for saving."""
        return {**super().state(), **{f"constant.{key}": value for key, value in self.constants_.items()}}

    def restore(self, state: Mapping[str, np.ndarray], posterior: Posterior | None = None) -> Self:
        """Take back what `state` gave. Raises ValueError if the module is another by now."""
        from dpdsyn.guides.row_gradients import apart

        with apart():
            module = self._built(0)
        parameters, constants = np.asarray(state["parameters"], dtype=np.float32), _constants(module)
        found = {key.removeprefix("constant."): np.asarray(value) for key, value in state.items() if key != "parameters"}
        alike = found.keys() == constants.keys() and all(
            found[key].shape == value.shape and found[key].dtype == value.dtype for key, value in constants.items()
        )
        if not alike or parameters.shape != _flat(module).shape or not np.isfinite(parameters).all():
            raise ValueError(f"the saved guide does not fit its schema and {self._name}")
        self.parameters_, self.constants_ = parameters, found
        return self

    def _built(self, seed: int) -> nn.Module:
        """The module as it comes, on the processor and in single precision."""
        import torch
        from torch import nn

        from dpdsyn.guides.row_gradients import apart

        with apart(seed, torch.float32):
            try:
                module = self._make(self.network.sizes, self.classes, **self.settings.options)
            except InputError:
                raise
            except Exception as error:
                told = f"sizes {self.network.sizes}, classes {self.classes}, {dict(self.settings.options)}"
                raise InputError(f"{self._name} cannot be made of {told} ({type(error).__name__}: {error})") from error
        if not isinstance(module, nn.Module):
            raise InputError(f"{self._name} gives a {type(module).__name__}; a torch.nn.Module is needed")
        return module.to("cpu", torch.float32)

    def _initial(self, rng: np.random.Generator) -> np.ndarray:
        """New weights, flat, in double precision; what else the module draws becomes its constants."""
        module = self._built(int(rng.integers(2**63)))
        self.constants_ = _constants(module)
        return _flat(module).astype(np.float64)

    def _clipped_sum(self, flat: np.ndarray, features: np.ndarray, labels: np.ndarray, clip: float) -> np.ndarray:
        from dpdsyn.guides.row_gradients import apart

        with apart():
            return self._rows(flat).clipped_sum(flat, features, labels, clip)

    def _rows(self, flat: np.ndarray) -> RowGradients:
        """What takes gradients apart row by row, made once for a training."""
        from dpdsyn.guides.row_gradients import RowGradients

        if self._gradients is None:
            self._gradients = RowGradients(self._placed(flat), self.slices, self._ghost)
        return self._gradients

    def _probabilities(self, features: np.ndarray) -> np.ndarray:
        import torch

        from dpdsyn.guides.row_gradients import apart

        with apart(dtype=torch.float32), torch.no_grad():
            logits = self._placed(self._fitted(), torch.float32).eval()(torch.from_numpy(features.astype(np.int64)))
            return torch.cat([logits[:, head].softmax(dim=1) for head in self.slices], dim=1).numpy()

    def _corrected(self, features: np.ndarray) -> np.ndarray:
        """Each class's own, divided by what a row with that label would be scaled down by; other heads have their likeliest."""
        from dpdsyn.guides.row_gradients import RowGradients, apart

        flat, given = self._fitted(), self._probabilities(features)
        likeliest = np.stack([given[:, head].argmax(axis=1) for head in self.slices], axis=1)
        result = np.empty_like(given)
        with apart():
            rows = RowGradients(self._placed(flat), self.slices, self._ghost)
            for place, head in enumerate(self.slices):
                labels = likeliest.copy()
                for k in range(head.stop - head.start):
                    labels[:, place] = k
                    norms = rows.norms(flat, features, labels)
                    result[:, head.start + k] = given[:, head.start + k] * np.maximum(1, norms / self.settings.clip)
                result[:, head] /= result[:, head].sum(axis=1, keepdims=True)
        return result

    def _placed(self, flat: np.ndarray, dtype: torch.dtype | None = None) -> nn.Module:
        """The module with these weights and its constants, in double precision unless another is asked for."""
        import torch
        from torch import nn

        module = self._built(0).to(dtype or torch.float64)
        kept = dict(_beside(module))
        own = [parameter for parameter in module.parameters() if parameter.requires_grad]
        with torch.no_grad():
            for key, value in self.constants_.items():
                kept[key].copy_(torch.from_numpy(value))
            nn.utils.vector_to_parameters(torch.from_numpy(flat.copy()).to(dtype or torch.float64), own)
        return module


def _flat(module: nn.Module) -> np.ndarray:
    """All that can be trained, one after the other."""
    from torch import nn

    return nn.utils.parameters_to_vector([p for p in module.parameters() if p.requires_grad]).detach().numpy().copy()


def _beside(module: nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Tensors of the module that are not trained: buffers, frozen parameters."""
    frozen = [(key, parameter) for key, parameter in module.named_parameters() if not parameter.requires_grad]
    return [*frozen, *module.named_buffers()]


def _constants(module: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.detach().numpy().copy() for key, value in _beside(module)}
