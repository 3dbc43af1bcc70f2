"""Identities of committed records: what they name is found again from the command that their configuration gives today."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from builders.paths import ROOT

from dpdsyn.synthesizer import load
from experiments.records.export import read_export
from experiments.records.record import Record
from experiments.report.html.commands import commands
from experiments.sweep.plan import composed


def samples() -> list[Record]:
    """Of every data set and method one record, of the latest version that there is of the method."""
    records = read_export(ROOT / "results")
    latest: dict[str, int] = {}
    for record in records:
        latest[str(record.method.target)] = max(latest.get(str(record.method.target), 0), record.method.version)
    found: dict[tuple[str, str], Record] = {}
    for record in records:
        if record.method.version == latest[str(record.method.target)]:
            found.setdefault((record.dataset.name, record.method.name), record)
    return list(found.values())


def overrides(record: Record) -> list[str]:
    (command,) = commands([record])
    words = shlex.split(command)
    assert words[:2] == ["dpdsyn", "run"]
    return words[2:]


@pytest.mark.slow
def test_a_record_is_found_again_by_the_command_that_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "DPDSYN_RESULTS", str(tmp_path))
    records = samples()
    for record in records:  # the version is part of an identity, and today's may be a later one
        monkeypatch.setattr(load(str(record.method.target)), "version", record.method.version)
    assert len({record.method.name for record in records}) > 20 and len({record.dataset.name for record in records}) > 6
    differ = []
    for record, (_, _, run) in zip(records, composed([overrides(record) for record in records], None), strict=True):
        if (run.run_id, run.fit_id) != (record.run_id, record.fit_id):
            differ.append(f"{run.name}: {shlex.join(overrides(record))}")
    assert not differ, "\n".join(differ)
