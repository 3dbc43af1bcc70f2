"""What a file is, by its first bytes: a table that is read, or something else, with what to do about that."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any

from dpdsyn.parquet import ENDING
from experiments.data.errors import DataError
from experiments.data.workbook import is_workbook

_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
          (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
_READ = 1 << 16  # bytes
_PARQUET = b"PAR1"
_SAVE = "save the table as CSV (UTF-8), .xlsx or Parquet"
_PACKED = {
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("zstd", "unzstd"),
    b"7z\xbc\xaf": ("7-Zip", "7z x"),
    b"Rar!\x1a": ("RAR", "unrar x"),
}
_OTHERS = {
    b"ARROW1": "an Arrow or Feather file",
    b"FEA1": "a Feather file",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
    b"\x89HDF": "an HDF5 file",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls) or another file of Office",
    b"$FL2": "a file of SPSS",
    b"<stata_dta>": "a file of Stata",
}
_GZIP = b"\x1f\x8b"
_JSON = re.compile(rb"\s*(?:\[\s*)*\{\s*[\"}]")
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|\?xml|table)", re.IGNORECASE)
_DEEP = 4  # folders within one another


def is_parquet(path: Path) -> bool:
    """By its first bytes, whatever its name; so is a folder of Parquet files. Raises DataError for what cannot be a table."""
    if path.is_dir() and any(path.glob(f"*{ENDING}")):
        return True
    found = first_bytes(path).startswith(_PARQUET)
    if found and _named_packed(path):
        raise DataError(f"{path} is a Parquet file that is packed by gzip, which is not read; unpack it (gunzip)")
    return found


def first_bytes(path: Path) -> bytes:
    """The first bytes of the (unpacked) file. Raises DataError for what can be no table."""
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.is_dir():
        raise DataError(_of_folder(path))
    if not path.is_file():
        raise DataError(f"{path} is a pipe or a device, which can be read only once; write it to a file first")
    try:
        with opened(path) as file:
            start = file.read(_READ)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error})") from error
    if not start.strip():
        raise DataError(f"{path} is empty")
    if not is_workbook(path) and (what := _no_table(path, start)) is not None:
        raise DataError(f"{path} {what}")
    return start


def start_of_text(path: Path, encoding: str) -> bytes:
    """The first bytes of a text file. Raises DataError for what cannot be one."""
    start = first_bytes(path)
    wide = codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))
    if mark(start) is None and not wide and b"\x00" in start:
        if (meant := _without_mark(start)) is not None:
            raise DataError(
                f"{path} looks like {meant[:6].upper()} text without a byte-order mark; say so: --encoding {meant} (of "
                f"`dpdsyn run` dataset.read.encoding={meant})"
            )
        raise DataError(
            f"{path} is a binary file, neither CSV nor Parquet (a NUL byte is at offset {start.index(0)}); unpack it if it is "
            f"packed, else {_SAVE}"
        )
    return start


def mark(start: bytes) -> str | None:
    """The encoding that a byte-order mark says."""
    return next((encoding for sign, encoding in _MARKS if start.startswith(sign)), None)


def opened(path: Path) -> Any:
    """The file, unpacked if its name says that it is packed by gzip."""
    import gzip

    return gzip.open(path, "rb") if _named_packed(path) else path.open("rb")


def _named_packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def _of_folder(path: Path) -> str:
    """What a folder is that holds no Parquet file, and what to name instead."""
    for depth in range(1, _DEEP):
        below = next(iter(sorted(path.glob("*/" * depth + f"*{ENDING}"))), None)
        if below is not None:
            parts = below.relative_to(path)
            columns = [name.partition("=")[0] for name in parts.parts[:-1] if "=" in name]
            lost = f"; the column {', '.join(columns)} stands in their names and in no file" if columns else ""
            return (
                f"{path} is a folder of folders with Parquet files ({parts} for one){lost}. Write it as one file or as files of "
                f"one folder, as pandas.read_parquet({str(path)!r}).to_parquet('table.parquet') does"
            )
    return f"{path} is a folder without Parquet files (*{ENDING}); name a CSV or Parquet file, or a folder of Parquet files"


def _no_table(path: Path, start: bytes) -> str | None:
    """What a file is that is no table here, and what to do; None where it may be one."""
    if start.startswith(b"PK\x03\x04"):
        return "is a zip archive or a damaged workbook; unpack it, or save the table as CSV (UTF-8), .xlsx or Parquet"
    if start.startswith(_GZIP):
        return "is packed by gzip; give it a name that ends in .gz" if not _named_packed(path) else "is packed twice; unpack it"
    if _JSON.match(start) or (path.suffix.lower() in (".json", ".jsonl", ".ndjson") and start.lstrip()[:1] in (b"[", b"{")):
        lines = ", lines=True" if re.match(rb"\s*\{[^\n]*\}\s*\n\s*\{", start) else ""
        read = f"pandas.read_json({str(path)!r}{lines})"
        return f"is JSON, which is not read; write it as CSV or Parquet, as {read}.to_parquet('table.parquet') does"
    if _MARKUP.match(start):
        return f"is a web page or XML, whatever its name; {_SAVE}"
    if _is_text(start):
        return None
    packed = next((by for sign, by in _PACKED.items() if start.startswith(sign)), None)
    if packed is not None:
        return f"is packed by {packed[0]}, which is not read; unpack it ({packed[1]}), or pack it by gzip as .csv.gz"
    other = next((kind for sign, kind in _OTHERS.items() if start.startswith(sign)), None)
    return None if other is None else f"is {other}, which is not read; {_SAVE}"


def _is_text(start: bytes) -> bool:
    """Whether the bytes are UTF-8 without a NUL, but for a last character that may be cut."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeError:
        return False
    return b"\x00" not in start


def _without_mark(start: bytes) -> str | None:
    """The encoding that NUL bytes tell of, where they stand in every other place."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) < len(start) / 8 or min(even, odd) > max(even, odd) / 8:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"
