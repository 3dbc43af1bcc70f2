"""In which form texts are dates, moments or times of day, and on which grid of minutes they lie: guesses, for drafts alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd

from dpdsyn.reading.times_of_day import is_time_of_day

_TRIED = 200  # different texts that are tried before all are
_FEW = 20  # of them tried to find a form that nearly all have, or several forms
_ENOUGH = 20  # different times of day from which on a grid of several minutes is no accident
NEARLY = 0.9  # such a share of different cells that are dates, or numbers, is worth a remark
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M Uhr")
_DAYS = ("%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d", "%d-%m-%Y", "%m-%d-%Y")
_SHORT_DAYS = ("%d.%m.%y", "%m/%d/%y", "%d/%m/%y", "%d-%m-%y", "%m-%d-%y")  # 69 to 99 are of the 20th century
_NAMED_MONTHS: tuple[str, ...] = (
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d. %b %Y",
    "%d. %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d-%b-%y",
)
_NAMED_MONTHS += ("%d%b%Y", "%d%b%y", "%d %b %y", "%d/%b/%Y", "%d-%B-%Y", "%b %d %Y", "%B %d %Y", "%Y-%b-%d", "%Y %b %d")
_NAMED_DAYS = ("%A, %B %d, %Y", "%a, %b %d, %Y", "%A, %d %B %Y", "%a, %d %b %Y", "%A %d %B %Y", "%a %d %b %Y", "%a %b %d %Y")
_WITH_CLOCK = tuple(
    f"{day}{between}{clock}" for day in ("%Y-%m-%d", *_DAYS, *_SHORT_DAYS) for between in (" ", "T") for clock in _CLOCKS
)
_NAMED_WITH_CLOCK = tuple(
    f"{day}{between}{clock}"
    for day in (*_NAMED_MONTHS, *_NAMED_DAYS)
    for between in (" ", ":")  # a colon in what SAS writes, and web servers
    for clock in _CLOCKS[:4]
)
_NAMED = (*_NAMED_MONTHS, *_NAMED_DAYS, *_NAMED_WITH_CLOCK, "%a %b %d %H:%M:%S %Y")  # the last is C's ctime
_DIGITS = {"%Y%m%d": 8, "%Y%m%d%H%M": 12, "%Y%m%d%H%M%S": 14}  # of forms that are nothing else
_FORMS = (None, *_WITH_CLOCK, *_DAYS, *list(_DIGITS)[1:], *_SHORT_DAYS, *_NAMED, *_CLOCKS)  # None is ISO 8601
_NAMELESS = tuple(form for form in _FORMS if form not in _NAMED)
_ENGLISH = re.compile(
    r"(?=.*\d)(?:.*[\W\d_])?(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)(?![^\W\d_])",
    re.IGNORECASE,
)
_FROM_ZERO = 0.1  # of different times, in the first hour; of the whole day a twenty-fourth is
_AFTERNOON = 0.05  # of different times; a larger share from 13:00 on makes them times of day
_ISO_DAY = r"^\d{4}-\d\d-\d\d$"
_ISO = r"^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)$"
ZONED = "moments of a time zone; the day and the time are those written down, and the zone is left out"
SHORT_YEARS = "years of two digits: 69 to 99 are read as 1969 to 1999, 00 to 68 as 2000 to 2068"


_MONTH, _YEAR = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[^\W\d_]*\.?", r"(?:18|19|20|21)\d\d"
_ELSEWHERE = r"(?:gen|ene|fév|fev|abr|avr|mrt|maj|mei|mag|jui|giu|lug|ago|aoû|set|ott|out|des|déc|dic)[^\W\d_]*\.?"
_NAMED_MONTH = rf"(?:{_MONTH}|{_ELSEWHERE})"
_BEHIND = r"(?:[ T,:]+\d\d?[:.h]\d\d.*)?"  # a time of day, and whatever follows it
_UNREAD = re.compile(
    rf"(?:[^\W\d_]+\.?,? )?(?:\d\d?(?:st|nd|rd|th|\.|º|er)?[-/ ]*(?:(?:de|of) )?{_NAMED_MONTH}[-/ ,]*(?:de )?{_YEAR}"
    rf"|{_NAMED_MONTH}[-/ ]*\d\d?(?:st|nd|rd|th)?[-/ ,]+{_YEAR}"
    rf"|{_YEAR}[-/.]\d\d?[-/.]\d\d?|\d\d?[-/.]\d\d?[-/.]{_YEAR}){_BEHIND}",
    re.IGNORECASE,
)
_UNREAD_NOTE = (
    "most cells look like dates of a form that is not read: write them as 2024-03-31, or 2024-03-31 17:45:00, and draft again"
)
_MONTH_NUMBER = r"(?:19|20)\d\d(?:0[1-9]|1[012])"
_MONTHS_LEAST = 6  # different ones; fewer numbers may look so by chance
MONTH_NUMBERS = (
    "numbers that look like months of years (yyyymm), which are not read as dates, so it is taken for a quantity, in which "
    "December and January lie far apart; write a day for each, as 1962-08-01, and draft again"
)
_NO_DATES = re.compile(r"0000[-/.]?00[-/.]?00(?:[ T]?00:?00(?::?00(?:\.0+)?)?)?|00[-/.]00[-/.]0000(?: 00:00(?::00)?)?")
_CLOCK_OR_DURATION = (
    "times of day by their look, of which hardly any is 13:00 or later, so they may be minutes and seconds, or hours and "
    "minutes that something took: if so, write them as numbers, of seconds or hours for one, and draft again"
)
_OF_A_MONTH = re.compile(rf"{_MONTH}[-/ ,']*(?:\d\d)?\d\d|\d\d?[-/.]{_YEAR}|{_YEAR}[-/.](?:0\d|1[012])", re.IGNORECASE)
MONTHS = (
    "most cells look like months of a year, which are not read as dates, so it is taken for categories; write a day for each, as "
    "1962-08-01, and draft again"
)


@dataclass(frozen=True)
class Dates:
    """form: as of strptime, None for ISO 8601. moments: of the texts. also: another form that fits all of them as well.

    remarks: for the texts' owner.
    """

    form: str | None
    moments: pd.Series
    also: str | None = None
    remarks: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def is_clock(self) -> bool:
        """Whether they are times of day."""
        return is_time_of_day(self.form)

    @property
    def resolution(self) -> str | None:
        """How fine they are; None for days."""
        return resolution(self.moments) or ("hour" if self.is_clock else None)


def dates_of(texts: pd.Series) -> Dates | None:
    """The first form in which all of the different texts are dates or times of day; None if there is none."""
    if not len(texts) or not re.search(r"\d", str(texts.iloc[0])):
        return None
    for form in _forms_of([str(texts.iloc[0])]):
        if not _fits(str(texts.iloc[0]), form) or _moments(texts.head(_TRIED), form) is None:
            continue
        moments = _moments(texts, form)
        if moments is not None:
            other = swapped(form)
            also = None if other is None or _moments(texts, other) is None else other
            return Dates(form, moments, also, tuple(_remarks(form, texts, moments, also)), tuple(texts))
    return _iso(texts)


def _remarks(form: str | None, texts: pd.Series, moments: pd.Series, also: str | None) -> Iterator[str]:
    if also is not None:
        yield f"dates that fit {form} and {also} alike; the first is taken, so correct `format` if it is the other"
    if form in ("%H:%M", "%H:%M:%S") and _may_be_durations(texts):
        yield _CLOCK_OR_DURATION
    if form is not None and "%y" in form and (later := int((moments > pd.Timestamp.now()).sum())):
        yield (
            f"{SHORT_YEARS}, so that {later:,} of {len(moments):,} different dates lie in the future; if they are of people born "
            "before 1969, write four digits"
        )


def _may_be_durations(texts: pd.Series) -> bool:
    """Whether hardly one time of day is of the afternoon, and they have no zero in front, or many begin with 0 as counts do."""
    unpadded = bool(texts.str.match(r"\d:").any()) and not texts.str.match(r"0\d").any()
    from_zero = len(texts) >= _FEW and int(texts.str.match(r"00?:").sum()) > _FROM_ZERO * len(texts)
    return (unpadded or from_zero) and int(texts.str.match(r"1[3-9]|2\d").sum()) <= _AFTERNOON * len(texts)


def swapped(form: str | None) -> str | None:
    """The form that has the day where this one has the month and the month where it has the day; None for ISO and the like."""
    if form is None or not re.match(r"%[md][/-]%[md]", form):
        return None
    date, clock = form[:5], form[5:]
    return date.translate(str.maketrans("md", "dm")) + clock


def _forms_of(few: list[str]) -> tuple[str | None, ...]:
    """The forms that some of these texts may have: without names of months, where there are none."""
    return _FORMS if any(map(_ENGLISH.match, few)) else _NAMELESS


def _fits(text: str, form: str | None) -> bool:
    """Whether strptime, which reads such cells later, takes one of them."""
    if form is None:
        return re.match(_ISO_DAY, text) is not None
    if form.startswith("%Y%m%d") and not re.match(_of_digits(form), text):
        return False  # 018926 is a code
    if (":" in form) != (":" in text):
        return False  # as strptime would find out slowly
    try:
        return datetime.strptime(text.strip(), form) is not None
    except ValueError:
        return False


def _of_digits(form: str) -> str:
    """What texts begin with that are of a form that begins with the eight digits of a day; all of it, if there is nothing else.

    Longer ones, which may be ids, are dates of years of today.
    """
    digits = _DIGITS.get(form)
    return r"\d{8}" if digits is None else rf"\d{{{digits}}}$" if digits == 8 else rf"(?:19|20)\d{{{digits - 2}}}$"


def may_be_dates(texts: pd.Series) -> bool:
    """Whether texts that are numbers are all of as many digits as a date, or a date and a time of day, written without marks."""
    lengths = texts.str.len().unique()
    return len(lengths) == 1 and int(lengths[0]) in _DIGITS.values()


def _moments(texts: pd.Series, form: str | None) -> pd.Series | None:
    """The moments that the texts write in this form, or None if some do not."""
    if form is None and not texts.str.match(_ISO_DAY).all():
        return None
    if form is not None and form.startswith("%Y%m%d") and not texts.str.match(_of_digits(form)).all():
        return None
    moments = pd.to_datetime(texts, format=form or "ISO8601", errors="coerce")
    return None if moments.isna().any() else moments


def _iso(texts: pd.Series) -> Dates | None:
    """Of ISO 8601, some with a time of day and some without, or with a time zone."""
    if not texts.str.match(_ISO).all():
        return None
    moments = pd.to_datetime(texts.str.replace(_ZONE, "", regex=True), format="ISO8601", errors="coerce")
    zoned = texts.str.contains(r"\d\d:\d\d.*" + _ZONE, regex=True).any()
    return None if moments.isna().any() else Dates(None, moments, None, (ZONED,) if zoned else (), tuple(texts))


def spread(texts: pd.Series, most: int) -> list[str]:
    """So many of the texts, or all if there are fewer, from the first to the last."""
    places = np.unique(np.linspace(0, len(texts) - 1, min(most, len(texts))).astype(int))
    return [str(text) for text in texts.iloc[places]]


def unlike_dates(texts: pd.Series) -> tuple[int, str] | None:
    """Where nearly all of the different texts are dates of one form: how many are none, and what the others are."""
    few = spread(texts, _FEW)
    found = [(int((~_are_iso(texts)).sum()), "dates")]
    for form in _forms_of(few)[1:]:
        if 2 * sum(_fits(text, form) for text in few) > len(few):
            unlike = int((~_are(texts, form)).sum())
            found.append((unlike, f"times of day ({form})" if is_time_of_day(form) else f"dates ({form})"))
    unlike, what = min(found)
    return (unlike, what) if 0 < unlike <= (1 - NEARLY) * len(texts) else None


def several_forms(texts: pd.Series) -> list[str] | None:
    """Where nearly all of the different texts are dates of one form or another: the forms, the commonest first."""
    few = spread(texts, _FEW)
    if 2 * sum(re.search(r"\d", text) is not None for text in few) < len(few):
        return None
    fitting = [form for form in _forms_of(few) if form not in _CLOCKS and any(_fits(text, form) for text in few)]
    fit = {form: _are(texts, form) for form in fitting}
    chosen, covered = [], np.zeros(len(texts), dtype=bool)
    while fit:
        form = max(fit, key=lambda one: int((fit[one] & ~covered).sum()))
        more = fit.pop(form) & ~covered
        if not more.any():
            break
        chosen.append(form or "ISO 8601")
        covered |= more
    return chosen if len(chosen) > 1 and (~covered).sum() <= (1 - NEARLY) * len(texts) else None


def are_months(texts: pd.Series) -> bool:
    """Whether nearly all of the different texts name a month of a year, such as Aug-62 or 08/1962."""
    return len(texts) > 1 and sum(_OF_A_MONTH.fullmatch(text.strip()) is not None for text in texts) >= NEARLY * len(texts)


def are_month_numbers(texts: pd.Series) -> bool:
    """Whether all of the different texts, enough of them, are a year and a month, such as 201303."""
    return len(texts) >= _MONTHS_LEAST and bool(texts.str.fullmatch(_MONTH_NUMBER).all())


def unread_dates(texts: pd.Series) -> str | None:
    """Of different texts that look like days in words or forms that are not read, what to say to an owner."""
    few = spread(texts, _FEW)
    if 2 * sum(_UNREAD.fullmatch(text.strip()) is not None for text in few) < len(few) or len(texts) < 2:
        return None
    looking = sum(_UNREAD.fullmatch(text.strip()) is not None for text in texts)
    return _UNREAD_NOTE if looking >= NEARLY * len(texts) else None


def no_dates(texts: pd.Series) -> list[str]:
    """Those of the texts that databases write for a date that is missing, such as 0000-00-00."""
    return [text for text in map(str, texts) if _NO_DATES.fullmatch(text)]


def _are(texts: pd.Series, form: str | None) -> np.ndarray:
    """Which of the texts are dates of this form, shape (texts,), bool."""
    if form is None:
        return _are_iso(texts) & texts.str.match(_ISO_DAY).to_numpy(dtype=bool)
    dates = pd.to_datetime(texts, format=form, errors="coerce").notna().to_numpy(dtype=bool)
    return dates & texts.str.match(_of_digits(form)).to_numpy(dtype=bool) if form.startswith("%Y%m%d") else dates


def _are_iso(texts: pd.Series) -> np.ndarray:
    """Which of the texts are dates of ISO 8601, with a time of day or without, shape (texts,), bool; 2023-02-30 is none."""
    looks = texts.str.match(_ISO)
    plain = texts.where(looks).str.replace(_ZONE, "", regex=True).where(texts.str.contains(":", regex=False), texts.where(looks))
    return pd.to_datetime(plain, format="ISO8601", errors="coerce").notna().to_numpy(dtype=bool)


def resolution(moments: pd.Series) -> str | None:
    """How fine moments are, where they are finer than days; grids of several minutes where there are enough different ones."""
    clocks = moments.dt.hour * 3600 + moments.dt.minute * 60 + moments.dt.second
    return finest(np.unique(clocks), bool((moments.dt.microsecond != 0).any()))


def finest(seconds: np.ndarray, fractions: bool = False) -> str | None:
    """The coarsest resolution that keeps different times of day, in seconds since midnight; None if all are midnight."""
    if fractions or (seconds % 60 != 0).any():
        return "second"
    if not (seconds % 3600 != 0).any():
        return "hour" if (seconds != 0).any() else None
    steps = (30, 15, 10, 5) if len(seconds) >= _ENOUGH else ()
    return next((f"{step} minutes" for step in steps if not (seconds % (60 * step) != 0).any()), "minute")
