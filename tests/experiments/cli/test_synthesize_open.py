"""An owner's way from a file that nobody described to a table to publish: draft, confirm, synthesize, and no editing."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from builders.raw_people import ATOMS, MISSING, write_csv, write_parquet

from dpdsyn.accounting.guarantee import HELD_AGAINST, KINDS_INFERRED

Dpdsyn = Callable[..., subprocess.CompletedProcess]
LEFT_OUT = ("customer", "remarks")  # of which nothing can be learnt
MOST_SECONDS = 120  # of an owner's time, of all processors together


def drafted(table: Path, dpdsyn: Dpdsyn) -> tuple[str, ...]:
    """The command that publishes the table with the schema that was drafted, and not edited."""
    draft = dpdsyn("schema", "draft", table.name, "--target", "left")
    assert draft.returncode == 0, draft.stderr
    table.with_suffix(".yaml").write_text(draft.stdout)
    return ("synthesize", table.name, "--schema", f"{table.stem}.yaml", "--epsilon", "4")


def same_atoms(made: pd.DataFrame, real: pd.DataFrame) -> None:
    for name, atoms in ATOMS.items():
        for atom in atoms:
            shares = [
                (frame[name].astype(str) == str(atom) if name == "joined" else frame[name] == atom).mean()
                for frame in (made, real)
            ]
            assert abs(shares[0] - shares[1]) < 0.04, (name, atom, shares)
    for name, share in MISSING.items():
        if name not in LEFT_OUT:
            assert abs(made[name].isna().mean() - share) < 0.03, name
    assert made[["joined", "fee", "hours", "visits", "city", "plan", "left"]].notna().all(axis=None)


@pytest.mark.slow
def test_a_csv_that_nobody_described_is_published_without_editing(tmp_path: Path, new_dpdsyn: Dpdsyn) -> None:
    table = write_csv(tmp_path, 8000)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    call = drafted(table, new_dpdsyn)
    refused = new_dpdsyn(*call, "--output", "made.csv")
    assert refused.returncode == 2 and not (tmp_path / "made.csv").exists()
    assert (
        "raw_people.yaml: the kinds of columns were guessed from cells" in refused.stderr
        and "give --confirm-kinds" in refused.stderr
    )
    done = new_dpdsyn(*call, "--output", "made.csv", "--confirm-kinds")
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < MOST_SECONDS

    made, real = pd.read_csv(tmp_path / "made.csv"), pd.read_csv(table)
    assert list(made) == [name for name in real if name not in LEFT_OUT] and 7500 <= len(made) <= 8500
    same_atoms(made, real)
    assert {name: made[name].dtype.kind for name in ("hours", "visits", "fee", "weight")} == dict(
        zip(("hours", "visits", "fee", "weight"), "iiff", strict=True)
    )
    assert made["joined"].str.match(r"^\d{4}-\d\d-\d\d$").all()
    assert made["last_visit"].dropna().str.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$").all()
    for name, cents in (("fee", 100), ("balance", 100), ("weight", 10)):
        assert ((made[name].dropna() * cents).round(6) % 1 == 0).all(), name
    assert set(made["left"]) == {"no", "yes"} and {"basic", "plus", "family"} <= set(made["plan"])

    statement = json.loads((tmp_path / "made.privacy.json").read_text())
    assert statement["guarantee"] == "dp" and 3.8 < statement["epsilon_spent"] <= 4 and statement["rows"] == len(made)
    assert statement["assumptions"] == [
        KINDS_INFERRED,
        HELD_AGAINST,
    ]
    assert f"about {len(made):,} rows" in statement["learnt"]
    for name in LEFT_OUT:
        assert f"{name}: nothing could be learnt of it with this budget, so it is left out" in statement["learnt"]
        assert f"{name}: nothing could be learnt" in done.stdout
    assert {"number of rows", "domains: noisy histograms"} <= {spend["label"] for spend in statement["spends"]}
    assert statement["schema"]["columns"]["fee"]["pieces"] and statement["schema"]["columns"]["fee"]["decimals"] == 2
    text = (tmp_path / "made.privacy.json").read_text() + done.stdout
    assert not any(cell in text for cell in real["customer"])


@pytest.mark.slow
def test_a_parquet_file_comes_back_in_its_own_types(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    table = write_parquet(tmp_path, 8000)
    call = drafted(table, dpdsyn)
    done = dpdsyn(*call, "--output", "made.parquet", "--confirm-kinds", "--rows", "5000", "--other-targets", "plan", "remarks")
    assert done.returncode == 0, done.stderr
    assert "\nCAUTION: nothing was learnt of the further target remarks: it is no column of what is published" in done.stderr
    assert "UserWarning" not in done.stderr and "TargetLeftOutWarning" not in done.stderr
    types, owners = pq.read_schema(tmp_path / "made.parquet"), pq.read_schema(table)
    assert types.names == [name for name in owners.names if name not in LEFT_OUT]
    for field in types:
        moment = field.name == "last_visit"
        assert str(field.type).startswith("timestamp") if moment else field.type == owners.field(field.name).type, field
    same_atoms(pd.read_parquet(tmp_path / "made.parquet"), pd.read_parquet(table))


@pytest.mark.slow
def test_where_nothing_can_be_learnt_of_the_target_nothing_is_written(tmp_path: Path, dpdsyn: Dpdsyn) -> None:
    call = drafted(write_csv(tmp_path, 2000), dpdsyn)
    refused = dpdsyn(*call[:-1], "0.001", "--output", "made.csv", "--confirm-kinds")
    assert refused.returncode == 2 and refused.stderr.splitlines()[-1] == (
        "dpdsyn: raw_people.csv: nothing can be learnt of the target 'left' with this budget: the noise is above its values' "
        "counts; list them in the schema (`categories`), or spend more. Rows were read by then: epsilon 0.001 and delta 1e-08 of "
        "this table are spent, though nothing is published"
    )
    lines = refused.stderr.splitlines()
    warned = next(i for i, line in enumerate(lines) if line.startswith("note: what the targets hold is learnt (left)"))
    assert warned < lines.index("reading raw_people.csv"), "said before a row is read"
    assert not list(tmp_path.glob("made*"))
