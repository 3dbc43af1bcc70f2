"""The door to other interpreters with a pretended package behind it, in this interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

from baselines.isolated import Isolated


class Pretended(Isolated):
    def __init__(self, method: str = "fits") -> None:
        super().__init__("smartnoise", method)

    def interpreter(self) -> Path:
        return Path(sys.executable)

    def adapter(self) -> Path:
        return Path(__file__).with_name("pretended_package.py")
