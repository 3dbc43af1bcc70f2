"""DP-MERF: mean embeddings with random features (Harder, Adamczewski and Park 2021, arXiv 2002.11603)."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from dpdsyn.accounting.spends import SampledGaussian
from dpdsyn.base.checks import InputError, positive, whole_number
from dpdsyn.candidates import as_distribution
from dpdsyn.privacy import Allowance, Gaussian
from dpdsyn.private_table import PrivateTable
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

if TYPE_CHECKING:
    import torch
    from torch import nn

_PIECE = 4096  # rows whose features are held at once
_LEAST_SHARE = 1e-3  # of a class whose noisy count is not positive


@dataclass(frozen=True)
class Embedding:
    """What is summed up over rows: random features of a row's numbers and one-hot codes of the rest, in the place of its class.

    numbers, codes: positions of the feature columns that hold numbers, and of the others. steps: how many values each number can
    take. may_miss: which of the numbers may be missing; each of these has a block (present, missing) behind the blocks of the
    codes, and stands in the middle while it is. widths: of all blocks. frequencies: shape (half as many as random features,
    numbers). target: position of the class, or None: all rows are then of one.

    Features are cosines and sines of equal weight, so their norm is 1 whatever the row; so is that of the one-hot codes over the
    root of how many there are. A row's vector lies in the line of its class, so its norm is `norm`, no more and no less.
    """

    numbers: tuple[int, ...]
    codes: tuple[int, ...]
    steps: tuple[int, ...]
    may_miss: tuple[int, ...]
    widths: tuple[int, ...]
    frequencies: np.ndarray
    target: int | None
    classes: int

    @classmethod
    def of(cls, schema: Schema, features: int, rng: np.random.Generator) -> Embedding:
        """With frequencies drawn for a Gaussian kernel; see `frequency_scale`."""
        target = None if schema.target is None else schema.target_position
        others = [i for i in range(len(schema.columns)) if i != target]
        numbers = tuple(i for i in others if schema.columns[i].ordered)
        codes = tuple(i for i in others if not schema.columns[i].ordered)
        may_miss = tuple(j for j, i in enumerate(numbers) if schema.columns[i].missing_code is not None)
        steps = tuple(schema.columns[i].values for i in numbers)
        widths = (*(schema.sizes[i] for i in codes), *(2 for _ in may_miss))
        frequencies = rng.standard_normal((features // 2, len(numbers))) * frequency_scale(steps)
        return cls(numbers, codes, steps, may_miss, widths, frequencies, target, 1 if target is None else schema.classes)

    @property
    def norm(self) -> float:
        """Of every row's vector."""
        return math.sqrt(bool(self.numbers) + bool(self.widths))

    @property
    def length(self) -> int:
        """How many features a row has."""
        return (2 * len(self.frequencies) if self.numbers else 0) + sum(self.widths)

    def scaled(self, encoded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows' numbers within 0 and 1, missing ones in the middle, and which are missing; both of shape (rows, numbers)."""
        own, steps = encoded[:, list(self.numbers)].astype(float), np.array(self.steps, dtype=float)
        missing = own >= steps
        return np.where(missing, 0.5, own / np.maximum(steps - 1, 1)), missing

    def features(self, encoded: np.ndarray) -> np.ndarray:
        """Of rows, float64, shape (rows, length)."""
        numbers, missing = self.scaled(encoded)
        parts = []
        if self.numbers:
            angles = numbers @ self.frequencies.T
            parts.append(np.concatenate([np.cos(angles), np.sin(angles)], axis=1) / math.sqrt(max(1, len(self.frequencies))))
        if self.widths:
            blocks = [*(encoded[:, i] for i in self.codes), *(missing[:, j] for j in self.may_miss)]
            hot = [np.eye(width)[block.astype(np.int64)] for block, width in zip(blocks, self.widths, strict=True)]
            parts.append(np.concatenate(hot, axis=1) / math.sqrt(len(self.widths)))
        return np.concatenate(parts, axis=1)

    def summed(self, encoded: np.ndarray) -> np.ndarray:
        """The sum of the rows' vectors, float64, shape (classes, length)."""
        total = np.zeros((self.classes, self.length))
        for start in range(0, len(encoded), _PIECE):
            piece = encoded[start : start + _PIECE]
            labels = np.zeros(len(piece), dtype=np.int64) if self.target is None else piece[:, self.target].astype(np.int64)
            total += np.eye(self.classes)[labels].T @ self.features(piece)
        return total


def frequency_scale(steps: tuple[int, ...]) -> float:
    """1 over the length scale of the Gaussian kernel: the root of the mean squared distance of two rows of uniform numbers.

    A public stand-in for the median distance of private rows. A column of s values, i / (s - 1), has the variance
    (s + 1) / (12 (s - 1)), and two rows differ by twice the sum of these.
    """
    squared = sum((s + 1) / (6 * (s - 1)) for s in steps if s > 1)
    return 1 / math.sqrt(squared) if squared else 1.0


class DPMERF(Synthesizer):
    """One noisy mean embedding of all rows, and a generator that is trained to have the same one.

    For tables with numbers and categories (the paper's section on heterogeneous data): the embedding of a row is (random Fourier
    features of its numbers, one-hot codes over the root of how many) x (one-hot class over the class's share). It is summed up
    over the rows once, with Gaussian noise; the classes are counted, with noise of the same multiplier. The generator is told a
    class and noise, and gives numbers through a sigmoid and categories through softmaxes; its loss is the squared distance of the
    embedding of a batch from the noisy one. From the authors' code (ParkLabML/DP-MERF, `code_tab`; read, not copied): two hidden
    layers of 4 and 2 units a feature column, normalised over the batch; noise of 10 numbers; Adam at .01; 2,000 random features.

    The code's Adult is not this one: it rounds sigmoids of category codes that are no one-hot codes, and so have no bounded norm;
    it takes the median distance of ten private rows that it then leaves out, divides by the exact number of rows, thins out the
    commoner class, and reports the best of 24 settings by the private test score.

    What differs:
    - neighbouring tables differ by a row more or less: the sum moves by the norm sqrt(2) of one row, counts by 1, where replacing
      one moves them by twice and sqrt(2) times as much; sums are divided by their own noisy counts, so that no number of rows is
      told;
    - numbers are binned, and scaled to 0 and 1 by the schema; a generated one is the nearest bin's. The kernel's length is what
      uniform numbers would have (`frequency_scale`). Whether a number is missing is a category;
    - the class is told as a one-hot code, where the code tells its number;
    - 500 steps on batches of a twentieth of the rows, where the code's default is 200 on a tenth and its grid goes to 8,000;
    - categories are drawn from the softmax, where the code rounds.

    The embedding has only the means of categories, class by class, so nothing tells how they go together within a class, or with
    numbers; and a kernel as long as the table is wide hardly tells a bin from the next. On Adult at epsilon .8 labels are learnt,
    each category comes out .01 to .02 (total variation) from the truth, and each number .12 to .38.

    features: random ones, an even number. noise_size: of the generator. batch: share of rows_public.
    """

    version = 1
    uses_target: ClassVar[bool] = True

    def __init__(
        self, features: int = 2000, iterations: int = 500, batch: float = 0.05, noise_size: int = 10, rate: float = 0.01
    ) -> None:
        self.features = features
        self.iterations = iterations
        self.batch = batch
        self.noise_size = noise_size
        self.rate = rate
        for name in ("iterations", "noise_size"):
            whole_number(name, getattr(self, name), least=1)
        if whole_number("features", features, least=2) % 2:
            raise InputError(f"features is {features!r}; an even number is needed")
        positive("rate", rate)
        if not positive("batch", batch) <= 1:
            raise InputError(f"batch is {batch!r}; a share of the rows, above 0 and at most 1, is needed")

    def imports(self) -> tuple[str, ...]:
        return ("torch", "baselines.gans.networks")

    def skip(self, schema: Schema, budget: Allowance) -> str | None:
        return "no column beside the target to embed" if not schema.features else None

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        schema = private.schema
        noise = private.ledger.open_calibrated(lambda scale: [Gaussian(scale), SampledGaussian(1.0, scale)])
        embedding = Embedding.of(schema, self.features, rng)
        counts = self._counts(private, noise)
        sums = private.noisy_sum(lambda rows, _: embedding.summed(rows), 1.0, noise, embedding.norm)
        self.classes_ = np.maximum(as_distribution(counts), _LEAST_SHARE)
        self.classes_ /= self.classes_.sum()
        rows = max(1.0, float(counts.sum()))
        self.embedding_, self.schema_ = embedding, schema
        self._train(sums / rows / self.classes_[:, None], max(2, round(self.batch * schema.rows_public)), rng)
        return self

    def _counts(self, private: PrivateTable, noise: float) -> np.ndarray:
        """How many rows each class has, noisy; where there is no target, of all rows in one class."""
        schema = private.schema
        (counts,) = private.noisy_marginals([(schema.target or schema.features[0],)], [noise])
        return counts if schema.target else counts.sum(keepdims=True)

    def _train(self, wanted: np.ndarray, batch: int, rng: np.random.Generator) -> None:
        """Make the generator's embedding that of `wanted`, shape (classes, length), which is over the classes' shares."""
        import torch

        from baselines.gans.networks import linear, seeded

        embedding, random = self.embedding_, seeded(rng)
        columns, classes = len(embedding.numbers) + len(embedding.codes), embedding.classes
        widths = (self.noise_size + classes, 4 * columns, 2 * columns)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [linear(inputs, outputs, random), torch.nn.BatchNorm1d(outputs), torch.nn.ReLU()]
        self.generator_ = torch.nn.Sequential(*layers, linear(widths[-1], len(embedding.numbers) + sum(embedding.widths), random))
        target, weights = torch.from_numpy(wanted).float(), torch.from_numpy(self.classes_).float()
        optimizer = torch.optim.Adam(self.generator_.parameters(), self.rate)
        losses: list[float] = []
        for step in range(1, self.iterations + 1):
            labels = torch.cat([torch.multinomial(weights, batch, True, generator=random), torch.arange(classes)])
            hot = torch.nn.functional.one_hot(labels, classes).float()
            made = (hot / weights).T @ self._features(*self._rows(hot, random)) / len(labels)
            optimizer.zero_grad()
            loss = (made - target).square().sum()
            loss.backward()
            optimizer.step()
            if step % max(1, self.iterations // 50) == 0:
                losses.append(float(loss))
                self.report(f"step {step} of {self.iterations}")
        self.generator_.eval()
        self.steps_ = {"loss": losses}

    def _rows(self, hot: torch.Tensor, random: torch.Generator) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Of one-hot classes, generated rows: numbers within 0 and 1, and the logits of every block."""
        import torch

        noise = torch.randn(len(hot), self.noise_size, generator=random)
        numbers = len(self.embedding_.numbers)
        output = self.generator_(torch.cat([noise, hot], dim=1))
        return torch.sigmoid(output[:, :numbers]), list(output[:, numbers:].split(list(self.embedding_.widths), dim=1))

    def _features(self, numbers: torch.Tensor, blocks: list[torch.Tensor]) -> torch.Tensor:
        """As `Embedding.features`, of generated rows; blocks: their logits."""
        import torch

        parts = []
        if self.embedding_.numbers:
            frequencies = torch.from_numpy(self.embedding_.frequencies).float()
            angles = numbers @ frequencies.T
            parts.append(torch.cat([torch.cos(angles), torch.sin(angles)], dim=1) / math.sqrt(len(frequencies)))
        parts += [torch.softmax(block, dim=1) / math.sqrt(len(blocks)) for block in blocks]
        return torch.cat(parts, dim=1)

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        import torch

        from baselines.gans.networks import hardened, seeded

        embedding, schema, random = self.embedding_, self.schema_, seeded(rng)
        labels = rng.choice(len(self.classes_), size=n, p=self.classes_)
        encoded = np.empty((n, len(schema.columns)), dtype=schema.dtype)
        if embedding.target is not None:
            encoded[:, embedding.target] = labels
        for start in range(0, n, _PIECE):
            rows = slice(start, min(n, start + _PIECE))
            with torch.no_grad():
                hot = torch.nn.functional.one_hot(torch.from_numpy(labels[rows]), len(self.classes_)).float()
                numbers, blocks = self._rows(hot, random)
            steps = np.array(embedding.steps)
            near = np.rint(numbers.double().numpy() * (steps - 1)).astype(np.int64)
            drawn = hardened(torch.cat(blocks, dim=1), embedding.widths, random) if blocks else np.empty((len(hot), 0), dtype=int)
            for j, i in enumerate(embedding.codes):
                encoded[rows, i] = drawn[:, j]
            for k, j in enumerate(embedding.may_miss):
                near[:, j] = np.where(drawn[:, len(embedding.codes) + k] == 1, steps[j], near[:, j])
            for j, i in enumerate(embedding.numbers):
                encoded[rows, i] = near[:, j]
        return encoded
