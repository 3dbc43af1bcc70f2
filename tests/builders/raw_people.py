"""A CSV or Parquet file as owners have them, that nobody described: customers of a gym, one row each.

What is planted, so that tests know what to expect of a published table (shares are of the cells that are there):

| column | the owner's type | what is planted |
| --- | --- | --- |
| customer | text | an id: every cell is different, and nothing can be learnt of it |
| joined | date, ISO (`2019-04-30`) | 2012-01-01 to 2023-12-31; 8% on 2015-01-01, an atom; growing ever denser towards the end |
| last_visit | date and time of day, ISO (`2024-03-31T17:45:12`) | January to March 2024, 6:00 to 21:59; 6% missing |
| fee | money with cents | atoms 0 (12%), 9.99 (25%), 19.99 (13%); others in cents around 30, up to some hundreds; none below 0 |
| hours | whole number | hours of work a week, 1 to 99; atom 40 (45%) |
| visits | whole number | heavy tail: half below 20, one in a thousand above 10,000, bounded by 10^6 |
| weight | number with one decimal | around 76; 15% missing |
| balance | money with cents, both signs | atom 0 (30%); others around -5 with long tails on both sides; 4% missing |
| city | text | 300 categories, the k-th as common as k^-1.1 (`city 001` has a fifth) |
| plan | text | basic 60%, plus 28%, family 11%, and 1% in 40 rare ones (`trial 01` ...) of a few rows each |
| region | text | north, south, east, west, of the city; 5% missing |
| remarks | text | every cell is missing |
| left | yes or no | the target; depends on fee, hours, joined, visits, plan, region and whether the last visit is missing |

The chance of a yes is known (`People.chance`), so the best possible accuracy and AUROC are too; about 28% are yes, and
knowing the chance gives accuracy .80 and AUROC .84.
`KINDS` is a schema without bounds, bins and categories, of all columns but the two that are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

TARGET = "left"
ATOMS: dict[str, tuple[float | str, ...]] = {
    "joined": ("2015-01-01",),
    "fee": (0.0, 9.99, 19.99),
    "hours": (40,),
    "balance": (0.0,),
}
MISSING = {"last_visit": 0.06, "weight": 0.15, "balance": 0.04, "region": 0.05, "remarks": 1.0}  # shares of cells
CITIES = tuple(f"city {i + 1:03d}" for i in range(300))
REGIONS = ("north", "south", "east", "west")
USUAL_PLANS = ("basic", "plus", "family")
RARE_PLANS = tuple(f"trial {i + 1:02d}" for i in range(40))
KINDS: dict[str, Any] = {
    "target": TARGET,
    "ignore": ["customer", "remarks"],
    "columns": {
        "joined": {"kind": "date"},
        "last_visit": {"kind": "date", "resolution": "minute"},
        "fee": {"kind": "real"},
        "hours": {"kind": "integer"},
        "visits": {"kind": "integer"},
        "weight": {"kind": "real"},
        "balance": {"kind": "real"},
        "city": {"kind": "categorical"},
        "plan": {"kind": "categorical"},
        "region": {"kind": "categorical"},
        TARGET: {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
_START = np.datetime64("2012-01-01", "D")
_DAYS = 4383  # to 2023-12-31


@dataclass(frozen=True)
class People:
    """frame: in the owner's types, dates as numpy's; chance: of a yes, shape (rows,)."""

    frame: pd.DataFrame
    chance: np.ndarray


def people(rows: int = 12_000, seed: int = 0) -> People:
    """Rows of the table above. The same arguments give the same rows."""
    rng = np.random.default_rng([22, seed])
    joined = _START + np.floor(_DAYS * np.sqrt(rng.random(rows))).astype("timedelta64[D]")
    joined[rng.random(rows) < 0.08] = np.datetime64(str(ATOMS["joined"][0]), "D")
    second = rng.integers(6 * 3600, 22 * 3600, rows) + 86_400 * rng.integers(0, 91, rows)
    last_visit = np.datetime64("2024-01-01T00:00:00", "s") + second.astype("timedelta64[s]")
    fee = _with_atoms(np.exp(rng.normal(3.3, 0.6, rows)).round(2), ATOMS["fee"], (0.12, 0.25, 0.13), rng)
    hours = _with_atoms(np.clip(rng.normal(33, 13, rows).round(), 1, 99), ATOMS["hours"], (0.45,), rng)
    visits = np.minimum(np.floor(12 * rng.pareto(1.0, rows) + rng.integers(0, 12, rows)), 1e6)
    weight = rng.normal(76, 14, rows).clip(38, 180).round(1)
    balance = _with_atoms((20 * rng.standard_t(2.5, rows) - 5).clip(-5000, 5000).round(2), ATOMS["balance"], (0.30,), rng)
    shares = np.arange(1, len(CITIES) + 1) ** -1.1
    city = rng.choice(len(CITIES), rows, p=shares / shares.sum())
    region = (city * 7 + 3) % len(REGIONS)
    plans = (*USUAL_PLANS, *RARE_PLANS)
    plan = rng.choice(len(plans), rows, p=[0.60, 0.28, 0.11, *[0.01 / len(RARE_PLANS)] * len(RARE_PLANS)])
    gone = {name: rng.random(rows) < share for name, share in MISSING.items()}

    years = (np.datetime64("2024-01-01", "D") - joined).astype(int) / 365
    logit = (
        -0.1
        - 0.22 * years
        + 0.9 * (fee == 0)
        - 0.7 * (fee == 9.99)
        + 0.025 * (fee - 20).clip(0, 60)
        + 0.8 * (hours > 40)
        - 0.35 * np.log10(visits + 1)
        + 1.6 * gone["last_visit"]
        + 0.8 * (plan >= len(USUAL_PLANS) - 1)
        + np.array([0.5, -0.3, 0.4, 0.0])[region]
        + 0.8 * ((region == 3) & (plan == 1))
    )
    chance = 1 / (1 + np.exp(-1.5 * logit))
    frame = pd.DataFrame(
        {
            "customer": [f"C{i:07d}" for i in rng.permutation(10 * rows)[:rows]],
            "joined": joined.astype("datetime64[s]"),
            "last_visit": np.where(gone["last_visit"], np.datetime64("NaT"), last_visit),
            "fee": fee,
            "hours": hours.astype(np.int64),
            "visits": visits.astype(np.int64),
            "weight": np.where(gone["weight"], np.nan, weight),
            "balance": np.where(gone["balance"], np.nan, balance),
            "city": np.array(CITIES, dtype=object)[city],
            "plan": np.array(plans, dtype=object)[plan],
            "region": pd.Series(REGIONS)[region].mask(gone["region"], None).to_numpy(dtype=object),
            "remarks": np.full(rows, None, dtype=object),
            TARGET: np.where(rng.random(rows) < chance, "yes", "no").astype(object),
        }
    )
    return People(frame, chance)


def _with_atoms(values: np.ndarray, atoms: tuple[Any, ...], shares: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """The values with each atom in place of about its share of them."""
    which = rng.choice(len(atoms) + 1, len(values), p=[*shares, 1 - sum(shares)])
    return np.append(np.array(atoms, dtype=float), 0.0)[which] * (which < len(atoms)) + values * (which == len(atoms))


def write_csv(folder: Path, rows: int = 12_000, seed: int = 0) -> Path:
    """`raw_people.csv`: every date in ISO 8601, money with two decimals, missing cells empty."""
    frame = people(rows, seed).frame
    texts = {name: frame[name].map("{:.2f}".format, na_action="ignore") for name in ("fee", "balance")}
    texts |= {
        "joined": frame["joined"].dt.strftime("%Y-%m-%d"),
        "last_visit": frame["last_visit"].dt.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    frame.assign(**texts).to_csv(folder / "raw_people.csv", index=False)
    return folder / "raw_people.csv"


def write_parquet(folder: Path, rows: int = 12_000, seed: int = 0) -> Path:
    """`raw_people.parquet`: the same rows; dates as Arrow's date32, times of day as timestamps, missing cells null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    frame = people(rows, seed).frame
    kinds = dict.fromkeys(frame.columns, pa.string()) | {"joined": pa.date32(), "last_visit": pa.timestamp("s")}
    kinds |= {"fee": pa.float64(), "weight": pa.float64(), "balance": pa.float64(), "hours": pa.int64(), "visits": pa.int64()}
    columns = [pa.array(frame[name], kind, from_pandas=True) for name, kind in kinds.items()]
    pq.write_table(pa.Table.from_arrays(columns, names=list(kinds)), folder / "raw_people.parquet")
    return folder / "raw_people.parquet"
