"""What to say of a cell that contradicts its column, to the table's owner."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from dpdsyn.reading.cells import canonical, is_single, number
from dpdsyn.reading.column import Column
from dpdsyn.reading.numerals import COMMA_HINT, DECIMAL_COMMA, POINT_HINT, STRAY_POINT
from dpdsyn.reading.reach import YEARS
from dpdsyn.reading.schema_values import shortened


def complaint(column: Column, cell: Any, named: str) -> str:
    """Why a cell is at fault, for its owner; `named` stands for the cell."""
    if not is_single(cell):
        return f"{named} is no single value but a {type(cell).__name__}"
    if column.ordered and isinstance(cell, timedelta | np.timedelta64):
        return f"{named} is a duration, and the schema says the column is {column.kind}; give it as a number, of days for one"
    if column.kind == "date":
        form = f"written as {column.format}" if column.format else "of ISO 8601 such as 2024-03-31 (others: state its `format`)"
        return f"{named} is not a date {form}, and the schema says the column is one"
    if column.ordered:
        if isinstance(cell, date | np.datetime64):
            return f"{named} is not a number but a date, and the schema says the column is {column.kind}"
        if np.isinf(number(cell)):
            return f"{named} is infinite, and no bounds are stated that it could be clipped to; state them, or give it as missing"
        text = canonical(cell)
        hint = f"; {COMMA_HINT}" if DECIMAL_COMMA.match(text) else f"; {POINT_HINT}" if text.endswith(STRAY_POINT) else ""
        return f"{named} is not a number, and the schema says the column is {column.kind}{hint}"
    if column.cut_at:
        return f"{named} is neither a number nor one of its classes ({shortened(column.categories)})"
    return f"{named} is not among its categories ({shortened(column.categories)}) and the column has no code for others"


def beyond(column: Column, named: str) -> str:
    """What is wrong with a cell beyond the reach of a column without bounds, and what to do."""
    _, high = column.reach
    what = f"{named} lies beyond {high:,.0f}, up to which numbers of either sign are learnt"
    if column.kind == "date":
        return (
            f"{named} lies outside the years {YEARS[0]} to {YEARS[1] - 1} that dates are looked for in; if it stands for a "
            "missing one, give it as missing, else state `bounds`"
        )
    if column.decimals:
        return f"{what} with `decimals: {column.decimals}`; state fewer decimals"
    others = "; if all of them are ids, put the column under `ignore`" if column.kind == "integer" else ""
    return f"{what}; if it stands for a missing one, give it as missing, else state `bounds`{others}"
