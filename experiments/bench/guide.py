"""How long one clipped gradient sum takes: ours beside Opacus, same network, same rows, one thread.

Run: python -m experiments.bench.guide [rows] [repeats]
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable

import numpy as np

from dpdsyn.guide import GuideSettings
from dpdsyn.guides.network import Network
from experiments.machine import pin_threads

_SIZES = (16, 10, 17, 16, 8, 16, 7, 6, 3, 16, 16, 16, 43)  # the feature columns of Adult


def contenders(rows: int) -> dict[str, Callable[[], object]]:
    """The closed form, Opacus with ghost clipping and Opacus with stored per-row gradients, each from encoded rows to the sum."""
    import torch
    from opacus import GradSampleModule
    from opacus.grad_sample import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer, DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping

    rng = np.random.default_rng(0)
    network = Network(_SIZES, (2,), GuideSettings().hidden)
    features = np.stack([rng.integers(size, size=rows) for size in _SIZES], axis=1).astype(np.uint8)
    labels = rng.integers(2, size=rows)
    flat, target = network.initial(rng), torch.from_numpy(labels)

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden = torch.nn.Linear(network.rows, network.hidden, bias=False)
            self.direct = torch.nn.Linear(network.rows, network.classes, bias=False)
            self.output = torch.nn.Linear(network.hidden, network.classes, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.output(torch.relu(self.hidden(x))) + self.direct(x)

    def one_hot() -> torch.Tensor:
        return torch.zeros(rows, network.rows).scatter_(1, torch.from_numpy(network.index(features)), 1.0)

    def sgd(module: torch.nn.Module) -> torch.optim.Optimizer:
        return torch.optim.SGD(module.parameters(), lr=0.0)

    settings = {"noise_multiplier": 0.0, "max_grad_norm": 1.0, "expected_batch_size": rows, "loss_reduction": "sum"}
    stored = GradSampleModule(Plain(), loss_reduction="sum")
    stored_optimizer = DPOptimizer(sgd(stored), **settings)
    ghost = GradSampleModuleFastGradientClipping(Plain(), max_grad_norm=1.0, use_ghost_clipping=True, loss_reduction="sum")
    ghost_optimizer = DPOptimizerFastGradientClipping(sgd(ghost), **settings)
    ghost_loss = DPLossFastGradientClipping(ghost, ghost_optimizer, torch.nn.CrossEntropyLoss(reduction="sum"), "sum")

    def with_stored_gradients() -> None:
        stored_optimizer.zero_grad()
        torch.nn.functional.cross_entropy(stored(one_hot()), target, reduction="sum").backward()
        stored_optimizer.clip_and_accumulate()

    def with_ghost_clipping() -> None:
        ghost_optimizer.zero_grad()
        ghost_loss(ghost(one_hot()), target).backward()

    return {
        "closed form on encoded rows": lambda: network.clipped_gradient_sum(flat, network.index(features), labels[:, None], 1.0),
        "opacus, ghost clipping": with_ghost_clipping,
        "opacus, stored gradients": with_stored_gradients,
    }


def main(rows: int = 4096, repeats: int = 15) -> None:
    warnings.filterwarnings("ignore")
    import torch  # noqa: F401 - loaded before its threads are pinned

    pin_threads(1)
    times: dict[str, list[float]] = {}
    runs = contenders(rows)
    for _ in range(repeats + 1):  # in turn, so that a slow moment of the machine meets all of them; the first round warms up
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times.setdefault(name, []).append(time.perf_counter() - start)
    for name, seconds in times.items():
        sys.stdout.write(f"{name:<28} {1000 * np.median(seconds[1:]):8.2f} ms per batch of {rows} rows (median of {repeats})\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
