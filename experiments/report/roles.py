"""What records stand for: a method's badge, its place in ranks, ratios and claims, and what to know of the numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cache

from dpdsyn.privacy import DRAFTED
from experiments.configuration import content_hash, option_path
from experiments.records import former
from experiments.records.record import Record

YARDSTICK = "dpdsyn"
REFERENCES = ("real", "majority", "independent", "uniform", "guide_only")
DEVELOPMENT = ("br2000", "simulated")  # the data sets that settings were chosen on
INSPIRED = ("absyn", "wdp_gan")  # after papers whose text was not found
BADGES = {"dp": "dp", "unverified": "unverified", "none": "no DP guarantee"}
_NOTES = {
    "dpdsyn_as_published": " (as described in secondary notes)",
    "absyn": " (batch-adaptive, ABSyn-inspired; not ABSyn itself)",
    "privpetal": " (single-table adaptation)",
    "snsynth_mst": " (smartnoise-synth; couples independent columns, not MST itself)",
    "snsynth_aim": " (smartnoise-synth; couples independent columns, not AIM itself)",
    "snsynth_mwem": " (smartnoise-synth; reads each column's range off the rows)",
    "snsynth_patectgan": " (smartnoise-synth; exact category shares; teachers and student are one network)",
    "snsynth_dpctgan": " (smartnoise-synth; exact category shares; batches not as accounted)",
    "snsynth_pategan": " (smartnoise-synth; the epsilon that ends training depends on the rows)",
    "snsynth_dpgan": " (smartnoise-synth; batches not as accounted)",
    "dpmm_mst": " (dpmm)",
    "dpmm_aim": " (dpmm)",
    "dpmm_privbayes": " (dpmm; sensitivity of the choice of parents too small)",
    "rdp_gan_as_published": " (noise on the loss's value, as printed)",
    "wdp_gan": " (sequence GAN, WDP-GAN-inspired; not WDP-GAN itself)",
}


def guarantee(group: Iterable[Record]) -> str | None:
    """The weakest that any run ended with: `none`, `unverified` or `dp`; None if no run ended well."""
    given = {record.method.guarantee for record in group if record.status == "ok"}
    return next((name for name in ("none", "unverified", "dp") if name in given), None)


def badge(method: str, group: list[Record]) -> str:
    """What a reader has to know of these runs' guarantee, in a few words."""
    worst = guarantee(group)
    if worst is None:
        return "-"
    exposed = {entry["label"] for r in group for entry in r.privacy.ledger if entry["mechanism"] == "Unprotected"}
    own = _NOTES.get(method.partition(" ")[0], "")
    return BADGES[worst] + (" (schema read off the rows)" if exposed == {DRAFTED} else own)


def is_ranked(method: str, group: Iterable[Record]) -> bool:
    """Whether a method takes part in ranks and can be called best: under our own guarantee, in its default setting, itself."""
    return method not in REFERENCES + INSPIRED and "(" not in method and guarantee(group) == "dp"


def is_baseline(method: str, group: Iterable[Record]) -> bool:
    """Whether ratios and claims may be made against it: ranked, and no form of DPDSyn."""
    return is_ranked(method, group) and not method.startswith(YARDSTICK)


def remarks(records: Iterable[Record]) -> list[str]:
    """What to know of these records: settings chosen on their data, what the data warn of, experiments changed since."""
    records = list(records)
    changed: Counter[str] = Counter()
    for record in records:
        if record.experiment and former.experiment(record.experiment.sha256) != _present_hash(record.experiment.name):
            changed[record.experiment.name] += 1
    chosen_on = sorted({name for record in records if (name := record.dataset.name) in DEVELOPMENT})
    warned = dict.fromkeys(record.dataset.caution for record in records if record.dataset.caution)
    return [
        *(f"Development set, on which settings were chosen: {name}." for name in chosen_on),
        *(f"Caution: {caution}." for caution in warned),
        *(f"{count} of these runs were made for an older {name}.yaml." for name, count in sorted(changed.items())),
    ]


@cache
def _present_hash(experiment: str) -> str | None:
    """Of the experiment's file as it is now; None if there is none of that name."""
    try:
        return content_hash(option_path("experiment", experiment))
    except FileNotFoundError:
        return None
