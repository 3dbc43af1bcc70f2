"""Former spellings: identities are computed from the first one, and what was stored under it is read in today's words.

Renaming a method, moving a class, adding a parameter that by default changes nothing, or rewording an experiment's file is no
reason to compute anything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

METHODS = {  # today's name: its first
    "clipped_ctgan": "dp_ctgan",
    "dpdsyn_as_published": "dpdsyn_as_printed",
    "rdp_gan_as_published": "rdp_gan_as_printed",
}
TARGETS = {  # where a class is today: where it was first
    "baselines.clipped_ctgan.ClippedCTGAN": "baselines.dp_ctgan.DPCTGAN",
    "baselines.foreign.isolated.Isolated": "baselines.isolated.Isolated",
    "baselines.rdp_gan.RDPGANAsPublished": "baselines.rdp_gan.RDPGANAsPrinted",
}
PARAMETERS: dict[str, Any] = {  # added since, with the value that stands for what was done before there was such a parameter
    "engine": "own",
    "guide.pull": 0.0,
    "guide.pretraining": 0,
    "guide.module": None,
    "guide.options": {},
}
DEFAULTS: dict[str, tuple[int, dict[str, Any]]] = {  # a method's own settings up to a version, where today's are others
    "dpdsyn": (
        3,
        {
            "candidates": "class_conditional",
            "candidate_share": 0.2,
            "candidate_parameters": None,
            "labels": "sample",
            "other_targets": [],
            "guide": {
                "hidden": 16,
                "batch": 4096,
                "steps": 200,
                "wander": 0.7,
                "learning_rate": 8.0,
                "momentum": 0.8,
                "clip": 1.0,
                "average": 0.5,
            },
        },
    ),
}
GUARANTEES = {"unverified": "claimed"}
EXPERIMENTS: dict[str, str] = {}  # hash that an experiment's file had before words alone changed in it: that of what it says now


def parameters(chosen: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Those of a method that identities are computed from: an added one counts where it changes what is done."""
    kept = {}
    for key, value in chosen.items():
        name = f"{within}{key}"
        if name not in PARAMETERS or value != PARAMETERS[name]:
            kept[key] = parameters(value, f"{name}.") if isinstance(value, Mapping) else value
    return kept


def completed(chosen: Mapping[str, Any], usual: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """A record's parameters with those that are in its method's file by now, as they were before there were any."""
    added = {key: PARAMETERS[f"{within}{key}"] for key in usual if key not in chosen and f"{within}{key}" in PARAMETERS}
    inner = {
        key: completed(value, usual[key], f"{within}{key}.")
        for key, value in chosen.items()
        if isinstance(value, Mapping) and isinstance(usual.get(key), Mapping)
    }
    return {**chosen, **added, **inner}


def defaults(method: str, version: int | None) -> dict[str, Any] | None:
    """What a method's file set at that version of it, or None if that is what it sets today."""
    last, then = DEFAULTS.get(method, (0, {}))
    return then if last and (version is None or version <= last) else None


def first(name: str, spellings: Mapping[str, str]) -> str:
    """The spelling that identities are computed from."""
    return spellings.get(name, name)


def today(name: Any, spellings: Mapping[str, str]) -> Any:
    """Today's word for a first spelling."""
    return next((now for now, then in spellings.items() if then == name), name)


def record(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A record of any format, as plain values, in today's names and words; those of formats 1 and 2 had other words."""
    renamed = {{"cell_id": "run_id", "label_share": "positive_rate"}.get(key, key): value for key, value in raw.items()}
    for part in ("dataset", "method", "privacy", "seconds", "fidelity", "evaluation", "environment"):
        if isinstance(renamed.get(part), Mapping):
            renamed[part] = dict(renamed[part])
    seconds, method = (own if isinstance(own := renamed.get(name), dict) else {} for name in ("seconds", "method"))
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
