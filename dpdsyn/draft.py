"""A draft that is read off a table, with bounds, bins and categories, for a person to replace by public knowledge.

`dpdsyn.tables.open_draft` writes the other form, which leaves them to be learnt.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import yaml

from dpdsyn.reading.cells import canonical, each
from dpdsyn.reading.column import Column, SchemaError
from dpdsyn.reading.numerals import POINT_HINT, STRAY_POINT
from dpdsyn.reading.schema_values import shortened
from dpdsyn.schema import MARK
from dpdsyn.tables.date_forms import Dates, dates_of, may_be_dates
from dpdsyn.tables.identifiers import is_unnamed_index, naming
from dpdsyn.tables.packed_cells import pairs
from dpdsyn.tables.quantities import as_numbers, quantities_as_texts
from dpdsyn.tables.repeats import repeats

MOST_CATEGORIES = 50  # a text column with more values is taken for free text or an id
_ROWS_EACH = 3  # on average of a value, from which on many values are taken for categories and not for names or ids
_LONGEST_CATEGORY = 100  # characters; longer ones are taken for free text
_FEW_NUMBERS = 12  # an integer column with no more values is taken for codes
_BINS = 16
_SKEWED = 0.05  # of the bounds' distance; if half of all values lie lower, bins are narrow there
_MOST = (0.005, 0.995)  # quantiles; where they lie close together, they are the bounds
_FAR = 0.33
_LONGEST_KEY = 1000  # characters
_ENDLESS = 10**9  # characters of a line
_ID_ROWS = 20  # so many rows, all different, make a column an id
_AN_ID = "whole numbers that look like ids"
_UNQUOTED = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")  # numbers that YAML takes for numbers
_COUNTS = re.compile(r", [\d,]+ values in [\d,]+ rows|^[\d,]+ (?=different)")
_SOME = re.compile(r"[\d,]+ of [\d,]+ (?=different)")
_HEAD = """\
# Draft of a schema for {title}. A schema is public: whoever sees a result may know all of it.
#
# NOT PRIVATE YET. Lines marked {mark} were computed from the rows themselves. Replace what stands there by what
# is known without them (code books, laws, physical limits, what you would publish anyway) and delete the mark; when no
# mark is left, delete the line `drafted: true`. Until then nothing computed with this schema has a privacy guarantee, and
# every table says so.
drafted: true

{target}
rows_public: {rows} # {mark}: about how many rows the table has; rounded, so that one row does not show

# If a person can have several rows, name the column that says whose row it is; one row of each is then used, and the
# guarantee is for a person instead of a row:
# person: {person}
# max_rows_per_person: 1
"""


@dataclass(frozen=True)
class _Described:
    """lines: the column's description, or none if it is left out; then `why` says so to the owner, numbers included.

    measures: whether it is left out though it holds numbers or dates.
    """

    lines: list[str] = field(default_factory=list)
    why: str = ""
    measures: bool = False

    @property
    def kind_of_reason(self) -> str:
        """`why` without the numbers that it tells of the rows."""
        return _SOME.sub("some ", _COUNTS.sub("", self.why))


def draft_schema(frame: pd.DataFrame, title: str, target: str | None = None) -> str:
    """A commented schema file for a table; what it says fits every row of the table, but for a few far from the others.

    Raises SchemaError if the target is no column, or none that can be predicted, or if no column can be described.
    """
    if target is not None and target not in frame:
        raise SchemaError(f"target {target!r} is not a column; columns: {shortened(frame.columns)}")
    described = {name: _describe(str(name), _texts(frame[name]), name == target) for name in frame}
    used = {name: column for name, column in described.items() if column.lines}
    if target is not None and target not in used:
        raise SchemaError(f"target {target!r} cannot be predicted: {described[target].why}")
    if len(used) < 2:
        whys = [f"{name}: {column.why}" for name, column in described.items() if not column.lines]
        reasons = "; ".join(whys[:5]) or f"there is only {', '.join(map(str, frame))}"
        raise SchemaError(f"fewer than two columns can be described; {reasons}")
    again = [name for name in frame if name != target and _repeat(str(name), _texts(frame[name]), described[name])]
    for name in set(again) & set(used):
        used[name].lines[0] += "; VALUES REPEAT: if it is the `person`, say so above and take it out of here"
    ids = again + [name for name, column in described.items() if column.why.startswith(("free text or an id,", _AN_ID))]
    text = _HEAD.format(
        title=scalar(title),
        mark=MARK,
        target=f"target: {scalar(target)}" if target else "# target: NAME # the column to be predicted; it has to be categorical",
        rows=_two_digits(len(frame)),
        person=f"{scalar(ids[0])} # {MARK}: it looks like an id{', and values repeat' if again else ''}" if ids else "COLUMN",
    )
    left_out = [f"  - {scalar(name)} # {MARK}: {column.kind_of_reason}" for name, column in described.items() if not column.lines]
    if left_out:
        text += "\n" + "\n".join(["ignore: # left out; to use one, describe it under `columns`", *left_out]) + "\n"
    blocks = [f"  {key(name)}\n" + "\n".join(f"    {line}" for line in column.lines) for name, column in used.items()]
    return text + "\ncolumns:\n" + "\n".join(blocks) + "\n"


def _texts(cells: pd.Series) -> pd.Series:
    """Cells of any type as the texts by which they are compared (`dpdsyn.reading.cells.canonical`)."""
    written = isinstance(cells.dtype, pd.CategoricalDtype | pd.StringDtype)
    return cells if written else pd.Series(each(cells, canonical, np.nan, object), dtype="str")


def _repeat(name: str, cells: pd.Series, described: _Described) -> bool:
    """Whether a column may say whose row it is."""
    if described.lines and described.lines[0].startswith(("kind: real", "kind: date")):
        return False
    counts = cells.value_counts()
    numbers = as_numbers(pd.Series(counts.index, dtype="str")) if len(counts) else None
    found = repeats(name, counts.index if numbers is None else numbers, counts.to_numpy(), described.measures)
    return found is not None and found.likely


def _describe(name: str, cells: pd.Series, is_target: bool) -> _Described:
    texts = pd.Series(cells.dropna().unique(), dtype="str")
    present = int(cells.notna().sum())
    if not len(texts):
        return _Described(why="every cell is missing")
    if texts.str.endswith(STRAY_POINT).any():
        return _Described(why=f"numbers with points as no number has them: {POINT_HINT}")
    if texts.map(canonical).nunique() == 1 and (present == len(cells) or is_target):
        return _Described(why="one value throughout")
    numbers = as_numbers(texts)
    few = len(texts) <= (_FEW_NUMBERS if numbers is not None and not is_target else MOST_CATEGORIES)
    few = few and texts.str.len().max() <= _LONGEST_CATEGORY
    all_differ = len(texts) == present >= _ID_ROWS
    names = None if numbers is None or is_target else naming(name, numbers, present)
    if not is_target and is_unnamed_index(name, numbers is not None and bool((numbers % 1 == 0).all())):
        return _Described(why="row numbers of pandas, which measure nothing")
    if names == "id":
        return _Described(why=f"{_AN_ID}, which name somebody and measure nothing")
    dates = None if numbers is not None and not may_be_dates(texts) else dates_of(texts)
    many_clocks = dates is not None and dates.is_clock and len(texts) > _FEW_NUMBERS and not is_target
    if few and not all_differ and not many_clocks:
        lines = _categorical(texts, numbers, present < len(cells) and not is_target)
    elif numbers is None and dates is None and (quantities := quantities_as_texts(texts) or pairs(texts)) is not None:
        return _Described(why=quantities, measures=True)
    elif is_target and numbers is None:
        return _Described(why=f"{len(texts):,} different texts; a target has at most {MOST_CATEGORIES} short classes")
    elif dates is not None and not is_target:
        lines = _date(dates)
    elif numbers is None and len(texts) <= present / _ROWS_EACH and texts.str.len().max() <= _LONGEST_CATEGORY:
        lines = [f"kind: categorical # {MARK}; too many values to be listed, so these are learnt under differential privacy"]
    elif numbers is None:
        return _Described(why=f"free text or an id, {len(texts):,} values in {present:,} rows: bin it into few categories first")
    elif names == "code":
        lines = [f"kind: categorical # {MARK}; they look like codes, and are too many to be listed, so these are learnt"]
    else:
        values = numbers[pd.Index(texts).get_indexer(cells.dropna())]
        lines = _cut(values) if is_target else _numeric(values)
        if lines and all_differ and (numbers % 1 == 0).all() and not is_target:
            lines[0] += "; every one is different: if it is an id, put it under `ignore`"
    if lines and present < len(cells):
        rule = "drop # rows without a label are left out" if is_target else "own_code # empty cells are a value of their own"
        lines.append(f"missing: {rule}; {MARK}: some cells are empty")
    return _Described(lines) if lines else _Described(why="values so far apart or so close that no bins fit")


def _categorical(texts: pd.Series, numbers: np.ndarray | None, some_missing: bool) -> list[str]:
    if numbers is None:
        categories: list[Any] = sorted({canonical(text): text for text in sorted(texts)}.values())
    else:
        written: dict[Any, str] = dict(zip(numbers.tolist(), texts.str.strip(), strict=True))
        if len(written) == len(texts) and all(map(_UNQUOTED.fullmatch, written.values())):  # as they stand in the rows
            return [f"kind: categorical # {MARK}", f"categories: [{', '.join(written[n] for n in sorted(written))}] # {MARK}"]
        categories = sorted({int(number) if number % 1 == 0 else float(number) for number in numbers})
    if len(categories) < 2 and not some_missing:
        return []
    return [f"kind: categorical # {MARK}", f"categories: [{', '.join(map(scalar, categories))}] # {MARK}"]


def _numeric(numbers: np.ndarray) -> list[str]:
    low, high = _outward(numbers.min(), numbers.max())
    most_low, most_high = _outward(*np.quantile(numbers, _MOST))
    if float(np.median(numbers)) - low >= _SKEWED * (high - low) and most_high - most_low < _FAR * (high - low):
        low, high = most_low, most_high  # else a few values far off would make all bins wide
    whole = (numbers % 1 == 0).all()
    if not (np.isfinite(low) and np.isfinite(high)) or high - low < 1e-9 * max(abs(low), abs(high)):
        return []
    skewed = float(np.median(numbers)) - low < _SKEWED * (high - low)
    bins = int(min(_BINS, high - low + 1)) if whole else _BINS
    bounds = f"[{low:.0f}, {high:.0f}]" if whole else f"[{_plain(low)}, {_plain(high)}]"
    kind = f"kind: {'integer' if whole else 'real'} # {MARK}"
    lines = [kind, f"bounds: {bounds} # {MARK}; cells outside are clipped", f"bins: {bins} # {MARK}"]
    if not skewed or bins < _BINS:
        return lines
    fitting = next((n for n in range(bins, 1, -1) if _fit(whole, low, high, n)), 0)
    log = [f"bins: {fitting} # {MARK}", f"scale: log # {MARK}: most values are small"]
    return [*lines[:-1], *log] if fitting > _BINS // 2 else lines


def _fit(whole: bool, low: float, high: float, bins: int) -> bool:
    """Whether so many bins of a log scale are not narrower than a whole number."""
    try:
        Column("", "integer" if whole else "real", bounds=(low, high), bins=bins, scale="log")
    except SchemaError:
        return False
    return True


def _cut(numbers: np.ndarray) -> list[str]:
    cut = float(f"{np.median(numbers):.2g}")
    if not numbers.min() <= cut < numbers.max():
        cut = float(numbers.min())
    return [
        f"kind: categorical # {MARK}",
        "categories: [low, high]",
        f"cut_at: [{_plain(cut)}] # {MARK}; the highest number that is low",
    ]


def _date(found: Dates) -> list[str]:
    form = found.form
    fits = (
        f"{scalar(found.also)} fits all cells as well, so keep the one that is meant"
        if found.also
        else "the first form that fits all"
    )
    written = [f"format: {scalar(form)} # {MARK}; {fits}"] if form else []
    if found.is_clock:
        return [f"kind: date # {MARK}: a time of day", *written, f"resolution: {found.resolution} # {MARK}", "bins: 24"]
    first, last = int(found.moments.min().year), int(found.moments.max().year)
    if not 1000 <= first <= last <= 9998:
        return []
    bounds = f"bounds: [{first}-01-01, {last}-12-31] # {MARK}; cells outside are clipped"
    left_out = f"; TIMES OF DAY ARE LEFT OUT: to keep them write `resolution: {found.resolution}`" if found.resolution else ""
    return [f"kind: date # {MARK}{left_out}", *written, bounds, f"bins: {_BINS}"]


def _outward(low: float, high: float) -> tuple[float, float]:
    """Bounds rounded outward to about two digits of their distance, and to 0 where that is near."""
    step = 10.0 ** (math.floor(math.log10(max(high - low, 1e-300))) - 1)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    return (0.0 if 0 < low < 0.2 * high else low), high


def _plain(number: float) -> str:
    text = f"{number:.12g}"
    return re.sub(r"^(-?\d+)e", r"\1.0e", text)  # YAML takes 1e+20 for text


def _two_digits(number: int) -> int:
    return max(1, int(float(f"{number:.1e}")))


def scalar(value: Any) -> str:
    """As YAML writes it on one line; with escapes if it has characters that YAML folds or forbids, or that nobody sees."""
    plain = not isinstance(value, str) or value.isprintable()
    values: Sequence[Any] = [value]
    text = yaml.safe_dump(
        values, default_flow_style=True, width=_ENDLESS, allow_unicode=plain, default_style=None if plain else '"'
    )
    return text.strip()[1:-1]


def key(name: Any) -> str:
    """A column's name as a key of a mapping, with a question mark before it where it is too long for YAML to see the colon."""
    text = scalar(name)
    return f"{text}:" if len(text) < _LONGEST_KEY else f"? {text}\n  :"
