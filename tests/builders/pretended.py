"""The method that runs in other interpreters, with a pretended package behind it, in this interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from baselines.foreign.environments import Environment
from baselines.foreign.isolated import Isolated
from builders.pretended_package import AT_FIT, AT_SAMPLE
from dpdsyn.contract import fit_toy, toy_schema


class Pretended(Isolated):
    def __init__(self, method: str = "fits") -> None:
        super().__init__("pretended", method)

    def environment(self) -> Environment:
        methods = ["fits", "slow_to_import", "not_importable", *AT_FIT, *AT_SAMPLE]
        return Environment("pretended", f"# python: 3.11\n# gigabytes: 0\n# methods: {' '.join(methods)}\npretense==1.0\n")

    def interpreter(self) -> Path:
        return Path(sys.executable)

    def adapter(self) -> Path:
        return Path(__file__).with_name("pretended_package.py")


def fitted(method: str) -> Isolated:
    found, private = fit_toy(lambda: Pretended(method), toy_schema(), 80)
    assert private.ledger.guarantee == "unverified" and isinstance(found, Isolated)
    return found
