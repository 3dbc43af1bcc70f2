"""Where a release writes its pages: each file once, under a name that says what it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.data.errors import DataError


def beside(output: Path, ending: str) -> Path:
    """Where a file stands that goes with the table: made.html beside made.csv, and beside made.csv.gz."""
    return output.with_name(output.name.removesuffix(".gz").rpartition(".")[0] + ending)


def check_private_page(page: Path | None, others: Sequence[Path]) -> None:
    """Raise DataError if the owner's page cannot be written under this name, or is one of the other files that are written."""
    if page is None:
        return
    if page.suffix != ".html":
        raise DataError(f"--private-page {page}: the name has to end in .html")
    if not page.parent.is_dir():
        raise DataError(f"--private-page {page}: there is no folder {page.parent}")
    if page.resolve() in [other.resolve() for other in others]:
        raise DataError(f"--private-page {page}: a file of this name is written already; give another one")
