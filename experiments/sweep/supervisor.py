"""Runs under supervision: each is computed in a worker process, watched from outside and replaced when it has to be killed.

A run that takes too long or too much memory, or that takes its interpreter down, is a record like any other. Whatever its
process wrote is kept if the run fails.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from experiments.console import say
from experiments.records.printable import one_line
from experiments.records.record import Record
from experiments.records.store import Store
from experiments.run import Run, outline
from experiments.sweep import worker
from experiments.sweep.local.limits import Limits
from experiments.sweep.output import Output
from experiments.sweep.processes import SPAWNED_BY
from experiments.sweep.processors import Processors

_PAUSE = 0.1  # seconds between two readings of the clock
_WEIGH = 0.3  # seconds between two readings of the memory
_START = 300.0  # seconds that an interpreter may take to start
_PATIENCE = 0.5  # seconds that a worker has to say where it is before it is killed
_NOTHING = "Its process wrote nothing.\n"
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)  # nothing that a method does by mistake: it is tried once more
Enter = Callable[[str], None]


class Supervisor:
    """Does runs, one after the other, in a worker of its own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._limits: Limits | None = None
        self._parent = os.getppid()
        self._changed: list[str] = []  # what the last run has changed for its whole process
        self._told: set[str] = set()  # methods of which that was said
        self._killed_by: int | None = None  # the signal that ended the last run's process, if one did
        self._late = False  # whether the last run's process did not start in time: the machine's doing, so it is tried once more

    def execute(self, run: Run, config: Mapping[str, Any], results: Path, enter: Enter) -> Record:
        """The run's record, whatever happens to its process, which may be killed once. `enter` hears of each phase.

        Raises RuntimeError if it cannot run alone although it should, or if the harness itself is broken; FileError if the
        results folder cannot be used.
        """
        limits = Limits.of(config["compute"])
        if self._process is None or limits.fresh or self._limits is None or self._limits.threads != limits.threads:
            self._start(limits)
        start = time.monotonic()
        try:
            record = self._watch(run, config, results, limits, enter)
            left_behind = record.status == "out_of_memory" and self._served  # perhaps for what earlier runs have left behind
            if left_behind or self._late or self._killed_by in _FROM_OUTSIDE:
                self._start(limits)
                record = self._watch(run, config, results, limits, enter)
        except BaseException:
            self.stop()
            raise
        self._served += 1
        self._tell_of_changes(run)
        if limits.fresh or self._changed:
            self.stop()
        log = Store(results).write_log(record.run_id, self._log(record)) if record.failed else None
        return replace(record, log=log, seconds=replace(record.seconds, run=time.monotonic() - start))

    def _tell_of_changes(self, run: Run) -> None:
        """Say what a method has changed for its whole process, once of each method: the run after it gets a new one."""
        if self._changed and run.method not in self._told:
            self._told.add(run.method)
            say(f"note: {run.method} changed {', '.join(self._changed)} for its whole process; runs after its own get new ones")

    def _log(self, record: Record) -> str:
        """What failed, then all that the process wrote, its traceback among that."""
        what = f"{record.dataset.name} {record.method.name} epsilon={record.privacy.epsilon:g} seed={record.seed}"
        return f"{what}\nrun {record.run_id}: {record.status}: {record.error}\n\n{self._written or _NOTHING}"

    def _fault(self, run: Run, results: Path, trace: str) -> str:
        """Words on where a mistake of the program is told in full; none for what is of the folder or the configuration."""
        if not trace:
            return ""
        return f" (a fault of the program, told in full in {results / Store(results).write_log(run.run_id, trace)})"

    def stop(self) -> None:
        """Kill the worker and all that it started."""
        if self._process is not None:
            _kill(self._process)
            self._written = self._output.text()
            os.close(self._answers)
            self._processors.release()
            self._output.close()
            self._process = None

    def _start(self, limits: Limits) -> None:
        self.stop()
        self._served = 0  # runs that this worker has done
        self._processors = Processors(limits.threads, limits.alone)
        self._output = Output()
        ours, theirs = os.pipe()
        self._answers, self._buffer, self._ended, self._limits = ours, b"", False, limits
        self._process = subprocess.Popen(
            worker.command(theirs, self._processors.cores),
            stdin=subprocess.PIPE,
            stdout=self._output.descriptor,
            stderr=self._output.descriptor,
            pass_fds=(theirs,),
            env={**os.environ, **worker.environment(limits.threads)},
            start_new_session=True,
        )
        os.close(theirs)

    def _watch(self, run: Run, config: Mapping[str, Any], results: Path, limits: Limits, enter: Enter) -> Record:
        """Ask the worker for the run and wait for its answer, its end, or a limit."""
        process = self._process
        assert process is not None and process.stdin is not None
        self._output.begin()
        self._killed_by, self._late, self._changed = None, False, []
        phase, since = "starting", time.monotonic()
        weigh = since
        try:
            process.stdin.write(json.dumps({"config": config, "results": str(results), "path": sys.path}).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it has ended, as the loop will see
        while True:
            for message in self._messages():
                if "say" in message:
                    sys.stderr.write(f"{message['say']}\n")
                if "phase" in message:
                    since = time.monotonic() if phase == "starting" else since
                    phase = message["phase"]
                    enter(phase)
                if "broken" in message:
                    raise RuntimeError(message["broken"] + self._fault(run, results, message["trace"]))
                if "record" in message:
                    self._written = self._output.text()
                    self._changed = message["changed"]
                    return Record.from_json(message["record"])
            now = time.monotonic()
            self._end_with_parent()
            if self._ended:
                process.wait()  # nobody else holds the other end
                self._killed_by = -process.returncode if process.returncode < 0 else None
                why = f"the process ended by {_reason(process.returncode)}"
                return self._lost(run, limits, "failed", phase, now - since, why)
            if phase == "starting":
                if now - since > _START:
                    self._late = True
                    why = f"its process did not start within {_START:g} s, which says nothing of the method; repeat it"
                    return self._lost(run, limits, "failed", phase, now - since, f"{why} with dpdsyn retry")
            elif limits.timeout is not None and now - since > limits.timeout:
                return self._lost(run, limits, "timeout", phase, now - since, f"longer than {limits.timeout:g} s")
            if limits.memory is not None and now - weigh > _WEIGH:
                weigh = now
                used = _resident(process.pid) / 2**30
                if used > limits.memory:
                    what = f"{used:.2f} GiB resident, more than {limits.memory:g}"
                    return self._lost(run, limits, "out_of_memory", phase, now - since, what)

    def _lost(self, run: Run, limits: Limits, status: str, phase: str, reached: float, why: str) -> Record:
        if phase != "starting":
            self._ask_where()
        self.stop()
        limit = {"timeout": limits.timeout, "out_of_memory": limits.memory}.get(status)
        seconds = {"reached": reached, "phase": phase, "limit": limit, "alone": limits.alone}
        error = one_line(f"{why} (in phase {phase}, after {reached:.1f} s)")
        return Record.of(**outline(run), status=status, error=error, seconds=seconds)

    def _ask_where(self) -> None:
        """Have the worker write down what it is doing, if it can."""
        assert self._process is not None
        before, deadline = self._output.size, time.monotonic() + _PATIENCE
        if self._process.poll() is None:
            self._process.send_signal(worker.WHERE)
            while self._output.size == before and self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.05)  # it may be in the middle of it

    def _messages(self) -> list[dict[str, Any]]:
        """What the worker has said since, waiting a moment for it."""
        if not select.select([self._answers], [], [], _PAUSE)[0]:
            return []
        chunk = os.read(self._answers, 1 << 16)
        self._ended = not chunk
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        return [json.loads(line) for line in lines]

    def _end_with_parent(self) -> None:
        """A process that a sweep started ends, with its worker, when the sweep's own process is gone."""
        if os.environ.get(SPAWNED_BY) == str(self._parent) != str(os.getppid()):
            self.stop()
            os._exit(1)


@cache
def supervisor() -> Supervisor:
    """This process's own."""
    own = Supervisor()
    atexit.register(own.stop)
    return own


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin is not None:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()


def _reason(code: int) -> str:
    if code >= 0:
        return f"itself with exit code {code}"
    name = signal.Signals(-code).name
    return name + (", as when the machine has run out of memory" if name == "SIGKILL" else "")


def _resident(pid: int) -> int:
    """Bytes of memory that a process and its descendants hold."""
    import psutil

    total = 0
    try:
        own = psutil.Process(pid)
        for process in (own, *own.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
