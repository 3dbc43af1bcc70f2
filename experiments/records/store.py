"""The working store under `results/runs`: one file a record, one a fit, one a log, each written whole or not at all."""

from __future__ import annotations

import errno
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

from dpdsyn.base.files import FileError, whole, write_whole
from experiments.records import former
from experiments.records.record import NewerRecord, Record

_REMEDIES = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "change its permissions"),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "make room on its disk"),
    errno.EROFS: "mount its disk for writing",
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "move the file away that is in its place"),
}  # by what the system says
_PROBE = 1 << 14  # bytes: a record has room where these have


class StoreError(FileError):
    """The results folder cannot be written, or holds what this version cannot read."""


@dataclass(frozen=True)
class Fit:
    """What one fit left: the encoded synthetic rows, what they cost, and test probabilities if the method predicts itself.

    steps: what the method told of its steps, as `Record.steps` has it; None where it told nothing.
    schema: the closed one that was learnt, which the rows follow, as `Schema.to_mapping` gives it; None where nothing was.
    """

    encoded: np.ndarray
    test_probabilities: np.ndarray | None
    guarantee: str
    spent: float | None
    ledger: list[dict[str, Any]]
    seconds: dict[str, Any]
    peak_memory_mb: float | None
    plan: list[dict[str, Any]] | None = None
    schema: dict[str, Any] | None = None
    steps: dict[str, list[list[float]]] | None = None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, in a folder that is made if it has to be. Raises FileError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot write to {path.parent} ({error.strerror})") from error
    with whole(path) as partial:
        partial.touch(mode=0o600)
        partial.write_text(text, encoding="utf-8", errors="replace")


class Store:
    """Records, fits and logs of one results folder."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.records = results / "runs" / "records"
        self.fits = results / "runs" / "fits"
        self.logs = results / "runs" / "logs"
        self.locks = results / "runs" / "claims"  # as earlier versions call it, which may be at work in the same folder

    def prepare(self) -> None:
        """Make the folders. Raises StoreError if nothing can be written there, as on a disk that is full."""
        try:
            for folder in (self.records, self.fits):
                folder.mkdir(parents=True, exist_ok=True)
                probe = folder / f".writable-{os.getpid()}"
                try:
                    probe.write_bytes(bytes(_PROBE))
                finally:
                    probe.unlink(missing_ok=True)
        except OSError as error:
            remedy = _REMEDIES.get(error.errno or 0, "look at it")
            raise StoreError(
                f"cannot write to the results folder {self.results} ({error.strerror}); "
                f"{remedy}, or name another in DPDSYN_RESULTS"
            ) from error

    def read(self, run_id: str, say: Callable[[str], None] = lambda text: None) -> Record | None:
        """The record of a run, or None; an unreadable file is set aside, which `say` hears, and counts as none."""
        return self._read(self.records / f"{run_id}.json", say)

    def write(self, record: Record) -> None:
        """Keep a record in place of an earlier one of its run; a log that it does not name goes. Raises FileError."""
        write_whole(self.records / f"{record.run_id}.json", record.to_json().encode() + b"\n")
        if record.log is None:
            self._log(record.run_id).unlink(missing_ok=True)

    def write_log(self, run_id: str, text: str) -> str:
        """Keep what is known of a run that failed; gives its path in the results folder, for the record.

        Only its owner can read the file, for it may hold rows. Raises FileError.
        """
        path = self._log(run_id)
        write_private(path, text)
        return str(path.relative_to(self.results))

    def _log(self, run_id: str) -> Path:
        return self.logs / f"{run_id}.txt"

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
            try:
                path.replace(aside)
            except OSError:
                say(f"{path} is not a record ({error}); it is left out, and cannot be set aside where nothing can be written")
            else:
                say(f"{path} is not a record ({error}); set aside as {aside.name}, so that its run counts as not done")
            return None

    def has_fit(self, fit_id: str) -> bool:
        """Whether a fit is cached, so that a run of it fits nothing."""
        return (self.fits / f"{fit_id}.npz").is_file()

    def read_fit(self, fit_id: str) -> Fit | None:
        """A cached fit, or None if there is none that can be read whole."""
        import numpy as np

        path = self.fits / f"{fit_id}.npz"
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(str(file["meta"]))
                probabilities = file.get("test_probabilities")
                meta["guarantee"] = former.today(meta["guarantee"], former.GUARANTEES)
                encoded = file["encoded" if "encoded" in file else "codes"]  # codes: as it was called first
                return Fit(encoded=encoded, test_probabilities=probabilities, **meta)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, EOFError, OSError, zipfile.BadZipFile):
            path.replace(path.with_suffix(".unreadable"))
            return None

    def write_fit(self, fit_id: str, fit: Fit) -> None:
        import numpy as np

        meta = {key: getattr(fit, key) for key in ("guarantee", "spent", "ledger", "plan", "seconds", "peak_memory_mb")}
        meta |= {key: told for key in ("schema", "steps") if (told := getattr(fit, key)) is not None}
        arrays = {"encoded": fit.encoded, "meta": np.array(json.dumps(meta))}
        if fit.test_probabilities is not None:
            arrays["test_probabilities"] = fit.test_probabilities
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        write_whole(self.fits / f"{fit_id}.npz", buffer.getvalue())
