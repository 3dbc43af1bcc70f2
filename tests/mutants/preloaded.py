"""Programs in a process that is forked off one where slow imports are done, for these take longer than most tests.

Nothing of ours is among them: what is forked imports that from the copy with the fault.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

_SLOW = (
    "pytest",
    "hypothesis",
    "scipy.stats",
    "scipy.optimize",
    "pandas",
    "pyarrow.parquet",
    "mpmath",
    "randomgen",
    "yaml",
    "sklearn.base",
    "dp_accounting.pld.privacy_loss_distribution",
    "dp_accounting.rdp",
    "torch",
)
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["mutants.preloaded"])

if (
    multiprocessing.current_process().name == "MainProcess"
    and "multiprocessing.forkserver" in sys.modules
    and sys.argv[0] == "-c"
):
    for _name in _SLOW:
        with suppress(ImportError):
            importlib.import_module(_name)


def forked(
    copy: Path, program: str, arguments: Sequence[str], environment: dict[str, str], seconds: float
) -> tuple[int | None, str, float]:
    """`pytest` or `dpdsyn` with these arguments: exit status (None if time was up), output, seconds.

    Whatever it started ends with it.
    """
    begun = time.monotonic()
    told = copy / "told.txt"
    process = _CONTEXT.Process(target=_program, args=(str(copy), program, list(arguments), environment, str(told)))
    process.start()
    process.join(seconds)
    code = process.exitcode
    with suppress(ProcessLookupError):
        os.killpg(int(process.pid or 0), signal.SIGKILL)
    process.join()
    said = told.read_text(encoding="utf-8", errors="replace") if told.exists() else ""
    told.unlink(missing_ok=True)
    return code, said, time.monotonic() - begun


def _program(copy: str, program: str, arguments: list[str], environment: dict[str, str], told: str) -> None:
    os.setsid()
    out = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.chdir(copy)
    os.environ.update(environment)
    sys.dont_write_bytecode = True
    sys.path.insert(0, copy)
    import dpdsyn

    if not str(dpdsyn.__file__).startswith(copy):
        raise RuntimeError(f"{dpdsyn.__file__} is not of the copy")
    if program == "pytest":
        import pytest

        code = int(pytest.main(arguments))
    else:
        from experiments.cli.main import main

        code = main(arguments)
    sys.stdout.flush()
    os._exit(code)
