"""The MLflow flavour of synthetic rows: `mlflow.pyfunc.load_model("runs:/RUN_ID/synthetic")` of a run samples them.

    model = mlflow.pyfunc.load_model("runs:/RUN_ID/synthetic")
    model.predict(pandas.DataFrame({"rows": [1000], "seed": [1]}))

Only what was published lies in it: the decoded rows of a run whose ledger says `dp`, as a Parquet file. Nothing is pickled, and
what is drawn costs no budget, for it is made of published rows alone.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpdsyn.base.checks import InputError, whole_number

if TYPE_CHECKING:
    import pandas as pd

    from dpdsyn.schema import Schema
    from experiments.records.record import Record
    from experiments.records.store import Store

NAME = "synthetic"  # of the model in its run
ROWS = "rows.parquet"  # what a model's folder holds


class Sampler:
    """What MLflow loads. Draws rows of a table without replacement, as long as there are enough."""

    def __init__(self, draw: Callable[[int, np.random.Generator], pd.DataFrame], usual: int) -> None:
        self._draw, self._usual = draw, usual

    def predict(self, model_input: Any = None, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """model_input: a frame or mapping with `rows` (how many) and, for the same rows again, `seed`; or a number of rows.

        Raises InputError for numbers that cannot be meant.
        """
        asked = {**_asked(model_input), **(params or {})}
        rows = whole_number("rows", asked.get("rows", self._usual), least=1)
        seed = asked.get("seed")
        rng = np.random.default_rng(None if seed is None else whole_number("seed", seed, least=0))
        return self._draw(rows, rng)


def _load_pyfunc(path: str) -> Sampler:
    """As MLflow calls it, with the folder that was saved, or a file of one."""
    import pandas as pd

    folder = Path(path)
    table = folder / ROWS if folder.is_dir() else folder
    frame = pd.read_parquet(table)

    def draw(rows: int, rng: np.random.Generator) -> pd.DataFrame:
        refuse_too_many(rows, int(frame.memory_usage().sum()) / max(len(frame), 1))
        if rows <= len(frame):
            chosen = rng.permutation(len(frame))[:rows]
        else:  # whole tables, and part of one
            times = -(-rows // len(frame))
            chosen = np.concatenate([rng.permutation(len(frame)) for _ in range(times)])[:rows]
        return frame.iloc[chosen].reset_index(drop=True)

    return Sampler(draw, len(frame))


def refuse_too_many(rows: int, each: float) -> None:
    """Raise InputError for so many rows that memory cannot hold them. each: bytes of one of them."""
    import psutil

    least, free = rows * (each + 8), psutil.virtual_memory().available  # 8: of the place from which it is drawn
    if least > free:
        raise InputError(
            f"rows is {rows:,}: as many rows take {least / 1e9:,.1f} GB or more, and {free / 1e9:,.1f} GB of memory are free; "
            "ask for fewer, several times"
        )


def _asked(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, int | np.integer):
        return {"rows": int(given)}
    columns = getattr(given, "columns", None)
    if columns is not None:
        if len(given) != 1:
            raise InputError(f"{len(given)} rows ask for samples; one row is needed, with `rows` and, if wanted, `seed`")
        given = {name: given[name].iloc[0] for name in columns}
    return {key: _plain(key, value) for key, value in dict(given).items() if key in ("rows", "seed")}


def _plain(key: str, value: Any) -> Any:
    """The one value that was given, as Python has it. Raises InputError for none, or several."""
    values = np.asarray(value, dtype=object).ravel()
    if len(values) != 1:
        raise InputError(f"{key} has {len(values)} values; one whole number is needed")
    return values[0].item() if isinstance(values[0], np.generic) else values[0]


def rows_of(store: Store, record: Record) -> tuple[Schema, pd.DataFrame] | None:
    """The synthetic rows of a run, decoded, and their schema; None where they are not kept, or no guarantee of a ledger has them.

    Data sets of ours whose schema says all, and any whose schema was learnt: then the fit has it.
    """
    from dpdsyn.rules.published_rows import decoded
    from dpdsyn.schema import Schema

    if record.method.guarantee != "dp" or record.status != "ok":
        return None
    fit = store.read_fit(record.fit_id)
    if fit is None or fit.guarantee != "dp" or fit.test_probabilities is not None:
        return None
    if fit.schema is not None:
        schema = Schema.from_mapping(fit.schema)
    else:
        own = _own_schema(record)
        if own is None:
            return None
        schema = own
    return schema, decoded(schema, fit.encoded, np.random.default_rng([record.seed, 1]))


def _own_schema(record: Record) -> Schema | None:
    """The data set's schema, if it says all."""
    from experiments.data import datasets

    dataset = datasets.of_record(record)
    schema = datasets.schema_of(dataset) if dataset else None
    return schema if schema and not schema.is_open else None


def keep(client: Any, experiment_id: str, run_id: str, uri: str, rows: pd.DataFrame) -> None:
    """Have a run hold a model of its rows, and the rows as a table."""
    import mlflow
    import mlflow.pyfunc
    from mlflow.models import Model

    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        data.mkdir()
        rows.to_parquet(data / ROWS, index=False)
        before = os.environ.get("MLFLOW_TRACKING_URI")  # which MLflow sets too
        mlflow.set_tracking_uri(uri)
        try:
            made = client.create_logged_model(experiment_id, name=NAME, source_run_id=run_id, model_type="synthesizer")
            Model.log(
                artifact_path=None,
                name=NAME,
                model_id=made.model_id,
                flavor=mlflow.pyfunc,
                run_id=run_id,
                loader_module=__name__,
                data_path=str(data),
                pip_requirements=["dpdsyn"],
            )
        finally:
            mlflow.set_tracking_uri(before or "")
            if before is None:
                os.environ.pop("MLFLOW_TRACKING_URI", None)
