"""`dpdsyn audit`: audits are composed, their missing runs are done by worker processes, and what they show is told and stored."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.audit.results import Audited, audits_folder, render, verdict_of
from experiments.audit.trials import CHUNK, Audit, Chunks, Finding, Looked, findings, one_run_finding, prepared
from experiments.paths import results_dir
from experiments.records.store import StoreError, write_atomically
from experiments.sweep import processors
from experiments.sweep.locks import claimed
from experiments.sweep.plan import composed
from experiments.sweep.progress import bar, console
from experiments.sweep.request import inspect_request
from experiments.sweep.sweep import prepare_processes, say, show

_WAIT = 0.5  # seconds between two looks for chunks that another command is at work on
_NONE = "NO privacy guarantee; it is held against the budget that it was asked for"
_CLAIMED = "a guarantee that an outside library claims, not ours"


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 if no bound crosses its claim twice, 1 if one does or a method fails, 2 if the command is refused."""
    request = inspect_request(arguments)
    os.environ["DPDSYN_RESULTS"] = str(results_dir())
    if request.only_shows:
        return show(arguments, request)
    configs = [_plain(config) for _, config, _ in composed(request.jobs(), request.config_dir)]
    audits = [Audit.of(config) for config in configs]
    for audit in {audit.cell.dataset_key: audit for audit in audits}.values():
        audit.cut()
    prepare_processes()
    done, failed = [], False
    for audit, config in zip(audits, configs, strict=True):
        reason = audit.cell.synthesizer.skip(audit.schema(), audit.cell.budget)
        if reason:
            say(f"{audit.name}: skipped, {reason}")
            continue
        try:
            done.append(_audit(audit, config))
        except StoreError:  # the folder, not the method
            raise
        except Exception as error:  # whatever a method raises; the others go on
            failed = True
            say(f"{audit.name}: failed, {type(error).__name__}: {' '.join(str(error).split())}")
    if done:
        sys.stdout.write(render(done) + "\n")
    return 1 if failed or any(audited.verdict == "violation" for audited in done) else 0


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("hydra", "experiment")}


def _audit(audit: Audit, config: dict[str, Any]) -> Audited:
    """Do what runs are missing, twice as many if a claim is crossed, and store the result."""
    chunks = Chunks(audits_folder(results_dir()) / audit.audit_id)
    _, cut = prepared(json.dumps(config))
    start = time.perf_counter()
    guarantee = audit.run(cut, 0, 0)[-1]
    begins = {"none": f": {_NONE}", "claimed": f": {_CLAIMED}"}.get(guarantee, "")
    left = len(chunks.missing(0, audit.runs)) * CHUNK
    say(f"{audit.name}{begins}; {left} of {audit.runs} runs to do, the first took {time.perf_counter() - start:.2f} s")
    looked = _looked(audit, config, chunks, trial=0)
    found = [*findings(audit, looked), one_run_finding(audit, *audit.one_run(cut))]
    again: list[Finding] = []
    if guarantee != "none" and any(_crosses(finding, audit) for finding in found):
        say(f"{audit.name}: crosses its claim; as many fresh runs are to show whether it does so again")
        again = findings(audit, _looked(audit, config, chunks, trial=1))
    audited = Audited.of(audit, looked, found, again)
    write_atomically(chunks.folder / "result.json", json.dumps(asdict(audited)).encode())
    say(f"{audit.name}: {verdict_of(audited)}")
    return audited


def _crosses(finding: Finding, audit: Audit) -> bool:
    return finding.bound > audit.cell.budget.epsilon


def _looked(audit: Audit, config: dict[str, Any], chunks: Chunks, trial: int) -> Looked:
    """All runs of a trial, those that are missing done first by as many processes as asked for."""
    total = -(-audit.runs // CHUNK)
    with bar(console(), "chunks of runs") as shown:
        task = shown.add_task("runs", total=total, completed=total - len(chunks.missing(trial, audit.runs)))
        while missing := chunks.missing(trial, audit.runs):
            for _ in _work(missing, config, chunks.folder, trial):
                shown.update(task, completed=total - len(chunks.missing(trial, audit.runs)))
            if set(missing) == set(chunks.missing(trial, audit.runs)):  # all of them claimed by another command
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
    with claimed(Path(folder) / "claims", f"{trial}-{chunk}", {"name": audit.name}) as claim:
        if claim is not None and not chunks.path(trial, chunk).exists():
            chunks.write(audit, cut, trial, chunk)


def _end_with(parent: int, path: list[str]) -> None:
    """Let a worker find what its parent finds, and end when its parent is gone, however it ended."""
    sys.path += [folder for folder in path if folder not in sys.path]

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
