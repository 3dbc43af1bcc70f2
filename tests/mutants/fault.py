"""What a planted fault is: edits of the code, and which tests are expected to tell of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


class NotThere(ValueError):
    """The text that a fault replaces does not stand exactly once in its file, so the fault has to be written anew."""


@dataclass(frozen=True)
class Edit:
    """`old`, which stands exactly once in the file, becomes `new`. file: from the root of the repository."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Fault:
    """name: what is wrong, in words. tests: files or single tests, quick ones first, from `tests/`.

    check: the method, MODULE:CLASS, on which `dpdsyn check` is tried too; None where it does not look.
    harmless: why no test has to tell of it, for a change that takes nothing from privacy.
    """

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]
    check: str | None = None
    harmless: str | None = None

    def planted(self, root: Path) -> dict[str, str]:
        """The changed files' texts. Raises NotThere."""
        texts: dict[str, str] = {}
        for edit in self.edits:
            text = texts.get(edit.file) or (root / edit.file).read_text(encoding="utf-8")
            if text.count(edit.old) != 1:
                raise NotThere(f"{self.name}: {text.count(edit.old)} times in {edit.file}, not once: {edit.old!r}")
            texts[edit.file] = text.replace(edit.old, edit.new)
        return texts

    def key(self, root: Path) -> str:
        """Changes with the fault, the files that it changes and its tests; a trial of the same key need not be made again."""
        digest = hashlib.sha256(repr((self.edits, self.tests, self.check)).encode())
        for name in sorted({edit.file for edit in self.edits} | {f"tests/{test.partition('::')[0]}" for test in self.tests}):
            digest.update((root / name).read_bytes())
        return digest.hexdigest()[:16]


def fault(name: str, file: str, old: str, new: str, *tests: str, check: str | None = None, harmless: str | None = None) -> Fault:
    """A fault of one edit."""
    return Fault(name, (Edit(file, old, new),), tests, check, harmless)
