"""What is said where a schema states another number of rows than there are by their noisy count."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pytest

from dpdsyn import DPDSyn, api
from dpdsyn.accounting.cautions import WeakGuaranteeWarning
from dpdsyn.base.saved import read, write
from dpdsyn.mechanisms.row_count import RowCount, RowCountWarning
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.private_table import PrivateTable
from experiments.cli.main import main

SCHEMA: dict[str, Any] = {
    "target": "ill",
    "rows_public": 300,
    "columns": {
        "age": {"kind": "integer", "bounds": [0, 99], "bins": 5},
        "ill": {"kind": "categorical", "categories": ["no", "yes"]},
    },
}
GUIDE = {"hidden": 4, "steps": 3}


@pytest.mark.parametrize(
    ("rows", "sd", "public", "far"),
    [
        (1000.0, 0.0, 1000, False),
        (1250.0, 0.0, 1000, False),
        (1251.0, 0.0, 1000, True),
        (800.0, 0.0, 1000, False),
        (799.0, 0.0, 1000, True),
        (1280.0, 11.0, 1000, False),  # three standard deviations may be noise
        (1280.0, 9.0, 1000, True),
        (770.0, 11.0, 1000, False),
        (770.0, 9.0, 1000, True),
        (-30.0, 20.0, 1000, True),
        (-30.0, 20.0, 20, False),
        (10.0, 400.0, 1, False),
    ],
)
def test_a_number_is_far_off_by_more_than_a_quarter_that_noise_does_not_explain(
    rows: float, sd: float, public: int, far: bool
) -> None:
    count = RowCount(rows, sd)
    assert count.far_from(public) is far and len(count.cautions(public, 1e-6)) == far


@pytest.mark.parametrize(
    ("rows", "public", "said"),
    [
        (39033.4, 390_000, ("states about 390,000 rows", "about 39,033, give or take 37", "`rows_public: 39000`")),
        (5.4e6, 1_000, ("states about 1,000 rows", "about 5,400,000,", "`rows_public: 5400000`")),
        (-30.0, 1_000, ("states about 1,000 rows", "about 0,", "`rows_public: 1`")),
        (7.0, 1_000, ("about 7,", "`rows_public: 7`")),
    ],
)
def test_what_was_stated_what_was_measured_and_what_to_do_are_said(rows: float, public: int, said: tuple[str, ...]) -> None:
    (caution,) = RowCount(rows, 12.3).cautions(public, 1e-9)
    assert all(part in caution.text for part in (*said, "covered by the guarantee and may be published"))
    assert not caution.grave and "delta" not in caution.text


def test_a_delta_that_is_small_for_the_stated_number_alone_is_grave() -> None:
    (caution,) = RowCount(5.4e6, 12.0).cautions(1_000, 1e-6)
    assert caution.grave and "delta 1e-06 is not below one over the number of rows" in caution.text
    assert not RowCount(5.4e6, 12.0).cautions(2_000_000, 1e-6)[0].grave  # of which the budget's own caution tells
    assert not RowCount(5.4e5, 12.0).cautions(1_000, 1e-6)[0].grave


def test_the_count_of_several_marginals_is_the_most_precise_one(rng: np.random.Generator) -> None:
    shapes, sigmas = [(4,), (3, 5), (2, 50)], [2.0, 9.0, 1.0]
    counts = [
        RowCount.of_marginals([100 / np.prod(s) + rng.normal(0, g, s) for s, g in zip(shapes, sigmas, strict=True)], sigmas)
        for _ in range(4000)
    ]
    sd = (1 / (4 * 2.0**2) + 1 / (15 * 9.0**2) + 1 / (100 * 1.0**2)) ** -0.5
    assert counts[0].sd == pytest.approx(sd) and len({count.sd for count in counts}) == 1
    rows = np.array([count.rows for count in counts])
    assert rows.std() == pytest.approx(sd, rel=0.06) and rows.mean() == pytest.approx(100, abs=5 * sd / 4000**0.5)


class Knows:
    """Of a method, what it knows of its rows."""

    def __init__(self, **known: Any) -> None:
        vars(self).update(known)


def test_what_a_method_does_not_know_is_not_made_up() -> None:
    assert RowCount.of(Knows(noisy_rows_=np.float32(12.5), noisy_rows_sd_=2)) == RowCount(12.5, 2.0)
    assert RowCount.of(Knows(noisy_rows_=12.5, noisy_rows_sd_=2.0), most=3) == RowCount(37.5, 6.0)
    for known in (
        {},
        {"noisy_rows_": 3.0},
        {"noisy_rows_": None, "noisy_rows_sd_": None},
        {"noisy_rows_": np.nan, "noisy_rows_sd_": 1.0},
    ):
        assert RowCount.of(Knows(**known)) is None
    for sd in (np.inf, -1.0, "wide", np.ones(2)):
        assert RowCount.of(Knows(noisy_rows_=3.0, noisy_rows_sd_=sd)) is None


# --- where it is said ------------------------------------------------------------------------------------------


class Counting(GuidedSynthesizer):
    """The method with a count that is `factor` of the stated one, or none; a person's rows weigh 1 / k, as in every answer."""

    factor: float | None = 1.0

    def fit(self, private: PrivateTable, rng: np.random.Generator) -> Self:
        super().fit(private, rng)
        stated = private.schema.rows_public
        self.noisy_rows_ = None if self.factor is None else stated * self.factor
        self.noisy_rows_sd_ = 0.01 * stated
        return self


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Counting]]:
    monkeypatch.setattr(api, "GuidedSynthesizer", Counting)
    monkeypatch.setattr("dpdsyn.method.GuidedSynthesizer", Counting)  # as a release finds it, by its name
    monkeypatch.setattr(Counting, "factor", 1.0)
    yield Counting


@pytest.fixture
def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"age": rng.integers(0, 100, 60), "ill": rng.choice(["no", "yes"], 60)})


def test_fit_warns_and_a_saved_or_copied_model_still_knows(counting: Any, table: pd.DataFrame, tmp_path: Path) -> None:
    counting.factor = 0.1
    with pytest.warns(RowCountWarning, match=r"states about 300 rows .* about 30, give or take 9\."):
        model = DPDSyn(delta=1e-5, guide=GUIDE).fit(table, SCHEMA)
    assert model.row_count_ == RowCount(30.0, 3.0)
    (said,) = model.cautions
    model.save(tmp_path / "model")
    for again in (DPDSyn.load(tmp_path / "model"), pickle.loads(pickle.dumps(model))):
        assert again.cautions == (said,) and again.row_count_ == model.row_count_
    with pytest.warns(RowCountWarning), pytest.warns(WeakGuaranteeWarning):
        weak = DPDSyn(epsilon=11.0, delta=1e-5, guide=GUIDE).fit(table, SCHEMA)
    assert [caution.grave for caution in weak.cautions] == [True, False]


def test_fit_says_nothing_of_a_number_that_is_near_or_unknown(counting: Any, table: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RowCountWarning)
        assert DPDSyn(delta=1e-5, guide=GUIDE).fit(table, SCHEMA).cautions == ()
        counting.factor = None
        model = DPDSyn(delta=1e-5, guide=GUIDE).fit(table, SCHEMA)
    assert model.row_count_ is None and model.cautions == ()


def test_rows_of_persons_count_as_rows_again(counting: Any, table: pd.DataFrame) -> None:
    schema = {**SCHEMA, "person": "who", "max_rows_per_person": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("error", RowCountWarning)
        model = DPDSyn(delta=1e-5, guide=GUIDE).fit(table.assign(who=np.arange(60) // 3), schema)
    assert model.row_count_ is not None and vars(model.row_count_) == pytest.approx({"rows": 300.0, "sd": 3.0})


def test_what_no_guarantee_of_ours_covers_is_not_said_to_be_covered(counting: Any, table: pd.DataFrame) -> None:
    counting.factor = 0.1
    with warnings.catch_warnings():
        warnings.simplefilter("error", RowCountWarning)
        model = DPDSyn(delta=1e-5, candidates="permuted", guide=GUIDE).fit(table, SCHEMA)
    assert model.guarantee.kind == "none" and model.cautions == ()


def test_a_model_that_an_earlier_version_saved_has_no_count(counting: Any, table: pd.DataFrame, tmp_path: Path) -> None:
    DPDSyn(delta=1e-5, guide=GUIDE).fit(table, SCHEMA).save(tmp_path / "model")
    meta, arrays = read(tmp_path / "model")
    del meta["row_count"], meta["format"]
    write(tmp_path / "model", meta, arrays)
    assert DPDSyn.load(tmp_path / "model").row_count_ is None


def test_synthesize_says_it_once_and_writes_it_into_the_statement(
    counting: Any, table: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    counting.factor = 5.0
    table.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "people.yaml").write_text(json.dumps(SCHEMA))
    files = [str(tmp_path / "people.csv"), "--schema", str(tmp_path / "people.yaml"), "--output", str(tmp_path / "made.csv")]
    assert main(["synthesize", *files, "--epsilon", "11", "--delta", "0.001", "--rows", "20"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("CAUTION: epsilon 11 is above") == 1
    assert told.count("CAUTION: the schema states about 300 rows (rows_public); by their noisy count there are about 1,500") == 1
    budget, delta, rows = json.loads((tmp_path / "made.privacy.json").read_text())["cautions"]
    assert budget.startswith("delta 0.001") and delta.startswith("epsilon 11") and "`rows_public: 1500`" in rows
    assert not [warning for warning in recwarn if issubclass(warning.category, RowCountWarning)]
