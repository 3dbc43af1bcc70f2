"""Networks of the GANs in torch: perceptrons, clipped sums of their gradients, and encoded rows as one-hot vectors.

A row is the concatenation of one block per column, one-hot for real rows, a distribution over the domain for generated ones.
All randomness comes from a torch.Generator that is given.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Loss = Callable[[torch.Tensor], torch.Tensor]  # of each row's score
_CERTAIN = 30.0  # a logit so high that no other code is drawn


def seeded(rng: np.random.Generator) -> torch.Generator:
    """A torch generator whose seed is the next draw of `rng`."""
    return torch.Generator().manual_seed(int(rng.integers(2**63)))


def one_hot(encoded: np.ndarray, sizes: Sequence[int]) -> torch.Tensor:
    """Rows as blocks of one-hot vectors, shape (rows, sum(sizes)), float32."""
    hot = torch.zeros(len(encoded), sum(sizes))
    index = encoded.astype(np.int64) + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    return hot.scatter_(1, torch.from_numpy(index), 1.0)


class RealRows(NamedTuple):
    """Encoded rows for a critic: one-hot, shape (rows, sum(sizes)), and where each row's ones stand, shape (rows, columns)."""

    hot: torch.Tensor
    places: torch.Tensor

    @classmethod
    def of(cls, encoded: np.ndarray, sizes: Sequence[int]) -> RealRows:
        """Of codes, shape (rows, columns)."""
        places = encoded.astype(np.int64) + np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
        return cls(one_hot(encoded, sizes), torch.from_numpy(places))

    def through(self, layer: nn.Linear) -> torch.Tensor:
        """What the layer makes of each row, added up column by column, so that it is the same bits beside any other rows.

        A product of matrices adds up in an order that hangs on how many rows there are. Where weights are held within bounds most
        of them lie on the bound, sums of them are often 0 but for the order, and a leaky ReLU has a kink there: rows that are
        neither added nor removed would change what they give.
        """
        table = layer.weight.T.contiguous()
        total = torch.zeros(len(self.places), layer.out_features, dtype=table.dtype)
        for place in self.places.unbind(dim=1):
            total = total + table[place]
        return total if layer.bias is None else total + layer.bias


def gumbel(like: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Standard Gumbel noise; logits plus this have their maximum where a draw from their softmax would be."""
    return -torch.empty_like(like).exponential_(generator=random).clamp_(min=1e-30).log_()


def relaxed(logits: torch.Tensor, sizes: Sequence[int], temperature: float | None, random: torch.Generator) -> torch.Tensor:
    """The softmax of each column's block of logits; with a temperature, that of logits plus Gumbel noise over it."""
    scaled = logits if temperature is None else (logits + gumbel(logits, random)) / temperature
    return torch.cat([torch.softmax(block, dim=1) for block in scaled.split(list(sizes), dim=1)], dim=1)


def hardened(logits: torch.Tensor, sizes: Sequence[int], random: torch.Generator) -> np.ndarray:
    """A code of each column, drawn from the softmax of its block; shape (rows, columns), int64."""
    drawn = (logits + gumbel(logits, random)).split(list(sizes), dim=1)
    return torch.stack([block.argmax(dim=1) for block in drawn], dim=1).numpy()


def linear(inputs: int, outputs: int, random: torch.Generator, deviation: float | None = None, bias: bool = True) -> nn.Linear:
    """A layer with normal weights and zero biases or none; the deviation is that of He's initialisation unless given."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, 0.0, math.sqrt(2 / inputs) if deviation is None else deviation, generator=random)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


Batch = RealRows | torch.Tensor  # what a critic sees: rows of the table, or generated ones, shape (rows, sum(sizes))


class Perceptron(nn.Module):
    """Linear layers with leaky ReLUs between.

    widths: of input, hidden layers and output; slope: of the negative side; deviation: of the first weights (He's if None).
    """

    def __init__(
        self, widths: Sequence[int], slope: float, random: torch.Generator, deviation: float | None = None, bias: bool = True
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linear(*pair, random, deviation, bias) for pair in itertools.pairwise(widths))
        self.slope = slope

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.to(self.dtype)
        for layer in self.layers[:-1]:
            x = functional.leaky_relu(layer(x), self.slope)
        return self.layers[-1](x)


class RowGradients(NamedTuple):
    """The gradients of many rows in one layer: the outer products of `given`, its inputs, and `errors`, what comes back to it.

    given: shape (rows, inputs); errors: shape (rows, outputs); biased: whether there are biases; their gradients are the errors.
    """

    given: torch.Tensor
    errors: torch.Tensor
    biased: bool

    def squares(self) -> torch.Tensor:
        """The squared norm of each row's gradient."""
        return (self.given.square().sum(dim=1) + int(self.biased)) * self.errors.square().sum(dim=1)

    def where(self, known: torch.Tensor) -> RowGradients:
        """Zeros in place of rows that are not known, shape (rows,)."""
        given, errors = (torch.where(known[:, None], part, 0) for part in (self.given, self.errors))
        return RowGradients(given, errors, self.biased)

    def summed(self, weights: torch.Tensor) -> list[torch.Tensor]:
        """The sum over rows, each times its weight: of the weights, flat, and of the biases."""
        scaled = self.errors * weights[:, None]
        return [(scaled.T @ self.given).flatten()] + ([scaled.sum(dim=0)] if self.biased else [])


def row_gradients(critic: Perceptron, rows: Batch, loss: Loss) -> tuple[list[RowGradients], torch.Tensor]:
    """Each row's gradient of the loss of its score, layer by layer, and its norm, shape (rows,).

    No gradient of a single row is ever made: the norm of an outer product is the product of the norms (Goodfellow 2015,
    "Efficient per-example gradient computations"). Of real rows the first layer's kinks are where they are for each row alone;
    those of a later layer hang on sums of numbers that lie on no grid, where a last bit moves a kink once in 10^15. A row whose
    gradient has no finite norm counts for nothing.
    """
    first, *others = cast("list[nn.Linear]", list(critic.layers))
    dense = rows.hot if isinstance(rows, RealRows) else rows
    given = [dense.to(critic.dtype)]
    outputs = [rows.through(first) if isinstance(rows, RealRows) else first(given[0])]
    for layer in others:
        given.append(functional.leaky_relu(outputs[-1], critic.slope))
        outputs.append(layer(given[-1]))
    errors = torch.autograd.grad(loss(outputs[-1][:, 0]).sum(), outputs)
    layers = zip(given, errors, critic.layers, strict=True)
    parts = [RowGradients(inputs.detach(), error, layer.bias is not None) for inputs, error, layer in layers]
    squares = torch.stack([part.squares() for part in parts]).sum(dim=0)
    known = torch.isfinite(squares)
    return [part.where(known) for part in parts], torch.where(known, squares, 0).sqrt()


def weighted_sum(parts: Sequence[RowGradients], weights: torch.Tensor) -> torch.Tensor:
    """The sum of the rows' gradients, each times its weight, flat in the order of the critic's parameters."""
    return torch.cat([tensor for part in parts for tensor in part.summed(weights)])


def clipped_sum(critic: Perceptron, rows: Batch, loss: Loss, clip: float) -> torch.Tensor:
    """Sum over rows of the gradient of the loss of a row's score, each scaled down to norm `clip`; zeros for no rows."""
    parts, norms = row_gradients(critic, rows, loss)
    return weighted_sum(parts, _scales(norms, clip))


def mean_gradient(critic: Perceptron, rows: torch.Tensor, loss: Loss) -> list[torch.Tensor]:
    """The rows' mean gradient of the loss of a row's score, a matrix for each layer; for critics without biases."""
    parts, _ = row_gradients(critic, rows, loss)
    return [part.errors.T @ part.given / len(rows) for part in parts]


def centred_clipped_sum(critic: Perceptron, rows: Batch, loss: Loss, clip: float, centre: Sequence[torch.Tensor]) -> torch.Tensor:
    """As `clipped_sum`, of what is left of each row's gradient when `centre` (as of `mean_gradient`) is taken off it.

    What is left is a difference: where it is small beside both, it counts as large as rounding may have made it small.
    """
    parts, norms = row_gradients(critic, rows, loss)
    along = torch.stack([((part.given @ c.T) * part.errors).sum(dim=1) for part, c in zip(parts, centre, strict=True)]).sum(dim=0)
    centre_flat = torch.cat([c.flatten() for c in centre])
    both = norms.square() + centre_flat.square().sum()
    rounding = 2 * torch.finfo(both.dtype).eps * centre_flat.numel() * both  # of sums over all parameters, at most
    scales = _scales(((both - 2 * along).clamp(min=0) + rounding).sqrt(), clip)
    return weighted_sum(parts, scales) - scales.sum() * centre_flat


def _scales(norms: torch.Tensor, clip: float) -> torch.Tensor:
    return (clip / norms.clamp(min=1e-30)).clamp(max=1)


def set_gradient(module: nn.Module, flat: torch.Tensor) -> None:
    """Write a flat gradient into the module's parameters."""
    start = 0
    for parameter in module.parameters():
        parameter.grad = flat[start : start + parameter.numel()].view_as(parameter)
        start += parameter.numel()


def clamp_parameters(module: nn.Module, bound: float) -> None:
    """Bring every parameter into [-bound, bound]."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.clamp_(-bound, bound)


class Generator(nn.Module):
    """Rows from noise.

    temperature: of Gumbel-softmax rows (Jang, Gu and Poole 2017), which are near one-hot; None for the softmax itself.
    """

    def __init__(self, sizes: Sequence[int], noise_size: int, temperature: float | None) -> None:
        super().__init__()
        self.sizes = tuple(sizes)
        self.noise_size = noise_size
        self.temperature = temperature

    @abstractmethod
    def rows(self, n: int, random: torch.Generator) -> torch.Tensor:
        """Rows as the critic sees them, shape (n, sum(sizes))."""

    @abstractmethod
    def encoded(self, n: int, random: torch.Generator) -> np.ndarray:
        """Encoded rows, shape (n, columns)."""


def without_gradient(generator: Generator, n: int, random: torch.Generator) -> torch.Tensor:
    """Rows that nothing is learnt from."""
    with torch.no_grad():
        return generator.rows(n, random)


class RowGenerator(Generator):
    """A perceptron gives the logits of all columns at once."""

    def __init__(self, perceptron: Perceptron, noise_size: int, sizes: Sequence[int], temperature: float | None = None) -> None:
        super().__init__(sizes, noise_size, temperature)
        self.perceptron = perceptron

    def logits(self, n: int, random: torch.Generator) -> torch.Tensor:
        return self.perceptron(torch.randn(n, self.noise_size, generator=random))

    def rows(self, n: int, random: torch.Generator) -> torch.Tensor:
        return relaxed(self.logits(n, random), self.sizes, self.temperature, random)

    @torch.no_grad()
    def encoded(self, n: int, random: torch.Generator) -> np.ndarray:
        return hardened(self.logits(n, random), self.sizes, random)


class ConditionalGenerator(RowGenerator):
    """A perceptron gives all columns but one, whose code is drawn beforehand and told to it.

    marginals: the distribution of each column; the output begins there.
    condition: position of the column that is given.
    """

    def __init__(
        self,
        hidden: int,
        noise_size: int,
        marginals: Sequence[np.ndarray],
        condition: int,
        temperature: float,
        random: torch.Generator,
    ) -> None:
        sizes = [len(marginal) for marginal in marginals]
        widths = (noise_size + sizes[condition], hidden, sum(sizes))
        super().__init__(Perceptron(widths, 0.2, random), noise_size, sizes, temperature)
        with torch.no_grad():
            weight, bias = list(self.perceptron.parameters())[-2:]
            weight.mul_(0.1)
            bias.copy_(torch.from_numpy(np.log(np.concatenate(marginals) + 1e-4)))
        self.given = torch.from_numpy(marginals[condition])
        self.start = sum(sizes[:condition])

    def logits(self, n: int, random: torch.Generator) -> torch.Tensor:
        encoded = torch.multinomial(self.given, n, replacement=True, generator=random)
        given = functional.one_hot(encoded, len(self.given)).float()
        logits = self.perceptron(torch.cat([torch.randn(n, self.noise_size, generator=random), given], dim=1))
        end = self.start + len(self.given)
        return torch.cat([logits[:, : self.start], (given - 0.5) * 2 * _CERTAIN, logits[:, end:]], dim=1)


def _drawn(logits: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """One-hot draws from the softmax."""
    return functional.one_hot((logits + gumbel(logits, random)).argmax(dim=1), logits.shape[1]).float()


class SequenceGenerator(Generator):
    """A recurrent network gives column after column, each told the one before and new noise.

    width: of its state and of what it is told of a column.
    """

    def __init__(self, sizes: Sequence[int], noise_size: int, width: int, temperature: float, random: torch.Generator) -> None:
        super().__init__(sizes, noise_size, temperature)
        self.width = width
        self.cell = nn.utils.skip_init(nn.LSTMCell, noise_size + width, width)
        for parameter in self.cell.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width), generator=random)
        self.outputs = nn.ModuleList(linear(width, size, random) for size in sizes)
        self.embeddings = nn.ModuleList(linear(size, width, random, 1.0) for size in sizes[:-1])

    def rows(self, n: int, random: torch.Generator) -> torch.Tensor:
        return torch.cat(
            self._columns(n, random, lambda logits: relaxed(logits, logits.shape[1:], self.temperature, random)), dim=1
        )

    @torch.no_grad()
    def encoded(self, n: int, random: torch.Generator) -> np.ndarray:
        blocks = self._columns(n, random, lambda logits: _drawn(logits, random))
        return torch.stack([block.argmax(dim=1) for block in blocks], dim=1).numpy()

    def _columns(self, n: int, random: torch.Generator, drawn: Callable[[torch.Tensor], torch.Tensor]) -> list[torch.Tensor]:
        """Each column's block; `drawn` makes of logits what the next column is told."""
        state = torch.zeros(n, self.width), torch.zeros(n, self.width)
        told = torch.zeros(n, self.width)
        blocks = []
        for column, output in enumerate(self.outputs):
            state = self.cell(torch.cat([torch.randn(n, self.noise_size, generator=random), told], dim=1), state)
            blocks.append(drawn(output(state[0])))
            if column < len(self.embeddings):
                told = self.embeddings[column](blocks[-1])
        return blocks
