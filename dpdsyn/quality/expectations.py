"""What to expect of a budget before anything is spent: of each column whether its counts will stand out of the noise.

All of it is made of public facts: the schema, the budget, about how many rows there are. The noise is that of the fit's own plan
(`quality.rehearsal`); what is judged here is how it compares with the rows, where these are evenly spread over a column's values,
for nothing else is known of them. So a column may do better (a few common values) or worse (rare ones). A column that is to be
learnt is judged twice, with values close together and far apart, for nobody has said how they are; where the two differ both are
told.

A count is taken to stand out where it is three standard deviations of its noise or more; below one it drowns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dpdsyn.base.checks import InputError
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget
from dpdsyn.quality.rehearsal import Rehearsal, rehearsed
from dpdsyn.reading.column import Column
from dpdsyn.reading.schema_values import shortened
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer

TO_BE_LEARNT = "categories to be learnt"
State = Literal["clear", "blurred", "lost"]
_RANKS = ("clear", "blurred", "lost")
Outlook = Literal["good", "likely", "fair", "poor", "none"]
MOST = 100.0  # epsilon whose noise is worked out
_STANDS_OUT = 3.0  # standard deviations of the noise of a count
_TAIL = 4.5  # standard deviations of the noise, from which on learning takes numbers of one size alone for more than noise
_WIDER = {"integer": 2**0.5, "real": 1.0, "date": 1.0}  # noise of what tells sizes, beside that of what whole numbers are cut by
_SURE = 2.0  # of the noise about the threshold of a category, within which it may be told of or not
_FEW_PIECES = 4  # of a number that is cut so coarsely that it tells little
_FEW_WORDS, _MANY_WORDS = 5, 50  # categories that a column can have, all of them as common
_RARE = 0.025  # of all rows, of one size beside a common value, that are to be told of where a column is clear
_LITTLE, _PART = 0.5, 0.75  # of a column's rows, between the ends that are learnt; below the first it is lost, the second blurred
# Measured on one core, of the whole of `dpdsyn synthesize` with an open schema, for 2,000 to 100,000 rows of 10 to 150 columns.
_SECONDS, _SECONDS_A_COLUMN, _SECONDS_A_CELL = 5.0, 0.075, 3e-6
_MEGABYTES, _MB_A_COLUMN, _MB_A_CELL = 220.0, 0.8, 9e-5

WORDS: dict[Outlook, str] = {
    "good": "this should work",
    "likely": "this should work for columns of common values",
    "fair": "this should work, but not for every column",
    "poor": "expect a rough table",
    "none": "do not spend this budget: nearly all that comes out would be noise",
}


@dataclass(frozen=True)
class ColumnOutlook:
    """What to expect of one column.

    what: it holds, in words. noise: standard deviation of the noise of one of its counts, in rows. least: rows that one of its
    values needs to be told from noise; to be told of at all where nobody listed it, or where it is a number of another size than
    most of a column without bounds. values: how many it has, for rows evenly spread; None if these are still to be learnt and
    have no order. each: rows a value then. state: at best, and worst, which differs where it matters how a column that is to be
    learnt is spread: with numbers of one sign and size, dates of ten years and few categories, or with numbers of all sizes on
    both sides of 0, dates of 90 years and fifty categories as common.
    """

    name: str
    what: str
    noise: float
    least: float
    values: int | None
    each: float | None
    state: State
    worst: State

    @property
    def told(self) -> str:
        """Its state, or from which to which it may be, as it is spread."""
        return self.state if self.state == self.worst else f"{self.state} to {self.worst}"


@dataclass(frozen=True)
class Finding:
    """A sentence on what will happen, and one on what to do about it. columns: that it is about."""

    columns: tuple[str, ...]
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.text} {self.advice}"


@dataclass(frozen=True)
class Expectation:
    """What to expect of a schema with a budget. rows: about how many there are. unlisted: rows that a category nobody listed
    needs, below which it may not be told of, and below which it hardly ever is; None if all are listed. tail: the same of numbers
    of one size in a column without bounds; None if there is no such column.
    """

    epsilon: float
    delta: float
    rows: int
    columns: tuple[ColumnOutlook, ...]
    unlisted: tuple[float, float] | None
    tail: tuple[float, float] | None
    target: str | None
    outlook: Outlook
    findings: tuple[Finding, ...]

    @property
    def noise(self) -> float:
        """The largest standard deviation of the noise of a column's counts, in rows."""
        return max(column.noise for column in self.columns)

    def of(self, state: State) -> tuple[str, ...]:
        """Names of the columns that are at best in that state."""
        return tuple(column.name for column in self.columns if column.state == state)

    @property
    def open_ends(self) -> tuple[str, ...]:
        """Names of the columns that are clear or not, as they are spread."""
        return tuple(column.name for column in self.columns if column.worst != column.state == "clear")

    @property
    def clear(self) -> tuple[str, ...]:
        """Names of the columns that are clear however they are spread."""
        return tuple(column.name for column in self.columns if column.worst == "clear")

    @property
    def verdict(self) -> str:
        """In a sentence or two, for a layman."""
        said = WORDS[self.outlook]
        always = " whatever they hold" if self.open_ends else ""
        parts = [f"{len(self.clear)} of {len(self.columns)} columns stand clear of the noise{always}"]
        if self.open_ends:
            parts.append(f"clear or not, as they are spread: {shortened(self.open_ends)}")
        if blurred := self.of("blurred"):
            or_lost = " or lost" if any(column.worst == "lost" and column.state == "blurred" for column in self.columns) else ""
            parts.append(f"blurred{or_lost}: {shortened(blurred)}")
        if lost := self.of("lost"):
            parts.append(f"drowned in it: {shortened(lost)}")
        if self.target in lost:
            parts.append(f"without the target {self.target} no model can learn")
        return f"{said[0].upper()}{said[1:]}. {'; '.join(parts)}.{self._rare}"

    @property
    def _rare(self) -> str:
        """What no count of columns says: that a column stands clear says nothing of its rare values."""
        cut = ""
        if self.tail is not None:
            cut = (
                f" Where numbers are to be cut, those of one size that fewer than about {self.tail[0]:,.0f} rows have "
                f"({_percent(self.tail[0], self.rows)}) may be lost: a column of nearly nothing but 0 may come out as 0 alone."
            )
        open_ = [column for column in self.columns if column.what == TO_BE_LEARNT and column.state != "lost"]
        if not open_:
            return cut
        least = max(column.least for column in open_)
        whose = f", a class of {self.target} like any other" if self.target in {column.name for column in open_} else ""
        return f" Where categories are to be learnt, one with fewer than about {least:,.0f} rows is lost{whose}.{cut}"


def expected(
    schema: Schema,
    epsilon: float,
    delta: float,
    rows: int | None = None,
    evaluate: float | None = None,
    method: Callable[[], Synthesizer] | None = None,
) -> Expectation:
    """What to expect; rows: about how many there are, if the schema does not say so or says otherwise.

    evaluate: the share of the budget that a private evaluation gets. method: makes what is fitted, DPDSyn's own if None. A budget
    above MOST is judged as MOST: its noise is smaller still, and to work it out would take ever longer. Raises ValueError for a
    budget or a number of rows that cannot be meant, for a schema without a target, or without rows; Unforeseeable (a ValueError)
    for a method of whose noise nothing can be said.
    """
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise InputError(f"rows is {rows!r}; a whole number of at least 1 is needed")
    about = rows or schema.rows_public
    if not about:
        raise InputError("the schema leaves open how many rows there are (rows_public); say about how many, as --rows 10000")
    if schema.target is None:
        raise InputError("no target is named; add `target: COLUMN` to the schema, or --target COLUMN")
    Budget(epsilon, delta)
    known = replace(schema, rows_public=about) if schema.rows_public else schema
    went = rehearsed(known, min(epsilon, MOST), delta, about, evaluate, method or GuidedSynthesizer)
    columns = tuple(_outlook(column, schema.target, went, about) for column in schema.columns)
    unlisted, tails = _unlisted(went), {c.name: tail for c in schema.columns if (tail := _tail(c, went)) is not None}
    findings = tuple(_findings(schema, columns, unlisted, tails, about, epsilon, went))
    tail = max(tails.values(), default=None)
    outlook = _judged(columns, schema.target, went)
    return Expectation(epsilon, delta, about, columns, unlisted, tail, schema.target, outlook, findings)


def _unlisted(went: Rehearsal) -> tuple[float, float] | None:
    if not went.threshold:
        return None
    name = max(went.threshold, key=lambda one: went.threshold[one])
    at, spread = went.threshold[name], _SURE * went.learning[name]
    return at + spread, max(at - spread, 1.0)


def _tail(column: Column, went: Rehearsal) -> tuple[float, float] | None:
    """Of a column of numbers or dates without bounds: from how many rows on those of one size (between two powers of two) or of
    one year are told of wherever they lie, and below how many they hardly ever are.
    """
    if not column.is_open or not column.ordered or column.bounds or column.name not in went.learning:
        return None
    noise = went.learning[column.name] * _WIDER[column.kind]
    return (_TAIL + _SURE) * noise, (_TAIL - _SURE) * noise


def _outlook(column: Column, target: str | None, went: Rehearsal, rows: int) -> ColumnOutlook:
    noise = went.noise.get(column.name, went.learning.get(column.name, max(went.noise.values(), default=float(rows))))
    least = _STANDS_OUT * noise
    if column.is_open and not column.ordered:
        surely = went.threshold[column.name] + _SURE * went.learning[column.name]
        least, enough = max(least, surely), 2 if column.name == target else 1
        state: State = "lost" if rows < enough * least else "blurred" if rows < _FEW_WORDS * least else "clear"
        worst: State = "clear" if rows >= _MANY_WORDS * least else "lost"
        return ColumnOutlook(column.name, TO_BE_LEARNT, noise, least, None, None, state, worst)
    if column.is_open:
        known = went.closed is not None and column.name in went.closed.names
        values = went.closed[column.name].values if known and went.closed is not None else 0
        state = "lost" if not values or rows < least else "blurred" if values < _FEW_PIECES else "clear"
        share, apart = went.seen.get(column.name, (0.0, 0))
        worst = "lost" if share < _LITTLE else "blurred" if share < _PART or apart < _FEW_PIECES else "clear"
        tail = _tail(column, went)
        alone = column.kind != "date" and tail is not None and tail[0] > _RARE * rows  # a common value, of nine in ten 0
        worst = "blurred" if worst == "clear" and alone else worst
        worst = max(state, worst, key=_RANKS.index)
        least = least if tail is None else max(least, tail[0])
        return ColumnOutlook(column.name, f"{column.kind}, to be cut", noise, least, values, rows / max(values, 1), state, worst)
    values = column.values
    each = rows / values
    what = f"{column.kind}, {values:,} bins" if column.ordered else f"{values:,} categor{'y' if values == 1 else 'ies'}"
    state = "clear" if values == 1 or each >= least else "lost" if rows < least or each < noise else "blurred"
    return ColumnOutlook(column.name, what, noise, least, values, each, state, state)


def _judged(columns: Sequence[ColumnOutlook], target: str | None, went: Rehearsal) -> Outlook:
    states = {column.name: column.state for column in columns}
    features = [state for name, state in states.items() if name != target]
    if went.closed is None or (target is not None and states[target] == "lost") or all(state == "lost" for state in features):
        return "none"
    unclear = sum(state != "clear" for state in features)
    if 2 * unclear > len(features) or (target is not None and states[target] == "blurred"):
        return "poor"
    return "fair" if unclear else "likely" if any(column.worst != column.state for column in columns) else "good"


def _findings(
    schema: Schema,
    columns: Sequence[ColumnOutlook],
    unlisted: tuple[float, float] | None,
    tails: dict[str, tuple[float, float]],
    rows: int,
    epsilon: float,
    went: Rehearsal,
) -> list[Finding]:
    found: list[Finding] = []
    by_name = {column.name: column for column in columns}
    if went.closed is None and went.why is not None:
        found.append(Finding((), f"A fit would stop: {went.why}.", _MORE))
    alike: dict[tuple[object, ...], list[ColumnOutlook]] = {}
    for seen in columns:
        if seen.state != "clear" and seen.values is not None:
            column = schema[seen.name]
            alike.setdefault((column.is_open, column.ordered, column.other, seen.values, seen.state), []).append(seen)
    found += [_of_alike(schema[group[0].name], group, rows) for group in alike.values()]
    found += _of_open_ends(schema, [one for one in columns if one.worst != one.state])
    if unlisted is not None:
        names = tuple(name for name in schema.names if name in went.threshold)
        found.append(_of_unlisted(names, unlisted, rows, epsilon, max(by_name[name].noise for name in names)))
    if rare := tuple(name for name in tails if by_name[name].state != "lost"):
        found.append(_of_tails(rare, max(tails[name] for name in rare), rows, epsilon))
    if schema.target is not None and not schema[schema.target].ordered:
        found.append(_of_classes(schema, by_name[schema.target], rows, epsilon))
    return found


def _of_tails(names: tuple[str, ...], tail: tuple[float, float], rows: int, epsilon: float) -> Finding:
    surely, hardly = tail
    return Finding(
        names,
        f"{shortened(names)}: rare numbers of one size, between two powers of two, or dates of one year, need about "
        f"{_rows(surely)} rows, {_percent(surely, rows)} of all, to be told of at epsilon {epsilon:g}, and with fewer than "
        f"{_rows(hardly)} they hardly ever are. So a column of nearly nothing but one value may come out as that value alone.",
        "Where there are but a few values, list them ({kind: categorical, categories: [0, 1]}); else state `bounds`, and a few "
        "`bins`, if they are known without the rows.",
    )


def _of_open_ends(schema: Schema, seen: Sequence[ColumnOutlook]) -> Iterator[Finding]:
    """Of columns of which it matters how they are spread, by their kind."""
    for dates, far, near in (
        (True, "dates over many years, as of birth,", "of some ten years"),
        (False, "numbers of all sizes, or on both sides of 0,", "of one sign and size"),
    ):
        names = tuple(one.name for one in seen if one.values is not None and (schema[one.name].kind == "date") == dates)
        if names:
            yield Finding(
                names,
                f"{shortened(names)}: {far} may be learnt in part or not at all, where those {near} are learnt better.",
                "State `bounds` if they are known without the rows: then ends need not be learnt.",
            )


_MORE = "Spend a larger epsilon, bring more rows, or leave columns out: the noise grows with the number of columns."


def _of_alike(column: Column, group: Sequence[ColumnOutlook], rows: int) -> Finding:
    """Of columns of listed categories, of bins, or of numbers that are to be cut, that are not clear.

    column: the first of them, which are alike.
    """
    seen, names = group[0], tuple(one.name for one in group)
    several = len(group) > 1
    off = f"each count is off by up to {_rows(2 * seen.noise)}"
    lost = "drown in the noise" if several else "drowns in the noise"
    drowns = f"{shortened(names)} {lost if seen.state == 'lost' else 'are blurred' if several else 'is blurred'}"
    fewer = max(1, int(rows / seen.least))
    if column.is_open:
        pieces = f"{seen.values} piece{'' if seen.values == 1 else 's'}"
        into = f"evenly spread numbers would be cut into {pieces}" if seen.values else "nothing would be learnt of such a column"
        advice = "State `bounds` and a few `bins` if they are known without the rows, or leave out what is not needed."
        return Finding(names, f"{drowns}: {into}, for {off}.", advice)
    each = f"of {rows:,} rows each of {seen.values:,} {'bins' if column.ordered else 'categories'} has about " + (
        f"{_rows(seen.each or 0)} if they are evenly spread, and {off}; one needs some {_rows(seen.least)}"
    )
    if column.ordered:
        advice = f"State fewer bins, {fewer:,} or so, or leave `bins` out: where to cut is then learnt."
    elif fewer < 2:
        advice = _MORE
    else:
        rest = ", or list the common ones alone: the others become `other`" if column.other else ""
        advice = f"Merge categories to {fewer:,} or so{rest}."
        advice += " Ids, of which each row has its own, belong under `ignore`." if (seen.each or 0) < 2 else ""
    return Finding(names, f"{drowns}: {each}.", advice)


def _of_unlisted(names: tuple[str, ...], unlisted: tuple[float, float], rows: int, epsilon: float, noise: float) -> Finding:
    surely, hardly = unlisted
    most = int(rows / surely)
    told = f"so at most {most:,} of them can be told of" if most else f"and there are {rows:,} in all, so nothing is left"
    return Finding(
        names,
        f"{shortened(names)}: a category needs about {_rows(surely)} rows to be told of at epsilon {epsilon:g}, and with fewer "
        f"than {_rows(hardly)} it hardly ever is, {told}. Rarer ones become `other`; a column of more that are "
        "all as common, as of ids, names or remarks, falls out.",
        f"List the categories that are known without the rows: a listed one needs only about {_rows(_STANDS_OUT * noise)} rows.",
    )


def _of_classes(schema: Schema, target: ColumnOutlook, rows: int, epsilon: float) -> Finding:
    share = target.least / rows
    every = " That is more than there are." if share > 1 else ""
    return Finding(
        (target.name,),
        f"A class of the target {target.name} with fewer than about {_rows(target.least)} rows, {min(share, 1):.1%} of all, is "
        f"too rare to be learnt at epsilon {epsilon:g}; the share of any class is right to about "
        f"{min(2 * target.noise / rows, 1):.1%} of all rows.{every}",
        (
            "List its classes, if they may be known without the rows: a listed one needs about "
            f"{_rows(_STANDS_OUT * target.noise)} rows. Where only one is learnt nothing is published, and the budget is spent."
            if target.what == TO_BE_LEARNT
            else "Merge rare classes, or predict whether it is one of them at all."
        ),
    )


def _percent(number: float, rows: int) -> str:
    """A share of all rows, of which there may be fewer."""
    return f"{min(number / rows, 1):.1%}"


def _rows(number: float) -> str:
    """A number of rows, to two digits."""
    whole = max(1, round(number))
    return f"{round(whole, 2 - len(str(whole))):,}"


@dataclass(frozen=True)
class Cost:
    """What `dpdsyn synthesize` takes, by a rule of thumb that was measured on one core; rough, to a factor of three or so."""

    seconds: float
    megabytes: float

    @classmethod
    def of(cls, rows: int, columns: int) -> Cost:
        """Both grow with rows x columns, and somewhat with the number of columns alone."""
        cells = rows * columns
        return cls(
            _SECONDS + _SECONDS_A_COLUMN * columns + _SECONDS_A_CELL * cells,
            _MEGABYTES + _MB_A_COLUMN * columns + _MB_A_CELL * cells,
        )
