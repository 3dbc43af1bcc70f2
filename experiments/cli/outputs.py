"""Where a release writes: never over what it reads, and each file once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.data.errors import DataError


def check_apart(reads: Sequence[tuple[Path, str]], writes: Sequence[Path], private_page: Path | None) -> None:
    """Raise DataError if a file that is written is one that is read, or another that is written, by whatever path.

    reads: with what each is. writes: in which the owner's page stands too, if there is one.
    """
    if private_page is not None:
        if private_page.suffix != ".html":
            raise DataError(f"--private-page {private_page}: the name has to end in .html")
        if not private_page.parent.is_dir():
            raise DataError(f"--private-page {private_page}: there is no folder {private_page.parent}")
    for i, path in enumerate(writes):
        option = "--private-page" if path == private_page else "--output"
        for other, what in reads:
            if path.exists() and other.exists() and path.samefile(other):
                raise DataError(f"{option} {path} is {what} itself")
        for other in writes[:i]:
            if path.resolve() == other.resolve():
                raise DataError(f"{option} {path}: a file of this name is written already; give another one")
