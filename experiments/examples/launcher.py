"""A launcher of one's own: one run after the other, at the lowest priority, with a pause after each: a laptop stays cool."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.utils import JobReturn


class Polite(BasicLauncher):
    """What Hydra's basic launcher does, for others to come first. pause: seconds after each run."""

    def __init__(self, pause: float = 1.0) -> None:
        super().__init__()
        self.pause = pause

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Each job: the overrides of one run. What comes back is in their order, one for each."""
        os.nice(19)
        done: list[JobReturn] = []
        for overrides in job_overrides:
            done += super().launch([overrides], initial_job_idx + len(done))
            time.sleep(self.pause)
        return done
