"""The command line `dpdsyn`: one command is chosen, carried out, and what stops it is told.

Heavy libraries are imported by the commands that need them, so that the others answer at once.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.cli import (
    check,
    data,
    doctor,
    env,
    export,
    figures,
    listing,
    merge,
    records,
    report,
    reproduce,
    sample,
    schema,
    status,
    synthesize,
    tables,
    track,
    ui,
)
from experiments.cli.parts.parser import Parser
from experiments.cli.parts.stopping import as_interrupt

_HYDRAS = {  # everything after these is Hydra's, flags included
    "run": "compute runs: dpdsyn run [-m] [--debug] [HYDRA FLAGS] dataset=NAME synthesizer=NAME ...",
    "retry": "repeat the runs that failed: dpdsyn retry [KEY=VALUE ...]",
    "audit": "attack a method: dpdsyn audit [-m] dataset=NAME synthesizer=NAME ...; --plan RECORD, --domains",
}
_WITH_TRACEBACKS = "DPDSYN_TRACEBACK"  # set to anything: no error is put into one line
_FOLDER = ("--config-dir", "-cd")
_READ_PRIVATE_ROWS = ("synthesize", "schema")
_GO_ON = (*_HYDRAS, "reproduce", "data")  # where they were
_WRITE_AT_THE_END = (*_READ_PRIVATE_ROWS, "sample")
_OTHERS = (
    listing,
    status,
    merge,
    track,
    records,
    export,
    tables,
    figures,
    report,
    reproduce,
    ui,
    data,
    env,
    schema,
    doctor,
    synthesize,
    sample,
    check,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command.

    Exit code 0: done; 1: some runs or checks failed, or the program itself, with its traceback; 2: refused, with one line that
    says why. With DPDSYN_TRACEBACK set, what stops a command goes through.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    warnings.filterwarnings("ignore", module="mbi")  # it warns of single precision when imported; we fit in double
    try:
        _refuse_folders(arguments)
        if arguments and arguments[0] in _HYDRAS:
            return _hydras(arguments[0])(arguments[1:])
        given = parser().parse_args(arguments)
        with as_interrupt():
            return given.command(given)
    except KeyboardInterrupt as stop:
        print(f"dpdsyn: interrupted; {str(stop) or _left(arguments)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("dpdsyn", "baselines", "experiments"):
            raise
        return _refuse(f"{error.name} is not installed; this command needs: pip install 'dpdsyn[bench]'")
    except Exception as error:
        if os.environ.get(_WITH_TRACEBACKS):
            raise
        return _refuse(" ".join(str(error).split())) if _is_for_the_person(error) else _own_fault(error, arguments)


def parser() -> argparse.ArgumentParser:
    """All commands with what each of them takes."""
    whole = Parser(prog="dpdsyn", description="Differentially private synthetic tables, and a benchmark of them.")
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _HYDRAS.items():
        commands.add_parser(name, help=text, add_help=False)
    for module in _OTHERS:
        module.add(commands)
    return whole


def _refuse_folders(arguments: Sequence[str]) -> None:
    """Raise InputError for a second folder of configuration: of both, the last alone would count."""
    from dpdsyn.base.checks import InputError

    if sum(word.partition("=")[0] in _FOLDER for word in arguments) > 1:
        raise InputError(f"{_FOLDER[0]} is given more than once; put the files into one folder, and give that")


def _left(arguments: Sequence[str]) -> str:
    """What an interrupted command leaves, if it has not said so itself."""
    if arguments and arguments[0] in _GO_ON:
        return "what was finished is kept, and the same command goes on from there"
    return "nothing was written" if arguments and arguments[0] in _WRITE_AT_THE_END else "the same command begins anew"


def _hydras(command: str) -> Callable[[Sequence[str]], int]:
    if command == "audit":
        from experiments.cli.audit import audit

        return audit
    from experiments.cli.run import retry, run

    return {"run": run, "retry": retry}[command]


def _is_for_the_person(error: Exception) -> bool:
    """Whether it is about what was given or about this machine, and its message says so: then no traceback is of use."""
    from dpdsyn.base.checks import InputError
    from dpdsyn.base.files import FileError
    from dpdsyn.privacy import BudgetExceeded
    from experiments.data.errors import DataError

    return isinstance(error, InputError | DataError | FileError | BudgetExceeded | PermissionError | ConnectionError)


def _own_fault(error: Exception, arguments: Sequence[str]) -> int:
    """Any other error is a mistake of this program: its traceback, and how to see more.

    What an error says may quote cells. So of a command that reads a person's own rows the traceback has kinds of errors and
    places in the program, which a person can send to whoever mends it, and no message.
    """
    if arguments and arguments[0] in _READ_PRIVATE_ROWS:
        sys.stderr.write(without_messages(error))
        print("dpdsyn: what the error said is left out, for it may quote private cells", file=sys.stderr)
    else:
        traceback.print_exception(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    again = [sys.executable, "-m", "pdb", "-c", "continue", "-m", "experiments.cli.main", *arguments]
    print(
        f"dpdsyn: this is a fault of the program, not of what was typed: {type(error).__name__} in {where.name} "
        f"({Path(where.filename).name}, line {where.lineno}). To look around where it happened: "
        f"{_WITH_TRACEBACKS}=1 {shlex.join(again)}",
        file=sys.stderr,
    )
    return 1


def without_messages(error: BaseException) -> str:
    """Its traceback and those of the errors that led to it, as Python prints them, but for what they say."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.insert(0, current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    head = "Traceback (most recent call last):\n"
    return "\n".join(f"{head}{''.join(traceback.format_tb(part.__traceback__))}{type(part).__name__}\n" for part in chain)


def _refuse(message: str) -> int:
    print(f"dpdsyn: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
