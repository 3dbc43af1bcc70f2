"""A Ray cluster of two nodes on loopback, each with one processor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builders.daemons import daemon, free_port, wait_until

_RAY = str(Path(sys.executable).with_name("ray"))


@contextmanager
def ray_cluster() -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    """The environment in which a command finds it, and the second node."""
    short = tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True)  # Ray's sockets want short paths
    with short as folder, _running(Path(folder)) as found:
        yield found


@contextmanager
def _running(folder: Path) -> Iterator[tuple[dict[str, str], subprocess.Popen]]:
    port = free_port()
    env = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(16).hex(), "RAY_USAGE_STATS_ENABLED": "0"}
    common = ("--num-cpus=1", "--block", "--object-store-memory=100000000", "--disable-usage-stats")
    head = ("--head", "--node-ip-address=127.0.0.1", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")
    with daemon(folder / "head.log", _RAY, "start", *head, *common, env=env):

        def nodes() -> int:
            call = [_RAY, "status", f"--address=127.0.0.1:{port}"]
            return subprocess.run(call, env=env, capture_output=True, text=True, check=False).stdout.count("1 node_")

        wait_until(lambda: nodes() >= 1, 90, f"the head, see {folder}/head.log")
        with daemon(folder / "node.log", _RAY, "start", f"--address=127.0.0.1:{port}", *common, env=env) as node:
            wait_until(lambda: nodes() >= 2, 90, f"the second node, see {folder}/node.log")
            yield {key: env[key] for key in env if key.startswith("RAY_")} | {"RAY_ADDRESS": f"127.0.0.1:{port}"}, node
