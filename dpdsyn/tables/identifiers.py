"""Whole numbers that name something and measure nothing: ids, and codes such as zip codes. One rule for all drafts.

A column's name, which is public, says most; cells say only that a column counts rows, or holds long numbers that are all
different. Where neither says anything a number is taken for a quantity.
"""

from __future__ import annotations

import re
from typing import Literal

import numpy as np

Naming = Literal["id", "code"]

FEW = 12  # a column of no more different numbers holds classes, whatever its name says
_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
_IDS = {"id", "ids", "uid", "pid", "uuid", "guid", "identifier", "ssn", "mrn", "iban"}
_OF_SOMEBODY = re.compile(
    r"(account|case|client|customer|employee|household|member|order|patient|person|record|row|student|subject|user)ids?"
)
_CODES = {
    "zip",
    "zipcode",
    "zcta",
    "postcode",
    "postal",
    "postalcode",
    "plz",
    "postleitzahl",
    "fips",
    "phone",
    "telephone",
    "tel",
}
_YEARS = {"year", "yr", "jahr"}
_SOMEBODY = (
    "patient|client|customer|person|user|member|subject|student|pupil|employee|worker|respondent|participant|household|donor|"
    "applicant|borrower|insured|beneficiary|taxpayer|citizen|account|cardholder|kunde|kundin|mitglied|versicherte|nutzer|benutzer|"
    "teilnehmer|proband|schüler|mitarbeiter|haushalt"
)
_NUMBER = "ids?|no|nr|num|number|nummer|key|code|ref|hash"
_PERSON = re.compile(rf"(?:{_SOMEBODY})(?:s|n|r|in|innen)?")
_OF_PERSON = re.compile(rf"(?:{_SOMEBODY})[a-zäöü]{{0,3}}(?:{_NUMBER})")
_OWN = {"mrn", "ssn", "pid", "nhs", "email", "username", "login", "iban", "pseudonym"}
_OF = {"of", "der", "des", "von", "per"}  # the age of the patient is no patient
_COUNTED = {"n", "num", "number", "count", "total", "anzahl"}  # that begin the name of how many there are
QUANTITIES = {"date", "datum", "day", "month", "year", "time", "age", "amount", "price", "cost", "weight", "income", "salary"}
_UNNAMED = re.compile(r"__index_level_\d+__")
_UNNAMED_IN_TEXT = re.compile(r"Unnamed: \d+")
_ROWS = 20  # so many, all different, before cells say anything
_FEW_PLACES = 100  # different ids of things, of which each has many rows, are categories
MANY_EACH = 100  # cells of a value, in the mean
_DIGITS = 8
ID_REMARK = "whole numbers that look like ids, so it is left out; if it says whose row it is, name it as `person`"
CODE_REMARK = "whole numbers that look like codes, so they are taken for categories and not for quantities"
PLACES_REMARK = (
    "numbers that look like ids, few different ones of many rows each, so they are taken for categories; if they name people, "
    "put it under `ignore` or name it as `person`"
)
INDEX_REMARK = (
    "what pandas calls row numbers that have no name, so it is left out; if it says whose row it is, name it as `person`; if it "
    "measures something, give it a name"
)


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters, but for those that stand right behind a digit: 3Ssn is no social security number."""
    found = [word for word in _WORDS.finditer(name) if not name[: word.start()][-1:].isdigit()]
    return [word.group().casefold() for word in found]


def is_person(words: list[str]) -> bool:
    """Whether a name, such as patient, client_id or Kunden-Nr, is that of a person or of a person's id."""
    if not words or set(words) & (_OF | QUANTITIES):
        return False
    if len(words) > 1 and words[0] in _COUNTED and words[-1].endswith("s"):  # num_accounts; num_client may be a number of one
        return False
    joined = "".join(words[-2:])
    return (
        _PERSON.fullmatch(words[-1]) is not None
        or bool(set(words) & _OWN)
        or any(_OF_PERSON.fullmatch(text) for text in (words[-1], joined))
        or (words[0] == "id" and len(words) == 2 and _PERSON.fullmatch(words[1]) is not None)
    )


def _are_places(name: str, different: int, rows: int) -> bool:
    """Whether ids are few and each has many rows, as plots and stations have; of people, and of an id without a name, never."""
    words = words_of(name)
    few = different <= _FEW_PLACES and rows > MANY_EACH * different
    return few and not is_person(words) and not set(words) <= _IDS


def is_unnamed_index(name: str, whole: bool) -> bool:
    """Whether a column is called as pandas calls an index without a name. whole: whether it holds whole numbers."""
    return bool(_UNNAMED.fullmatch(name) or (whole and _UNNAMED_IN_TEXT.fullmatch(name)))


def naming(name: str, numbers: np.ndarray | None = None, rows: int = 0) -> Naming | None:
    """What the whole numbers of a column are, if they are no quantities.

    numbers: the different ones, shape (different,), of so many cells; None where only the name is known.
    """
    if numbers is not None and (len(numbers) <= FEW or (numbers % 1 != 0).any()):
        return None
    words = set(words_of(name))
    if words & _YEARS and (numbers is None or (numbers.min() >= 1800 and numbers.max() <= 2100)):
        return None
    if words & _IDS or any(map(_OF_SOMEBODY.fullmatch, words)):
        return "code" if numbers is not None and _are_places(name, len(numbers), rows) else "id"
    all_differ = numbers is not None and len(numbers) == rows >= _ROWS
    if words & _CODES:
        return "id" if all_differ else "code"
    if numbers is None or not all_differ:
        return None
    counts_rows = numbers.max() - numbers.min() == rows - 1
    return "id" if counts_rows or numbers.min() >= 10 ** (_DIGITS - 1) else None
