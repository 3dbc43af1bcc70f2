"""Former spellings: identities are computed from the first one, and what was stored under it is read in today's words.

Renaming a method, moving a class or rewording an experiment's file is no reason to compute anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = {  # today's name: its first
    "dpdsyn_as_published": "dpdsyn_as_printed",
    "rdp_gan_as_published": "rdp_gan_as_printed",
}
TARGETS = {  # where a class is today: where it was first
    "baselines.foreign.isolated.Isolated": "baselines.isolated.Isolated",
    "baselines.rdp_gan.RDPGANAsPublished": "baselines.rdp_gan.RDPGANAsPrinted",
}
GUARANTEES = {"unverified": "claimed"}
EXPERIMENTS: dict[str, str] = {  # content hash of a file that was reworded since, its runs unchanged: the hash that it has today
    "555de23884775c3e": "c12b8fd27f70e862",  # main_fast_budgets
    "8f96a103d10b9158": "59fe840dc9229e0f",  # main_fast_sets
    "0d7e765d862e6c64": "d692e8b07ee2403c",  # main_gan
}


def first(name: str, spellings: Mapping[str, str]) -> str:
    """The spelling that identities are computed from."""
    return spellings.get(name, name)


def today(name: Any, spellings: Mapping[str, str]) -> Any:
    """Today's word for a first spelling."""
    return next((now for now, then in spellings.items() if then == name), name)


def record(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A record of format 1 or 2, as plain values, in today's names and words."""
    renamed = {{"cell_id": "run_id", "label_share": "positive_rate"}.get(key, key): value for key, value in raw.items()}
    for part in ("dataset", "method", "privacy", "seconds", "fidelity", "evaluation", "environment"):
        if isinstance(renamed.get(part), Mapping):
            renamed[part] = dict(renamed[part])
    seconds, method = renamed.get("seconds") or {}, renamed.get("method") or {}
    if "cell" in seconds:
        seconds["run"] = seconds.pop("cell")
    for key, spellings in (("name", METHODS), ("target", TARGETS), ("guarantee", GUARANTEES)):
        if key in method:
            method[key] = today(method[key], spellings)
    return renamed


def audit(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of an audit in today's names and words."""
    attack = {"door answers": "noisy answers"}.get(row["attack"], row["attack"])
    name, _, settings = str(row["method"]).partition(" ")
    method = " ".join(filter(None, (today(name, METHODS), settings)))
    return {**row, "attack": attack, "method": method, "guarantee": today(row["guarantee"], GUARANTEES)}


def experiment(sha256: str) -> str:
    """The content hash that an experiment's file would have today, given one that it had."""
    return EXPERIMENTS.get(sha256, sha256)


def override(text: str) -> str:
    """What was typed or composed as `synthesizer=NAME`, or several names, with today's names; anything else as it is."""
    key, equals, names = text.partition("=")
    return f"{key}{equals}{','.join(today(name, METHODS) for name in names.split(','))}" if key == "synthesizer" else text
