"""Texts that say numbers, durations or times in words and signs that are not read: what to tell a table's owner of them.

Taken for categories they lose their order, and where nearly each is different all of them are lost. So what looks so is named,
by its form, and the last form is any in which digits alone differ.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd

from dpdsyn.tables.date_forms import NEARLY, are_months, dates_of, spread
from dpdsyn.tables.dressed_numbers import usual
from dpdsyn.tables.identifiers import FEW, words_of
from dpdsyn.tables.packed_cells import packed
from dpdsyn.tables.quantities import quantities_as_texts

_TRIED = 40  # different texts that are tried before all are
_LONGEST = 60  # characters
_MOST_FORMS = 3  # in which digits alone differ
_N = r"[+-]?(?:\d+(?:[.,]\d+)?|[.,]\d+)"
_TIMES = (
    r"y|yrs?|years?|mos?|months?|mths?|w|wks?|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms|std|stunden?|"
    r"jahre?|monate?|wochen?|tage?n?|minuten?|sekunden?|ans?|mois|jours?|heures?|años?|mes(?:es)?|días?|horas?|minutos?"
)
_DURATION = rf"(?:\d+(?:[.,]\d+)? ?(?:{_TIMES})\.?(?:[ ,]+(?:and |und |et |y )?)?)+"
_ISO_DURATION = r"-?P(?=.)(?:\d+(?:[.,]\d+)?[YMWD])*(?:T(?:\d+(?:[.,]\d+)?[HMS])+)?"
_STOPPED = r"(?:\d{1,3}:)?\d{1,3}:[0-5]\d[.,]\d+"
_YEAR = r"(?:1[6-9]|20|21)\d\d"
_PART = r"(?:q|w|h|s|t|kw|cw|wk|week|quarter|half|semester|sem|trim(?:ester)?)"
_PERIOD = (
    rf"{_YEAR}[-/ _]?{_PART}[-/ _]?\d\d?(?:-[1-7])?|{_PART}[-/ _]?\d\d?[-/ _,']+(?:\d\d|{_YEAR})"
    rf"|\d\d?(?:\.|st|nd|rd|th)? ?(?:quartal|halbjahr|quarter|half|semester|trimest\w*|woche|week)[-/ _,]+{_YEAR}"
    rf"|(?:fy|gj|sy|ay)[-/ _]?(?:\d\d|{_YEAR})|{_YEAR}[-/](?:\d\d|{_YEAR})|(?:1[6-9]|20|21)\d0s|{_YEAR}-[0-3]\d\d"
)
_ROMAN = r"(?=[MDCLXVI])M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})"
_UP_TO_TWELVE = (
    "zero one two three four five six seven eight nine ten eleven twelve first second third fourth fifth sixth seventh eighth "
    "ninth tenth eleventh twelfth null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf erste zweite dritte vierte "
    "fünfte sechste siebte achte neunte zehnte elfte zwölfte"
)
_BEYOND = "thir four fif six seven eigh nine"  # teen
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORD = (
    rf"(?:{'|'.join(_UP_TO_TWELVE.split())}|(?:{'|'.join(_BEYOND.split())})teen(?:th)?|(?:{'|'.join(_TENS.split())})|"
    rf"(?:{'|'.join(word[:-1] for word in _TENS.split())})ieth|hundred(?:th)?|thousand(?:th)?)"
)
_RANK = rf"\d+ ?(?:st|nd|rd|th|er|e|ème|ª|º)\.?|(?:#|no\.?|nr\.?|n°) ?\d+|{_WORD}(?:[- ](?:and )?{_WORD})*"
_LESS, _MORE = (
    r"(?:[<>~≈≤≥=]=?|ca\.?|approx\.?|about|over|under|unter|über|bis|up to|at least)",
    r"(?:\+|or more|or less|and more)",
)
_CUT = rf"{_LESS} ?{_N}|{_N} ?{_MORE}"
_PLAIN = _N
_RANGE = rf"[\[(]?{_N} ?(?:-|\.\.+|,|;|to|bis|until|à)+ ?{_N}[\])]?"
_SPREAD = rf"{_N} ?(?:±|\+/-|\+-) ?{_N} ?%?|{_N} ?%? ?[\[(]{_N}(?: ?%)?(?: ?(?:-|,|;|to) ?{_N}(?: ?%)?)?[\])]"
_BETWEEN, _DEGREES = r"(?: ?[,;/] ?| +)", r"[+-]?\d{1,3}[.,]\d{3,}"
_PLACE = rf"(?:[a-z]+ ?)?\(? ?{_DEGREES}{_BETWEEN}{_DEGREES}(?:{_BETWEEN}{_N})? ?\)?"
_POWER = rf"{_N} ?[x×*·] ?10 ?(?:\^|\*\*)? ?[+-]?\d+"  # noqa: RUF001
_PRODUCT = rf"{_N}(?: ?[x×*] ?{_N})+(?: ?[a-z]{{1,3}})?"  # noqa: RUF001
_UNITS = r"(?:\d+(?:[.,]\d+)? ?[^\W\d_]{1,12}\.?[ ,]*){2,}"
_RATIO = r"\d+(?:[.,]\d+)? ?: ?\d+(?:[.,]\d+)?"
_QUOTED = rf"'{_N}'?|=?\"{_N}\"|\"\"{_N}\"\""
_EAST = r"(?:1[34]|2[4-6])\d\d[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.](?:1[34]|2[4-6])\d\d"
_VULGAR = r"\d* ?[¼-¾⅐-⅞]"
_NAMES_OF_TIMES = {
    *("date", "dates", "datum", "fecha", "day", "time", "times", "zeit", "zeitpunkt", "datetime", "timestamp", "ts"),
    *("epoch", "unix", "created", "updated", "modified", "at", "dob", "birth", "birthday", "birthdate", "start", "end", "begin"),
    *("admission", "discharge", "visit"),
}
_SECONDS = (4e8, 2.2e9)  # since 1970, of 1982 to 2039
_SPREADSHEET_DAYS = (7_000, 60_000)  # since 1900, of 1919 to 2064
_AS_DATES = "if so, write them as 2024-03-31, or 2024-03-31 17:45:00, and draft again; else they are numbers as any others"
_BEGINS = re.compile(r"[(\[+-]?0.* ")
_NUMBERS = "write them as plain numbers and draft again"


@dataclass(frozen=True)
class _Form:
    """beside: what texts may be besides, if a quarter of them are of this form. raw: matched as written, in other digits too."""

    pattern: re.Pattern[str]
    said: str
    beside: re.Pattern[str] | None = None
    least: float = 0.25
    raw: bool = False


def _form(
    pattern: str, said: str, beside: str | None = None, least: float = 0.25, raw: bool = False, exact: bool = False
) -> _Form:
    flags = re.NOFLAG if exact else re.IGNORECASE
    return _Form(re.compile(pattern, flags), said, None if beside is None else re.compile(beside), least, raw)


_FIRST = (
    _form(
        _EAST,
        "dates of years that another calendar has, the Persian, Islamic or Buddhist one maybe: write them as 2024-03-31, in the "
        "Gregorian one, and draft again",
    ),
    _form(
        _PERIOD,
        "weeks, quarters or other parts of years, whose order is lost among categories: write the first day of each, as "
        "2024-04-01, or a plain number, and draft again",
    ),
    _form(
        _CUT,
        "numbers of which some have a sign such as < or + beside them: write their limit as a plain number, and draft again; "
        "what the sign says may be a column of its own",
        _PLAIN,
        0.0,
    ),
)
_LAST = (
    _form(_VULGAR, f"numbers with a fraction in one character: {_NUMBERS}", _PLAIN, raw=True),
    _form(
        f"{_DURATION}|{_ISO_DURATION}|{_STOPPED}",
        "durations, which are no numbers here: write them as plain numbers of one unit, of minutes for one, and draft again",
        r"\d+:[0-5]\d(?::[0-5]\d)?",
    ),
    _form(_ROMAN, f"Roman numerals, whose order is lost among categories: {_NUMBERS}", exact=True),
    _form(_RANK, f"ranks or numbers in words, whose order is lost among categories: {_NUMBERS}", _PLAIN),
    _form(_POWER, "numbers with a power of ten: write them as 1.5e6, and draft again", _PLAIN),
    _form(
        _PLACE,
        "pairs of coordinates, each pair taken for a category of its own: give each number a column of its own, and draft again",
    ),
    _form(
        _SPREAD, "numbers with a second one beside them: give each a column of its own, as plain numbers, and draft again", _PLAIN
    ),
    _form(
        _RANGE,
        "ranges of numbers, whose order is lost among categories: write one plain number for each, its lower end for one, and "
        "draft again",
        rf"{_PLAIN}|{_CUT}",
    ),
    _form(_PRODUCT, "several numbers in one: give each a column of its own, as plain numbers, and draft again"),
    _form(_UNITS, "numbers of several units: write them as plain numbers of one unit, and draft again"),
    _form(_RATIO, "two numbers with a colon between them: write one plain number, or two columns, and draft again"),
    _form(_QUOTED, f"numbers in quotation marks: {_NUMBERS}", _PLAIN),
)


def measures_as_texts(texts: pd.Series) -> str | None:
    """Of different texts that are numbers or dates in whatever dress, what to say to an owner."""
    return (
        _of_forms(texts, _FIRST) or quantities_as_texts(texts) or packed(texts) or _of_forms(texts, _LAST) or _other_digits(texts)
    )


def _of_forms(texts: pd.Series, forms: tuple[_Form, ...]) -> str | None:
    if len(texts) <= FEW or are_months(texts):
        return None
    few = [text.strip() for text in spread(texts, _TRIED)]
    for form in forms:
        if _fit(few, form)[0] and _fit([text.strip() for text in texts], form)[1]:
            return form.said
    return None


def _fit(texts: list[str], form: _Form) -> tuple[bool, bool]:
    """Whether half of the texts are of a form or what may stand beside it; and whether nearly all are, and enough of the form."""
    written = [text if form.raw else usual(text) for text in texts if len(text) <= _LONGEST]
    of_form = sum(form.pattern.fullmatch(text) is not None for text in written)
    beside = 0
    if form.beside is not None:
        beside = sum(form.beside.fullmatch(text) is not None and form.pattern.fullmatch(text) is None for text in written)
    enough = of_form > 0 and of_form >= form.least * len(texts)
    return 2 * (of_form + beside) >= len(texts), enough and of_form + beside >= NEARLY * len(texts)


def _other_digits(texts: pd.Series) -> str | None:
    """Of dates in digits of another script."""
    if len(texts) <= FEW or str(texts.iloc[0]).isascii():
        return None
    plain = pd.Series(list(map(usual, texts)), dtype="str")
    if plain.equals(pd.Series(list(texts), dtype="str")) or dates_of(plain) is None:
        return None
    return "dates in digits of another script: write them as 2024-03-31 and draft again"


def moments_as_numbers(name: str, numbers: np.ndarray) -> str | None:
    """Of different whole numbers of a column that is called a date or a time, what to say if they may count seconds or days."""
    words = set(words_of(name))
    if len(numbers) <= FEW or not words & _NAMES_OF_TIMES:
        return None
    low, high = float(numbers.min()), float(numbers.max())
    for unit, times in (("seconds", 1.0), ("milliseconds", 1e3), ("microseconds", 1e6)):
        if _SECONDS[0] * times <= low and high <= _SECONDS[1] * times:
            return f"numbers that may count {unit} since 1970: {_AS_DATES}"
    if _SPREADSHEET_DAYS[0] <= low and high <= _SPREADSHEET_DAYS[1]:
        return f"numbers that may count days since 1900, as spreadsheets do: {_AS_DATES}"
    return None


def one_form(texts: pd.Series) -> str | None:
    """Of different texts that begin with a number and are of words in which digits alone differ, what to say to an owner."""
    if len(texts) <= FEW:
        return None
    forms = Counter(re.sub(r"\d+", "0", text.strip()) for text in texts)
    common = [form for form, times in forms.most_common(_MOST_FORMS) if _BEGINS.match(form) and times > 2]
    if sum(forms[form] for form in common) < NEARLY * len(texts):
        return None
    return (
        f"texts of one form ({' or '.join(common)}) in which digits alone differ, so it is taken for categories: if they count "
        "or measure something, write that as a plain number and draft again"
    )
