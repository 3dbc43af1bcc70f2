"""What records stand for: a method's guarantee in words, and its place in ranks, ratios and claims."""

from __future__ import annotations

from collections.abc import Iterable

from dpdsyn.accounting.spends import DRAFTED
from experiments.records.record import Record
from experiments.report.cases import Method

YARDSTICK = "dpdsyn"  # what every other method is compared with
RIVAL = "aim_target"  # named before the results of the second generation: with it equivalence is tested
REAL, MAJORITY = "real", "majority"  # the bounds: models of real rows, and the larger class
REAL_ENCODED = "real_encoded"  # what is left of real rows that are encoded and decoded
BADGES = {"dp": "dp", "unverified": "unverified", "none": "no DP guarantee"}
RANKED = ("method", "variant")  # the roles that take part in ranks


def guarantee(runs: Iterable[Record]) -> str | None:
    """The weakest that any run ended with: `none`, `unverified` or `dp`; None if no run ended well."""
    given = {record.method.guarantee for record in runs if record.status == "ok"}
    return next((name for name in ("none", "unverified", "dp") if name in given), None)


def badge(method: Method, runs: Iterable[Record]) -> str:
    """What a reader has to know of these runs' guarantee, in a few words."""
    runs = list(runs)
    worst = guarantee(runs)
    if worst is None:
        return "-"
    exposed = {entry["label"] for run in runs for entry in run.privacy.ledger if entry["mechanism"] == "Unprotected"}
    note = "schema read off the rows" if exposed == {DRAFTED} else method.about.note
    return BADGES[worst] + (f" ({note})" if note else "")


def is_ranked(method: Method, runs: Iterable[Record]) -> bool:
    """Whether a method takes part in ranks and can be called best: under our own guarantee, in its default setting, itself."""
    return method.about.role in RANKED and not method.settings and guarantee(runs) == "dp"


def is_baseline(method: Method, runs: Iterable[Record]) -> bool:
    """Whether ratios and claims may be made against it: ranked, and no form of DPDSyn."""
    return is_ranked(method, runs) and method.about.family != YARDSTICK
