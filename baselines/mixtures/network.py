"""A network that makes of a fixed batch of noise a mixture of independent columns, and the marginals of that mixture, in torch.

All randomness comes from a torch.Generator that is given. Of rows it knows what it is fitted to: noisy answers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from baselines.marginal.junction_tree import Clique
from baselines.mixtures.mixture import Mixture, blocks


def _linear(inputs: int, outputs: int, random: torch.Generator) -> nn.Linear:
    """A layer whose weights and biases are uniform within 1 / sqrt(inputs), as torch begins."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    bound = 1 / math.sqrt(inputs)
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -bound, bound, generator=random)
    return layer


class MixtureNetwork(nn.Module):
    """CTGAN's generator (Xu et al. 2019, arXiv 1907.00503, section 4.4) on noise that stays as it is.

    Each hidden layer is linear, normalised over the batch, rectified, and put beside what it was given. The output is a softmax
    for each column, so that a line of noise is a part of a mixture. Batches are whole, so their own moments normalise them.

    noise: shape (parts, inputs), float32. hidden: widths. sizes: of the columns' domains.
    """

    noise: torch.Tensor

    def __init__(self, noise: torch.Tensor, hidden: Sequence[int], sizes: Sequence[int], random: torch.Generator) -> None:
        super().__init__()
        self.register_buffer("noise", noise)
        self.sizes = tuple(sizes)
        width = noise.shape[1]
        layers = []
        for units in hidden:
            layers.append(_linear(width, units, random))
            width += units
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList(nn.BatchNorm1d(units, track_running_stats=False) for units in hidden)
        self.output = _linear(width, sum(sizes), random)

    def forward(self) -> torch.Tensor:
        """Each part's distribution of every column, shape (parts, sum(sizes))."""
        x = self.noise
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = torch.cat([torch.relu(norm(layer(x))), x], dim=1)
        return torch.cat([torch.softmax(block, dim=1) for block in self.output(x).split(list(self.sizes), dim=1)], dim=1)

    @torch.no_grad()
    def mixture(self, total: float) -> Mixture:
        """What the network stands for, as a value that no later step changes. Blocks add up to 1 in double precision."""
        shares = self().double().numpy()
        for place in blocks(self.sizes):
            shares[:, place] /= shares[:, place].sum(axis=1, keepdims=True)
        return Mixture(self.sizes, shares, total)


def uniform_one_hot(sizes: Sequence[int], parts: int, random: torch.Generator) -> torch.Tensor:
    """Rows of independent uniform values as blocks of one-hot vectors, shape (parts, sum(sizes)), float32."""
    drawn = [torch.randint(size, (parts,), generator=random) for size in sizes]
    return torch.cat([nn.functional.one_hot(own, size) for own, size in zip(drawn, sizes, strict=True)], dim=1).float()


class Marginals:
    """The mixture's share of rows in each cell of some marginals, one marginal after the other, flat.

    Those of one or two columns are parts of one matrix of all pairs; those of three that have one column in common, the pivot,
    are parts of one such matrix for each of its values: many of them cost little more than one. All else is computed one by one.
    """

    def __init__(self, sizes: Sequence[int], cliques: Sequence[Clique]) -> None:
        self._places = [slice(place.start + 1, place.stop + 1) for place in blocks(sizes)]  # behind a column of ones
        width = sum(sizes) + 1
        triples = [clique for clique in cliques if len(clique) == 3]
        common = Counter(column for clique in triples for column in clique).most_common(1)
        self._pivot = common[0][0] if common and sizes[common[0][0]] <= common[0][1] else None
        matrix = np.arange(width * width).reshape(width, width)
        at, alone = [], []
        end = matrix.size * (1 if self._pivot is None else 1 + sizes[self._pivot])
        for clique in cliques:
            own = [self._places[column] for column in clique]
            if len(clique) <= 2:
                at.append(matrix[own[0], own[1] if len(clique) == 2 else slice(0, 1)])
            elif len(clique) == 3 and self._pivot in clique:
                axis = clique.index(self._pivot)
                first, second = (place for i, place in enumerate(own) if i != axis)
                starts = matrix.size * np.arange(1, 1 + sizes[self._pivot])
                at.append(np.stack([start + matrix[first, second] for start in starts], axis=axis))
            else:
                alone.append(clique)
                cells = math.prod(sizes[column] for column in clique)
                at.append(np.arange(end, end + cells))
                end += cells
        self._alone = alone
        self._at = torch.from_numpy(np.concatenate([cells.ravel() for cells in at]))

    def __call__(self, shares: torch.Tensor) -> torch.Tensor:
        """shares: shape (parts, sum(sizes)), as a network gives them."""
        parts = len(shares)
        beside = torch.cat([shares.new_ones(parts, 1), shares], dim=1)
        found = [(beside.T @ beside / parts).flatten()]
        if self._pivot is not None:
            weights = beside[:, self._places[self._pivot]]
            found += [((beside * weights[:, i : i + 1]).T @ beside / parts).flatten() for i in range(weights.shape[1])]
        for clique in self._alone:
            first, *others = [beside[:, self._places[column]] for column in clique]
            for block in others[:-1]:
                first = (first[:, :, None] * block[:, None, :]).flatten(start_dim=1)
            found.append((first.T @ others[-1] / parts).flatten())
        return torch.cat(found).index_select(0, self._at)


def flat(answers: Sequence[np.ndarray]) -> torch.Tensor:
    """Marginals one after the other, as `Marginals` gives them, float32."""
    return torch.from_numpy(np.concatenate([answer.ravel() for answer in answers])).float()
