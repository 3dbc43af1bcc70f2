"""The draft of a schema that says the name and the kind of each column, and leaves all else to be learnt.

Nothing in it is read off the rows but kinds, of which one is to be 0 or 1, and those only where the table's file does not declare
them (`dpdsyn.tables.kinds`). `dpdsyn.draft` writes the other form, with what public knowledge has to replace.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dpdsyn.draft import key, scalar
from dpdsyn.reading.column import SchemaError
from dpdsyn.reading.schema_values import shortened
from dpdsyn.schema import MARK
from dpdsyn.tables.date_forms import SHORT_YEARS
from dpdsyn.tables.kinds import Kind
from dpdsyn.tables.quantities import NEARLY_ALL

_HEAD = """\
# Schema of {title}: the name and the kind of each column. A schema is public: whoever sees a result may know all of it.
# What a column does not say is learnt from the rows under differential privacy and paid from the same budget: bounds, decimals,
# categories, where to cut. What you know without the rows need not be paid for; add it, such as
#   age: {{kind: integer, bounds: [0, 110]}}
"""
_INFERRED = """
# {guessed}, for the file does not say it. The guarantee takes
# kinds as public, as what you could have told without seeing a row. Look through them and correct them; where they may be known,
# say so: dpdsyn synthesize --confirm-kinds. The privacy statement names this assumption.{flags}
kinds_inferred: true
"""
_FLAGS = """
# Where nothing but 0 and 1 stands these two are the categories, and `missing` says that some cells are missing: guesses as well.
# Whatever else stands in such a column later is refused; where other values may come, leave `categories` and `other` out."""
_BODY = """
{target}
rows_public: learn # or about how many rows there are, rounded so that one row more does not change it; delta may follow it

# If a person can have several rows, name the column that says whose row it is; at most so many rows of each are then used,
# of weight 1 / max_rows_per_person each, and the guarantee is for a person instead of a row. Synthetic rows stand alone: no
# two of them are of one person.
# person: {person}
# max_rows_per_person: 1

{ignore}

columns:
"""


_CLASSES = (
    " # list its classes if they may be known, as in categories: [no, yes]; a rare one may not be learnt, and where one alone is "
    "learnt, nothing is published and the budget is spent"
)


@dataclass(frozen=True)
class Draft:
    """text: the schema file, which names and kinds alone decide, and of dates whether another form fits as well. Where values
    repeat as ids of persons do a line has a mark that it was read off the rows, and the schema is a draft until it is gone.

    remarks: for the table's owner, who may be told of rows.
    """

    text: str
    remarks: tuple[str, ...]


def open_draft(kinds: Mapping[str, Kind], title: str, target: str | None = None) -> Draft:
    """A schema file of these columns. Raises SchemaError if the target is no column, or none that can be predicted."""
    if target is not None and target not in kinds:
        raise SchemaError(f"target {target!r} is not a column; columns: {shortened(kinds)}")
    used = {name: kind for name, kind in kinds.items() if kind.spec}
    left_out = [name for name, kind in kinds.items() if not kind.spec]
    if target is not None and (target in left_out or kinds[target].spec["kind"] == "date"):
        raise SchemaError(f"target {target!r} cannot be predicted: {'it holds dates' if target in used else _why(kinds[target])}")
    if len(used) < 2:
        raise SchemaError(
            f"a schema needs two columns or more; the table has {shortened(used) if used else 'none'}{_lost(kinds)}"
        )
    inferred = [name for name, kind in used.items() if kind.inferred]
    text = _HEAD.format(title=scalar(title))
    if inferred:
        flags = _FLAGS if any("categories" in used[name].spec for name in inferred) else ""
        some = f"WHETHER {_listed(inferred)} HAS A TIME OF DAY WAS"
        guessed = f"{'KINDS WERE' if len(inferred) == len(used) else some} GUESSED FROM THE CELLS"
        text += _INFERRED.format(guessed=guessed, flags=flags)
    text += _BODY.format(
        target=f"target: {scalar(target)}" if target else "# target: NAME # the column to be predicted: categories or a number",
        ignore=f"ignore: [{_listed(left_out)}]{_asked(left_out, kinds)}"
        if left_out
        else "# ignore: [COLUMN] # columns that are left out",
        person=scalar(next((name for name, kind in kinds.items() if kind.repeats), "COLUMN")),
    )
    lines = [_line(name, kind) + (_CLASSES if name == target and _has_classes(kind) else "") for name, kind in used.items()]
    remarks = [*_of_the_table(kinds), *(f"{name}: {remark}" for name, kind in kinds.items() for remark in _own(kind, kinds))]
    if target is not None and used[target].spec["kind"] in ("integer", "real"):
        remarks.append(_of_a_number(target))
    return Draft(text + "\n".join(lines) + "\n", tuple(remarks))


def _of_the_table(kinds: Mapping[str, Kind]) -> Iterator[str]:
    """What is remarked of several columns at once: rows that look like none, and names that hardly differ."""
    for edge, where, what in (
        ("first", "the first row (line 2 of most files)", "a second line of names, or of units"),
        ("last", "the last row", "sums, or a word on where the table is from"),
    ):
        if odd := [name for name, kind in kinds.items() if kind.edge == edge]:
            yield (
                f"{where} looks like {what}: there alone stand texts in columns of numbers ({shortened(odd)}). If it is no row, "
                "delete it and draft again"
            )
    names: dict[str, list[str]] = {}
    for name in kinds:
        names.setdefault("".join(name.casefold().split()), []).append(name)
    for alike in names.values():
        if len(alike) > 1:
            yield f"names that differ by capital letters or blanks alone: {shortened(alike)}. Call each otherwise"


def _own(kind: Kind, kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """What is remarked of one column, but for what is said of several at once."""
    several = kind.edge is not None and sum(other.edge == kind.edge for other in kinds.values()) > 1
    return tuple(remark for remark in kind.remarks if not (several and remark.startswith(NEARLY_ALL)))


def _why(left_out: Kind) -> str:
    """Why a column is left out, for the table's owner."""
    return left_out.remarks[0] if left_out.remarks else "it holds no single values"


def _lost(kinds: Mapping[str, Kind]) -> str:
    """Which columns of a table are left out for what is remarked of them, and what to do."""
    why = [f"{name} ({_why(kind)})" for name, kind in kinds.items() if not kind.spec and kind.remarks]
    if not why:
        return ""
    return f", beside {shortened(why, 3)}. Add a column, or write a schema that describes one of them under `columns`"


def _has_classes(kind: Kind) -> bool:
    return kind.spec["kind"] == "categorical" and "categories" not in kind.spec


def _of_a_number(target: str) -> str:
    return (
        f"{target}: a number, so synthetic rows serve models that predict the number. To predict classes, cut it, as in "
        f"{{kind: categorical, cut_at: [50000], categories: [low, high]}}; each number is the highest of its class"
    )


def _line(name: str, kind: Kind) -> str:
    entries = ", ".join(f"{entry}: {_value(value)}" for entry, value in kind.spec.items())
    also = f" # OR format: {scalar(kind.also)}? Both fit all cells; keep the one that is meant" if kind.also else ""
    years = f" # {SHORT_YEARS}" if "%y" in str(kind.spec.get("format")) else ""
    return f"  {key(name)} {{{entries}}}{_asked([name], {name: kind})}{also}{years}"


def _asked(names: list[str], kinds: Mapping[str, Kind]) -> str:
    """The question whose rows they are, as a mark, where one of the columns may say so."""
    some = [name for name in names if kinds[name].repeats]
    if not some:
        return ""
    one = scalar(some[0])
    whose = f"{', '.join(map(scalar, some))}: values repeat" if len(names) > 1 else "values repeat"
    return (
        f" # {MARK}: {whose}: is this the `person`? Then take {one} out of here and state `person: {one}` and "
        "`max_rows_per_person` above. If it is not, delete this question"
    )


def _value(value: Any) -> str:
    return f"[{', '.join(map(scalar, value))}]" if isinstance(value, list) else scalar(value)


def _listed(names: list[str]) -> str:
    return ", ".join(map(scalar, names))
