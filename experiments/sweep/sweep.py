"""`dpdsyn run`: cells are composed, each is run once, recorded, mirrored to MLflow, and the tables are shown."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.paths import config_dir, options, results_dir
from experiments.records.store import Store, StoreError
from experiments.sweep import launch as sweep
from experiments.sweep.locks import claimed
from experiments.sweep.plan import Plan, Plans, plan_of
from experiments.sweep.progress import planning, running
from experiments.sweep.request import Request, inspect_request

if TYPE_CHECKING:
    from experiments.run import Cell

INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there"
_LISTED = 5  # refused cells that are named one by one


def job(config: Any, replaced: Mapping[str, str], path: Sequence[str], stamps: Mapping[str, Mapping[str, str]]) -> str | None:
    """One composed cell, in whatever process the launcher chose. Gives a line if it was refused, else leaves a record.

    replaced: what the records said that are to be replaced, by cell. One that says something else is new, however long
    this job has waited in a queue meanwhile. path: where the command finds modules, a person's method among them.
    stamps: what records say of the experiment they are run for, by its name.
    """
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    sys.path += [folder for folder in path if folder not in sys.path]
    from experiments.run import Cell
    from experiments.sweep.supervisor import supervisor

    plain: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    cell, store = Cell.of(plain), Store(results_dir())
    name = f"{cell.dataset['name']} {cell.method} epsilon={cell.budget.epsilon:g} seed={cell.seed}"
    try:
        with claimed(store.claims, cell.cell_id, {"name": name}) as claim:
            known = store.read(cell.cell_id)
            if claim is None or (known is not None and known.content != replaced.get(cell.cell_id)):
                return None  # somebody else is at work on it, or has just been
            record = supervisor().run(cell, plain, store.results, claim.note_phase)
            stamp = stamps.get(str(HydraConfig.get().runtime.choices.get("experiment")))
            store.write(replace(record, experiment=dict(stamp) if stamp else None))
    except (StoreError, RuntimeError) as error:
        return f"{name}: {error}"
    return None


def say(text: str) -> None:
    """A line for the person, beside whatever else is printed."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(arguments: Sequence[str], retried: set[str] | None = None) -> int:
    """Exit code: 0 if every cell is ok or skipped, 1 if one failed, 2 if the command was refused.

    retried: run only cells whose record is not ok, and of these none that is in the set; those that are run are added.
    """
    request = inspect_request(arguments)
    os.environ["DPDSYN_RESULTS"] = str(results_dir())  # for Hydra's folders and for the processes of cells
    if request.only_shows:
        return show(arguments, request)
    store, plans = Store(results_dir()), Plans(results_dir())
    with planning() as progress:
        plan, examples = plan_of(request, plans, progress)
    records = sweep.records_of(plan, store)
    todo = [planned for planned in plan.cells if sweep.due(planned, records.get(planned.cell_id), retried)]
    if retried is not None:
        retried |= {planned.cell_id for planned in todo}
    if todo:
        store.prepare()
        _check_data(examples or _examples(plan, request))
        plans.write(plan)
    prepare_processes()
    refused: list[str] = []
    with running(plan, store, todo, say):
        if todo:
            refused = sweep.run(plan, request, store, todo, job, say)
    return _report(plan, store, len(todo), refused)


def _examples(plan: Plan, request: Request) -> list[Cell]:
    """A cell for each data set of a plan that was made before."""
    from experiments.sweep.plan import composed

    first = {planned.dataset: list(planned.overrides) for planned in plan.cells}
    return [cell for _, _, cell in composed(list(first.values()), request.config_dir)]


def _check_data(cells: list[Cell]) -> None:
    """Have every data set on this machine, with the columns that its schema names, before the first cell starts."""
    from experiments.data import datasets

    for cell in cells:
        datasets.check(cell.dataset, say)
        if cell.schema.drafted:
            say(
                f"CAUTION: the schema of {cell.dataset['name']} is a draft, read off the rows: no result has a guarantee. "
                "Replace what was read by public knowledge and delete the line `drafted: true`"
            )


def prepare_processes() -> None:
    """What the processes of cells inherit, and what ends them all."""
    from experiments.sweep.supervisor import outlived_by_nobody

    outlived_by_nobody()
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) != signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end_at_once)


def _end_at_once(*_: object) -> None:
    """Ctrl-C, or a polite request: end with all processes, without waiting for what launchers would still like to do."""
    import psutil

    say(f"dpdsyn: {INTERRUPTED}")
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "resource_tracker" not in " ".join(process.cmdline()):  # it tidies up after the others, and ends by itself
                process.kill()
    os._exit(130)


def show(arguments: Sequence[str], request: Request) -> int:
    """Let Hydra print what its flags ask for."""
    import hydra

    unset = [f"{group}={options(group)[0]}" for group in ("dataset", "synthesizer") if group not in request.axes]
    sys.argv = ["dpdsyn run", *arguments, *unset]
    hydra.main(config_path=str(config_dir()), config_name="config", version_base="1.3")(lambda config: None)()
    return 0


def _report(plan: Plan, store: Store, tried: int, refused: list[str]) -> int:
    from experiments.report.tables.all import render

    records = list(sweep.records_of(plan, store).values())
    if records:
        sys.stdout.write(render(records) + "\n")
    failed = [record for record in records if record.status not in ("ok", "skipped")]
    fresh = tried - len(refused)
    say(f"{len(records)} cells: {fresh} computed now, {len(records) - fresh} done before, {len(failed)} not ok")
    for text in refused[:_LISTED]:
        say(f"dpdsyn: {text}")
    if refused[_LISTED:]:
        say(f"dpdsyn: and {len(refused) - _LISTED} more")
    if failed:
        say("dpdsyn retry runs again what failed; dpdsyn status says why it did")
    return 2 if refused else 1 if failed else 0


def retry(arguments: Sequence[str]) -> int:
    """Run again what has a record that is not ok: of the command given, or of every command that this folder knows."""
    if arguments:
        flags = [] if {"-m", "--multirun"} & set(arguments) else ["-m"]
        return main([*flags, *arguments], retried=set())
    store, plans = Store(results_dir()), Plans(results_dir())
    codes, retried = [0], set[str]()
    for plan in plans.all():
        records = sweep.records_of(plan, store).values()
        failed = [record for record in records if record.status not in ("ok", "skipped") and record.cell_id not in retried]
        if failed:
            say(f"{len(failed)} of {len(plan.cells)} cells failed: {sweep.typed_command(plan)}")
            codes.append(main(list(plan.arguments), retried))
    if len(codes) == 1:
        say(f"nothing that failed is known in {store.results}")
    return max(codes)
