"""What tests look at of fitted models, in this process or another."""

from __future__ import annotations

import hashlib

from dpdsyn import DPDSyn


def hashed(model: DPDSyn) -> str:
    """Of rows that it samples."""
    return hashlib.sha256(model.sample(300).to_csv().encode()).hexdigest()
