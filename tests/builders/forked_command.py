"""The real command in processes that are forked off one where slow libraries are loaded, which takes longer than most commands.

Nothing of ours is loaded there: what is forked imports that for itself, sets the environment, the folder and the streams that
it was given. Who needs a process that begins with nothing (to measure it, to kill it at
any moment) starts one: `builders.processes.command`.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

_SLOW = (
    "alembic.config",
    "dp_accounting.pld.privacy_loss_distribution",
    "dp_accounting.rdp",
    "hydra",
    "hydra.core.plugins",
    "hydra.errors",
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher",
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_store",
    "mpmath",
    "pandas",
    "psutil",
    "pyarrow.parquet",
    "randomgen",
    "rich.progress",
    "scipy.fft",
    "scipy.optimize",
    "scipy.signal",
    "scipy.special",
    "scipy.stats",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neural_network",
    "threadpoolctl",
    "yaml",
)
_SERVE = "import sys; from builders.forked_command import serve; sys.exit(serve(int(sys.argv[1]), sys.argv[2:]))"


class Forked:
    """A process with slow libraries, which does one command after the other in forks of itself. It ends with its owner."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        place = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
        environment = {**os.environ, "PYTHONPATH": place, "MLFLOW_DISABLE_TELEMETRY": "true"}
        call = [sys.executable, "-c", _SERVE, str(theirs.fileno()), *_SLOW]
        self._process = subprocess.Popen(call, pass_fds=[theirs.fileno()], env=environment, stdin=subprocess.DEVNULL)
        theirs.close()
        self._socket = ours

    def run(
        self, arguments: Sequence[str], folder: Path, environment: dict[str, str], seconds: float
    ) -> subprocess.CompletedProcess[str]:
        """`dpdsyn` with these arguments, in this folder. Raises TimeoutExpired, as `subprocess.run` does."""
        asked = json.dumps({"arguments": [str(a) for a in arguments], "folder": str(folder), "environment": environment}).encode()
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            self._socket.settimeout(120)  # libraries may have to be loaded before
            socket.send_fds(self._socket, [len(asked).to_bytes(8)], [output.fileno(), errors.fileno()])
            self._socket.sendall(asked)
            pid = int.from_bytes(_exactly(self._socket, 8), signed=True)
            self._socket.settimeout(seconds)
            try:
                code = int.from_bytes(_exactly(self._socket, 8), signed=True)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                self._socket.settimeout(10)
                _exactly(self._socket, 8)
                raise subprocess.TimeoutExpired(["dpdsyn", *arguments], seconds) from None
            said = []
            for stream in (output, errors):
                stream.seek(0)
                said.append(stream.read().decode())
        return subprocess.CompletedProcess(["dpdsyn", *arguments], code, *said)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


def serve(descriptor: int, slow: Sequence[str]) -> int:
    """Load libraries, then fork for whatever is asked until the other end is closed; in a fork, what the command gives."""
    for name in slow:
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()  # so that forks leave what they do not use where it is
    with socket.socket(fileno=descriptor) as asked:
        while True:
            length, streams, _, _ = socket.recv_fds(asked, 8, 2)
            if not length:
                return 0
            given = json.loads(_exactly(asked, int.from_bytes(length)))
            pid = os.fork()
            if pid == 0:
                break
            for stream in streams:
                os.close(stream)
            asked.sendall(pid.to_bytes(8, signed=True))
            asked.sendall(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]).to_bytes(8, signed=True))
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    _end(_command, given["arguments"], given["folder"], given["environment"])


def _end(command: Callable[..., int], *given: Any) -> NoReturn:
    """Carry it out and end as an interpreter does, but for taking apart all that is in memory, which would be copied for that."""
    try:
        code = command(*given)
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _command(arguments: list[str], folder: str, environment: dict[str, str]) -> int:
    script = Path(sys.executable).with_name("dpdsyn")
    former = os.environ["PYTHONPATH"].split(os.pathsep)
    os.environ.clear()
    os.environ.update(environment)
    given = [place for place in environment.get("PYTHONPATH", "").split(os.pathsep) if place]
    sys.path[:] = [str(script.parent), *given, *(place for place in sys.path if place and place not in former)]
    sys.argv = [str(script), *arguments]
    for name in [name for name in sys.modules if name.partition(".")[0] == "builders"]:
        del sys.modules[name]
    os.chdir(folder)
    from experiments.cli.main import main

    return main()


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise ConnectionError("the process of forks has ended")
        received += part
    return received
