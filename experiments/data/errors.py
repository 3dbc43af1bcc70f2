"""What is wrong with data, told without loading what reads them."""

from __future__ import annotations


class DataError(RuntimeError):
    """Data are absent, altered or unreadable."""
