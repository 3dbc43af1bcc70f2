"""The files of `conf`: which options each group has, and what each of them says.

Hydra, which composes them, reads scalars that nobody quoted by rules of YAML 1.1: 02115 is 1101, 12:30 is 750, no is false. A
data set's file that has such a value is refused, for a schema file would have what was written (`dpdsyn.reading.schema_file`).
"""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError

_WITH_EXPONENT = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9_]*)?[eE][-+]?[0-9]+\Z")
_NO_DECIMAL = re.compile(r".*_|[-+]?0[0-9]")  # how a number begins that has marks between digits, or zeros before them
_SWITCHES = ("development", "deduplicate", "keep_default_na", "skipinitialspace")  # of a data set; yes and no are as good there
_NAMES = ("target", "person", "ignore", "groups")  # of a schema: what stands there are names of columns
_PUBLISHED = ("categories", "constant")  # of a column: what stands there is published as it is spelled


class UnknownName(InputError, FileNotFoundError):
    """There is no such option; the message lists those that there are."""


def config_dir() -> Path:
    """The folder of configuration files: in the wheel beside this file, in a checkout one level up."""
    packaged = Path(__file__).parent / "conf"
    return packaged if packaged.is_dir() else Path(__file__).parents[1] / "conf"


def options(group: str, extra: Path | None = None) -> list[str]:
    """Names that the configuration group has, those in the folder `extra` included."""
    if extra and not extra.is_dir():
        raise InputError(f"--config-dir {extra}: there is no such folder")
    folders = [config_dir() / group] + ([extra / group] if extra else [])
    return sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})


def read_option(group: str, name: str, extra: Path | None = None) -> dict:
    """The content of one configuration file of a group, laid over those that it names in `defaults`.

    Raises InputError, too, for a data set of which YAML makes something else than was written.
    """
    path = option_path(group, name, extra)
    raw = read_file(path)
    if group in ("dataset", "experiment") and extra is not None and path.is_relative_to(extra):
        _refuse_altered(path, () if group == "dataset" else ("dataset",))
    bases = [base for base in raw.pop("defaults", []) if base != "_self_"]
    return _merged([_base(group, base, extra) for base in bases], raw)


def read_file(path: Path) -> dict:
    """What a configuration file holds itself. Raises InputError for one that holds no keys."""
    told = path.stat()
    return copy.deepcopy(_read(path, (told.st_ino, told.st_size, told.st_mtime_ns)))


@lru_cache(maxsize=1024)
def _read(path: Path, state: tuple[int, int, int]) -> dict:
    """state: of the file, so that a changed one is read anew."""
    import yaml

    try:
        raw = _parsed(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise InputError(f"{path} holds {raw!r}; keys with values are needed")
    return raw


def _parsed(text: str) -> Any:
    """What a YAML text says, by the quick reader where there is one; what is wrong is told by the one that shows the place."""
    import yaml

    quick = getattr(yaml, "CSafeLoader", None)
    try:
        return yaml.load(text, quick) if quick else yaml.safe_load(text)
    except yaml.YAMLError:
        return yaml.safe_load(text)


def default_parameters(group: str, name: str, extra: Path | None = None) -> dict:
    """What an option's file sets, without its name, its class and what is told `about` it."""
    return {key: value for key, value in read_option(group, name, extra).items() if key not in ("name", "_target_", "about")}


def option_path(group: str, name: str, extra: Path | None = None) -> Path:
    """The configuration file of an option. Raises UnknownName, listing those that exist."""
    for folder in ([extra] if extra else []) + [config_dir()]:
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            return path
    raise UnknownName(f"no {group} is called {name!r}; there are {', '.join(options(group, extra))}")


def refuse_name(group: str, name: str, what: Any) -> None:
    """Raise InputError for the name of something else of ours. what: the class of a synthesizer, the files of a data set."""
    ours = _shipped(group).get(name)
    if ours is not None and what != ours:
        raise InputError(f"{group} {name!r} is the name of another one ({told(ours)}); give a `name` of its own")


@cache
def _shipped(group: str) -> dict[str, Any]:
    """What each name of ours stands for."""
    key = {"synthesizer": "_target_", "dataset": "files"}[group]
    read = {name: read_option(group, name) for name in options(group)}
    return {str(option.get("name", name)): option[key] for name, option in read.items() if key in option}


def told(what: Any) -> str:
    """What a name stands for, in a message."""
    return ", ".join(f"{name} {digest[:8]}" for name, digest in what.items()) if isinstance(what, dict) else str(what)


def content_hash(path: Path) -> str:
    """The first 16 hexadecimal digits of the sha256 of what a YAML file says, whatever its remarks and layout are."""
    said = json.dumps(_parsed(path.read_text(encoding="utf-8")), sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _base(group: str, base: str | dict[str, str], extra: Path | None) -> dict:
    """An entry of `defaults`: an option of the same group, or `/group@key: name`, which stands under that key.

    `override` before it says that an option of that group comes instead; those in use name all keys, so laying it over will do.
    """
    if isinstance(base, str):
        return read_option(group, base, extra)
    (where, name), *_ = base.items()
    other, _, key = where.removeprefix("override ").removeprefix("/").partition("@")
    return {key: read_option(other, name, extra)} if key else {}


def _merged(bases: list[dict], own: dict) -> dict:
    """The options that a file builds on (`defaults`), with its own values over them."""
    result: dict = {}
    for layer in [*bases, own]:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = _merged([result[key]], value) if both else value
    return result


def _refuse_altered(path: Path, within: tuple[str, ...]) -> None:
    """Raise InputError for the first value of a data set that Hydra reads as something else than was written.

    within: keys under which the file has what is said of the data set.
    """
    import yaml

    class Loader(yaml.SafeLoader):  # with Hydra's rules: a date is a text, and 1e5 a number
        yaml_implicit_resolvers = {
            first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:timestamp"]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _WITH_EXPONENT, list("-+0123456789"))
    loader = Loader(path.read_text(encoding="utf-8"))
    node = loader.get_single_node()
    for wanted in within:
        node = next((value for key, value in getattr(node, "value", ()) if key.value == wanted), None)
    for keys, scalar, is_key in _unquoted(node, within):
        value = loader.construct_object(scalar)
        if not _is_as_written(scalar.value, value, keys, is_key):
            raise InputError(
                f"{path}, line {scalar.start_mark.line + 1}: {'.'.join(keys)} has {scalar.value}, which YAML reads as {value}; "
                f"put it in quotes ('{scalar.value}') to have it as it is written, or write {value} if that is meant"
            )


def _unquoted(node: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, bool]]:
    """Each scalar in a node of YAML that nobody quoted, with the keys that it stands under, and whether it is a key itself."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.style is None and key.value != "<<":
                yield keys, key, True
            yield from _unquoted(value, (*keys, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _unquoted(value, keys)
    elif isinstance(node, yaml.ScalarNode) and node.style is None:
        yield keys, node, False


def _is_as_written(written: str, value: Any, keys: tuple[str, ...], is_key: bool) -> bool:
    """Whether what YAML makes of a scalar is what a schema file would have there.

    Names and keys are texts, and what is published is spelled as it was listed; other numbers only have to be the number.
    """
    *above, last = ("", *keys)
    if is_key:
        return str(value) == written
    if value is None or isinstance(value, str):
        return True
    if last in _NAMES and above[-1] == "schema":
        return str(value) == written
    if isinstance(value, bool):
        return last in _SWITCHES or written.lower() in ("true", "false")
    if last in _PUBLISHED and "schema" in above:
        return str(value) in (written, written.replace(".0e", "e"))
    try:
        return not _NO_DECIMAL.match(written) and Decimal(repr(value)) == Decimal(written)
    except InvalidOperation:
        return False
