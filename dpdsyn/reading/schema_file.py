"""A schema file, read so that what its owner wrote stays what it is.

YAML 1.1 turns scalars that nobody quoted into something else: 02115 into 1101, 12:30 into 750, 1_000 into 1000, 0x1F into 31, no
into false, 2024-01-31 into a date. Here a scalar is a number only where it is a decimal number that keeps all its digits, and
a truth value only if it is `true` or `false`; whatever else is not quoted is a text, and so is every key of a mapping and every
name of a column.
"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from dpdsyn.reading.schema_values import SchemaError
from dpdsyn.reading.spelling import spelled

_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_REAL = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?")
_TRUTH = re.compile(r"true|True|TRUE|false|False|FALSE")
_TAG = "tag:yaml.org,2002:"
_NOTHING = f"{_TAG}null"  # the one rule of YAML 1.1 that stays as it is
_PUBLISHED = ("categories", "constant")  # of a column: what stands there is published as it is spelled
_NAMES = ("target", "person", "ignore", "groups")  # of a schema: what stands there are names of columns


def text_of(path: str | Path) -> str:
    """The text of a schema file. Raises SchemaError if it cannot be read as one."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SchemaError(f"cannot be read as text ({error})") from error


def read_yaml(path: str | Path) -> Any:
    """What a YAML file holds; scalars as this module says.

    Raises SchemaError if it cannot be read, is no YAML, or gives a key twice.
    """
    import yaml

    published: set[int] = set()  # identities of nodes

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {
            first: [rule for rule in rules if rule[0] == _NOTHING]
            for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def get_single_node(self) -> Any:
            root = super().get_single_node()
            for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
                if key.value in _NAMES:
                    for node in value.value if isinstance(value, yaml.SequenceNode) else (value,):
                        _as_written(node)
            return root

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            for key, value in node.value:
                _as_written(key, even_nothing=True)
                if key.value in _PUBLISHED:
                    published.update(map(id, value.value if isinstance(value, yaml.SequenceNode) else [value]))
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            for i, key in enumerate(keys):
                if key in keys[:i]:
                    raise SchemaError(f"line {node.value[i][0].start_mark.line + 1}: {key!r} is given twice")
            return super().construct_mapping(node, deep)

        def construct_yaml_float(self, node: Any) -> Any:
            value = float(node.value)
            if Decimal(repr(value)) != Decimal(node.value):
                return node.value  # one with more digits is kept as a text
            return spelled(value, node.value) if id(node) in published else value

        def construct_yaml_int(self, node: Any) -> Any:
            value = super().construct_yaml_int(node)
            return spelled(value, node.value) if id(node) in published else value

        def construct_yaml_bool(self, node: Any) -> Any:
            value = super().construct_yaml_bool(node)
            return spelled(value, node.value) if id(node) in published else value

    def _as_written(node: Any, even_nothing: bool = False) -> None:
        """Make a text of a scalar, whatever it looks like; of what is empty or null only where that is asked for."""
        if isinstance(node, yaml.ScalarNode) and (even_nothing or node.tag != _NOTHING):
            node.tag = f"{_TAG}str"

    for kind, form, begins in (("bool", _TRUTH, "tTfF"), ("int", _WHOLE, "-+0123456789"), ("float", _REAL, "-+.0123456789")):
        Loader.add_implicit_resolver(f"{_TAG}{kind}", re.compile(rf"(?:{form.pattern})\Z"), list(begins))
    Loader.add_constructor(f"{_TAG}float", Loader.construct_yaml_float)
    Loader.add_constructor(f"{_TAG}int", Loader.construct_yaml_int)
    Loader.add_constructor(f"{_TAG}bool", Loader.construct_yaml_bool)
    try:
        return yaml.load(text_of(path), Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        if isinstance(error, SchemaError):
            raise
        raise SchemaError(f"is not YAML: {' '.join(str(error).split())}") from error
