"""An audit of the learning of domains: many learnings with and without one row that nobody is like, and what the schema tells.

The canary has values of its own in every open column: an amount far above all others, one with more decimals, a day of another
year, a category that nobody else has. Whoever attacks sees the closed schema, noisy counts included, and knows all other rows.
Bounds assume nothing (`bounds.py`): of each attack the event is chosen on one half of the runs and tested on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.checking.blind_learning import Learner
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.schema import Schema
from experiments.audit.attacks import Attack, scores
from experiments.audit.bounds import lower_bound, power

Factory = Callable[[], Learner]
_ROWS = 2000  # of which something is learnt at an epsilon of 1
_CANARY: dict[str, Any] = {"amount": 987_654.321, "day": "2077-07-07", "word": "nobody else", "label": "yes"}
_COLUMNS = {
    "amount": {"kind": "real"},
    "day": {"kind": "date"},
    "word": {"kind": "categorical"},
    "label": {"kind": "categorical", "categories": ["no", "yes"], "missing": "drop"},
}


@dataclass(frozen=True)
class Told:
    """What one attack shows. bound: the epsilon that it refutes at 95%; most: what it could, had it never been wrong."""

    attack: str
    bound: float
    most: float


def others() -> pd.DataFrame:
    """All rows but the canary; none of them is like it in any open column."""
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "amount": rng.integers(0, 200, _ROWS) / 4,
            "day": (np.datetime64("2020-01-01") + rng.integers(0, 300, _ROWS)).astype(str),
            "word": rng.choice(["red", "blue"], _ROWS),
            "label": rng.choice(["no", "yes"], _ROWS),
        }
    )


def audited(kind: Factory, budget: Budget, runs: int, seed: int = 0) -> list[Told]:
    """What each attack shows of a learner in so many runs, half of them with the canary; at least 40.

    Raises InputError for fewer.
    """
    if runs < 40:
        raise InputError(f"audit.runs is {runs}; at least 40 are needed")
    seen = [_seen(kind, budget, present=number % 2 == 1, seed=(seed, number)) for number in range(runs)]
    found = []
    for name in seen[0]:
        numbers = np.array([each[name] for each in seen], dtype=float)
        pair = numbers[1::2], numbers[0::2]
        if numbers.shape[1] > 1:
            pair = scores(Attack(name, name, learnt=True), *pair) or (pair[0][:, 0], pair[1][:, 0])
        else:
            pair = pair[0][:, 0], pair[1][:, 0]
        found.append(Told(name, lower_bound(*pair, budget.delta), power(runs, budget.delta)))
    return found


def verdict(kind: Factory, budget: Budget, runs: int) -> tuple[str, list[Told]]:
    """`violation` if an attack crosses epsilon, and crosses it again in as many fresh runs; else what came of the first runs."""
    first = audited(kind, budget, runs)
    crossed = {told.attack for told in first if told.bound > budget.epsilon}
    if not crossed:
        return "bound under the claim", first
    again = {told.attack for told in audited(kind, budget, runs, seed=1) if told.bound > budget.epsilon}
    return ("violation" if crossed & again else "crossed once, not again"), first


def _seen(kind: Factory, budget: Budget, present: bool, seed: Sequence[int]) -> Mapping[str, list[float]]:
    frame = pd.concat([others(), pd.DataFrame([_CANARY])], ignore_index=True) if present else others()
    schema = Schema.from_mapping({"target": "label", "columns": _COLUMNS})
    raw = RawTable(frame, schema, Ledger(budget), np.random.default_rng([*seed, int(present)]))
    try:
        closed: Schema | None = kind().learn(raw).schema
    except InputError:  # nothing could be learnt, which the attacker sees too
        closed = None
    return dict(_shown(closed))


def _shown(closed: Schema | None) -> Iterator[tuple[str, list[float]]]:
    """What each attack looks at, numbers of which more, or their likelihood ratio, speak for the canary."""
    known = {} if closed is None else {column.name: column for column in closed.columns}
    word = known.get("word")
    texts = [str(value) for value in word.categories] if word else []
    yield "its category is there", [float(_CANARY["word"] in texts)]
    yield "number of categories", [float(len(texts))]
    for name, last in (("amount", _CANARY["amount"]), ("day", 39_269)):
        column = known.get(name)
        pieces = column.pieces if column else None
        scale = 10.0 ** -(column.decimals or 0) if column else 1.0
        yield f"highest {name}", [pieces.lasts[-1] * scale if pieces else 0.0]
        yield f"upper bound of {name}", [column.bounds[1] if column and column.bounds else 0.0]
        units = float(str(last)) / scale
        cores = zip(pieces.firsts, pieces.lasts, strict=True) if pieces else ()
        alone = any(a == b and abs(a - units) < 1 for a, b in cores)
        yield f"its {name} is a value of its own", [float(alone)]
        yield f"pieces of {name}", [float(len(pieces)) if pieces else 0.0]
    amount = known.get("amount")
    yield "decimals", [float(amount.decimals or 0) if amount else 0.0]
    yield "number of rows", [0.0 if closed is None else float(closed.rows_public)]
    yield "noisy counts", [_sum(known.get(name), part) for name in ("amount", "day", "word") for part in (0, 1)]


def _sum(column: object, last: int) -> float:
    """All noisy counts of a column, or the last of them."""
    counts = getattr(column, "counts", ()) or (0.0,)
    return float(counts[-1] if last else sum(counts))
