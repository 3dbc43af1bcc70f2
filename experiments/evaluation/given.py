"""What a model or a metric gave, held against what is needed: a wrong one is named and never scored."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from reprlib import Repr
from typing import Any

import numpy as np

from dpdsyn.base.checks import InputError
from experiments.records.printable import one_line

_OUTSIDE = 1e-6  # how far a probability may lie outside of 0 to 1
_SUM = 1e-3  # how far the probabilities of a row may be from adding up to 1; a network of float32 stays far below
_MOST = 600  # characters of an error of a person's own, so that the place after it is kept
_short = Repr()
_short.maxstring = _short.maxother = 60


class OwnError(RuntimeError):
    """A model or a metric of a person's own raised an error; the message names it, and the error is the cause."""


@contextmanager
def naming(what: str, name: str, own: bool = True) -> Iterator[None]:
    """Raise OwnError for any error inside but a lack of memory. own: of ours an error goes through as it is."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:  # a person's own code may raise anything
        if not own:
            raise
        where = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(where.filename).name}, line {where.lineno}, in {where.name}"
        raise OwnError(f"the {what} {name} raised {type(error).__name__}: {one_line(error, _MOST)} ({place})") from error


def probabilities_of(name: str, given: Any, classes: Any, rows: int, size: int) -> np.ndarray:
    """The probabilities of all codes, shape (rows, size), those of codes that the model does not know being 0.

    given: what the model's `predict_proba` gave. classes: the codes that its columns are of. Raises InputError for what are no
    probabilities.
    """
    codes = _array(classes)
    if codes is None or codes.ndim != 1 or codes.dtype.kind not in "iu" or not _are_codes(codes, size):
        raise InputError(f"the evaluator {name} has classes_ {_told(classes)}; different codes from 0 to {size - 1} are needed")
    with naming("evaluator", name):  # a tensor that cannot be read as it is says so itself
        values = _array(given, float)
    shape = (rows, len(codes))
    if values is None or values.shape != shape:
        wrong = f"an array of shape {values.shape}" if values is not None and values.ndim else _told(given)
    elif not np.isfinite(values).all():
        wrong = f"NaN or infinity in {int((~np.isfinite(values)).any(axis=1).sum())} of {rows} rows"
    elif values.size and (values.min() < -_OUTSIDE or values.max() > 1 + _OUTSIDE):
        wrong = f"numbers from {values.min():.6g} to {values.max():.6g}"
    elif (np.abs((sums := values.sum(axis=1)) - 1) > _SUM).any():
        wrong = f"rows that add up to {sums.min():.6g} at least and {sums.max():.6g} at most"
    else:
        placed = np.zeros((rows, size))
        placed[:, codes] = values
        return placed
    raise InputError(
        f"the evaluator {name} gave {wrong} as probabilities; an array of shape {shape} is needed, a row for each test row and a "
        f"column for each of its classes, of numbers from 0 to 1 that add up to 1 in each row"
    )


def numbers_of(name: str, given: np.ndarray) -> np.ndarray:
    """The predicted numbers, shape (rows,), in an array that the model does not have. Raises InputError for NaN and infinity."""
    if wrong := int((~np.isfinite(given)).sum()):
        raise InputError(f"the evaluator {name} gave NaN or infinity for {wrong} of {len(given)} rows; finite numbers are needed")
    return given.copy()


def own_score(name: str, metric: Callable[..., Any], labels: np.ndarray, predicted: np.ndarray) -> float:
    """What a person's own metric gives, which may change the copies that it is given.

    Raises OwnError for an error of it, InputError for what is no finite number.
    """
    with naming("metric", name):
        value = metric(labels.copy(), predicted.copy())
    number = _number(value)
    if number is None or not math.isfinite(number):
        raise InputError(f"the metric {name} gave {_told(value)}; a finite number is needed")
    return number


def _are_codes(codes: np.ndarray, size: int) -> bool:
    return len(np.unique(codes)) == len(codes) and bool(((codes >= 0) & (codes < size)).all())


def _array(given: Any, kind: type | None = None) -> np.ndarray | None:
    """None for what is no array of such values; text is none, though it may say a number."""
    try:
        found = np.asarray(given)
        return None if found.dtype.kind in "USc" else found.astype(kind or found.dtype, copy=False)
    except (TypeError, ValueError):  # ragged lists, other objects
        return None


def _number(value: Any) -> float | None:
    """None for what says no single number."""
    if isinstance(value, str | bytes | complex | np.complexfloating):
        return None
    try:
        return None if np.shape(value) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _told(value: Any) -> str:
    """In a few words on one line."""
    shape = getattr(value, "shape", None)
    if shape:
        return f"{type(value).__name__} of shape {tuple(shape)} and type {getattr(value, 'dtype', 'mixed')}"
    return " ".join(_short.repr(value).split())
