"""Attacks: what of a fit is observed to tell whether one row, the canary, was in the table.

Whoever attacks knows the method, its settings, all other rows and the method's own randomness, never the noise.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpdsyn.schema import Schema
from experiments.audit.bounds import split

VERSION = 3  # raised when an attack or what it observes changes
RELEASED = 10  # times as many rows are released as the table has: sampling costs no budget
_SHRINKAGE = 0.1
_NEARNESS = 3.0


@dataclass(frozen=True)
class Attack:
    """learnt: whether scores are a likelihood ratio learnt on the runs that choose the event; else the first column is one."""

    name: str
    knows: str
    learnt: bool


ATTACKS = (
    Attack("released rows", "released rows (black-box)", learnt=True),
    Attack("parameters", "what was fitted (white-box)", learnt=True),
    Attack("noisy answers", "every noisy answer (white-box)", learnt=False),
    Attack("evaluation", "a private evaluation and released rows (black-box)", learnt=True),
)


def canary_of(rows: np.ndarray, schema: Schema) -> np.ndarray:
    """In each column the code that is rarest in the rows (never that of undeclared categories), shape (1, columns).

    Marginals that it is counted in hold little else, and nothing else pulls at the same parameters of a guide.
    """
    rarest = []
    for position, column in enumerate(schema.columns):
        counts = np.bincount(rows[:, position], minlength=column.size)
        if column.other_code is not None:
            counts = counts[: column.other_code]
        rarest.append(int(counts.argmin()))
    return np.array([rarest], dtype=schema.dtype)


def opposite_of(canary: np.ndarray, rows: np.ndarray, schema: Schema) -> np.ndarray:
    """In each column the code that is rarest in the rows but for the canary's, which may be the only one; shape (1, columns)."""
    opposite = []
    for position, column in enumerate(schema.columns):
        counts = np.bincount(rows[:, position], minlength=column.size).astype(float)
        counts[canary[0, position]] = np.inf
        if column.other_code is not None:
            counts[column.other_code] = np.inf
        opposite.append(int(counts.argmin()) if np.isfinite(counts).any() else int(canary[0, position]))
    return np.array([opposite], dtype=schema.dtype)


def released(encoded: np.ndarray, canary: np.ndarray) -> np.ndarray:
    """Of the released rows, how many share the canary's code in each column, in each two, and in all."""
    same = encoded == canary[0]
    pairs = [(same[:, a] & same[:, b]).sum() for a, b in itertools.combinations(range(same.shape[1]), 2)]
    return np.array([*same.sum(axis=0), *pairs, same.all(axis=1).sum()], dtype=float)


def parameters(fitted: Any, schema: Schema, canary: np.ndarray) -> np.ndarray:
    """Of what was fitted, the parts that the canary pulls at; empty if there are none that this attack knows."""
    if hasattr(fitted, "pulled_by"):  # a method may say itself what a row pulls at
        return np.asarray(fitted.pulled_by(canary[0]), dtype=float)
    row, label = canary[0].astype(int), None if schema.target is None else int(canary[0, schema.target_position])
    found: list[float] = []
    if (guide := getattr(fitted, "guide_", getattr(fitted, "classifier_", None))) is not None:
        found += _of_guide(guide, schema, canary)
    if (critic := getattr(fitted, "critic_", None)) is not None:
        found += _of_critic(critic, schema, canary)
    if (source := getattr(fitted, "source_", None)) is not None:
        narrower = fitted.source_schema_
        found += list(parameters(source, narrower, canary[:, schema.positions(narrower.names)]))
    if hasattr(fitted, "conditional_"):
        positions = schema.positions(schema.features)
        found += [table[label, row[position]] for position, table in zip(positions, fitted.conditional_, strict=True)]
    elif _one_way(getattr(fitted, "marginals_", None), schema):
        found += [marginal[code] for marginal, code in zip(fitted.marginals_, row, strict=True)]
    if (model := getattr(fitted, "model_", None)) is not None and hasattr(model, "project"):
        mappings = getattr(fitted, "mappings_", [np.arange(size) for size in schema.sizes])
        merged = [mapping[code] for mapping, code in zip(mappings, row, strict=True)]
        for clique in [*((c,) for c in range(len(row))), *itertools.combinations(range(len(row)), 2)]:
            found.append(float(model.project(clique)[tuple(merged[c] for c in clique)]))
    return np.array(found, dtype=float)


def _of_guide(guide: Any, schema: Schema, canary: np.ndarray) -> list[float]:
    """The log-odds of the canary's label, and what each of its codes adds to them; then how far training has moved these.

    Where a guide is pretrained, training begins at another place in every run: on rows that noisy answers decide, so that whoever
    attacks knows the place.
    """
    began = copy.copy(guide)
    began.parameters_ = guide.begin_.astype(np.float32)
    after, before = (_said_by(one, schema, canary) for one in (guide, began))
    return [*after, *(after - before)]


def _said_by(guide: Any, schema: Schema, canary: np.ndarray) -> np.ndarray:
    """What each of the canary's codes adds to the log-odds of its label, those last. Shape (features + 1,) at least.

    Of the built-in network a code adds what it does on the linear path, the bias being one more; of another module, how much
    less the log-odds are with the next code in its place.
    """
    label, features = int(canary[0, schema.target_position]), canary[:, schema.positions(guide.features)]
    if guide.settings.module is None:
        table, _ = guide.network.split(guide.parameters_)
        linear = table[guide.network.index(features)[0], guide.network.hidden :][:, guide.slices[0]]
        return np.append(linear[:, label] - linear.mean(axis=1), _log_odds(guide, features, label))
    rows = np.repeat(features, 1 + features.shape[1], axis=0)
    for column, size in enumerate(schema.shape(guide.features)):
        rows[column, column] = (rows[column, column] + 1) % size
    given = _log_odds(guide, rows, label)
    return np.append(given[-1] - given[:-1], given[-1])


def _log_odds(guide: Any, features: np.ndarray, label: int) -> np.ndarray:
    """Of a label, against the mean of all labels, for each row."""
    logs = np.log(np.clip(guide.predict_proba(features).astype(float), 1e-12, 1.0))
    return logs[:, label] - logs.mean(axis=1)


def _of_critic(critic: Any, schema: Schema, canary: np.ndarray) -> list[float]:
    """The critic's score of the canary, and how much less it is with each of its codes replaced by another."""
    import torch

    from baselines.gans.networks import one_hot

    rows = np.repeat(canary, 1 + len(schema.sizes), axis=0)
    for position, size in enumerate(schema.sizes):
        rows[1 + position, position] = (rows[0, position] + 1) % size
    with torch.no_grad():
        given = critic(one_hot(rows, schema.sizes))[:, 0].double().numpy()
    return [float(given[0]), *(given[0] - given[1:])]


def _one_way(marginals: Any, schema: Schema) -> bool:
    return isinstance(marginals, list) and [getattr(m, "shape", None) for m in marginals] == [(size,) for size in schema.sizes]


def scores(attack: Attack, with_row: np.ndarray, without: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """One score a run, or None if nothing that was observed ever changed. Observed: shape (runs in that world, what)."""
    together = np.concatenate([with_row, without])
    moving = together.std(axis=0) > 0 if together.size else np.zeros(0, dtype=bool)
    if not moving.any():
        return None
    if not attack.learnt:
        return with_row[:, 0], without[:, 0]
    with_row, without = with_row[:, moving], without[:, moving]
    direction = _discriminant(with_row[split(len(with_row))], without[split(len(without))])
    return with_row @ direction, without @ direction


def _discriminant(with_row: np.ndarray, without: np.ndarray) -> np.ndarray:
    """Fisher's linear discriminant, the likelihood ratio of Gaussians that share a covariance, shrunk to the diagonal."""
    means = with_row.mean(axis=0), without.mean(axis=0)
    apart = np.concatenate([with_row - means[0], without - means[1]])
    scale = np.sqrt((apart**2).mean(axis=0)) + 1e-9 * (1 + np.abs(means).max(axis=0))
    correlation = (apart / scale).T @ (apart / scale) / len(apart)
    shrunk = (1 - _SHRINKAGE) * correlation + _SHRINKAGE * np.eye(len(scale))
    return np.linalg.solve(shrunk, (means[0] - means[1]) / scale) / scale


def density(encoded: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """How near released rows lie to each row: log of the mean of exp(_NEARNESS times the columns in which both agree)."""
    agree = [np.exp(_NEARNESS * (encoded == row).sum(axis=1)).mean() for row in rows]
    return np.log(agree)


def guesses(
    fit: Callable[[np.ndarray], np.ndarray], others: np.ndarray, schema: Schema, canaries: int, rng: np.random.Generator
) -> tuple[int, int]:
    """One run with many canaries: how many guesses were made, and how many were right (Steinke, Nasr and Jagielski 2023).

    fit: from rows to released rows. Canaries are random rows, each in the table by a coin's fall. Those quarters of them
    that lie nearest to released rows and furthest from them are guessed to be in and out.
    """
    rows = np.stack([rng.integers(size, size=canaries) for size in schema.sizes], axis=1).astype(schema.dtype)
    inside = rng.random(canaries) < 0.5
    encoded = fit(np.concatenate([others, rows[inside]]))
    order = np.argsort(density(encoded, rows), kind="stable")
    each = canaries // 4
    return 2 * each, int(inside[order[-each:]].sum() + (~inside[order[:each]]).sum())
