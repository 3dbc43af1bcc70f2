"""Raw tables, their schemas, and ledgers that have plenty for whatever is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.accounting.spends import Gaussian, Threshold
from dpdsyn.learning.raw_table import RawTable
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.schema import Schema

KEY = bytes(32)


def plenty(noise: float = 1e-3, delta: float = 0.4) -> Ledger:
    """A ledger that covers Gaussians together like one of that noise, and thresholds of that delta together."""
    ledger = Ledger(Budget(1e9, 0.9))
    ledger.reserve([Gaussian(noise), Threshold(delta)])
    return ledger


def raw_of(
    table: pd.DataFrame | Path,
    columns: Mapping[str, Mapping[str, Any]],
    ledger: Ledger | None = None,
    seed: int = 0,
    **more: Any,
) -> RawTable:
    """more: other keys of the schema."""
    schema = Schema.from_mapping({"columns": columns, **more})
    return RawTable(table, schema, plenty() if ledger is None else ledger, np.random.default_rng(seed), KEY)
