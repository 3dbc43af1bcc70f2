"""Numbers in another dress, such as 12 %, $30,000, (300) or 70 kg, which are read as texts: what to tell a table's owner."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from dpdsyn.tables.date_forms import NEARLY, spread
from dpdsyn.tables.identifiers import FEW

_TRIED = 200  # different texts that are tried before all are
_MOST_UNITS = 3  # words behind numbers; more are no units
_CHARACTERS = str.maketrans(
    {"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"}
    | dict.fromkeys("\u2018\u2019\u02bc\u2032`\u00b4", "'")
    | {"\u066a": "%", "\u066b": ".", "\u066c": "'", "\u03bc": "u"}
)
_PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SYMBOL = r"(?:[A-Z]{0,3}[$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0e3f\u20a0-\u20cf])"
_CURRENCY = (
    rf"(?:{_SYMBOL}|EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|RUB|TRY|AUD|CAD|NZD|BRL|MXN|ZAR|SGD|HKD|KRW|Fr\.?|Rs\.?)"
)
_WORD = r"\u00b0?[^\W\d_]{1,12}\.?[23]?"
_UNIT = rf"{_WORD}(?:(?:[/ ]| / ){_WORD})?|\u00b0"
_GROUPS = r"[1-9]\d{0,2}(?:(?P<mark>[ ',._])\d{3})(?P<more>(?:(?P=mark)\d{3})+)?|[1-9]\d?(?P<indian>(?:,\d\d)+,\d{3})"
_NUMBER = rf"(?:(?:{_GROUPS}|(?P<whole>\d+))(?P<fraction>[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?"
_DRESSED = re.compile(
    rf"(?P<open>\()? ?(?P<sign>[+-])? ?(?P<before>{_CURRENCY})? ?(?P<inner>-)?(?P<number>{_NUMBER})"
    rf" ?(?:(?P<percent>[%\u2030])|(?P<after>{_CURRENCY})|(?P<unit>{_UNIT}))?(?P<behind>-)?(?P<close> ?\))?"
)
_CODE = re.compile(r"0\d")
_DURATION = re.compile(r"-?(?:(?P<days>\d+ days?),? )?\+?(?P<hours>\d{1,5}):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?", re.ASCII)
_DAY = 24  # hours
_MARKS = {" ": "spaces between thousands", "'": "apostrophes between thousands", "_": "underscores between thousands"}
_MARKS |= {",": "commas between thousands", ".": "points between thousands"}


@dataclass(frozen=True)
class Dressed:
    """what: the column, in words that tell of no number of cells. worn: how many of the different texts wear a dress.

    unlike: how many are no number even so. of: how many there are.
    """

    what: str
    advice: str
    worn: int
    unlike: int
    of: int

    @property
    def told(self) -> str:
        """For the texts' owner alone."""
        some = f", {self.worn:,} of {self.of:,} different ones" if self.worn < self.of - self.unlike else ""
        others = f" but for {self.unlike:,} of {self.of:,} different cells (if they stand for missing ones: --missing TEXT)"
        begins, _, rest = self.what.partition(" ")
        return f"{begins}{some} {rest}{others if self.unlike else ''}: {self.advice}"

    @property
    def reason(self) -> str:
        """The same without numbers of cells."""
        return f"{self.what}: {self.advice}"


@dataclass(frozen=True)
class _Dress:
    """names: of what a text wears besides a number, none for a plain number. unit: the word behind it. code: it is no number."""

    names: tuple[str, ...] = ()
    unit: str | None = None
    code: bool = False


def dressed(texts: pd.Series) -> Dressed | None:
    """What different texts are of which nearly all are numbers once signs, units and marks are taken off; None if they are not.

    None also where all that are numbers are plain ones, and where some are codes, such as 007.
    """
    few = spread(texts, _TRIED)
    return _durations(texts, few) or _numbers(texts, few)


def _numbers(texts: pd.Series, few: list[str]) -> Dressed | None:
    if 2 * sum(_dress(text) is not None for text in few) < len(few):
        return None
    found = [_dress(text) for text in texts]
    units = {dress.unit for dress in found if dress is not None and dress.unit is not None}
    if len(units) > _MOST_UNITS or len(texts) <= FEW:
        found = [None if dress is not None and dress.unit is not None else dress for dress in found]
    present = [dress for dress in found if dress is not None]
    names = Counter(name for dress in present for name in dress.names)
    unlike = len(texts) - len(present)
    if not names or unlike > (1 - NEARLY) * len(texts) or any(dress.code for dress in present):
        return None
    worn = [name for name, _ in names.most_common()]
    listed = " and ".join([", ".join(worn[:-1]), worn[-1]] if worn[1:] else worn)
    advice = "write them as plain numbers, such as -1234.5, and draft again"
    if len(units) > 1 and "a unit" in names:
        advice = f"write them as plain numbers, such as -1234.5, all in one unit ({len(units)} stand there), and draft again"
    return Dressed(f"numbers with {listed}", advice, sum(bool(dress.names) for dress in present), unlike, len(texts))


def _durations(texts: pd.Series, few: list[str]) -> Dressed | None:
    """Hours and minutes that are no times of day, for some are more than a day."""
    if 2 * sum(_DURATION.fullmatch(text) is not None for text in few) < len(few):
        return None
    found = [match for text in texts if (match := _DURATION.fullmatch(text)) is not None]
    unlike = len(texts) - len(found)
    if unlike > (1 - NEARLY) * len(texts) or not any(match["days"] or int(match["hours"]) >= _DAY for match in found):
        return None
    return Dressed(
        "durations, which are no numbers here",
        "write them as numbers, of hours for one, and draft again",
        len(found),
        unlike,
        len(texts),
    )


def _dress(text: str) -> _Dress | None:
    """What a text wears that is a number underneath; None if it is none."""
    if _PLAIN.fullmatch(text):
        return _Dress(code=_CODE.match(text.lstrip("+-")) is not None)
    found = _DRESSED.fullmatch(text if text.isascii() else usual(text))
    if found is None or (found["open"] is None) != (found["close"] is None):
        return None
    if sum(found[name] is not None for name in ("open", "sign", "inner", "behind")) > 1:
        return None
    if found["sign"] == "+" and found["mark"] == " ":  # +49 123 456 is called, and not counted
        return None
    return _Dress(tuple(_names(text, found)), found["unit"], _CODE.match(found["number"]) is not None)


def _names(text: str, found: re.Match[str]) -> list[str]:
    mark = "," if found["indian"] else found["mark"]
    counts = mark is not None and (mark not in ",." or found["more"] or found["indian"] or found["fraction"])
    worn = {
        "a % sign": found["percent"],
        "a currency sign": found["before"] or found["after"],
        "a unit": found["unit"],
        _MARKS.get(mark or "", ""): counts,
        "a comma": not counts and (mark == "," or (found["fraction"] or "").startswith(",")),
        "parentheses for a minus": found["open"],
        "a minus behind": found["behind"],
        "a minus of another character": "-" in found[0] and "-" not in text,
        "digits of another script": any(not sign.isascii() and sign.isdecimal() for sign in text),
        "a space behind the sign": found["sign"] and found[0].lstrip("(").startswith(found["sign"] + " "),
    }
    return [name for name, is_worn in worn.items() if is_worn]


def usual(text: str) -> str:
    """With ASCII digits, one character for all minus signs, one for all spaces and one for all apostrophes."""
    plain = unicodedata.normalize("NFKC", text).translate(_CHARACTERS)
    return "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in plain)
