"""The parser of all commands: a flag is written out and given once, and no value is empty."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from dpdsyn.base.checks import InputError


class Parser(argparse.ArgumentParser):
    """Its commands and their actions have parsers of the same kind. Raises InputError for what it refuses itself.

    Flags that may be repeated have `action="append"`; these also take an empty text, as `--missing ''`.
    """

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **{"allow_abbrev": False, **more})
        self.register("action", None, _Once)
        self.register("action", "store", _Once)
        self.seen: set[str] = set()

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:  # type: ignore[override]
        """Refuse what is unknown where it stands, in the name of the command that does not know it."""
        self.seen = set()
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is not None and words and words[0].startswith("-") and words[0] not in self._option_string_actions:
            self.error(f"unrecognized arguments: {words[0]}")  # else a command would be missed first
        found, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Exit code 2, with one line that says why: a command's usage is what its `--help` is for."""
        self.exit(2, f"{self.prog}: {' '.join(message.split())}; {self.prog} --help tells of it\n")

    def _get_values(self, action: argparse.Action, arg_strings: list[str]) -> Any:
        own = action.nargs != argparse.PARSER and not isinstance(action, argparse._AppendAction)
        if own and "" in arg_strings:
            name = "/".join(action.option_strings) or action.metavar or action.dest
            raise InputError(f"{name} is empty; a value is needed{', or leave it out' if action.option_strings else ''}")
        return super()._get_values(action, arg_strings)


class _Once(argparse._StoreAction):
    """Of a flag that was given twice the last value would count, and nobody would hear of it."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: str | None = None) -> None:
        if option_string and self.dest in parser.seen:
            raise InputError(f"{option_string} is given more than once; of several values the last alone would count: give one")
        parser.seen.add(self.dest)
        super().__call__(parser, namespace, values, option_string)
