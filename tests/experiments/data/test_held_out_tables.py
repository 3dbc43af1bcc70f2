"""Tables on which marginals are known to fail: of high order, wide, small, with rare classes; and the one of NIST's reports."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.published import here

from dpdsyn.schema import Schema
from experiments.data import datasets, fetch
from experiments.data.datasets import load
from experiments.data.description import PublishedTable, named
from experiments.data.errors import DataError
from experiments.evaluation.fidelity import fidelity

HELD_OUT = [  # name, rows, features, classes, share of the rarest, share of cells that bounds may clip in one column
    ("nist_national", 27_253, 9, 7, 0.0165, 0.0),
    ("chess", 28_056, 6, 18, 0.0010, 0.0),
    ("spambase", 4_597, 57, 2, 0.3942, 0.005),
    ("optdigits", 5_620, 64, 10, 0.0986, 0.0),
    ("contraceptive", 1_473, 9, 3, 0.2261, 0.001),
    ("thyroid", 7_200, 21, 3, 0.0231, 0.01),
    ("page_blocks", 5_472, 10, 5, 0.0051, 0.0002),
    ("marketing", 6_876, 13, 9, 0.0734, 0.0),
    ("working_wives", 22_272, 11, 2, 0.3732, 0.0),
    ("insured", 8_802, 10, 2, 0.1988, 0.0),
]


@pytest.mark.parametrize(("name", "rows", "features", "classes", "rarest", "clipped"), HELD_OUT)
def test_held_out_tables_are_whole_and_hardly_a_cell_is_outside_of_their_schemas(
    name: str, rows: int, features: int, classes: int, rarest: float, clipped: float
) -> None:
    dataset = here(name)
    split = load(datasets.resolved(dataset.raw), 0)
    both = np.concatenate([split.train, split.test])
    shares = np.bincount(both[:, split.schema.target_position]) / len(both)
    assert (len(both), len(split.schema.features), len(shares)) == (rows, features, classes)
    assert shares.min() == pytest.approx(rarest, abs=1e-4)
    assert abs(len(split.train) / split.schema.rows_public - 1) < 0.03
    assert not any(datasets.undeclared(split.schema, both).values())
    frame = datasets.read_frame(dataset)
    for column in split.schema.columns:
        if column.bounds is not None:
            cells = pd.to_numeric(frame[column.name])
            assert ((cells < column.bounds[0]) | (cells > column.bounds[1])).mean() <= clipped, column.name


@pytest.mark.parametrize("name", [row[0] for row in HELD_OUT])
def test_no_setting_may_be_chosen_on_a_held_out_table_and_one_can_be_fetched(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = named(name)
    assert isinstance(dataset, PublishedTable) and not dataset.development
    (source,) = dataset.sources
    assert set(source.members or {source.file: ""}) == set(dataset.files)
    monkeypatch.delenv("DPDSYN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "_downloaded", lambda *_: b"something else")
    files = ", ".join(dataset.files)
    with pytest.raises(DataError, match=rf"{name} is not on this machine and could not be fetched .*Put {files} .*DPDSYN_DATA"):
        fetch.locate(dataset)


def k_marginal_score(target: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """SDNist's score as its report explains it (sdnist.metrics.kmarginal, without groups), on cells instead of codes."""
    columns = sorted(target.columns)
    differences = [
        (target.groupby(list(pair)).size() / len(target))
        .subtract(synthetic.groupby(list(pair)).size() / len(synthetic), fill_value=0)
        .abs()
        .sum()
        for pair in itertools.combinations(columns, 2)
    ]
    return 500 * (2 - float(np.mean(differences)))


def test_mean_two_way_distance_is_the_score_of_nist_s_reports_and_samples_score_what_is_published() -> None:
    dataset = here("nist_national")
    frame, schema = datasets.read_frame(dataset), datasets.schema_of(dataset)
    encoded = schema.encode(frame)
    assert frame.shape == (27_253, 10) and frame.notna().all().all()

    def sample(share: float) -> np.ndarray:
        return np.random.default_rng(0).choice(len(frame), int(share * len(frame)), replace=False)

    def score(share: float, schema: Schema) -> float:
        return 1000 * (1 - fidelity(encoded[sample(share)], encoded, schema)["tvd2"])

    fives = frame.assign(AGEP=frame["AGEP"].astype(int) // 5)
    assert score(0.05, schema) == pytest.approx(k_marginal_score(fives, fives.iloc[sample(0.05)]), abs=1e-9)
    for share, published in ((0.01, 902), (0.05, 946), (0.2, 977), (0.4, 986)):  # of the report of AIM at epsilon 1
        assert score(share, schema) == pytest.approx(published, abs=10 if share <= 0.05 else 4)
