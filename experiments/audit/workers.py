"""The runs of an audit, in processes of their own: missing ones are computed, by one command or several at once."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from experiments.audit.trials import CHUNK, Audit, Chunks, Observed, prepared
from experiments.console import bar, console
from experiments.sweep import processors
from experiments.sweep.locks import locked

_WAIT = 0.5  # seconds between two searches for chunks that another command is at work on


def completed(audit: Audit, config: dict[str, Any], chunks: Chunks, trial: int) -> Observed:
    """All runs of a trial, those that are missing done first by as many processes as asked for."""
    total = -(-audit.runs // CHUNK)
    with bar(console(), "chunks of runs") as shown:
        task = shown.add_task("runs", total=total, completed=total - len(chunks.missing(trial, audit.runs)))
        while missing := chunks.missing(trial, audit.runs):
            for _ in _work(missing, config, chunks.folder, trial):
                shown.update(task, completed=total - len(chunks.missing(trial, audit.runs)))
            if set(missing) == set(chunks.missing(trial, audit.runs)):  # another command has the locks on all of them
                time.sleep(_WAIT)
    return chunks.read(trial, audit.runs)


def _work(missing: Sequence[int], config: dict[str, Any], folder: Path, trial: int) -> Iterator[None]:
    compute = config["compute"]
    workers = compute["workers"] if compute["workers"] > 0 else max(1, processors.count() // compute["threads"])
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(missing)), context, _end_with, (os.getpid(), list(sys.path))) as pool:
        text = json.dumps(config)
        futures = [pool.submit(chunk_job, text, str(folder), trial, chunk) for chunk in missing]
        for future in as_completed(futures):
            future.result()
            yield


def chunk_job(config: str, folder: str, trial: int, chunk: int) -> None:
    """One chunk of runs, in a worker process, unless another is at work on it or has done it."""
    audit, cut = prepared(config)
    chunks = Chunks(Path(folder))
    with locked(Path(folder) / "claims", f"{trial}-{chunk}", {"name": audit.name}) as lock:
        if lock is not None and not chunks.path(trial, chunk).exists():
            chunks.write(audit, cut, trial, chunk)


def _end_with(parent: int, path: list[str]) -> None:
    """Let a worker find what its parent finds, and end when its parent is gone, however it ended."""
    sys.path += [folder for folder in path if folder not in sys.path]

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
