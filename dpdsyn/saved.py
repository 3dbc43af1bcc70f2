"""A fitted model as one file of arrays and JSON, never of code: opening one runs nothing that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import secrets
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dpdsyn.guarantee import Guarantee
from dpdsyn.privacy import Budget
from dpdsyn.schema import Schema

if TYPE_CHECKING:
    from dpdsyn.api import DPDSyn

_FORMAT = 1


def save(model: DPDSyn, path: Path) -> None:
    """Write a fitted model, whole or not at all. Raises ValueError if its source of candidates cannot be saved."""
    parameters = {key: value for key, value in model.get_params().items() if key != "random_state"}
    arrays = model.method_.state()
    meta = {
        "format": _FORMAT,
        "parameters": {**parameters, "guide": vars(model.method_.guide_.settings)},
        "schema": model.schema_.to_mapping(),
        "guarantee": model.guarantee_.to_mapping(),
    }
    text = json.dumps(meta, default=str)
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        allow_pickle=False,
        meta=np.array(text),
        sha256=np.array(_digest(text, arrays)),
        **{f"state.{key}": value for key, value in arrays.items()},
    )
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def load(path: Path, random_state: int | None) -> DPDSyn:
    """A model that `save` wrote. Raises ValueError for a file that is none, or has been altered since."""
    from dpdsyn.api import DPDSyn

    meta, arrays = _read(path)
    try:
        model = DPDSyn(**meta["parameters"], random_state=random_state)
        Budget(model.epsilon, model.delta)
        model.schema_ = Schema.from_mapping(meta["schema"])
        model.guarantee_ = Guarantee.from_mapping(meta["guarantee"])
        model.method_ = model._method().restore(model.schema_, arrays)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path} holds no model of this version ({type(error).__name__}: {error})") from error
    model._sampling = np.random.default_rng(model._entropy())
    return model


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            text, digest = str(file["meta"]), str(file["sha256"])
            arrays = {key.removeprefix("state."): file[key] for key in file.files if key.startswith("state.")}
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except (
        OSError,
        KeyError,
        TypeError,
        ValueError,
        EOFError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        NotImplementedError,
    ) as error:
        raise ValueError(f"{path} is no saved model, or is damaged ({type(error).__name__})") from error
    if digest != _digest(text, arrays):
        raise ValueError(f"{path} has been altered: its content does not have the checksum written in it")
    meta = json.loads(text)
    if meta.get("format") != _FORMAT:
        raise ValueError(f"{path} has format {meta.get('format')!r}; this version reads {_FORMAT}")
    return meta, arrays


def _digest(text: str, arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for key in sorted(arrays):
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype} {array.shape}".encode() + array.tobytes())
    return digest.hexdigest()
