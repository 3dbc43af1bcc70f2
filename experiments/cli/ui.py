"""`dpdsyn ui`: the MLflow dashboard, open on a comparison."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from contextlib import suppress

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError
from experiments.paths import results_dir

_STARTS = 60.0  # seconds that the server may take before no browser is opened any more


def add(commands: argparse._SubParsersAction) -> None:
    ui = commands.add_parser("ui", help="open the MLflow dashboard on 127.0.0.1")
    ui.add_argument("--port", type=int, default=5000)
    ui.add_argument("--no-browser", action="store_true", help="open no browser, print the address only")
    ui.set_defaults(command=serve)


def serve(given: argparse.Namespace) -> int:
    from experiments.console import say
    from experiments.records.store import Store
    from experiments.sweep.mlflow.client import replace_broken, tracking_uri
    from experiments.sweep.reaper import nothing_left_behind

    store = Store(results_dir())
    uri = tracking_uri(store.results)
    replace_broken(store, say)
    if uri.startswith("sqlite:///") and not (store.results / "mlflow.db").exists():
        raise FileError(f"there is no {store.results / 'mlflow.db'} yet; start with dpdsyn run, or fill it with dpdsyn track")
    _refuse_taken(given.port)
    home = f"http://127.0.0.1:{given.port}"
    print(f"MLflow shows {uri} on {home} (Ctrl-C ends it)", flush=True)
    opened = _comparison(home)
    options = ("--backend-store-uri", uri, "--host", "127.0.0.1", "--port", str(given.port), "--workers", "1")
    with nothing_left_behind(at_end=True):
        environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        server = subprocess.Popen([sys.executable, "-m", "mlflow", "server", *options], env=environment)
        if not given.no_browser and _has_screen():
            threading.Thread(target=_open_when_ready, args=(opened, given.port), daemon=True).start()
        try:
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            with suppress(KeyboardInterrupt, subprocess.TimeoutExpired):
                server.terminate()
                server.wait(2)
            server.kill()


def _comparison(home: str) -> str:
    """Print where the methods are compared, and give the address; the first page's where MLflow holds no such view."""
    from experiments.records.store import Store
    from experiments.sweep.mlflow.runs import first_view, settle
    from experiments.sweep.mlflow.views import address

    try:
        settle(Store(results_dir()))
        found = first_view(Store(results_dir()))
    except Exception as error:  # of MLflow's, each with errors of its own; the server may still say more
        print(f"no view could be looked up ({type(error).__name__}: {' '.join(str(error).split())[:200]})", flush=True)
        return home
    if found is None:
        print("no view compares methods yet; `dpdsyn track` prepares them", flush=True)
        return home
    print(f"methods compared: {home}{address(*found)}", flush=True)
    return home + address(*found)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise InputError(f"port {port} cannot be used ({error}); name another with --port") from error


def _has_screen() -> bool:
    """Whether a browser would have one; over ssh it would open in the terminal, if anywhere."""
    return sys.stdout.isatty() and (
        sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    )


def _open_when_ready(address: str, port: int) -> None:
    until = time.monotonic() + _STARTS
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                webbrowser.open(address)
                return
        time.sleep(0.3)
