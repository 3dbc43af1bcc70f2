"""The torch module for a guide that ships: embeddings of all columns, crossed with each other.

Beside a linear path on one-hot codes (a number for each code and class) every code has an embedding. Their sum s, and the sum of
the products of all pairs, (s^2 - the sum of squares) / 2, go through a small perceptron. The second is the pairwise part of a
factorisation machine (Rendle 2010, "Factorization machines", section III), before its numbers are added up; with a perceptron on
top it is a neural factorisation machine (He and Chua 2017, arXiv 1708.05027). All of it is smooth, so that a row's gradient is a
continuous function of its numbers, and all parameters lie in linear layers and an embedding, so that Opacus gives norms without
gradients.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import nn

from dpdsyn.base.checks import whole_number

_SPREAD = 0.3  # standard deviation of the sum of a row's embeddings, at first


class Crosses(nn.Module):
    """Logits of encoded rows.

    sizes: domain size of each column; classes: of all heads together. width: numbers of an embedding; hidden: units of the
    perceptron's one layer.
    """

    offsets: torch.Tensor

    def __init__(self, sizes: Sequence[int], classes: int, width: int = 16, hidden: int = 16) -> None:
        super().__init__()
        whole_number("width", width, least=1)
        whole_number("hidden", hidden, least=1)
        self.columns, self.classes = len(sizes), classes
        self.register_buffer("offsets", torch.tensor([0, *itertools.accumulate(sizes[:-1])], dtype=torch.int64))
        self.table = nn.Embedding(sum(sizes), classes + width)  # of each code what it adds to logits, then its embedding
        self.hidden = nn.Linear(2 * width, hidden)
        self.output = nn.Linear(hidden, classes)
        with torch.no_grad():
            self.table.weight[:, :classes].zero_()
            self.table.weight[:, classes:].normal_(std=_SPREAD / math.sqrt(self.columns))
        nn.init.normal_(self.hidden.weight, std=1 / math.sqrt(width))
        nn.init.zeros_(self.hidden.bias)
        nn.init.normal_(self.output.weight, std=1 / math.sqrt(hidden))
        nn.init.zeros_(self.output.bias)

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        """encoded: int64, shape (rows, columns). Logits have shape (rows, classes)."""
        found = self.table(encoded + self.offsets)
        total, squares = found.sum(dim=1), found[:, :, self.classes :].square().sum(dim=1)
        logits, embedded = total[:, : self.classes], total[:, self.classes :]
        crossed = (embedded.square() - squares) / (2 * self.columns)  # so that the noise of many columns does not drown the rest
        return logits + self.output(torch.tanh(self.hidden(torch.cat([embedded, crossed], dim=1))))
