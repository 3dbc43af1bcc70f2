"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from dpdsyn.base.checks import InputError


class FileError(RuntimeError):
    """A file cannot be written or read; the message names it and says why."""


def refuse_over(written: Iterable[tuple[str, Path]], kept: Mapping[str, Path]) -> None:
    """Raise InputError if a file that is to be written is one of those that are to be kept, whatever names they go by.

    written, kept: paths and what the message calls them. Files are told apart by device and inode, so that symbolic and hard
    links, another spelling, `..` and folders mounted twice are seen through. Of a folder that is kept, such as one of Parquet
    files, whatever lies in it, or would lie in it, is a part.
    """
    written = list(written)
    for name, path in written:
        for other, own in kept.items():
            if path.exists() and own.exists() and path.samefile(own):
                raise InputError(f"{name} {path} is {other} itself; give another name")
            if own.is_dir() and _lies_in(path, own):
                raise InputError(f"{name} {path} lies in the folder {own}, which is {other}; give a name outside it")


def _lies_in(path: Path, folder: Path) -> bool:
    """Whether the name, or what it is a link to, is in the folder or in one below it."""
    above = {*path.resolve().parents, path.parent.resolve(), *path.parent.resolve().parents}
    return any(one.exists() and one.samefile(folder) for one in above)


def refuse_equal(written: Sequence[tuple[str, Path]]) -> None:
    """Raise InputError if two files that are to be written are one. written: paths and what the message calls them."""
    for position, (name, path) in enumerate(written):
        for other, earlier in written[:position]:
            same = path.exists() and earlier.exists() and path.samefile(earlier)
            if same or path.resolve() == earlier.resolve():
                raise InputError(f"{name} {path}: a file of this name is written already ({other}); give another one")


def refuse_unwritable(path: Path) -> None:
    """Raise InputError where it can be told beforehand that a file cannot be put there."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; the name of a file is needed")
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: nothing can be written to {path.parent}")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well, and is gone if it does not.

    What was written is on the disk before the name changes, so a reader sees the old file or the new one, whenever the writer
    is killed. Raises FileError if the folder or the disk refuses.
    """
    with scratch(path) as partial:
        yield partial
        settle(partial, path, replace=True)


def put_at(path: Path, replace: bool, write: Callable[[Path], None]) -> None:
    """Have it written by `write`, whole or not at all. Raises FileExistsError if it is there by now and is not to be replaced."""
    with scratch(path) as partial:
        try:
            write(partial)
        except FileError as error:
            raise FileError(str(error).replace(partial.name, path.name)) from error
        settle(partial, path, replace)


def put(path: Path, replace: bool, write: Callable[[Path], None]) -> Path:
    """As `put_at`, under the next name that is free if this one is not; gives the name."""
    for name in free_names(path):
        with suppress(FileExistsError):
            put_at(name, replace, write)
            return name
    raise AssertionError("there is always a free name")


def free_names(path: Path) -> Iterator[Path]:
    """The name itself, then made-2.csv, made-3.csv and so on for made.csv."""
    yield path
    stem, _, _ = path.name.removesuffix(".gz").rpartition(".")
    stem, rest = (stem, path.name[len(stem) :]) if stem else (path.name, "")
    yield from (path.with_name(f"{stem}-{number}{rest}") for number in count(2))


def settle(partial: Path, path: Path, replace: bool) -> None:
    """Give a file that was written its name. Raises FileExistsError if another has it and is not to be replaced."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    if replace:
        partial.replace(path)
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is taken first, by an empty file
        path.open("xb").close()
        try:
            partial.replace(path)
        except OSError:
            path.unlink()
            raise


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A path beside it to write to, which is gone afterwards. What the folder or the disk refuses becomes a FileError."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        yield partial
    except FileExistsError:
        raise
    except OSError as error:
        raise FileError(f"cannot write {path} ({error.strerror or error}); nothing was left half written") from error
    finally:
        with suppress(OSError):  # where nothing can be written nothing was left either, and the refusal is what is to be told
            partial.unlink(missing_ok=True)


def folder(path: Path) -> Path:
    """The folder, made with those above it where it is not there. Raises FileError where that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot make the folder {path} ({error.strerror or error})") from error
    return path


def removed(path: Path) -> None:
    """Have no such file. Raises FileError where it is there and cannot be removed."""
    try:
        if path.exists():
            path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"cannot remove {path} ({error.strerror or error})") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write the content, whole or not at all. Raises FileError."""
    with whole(path) as partial:
        partial.write_bytes(content)
