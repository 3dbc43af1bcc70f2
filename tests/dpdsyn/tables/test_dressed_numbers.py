"""Numbers and dates in another dress are told of to their owner, and nobody is asked whether they are the person."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from dpdsyn.draft import draft_schema
from dpdsyn.tables.dressed_numbers import dressed
from dpdsyn.tables.kinds import Kind, guessed

ROWS = 3000


def of(cells: list[str], name: str = "x") -> Kind:
    return guessed(pd.Series(cells, dtype="str", name=name))


def numbers(rows: int = ROWS) -> list[int]:
    return np.random.default_rng(0).integers(1, 40_000, rows).tolist()


DRESSES: dict[str, tuple[Callable[[int], str], str]] = {
    "per cent": (lambda n: f"{n / 10}%", "numbers with a % sign: write them as plain numbers, such as -1234.5, and draft again"),
    "per cent, German": (lambda n: f"{n // 10},{n % 10} %", "numbers with a % sign and a comma: "),
    "dollars": (lambda n: f"${n:,}", "with a currency sign and a comma: "),
    "cents": (lambda n: f"-US$ {n:,}.50", "with a currency sign and commas between thousands: "),
    "euros": (lambda n: f"\u20ac {n}", "numbers with a currency sign: "),
    "euros behind": (lambda n: f"{n:,}".replace(",", ".") + ",50 EUR", "with a currency sign, "),
    "spaces": (lambda n: f"{n:,}".replace(",", " "), "different ones with spaces between thousands: "),
    "narrow spaces": (lambda n: f"{n:,}".replace(",", "\u202f"), "different ones with spaces between thousands: "),
    "apostrophes": (lambda n: f"{n:,}".replace(",", "\u2019"), "different ones with apostrophes between thousands: "),
    "parentheses": (lambda n: f"({n})" if n % 3 else str(n), "different ones with parentheses for a minus: "),
    "minus": (lambda n: f"\u2212{n}" if n % 3 else str(n), "different ones with a minus of another character: "),
    "minus behind": (lambda n: f"{n}-" if n % 3 else str(n), "different ones with a minus behind: "),
    "kilograms": (lambda n: f"{n % 300} kg", "numbers with a unit: "),
    "several units": (lambda n: f"{n % 300} {'kg' if n % 2 else 'lb'}", "all in one unit (2 stand there), and draft again"),
    "full width": (lambda n: "".join(chr(0xFF10 + int(digit)) for digit in str(n)), "numbers with digits of another script: "),
    "Arabic": (lambda n: "".join(chr(0x660 + int(digit)) for digit in str(n)), "numbers with digits of another script: "),
    "durations": (lambda n: f"{n // 1000}:{n % 60:02d}:{n * 7 % 60:02d}", "durations, which are no numbers here: write them as"),
    "two forms of dates": (
        lambda n: (pd.Timestamp(2010, 1, 1) + pd.Timedelta(days=n % 5000)).strftime("%Y-%m-%d" if n % 2 else "%d/%m/%Y"),
        "dates written in 2 forms (",
    ),
    "infinite": (
        lambda n: f"{n}.5" if n % 50 else ("inf", "-inf")[n % 4 // 2],
        "are infinite: as missing ones name them (--missing=-inf",
    ),
    "commas": (lambda n: f"{n},5", "numbers with commas: say `--decimal ,`"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_numbers_in_another_dress_are_told_of_and_are_no_person(dress: str) -> None:
    wear, words = DRESSES[dress]
    found = of(list(map(wear, numbers())))
    assert found.spec == {"kind": "categorical"} and not found.repeats
    (remark,) = found.remarks
    assert words in remark and remark.endswith("so it is taken for categories")


@pytest.mark.parametrize("dress", ["per cent", "dollars", "narrow spaces", "infinite", "two forms of dates"])
def test_a_draft_to_be_replaced_leaves_such_columns_out_and_counts_no_cell(dress: str) -> None:
    wear, _ = DRESSES[dress]
    cells = list(map(wear, numbers()))
    text = draft_schema(pd.DataFrame({"x": cells, "y": ["no", "yes"] * (ROWS // 2), "z": ["a", "b"] * (ROWS // 2)}), "t")
    line = next(line for line in text.splitlines() if line.startswith("  - x # READ OFF THE ROWS: "))
    assert "draft again" in line and f"{len(set(cells)):,}" not in line and "# person: COLUMN" in text


def test_a_few_that_are_no_numbers_are_counted() -> None:
    (remark,) = of([*(f"{n}%" for n in range(100)), "unknown"]).remarks
    assert "numbers with a % sign but for 1 of 101 different cells (if they stand for missing ones: --missing TEXT): " in remark


def test_a_name_that_says_person_is_asked_about_whatever_its_cells_wear() -> None:
    assert of([f"{n:,}".replace(",", " ") for n in numbers()], "patient_id").repeats


NO_NUMBERS: dict[str, Callable[[int], str]] = {
    "codes": lambda n: f"C{n}",
    "codes of digits": lambda n: f"{n:06d}",
    "codes with a unit": lambda n: f"{n:06d} kg",
    "telephones": lambda n: f"+49 {100 + n % 900} {100 + n * 7 % 900}",
    "ranges": lambda n: f"{n % 90}-{n % 90 + 9}",
    "flights": lambda n: f"KLM {n % 900}",
    "house numbers": lambda n: f"{n % 90}{'abcdefg'[n % 7]}",
    "streets": lambda n: f"{n % 90} {('Main', 'High', 'Park', 'Mill')[n % 4]} Street",
    "versions": lambda n: f"{n % 9}.{n % 7}.{n % 5}",
    "doses": lambda n: f"{5 * (n % 4)} mg",  # so few that they are classes
    "plain": lambda n: f"{n / 7}",
    "remarks": lambda n: f"{n} and a half",
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_other_texts_are_no_numbers(kind: str) -> None:
    texts = {NO_NUMBERS[kind](number) for number in numbers(400)}
    assert dressed(pd.Series(sorted(texts), dtype="str")) is None


def test_codes_are_asked_about_as_before() -> None:
    assert of([f"C{n}" for n in numbers()]).repeats and of([f"{n:06d}" for n in numbers()]).repeats


def test_whole_numbers_too_large_for_a_quantity_are_told_of() -> None:
    (remark,) = of([str(10**16 + n % 300) for n in numbers()]).remarks
    assert "numbers, 300 of 300 different ones beyond 10^15, as ids are, so it is taken for categories" in remark
    assert "if they measure something, write them in a larger unit" in remark
