"""`dpdsyn run`: Hydra composes cells, each is run once, recorded, mirrored to MLflow, and the tables are shown."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.cell import Cell

from experiments.overrides import Request, UsageError, inspect_request
from experiments.paths import config_dir, options, results_dir
from experiments.store import Store

_SWEEP = "DPDSYN_SWEEP"  # the folder where the cells of the running command leave word; workers inherit it


def job(config: Any) -> None:
    """One composed cell, in whatever process the launcher chose."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    experiment = HydraConfig.get().runtime.choices.get("experiment") or "single"
    word: dict[str, Any]
    try:
        word = run_once(OmegaConf.to_container(config, resolve=True), experiment)
    except Exception as error:  # the sweep goes on; the parent reports it
        word = {"status": "refused", "error": f"{type(error).__name__}: {error}"}
    folder = Path(os.environ[_SWEEP])
    descriptor, name = tempfile.mkstemp(dir=folder, suffix=".part")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(word, file)
    Path(name).rename(Path(name).with_suffix(".json"))


def run_once(config: Any, experiment: str) -> dict[str, Any]:
    """Run a cell unless its record is there already; gives a few words about it."""
    from experiments import track
    from experiments.cell import Cell, run_cell

    cell = Cell.of(config)
    store = Store(results_dir())
    record = store.read(cell.cell_id)
    again = record is not None and record.status != "ok" and config["compute"]["retry"]
    computed = record is None or again
    if record is None or again:
        start = time.perf_counter()
        record = run_cell(cell, store, say)
        store.write(record)
        spent = time.perf_counter() - start
    else:
        spent = 0.0
    track.mirror(record, store, experiment)
    return {
        "cell_id": record.cell_id,
        "name": f"{cell.dataset['name']} {cell.method} epsilon={cell.budget.epsilon:g} seed={cell.seed}",
        "status": record.status,
        "error": record.error,
        "accuracy": record.mean("accuracy"),
        "seconds": spent,
        "computed": computed,
    }


def say(text: str) -> None:
    """A line for the person, beside whatever else is printed."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(arguments: list[str]) -> int:
    """Exit code: 0 if every cell is ok or skipped, 1 if one failed, 2 if the command was refused."""
    request = inspect_request(arguments)
    os.environ["DPDSYN_RESULTS"] = str(results_dir())  # for Hydra's folders and for workers
    if request.only_shows:
        unset = [f"{group}={options(group)[0]}" for group in ("dataset", "synthesizer") if group not in request.axes]
        _hydra(arguments + unset)
        return 0
    cells = _probe(request)
    store = Store(results_dir())
    store.prepare()
    _check_data(cells)
    from experiments import track

    track.prepare(store)
    with tempfile.TemporaryDirectory(prefix="dpdsyn-sweep-") as folder:
        os.environ[_SWEEP] = folder
        with _progress(Path(folder), request.cells):
            _hydra(arguments)
        words = _words(Path(folder))
    return _report(words, store)


def _check_data(cells: list[Cell]) -> None:
    """Have every data set on this machine, with the columns that its schema names, before the first cell starts."""
    from experiments import datasets

    checked = {json.dumps(datasets.identity(cell.dataset), default=str, sort_keys=True): cell for cell in cells}
    for cell in checked.values():
        datasets.check(cell.dataset, say)
        if cell.schema.drafted:
            say(
                f"CAUTION: the schema of {cell.dataset['name']} is a draft, read off the rows: no result has a guarantee. "
                "Replace what was read by public knowledge and delete the line `drafted: true`"
            )


def _probe(request: Request) -> list[Cell]:
    """Compose and check a cell for every value that the sweep names, so that none is refused half way; gives them."""
    from hydra import compose, initialize_config_dir
    from hydra.core.plugins import Plugins
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from experiments.cell import Cell

    Plugins.instance()
    cells = []
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        for overrides in request.probes():
            extra = [f"hydra.searchpath=[file://{request.config_dir}]"] if request.config_dir else []
            try:
                composed = OmegaConf.to_container(compose("config", overrides + extra), resolve=True)
            except (HydraException, OmegaConfBaseException) as error:
                raise UsageError(" ".join(str(error).split())) from error
            cells.append(Cell.of(composed))  # type: ignore[arg-type]
    return cells


def _hydra(arguments: list[str]) -> None:
    import hydra

    sys.argv = ["dpdsyn run", *arguments]
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")  # read when libraries load; `compute.threads` raises it per cell
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")(job)()


def _words(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime)
    ]


@contextmanager
def _progress(folder: Path, total: int) -> Iterator[None]:
    """While cells run: a line for each that ends and, on a terminal, a bar with the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    columns = (
        TextColumn("cells"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    stop = threading.Event()
    seen: set[Path] = set()

    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("cells", total=total)

        def look() -> None:
            for path in sorted(set(folder.glob("*.json")) - seen):
                seen.add(path)
                console.print(f"[{len(seen)}/{total}] {_line(json.loads(path.read_text(encoding='utf-8')))}", markup=False)
                bar.update(task, completed=len(seen))

        def watch() -> None:
            while not stop.wait(0.3):
                look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            look()


def _line(word: dict[str, Any]) -> str:
    if word["status"] == "refused":
        return f"refused: {word['error']}"
    accuracy = f", accuracy {word['accuracy']:.3f}" if word["accuracy"] is not None else ""
    how = f"{word['seconds']:.1f} s" if word["computed"] else "done before"
    return f"{word['name']}: {word['status']}{accuracy}, {how}" + (f": {word['error']}" if word["error"] else "")


def _report(words: list[dict[str, Any]], store: Store) -> int:
    from experiments.tables import render

    refused = [word["error"] for word in words if word["status"] == "refused"]
    records = [record for word in words if "cell_id" in word and (record := store.read(word["cell_id"]))]
    if records:
        sys.stdout.write(render(records) + "\n")
    fresh = sum(bool(word.get("computed")) for word in words)
    failed = [record for record in records if record.status not in ("ok", "skipped")]
    say(f"{len(records)} cells: {fresh} computed now, {len(records) - fresh} done before, {len(failed)} not ok")
    for text in refused:
        say(f"dpdsyn: {text}")
    if failed:
        say("run the same command with compute.retry=true to try again what failed")
    return 2 if refused else 1 if failed else 0
