"""Columns that may say whose row it is: many different values, numbers or codes, that come up a few times each.

Whether one does only its owner knows, so a draft asks. A column's name says most: of one that is named like a person, or a
person's id, any repeats are asked about; of other ids, few each; where the name says nothing, cells have to look like ids: many,
none of them common, and, if they are numbers, spread evenly, as numbers that are given out are and quantities are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dpdsyn.tables.identifiers import naming

_WORDS = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![a-z])")
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
_QUANTITIES = {"date", "datum", "day", "month", "year", "time", "age", "amount", "price", "cost", "weight", "income", "salary"}
_LEAST = 20  # different values; fewer are classes, whatever the column is called
_FEW_EACH = 100  # cells of a value, in the mean, of what is named like an id and not like a person
_MANY, _EACH = 500, (1.02, 20.0)  # different values, and cells of each, of what is named like neither
_COMMON = 0.15  # of all cells, that the commonest hundredth of such values may have
_EVEN = 0.1  # largest distance of such numbers' distribution from an even one
_SHAPES = 5  # that such codes may have
_LONGEST = 40  # characters of a code
_LOOKED_AT = 5000  # different codes


@dataclass(frozen=True)
class Repeats:
    """different: how many values there are. cells: how many have one. most: those of the commonest value.

    likely: enough for a draft to be refused until it is answered. Of numbers whose name says nothing it is not, for they may be a
    quantity that is spread evenly: their owner is asked and may leave it at that.
    """

    different: int
    cells: int
    most: int
    likely: bool = True

    @property
    def told(self) -> str:
        """For the owner alone: it tells of rows."""
        each = self.cells / self.different
        return (
            f"values repeat: {self.different:,} different ones in {self.cells:,} rows, {each:.1f} each, at most {self.most:,}. "
            "Is this the `person`, whose rows they are? Without it the guarantee protects a row, and whoever has several is "
            "protected less"
        )


def repeats(name: str, values: Iterable[object], counts: np.ndarray, measures: bool = False) -> Repeats | None:
    """How often values repeat where the column may say whose row it is, else None.

    values: the different ones, numbers or texts, and counts of each, shape (different,). measures: whether texts are numbers or
    dates in another dress, so that the name alone can say so.
    """
    counts = np.asarray(counts)
    different, cells = len(counts), int(counts.sum())
    if different < _LEAST or cells == different or naming(name) == "code":
        return None
    words = [word.casefold() for word in _WORDS.findall(name)]
    each = cells / different
    if _is_person(words) or (naming(name) == "id" and each <= _FEW_EACH):
        return Repeats(different, cells, int(counts.max()))
    if measures or set(words) & _QUANTITIES or different < _MANY or not _EACH[0] <= each <= _EACH[1]:
        return None
    common = np.sort(counts)[-max(1, different // 100) :].sum()
    values = list(values)
    numbers = isinstance(values[0], int | float | np.number)
    alike = _are_even(values, counts) if numbers else _are_codes(values)
    return Repeats(different, cells, int(counts.max()), not numbers) if common <= _COMMON * cells and alike else None


def _is_person(words: list[str]) -> bool:
    """Whether a name, such as patient, client_id or Kunden-Nr, is that of a person or of a person's id."""
    if not words or set(words) & (_OF | _QUANTITIES):
        return False
    joined = "".join(words[-2:])
    return (
        _PERSON.fullmatch(words[-1]) is not None
        or bool(set(words) & _OWN)
        or any(_OF_PERSON.fullmatch(text) for text in (words[-1], joined))
        or (words[0] == "id" and len(words) == 2 and _PERSON.fullmatch(words[1]) is not None)
    )


def _are_even(values: list, counts: np.ndarray) -> bool:
    """Whether whole numbers are spread evenly from the least to the largest."""
    numbers = np.array(values, dtype=float)
    if (numbers % 1 != 0).any():
        return False
    order = np.argsort(numbers)
    numbers, shares = numbers[order], np.cumsum(counts[order]) / counts.sum()
    even = (numbers - numbers[0]) / (numbers[-1] - numbers[0])
    return bool(np.abs(shares - even).max() <= _EVEN)


def _are_codes(values: list) -> bool:
    """Whether texts are short, have digits, and look alike but for which letters and digits they have."""
    texts = [str(value).strip() for value in values[:_LOOKED_AT]]
    if not all(len(text) <= _LONGEST and re.search(r"\d", text) and " " not in text for text in texts):
        return False
    shapes = {re.sub(r"[^\W\d_]+", "a", re.sub(r"\d+", "9", text)) for text in texts}
    return len(shapes) <= _SHAPES or (len({len(text) for text in texts}) == 1 and len(texts[0]) >= 8)
