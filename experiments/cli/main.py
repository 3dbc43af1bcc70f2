"""The command line. Heavy libraries are imported by the commands that need them, so that the others answer at once."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence

from experiments.cli import (
    check,
    data,
    env,
    export,
    figures,
    listing,
    merge,
    records,
    report,
    schema,
    status,
    synthesize,
    tables,
    track,
    ui,
)

_HYDRAS = {  # everything after these is Hydra's, flags included
    "run": "do runs: dpdsyn run [-m] [HYDRA FLAGS] dataset=NAME synthesizer=NAME ...",
    "retry": "do again what failed: dpdsyn retry [KEY=VALUE ...]",
    "audit": "attack a method: dpdsyn audit [-m] dataset=NAME synthesizer=NAME privacy.epsilon=E ...",
}
_OTHERS = (listing, status, merge, track, records, export, tables, figures, report, ui, data, env, schema, synthesize, check)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do one command. Exit code 0: done; 1: some runs or checks failed; 2: refused, with one line that says why."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    warnings.filterwarnings("ignore", module="mbi")  # it warns of single precision when imported; we fit in double
    try:
        if arguments and arguments[0] in _HYDRAS:
            return _hydras(arguments[0])(arguments[1:])
        given = parser().parse_args(arguments)
        return given.command(given)
    except KeyboardInterrupt:
        print("dpdsyn: interrupted; what was finished is kept, and the same command goes on from there", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("dpdsyn", "baselines", "experiments"):
            raise
        return _refuse(f"{error.name} is not installed; this command needs: pip install 'dpdsyn[bench]'")
    except Exception as error:
        if not _is_for_the_person(error):
            raise
        return _refuse(" ".join(str(error).split()))


def parser() -> argparse.ArgumentParser:
    """All commands with what each of them takes."""
    whole = argparse.ArgumentParser(
        prog="dpdsyn", description="Differentially private synthetic tables, and a benchmark of them."
    )
    commands = whole.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text in _HYDRAS.items():
        commands.add_parser(name, help=text, add_help=False)
    for module in _OTHERS:
        module.add(commands)
    return whole


def _hydras(command: str) -> Callable[[Sequence[str]], int]:
    if command == "audit":
        from experiments.cli.audit import audit

        return audit
    from experiments.cli.run import retry, run

    return {"run": run, "retry": retry}[command]


def _is_for_the_person(error: Exception) -> bool:
    """Whether the message says what was given and what is accepted, so that no traceback is of use."""
    from dpdsyn.files import FileError

    told = (ValueError, FileNotFoundError, PermissionError, ConnectionError, FileError)
    return isinstance(error, told) or type(error).__name__ == "DataError"


def _refuse(message: str) -> int:
    print(f"dpdsyn: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
