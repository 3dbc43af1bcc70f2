"""Torch modules for the guide: sound ones of several kinds, and each fault that a module may have."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional


class Plain(nn.Module):
    """Embeddings side by side, then two linear layers; `act` is between them."""

    def __init__(self, sizes: Sequence[int], classes: int, width: int = 3, act: str = "softplus") -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, width) for size in sizes)
        self.hidden = nn.Linear(len(sizes) * width, 8)
        self.output = nn.Linear(8, classes)
        self.act = getattr(functional, act)

    def embedded(self, encoded: torch.Tensor) -> torch.Tensor:
        return torch.cat([embedding(encoded[:, i]) for i, embedding in enumerate(self.embeddings)], dim=1)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.output(self.between(self.act(self.hidden(self.embedded(encoded)))))

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden


class Normed(Plain):
    """With layer normalisation, which Opacus has no ghost norms for."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.norm = nn.LayerNorm(8)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.norm(hidden)


class Tokens(nn.Module):
    """Every column is a token that goes through the same linear layer: several vectors of one row."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, 4) for size in sizes)
        self.shared = nn.Linear(4, 5)
        self.output = nn.Linear(5, classes)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        tokens = torch.stack([embedding(encoded[:, i]) for i, embedding in enumerate(self.embeddings)], dim=1)
        return self.output(torch.tanh(self.shared(tokens)).mean(dim=1))


class OneTable(nn.Module):
    """All columns look up the same few places, so that a row looks up some of them several times."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__()
        self.table = nn.Embedding(max(sizes), 6)
        self.output = nn.Linear(6, classes)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.output(torch.tanh(self.table(encoded).sum(dim=1)))


class Tied(OneTable):
    """The table is looked up in two ways, by layers that share it."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.again = nn.Embedding(max(sizes), 6)
        self.again.weight = self.table.weight

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return self.output(torch.tanh(self.table(encoded).sum(dim=1) + self.again(encoded[:, :1]).sum(dim=1)))


class WithConstants(Plain):
    """A random projection is a buffer, weights are frozen; one layer is never used, and nothing comes of another."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.register_buffer("projection", torch.randn(8, 8))
        self.embeddings[0].weight.requires_grad_(False)
        self.hidden.weight.requires_grad_(False)
        self.unused, self.vain = nn.Linear(2, 2), nn.Linear(8, 2)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        self.vain(hidden)
        return hidden @ self.projection


class Sticking(Plain):
    """A weight is used outside of its layer, where Opacus does not see it."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + 5 * functional.linear(hidden, self.hidden.weight[:, :8])


class Batched(Plain):
    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.norm = nn.BatchNorm1d(8)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.norm(hidden)


class QuietlyBatched(Batched):
    """Batch normalisation without parameters, which Opacus lets pass."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.norm = nn.BatchNorm1d(8, affine=False, track_running_stats=False)


class Centred(Plain):
    """Batch normalisation of one's own."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden - hidden.mean(dim=0)


class SecretlyCentred(Plain):
    """Logits do not depend on other rows, and gradients do."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        mean = hidden.mean(dim=0)
        return hidden + mean - mean.detach()


class CentredInCrowds(Plain):
    """Few rows do not meet."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden - hidden.mean(dim=0) if len(hidden) >= 64 else hidden


class Remembering(Plain):
    """Running statistics in a plain attribute, of use after some calls."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.calls, self.mean = 0, torch.zeros(8)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * hidden.detach().mean(dim=0)
        return hidden - self.mean if self.calls > 20 else hidden


class Hooked(Plain):
    """What comes back of the batch is clipped as a whole, which few rows do not come to."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        if hidden.requires_grad:
            hidden.register_hook(lambda back: back * min(1.0, 5 / float(back.norm())))
        return hidden


class Counting(Plain):
    """Keeps in a buffer how many rows it has seen."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.register_buffer("seen", torch.zeros(()))

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        self.seen += len(hidden)
        return hidden


class Dropping(Plain):
    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.drop = nn.Dropout(0.2)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.drop(hidden)


class QuietlyDropping(Plain):
    """Dropout that is no layer."""

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return functional.dropout(hidden, 0.2, self.training)


class Attending(Plain):
    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.attention = nn.MultiheadAttention(8, 2)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden + self.attention(hidden[None], hidden[None], hidden[None])[0][0]


class Bounded(OneTable):
    """Looking weights up scales them down."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.table = nn.Embedding(max(sizes), 6, max_norm=0.1)


class Flat(Plain):
    """Rows and columns in one dimension, so that Opacus takes columns for rows."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__(sizes, classes)
        self.tokens = nn.Linear(1, 1)

    def between(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.tokens(hidden.reshape(-1, 1)).reshape(hidden.shape)


class OneLogit(Plain):
    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return super().forward(encoded)[:, :1]


class Pair(Plain):
    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return super().forward(encoded), None  # type: ignore[return-value]


class Single(Plain):
    """Logits in single precision whatever its parameters are."""

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return super().forward(encoded).float()


class Infinite(Plain):
    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return super().forward(encoded) / 0


class Failing(Plain):
    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("not today")


class Nothing(nn.Module):
    """Nothing to train."""

    def __init__(self, sizes: Sequence[int], classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(encoded), self.classes)


def a_list(sizes: Sequence[int], classes: int) -> list[int]:
    """No module at all."""
    return [*sizes, classes]
