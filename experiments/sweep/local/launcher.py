"""Runs of a sweep on this machine: a thread for each worker process, which gives it one run after the other.

Hydra's own launchers compose each run from its files, keep what it returned until the last one has ended, and put a process
between the command and each worker. Here a run costs the command a few milliseconds and leaves nothing behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from experiments.records.printable import one_line
from experiments.sweep.job import Ended, Errand, done
from experiments.sweep.local.composition import Composition
from experiments.sweep.overrides import parsed
from experiments.sweep.supervisor import Supervisor

if TYPE_CHECKING:
    from experiments.sweep.plan import Planned

NAME = "local"  # of its file in conf/hydra/launcher
TARGET = f"{__name__}.launch"


def launch(runs: Sequence[Planned], errand: Errand, workers: int, environment: Mapping[str, str]) -> list[Ended]:
    """Do all runs, as many at once as there are workers; how each ended, in their order.

    environment: variables that are set meanwhile. Hydra has to be set up (`composing.hydra_with`) while this goes on.
    """
    from hydra import compose
    from hydra.core.utils import env_override

    composition = Composition(lambda overrides: compose("config", list(overrides)))
    composing = threading.Lock()
    ended = [Ended(refused="it was not begun")] * len(runs)
    left: Iterator[int] = iter(range(len(runs)))  # `next` is one step, whichever thread takes it

    def work() -> None:
        with _supervising() as supervisor:
            for i in left:
                ended[i] = _one(runs[i], supervisor)

    def _one(planned: Planned, supervisor: Supervisor) -> Ended:
        try:
            with composing:
                config = composition.of(planned.overrides)
            return done(config, _experiment(planned), errand, supervisor)
        except Exception as error:  # whatever it was, it is of this run
            return Ended(refused=f"{planned.name}: {type(error).__name__}: {one_line(error)}")

    threads = [threading.Thread(target=work, name=f"runs-{number}") for number in range(min(workers, len(runs)))]
    with env_override(dict(environment)):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return ended


@contextmanager
def _supervising() -> Iterator[Supervisor]:
    own = Supervisor()
    try:
        yield own
    finally:
        own.stop()


def _experiment(planned: Planned) -> str:
    named = [parsed(text).value() for text in planned.overrides if text.startswith("experiment=")]
    return str(named[-1]) if named else ""
