"""The table of an Excel workbook (.xlsx), every cell as text, by openpyxl, which is in the extra `excel`.

A workbook's one sheet with cells is read, names in its first row that is not empty. Dates at midnight are days; other moments,
and times of day, are written as ISO 8601 has them. Of a formula its saved value counts.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from experiments.data.errors import DataError


def is_workbook(path: Path) -> bool:
    """Whether the file is an Excel workbook, by what is in it, whatever its name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def workbook_rows(path: Path, mark: str = ".") -> tuple[list[str], list[list[str | None]]]:
    """(names, rows of cells as texts, None where nothing stands). Rows without any cell are passed over.

    mark: the decimal mark that numbers are written with.

    Raises DataError without openpyxl, for a file that is damaged, and for what is not one table: several sheets with cells, cells
    beyond the names, formulas whose values were not saved.
    """
    name, table = _sheet(path, mark)
    if not table:
        raise DataError(f"{path} is empty")
    (first, names), rows = table[0], table[1:]
    while names and names[-1] is None:
        names = names[:-1]
    for number, cells in rows:
        if any(cell is not None for cell in cells[len(names) :]):
            raise DataError(
                f"{path}, sheet {name!r}, row {number}: has cells to the right of the names, which row {first} holds; one table "
                "alone is read, names in its first row"
            )
    width = len(names)
    padded = [(cells + [None] * width)[:width] for _, cells in rows]
    return [cell or "" for cell in names], padded


def _sheet(path: Path, mark: str) -> tuple[str, list[tuple[int, list[str | None]]]]:
    """Name of the only sheet with cells, and its rows that have some, each with its number."""
    openpyxl = _openpyxl(path)
    try:
        values, formulas = (openpyxl.load_workbook(path, read_only=True, data_only=only) for only in (True, False))
        with_cells = {}
        for sheet in values.worksheets:
            rows = [
                (number, cells) for number, cells in enumerate(_texts(sheet, mark), start=1) if any(c is not None for c in cells)
            ]
            if rows:
                with_cells[str(sheet.title)] = rows
        if len(with_cells) > 1:
            raise DataError(f"{path} has the sheets {', '.join(with_cells)}; one table is read, so keep one of them")
        for name, rows in with_cells.items():
            _refuse_unsaved(path, formulas[name], name, dict(rows))
        values.close()
        formulas.close()
    except DataError:
        raise
    except Exception as error:  # openpyxl has errors of many kinds for damaged files
        raise DataError(
            f"{path} cannot be read as a workbook ({type(error).__name__}: {error}); save it again as .xlsx"
        ) from error
    return next(iter(with_cells.items()), ("", []))


def _openpyxl(path: Path) -> Any:
    try:
        import openpyxl
    except ImportError:
        raise DataError(
            f"{path} is an Excel workbook, and openpyxl, which reads them, is not installed: pip install 'dpdsyn[excel]', or "
            "save the table as CSV (UTF-8) or Parquet"
        ) from None
    return openpyxl


def _refuse_unsaved(path: Path, sheet: Any, name: str, values: dict[int, list[str | None]]) -> None:
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        for i, cell in enumerate(cells):
            if isinstance(cell, str) and cell.startswith("=") and (values.get(number, []) + [None] * (i + 1))[i] is None:
                raise DataError(
                    f"{path}, sheet {name!r}, row {number}: holds a formula whose value was not saved; open the file in a "
                    "spreadsheet program and save it, or paste values"
                )


def _texts(sheet: Any, mark: str) -> Iterator[list[str | None]]:
    for cells in sheet.iter_rows(values_only=True):
        yield [_text(cell, mark) for cell in cells]


def _text(cell: Any, mark: str) -> str | None:
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, datetime):
        at_midnight = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
        return cell.date().isoformat() if at_midnight else cell.isoformat(" ")
    if isinstance(cell, float):
        return repr(cell).replace(".", mark)
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)
