"""What each method looks like in all figures: colour, marker and dashes, so that none of them is needed alone.

A few methods have a colour of their own (their YAML says which); all others are grey. Every method that is compared has its own
pair of marker and dashes, so that lines can be told apart in print without colours and by those who do not tell red from green.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from experiments.report.cases import Method
from experiments.report.figures.style import INK, OTHER
from experiments.report.roles import YARDSTICK
from experiments.report.summary import Summary

OWN_MARKERS = ("s", "^", "v", "D", "P", "*", "<", ">", "p", "h", "d")  # of what is compared; the circle is DPDSyn's
_DASHES = ((), (5, 1.5), (1.2, 1.2), (5, 1.5, 1.2, 1.5), (2.5, 1.2), (7, 1.5, 1.2, 1.5, 1.2, 1.5), (3, 3))
MEANINGS = {  # of the markers that methods share which are not compared
    "apart": "dp, inspired by a paper or in special settings",
    "unverified": "unverified: an outside library says so",
    "none": "no DP guarantee",
}
_NOT_COMPARED = {"apart": "D", "unverified": "s", "none": "X"}


@dataclass(frozen=True)
class Look:
    """shape: as matplotlib calls it. dashes: lengths on and off, in points; none for a whole line. filled: of what is compared.

    strong: of DPDSyn's family. coloured: whether the colour is its own.
    """

    colour: str
    shape: str
    dashes: tuple[float, ...]
    filled: bool
    strong: bool

    @property
    def coloured(self) -> bool:
        return self.colour not in (OTHER, INK)


Looks = Mapping[Method, Look]


def looks(drawn: Iterable[Summary]) -> dict[Method, Look]:
    """Of every method that has something drawn, the same in all figures of the same records."""
    kinds: dict[Method, set[str]] = {}
    for summary in drawn:
        kinds.setdefault(summary.method, set()).add(summary.kind)
    compared = sorted((method for method, own in kinds.items() if "ranked" in own), key=_order)
    found = {method: _plain(method, kinds[method]) for method in kinds}
    others = [method for method in compared if method.name != YARDSTICK or method.settings]
    for place, method in enumerate(others):
        shape, dashes = OWN_MARKERS[place % len(OWN_MARKERS)], _DASHES[place % len(_DASHES)]
        found[method] = Look(method.about.colour or OTHER, shape, dashes, True, _is_strong(method))
    return found


def _plain(method: Method, kinds: set[str]) -> Look:
    """Of DPDSyn itself, of references, and of what is not compared."""
    colour, strong = method.about.colour or OTHER, _is_strong(method)
    if "ranked" in kinds:
        return Look(colour, "o", (), True, strong)
    if "reference" in kinds:
        return Look(colour, "o", (1.2, 1.2), False, strong)
    shared = next((kind for kind in _NOT_COMPARED if kind in kinds), None)
    if shared is None:  # no run of it ended well, so nothing is known of it
        return Look(colour, "o", (2.5, 1.2), False, strong)
    return Look(OTHER, _NOT_COMPARED[shared], (2.5, 2.5), False, strong)


def _is_strong(method: Method) -> bool:
    return method.about.family == YARDSTICK and method.about.role in ("method", "variant")


def _order(method: Method) -> tuple[bool, bool, str]:
    """DPDSyn's own first, then those with colours: their markers do not change when others come."""
    return not _is_strong(method), method.about.colour is None, method.title


def named(drawn: Sequence[Summary], known: Looks, most: int, worth: Callable[[Summary], float | None]) -> list[Method]:
    """Whose names stand beside what is drawn, the first the most important: our own, coloured ones, then the best of the rest."""
    found: dict[Method, list[float]] = {}
    for summary in drawn:
        value = worth(summary)
        if value is not None and not summary.is_bound:
            found.setdefault(summary.method, []).append(value)
    ranked = {summary.method for summary in drawn if summary.kind == "ranked"}
    best = sorted((-fmean(values), method) for method, values in found.items() if method in ranked)
    first = [method for method in found if known[method].strong]
    second = [method for _, method in best[:3]]
    third = [method for method in found if known[method].coloured]
    fourth = [method for _, method in best]
    fifth = sorted(found)
    return list(dict.fromkeys([*sorted(first), *second, *sorted(third), *fourth, *fifth]))[:most]
