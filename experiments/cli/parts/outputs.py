"""Where a release writes its pages: each file once, under a name that says what it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dpdsyn.base.files import refuse_equal, refuse_over, refuse_unwritable
from experiments.data.errors import DataError


def beside(output: Path, ending: str) -> Path:
    """Where a file stands that goes with the table: made.html beside made.csv, and beside made.csv.gz."""
    return output.with_name(output.name.removesuffix(".gz").rpartition(".")[0] + ending)


def refuse_outputs(written: Sequence[tuple[str, Path]], kept: Mapping[str, Path], overwrite: bool, why: str) -> None:
    """Raise InputError or DataError, before anything is read, for files that cannot be written, each under a name of its own.

    written, kept: as `refuse_over` has them. why: what is to be said of one that is there already.
    """
    refuse_over(written, kept)
    refuse_equal(written)
    for _, path in written:
        if path.exists() and not overwrite:
            raise DataError(f"{path} exists; {why}")
        refuse_unwritable(path)


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
