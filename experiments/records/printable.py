"""Texts that methods, models and files bring into a record: whatever is in them, each can be printed, and on one line."""

from __future__ import annotations

import re
from typing import Any

MOST = 1000  # characters of a message; its log has more of it
MOST_OF_AN_ERROR = 2 * MOST  # with its kind and its place
_HALVES = re.compile("[\ud800-\udfff]")  # of letters, which no terminal, file or database takes
_COMMANDS = re.compile("[\x00-\x1f\x7f-\x9f]")  # to a terminal
_MARK = "\ufffd"


def printable(value: Any) -> Any:
    """A value as JSON has it, with a mark in the place of each half of a letter in its texts."""
    if isinstance(value, dict):
        return {printable(key): printable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [printable(inner) for inner in value]
    return _HALVES.sub(_MARK, value) if isinstance(value, str) else value


def one_line(said: object, most: int = MOST) -> str:
    """What an error or another object says, printable, on one line, and cut if that is long."""
    try:
        text = str(said)
    except Exception as error:  # one of a person's own may raise another when it is asked what it says
        text = f"(what it says cannot be read: {type(error).__name__})"
    line = _COMMANDS.sub(_MARK, _HALVES.sub(_MARK, " ".join(text.split())))
    return line if len(line) <= most else f"{line[:most]} [and {len(line) - most:,} characters more]"
