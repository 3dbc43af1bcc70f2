"""The committed records, beside methods whose versions are those that the records have of them."""

from __future__ import annotations

import pytest

from builders.paths import ROOT
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.synthesizer import load
from experiments.records.export import read_export
from experiments.records.record import Record


def committed(patch: pytest.MonkeyPatch) -> list[Record]:
    """All committed records of the latest version that there is of their method; that version is each method's for now.

    A version is part of an identity, and may have been raised since.
    """
    records = [record for record in read_export(ROOT / "results") if record.method.target]
    latest: dict[str, int] = {}
    for record in records:
        target = str(record.method.target)
        latest[target] = max(latest.get(target, 0), record.method.version)
    for target, version in latest.items():
        patch.setattr(load(target), "version", version)
    patch.setattr(GuidedSynthesizer, "_version", lambda self: type(self).version)  # which follows from settings
    return [record for record in records if record.method.version == latest[str(record.method.target)]]
