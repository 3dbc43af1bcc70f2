"""Schemas of fuzzed tables: the right one, written as people write YAML, and such as contradict the table."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import yaml

from fuzzing.kinds import Drawn
from fuzzing.meaning import is_number

NAMES = [
    *("age", "Größe", "zip code", "a,b", "a;b", 'the "x"', "yes", "null", "1", "2024", "true", "#n", "~key", "a: b",),
    *("- c", "[d]", "12:30"),
    *("target", "columns", "名前", "a=b", "${x}", "%", "x" * 60, "é", "other", "010", "'q'", "a|b", "*", "?",),
    *("kind", "A", "a", "a.b"),
]  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_:./+-]*[A-Za-z0-9])?")
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*(?:[eE][-+][0-9]+)?)?")


@dataclass(frozen=True)
class Table:
    """What a fuzzed file holds."""

    names: list[str]
    columns: list[Drawn]
    rows: int


def mapping_of(r: random.Random, table: Table, open_share: float = 0.15) -> dict[str, Any]:
    """The schema that fits the table, with a target more often than not."""
    specs: dict[str, dict[str, Any]] = {}
    ignored = []
    for name, column in zip(table.names, table.columns, strict=True):
        if column.made and (column.kind in ("free text", "persons") or r.random() < 0.5):
            ignored.append(name)
        elif column.open_spec and not column.made and r.random() < open_share:
            specs[name] = dict(column.open_spec)
        else:
            specs[name] = dict(column.spec)
    mapping: dict[str, Any] = {"rows_public": max(table.rows, 1), "columns": specs}
    persons = [name for name, column in zip(table.names, table.columns, strict=True) if column.kind == "persons"]
    for name in persons[:1]:
        mapping |= {"person": name, "max_rows_per_person": r.randint(1, 3)}
    mapping["ignore"] = [name for name in ignored if name not in persons[:1]]
    targets = [name for name, spec in specs.items() if _may_be_target(spec)]
    if targets and r.random() < 0.6:
        mapping["target"] = name = r.choice(targets)
        spec = {key: value for key, value in specs[name].items() if key not in ("emit_other", "missing", "other")}
        rule = specs[name].get("missing") and "drop"
        specs[name] = (
            spec | ({"missing": rule} if rule else {}) | ({"other": False} if False in spec.get("categories", ()) else {})
        )
    return mapping


def _may_be_target(spec: dict[str, Any]) -> bool:
    return spec["kind"] not in ("id", "date") and (spec.get("bins", 2) > 1) and len(spec.get("categories", "ab")) > 1


def as_yaml(r: random.Random, mapping: dict[str, Any]) -> str:
    """A schema file as people write it: what needs no quotes often has none."""
    lines = [f"{key}: {_value(r, value)}" for key, value in mapping.items() if key not in ("columns", "target")]
    lines += [f"target: {_name(r, mapping['target'])}"] if "target" in mapping else []
    lines += ["columns:"]
    for name, spec in mapping["columns"].items():
        entries = ", ".join(f"{key}: {_value(r, value)}" for key, value in spec.items())
        lines.append(f"  {_name(r, name)}: {{{entries}}}")
    return "\n".join(lines) + "\n"


def _name(r: random.Random, name: str) -> str:
    bare = re.fullmatch(r"[A-Za-z0-9_]+", name) and name != "null" and r.random() < 0.5
    return name if bare else json.dumps(name, ensure_ascii=False)


def _value(r: random.Random, value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_value(r, one) for one in value)}]"
    if isinstance(value, bool):
        return r.choice(["true", "True", "TRUE"] if value else ["false", "False", "FALSE"])
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text + "0" if "." in text and r.random() < 0.5 else text
    if is_number(value) or isinstance(value, date):
        return str(value)
    text = str(value)
    bare = _PLAIN.fullmatch(text) and not _NUMBER.fullmatch(text) and text.lower() not in ("true", "false", "null")
    if bare and r.random() < 0.6:
        return text
    if text.isprintable() and r.random() < 0.5:
        return json.dumps(text, ensure_ascii=False)
    return yaml.safe_dump(
        [text], default_flow_style=True, width=10**9, allow_unicode=text.isprintable(), default_style='"'
    ).strip()[1:-1]


def contradicted(r: random.Random, mapping: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The schema changed so that it does not fit the table, or fits it no longer everywhere."""
    mapping = {**mapping, "columns": {name: dict(spec) for name, spec in mapping["columns"].items()}}
    name = r.choice(list(mapping["columns"]))
    spec = mapping["columns"][name]
    target = mapping.get("target") == name
    change = r.choice(["kind", "kind", "form", "bounds", "categories", "categories", "rule", "absent", "extra", "case"])
    if change == "absent" and len(mapping["columns"]) > 1 and not target:
        del mapping["columns"][name]
    elif change == "extra":
        mapping["columns"]["not there"] = {"kind": "integer", "bounds": [0, 9], "bins": 3}
    elif change == "rule" and spec["kind"] != "id":
        mapping["columns"][name] = {key: value for key, value in spec.items() if key != "missing"}
    elif change == "form" and spec["kind"] == "date":
        spec["format"] = r.choice(["%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%Y%m%d"])
        spec.pop("resolution", None)
        spec |= {} if "bins" in spec else {"bounds": ["1900-01-01", "2100-12-31"], "bins": 5}
    elif change == "bounds" and spec.get("bounds") and spec["kind"] != "date":
        low, high = spec["bounds"]
        shift = r.choice([high - low + 1, (high - low) // 2 + 1, (high - low) // 20 + 1])
        spec["bounds"] = [low + shift, high + shift]
    elif change in ("categories", "case") and isinstance(spec.get("categories"), list) and "cut_at" not in spec:
        listed = spec["categories"]
        if change == "case":
            listed = [c.swapcase() if isinstance(c, str) else c for c in listed]
        keep = r.sample(listed, r.randint(1, len(listed)))
        spec["categories"] = [*keep, *r.choice([(), ("zzz",), (10**6, "zzz")])]
        spec["other"] = False if target else r.random() < 0.7
        spec.pop("emit_other", None)
    elif spec["kind"] != "id":
        mapping["columns"][name] = _of_another_kind(r, spec) | ({"missing": spec["missing"]} if "missing" in spec else {})
        if target:
            del mapping["target"]
    return mapping


def _of_another_kind(r: random.Random, spec: dict[str, Any]) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"kind": "integer", "bounds": [0, 100], "bins": 10},
        {"kind": "real", "bounds": [-1.5, 1e6], "bins": 7},
        {"kind": "date", "bounds": ["2000-01-01", "2030-12-31"], "bins": 9},
        {"kind": "date", "bounds": ["2000-01-01", "2030-12-31"], "bins": 9, "format": "%d.%m.%Y"},
        {"kind": "categorical", "categories": [1, 2, 3, "a"]},
        {"kind": "categorical", "categories": ["2024-01-01", "x"], "other": False},
        {"kind": "categorical", "categories": ["low", "high"], "cut_at": [5.5]},
        {"kind": "categorical", "categories": [True, False], "other": False},
    ]
    return r.choice([kind for kind in kinds if kind["kind"] != spec["kind"]])
