"""The rows of the cross-check: one a run, appended to a file as it ends, and what they come to."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

from dpdsyn.base.checks import InputError


class RowsError(InputError):
    """A file of rows cannot be used; the message is for the person who named it."""


_SIDES = {"public": "reference"}  # a former word: today's


@dataclass(frozen=True)
class Row:
    """One run. tvd2, tvd1: mean total variation distance of all 2-way and 1-way marginals to the encoded training rows.

    seconds: of fit and sample, imports excluded, by the clock; processor_seconds: of the process itself, which other work on
    the machine stretches less. round_seconds: of each round, joined by spaces. memory_maps: the most, as seen after rounds.
    contended: whether other work kept processors busy. versions: the commit of that side's code, and what it stands on.
    """

    method: str
    dataset: str
    epsilon: float
    seed: int
    side: str
    settings: str
    status: str
    message: str = ""
    tvd2: float | None = None
    tvd1: float | None = None
    seconds: float | None = None
    processor_seconds: float | None = None
    peak_memory_mb: float | None = None
    contended: bool | None = None
    rounds: int | None = None
    round_seconds: str = ""
    round_processor_seconds: str = ""
    memory_maps: int | None = None
    versions: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return (self.method, self.dataset, f"{float(self.epsilon):g}", str(self.seed), self.side, self.settings)


def read(path: Path) -> list[Row]:
    """The rows of a file, empty if there is none. Numbers are kept as text. Raises RowsError if it has other columns."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != [field.name for field in fields(Row)]:
            raise RowsError(f"{path} has other columns than these rows; move it, or name another file with --output")
        return [Row(**{**row, "side": _SIDES.get(row["side"], row["side"])}) for row in reader]  # type: ignore[arg-type]


def append(path: Path, row: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow({name: f"{value:.5g}" if isinstance(value, float) else value for name, value in asdict(row).items()})


def summary(rows: Sequence[Row]) -> str:
    """A table of means over the seeds that both sides finished, and the ratios ours/reference; a line for each setting."""
    errors = ("mean 2-way TVD, ours", "reference", "ratio", "1-way ratio")
    times = ("processor seconds, ours", "reference", "ratio")
    head: tuple[str, ...] = ("method", "data set", "epsilon", "settings of the reference", "seeds", *errors, *times)
    ours = {row.key[:4]: row for row in rows if row.side == "ours" and row.status == "ok"}
    groups: dict[tuple[str, ...], list[tuple[Row, Row]]] = {}
    for row in rows:
        if row.side == "reference":
            both = [(ours[row.key[:4]], row)] if row.status == "ok" and row.key[:4] in ours else []
            groups.setdefault((*row.key[:3], row.settings), []).extend(both)
    lines = [head, ("---",) * len(head)]
    for group, pairs in groups.items():
        lines.append((*group, str(len(pairs)), *(_ratios(pairs) if pairs else ("-",) * 7)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ratios(pairs: Sequence[tuple[Row, Row]]) -> tuple[str, ...]:
    def means(name: str) -> np.ndarray:
        return np.array([[float(getattr(row, name)) for row in pair] for pair in pairs]).mean(axis=0)

    two_way, one_way, seconds = means("tvd2"), means("tvd1"), means("processor_seconds")
    errors = (f"{two_way[0]:.4f}", f"{two_way[1]:.4f}", f"{two_way[0] / two_way[1]:.2f}", f"{one_way[0] / one_way[1]:.2f}")
    return (*errors, f"{seconds[0]:.1f}", f"{seconds[1]:.1f}", f"{seconds[0] / seconds[1]:.3f}")


def by_round(rows: Sequence[Row]) -> str:
    """Mean seconds of the first rounds, as many as both sides have, and how many times longer the reference's take."""
    clocks = [f"{what}, {side}" for what in ("seconds a round", "of the processor") for side in ("ours", "reference", "ratio")]
    lines = [f"| method | data set | epsilon | seed | rounds | {' | '.join(clocks)} |", "| --- " * 11 + "|"]
    ours = {row.key[:4]: row for row in rows if row.side == "ours"}
    for row in rows:
        if row.side != "reference" or row.key[:4] not in ours:
            continue
        cells = list(row.key[:4])
        for name in ("round_seconds", "round_processor_seconds"):
            mine, theirs = ([float(text) for text in getattr(side, name).split()] for side in (ours[row.key[:4]], row))
            shared = min(len(mine), len(theirs))
            cells += [str(shared)] if name == "round_seconds" else []
            if shared:
                means = float(np.mean(mine[:shared])), float(np.mean(theirs[:shared]))
                cells += [f"{means[0]:.2f}", f"{means[1]:.2f}", f"{means[1] / means[0]:.1f}" if means[0] else "-"]
            else:
                cells += ["-"] * 3
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def line(row: Row) -> str:
    parts = [row.status, row.message, f"{row.seconds:.1f} s" if row.seconds is not None else ""]
    parts += [f"{row.processor_seconds:.1f} s of the processor" if row.processor_seconds is not None else ""]
    parts += [f"mean 2-way TVD {row.tvd2:.4f}" if row.tvd2 is not None else ""]
    parts += [
        f"{row.rounds} rounds" if row.rounds else "",
        f"seconds of rounds: {row.round_seconds}" if row.round_seconds else "",
    ]
    parts += [f"{row.memory_maps} memory maps" if row.memory_maps else ""]
    return ", ".join(filter(None, parts))
