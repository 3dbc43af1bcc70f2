"""Workers of a Ray cluster (https://docs.ray.io), who read the parts of a table each on its own machine; the extra `ray`.

Every node needs this package in the same version, and finds the table's files at the same path; both are checked.
Ray moves exact counts and sampled rows between its nodes, holds them in their memory and writes what does not fit into its
temporary folder: the cluster is trusted with the rows, and its ports are to be open to nobody else (`RAY_AUTH_MODE=token` makes
Ray ask for a token).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

from dpdsyn.base.checks import InputError

Item = TypeVar("Item")
Result = TypeVar("Result")

_TRIES = 3  # more, of a task whose node has vanished: it gives the same each time
_joined: set[str] = set()  # the addresses by which this process has named its cluster


class RayWorkers:
    """One worker a processor of the cluster.

    address: of its head, HOST:PORT, or `auto` for the one that runs on this machine. Raises InputError where Ray is not
    installed or no cluster answers.
    """

    def __init__(self, address: str = "auto") -> None:
        self._ray = _connected(address)
        self.count = max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
        """In the order of the items; a node that vanishes costs its tasks, which others do again."""
        task = self._ray.remote(num_cpus=1, max_retries=_TRIES)(_done)
        shared = self._ray.put(work)
        waiting = [task.remote(shared, item, version("dpdsyn")) for item in items]
        for i, reference in enumerate(waiting):
            result = self._ray.get(reference)
            waiting[i] = None  # what has been taken is held nowhere else
            del reference
            yield result


def _connected(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise InputError("Ray is not installed here; the extra `ray` brings it: pip install 'dpdsyn[ray]'") from None
    if ray.is_initialized():
        if address not in {"auto", known := ray.get_runtime_context().gcs_address, *_joined}:
            raise InputError(f"this process works with the Ray cluster at {known} already, so not with the one at {address}")
    else:
        try:
            ray.init(address=address, log_to_driver=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise InputError(f"no Ray cluster answers at {address} ({' '.join(str(error).split())})") from error
        _joined.clear()
        _joined.add(address)
    return ray


def _done(work: Callable[[Item], Result], item: Item, wanted: str) -> Result:
    if (here := version("dpdsyn")) != wanted:
        raise InputError(f"a node of the Ray cluster has dpdsyn {here}, and this process {wanted}; all need the same")
    return work(item)
