"""Constraints as people write them, read:

    end >= start                                    a comparison of numbers or dates
    end - start <= 30                               of sums and differences too; of dates in days
    total = a + b                                   a sum; the column on the left is computed
    sex = male -> pregnancies = 0                   an implication
    age < 15 and sex in [male, other] -> work is missing
    education -> education-num                      a dependence; the mapping is learnt from synthetic rows
    education -> education-num: {Bachelors: 13}     one whose mapping is stated

Names and values with spaces or signs in them stand in "double quotes". Where a word could be a column or a value, `backticks`
make it a column and 'single quotes' a value. A minus sign has spaces around it, for names may have one within.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dpdsyn.reading.cells import canonical, moment, number
from dpdsyn.reading.column import Column
from dpdsyn.reading.listed import Listed
from dpdsyn.reading.schema_values import SchemaError, shortened
from dpdsyn.rules.constraints import DAY, Among, Comparison, Dependence, Implication, Missing, Rule, Side, Test, computed, seconds

ACCEPTED = (
    "end >= start; total = a + b; sex = male -> pregnancies = 0; education -> education-num; names with spaces in double quotes"
)
_COMPARISONS = ("<=", ">=", "!=", "==", "=", "<", ">")
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"[^"]*"|'[^']*'|`[^`]*`)|(?P<sign>->|<=|>=|!=|==|[=<>+*,()\[\]]|-(?=\s))"""
    r"""|(?P<word>(?:[^\s"'`=<>!+*,()\[\]-]|-(?!>))+))"""
)
_FAR = 1e300  # farther than any number, and sums of it are numbers
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True)
class _Token:
    """text: without quotes. quote: the mark that it stood in, `"`, `'` or a backtick; empty for a word, None for a sign."""

    text: str
    quote: str | None

    def is_sign(self, *signs: str) -> bool:
        return self.quote is None and self.text in signs

    def is_word(self, word: str) -> bool:
        return self.quote == "" and self.text == word


def rules_of(raw: Any, columns: Sequence[Column], made: Sequence[str] = ()) -> tuple[Rule, ...]:
    """The rules of a list as a schema file holds it. made: columns that are made anew, of which none can speak.

    Raises SchemaError, with the constraint as it was given and what is accepted.
    """
    if not isinstance(raw, list | tuple):
        raise SchemaError(f"constraints are {raw!r}; a list is needed, with lines such as {ACCEPTED}")
    rules = []
    for given in raw:
        mapping: Any = None
        if isinstance(given, Mapping) and len(given) == 1:
            ((given, mapping),) = given.items()
        if not isinstance(given, str):
            raise SchemaError(f"constraint {given!r}: a text is needed, such as {ACCEPTED}")
        parser = _Parser(given.strip(), mapping, {column.name: column for column in columns}, tuple(made))
        rules.append(rule := parser.rule())
        if isinstance(rule, Implication):
            for test in rule.conclusions:
                if not test.possible(Whole(columns))[0].all() and not isinstance(test, Missing):
                    raise parser.error(f"it cannot be kept: {_bounds_of(test, columns)}", "change the rule or the bounds")
    try:
        computed(tuple(rules))
    except ValueError as error:
        raise SchemaError(f"constraints: {error}; keep one of them") from None
    return tuple(rules)


def _bounds_of(test: Test, columns: Sequence[Column]) -> str:
    return ", ".join(f"{c.name} has the bounds {c.to_mapping()['bounds']}" for c in columns if c.ordered and c.name in test.names)


class Whole:
    """Cells that may be whatever their column may hold, for `possible`; bounds that are learnt, or open, allow everything."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = {column.name: column for column in columns}

    def range(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """The bounds that are stated."""
        column = self._columns[name]
        if column.bounds is None or column.is_learnt:
            return np.array(-_FAR), np.array(_FAR)
        low, high = column.ends
        return np.array(low * seconds(column)), np.array(high * seconds(column))

    def known(self, name: str) -> bool:
        """Never: any category may stand there."""
        return False

    def among(self, name: str, texts: tuple[str, ...]) -> np.ndarray:
        """Never asked for."""
        raise AssertionError(name)

    def absent(self, name: str) -> np.ndarray:
        """Never asked for."""
        raise AssertionError(name)


class _Parser:
    """One constraint's words, left to right."""

    def __init__(
        self, written: str, mapping: Any, columns: Mapping[str, Column], made: tuple[str, ...], what: str = "constraint"
    ) -> None:
        self.what = what
        self.written = written
        self.mapping = mapping
        self.columns = columns
        self.made = made
        self.tokens = self._tokens()
        self.at = 0

    def error(self, saying: str, hint: str = f"accepted are lines such as {ACCEPTED}") -> SchemaError:
        return SchemaError(f"{self.what} {self.written!r}: {saying}" + (f"; {hint}" if hint else ""))

    def _tokens(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self.written):
            found = _TOKEN.match(self.written, at)
            if found is None:
                rest = self.written[at:].strip()
                raise self.error(f"{rest!r} cannot be read (a quotation mark that is never closed, or a sign that is none)")
            at = found.end()
            if found["quoted"]:
                tokens.append(_Token(found["quoted"][1:-1], found["quoted"][0]))
            else:
                tokens.append(_Token(found["sign"] or found["word"], None if found["sign"] else ""))
        return tokens

    @property
    def next(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *signs: str) -> str | None:
        """The next sign, if it is one of these."""
        if self.next is not None and self.next.is_sign(*signs):
            self.at += 1
            return self.tokens[self.at - 1].text
        return None

    def word(self, word: str) -> bool:
        """Whether the next word is this one, which is then taken."""
        if self.next is not None and self.next.is_word(word):
            self.at += 1
            return True
        return False

    def operand(self) -> _Token:
        if self.next is None or self.next.quote is None:
            raise self.error(f"a name or a value is needed {self._here()}")
        self.at += 1
        return self.tokens[self.at - 1]

    def _here(self) -> str:
        return f"before {self.next.text!r}" if self.next else "at its end"

    def rule(self) -> Rule:
        if (dependence := self._dependence()) is not None:
            return dependence
        if self.mapping is not None:
            raise self.error("a mapping is stated, and belongs to a dependence such as education -> education-num")
        first = self.tests()
        second = self.tests() if self.take("->") else ()
        if self.next is not None:
            raise self.error(f"{self.next.text!r} is one word too many (names and values with spaces stand in double quotes)")
        return Implication(self.written, first if second else (), second or first)

    def _dependence(self) -> Dependence | None:
        """If there is nothing but names, commas and one arrow."""
        arrows = [i for i, token in enumerate(self.tokens) if token.is_sign("->")]
        names = list(range(0, len(self.tokens), 2))
        if len(arrows) != 1 or any((token.quote is None) == (i in names) for i, token in enumerate(self.tokens)):
            return None
        if not all(self.tokens[i].is_sign(",", "->") for i in range(1, len(self.tokens), 2)) or arrows[0] != len(self.tokens) - 2:
            return None
        sources = tuple(self.column(self.tokens[i]).name for i in names[:-1])
        target = self.column(self.tokens[-1])
        if target.name in sources or len(set(sources)) < len(sources):
            raise self.error("a column stands in it twice")
        return Dependence(self.written, sources, target.name, self._stated(sources, target))

    def _stated(self, sources: tuple[str, ...], target: Column) -> tuple[tuple[Any, Any], ...]:
        if self.mapping is None:
            return ()
        if not isinstance(self.mapping, Mapping) or not self.mapping or len(sources) > 1:
            raise self.error(f"its mapping is {self.mapping!r}", "accepted, for one column before the arrow: {VALUE: VALUE, ...}")
        for column, values in ((self.columns[sources[0]], self.mapping), (target, self.mapping.values())):
            for value in values:
                self.value(column, _Token(canonical(value), "'"))
        return tuple(self.mapping.items())

    def tests(self) -> tuple[Test, ...]:
        found = self.test()
        while self.word("and"):
            found = (*found, *self.test())
        return found

    def test(self) -> tuple[Test, ...]:
        """One test, or several of a chain such as 0 <= a <= b."""
        first = self.next
        if first is not None and first.quote is not None and (column := self.columns.get(first.text)) and first.quote != "'":
            following = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
            if following and (following.is_word("is") or following.is_word("in") or following.is_word("not")):
                self.at += 1
                return (self._of_words(column),)
            if not column.ordered:
                self.at += 1
                return (self._of_category(column),)
        sides, signs = [self.sum()], []
        while sign := self.take(*_COMPARISONS):
            signs.append("=" if sign == "==" else sign)
            sides.append(self.sum())
        if not signs:
            raise self.error(f"a comparison is needed {self._here()} ({' '.join(_COMPARISONS)}, in, is missing)")
        return tuple(self._comparison(sides[i], sign, sides[i + 1]) for i, sign in enumerate(signs))

    def _of_words(self, column: Column) -> Test:
        """`is [not] missing` or `[not] in [..]`."""
        if self.word("is"):
            negated = self.word("not")
            if not self.word("missing"):
                raise self.error("after `is` stands `missing` or `not missing`")
            return Missing(column.name, negated)
        negated = self.word("not")
        if not self.word("in") or not self.take("[", "("):
            raise self.error(f"a list such as in [a, b] is needed {self._here()}")
        values = [self.value(column, self.operand())]
        while self.take(","):
            values.append(self.value(column, self.operand()))
        if not self.take("]", ")"):
            raise self.error(f"its list is not closed {self._here()}")
        return _among(column, values, negated)

    def _of_category(self, column: Column) -> Test:
        sign = self.take("=", "==", "!=")
        if sign is None:
            raise self.error(f"{column.name!r} is categorical; accepted after it: = VALUE, != VALUE, in [..], is missing", "")
        value = self.operand()
        if value.quote == "`":
            raise self.error(
                f"{column.name!r} is categorical; it is compared with a value, not with the column {value.text!r}", ""
            )
        return _among(column, [self.value(column, value)], sign == "!=")

    def column(self, token: _Token) -> Column:
        if token.text in self.made:
            raise self.error(f"{token.text!r} is made anew for every row, so no rule can speak of it", "")
        if token.text not in self.columns:
            hint = f"there are {shortened(self.columns)}"
            if "-" in token.text and all(part in self.columns for part in token.text.split("-")):
                hint += ". A minus sign has spaces around it"
            raise self.error(f"no column is called {token.text!r}", hint)
        return self.columns[token.text]

    def value(self, column: Column, token: _Token) -> str | float:
        """The text of a category, or a number (seconds of a date), that stands for a value of the column."""
        if not column.ordered:
            text = Listed(column.categories).text(token.text)
            known = [canonical(category) for category in column.categories]
            if known and not column.is_learnt and text not in known:
                raise self.error(
                    f"{token.text!r} is no category of {column.name!r}; there are {shortened(column.categories)}"
                    + ("" if len(token.text.split()) > 1 else ", and values with spaces stand in double quotes"),
                    "",
                )
            return text
        found = _moment(token.text, [column]) if column.kind == "date" else number(token.text)
        if not np.isfinite(found):
            raise self.error(f"{token.text!r} is no {column.kind}, and {column.name!r} is", "")
        if column.kind == "integer" and found != int(found):
            raise self.error(f"{token.text!r} is no whole number, and {column.name!r} is integer", "")
        if column.bounds and not column.is_learnt:
            self._within(column, found, token.text)
        return float(found)

    def _within(self, column: Column, found: float, text: str) -> None:
        low, high = (end * seconds(column) for end in column.ends)
        high += seconds(column) - 1 if column.kind == "date" else 0
        if not low <= found <= high:
            raise self.error(f"{text!r} is out of the bounds of {column.name!r}, which are {column.to_mapping()['bounds']}", "")

    def sum(self) -> list[tuple[float, _Token, float | None]]:
        """(factor, word, None) of columns and dates, (factor, word, number) of numbers: what is added up on one side."""
        terms, sign = [], -1.0 if self.take("-") else 1.0
        while True:
            factor, word = sign, self.operand()
            while self.take("*"):
                other = self.operand()
                first, second = self._plain_number(word), self._plain_number(other)
                if first is None and second is None:
                    raise self.error("a product of two columns; accepted is a number times a column, 2 * a", "")
                factor, word = (factor * first, other) if first is not None else (factor * float(second or 0), word)
            terms.append((factor, word, self._plain_number(word)))
            following = self.take("+", "-")
            if following is None:
                return terms
            sign = -1.0 if following == "-" else 1.0

    def _plain_number(self, token: _Token) -> float | None:
        if token.quote == "`" or (token.quote == '"' and token.text in self.columns):
            return None
        found = number(token.text)
        return float(found) if np.isfinite(found) else None

    def _comparison(self, left: list[Any], sign: str, right: list[Any]) -> Comparison:
        columns = [
            self.columns[token.text]
            for _, token, plain in (*left, *right)
            if plain is None and token.quote != "'" and token.text in self.columns
        ]
        categorical = [column.name for column in columns if not column.ordered]
        if categorical:
            raise self.error(f"{categorical[0]!r} is categorical; comparisons and sums are of numbers or dates", "")
        dates = [column for column in columns if column.kind == "date"]
        sides = [self._side(side, dates) for side in (left, right)]
        if not columns:
            raise self.error("no column stands in a comparison of it; there are " + shortened(self.columns), "")
        if dates and (net := sides[0][1] - sides[1][1]):
            raise self.error(
                f"dates are compared with dates, and their differences with days (here {abs(net):g} too many on one side)",
                "accepted: end >= start, end - start <= 30, end >= 2020-01-31, end = start + days",
            )
        if not sides[0][0].terms:  # columns first, whatever side they were written on
            sides, sign = sides[::-1], _FLIPPED.get(sign, sign)
        comparison = Comparison(sides[0][0], sign, sides[1][0])
        whole = all(column.kind != "real" for column in columns)
        if sign == "=" and not whole and len(columns) > 1:
            first = comparison.left.terms[0][1] if len(comparison.left.terms) == 1 else None
            if first is not None and self.columns[first].kind == "integer":
                raise self.error(f"{first!r} is integer and is to equal a sum of real numbers; let it be real", "")
        return comparison

    def _side(self, terms: list[Any], dates: list[Column]) -> tuple[Side, float]:
        """The side in numbers, and how many dates it adds up to."""
        found: list[tuple[float, str]] = []
        constant = net = 0.0
        for factor, token, plain in terms:
            if plain is not None:
                constant += factor * plain * (DAY if dates else 1)
            elif token.quote != "'" and token.text in self.columns:
                column = self.columns[token.text]
                net += factor if column.kind == "date" else 0
                found.append((factor * (DAY if dates and column.kind != "date" else 1), column.name))
            elif dates and np.isfinite(when := _moment(token.text, dates)):
                constant, net = constant + factor * when, net + factor
            elif token.quote == "'":
                raise self.error(f"{token.text!r} is no number" + (" and no date" if dates else ""))
            else:
                self.column(token)
        return Side(tuple(found), constant), net


def _among(column: Column, values: Sequence[Any], negated: bool) -> Among:
    if column.ordered:
        return Among(column.name, numbers=tuple(values), negated=negated)
    return Among(column.name, texts=tuple(values), negated=negated)


def _moment(text: str, dates: Sequence[Column]) -> float:
    """The second of a date as it stands in a rule: of ISO 8601, or in the format of one of the columns; NaN if it is none."""
    for form in (None, *(column.format for column in dates)):
        found = moment(text, form)
        if np.isfinite(found):
            unit = max(seconds(column) for column in dates)
            return float(np.floor(found / unit) * unit)
    return float("nan")


def tests_of(given: Mapping[str, Any], columns: Sequence[Column], what: str) -> tuple[Among, ...]:
    """Tests that columns have the values given, as `sample(given=...)` takes them.

    what: what a message calls it. Raises SchemaError as `rules_of` does.
    """
    found = []
    for name, value in given.items():
        parser = _Parser(f"{name}={value}", None, {column.name: column for column in columns}, (), what)
        column = parser.column(_Token(str(name), "`"))
        found.append(_among(column, [parser.value(column, _Token(canonical(value), "'"))], False))
    return tuple(found)
