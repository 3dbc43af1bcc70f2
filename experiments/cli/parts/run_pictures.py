"""The picture of a run, for MLflow: what it published beside its data set's test rows, and the ROC curve of a model.

Test rows alone, which no fit has seen, and those of published and simulated data sets alone: a table of a person's own is shown
by what was published of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError
from experiments.data.datasets import load, of_record
from experiments.data.description import Dataset
from experiments.data.errors import DataError
from experiments.page.run_page import Curve, run_page, thinned

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from dpdsyn.schema import Schema
    from experiments.records.record import Record

_MOST = 20_000  # rows that a model is trained on


def picture(record: Record, schema: Schema, synthetic: pd.DataFrame) -> str:
    """The page. schema: of the synthetic rows. Real rows are left out where they are not on this machine, which is said."""
    title = f"{record.method.name} on {record.dataset.name}"
    spent = f", of which {record.privacy.spent:.4g} was spent" if record.privacy.spent is not None else ""
    lead = f"{len(synthetic):,} rows at epsilon {record.privacy.epsilon:g}{spent}, seed {record.seed}; guarantee: dp."
    try:
        dataset = of_record(record)
        if dataset is None:
            return run_page(title, f"{lead} Real rows of a table of one's own are not shown.", schema, synthetic, None, {})
        train, test = _real(_Named(repr(dataset), dataset), record.dataset.split_seed or 0)
    except (DataError, InputError, OSError) as error:
        return run_page(title, f"{lead} No real rows: {error}", schema, synthetic, None, {})
    lead += f" Real: the data set's {len(test):,} test rows, as they were read."
    return run_page(title, lead, schema, synthetic, test, _roc(schema, synthetic, train, test, record.seed))


@dataclass(frozen=True)
class _Named:
    text: str
    dataset: Dataset = field(compare=False)


@lru_cache(maxsize=2)
def _real(named: _Named, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training and test rows as they were read. Raises DataError, InputError or OSError."""
    split = load(named.dataset, seed, frames=True)
    return split.train_frame, split.test_frame


def _roc(schema: Schema, synthetic: pd.DataFrame, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> dict[str, Curve]:
    """Curves of logistic regression trained on either table. None where the target is not two classes that both occur."""
    from sklearn.metrics import roc_curve

    from experiments.evaluation.models import logistic
    from experiments.evaluation.utility import predicted

    assert schema.target
    labels = schema.encode(test)[:, schema.position(schema.target)]
    classes = sorted(set(labels.tolist()))
    if schema[schema.target].ordered or len(classes) != 2:
        return {}
    found = {}
    for name, frame in (("synthetic rows", synthetic), ("real rows", train)):
        rows: np.ndarray = schema.encode(frame[:_MOST])
        probabilities = predicted(logistic, rows, schema.encode(test), schema, schema.target, seed)
        false, true, _ = roc_curve(labels == classes[1], probabilities[:, classes[1]])
        found[name] = thinned((false, true))
    return found
