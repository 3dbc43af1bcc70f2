"""The process that computes runs: it reads a run a line, says which phase it is in, and answers with a record.

Started by `experiments.sweep.supervisor`, which watches it from outside and keeps what it prints. Its threads and processors
are set before any numeric library is loaded, so nothing but the standard library is imported at the top.
"""

from __future__ import annotations

import faulthandler
import json
import os
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, TextIO

WHERE = signal.SIGUSR1  # asks a worker to write down where it is


def environment(threads: int) -> dict[str, str]:
    """Variables that Python and the numeric libraries read when they are loaded."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    unbuffered = {"PYTHONUNBUFFERED": "1"}  # what was printed is there when a process is killed
    return {**dict.fromkeys(names, str(threads)), **unbuffered, "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore")}


def command(answers: int, cores: list[int]) -> list[str]:
    """How to start a worker that answers on this file descriptor and runs on these processors."""
    return [sys.executable, "-m", "experiments.sweep.worker", str(answers), ",".join(map(str, cores))]


def main(answers: int, cores: str) -> None:
    """Serve until the supervisor closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's business
    faulthandler.enable()  # a crash of the interpreter leaves a traceback
    faulthandler.register(WHERE)
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(",")))
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    with os.fdopen(answers, "w", encoding="utf-8", buffering=1) as out:
        _say(out, ready=True)
        for line in _lines():
            _say(out, **_answer(json.loads(line), out))


def _end_with_supervisor() -> None:
    """Kill this process and all it started as soon as nobody can write to it any more, whatever it is doing."""
    poller = select.poll()
    poller.register(0, 0)  # hanging up is always reported
    poller.poll()
    os.killpg(0, signal.SIGKILL)


def _lines() -> Any:
    """Lines of the standard input, read without holding a lock that the watching thread could need."""
    buffer = b""
    while chunk := os.read(0, 1 << 16):
        buffer += chunk
        while b"\n" in buffer:
            line, _, buffer = buffer.partition(b"\n")
            yield line


def _answer(asked: dict[str, Any], out: TextIO) -> dict[str, Any]:
    sys.path[:0] = [folder for folder in asked["path"] if folder not in sys.path]  # where a person's method lies
    from dpdsyn.base.checks import InputError
    from dpdsyn.base.files import FileError
    from experiments.console import say as write_line
    from experiments.records.printable import one_line
    from experiments.records.store import Store
    from experiments.run import Run, execute
    from experiments.sweep.local.process_state import ProcessState

    state = ProcessState.now()
    try:
        run = Run.of(asked["config"])
        record = execute(
            run,
            Store(Path(asked["results"])),
            say=lambda text: _say(out, say=text),
            enter=lambda phase: _say(out, phase=phase),
            trace=write_line,
        )
    except Exception as error:  # of the harness, not of the method: execute makes a record of that
        told = isinstance(error, FileError | InputError)
        return {"broken": f"{type(error).__name__}: {one_line(error)}", "trace": "" if told else traceback.format_exc()}
    return {"record": record.to_json(), "changed": state.changes()}


def _say(out: TextIO, **message: Any) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
