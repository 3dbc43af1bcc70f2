"""Rows as they are published: drawn from a fitted method until they keep every rule and condition, then decoded.

Where the method can condition its model on a column (`dpdsyn.rules.exact_conditions`), rows are drawn under what is asked of it.
Rows that break a rule in their codes, or fail a condition, are drawn again, at most `most_drawn` of them. What is missing then is
repaired (`rules.kept_rules`): cells of drawn rows are moved until all rules hold. All of this looks at synthetic rows alone,
after all noise, so it costs no budget; how many were drawn again or repaired is a function of them, and as public as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from dpdsyn.base.checks import InputError
from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.rules.conditions import Conditions
from dpdsyn.rules.constraints import Among, Dependence, Implication
from dpdsyn.rules.drawn_rows import DrawnRows
from dpdsyn.rules.exact_conditions import allowed_codes, draw_given
from dpdsyn.rules.kept_rules import Kept
from dpdsyn.rules.learnt_dependence import LearntDependence
from dpdsyn.rules.made_columns import with_made
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw

_LESSON = 50_000  # rows that dependences are learnt from
_PIECE = 1 << 18  # rows drawn at once, beyond as many as are asked for
_LEAST = 2_000
_TRIES = 10  # times that as many rows as are missing are drawn to be repaired
_TRIAL = 64  # rows by which rules are tried before anything is spent


@dataclass(frozen=True)
class Tally:
    """rows: published. drawn: rows that were drawn; again: those of them that broke a rule or a condition, so that others took
    their place. moved: rows of which a number was moved within its code. repaired: rows of which cells were moved as they had to
    be, for drawing came to no end.
    """

    rows: int = 0
    drawn: int = 0
    again: int = 0
    moved: int = 0
    repaired: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))

    def told(self) -> str:
        """In a sentence."""
        return (
            f"{self.again:,} rows were drawn again, {self.moved:,} had a number moved within its bin, and "
            f"{self.repaired:,} were repaired"
        )


def most_drawn(n: int) -> int:
    """How many rows may be drawn for n, before the rest is repaired: 50 n, and four million at least."""
    return max(50 * n, 4_000_000)


class PublishedRows:
    """Where the published rows of one fitted method come from.

    learnt: of dependences, by their words. tally: of all rows so far. next_id: the number of the next row's id.
    """

    next_id = 1  # also of pickles of earlier versions

    def __init__(self, method: Synthesizer, schema: Schema, learnt: Mapping[str, LearntDependence] | None = None) -> None:
        self.method = method
        self.schema = schema
        self.learnt = dict(learnt or {})
        self.tally = Tally()

    @classmethod
    def of(cls, method: Synthesizer, schema: Schema, rng: np.random.Generator) -> PublishedRows:
        """With dependences learnt from synthetic rows that keep all other rules."""
        if not any(isinstance(rule, Dependence) for rule in schema.constraints):
            return cls(method, schema)
        return cls(method, schema, _dependences(schema, draw(method, schema, _LESSON, rng), rng))

    @classmethod
    def restored(cls, method: Synthesizer, schema: Schema, raw: Mapping[str, Any]) -> PublishedRows:
        """With what `dependences` gave. Raises ValueError or KeyError for what does not fit the schema."""
        found = {}
        for rule in schema.constraints:
            if isinstance(rule, Dependence):
                found[rule.written] = LearntDependence.from_mapping(rule, raw[rule.written])
                found[rule.written].check(schema)
        return cls(method, schema, found)

    def dependences(self) -> dict[str, Any]:
        """What was learnt of dependences, for JSON."""
        return {written: learnt.to_mapping() for written, learnt in self.learnt.items()}

    def codes(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n rows that keep every rule, encoded, shape (n, columns); they are not published, and no tally has them."""
        kept = Kept(self.schema, (), self.learnt)
        if not kept:
            return draw(self.method, self.schema, n, rng)
        return self._kept(kept, n, Conditions(), rng)[0].codes.astype(self.schema.dtype)

    def sample(self, n: int, conditions: Conditions, rng: np.random.Generator) -> pd.DataFrame:
        """n rows in the owner's types that keep every rule and condition.

        Raises InputError for conditions that cannot be meant, and if rules and conditions contradict each other, so that no row
        can be repaired either.
        """
        kept = Kept(self.schema, conditions.tests(self.schema), self.learnt)
        if kept or conditions.balance:
            rows, tally = self._kept(kept, n, conditions, rng)
            frame = rows.frame(rng)
        else:
            frame, tally = self.schema.decode(draw(self.method, self.schema, n, rng), rng), Tally(rows=n, drawn=n)
        self.tally += tally
        first, self.next_id = self.next_id, self.next_id + n
        return with_made(frame, self.schema.made, first, rng)

    def _kept(self, kept: Kept, n: int, conditions: Conditions, rng: np.random.Generator) -> tuple[DrawnRows, Tally]:
        quotas = conditions.quotas(self.schema, n)
        target = -1 if quotas is None else self.schema.target_position
        left = np.array([n]) if quotas is None else quotas.copy()
        parts: list[DrawnRows] = []
        tally = Tally(rows=n)
        size, wanted = n, n
        allowed = allowed_codes(kept, self.method) if kept.given else {}
        by_class = quotas is not None and self.schema.target not in kept.fixed and self.method.shares(target) is not None
        while wanted and tally.drawn < most_drawn(n):
            encoded = self._drawn(size, allowed, left if by_class else None, rng)
            if encoded is None:
                break  # the model has no such rows
            size = len(encoded)
            tally = replace(tally, drawn=tally.drawn + size)
            encoded = encoded[~kept.impossible(encoded)] if kept else encoded
            if quotas is not None and self.schema.target not in kept.fixed:
                encoded = encoded[left[encoded[:, target]] > 0]
            rows, good, moved = kept.settled(encoded, rng)
            positions = _within(np.flatnonzero(good), None if quotas is None else rows.codes[:, target], left)
            parts.append(rows.taken(positions))
            failed = size - (len(positions) if quotas is not None else int(good.sum()))
            tally = replace(tally, moved=tally.moved + moved, again=tally.again + failed)
            left -= np.bincount(rows.codes[positions, target] if quotas is not None else positions * 0, minlength=len(left))
            wanted = int(left.sum())
            found = (n - wanted) / tally.drawn
            size = int(min(max(1.2 * wanted / max(found, 1e-3), _LEAST), max(_PIECE, n), max(most_drawn(n) - tally.drawn, 1)))
        if wanted:
            parts.append(self._repaired(kept, left, quotas is not None, rng))
            tally = replace(tally, repaired=wanted)
        rows = DrawnRows.joined(parts) if parts else DrawnRows.decoded(self.schema, self._none(), kept.names, rng)
        if quotas is not None or wanted:
            rows = rows.taken(rng.permutation(len(rows)))
        return rows, tally

    def _drawn(
        self, n: int, allowed: Mapping[int, np.ndarray], left: np.ndarray | None, rng: np.random.Generator
    ) -> np.ndarray | None:
        """About n rows, encoded, of these codes in these columns; None if the method has none.

        left: how many are wanted of each class, where the method can draw a class by itself; then all are of wanted ones.
        """
        if left is None:
            if not allowed:
                return draw(self.method, self.schema, n, rng)
            return draw_given(self.method, self.schema, n, allowed, rng)
        target = self.schema.target_position
        parts = []
        for code in np.flatnonzero(left):
            only = (np.arange(len(left)) == code) & allowed.get(target, True)
            share = -(-n * int(left[code]) // int(left.sum()))
            rows = draw_given(self.method, self.schema, share, {**allowed, target: only}, rng)
            parts += [] if rows is None else [rows]
        return np.concatenate(parts) if parts else None

    def _none(self) -> np.ndarray:
        return np.empty((0, len(self.schema.columns)), dtype=self.schema.dtype)

    def _repaired(self, kept: Kept, left: np.ndarray, balanced: bool, rng: np.random.Generator) -> DrawnRows:
        """The rows that are still missing, of cells moved so that all rules and conditions hold."""
        parts = []
        for code, wanted in enumerate(left.tolist()):
            tests = kept.given
            if balanced and wanted:
                column = self.schema[str(self.schema.target)]
                tests = (*tests, Among(column.name, texts=(_text(column.categories[code]),)))
            own = Kept(self.schema, tests, self.learnt)
            tries = 0
            while wanted:
                tries += 1
                rows = DrawnRows.decoded(self.schema, draw(self.method, self.schema, wanted, rng), own.names, rng)
                own.compute(rows, np.arange(len(rows)))
                rows, good = own.repaired(rows, rng)
                parts.append(_only(rows.taken(good), kept.names))
                wanted -= int(good.sum())
                if wanted and tries == _TRIES:
                    raise InputError(
                        "rules and conditions contradict each other: of all rows drawn and repaired too few keep all of them; "
                        "ask for less, or change the constraints"
                    )
        return DrawnRows.joined(parts)


def decoded(schema: Schema, encoded: np.ndarray, rng: np.random.Generator) -> pd.DataFrame:
    """Rows in the owner's types, of encoded ones that `PublishedRows.codes` gave: rules hold between the decoded cells too.

    Dependences are learnt from the rows themselves. A row that keeps a rule in its codes and for which no numbers are found is
    repaired, or stays as it is where that cannot be.
    """
    if not schema.constraints:
        return schema.decode(encoded, rng)
    kept = Kept(schema, (), _dependences(schema, encoded, rng))
    rows, good, _ = kept.settled(encoded, rng)
    if not good.all():
        rows.put(np.flatnonzero(~good), kept.repaired(rows.taken(~good), rng)[0])
    return rows.frame(rng)


def _dependences(schema: Schema, encoded: np.ndarray, rng: np.random.Generator) -> dict[str, LearntDependence]:
    """Of each dependence of the schema what rows say that keep all other rules, by its words."""
    wanted = [rule for rule in schema.constraints if isinstance(rule, Dependence) and set(rule.names) <= set(schema.names)]
    if not wanted:
        return {}
    kept = Kept(schema)
    good = encoded[~kept.impossible(encoded)]
    rows, keep, _ = kept.settled(good if len(good) else encoded, rng)
    rows = rows.taken(keep) if keep.any() else rows
    return {rule.written: LearntDependence.of(rule, rows) for rule in wanted}


def _text(category: object) -> str:
    from dpdsyn.reading.cells import canonical

    return canonical(category)


def _only(rows: DrawnRows, names: tuple[str, ...]) -> DrawnRows:
    return DrawnRows(rows.schema, rows.codes, {name: numbers for name, numbers in rows.numbers.items() if name in names})


def _within(positions: np.ndarray, classes: np.ndarray | None, left: np.ndarray) -> np.ndarray:
    """The first of the positions, of each class no more than are left."""
    if classes is None:
        return positions[: left[0]]
    own = classes[positions]
    order = np.argsort(own, kind="stable")
    ranks = np.empty(len(own), dtype=np.int64)
    ranks[order] = np.arange(len(own)) - np.searchsorted(own[order], own[order])
    return positions[ranks < left[own]]


def refuse_contradictions(schema: Schema, conditions: Conditions | None = None) -> None:
    """Raise SchemaError if no row can keep all rules (and conditions), as far as the schema states what columns hold.

    Rows of random codes are repaired; where none of them can be, rules contradict each other or the bounds. Nothing is said of a
    schema that leaves columns open to which rules refer.
    """
    conditions = conditions or Conditions()
    conditions.check(schema)
    rules = [rule for rule in schema.constraints if isinstance(rule, Implication)]
    names = {name for rule in schema.constraints for name in rule.names} | set(conditions.given)
    if not names or any(schema[name].is_open for name in names):
        return
    part = schema.select([name for name in schema.names if name in names])
    kept = Kept(part, conditions.tests(schema))
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, c.size - (c.other and not c.emit_other), _TRIAL) for c in part.columns], axis=1)
    rows = DrawnRows.decoded(part, codes, kept.names, rng)
    kept.compute(rows, np.arange(len(rows)))
    if not kept.repaired(rows, rng)[1].any():
        told = "; ".join([*(rule.written for rule in rules), *conditions.told()])
        raise SchemaError(f"constraints: no row was found that keeps all of them within the bounds and categories: {told}")
