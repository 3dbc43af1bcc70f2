"""The working store under `results/runs`: one file a record, one a fit, each written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

from experiments.records.record import NewerRecord, Record


class StoreError(RuntimeError):
    """The results folder cannot be written."""


@dataclass(frozen=True)
class Fit:
    """What one fit left: the synthetic codes, what they cost, and test probabilities if the method predicts itself."""

    codes: np.ndarray
    test_probabilities: np.ndarray | None
    guarantee: str
    spent: float | None
    ledger: list[dict[str, Any]]
    seconds: dict[str, Any]
    peak_memory_mb: float | None


class Store:
    """Records and fits of one results folder."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.records = results / "runs" / "records"
        self.fits = results / "runs" / "fits"
        self.claims = results / "runs" / "claims"

    def prepare(self) -> None:
        """Make the folders. Raises StoreError if nothing can be written there."""
        try:
            for folder in (self.records, self.fits):
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".writable-{os.getpid()}"
                probe.write_bytes(b"")
                probe.unlink()
        except OSError as error:
            raise StoreError(
                f"cannot write to the results folder {self.results} ({error.strerror}); "
                "change its permissions or name another in DPDSYN_RESULTS"
            ) from error

    def read(self, cell_id: str) -> Record | None:
        """The record of a cell, or None; an unreadable file is set aside and counts as none."""
        return self._read(self.records / f"{cell_id}.json", lambda text: None)

    def write(self, record: Record) -> None:
        write_atomically(self.records / f"{record.cell_id}.json", record.to_json().encode() + b"\n")

    def all(self, say: Callable[[str], None] = lambda text: None) -> Iterator[Record]:
        """Every record, in the order of their file names."""
        for path in sorted(self.records.glob("*.json")):
            record = self._read(path, say)
            if record is not None:
                yield record

    def _read(self, path: Path, say: Callable[[str], None]) -> Record | None:
        try:
            return Record.from_json(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise StoreError(f"cannot read {path} ({error.strerror})") from error
        except NewerRecord as error:
            raise StoreError(f"{path} is {error}") from error
        except (ValueError, TypeError) as error:
            aside = path.with_suffix(".unreadable")
            say(f"{path} is not a record ({error}); set aside as {aside.name}")
            path.replace(aside)
            return None

    def read_fit(self, fit_id: str) -> Fit | None:
        """A cached fit, or None if there is none that can be read whole."""
        import numpy as np

        path = self.fits / f"{fit_id}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(str(file["meta"]))
                probabilities = file.get("test_probabilities")
                return Fit(codes=file["codes"], test_probabilities=probabilities, **meta)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile):
            path.replace(path.with_suffix(".unreadable"))
            return None

    def write_fit(self, fit_id: str, fit: Fit) -> None:
        import numpy as np

        meta = {key: getattr(fit, key) for key in ("guarantee", "spent", "ledger", "seconds", "peak_memory_mb")}
        arrays = {"codes": fit.codes, "meta": np.array(json.dumps(meta))}
        if fit.test_probabilities is not None:
            arrays["test_probabilities"] = fit.test_probabilities
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_atomically(self.fits / f"{fit_id}.npz", buffer.getvalue())


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside, flush to disk, rename: a reader sees the whole file or none, whenever the writer is killed."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"cannot write {path} ({error.strerror}); nothing was left half written") from error


EXPORT = "records.jsonl"
_SHARD = 1_900_000  # bytes that no file of an export exceeds


def export_files(results: Path) -> list[Path]:
    """`records.jsonl`, then `records-2.jsonl`, `records-3.jsonl`, ... as far as they are there without a gap."""
    files = [results / EXPORT]
    while (following := _shard(results, len(files) + 1)).exists():
        files.append(following)
    return files


def read_export(results: Path) -> list[Record]:
    """Records of the sorted export. Raises FileNotFoundError if there is none, ValueError naming a bad line."""
    records = []
    for path in export_files(results):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                records.append(Record.from_json(line))
            except (ValueError, TypeError, NewerRecord) as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
    return records


def write_export(results: Path, records: list[Record], limit: int = _SHARD) -> Path:
    """Write the export, sorted by data set, method, epsilon, seed and id; gives its first file.

    A line that would take a file past `limit` bytes begins the next one; files left from a longer export are removed.
    """
    shards: list[list[bytes]] = [[]]
    size = 0
    for record in sorted(records, key=sort_key):
        line = record.to_json().encode() + b"\n"
        if shards[-1] and size + len(line) > limit:
            shards.append([])
            size = 0
        shards[-1].append(line)
        size += len(line)
    surplus = export_files(results)[len(shards) :]
    for number, lines in enumerate(shards, start=1):
        write_atomically(_shard(results, number), b"".join(lines))
    for path in reversed(surplus):
        path.unlink()
    return results / EXPORT


def _shard(results: Path, number: int) -> Path:
    first = results / EXPORT
    return first if number == 1 else first.with_stem(f"{first.stem}-{number}")


def sort_key(record: Record) -> tuple[Any, ...]:
    return (
        record.dataset.get("name", ""),
        record.method.get("name", ""),
        record.privacy.get("epsilon") or 0.0,
        record.seed,
        record.cell_id,
    )
