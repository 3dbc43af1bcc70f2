"""Recorded runs done again: does the code at hand, on this machine, come to what was recorded?

Only a run that today's code still calls by the same name is the same run: where a method's version, a data set or a judge has
changed since, the record speaks of other code, and there is nothing to reproduce.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dpdsyn.base.checks import InputError
from experiments.configuration import UnknownName
from experiments.data.errors import DataError
from experiments.records.record import Record
from experiments.sweep.request import Request

Overrides = Callable[[Record], Sequence[str]]
_REASONS = 5  # for which runs were left that are told one by one
MEASURES = ("accuracy", "r2")  # the first that a record has is the one that is compared


@dataclass(frozen=True)
class Drawn:
    """records: as many as were asked for, as far as there are so many. passed: why others that were drawn were left, counted.

    config_dir: a folder of configuration beside ours.
    """

    records: tuple[Record, ...]
    sweeps: tuple[tuple[str, ...], ...]
    passed: Counter[str] = field(default_factory=Counter)
    config_dir: Path | None = None

    def request(self, name: str) -> Request:
        """To run them, each as a sweep of one. name: tells this draw from others."""
        return Request((name,), only_shows=False, experiments=(), sweeps=self.sweeps, axes={}, config_dir=self.config_dir)


def draw(records: Sequence[Record], count: int, seed: int, overrides: Overrides, config_dir: Path | None = None) -> Drawn:
    """Runs that ended well, in random order, until so many are drawn that are today's and whose rows are on this machine.

    overrides: what Hydra is given to compose a record's run. Raises InputError if there is none.
    """
    shuffled = sorted((record for record in records if record.status == "ok"), key=lambda record: record.run_id)
    random.Random(seed).shuffle(shuffled)
    chosen: list[tuple[Record, tuple[str, ...]]] = []
    passed: Counter[str] = Counter()
    for record, why, given in _looked_at(shuffled, overrides, config_dir):
        if why is None:
            chosen.append((record, given))
        else:
            passed[why] += 1
        if len(chosen) == count:
            break
    if not chosen:
        told = "; ".join(told_of(passed)) or "no run ended well"
        raise InputError(f"no record can be reproduced: {told}")
    return Drawn(tuple(record for record, _ in chosen), tuple(given for _, given in chosen), passed, config_dir)


def told_of(passed: Counter[str]) -> list[str]:
    """Why runs were left, the commonest reasons first, each with how many these are; a person's own folder may give very many."""
    lines = [f"{count} {why}" for why, count in passed.most_common(_REASONS)]
    others = passed.total() - sum(count for _, count in passed.most_common(_REASONS))
    return [*lines, f"{others} for other reasons"] if others else lines


def _looked_at(
    records: Sequence[Record], overrides: Overrides, config_dir: Path | None
) -> Iterator[tuple[Record, str | None, tuple[str, ...]]]:
    """Each record, why it cannot be done again (None if it can), and what composes it."""
    from experiments.data import datasets
    from experiments.sweep.plan import composed

    there: dict[str, bool] = {}
    for record in records:
        given = tuple(overrides(record))
        try:
            run = next(composed([list(given)], config_dir))[2]
        except InputError as error:
            own = isinstance(error, UnknownName) and config_dir is None
            hint = "; a folder with files of your own is given as --config-dir DIR" if own else ""
            yield record, f"cannot be composed: {' '.join(str(error).split())}{hint}", given
            continue
        if run.run_id != record.run_id:
            yield record, "are of other code or another version", given
            continue
        if run.dataset_key not in there:
            try:
                datasets.check(run.dataset)
                there[run.dataset_key] = True
            except DataError:
                there[run.dataset_key] = False
        yield record, None if there[run.dataset_key] else "need data that are not on this machine", given


@dataclass(frozen=True)
class Again:
    """A record, and what the same run came to now; None where it was not done."""

    then: Record
    now: Record | None

    @property
    def name(self) -> str:
        then = self.then
        encoding = f" {then.encoding.name}" if then.encoding is not None and then.encoding.name != "public" else ""
        return f"{then.dataset.name} {then.method.name}{encoding} epsilon={then.privacy.epsilon:g} seed={then.seed}"

    @property
    def same_rows(self) -> bool:
        return self.now is not None and self.then.synthetic_sha256 == self.now.synthetic_sha256

    @property
    def measure(self) -> str:
        return next((name for name in MEASURES if self.then.mean(name) is not None), MEASURES[0])

    @property
    def pairs(self) -> list[tuple[float | None, float | None]]:
        """Accuracy (or R2) and mean 2-way TVD, then and now."""
        now = self.now
        return [
            (self.then.mean(self.measure), now.mean(self.measure) if now else None),
            (self.then.fidelity.tvd2, now.fidelity.tvd2 if now else None),
        ]

    def agrees(self, within: float) -> bool:
        """Whether it ended well with numbers that are no further off than that."""
        if self.now is None or self.now.status != "ok":
            return False
        return all((a is None) == (b is None) and (a is None or b is None or abs(a - b) <= within) for a, b in self.pairs)


def done_again(drawn: Drawn, results: Path, seed: int) -> list[Again]:
    """Do the runs in a results folder of their own, those that it has no record of; what became of each."""
    from experiments.records.store import Store
    from experiments.sweep.sweep import sweep

    sweep(drawn.request(f"reproduce-{seed}"))
    store = Store(results)
    return [Again(record, store.read(record.run_id)) for record in drawn.records]
