"""Audits as they are stored and exported: those of today and of the former kind, side by side, and how tables show them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from dpdsyn.base.checks import InputError
from experiments.records.audits import COLUMNS, FORMER_COLUMNS, Audited, audits_folder, read_audits, stored, write_audits
from experiments.report.tables.audits import made_of, verdict_of

_FORMER: dict[str, Any] = {
    **dict.fromkeys(FORMER_COLUMNS, ""),
    **{"method": "mst", "guarantee": "dp", "claimed_epsilon": "3.2", "delta": "1e-06", "verdict": "bound under the claim"},
    **{"attack": "door answers", "attacker_knows": "all", "lower_bound": "0.48", "power": "4.21", "tpr_at_1pct_fpr": "0.05"},
    **{"runs": "1000", "dataset": "adult", "columns": "6", "rows": "500", "version": "1"},
}
_TODAY: dict[str, Any] = {
    **dict.fromkeys(COLUMNS),
    **{"method": "mst", "guarantee": "dp", "claimed_epsilon": 3.2, "delta": 1e-6, "verdict": "bound under the claim"},
    **{
        "attack": "noisy answers",
        "attacker_knows": "all",
        "lower_bound": 0.4,
        "power": 4.21,
        "tpr_at_1pct_fpr": 0.05,
        "runs": 1000,
    },
    **{"family_bound": 2.4, "family_power": 2.5, "noise_refuted_from": 1.2, "calibration_p": 0.4, "calibration_by": "noise"},
    **{"noise_of_charged": 1.001, "moved_of_charged": 1.0, "canary": "worst_case", "relation": "add_remove", "rows_of_canary": 1},
    **{"dataset": "adult", "columns": 6, "rows": 500, "version": 1, "attacks_version": 2},
}


def export_of_the_former_kind(folder: Path) -> None:
    with (folder / "audits.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, FORMER_COLUMNS)
        writer.writeheader()
        writer.writerow(_FORMER)


def test_an_export_keeps_what_it_holds_and_the_former_kind_until_its_method_has_one_of_today(tmp_path: Path) -> None:
    export_of_the_former_kind(tmp_path)
    (former,) = read_audits(tmp_path)
    assert former.former and former.rows[0]["attack"] == "noisy answers" and former.rows[0]["family_bound"] is None
    for elsewhere in ({"method": "aim"}, {"dataset": "acs"}):
        for _ in range(2):
            write_audits(tmp_path, [Audited([{**_TODAY, **elsewhere}])])
    held = [(audited.rows[0]["method"], audited.rows[0]["dataset"], audited.former) for audited in read_audits(tmp_path)]
    assert held == [("mst", "acs", False), ("aim", "adult", False), ("mst", "adult", True)]
    write_audits(tmp_path, [Audited([{**_TODAY, "method": "mst (engine=other)"}])])
    write_audits(tmp_path, [])
    assert [(audited.rows[0]["method"], audited.former) for audited in read_audits(tmp_path)] == [
        ("mst", False),
        ("aim", False),
        ("mst (engine=other)", False),
    ]


def test_stored_audits_of_the_former_kind_get_the_columns_of_today(tmp_path: Path) -> None:
    for name, row in (("a", _FORMER), ("b", _TODAY)):
        (audits_folder(tmp_path) / name).mkdir(parents=True)
        (audits_folder(tmp_path) / name / "result.json").write_text(json.dumps({"rows": [row]}))
    former, today = stored(tmp_path)
    assert former.former and not today.former and set(former.rows[0]) == set(today.rows[0]) == set(COLUMNS)


def test_other_columns_are_refused(tmp_path: Path) -> None:
    (tmp_path / "audits.csv").write_text("method,guarantee\nmst,dp\n")
    with pytest.raises(InputError, match="other columns"):
        read_audits(tmp_path)


def test_tables_show_both_bounds_and_mark_the_former_kind(tmp_path: Path) -> None:
    export_of_the_former_kind(tmp_path)
    of_another = {**_TODAY, "method": "aim"}
    write_audits(tmp_path, [Audited([of_another]), Audited([{**of_another, "delta": 1e-2, "fresh_family_bound": 2.2}])])
    today, former = made_of(read_audits(tmp_path))
    assert former.title == "adult cut to 6 columns x 500 rows, delta 1e-06: audits of the former kind"
    assert today.title == "adult cut to 6 columns x 500 rows: audits (worst-case gradients)"
    lines = [dict(zip(today.columns, row, strict=True)) for row in today.rows]
    assert [line["delta"] for line in lines] == ["1e-06", "0.01"]
    assert [line["family bound"] for line in lines] == ["2.40", "2.40, again 2.20"]
    shown = {
        key: lines[0][key] for key in ("its power", "share of the claim", "noise over charged", "calibration p", "noisy answers")
    }
    assert list(shown.values()) == ["2.50", "0.75", "1.001", "0.4", "0.40 of 4.21"]


def test_the_line_of_an_audit_tells_share_power_and_calibration() -> None:
    said = verdict_of(Audited([_TODAY]))
    assert "2.40 (0.75 of the claim; power 2.50)" in said and "noise 1.001 of what was charged for" in said
    assert "calibration p 0.4 (noise)" in said and "without any assumption: noisy answers 0.40 of 4.21" in said
    assert "trade-off" not in verdict_of(Audited([{**_TODAY, "family_bound": None}]))
