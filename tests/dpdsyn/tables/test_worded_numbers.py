"""Numbers, durations and times in words and signs that are not read are told of, whatever their form; what is none is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dpdsyn.tables.kinds import guessed

N = [37 * n % 97 + 1 for n in range(400)]
SECOND = [(11 * n + n // 97) % 60 for n in range(400)]


def remarks(form: str, name: str = "x", second: list[int] = SECOND) -> tuple[str, ...]:
    """Of a column in which {0} stands for numbers from 1 to 97 and {1} for others from 0 to 59."""
    return guessed(pd.Series([form.format(*pair) for pair in zip(N, second, strict=True)], name=name, dtype="str")).remarks


FORMS = {
    "durations": ["{0}h {1:02d}m", "{0} h {1} min", "PT{0}H{1}M", "{0}:{1:02d}.250", "{0} Stunden, {1} Minuten", "P{0}D"],
    "weeks, quarters or other parts of years": [
        *("20{1:02d}-W{0:02d}", "20{1:02d}Q3", "Q2 20{1:02d}", "KW {0}/2023", "3. Quartal 20{1:02d}", "FY{1:02d}", "20{1:02d}H1"),
        *("19{1:02d}/{1:02d}", "19{1:02d}-20{1:02d}", "2024-1{1:02d}"),
    ],
    "ranks or numbers in words": ["#{0}", "No. {0}", "Nr. {0}"],
    "numbers of which some have a sign": ["<{0}", "> {0}.5", "~{0}", "{0}+", "ca. {0}", "≥{0}"],
    "ranges of numbers": ["{0}-{1}", "{0} to {1}", "[{0}, {1})"],
    "numbers with a second one beside them": ["{0} ± {1}", "{0}.5 ({1} - 99)", "{0} ({1} %)", "{0} [{1}]"],
    "pairs of coordinates": [
        "52.{0:04d}, 13.{1:04d}",
        "(52.{0:04d}, -13.{1:04d})",
        "52.{0:04d} 13.{1:04d}",
        "POINT(52.{0:03d} 1.{1:03d})",
    ],
    "numbers with a power of ten": ["{0}.5 x 10^6", "{0}·10^-3"],
    "several numbers in one": ["{0}x{1}", "{0} × {1} × 7 cm"],  # noqa: RUF001
    "numbers of several units": ["{0} ft {1} in", "{0} lb {1} oz"],
    "two numbers with a colon": ["1:{0}{1:02d}"],
    "numbers in quotation marks": ["'{0}{1:02d}", '="{0}"'],
    "numbers with a fraction in one character": ["{0}½"],
    "dates of years that another calendar has": ["13{1:02d}/06/31", "۱۴۰۱/۰۶/{1:02d}"],
}


@pytest.mark.parametrize(("said", "form"), [(said, form) for said, forms in FORMS.items() for form in forms])
def test_each_form_is_told_of(said: str, form: str) -> None:
    (remark,) = remarks(form)
    assert remark.startswith(said) and "draft again" in remark


def test_numbers_beside_them_are_no_other_form() -> None:
    for texts, said in (
        ([*map(str, N), "<5", "70+"], "numbers of which some have a sign"),
        ([*map(str, range(60)), *(f"{n}-{n + 4}" for n in range(60, 99))], "ranges of numbers"),
    ):
        (remark,) = guessed(pd.Series(texts * 3, name="x", dtype="str")).remarks
        assert remark.startswith(said)


def test_roman_numerals_and_words_are_told_of_where_there_are_many() -> None:
    roman = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV"]
    words = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "twenty-one",
    ]
    for texts, said in ((roman, "Roman numerals"), (words, "ranks or numbers in words")):
        (remark,) = guessed(pd.Series(texts * 9, name="x", dtype="str")).remarks
        assert remark.startswith(said)
    assert guessed(pd.Series(roman[:4] * 9, name="stage", dtype="str")).remarks == ()


def test_ordinals_in_digits_are_told_of() -> None:
    ends = {1: "st", 2: "nd", 3: "rd"}
    (remark,) = guessed(pd.Series([f"{n}{ends.get(n % 10, 'th')}" for n in N], name="x", dtype="str")).remarks
    assert remark.startswith("ranks or numbers in words")


def test_what_differs_in_digits_alone_is_told_of_last() -> None:
    (remark,) = guessed(pd.Series([f"{n} {'of' if n % 2 else 'in'} 97" for n in N], name="x", dtype="str")).remarks
    assert remark.startswith("texts of one form (0 of 0 or 0 in 0) in which digits alone differ")


@pytest.mark.parametrize(
    "texts",
    [
        ["0-9", "10-19", "20-29", "30-39", "40+"],
        ["Q1", "Q2", "Q3", "Q4"],
        [f"{a}{b}" for a in "ABCDEFGH" for b in "KLMNOP"],
        [f"{letter}{n % 10}" for n, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")],
        ["mix", "did", "mild", "lid", "dim", "civil", "vivid", "mid", "dill", "mill", "livid", "idl", "cm", "dm"],
    ],
)
def test_bands_codes_and_words_are_left_alone(texts: list[str]) -> None:
    assert guessed(pd.Series(texts * 9, name="x", dtype="str")).remarks == ()


@pytest.mark.parametrize(("form", "afternoon"), [("{0:02d}:{1:02d}:30", 0), ("{0:02d}:{1:02d}", 0), ("{0:02d}:{1:02d}", 12)])
def test_clock_times_that_begin_with_0_and_never_reach_the_afternoon_may_be_durations(form: str, afternoon: int) -> None:
    texts = [form.format(n % 3 + (afternoon if n % 2 else 0), second) for n, second in enumerate(SECOND)]
    found = guessed(pd.Series(texts, name="took", dtype="str"))
    assert found.spec["kind"] == "date"
    assert [remark.startswith("times of day by their look") for remark in found.remarks] == [True] * (afternoon == 0)


@pytest.mark.parametrize(
    ("name", "first", "step", "said"),
    [
        ("created_at", 1_600_000_000, 977, "numbers that may count seconds since 1970"),
        ("timestamp", 1_600_000_000_000, 977_111, "numbers that may count milliseconds since 1970"),
        ("Visit Date", 44_000, 3, "numbers that may count days since 1900, as spreadsheets do"),
        ("income", 44_000, 3, None),
        ("start", 100, 3, None),
    ],
)
def test_numbers_that_are_called_times_may_count_them(name: str, first: int, step: int, said: str | None) -> None:
    numbers = np.repeat(first + step * np.arange(200), 2)
    found = guessed(pd.Series(numbers.astype(str), name=name, dtype="str"))
    assert found.spec["kind"] == "integer"
    assert [remark.partition(":")[0] for remark in found.remarks] == ([] if said is None else [said])


def test_dates_of_years_that_are_not_looked_for_are_told_of() -> None:
    days = pd.Series(pd.date_range("2001-01-01", periods=300).strftime("25%y-%m-%d"), name="x", dtype="str")
    (remark,) = guessed(days).remarks
    assert "of another calendar" in remark or "another calendar has" in remark
