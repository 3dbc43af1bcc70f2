"""The sorted export of all records, in files small enough for a repository: `records.jsonl`, `records-2.jsonl`, ..."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import folder, removed, write_whole
from experiments.records.record import NewerRecord, Record

EXPORT = "records.jsonl"
_SHARD = 1_900_000  # bytes that no file of an export exceeds


def export_files(results: Path) -> list[Path]:
    """`records.jsonl`, then `records-2.jsonl`, `records-3.jsonl`, ... as far as they are there without a gap."""
    files = [results / EXPORT]
    while (following := _shard(results, len(files) + 1)).exists():
        files.append(following)
    return files


def read_export(results: Path, say: Callable[[str], None] | None = None) -> list[Record]:
    """Records of the sorted export. Raises FileNotFoundError if there is none, InputError naming a bad line.

    With `say`, a line that is no record is told of and left out, as long as another one is a record.
    """
    records: list[Record] = []
    bad: list[str] = []
    for path in export_files(results):
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            try:
                records.append(Record.from_json(line))
            except NewerRecord as error:
                raise InputError(f"{path}, line {number}: {error}") from error
            except (ValueError, TypeError) as error:
                bad.append(f"{path}, line {number}: {error}")
                if say is None:
                    raise InputError(bad[0]) from error
    if bad and not records:
        raise InputError(bad[0])
    if bad and say is not None:
        for line in bad:
            say(f"{line}; left out")
        say(f"{len(bad)} of {len(bad) + len(records)} records are left out of what follows")
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
    folder(results)
    for number, lines in enumerate(shards, start=1):
        write_whole(_shard(results, number), b"".join(lines))
    for path in reversed(surplus):
        removed(path)
    return results / EXPORT


def _shard(results: Path, number: int) -> Path:
    first = results / EXPORT
    return first if number == 1 else first.with_stem(f"{first.stem}-{number}")


def sort_key(record: Record) -> tuple[Any, ...]:
    return (
        record.dataset.name,
        record.method.name,
        record.privacy.epsilon or 0.0,
        record.seed,
        record.run_id,
    )
