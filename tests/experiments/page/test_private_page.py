"""The owner's page: marked on every screen, and right about both tables."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dpdsyn.schema import Schema
from experiments.page.private_page import first_rows, private_page
from experiments.page.release_pages import Pages

SCHEMA = Schema.from_mapping(
    {
        "target": "ill",
        "rows_public": 300,
        "ignore": ["note"],
        "columns": {
            "age": {"kind": "integer", "bounds": [0, 110], "bins": 20},
            "ward": {"kind": "categorical", "categories": ["north", "south"], "missing": "own_code"},
            "ill": {"kind": "categorical", "categories": ["no", "yes"]},
        },
    }
)


def people(rows: int, seed: int, north: float) -> pd.DataFrame:
    """Who is old is ill."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows)
    ward = np.where(rng.random(rows) < north, "north", "south").astype(object)
    ward[: rows // 10] = None
    return pd.DataFrame({"age": age, "ward": ward, "ill": np.where(age > 50, "yes", "no"), "note": "private"})


def test_the_owner_s_page_sets_synthetic_beside_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, synthetic = people(400, 0, 0.5), people(300, 1, 1.0).drop(columns="note")
    pages = Pages(SCHEMA)
    list(pages.watch([synthetic]))
    modes, write = [], Path.write_bytes
    monkeypatch.setattr(
        Path, "write_bytes", lambda path, data: modes.append(stat.S_IMODE(path.stat().st_mode)) or write(path, data)
    )  # type: ignore[func-returns-value]
    pages.write_private(tmp_path / "own.html", "made.csv", lambda: real)
    assert modes == [0o600], "nobody else can read it while it is written"
    page = (tmp_path / "own.html").read_text()
    assert page.count("NOT FOR PUBLISHING") >= 3 and "position: sticky" in page and 'class="banner low"' in page
    assert "may be published" not in page and stat.S_IMODE((tmp_path / "own.html").stat().st_mode) == 0o600
    north = (real["ward"] == "north").mean()
    assert f"90.0% / {north:.1%}" in page and "10.0%" in page and f"{real['age'].mean():,.4g}" in page
    assert "boosting, trained on real rows" in page and "logistic, trained on synthetic rows" in page
    assert "@page private" in page and "NOT FOR PUBLISHING" in page.partition("@page private")[2].partition("}")[0]
    lost = page.partition("What is lost")[2].partition("</section>")[0]
    assert f"south</td><td>{(real['ward'] == 'south').mean():.1%}" in lost and "no</td>" not in lost
    distance = 0.5 * (abs(0.9 - north) + (real["ward"] == "south").mean())
    assert f"{distance:.3f}" in page


def test_a_schema_without_a_target_has_no_models_and_a_file_is_read_from_its_start(tmp_path: Path) -> None:
    schema = Schema.from_mapping({**SCHEMA.to_mapping(), "target": None})
    people(50, 0, 0.5).to_parquet(tmp_path / "people.parquet")
    real = first_rows(tmp_path / "people.parquet", schema)
    assert list(real) == ["age", "ward", "ill"] and len(real) == 50
    pages = Pages(schema)
    list(pages.watch([real]))
    page = private_page("made.csv", schema, real, real, pages._tallies or [])
    assert "Models need a target" in page and ">0.000<" in page


@pytest.mark.parametrize("rows", [0, 1])
def test_few_real_rows_do(rows: int) -> None:
    pages = Pages(SCHEMA)
    synthetic = people(40, 1, 0.5).drop(columns="note")
    list(pages.watch([synthetic]))
    assert "NOT FOR PUBLISHING" in private_page("made.csv", SCHEMA, people(rows, 0, 0.5), synthetic, pages._tallies or [])


def test_real_values_beyond_the_synthetic_ends_are_told(tmp_path: Path) -> None:
    real, synthetic = people(400, 0, 0.5), people(300, 1, 0.5).drop(columns="note")
    real.loc[0, "age"] = 107
    pages = Pages(SCHEMA)
    list(pages.watch([synthetic]))
    pages.write_private(tmp_path / "own.html", "made.csv", lambda: real)
    lost = (tmp_path / "own.html").read_text().partition("What is lost")[2].partition("</section>")[0]
    assert f"above {synthetic['age'].max()}, up to 107" in lost and "below" not in lost
    pages = Pages(SCHEMA)
    list(pages.watch([synthetic]))
    pages.write_private(tmp_path / "same.html", "made.csv", lambda: synthetic)
    assert "Every real value is in the synthetic table too" in (tmp_path / "same.html").read_text()
