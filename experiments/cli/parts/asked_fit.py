"""What options ask of a fit, held against one another and against the schema before a row is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from dpdsyn.base.checks import InputError, whole_number

if TYPE_CHECKING:
    from dpdsyn.schema import Schema


def check_seed(seed: int | None) -> None:
    """Raise InputError for a seed below 0."""
    if seed is not None:
        whole_number("--seed", seed, least=0)


def check_evaluation(evaluate: float | None, hold_out: float | None) -> None:
    """Raise InputError, naming the option, for an evaluation that cannot be."""
    import pandas as pd

    from dpdsyn.quality.private_evaluation import check

    some = pd.DataFrame()
    _naming(f"--evaluate {evaluate}", partial(check, some, evaluate, None))
    if hold_out is not None and evaluate is None:
        raise InputError(
            f"--hold-out {hold_out}: rows are held out for an evaluation alone; add --evaluate SHARE, the share of the budget "
            "that buys one, or leave --hold-out away"
        )
    _naming(f"--hold-out {hold_out}", partial(check, some, evaluate, hold_out))


def check_other_targets(others: Sequence[str], schema: Schema, path: Path) -> None:
    """Raise InputError, naming the option, for further targets that are none. path: of the schema, for messages."""
    for position, name in enumerate(others):
        if name == schema.target:
            raise InputError(f"--other-targets {name}: it is the target already; leave it out")
        if name in others[:position]:
            raise InputError(f"--other-targets {name}: it is named twice; name it once")
        _naming(f"--other-targets {name}: {path}", partial(schema.position, name))
    if others and len(others) == len(schema.features):
        raise InputError(
            f"--other-targets {' '.join(others)}: beside these and the target {schema.target}, {path} has no column to learn "
            "them from; name fewer, or describe one more column"
        )


def _naming(option: str, check: Callable[[], object]) -> None:
    try:
        check()
    except InputError as error:
        raise InputError(f"{option}: {error}") from error
