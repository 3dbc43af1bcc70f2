"""One trial: a copy of the tree, a fault planted in it, and the tests that are expected to tell of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mutants.fault import Fault
from mutants.preloaded import forked

TREE = ("dpdsyn", "baselines", "experiments", "conf", "tests", "pyproject.toml")
CHECK_SECONDS = 300
_FAILED = re.compile(r"^(?:FAILED|ERROR) tests/(\S+?\.py(?:::\S.*?)?)(?: - .*)?$", re.MULTILINE)
_NO_TEST_FAILED, _SOME_FAILED = 0, 1


class Mistaken(RuntimeError):
    """A trial says nothing: the tests could not be run, or not those of the copy."""


@dataclass(frozen=True)
class Outcome:
    """by: what told of the fault, or None if nothing did. seconds: until then."""

    by: str | None
    seconds: float


@contextmanager
def copied(root: Path, folder: Path) -> Iterator[Path]:
    """A copy of what tests need, without compiled files: Python would take those of an equal size and second for the fault's."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in TREE:
        (shutil.copytree if (root / name).is_dir() else shutil.copy)(
            root / name, folder / name, **({"ignore": ignored} if (root / name).is_dir() else {})
        )
    yield folder


class Trials:
    """Trials in one copy after another. seconds: how long the tests of one fault may take.

    anyway, sound: of the tests that failed with a fault, those that fail without it too, and so tell of none, and the others.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.anyway: set[str] = set()
        self.sound: set[str] = set()

    def tests(self, copy: Path, fault: Fault) -> Outcome:
        """What tells of the fault. Raises NotThere or Mistaken."""
        while True:
            with planted(copy, fault):
                left_out = [f"--deselect=tests/{test}" for test in sorted(self.anyway)]
                code, said, spent = _pytest(copy, fault.tests, self.seconds, "-x", *left_out)
            if code is None:
                return Outcome(f"no end within {self.seconds:g} s", spent)
            if code == _NO_TEST_FAILED:
                return Outcome(None, spent)
            found = _FAILED.findall(said)
            if code != _SOME_FAILED or not found:
                raise Mistaken(f"{fault.name}: pytest ended with {code}: {said.strip()[-400:]}")
            if self._is_sound(copy, found[0]):
                return Outcome(found[0], spent)

    def check(self, copy: Path, fault: Fault) -> Outcome:
        """What `dpdsyn check` calls broken of the fault's method, None if nothing."""
        assert fault.check is not None
        with planted(copy, fault):
            code, said, spent = forked(copy, "dpdsyn", ["check", fault.check], _environment(copy), CHECK_SECONDS)
        broken = [
            line.removeprefix("BROKEN ").partition(":")[0].strip() for line in said.splitlines() if line.startswith("BROKEN")
        ]
        if code is None:
            return Outcome(f"no end within {CHECK_SECONDS} s", spent)
        if bool(code) != bool(broken):
            raise Mistaken(f"{fault.name}: the check ended with {code}: {said.strip()[-400:]}")
        return Outcome("; ".join(broken) or None, spent)

    def _is_sound(self, copy: Path, test: str) -> bool:
        """Whether the test passes without a fault."""
        if test not in self.sound | self.anyway:
            code, _, _ = _pytest(copy, [test], self.seconds)
            (self.sound if code == _NO_TEST_FAILED else self.anyway).add(test)
        return test in self.sound


@contextmanager
def planted(copy: Path, fault: Fault) -> Iterator[None]:
    """The fault in its files, which are as they were afterwards. Raises NotThere."""
    texts = fault.planted(copy)
    former = {name: (copy / name).read_text(encoding="utf-8") for name in texts}
    try:
        for name, text in texts.items():
            (copy / name).write_text(text, encoding="utf-8")
        yield
    finally:
        for name, text in former.items():
            (copy / name).write_text(text, encoding="utf-8")


def _pytest(copy: Path, tests: Sequence[str], seconds: float, *more: str) -> tuple[int | None, str, float]:
    quiet = ["-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", "-W", "ignore"]
    return forked(copy, "pytest", [*quiet, *more, *(f"tests/{test}" for test in tests)], _environment(copy), seconds)


def _environment(copy: Path) -> dict[str, str]:
    """What tests that start programs hand on to them."""
    return {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "CI": "1", "COLUMNS": "400"}
