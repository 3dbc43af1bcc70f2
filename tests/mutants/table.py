"""The table of what tells of which fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mutants.fault import Fault

HEAD = """# Planted faults

Made by `nox -s mutants` (`python -m mutants --check`, in `tests/`). It plants each fault by itself in a copy of the tree and runs
the tests that are expected to tell of it until the first that fails; then, where a method is named for the fault, `dpdsyn check`
of that method. Seconds are those until that test failed, imports included, on a machine with other work.

"""


@dataclass(frozen=True)
class Told:
    """A fault and what its two trials said, None for one that was not made: `by` what it was told, and seconds."""

    fault: Fault
    tests: Mapping | None
    check: Mapping | None


def written(groups: Mapping[str, Sequence[Told]], anyway: Sequence[str]) -> str:
    """Markdown. anyway: tests that fail without a fault too."""
    found = [told for group in groups.values() for told in group]
    caught = sum(bool(told.tests and told.tests["by"]) for told in found)
    harmless = sum(bool(told.tests and not told.tests["by"] and told.fault.harmless) for told in found)
    asked = [told.check for told in found if told.check]
    text = f"{HEAD}{len(found)} faults: tests tell of {caught}, and {harmless} of the others take nothing from privacy. "
    text += f"`dpdsyn check` was asked of {len(asked)} and tells of {sum(bool(line['by']) for line in asked)}.\n"
    if anyway:
        text += "\nNot counted, for they fail without a fault too: " + ", ".join(f"`{test}`" for test in anyway) + ".\n"
    for name, group in groups.items():
        text += f"\n## {name}\n\n| fault | in | told by | s | `dpdsyn check` |\n| --- | --- | --- | --- | --- |\n"
        text += "".join(map(_row, group))
    return text


def _row(told: Told) -> str:
    fault = told.fault
    files = ", ".join(dict.fromkeys(f"`{edit.file}`" for edit in fault.edits))
    if told.tests is None:
        return f"| {fault.name} | {files} | not tried | | |\n"
    nothing = f"nothing: {fault.harmless}" if fault.harmless else "**nothing**"
    by = f"`{_short(told.tests['by'])}`" if told.tests["by"] else nothing
    check = ("not asked" if fault.check else "") if told.check is None else _few(told.check["by"] or "nothing")
    return f"| {fault.name} | {files} | {by} | {told.tests['seconds']:.0f} | {check} |\n"


def _short(test: str) -> str:
    """Without the folder, and without the parameters of a parametrised test, which may be long."""
    file, _, name = test.partition("::")
    return f"{file.rpartition('/')[2]}::{name.partition('[')[0]}" if name else test


def _few(requirements: str, most: int = 2) -> str:
    """The first of the requirements that are broken, and how many more there are."""
    each = requirements.split("; ")
    return "; ".join(each[:most]) + (f"; and {len(each) - most} more" if len(each) > most else "")
