"""Columns of every kind that people have: what their cells are, how a CSV file writes them, and the schema that fits them."""

from __future__ import annotations

import random
import string
import unicodedata
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fuzzing.meaning import said

WORDS = [
    *("red", "green", "blue", "Ünal", "é", "e\u0301", "日本", "x y", "a,b", "a;b", "a\tb", 'say "hi"', '"', "l1\nl2",),
    *("l1\r\nl2", "c\rd", "a|b"),
    *("#", "- a", "a: b", "{x}", "[y", "~", "*", "&a", "!t", "%", "@", "`", "'q'", "\\n", "🙂", "\u200b", "\ufeffz", "\xa0b"),
    *("other", "drop", "learn", "own_code", "missing", "true story", "1 day", "3+", "<5", "1-2", "n.a.", "?", "-", "."),
    *("=1+1", "|"),
]  # fmt: skip
TRICKY = [
    "NA",
    "None",
    "null",
    "nan",
    "NaN",
    "N/A",
    "NULL",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "inf",
    "x",
    "0x1F",
    "1_000",
    "1e3x",
    "<NA>",
]
FORMS = ["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%Y%m%d"]
ZONES = ["Europe/Oslo", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "UTC", "Asia/Tokyo"]
YES_NO = [("yes", "no"), ("ja", "nein"), ("oui", "non"), ("да", "нет"), ("Y", "N"), ("はい", "いいえ"), ("J", "N"), ("on", "off")]


@dataclass(frozen=True)
class Drawn:
    """One column. cells: plain values, None where missing. texts: how a CSV file with decimal points writes them.

    spec: what a schema file says of it, closed; open_spec: the same with the rest left to be learnt. drafted: kinds that a draft
    may guess from the texts, none where any will do. numeric: whether texts are numbers, which a file may write with decimal
    commas. made: that it is an id, which schemas ignore.
    """

    kind: str
    cells: list[Any]
    texts: list[str | None]
    spec: dict[str, Any]
    open_spec: dict[str, Any] = field(default_factory=dict)
    drafted: tuple[str, ...] = ()
    numeric: bool = False
    made: bool = False


Kind = Callable[[random.Random, int], Drawn]


def _different(r: random.Random, values: Sequence[Any], most: int) -> list[Any]:
    found = {said(value): value for value in r.sample(list(values), min(len(values), 3 * most))}
    return list(found.values())[:most]


def _categories(kind: str, r: random.Random, n: int, listed: list[Any], texts: Callable[[Any], str], drafted: str = "") -> Drawn:
    cells = [r.choice(listed) if r.random() < 0.7 else listed[0] for _ in range(n)]
    spec = {"kind": "categorical", "categories": listed}
    if r.random() < 0.15:
        spec["emit_other"] = True
    return Drawn(kind, cells, [texts(cell) for cell in cells], spec, {"kind": "categorical"}, (drafted,) if drafted else ())


def words(r: random.Random, n: int) -> Drawn:
    pool = [*WORDS, *("".join(r.choices(string.ascii_letters, k=r.randint(1, 8))) for _ in range(8)), *_odd(r)]
    return _categories("words", r, n, _different(r, pool, r.randint(2, 7)), str, "")


def _odd(r: random.Random) -> list[str]:
    """Texts of any characters that a CSV file and a Parquet file can hold."""
    made = (
        "".join(chr(r.choice([r.randint(32, 0x2FF), r.randint(0x300, 0xD7FF), r.randint(0xE000, 0x1FFFF)])) for _ in range(3))
        for _ in range(4)
    )
    return [text for text in made if text.strip() and all(unicodedata.category(c) not in ("Cs", "Cn") for c in text)]


def tricky(r: random.Random, n: int) -> Drawn:
    return _categories("tricky", r, n, _different(r, TRICKY, r.randint(2, 6)), str)


def yes_no(r: random.Random, n: int) -> Drawn:
    return _categories("yes or no", r, n, list(r.choice(YES_NO)), str, "categorical")


def codes(r: random.Random, n: int) -> Drawn:
    width = r.randint(3, 6)
    listed = _different(r, [f"{r.randint(0, 10 ** (width - 1) - 1):0{width}d}" for _ in range(12)], r.randint(2, 6))
    return _categories("codes", r, n, listed, str, "categorical")


def clock_codes(r: random.Random, n: int) -> Drawn:
    return _categories("clock codes", r, n, ["12:30", "7:05", "0o17", "1.2.3", "1e400", "+1-2"][: r.randint(2, 6)], str)


def versions(r: random.Random, n: int) -> Drawn:
    """Texts that are numbers to a careless reader: 1.10 and 1.1 are two of them."""
    return _categories("versions", r, n, _different(r, ["1.10", "1.1", "2.0x", "1.01", "10", "1e2", "0.50", "v1"], 5), str)


def truths(r: random.Random, n: int) -> Drawn:
    written = r.choice([("True", "False"), ("true", "false"), ("TRUE", "FALSE")])
    drawn = _categories("truths", r, n, [True, False], lambda cell: written[0] if cell else written[1], "categorical")
    return replace(drawn, spec={"kind": "categorical", "categories": [True, False], "other": False})


def listed_numbers(r: random.Random, n: int) -> Drawn:
    pool = [Decimal(x) for x in ("0.5", "1", "1.5", "2", "2.25", "10", "-1", "0", "1000", "0.1", "-0.25", "100000")]
    listed = _different(r, pool, r.randint(2, 6))
    spell = r.choice([0, 2, None])
    drawn = _categories("listed numbers", r, n, listed, lambda cell: _spelt(r, cell, spell))
    return replace(drawn, numeric=True, open_spec={})


def listed_ids(r: random.Random, n: int) -> Drawn:
    base = 2**53 + r.randint(1, 2**60)
    return _categories("large codes", r, n, [base + i for i in range(r.randint(2, 5))], str)


def mixed(r: random.Random, n: int) -> Drawn:
    drawn = _categories("mixed", r, n, [1, 2, Decimal("2.5"), "3+", "none"][: r.randint(4, 5)], str, "categorical")
    return replace(drawn, numeric=True)


def listed_dates(r: random.Random, n: int) -> Drawn:
    first = date(r.randint(1900, 2030), r.randint(1, 12), r.randint(1, 28))
    drawn = _categories("listed dates", r, n, [first + timedelta(days=31 * i) for i in range(r.randint(2, 5))], str)
    return replace(drawn, open_spec={})


def _spelt(r: random.Random, number: Decimal | int, decimals: int | None = None) -> str:
    """A number as people write it; with so many decimals, or in any way."""
    number = Decimal(number)
    plain = f"{number:f}"
    if decimals is not None and number == round(number, decimals):
        return f"{number:.{decimals}f}"
    ways = [plain, plain, plain]
    if "." in plain:
        ways += [plain + "0", plain.replace("0.", ".", 1) if plain.startswith(("0.", "-0.")) else plain, f"{number:e}"]
    elif abs(number) < 10**6:
        ways += [plain + ".0", plain + ".00", f"{number:.6e}"]
    return r.choice([*ways, plain if number <= 0 else "+" + plain])


def _numbers(kind: str, r: random.Random, cells: list[Any], whole: bool, decimals: int | None, drafted: tuple[str, ...]) -> Drawn:
    low, high = min(map(float, cells), default=0.0), max(map(float, cells), default=1.0)
    low, high = float(int(low) - 1), float(int(high) + r.choice([1, 5]))
    spec: dict[str, Any] = {"kind": "integer" if whole else "real", "bounds": [low, high], "bins": r.randint(1, 12)}
    if whole:
        spec |= {"bounds": [int(low), int(high)], "bins": min(spec["bins"], int(high - low))}
    if r.random() < 0.25 and high - low > 200 and spec["bins"] < 8:
        spec["scale"] = "log"
    texts = [
        _spelt(r, cell, decimals) if decimals is not None else (_spelt(r, cell) if r.random() < 0.2 else f"{Decimal(cell):f}")
        for cell in cells
    ]
    return Drawn(kind, cells, texts, spec, {"kind": spec["kind"]}, drafted, numeric=True)


def whole(r: random.Random, n: int) -> Drawn:
    low = r.choice([0, -5, 18, -(10**6)])
    return _numbers(
        "whole", r, [r.randint(low, low + r.choice([5, 90, 10**6])) for _ in range(n)], True, r.choice([0, 0, None]), ("integer",)
    )


def skewed(r: random.Random, n: int) -> Drawn:
    cells = [int(min(r.paretovariate(0.8), 10**7)) - 1 for _ in range(n)]
    return _numbers("skewed", r, cells, True, 0, ("integer",))


def real(r: random.Random, n: int) -> Drawn:
    decimals, size = r.randint(1, 6), 10 ** r.randint(0, 4)
    cells = [Decimal(r.randint(-size * 10**decimals, size * 10**decimals)).scaleb(-decimals) for _ in range(n)]
    return _numbers("real", r, cells, False, r.choice([decimals, None]), ("real", "integer", "categorical"))


def money(r: random.Random, n: int) -> Drawn:
    cells = [r.choice([Decimal("9.99"), Decimal(0), Decimal("0.50"), Decimal(r.randint(0, 10**7)) / 100]) for _ in range(n)]
    return _numbers("money", r, cells, False, 2, ("real", "integer", "categorical"))


def cut(r: random.Random, n: int) -> Drawn:
    drawn = whole(r, n)
    cuts = sorted({r.randint(0, 50), r.choice([51.5, 60, 1e3])})
    spec = {"kind": "categorical", "cut_at": cuts, "categories": ["low", "middle", "high"][: len(cuts) + 1]}
    return replace(drawn, kind="cut", spec=spec, open_spec={}, drafted=())


def _form(r: random.Random) -> str | None:
    return r.choice([None, None, *FORMS])


def days(r: random.Random, n: int) -> Drawn:
    form, year = _form(r), r.choice([1900, 1969, 1990, 2020, 2024])
    cells = [date(year, 1, 1) + timedelta(days=r.randint(0, r.choice([40, 4000]))) for _ in range(n)]
    spec: dict[str, Any] = {"kind": "date", "bounds": [f"{year - 1}-01-01", f"{year + 12}-12-31"], "bins": r.randint(1, 30)}
    spec |= {} if form is None else {"format": form}
    open_spec = {key: value for key, value in spec.items() if key in ("kind", "format")}
    return Drawn(
        "days", cells, [cell.isoformat() if form is None else cell.strftime(form) for cell in cells], spec, open_spec, ("date",)
    )


def moments(r: random.Random, n: int) -> Drawn:
    name, unit = r.choice([("second", 1), ("minute", 60), ("hour", 3600)])
    first = datetime(r.choice([1969, 1999, 2024]), 1, 1)
    cells = [first + timedelta(seconds=unit * r.randint(0, r.choice([1000, 3 * 10**7]) // unit)) for _ in range(n)]
    form = r.choice([None, None, "%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y %H:%M:%S"])
    separator = r.choice("T ")
    texts = [cell.isoformat(separator) if form is None else cell.strftime(form) for cell in cells]
    closed = {"kind": "date", "bounds": ["1960-01-01", "2030-12-31"], "bins": r.randint(1, 200)}
    extra = {} if form is None else {"format": form}
    return Drawn("moments", cells, texts, closed | extra, {"kind": "date", "resolution": name} | extra, ("date",))


def zoned(r: random.Random, n: int) -> Drawn:
    zone = r.choice([ZoneInfo(r.choice(ZONES)), timezone(timedelta(minutes=r.choice([-570, 330, 0, 845])))])
    first = datetime(2024, r.randint(1, 12), 1, tzinfo=UTC)
    cells = [(first + timedelta(minutes=r.randint(0, 10**5))).astimezone(zone) for _ in range(n)]
    spec = {"kind": "date", "bounds": ["2023-01-01", "2025-12-31"], "bins": r.randint(100, 400)}
    texts = [cell.isoformat(r.choice("T ")) for cell in cells]
    return Drawn("zoned", cells, texts, spec, {"kind": "date", "resolution": "minute"}, ("date",))


def clocks(r: random.Random, n: int) -> Drawn:
    seconds = r.random() < 0.4
    cells = [time(r.randint(0, 23), r.randint(0, 59), r.randint(0, 59) if seconds else 0) for _ in range(n)]
    form = "%H:%M:%S" if seconds else "%H:%M"
    spec = {"kind": "date", "format": form, "resolution": "second" if seconds else "minute"}
    return Drawn("clocks", cells, [cell.strftime(form) for cell in cells], spec, spec, ())


def constant(r: random.Random, n: int) -> Drawn:
    value = r.choice(["DE", 1, Decimal("2.5"), "x"])
    spec = {"kind": "categorical", "categories": [value, "another"]}
    return Drawn("constant", [value] * n, [str(value)] * n, spec, {"kind": "categorical"}, numeric=not isinstance(value, str))


def free_text(r: random.Random, n: int) -> Drawn:
    cells = [" ".join(r.choices([*WORDS, "the", "patient", "was"], k=r.randint(1, 30))) + f" {i}" for i in range(n)]
    cells = [" ".join(cell.split()) for cell in cells]
    return Drawn(
        "free text", cells, list(cells), {"kind": "categorical", "categories": ["a", "b"]}, {"kind": "categorical"}, (), made=True
    )


def ids(r: random.Random, n: int) -> Drawn:
    rng = r.choice([lambda i: str(uuid.UUID(int=r.getrandbits(128), version=4)), lambda i: f"C{i:05d}", lambda i: 10**6 + i])
    cells = [rng(i) for i in range(n)]
    return Drawn("ids", cells, list(map(str, cells)), {"kind": "id"}, {"kind": "id"}, (), made=True)


def persons(r: random.Random, n: int) -> Drawn:
    """Whose row it is, of people who have several; one person may be spelt in several ways."""
    few = [r.choice([i, 10**6 + i, f"{2**53 + i}", f"P{i:03d}", f"{i:05d}", f"Zoë {i}"]) for i in range(max(n // 2, 1))]
    cells = [r.choice(few) for _ in range(n)]
    texts = [
        r.choice([f"{cell}", f"{cell}.0"]) if isinstance(cell, int) else unicodedata.normalize(r.choice(["NFC", "NFD"]), cell)
        for cell in cells
    ]
    return Drawn("persons", cells, list(texts), {"kind": "id"}, {"kind": "id"}, (), made=True)


KINDS: tuple[Kind, ...] = (
    words, tricky, yes_no, codes, clock_codes, versions, truths, listed_numbers, listed_ids, mixed, listed_dates, whole, skewed,
    real,
    money, cut, days, moments, zoned, clocks, constant, free_text, ids, persons,
)  # fmt: skip


def drawn(r: random.Random, n: int, share_missing: float) -> Drawn:
    """A column of n cells, of which such a share is missing, and its spec says by which rule."""
    column = r.choice(KINDS)(r, n)
    if column.made:
        return column
    gone = [r.random() < share_missing for _ in range(n)]
    cells = [None if absent else cell for cell, absent in zip(column.cells, gone, strict=True)]
    texts = [None if absent else text for text, absent in zip(column.texts, gone, strict=True)]
    rule = (
        r.choice(["own_code", "own_code", "own_code", "drop", None])
        if share_missing
        else r.choice([None, None, "own_code", "drop"])
    )
    more = {"missing": rule} if rule else {}
    open_spec = {**column.open_spec, **({"missing": "own_code"} if share_missing else {})} if column.open_spec else {}
    return replace(column, cells=cells, texts=texts, spec={**column.spec, **more}, open_spec=open_spec)
