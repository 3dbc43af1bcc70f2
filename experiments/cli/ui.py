"""`dpdsyn ui`: the MLflow dashboard."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from dpdsyn.files import FileError
from experiments.paths import results_dir


def add(commands: argparse._SubParsersAction) -> None:
    ui = commands.add_parser("ui", help="open the MLflow dashboard on 127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)
    ui.set_defaults(command=serve)


def serve(given: argparse.Namespace) -> int:
    from experiments.console import say
    from experiments.records.store import Store
    from experiments.sweep.mlflow.runs import replace_broken, tracking_uri

    uri = tracking_uri(results_dir())
    replace_broken(Store(results_dir()), say)
    if uri.startswith("sqlite:///") and not (results_dir() / "mlflow.db").exists():
        raise FileError(f"there is no {results_dir() / 'mlflow.db'} yet; start with dpdsyn run, or fill it with dpdsyn track")
    print(f"MLflow shows {uri} on http://127.0.0.1:{given.port} (Ctrl-C ends it)", flush=True)
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--backend-store-uri",
        uri,
        "--host",
        "127.0.0.1",
        "--port",
        str(given.port),
    ]
    return subprocess.run(
        [*command, "--workers", "1"], env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=False
    ).returncode
