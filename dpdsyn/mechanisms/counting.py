"""Exact counts of many combinations of columns in one pass over the rows, for the mechanisms alone.

Counting rows is dear, summing cells is cheap. So as few tables as possible are counted, and all others are sums of their cells:

- a table whose columns lie within those of another is summed, unless the other has more cells than there are rows;
- tables that share columns are counted together, in a *block* of all their columns, as long as the block has few cells: a
  block of four features and a target stands for six triples with the target, and for all pairs of the five.

The cells of a block are numbered in the smallest type that holds them, and the numbers of the columns with which several blocks
begin are made once. Which blocks there are depends on public values only: sizes, what is asked, and about how many rows there
are. All is done in whole numbers, so the counts are those of `dpdsyn.private_table.marginal`. Nothing is kept between calls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

Columns = tuple[int, ...]  # positions, in the order that `_ordered` gives to their set

_PIECE = 1 << 17  # rows numbered at once
_MOST_CELLS = 1 << 25  # of all tables that are held at once; a single one may have more
_MOST_SETS = 1 << 13  # of columns that are planned for at once: each block takes time by their number
_BLOCK_CELLS = 1 << 14  # of a block that stands for several tables: its counts stay in a cache
_ROWS_A_CELL = 8  # that there are at least for a block that stands for several tables: below, sums cost as much as counting
_ONE = 1 << 20  # more than there are columns


def counted(count: Count, sizes: Sequence[int], queries: Sequence[Sequence[int]], rows_public: int) -> Iterator[np.ndarray]:
    """How many rows there are of each combination of values, query by query: int64, contiguous, not to be written to.

    count: counts the cells of blocks in all rows, as `counts_of` does. sizes: how many values each column has, shape
    (columns,). queries: positions of columns, in any order; a column may stand there twice. Each answer has the shape of its
    query's sizes. rows_public: about how many rows there are; only time depends on it.

    Memory: the answers of so many queries, one after another, as have 2^25 cells together, are made at once, in one pass over the
    rows; no more than these, as many cells of blocks, and a piece of the rows are held.
    Values are those that the columns have; for others a ValueError, which quotes no row, or a wrong cell.
    """
    sets = [_ordered(query, sizes, rows_public) for query in queries]
    for first, end in _runs([math.prod(sizes[c] for c in columns) for columns in sets], sets):
        tables = _tables(count, sizes, list(dict.fromkeys(sets[first:end])), rows_public)
        for columns, query in zip(sets[first:end], queries[first:end], strict=True):
            yield _arranged(tables[columns], columns, query)
        del tables  # before the next are made


def _ordered(query: Iterable[int], sizes: Sequence[int], rows: int) -> Columns:
    """Each column once: those of few values first, which is fast to sum, or as they stand in the rows if nothing is summed."""
    columns = tuple(sorted(set(query)))
    summed = math.prod(sizes[c] for c in columns) <= rows
    return tuple(sorted(columns, key=lambda column: sizes[column])) if summed else columns


def _runs(cells: Sequence[int], sets: Sequence[Columns]) -> Iterator[tuple[int, int]]:
    """First and end of queries, one after another, whose tables are held together."""
    first, held, there = 0, 0, set[Columns]()
    for i, columns in enumerate(sets):
        if columns in there:
            continue
        if there and (held + cells[i] > _MOST_CELLS or len(there) == _MOST_SETS):
            yield first, i
            first, held, there = i, 0, set()
        held += cells[i]
        there.add(columns)
    if sets:
        yield first, len(sets)


def _arranged(counts: np.ndarray, columns: Columns, query: Sequence[int]) -> np.ndarray:
    """The table with its axes as the query has them. A column that stands there twice has equal values only."""
    axes = [columns.index(column) for column in query]
    if len(axes) == len(columns):
        return np.asarray(counts.transpose(axes), order="C")
    spread = np.zeros([counts.shape[axis] for axis in axes], dtype=np.int64)
    values = np.ix_(*map(range, counts.shape))
    spread[tuple(values[axis] for axis in axes)] = counts
    return spread


# --- which tables are counted ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """columns: of the table that is counted. answers: of those that are asked and lie within it, the most cells first."""

    columns: Columns
    answers: tuple[Columns, ...]


Count = Callable[[Sequence[int], Sequence[Block]], list[np.ndarray]]  # of all rows, as `counts_of`


def blocks(sizes: Sequence[int], sets: Sequence[Columns], rows: int) -> list[Block]:
    """Tables to count, in alphabetical order, and which of the sets of columns each answers; every set is answered once.

    Sets are taken greedily, the largest first. A block grows by the column with which it answers most sets more, of two alike by
    the one of fewer values. rows: about how many there are.
    """
    cells = [math.prod(sizes[c] for c in columns) for columns in sets]
    # A number tells how many columns of a set lie outside a block, and which if it is one: _ONE and its position for each.
    own = np.zeros((len(sizes), len(sets)), dtype=np.int32)
    members = np.array([column for columns in sets for column in columns], dtype=np.int32)
    own[members, np.repeat(np.arange(len(sets)), [len(columns) for columns in sets])] = members + _ONE
    everything, values = own.sum(axis=0, dtype=np.int32), np.array(sizes, dtype=float)
    waiting = np.ones(len(sets), dtype=bool)
    left, found = float(_MOST_CELLS), []
    for first in sorted(range(len(sets)), key=lambda i: (-len(sets[i]), -cells[i], sets[i])):
        if not waiting[first]:
            continue
        columns, size = sets[first], cells[first]
        most = min(_BLOCK_CELLS, rows // _ROWS_A_CELL, left)
        outside = everything - own[list(columns)].sum(axis=0, dtype=np.int32)
        while size < most:
            gain = np.bincount(outside[waiting & (outside // _ONE == 1)] - _ONE, minlength=len(sizes)) * (size * values <= most)
            best = int(np.argmax(gain - values / (1 + values.max())))
            if not gain[best]:
                break
            columns, size, outside = (*columns, best), size * sizes[best], outside - own[best]
        answered = np.flatnonzero(waiting & (outside == 0)).tolist() if size <= rows else [first]
        waiting[answered] = False
        left -= size if len(columns) > len(sets[first]) else 0
        answers = tuple(sets[i] for i in sorted(answered, key=lambda i: -cells[i]))
        found.append(Block(_ordered(columns, sizes, rows), answers))
    return sorted(found, key=lambda block: [(sizes[column], column) for column in block.columns])


# --- counting, and summing -------------------------------------------------------------------------------------


def counts_of(chunks: Iterable[np.ndarray], sizes: Sequence[int], planned: Sequence[Block]) -> list[np.ndarray]:
    """The counts of each block's cells, flat, int64, in one pass. chunks: all rows, each piece of shape (rows, columns)."""
    counts = [np.zeros(math.prod(sizes[c] for c in block.columns), dtype=np.int64) for block in planned]
    for chunk in chunks:
        for start in range(0, len(chunk), _PIECE):
            _count(chunk[start : start + _PIECE], sizes, planned, counts)
    return counts


def _tables(count: Count, sizes: Sequence[int], sets: Sequence[Columns], rows: int) -> dict[Columns, np.ndarray]:
    """The counts of every set of columns, in one pass over the rows."""
    planned = blocks(sizes, sets, rows)
    counts = count(sizes, planned)
    tables: dict[Columns, np.ndarray] = {}
    while planned:  # so that what has been summed is let go
        block = planned.pop()
        tables |= _summed(counts.pop().reshape([sizes[c] for c in block.columns]), block)
    return tables


def _count(piece: np.ndarray, sizes: Sequence[int], planned: Sequence[Block], counts: Sequence[np.ndarray]) -> None:
    """Add the rows of a piece to each block's counts, flat."""
    values: dict[int, np.ndarray] = {}
    path: list[int] = []
    numbers = [np.zeros(len(piece), dtype=np.uint8)]  # of the cells of no column, of the path's first, of its first two, ...
    for block, total in zip(planned, counts, strict=True):
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, block.columns, strict=False)))
        del path[shared:], numbers[shared + 1 :]
        for column in block.columns[shared:]:
            path.append(column)
            kind = np.min_scalar_type(math.prod(sizes[c] for c in path))
            if column not in values:
                values[column] = piece[:, column].astype(np.min_scalar_type(sizes[column]))
            number = np.multiply(numbers[-1], kind.type(sizes[column]), dtype=kind)
            number += values[column]
            numbers.append(number)
        _add(numbers[-1].astype(np.intp), total)


def _add(cells: np.ndarray, counts: np.ndarray) -> None:
    """Add one to the count of each cell's number, as often as it is there."""
    try:
        if 3 * counts.size < len(cells):
            counts += np.bincount(cells, minlength=counts.size)
        else:
            np.add.at(counts, cells, 1)  # which does not go through many cells for a few rows
    except (ValueError, IndexError):
        raise ValueError("encoded rows lie outside the schema's domain") from None


def _summed(counts: np.ndarray, block: Block) -> dict[Columns, np.ndarray]:
    """The block's answers, each summed from the smallest table at hand that has its columns."""
    tables = {block.columns: counts}
    for answer in block.answers:
        wanted = set(answer)
        source = min((columns for columns in tables if wanted.issubset(columns)), key=lambda columns: tables[columns].size)
        table, axis = tables[source], 0
        for column in source:  # the first axes first: they are summed fastest, and leave the least to sum
            if column in wanted:
                axis += 1
                continue
            source = tuple(c for c in source if c != column)
            table = tables[source] = np.asarray(np.add.reduce(table, axis=axis))
    return {answer: tables[answer] for answer in block.answers}
