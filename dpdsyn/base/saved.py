"""The file of a saved model: arrays and JSON, never code, so that opening one runs nothing that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import write_whole
from dpdsyn.base.typed_json import plain, typed

_FORMAT = 1


def write(path: Path, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write what describes a model, as JSON, and its arrays, whole or not at all.

    Raises InputError for a value of a type that would not come back (`dpdsyn.base.typed_json`), FileError if the disk refuses.
    """
    text = json.dumps({"format": _FORMAT, **plain(meta, str(path))})
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        meta=np.array(text),
        sha256=np.array(_digest(text, arrays)),
        **{f"state.{key}": value for key, value in arrays.items()},
    )
    write_whole(path, buffer.getvalue())


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What `write` was given. Raises ValueError for a file that is none of these, or has been altered since."""
    try:
        with np.load(path, allow_pickle=False) as file:
            text, digest = str(file["meta"]), str(file["sha256"])
            arrays = {key.removeprefix("state."): file[key] for key in file.files if key.startswith("state.")}
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        SyntaxError,  # numpy reads the shape of an array as Python's own literals
        tokenize.TokenError,
        EOFError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise InputError(f"{path} is no saved model, or is damaged ({type(error).__name__})") from error
    if digest != _digest(text, arrays):
        raise InputError(f"{path} has been altered: its content does not have the checksum written in it")
    meta = json.loads(text)
    if meta.get("format") != _FORMAT:
        raise InputError(f"{path} has format {meta.get('format')!r}; this version reads {_FORMAT}")
    try:
        return typed(meta), arrays
    except (ValueError, KeyError, TypeError, ArithmeticError) as error:
        raise InputError(f"{path} holds values of a type that this version does not know ({error})") from error


@contextmanager
def read_as(reader: str, path: str | Path, meta: Mapping[str, Any]) -> Iterator[None]:
    """Make of errors of whoever takes what `read` gave an InputError, which names the class that the file is of.

    reader: the name of the class that takes it.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        parameters = meta.get("parameters")
        other = "dpdsyn.release.Release" if isinstance(parameters, dict) and "method" in parameters else "dpdsyn.DPDSyn"
        if not other.endswith(f".{reader}"):
            made = " (`dpdsyn synthesize --model` writes such files)" if other.endswith("Release") else ""
            raise InputError(f"{path} holds a model of another class{made}; open it with {other}.load({str(path)!r})") from error
        raise InputError(f"{path} holds no model of this version ({type(error).__name__}: {error})") from error


def _digest(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
