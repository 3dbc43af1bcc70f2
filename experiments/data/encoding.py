"""How the rows of a run are encoded: as the data set's schema says, or over domains that are learnt from them under DP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np

from dpdsyn.base.checks import InputError
from dpdsyn.learning.domain_learning import DomainLearning
from dpdsyn.reading.column import Column
from dpdsyn.reading.pieces import units_of
from dpdsyn.schema import Schema
from experiments.typed import suggestion

VERSION = 2  # raised when the same settings would learn other domains from the same rows
WIDE_VERSION = 3  # the same, of columns alone whose ends, decimals or categories are learnt, or that have more than `_MANY` units
OPEN_VERSION = 4  # the same, of columns alone whose ends or categories are not stated
_MANY = 8192  # of which a grid may be counted at three resolutions
PARTS = {  # of a schema that can stay public: the keys of a column that say them
    "bounds": ("bounds", "decimals"),
    "categories": ("categories", "other", "written"),
}
_ALWAYS_STRUCK = ("bins", "scale", "pieces", "counts", "count_sds")
_OWN = ("name", "strike", "keep")


@dataclass(frozen=True)
class Encoding:
    """An option of `conf/encoding`. Building one raises InputError for what cannot be meant.

    strike: whether what the data set's schema says of its features is struck, so that it is learnt. keep: those PARTS of it that
    stay public all the same. learning: how what is open is learnt, whether it was struck or never said.
    """

    name: str
    strike: bool
    keep: tuple[str, ...]
    learning: DomainLearning

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """From an option's values: those of ours, then the settings of DomainLearning."""
        accepted = [*_OWN, *(field.name for field in fields(DomainLearning))]
        unknown = [str(key) for key in raw if key not in accepted]
        if unknown:
            hint = suggestion(unknown[0], accepted)
            raise InputError(f"encoding: there is no key {unknown[0]}{hint}; accepted: {', '.join(accepted)}")
        if absent := [key for key in _OWN if key not in raw]:
            raise InputError(f"encoding: {', '.join(absent)} is missing; accepted: {', '.join(accepted)}")
        if not isinstance(raw["strike"], bool):
            raise InputError(f"encoding.strike is {raw['strike']!r}; accepted: true, false")
        keep = raw["keep"]
        if not isinstance(keep, Sequence) or isinstance(keep, str) or not set(keep) <= set(PARTS):
            raise InputError(f"encoding.keep is {keep!r}; accepted: a list of {', '.join(PARTS)}")
        try:
            learning = DomainLearning.of({key: value for key, value in raw.items() if key not in _OWN})
        except (TypeError, ValueError) as error:
            raise InputError(f"encoding: {error}") from error
        return cls(str(raw["name"]), raw["strike"], tuple(sorted(set(keep))), learning)

    def opened(self, schema: Schema) -> Schema:
        """The schema that a run begins with: the data set's own, or that with its features' domains struck.

        Kinds, rules for missing cells, classes of a categorical target and of numbers that are cut into classes stay, and so does
        `rows_public`.
        """
        if not self.strike:
            return schema
        raw = schema.to_mapping()
        kept = {key for part in self.keep for key in PARTS[part]}
        struck = {*_ALWAYS_STRUCK, *(key for keys in PARTS.values() for key in keys)} - kept
        for column in schema.columns:
            if column.ordered or not (column.cut_at or column.name == schema.target):
                spec = raw["columns"][column.name]
                raw["columns"][column.name] = {key: value for key, value in spec.items() if key not in struck}
        return Schema.from_mapping(raw)

    def identity(self, schema: Schema) -> dict[str, Any]:
        """What of it decides which table comes out, given the schema that a run begins with; nothing where nothing is learnt."""
        if not schema.is_open:
            return {}
        wide = any(column.is_open and _is_wide(column) for column in schema.columns)
        unstated = any(column.is_open and _is_unstated(column) for column in schema.columns)
        versions = [VERSION, *([WIDE_VERSION] if wide else []), *([OPEN_VERSION] if unstated else [])]
        return {"learnt": [self.settings, *versions]}

    @property
    def settings(self) -> dict[str, Any]:
        """For records: what is struck, what stays public, and how the rest is learnt."""
        return {"strike": self.strike, "keep": list(self.keep), **asdict(self.learning)}


def _is_unstated(column: Column) -> bool:
    return not column.ordered or column.bounds is None


def _is_wide(column: Column) -> bool:
    if _is_unstated(column) or (column.kind == "real" and column.decimals is None):
        return True
    low, high = column.ends if column.kind == "date" else units_of(np.array(column.bounds), column.decimals or 0)
    return bool(high - low >= _MANY)
