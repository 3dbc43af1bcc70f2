"""From plain values, as YAML gives them, to frozen dataclasses: each key and each value is checked and named when it is wrong.

A field is a key if it is annotated with what it means, `Annotated[TYPE, "what it means"]`; fields without a meaning are for the
code alone. A dataclass as a third word, `Annotated[Mapping[str, Any], "...", KIND]`, has the value checked as one of that kind
and kept as it was written.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from dpdsyn.base.checks import InputError

Kind = TypeVar("Kind")

_WORDS = {str: "text", bool: "true or false", int: "whole number", float: "number", type(None): "null", Any: "anything"}


@dataclass(frozen=True)
class Key:
    """One key of a mapping. checked: the kind that its value is held against, if it is kept as written."""

    name: str
    hint: Any
    meaning: str
    required: bool
    checked: type | None = None


@dataclass(frozen=True)
class Described:
    """One row of a table of keys. key: dotted; capitals stand for a name of one's own, `[]` for each of a list."""

    key: str
    type: str
    meaning: str


def read(kind: type[Kind], raw: Any, where: str, /, path: str = "", others: Iterable[str] = (), **more: Any) -> Kind:
    """An object of the dataclass from a mapping of plain values. A null counts as a key that was left out.

    where: what the values describe, for messages. path: of the mapping within it. others: keys that mean something elsewhere,
    to be suggested when a misspelt one is nearest to them. more: fields that are no keys.
    Raises InputError in one line: what is misspelt, missing or of the wrong kind, and what is accepted.
    """
    checked = _values(kind, raw, where, path, others)
    try:
        return kind(**checked, **more)
    except ValueError as error:
        raise InputError(f"{where}: {path + ': ' if path else ''}{error}") from error


def _values(kind: type, raw: Any, where: str, path: str, others: Iterable[str]) -> dict[str, Any]:
    keys = {key.name: key for key in keys_of(kind)}
    if not isinstance(raw, Mapping):
        raise InputError(f"{where}: {path or 'it'} is {raw!r}; a mapping with the keys {', '.join(keys)} is needed")
    _refuse_unknown([str(key) for key in raw], list(keys), others, where, path)
    given = {name: value for name, value in raw.items() if value is not None}
    absent = [_under(path, key.name) for key in keys.values() if key.required and key.name not in given]
    if absent:
        raise InputError(f"{where}: {', '.join(absent)} is missing; {_accepted(keys)}")
    for name, value in given.items():
        checked = keys[name].checked
        if checked is not None:
            read(checked, value, where, _under(path, name))
    return {name: _value(value, keys[name].hint, where, _under(path, name)) for name, value in given.items()}


def suggestion(name: str, known: Iterable[str]) -> str:
    """` (did you mean X?)` if a known name is close to the one given, else nothing."""
    close = get_close_matches(name, list(known), n=1, cutoff=0.7)
    return f" (did you mean {close[0]}?)" if close else ""


@cache
def keys_of(kind: type) -> tuple[Key, ...]:
    """The keys of a dataclass, those that are needed first."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for field in fields(kind):
        if get_origin(hints[field.name]) is Annotated:
            hint, meaning, *checked = get_args(hints[field.name])
            required = field.default is MISSING and field.default_factory is MISSING
            found.append(Key(field.name, hint, meaning, required, *checked))
    return tuple(sorted(found, key=lambda key: not key.required))


def described(kind: type, path: str = "") -> Iterator[Described]:
    """The keys of a dataclass, and of those inside them, as rows of a table."""
    for key in keys_of(kind):
        name = _under(path, key.name)
        yield Described(name, _words(key.hint) + ("" if key.required else ", optional"), key.meaning)
        for inner, suffix in _inside(key.checked or key.hint, key.checked is not None):
            yield from described(inner, name + suffix)


def _inside(hint: Any, checked: bool) -> Iterator[tuple[type, str]]:
    """Dataclasses within a type, with what stands between their keys and the path to it."""
    if checked or is_dataclass(hint):
        yield hint, ""
    elif get_origin(hint) in (Union, types.UnionType):
        for option in get_args(hint):
            yield from _inside(option, False)
    elif _is_list(hint):
        yield from ((inner, f"[]{suffix}") for inner, suffix in _inside(get_args(hint)[0], False))
    elif _is_mapping(hint):
        yield from ((inner, f".NAME{suffix}") for inner, suffix in _inside(get_args(hint)[1], False))


def _refuse_unknown(given: list[str], known: list[str], others: Iterable[str], where: str, path: str) -> None:
    for name in given:
        if name not in known:
            hint = suggestion(name, [*known, *(other for other in others if other != name)])
            raise InputError(f"{where}: there is no key {_under(path, name)}{hint}; {_accepted(known)}")


def _accepted(keys: Iterable[str]) -> str:
    return f"accepted: {', '.join(keys)}"


def _under(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _value(value: Any, hint: Any, where: str, path: str) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return _one_of(value, get_args(hint), where, path)
    if is_dataclass(hint):
        return read(hint, value, where, path)  # type: ignore[arg-type]
    if _is_list(hint) and isinstance(value, list | tuple):
        return tuple(_value(item, get_args(hint)[0], where, f"{path}[{i}]") for i, item in enumerate(value))
    if _is_mapping(hint) and isinstance(value, Mapping):
        of_key, of_value = get_args(hint)
        names = [_value(name, of_key, where, f"a key of {path}") for name in value]
        return {name: _value(value[name], of_value, where, _under(path, name)) for name in names}
    if not _is_scalar(value, hint):
        example = f", as in [{value}]" if _is_list(hint) and isinstance(value, str | int | float) else ""
        raise InputError(f"{where}: {path} is {value!r}; needed: {_words(hint)}{example}")
    return value


def _one_of(value: Any, hints: Sequence[Any], where: str, path: str) -> Any:
    """The value as the one among several types that it is of. What is within a list or mapping has its own message."""
    nested = [hint for hint in hints if (_is_list(hint) and isinstance(value, list | tuple))
              or ((_is_mapping(hint) or is_dataclass(hint)) and isinstance(value, Mapping))]  # fmt: skip
    if nested:
        return _value(value, nested[0], where, path)
    if not any(_is_scalar(value, hint) for hint in hints):
        raise InputError(f"{where}: {path} is {value!r}; needed: {_any_of(hints)}")
    return value


def _is_scalar(value: Any, hint: Any) -> bool:
    if hint is Any:
        return True
    if _is_list(hint) or _is_mapping(hint) or is_dataclass(hint):
        return False
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)


def _is_list(hint: Any) -> bool:
    return get_origin(hint) in (tuple, Sequence)


def _is_mapping(hint: Any) -> bool:
    return get_origin(hint) is Mapping


def _words(hint: Any) -> str:
    if get_origin(hint) in (Union, types.UnionType):
        return _any_of([option for option in get_args(hint) if option is not type(None)])
    if _is_list(hint):
        return f"list, each: {_words(get_args(hint)[0])}"
    if _is_mapping(hint):
        return "mapping" if Any in get_args(hint) else f"mapping, each: {_words(get_args(hint)[1])}"
    return "mapping" if is_dataclass(hint) else _WORDS[hint]


def _any_of(hints: Sequence[Any]) -> str:
    single = {str, int, float, bool}
    others = [hint for hint in hints if hint not in single] if single <= set(hints) else hints
    return " or ".join([*(["single value"] if len(others) < len(hints) else []), *map(_words, others)])
