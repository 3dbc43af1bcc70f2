"""What others published (`results/published.yaml`), and the runs here that come nearest to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, ClassVar

from experiments.configuration import default_parameters, read_option
from experiments.records.record import Record
from experiments.report.roles import REAL

LIST = "published.yaml"
AUDITED = "audited.csv"
LEAST = 0.01  # by which ours may be off and is called the same
K_MARGINAL = "k-marginal"  # SDNist's score of pairs: 1000 (1 - mean 2-way TVD)


@dataclass(frozen=True)
class Nearest:
    """The runs to hold a published number against. evaluator: one model, or the mean over all where there is none.

    measure: a metric of records, or `k-marginal`.
    """

    dataset: str
    synthesizer: str
    epsilon: float
    delta: float
    measure: str
    evaluator: str | None = None

    def value(self, record: Record) -> float | None:
        """What a run has of it, None where it was not such a run or did not end well."""
        told = (record.dataset.name, record.method.name, record.privacy.epsilon, record.privacy.delta)
        usual = record.evaluation.column is None and record.evaluation.space == "encoded" and not record.data_settings
        if told != (self.dataset, self.synthesizer, self.epsilon, self.delta) or not usual or record.status != "ok":
            return None
        if self.measure == K_MARGINAL:
            return None if record.fidelity.tvd2 is None else 1000 * (1 - record.fidelity.tvd2)
        if self.evaluator is None:
            return record.mean(self.measure)
        return record.metrics.get(self.evaluator, {}).get(self.measure)


@dataclass(frozen=True)
class FoundAgain:
    """How much an audit finds again of the mu that a method's guarantee implies, by what its attacker sees.

    implied: the mu of the published guarantee; without it nobody knows how much of it theirs is. Ours is in the file that
    `experiments.bench.audited` writes.
    """

    audited: str
    sees: str
    implied: float | None = None
    measure: ClassVar[str] = "share of mu"

    def value(self, row: Mapping[str, str]) -> float | None:
        """The share that a row of the file has, None where it is of something else or of an older version of the method."""
        if (row["method"], row["attacker_sees"]) != (self.audited, self.sees) or row["version"] != _version_now(self.audited):
            return None
        return float(row["shown_mu"]) / float(row["implied_mu"])


def _version_now(method: str) -> str:
    """Of its output; empty for a method that is not installed here."""
    from dpdsyn.synthesizer import load

    try:
        kind = load(read_option("synthesizer", method)["_target_"])
        return str(kind(**default_parameters("synthesizer", method)).version)
    except (KeyError, ValueError):
        return ""


@dataclass(frozen=True)
class Entry:
    """One published number. theirs: as printed, a number where it can be checked. ours: nothing here comes near without it."""

    what: str
    theirs: float | str
    ours: Nearest | FoundAgain | None = None

    @property
    def compared(self) -> float | None:
        """What ours is held against: the number itself, of an audit its share of the mu that is implied."""
        if isinstance(self.ours, FoundAgain):
            return None if self.ours.implied is None else float(self.theirs) / self.ours.implied
        return float(self.theirs) if self.ours else None


@dataclass(frozen=True)
class Source:
    """Where numbers stand. differs: what of data, split, bins, rows or judges is other there than in the runs beside them."""

    source: str
    entries: tuple[Entry, ...]
    differs: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Source:
        """Raises ValueError for what a source or one of its numbers does not have, or lacks."""
        told = dict(given)
        try:
            return cls(entries=tuple(map(_entry, told.pop("numbers"))), **told)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{given.get('source')}: {error}") from error


def _entry(given: Mapping[str, Any]) -> Entry:
    nearest = given.get("ours")
    kind = FoundAgain if nearest and "audited" in nearest else Nearest
    entry = Entry(**{**given, "ours": kind(**nearest) if nearest else None})
    if entry.ours and not isinstance(entry.theirs, int | float):
        raise ValueError(f"{entry.what}: {entry.theirs!r} is held against runs and is no number")
    return entry


@dataclass(frozen=True)
class Held:
    """A published number beside ours, one value a seed.

    real_differs: what models of real rows themselves are off, where that is more than seeds explain: then no verdict on a method
    follows.
    """

    entry: Entry
    ours: tuple[float, ...]
    real_differs: float | None = None

    @property
    def less(self) -> float | None:
        """Ours less theirs; None without runs, or where theirs is not known."""
        theirs = self.entry.compared
        return fmean(self.ours) - theirs if self.ours and theirs is not None else None

    @property
    def judge(self) -> tuple[str, str | None] | None:
        """The data set and the model that it was judged by, if it was."""
        return (self.entry.ours.dataset, self.entry.ours.evaluator) if isinstance(self.entry.ours, Nearest) else None

    @property
    def is_of_real_rows(self) -> bool:
        return isinstance(self.entry.ours, Nearest) and self.entry.ours.synthesizer == REAL

    @property
    def differs(self) -> bool:
        """Whether ours is off by more than .01 (ten points of a k-marginal score) and twice our seeds' standard deviation."""
        spread = 2 * stdev(self.ours) if len(self.ours) > 1 else 0.0
        return self.less is not None and abs(self.less) > max(self._least, spread)

    @property
    def _least(self) -> float:
        return LEAST * (1000 if self.entry.ours and self.entry.ours.measure == K_MARGINAL else 1)

    @property
    def verdict(self) -> str:
        if self.less is None:
            return "not run" if self.entry.ours and not self.ours else "-"
        if self.real_differs is not None:
            return "not compared"
        if not self.differs:
            return "the same" if abs(self.less) <= self._least else "not told apart"
        if isinstance(self.entry.ours, FoundAgain):
            return "more is found again" if self.less > 0 else "less is found again"
        return "ours is better" if self.less > 0 else "ours is worse"


def read(path: Path) -> list[Source]:
    """The sources of the list; none where there is no list. Raises ValueError for one that is not as it should be."""
    import yaml

    return [Source.of(source) for source in yaml.safe_load(path.read_text(encoding="utf-8"))] if path.exists() else []


def held(entries: Iterable[Entry], records: Iterable[Record], audits: Iterable[Mapping[str, str]] = ()) -> list[Held]:
    """Each number of a source beside what these records, and these rows of `results/audited.csv`, have of it, seed by seed."""
    ordered, rows = sorted(records, key=lambda record: record.seed), list(audits)

    def values(ours: Nearest | FoundAgain | None) -> Iterable[float | None]:
        if isinstance(ours, FoundAgain):
            return (ours.value(row) for row in rows)
        return (ours.value(record) for record in ordered) if ours else ()

    found = [Held(entry, tuple(value for value in values(entry.ours) if value is not None)) for entry in entries]
    off = {one.judge: one.less for one in found if one.is_of_real_rows and one.differs}
    return [replace(one, real_differs=off.get(one.judge)) for one in found]


def audits(path: Path) -> list[dict[str, str]]:
    """The rows of `results/audited.csv`, none where there is no such file."""
    with path.open(encoding="utf-8", newline="") if path.exists() else io.StringIO() as file:
        return list(csv.DictReader(file))
