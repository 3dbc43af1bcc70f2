"""`dpdsyn audit`: audits are composed, their missing runs computed by worker processes, and what they show told and stored."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dpdsyn.base.checks import InputError
from dpdsyn.base.files import FileError, write_whole
from experiments.audit import family
from experiments.audit.findings import Shown, one_run_finding, shown, suspicious
from experiments.audit.results import result
from experiments.audit.trials import CHUNK, Audit, Chunks, prepared
from experiments.audit.workers import completed
from experiments.console import say
from experiments.paths import results_dir, see_own_modules
from experiments.records.audits import Audited, audits_folder
from experiments.records.store import write_private
from experiments.report.tables.audits import render, verdict_of
from experiments.sweep import processors
from experiments.sweep.plan import composed
from experiments.sweep.processes import prepare_processes
from experiments.sweep.request import inspect_request, show

_NONE = "NO privacy guarantee; it is held against the budget that it was asked for"
_UNVERIFIED = "a guarantee that an outside library or the author claims, not ours"
_ENOUGH = 0.7  # of the claim


def audit(arguments: Sequence[str]) -> int:
    """Exit code: 0 if no bound crosses its claim twice, 1 if one does or a method fails, 2 if the command is refused."""
    if any(argument.partition("=")[0] == "--plan" for argument in arguments):
        from experiments.cli.parts.plans import audit_plans

        return audit_plans(arguments)
    if any(argument.partition("=")[0] == "--domains" for argument in arguments):
        from experiments.cli.parts.domains import audit_domains

        return audit_domains(arguments)
    see_own_modules()
    request = inspect_request(arguments)
    os.environ["DPDSYN_RESULTS"] = str(results_dir())
    if request.only_shows:
        show(request)
        return 0
    configs = [_plain(config) for _, config, _ in composed(request.jobs(), request.config_dir)]
    if lack := processors.lacking(max(config["compute"]["threads"] for config in configs)):
        raise InputError(lack)
    audits = [Audit.of(config) for config in configs]
    for one in {one.run.dataset_key: one for one in audits}.values():
        one.cut()
    prepare_processes()
    done, failed = [], False
    for one, config in zip(audits, configs, strict=True):
        reason = one.run.synthesizer.skip(one.schema(), one.run.budget)
        if reason:
            say(f"{one.name}: skipped, {reason}")
            continue
        try:
            done.append(_audited(one, config))
        except FileError:  # the folder, not the method
            raise
        except Exception as error:  # whatever a method raises; the others go on
            failed = True
            log = audits_folder(results_dir()) / one.audit_id / "failed.txt"
            write_private(log, traceback.format_exc())
            say(f"{one.name}: failed, {type(error).__name__}: {' '.join(str(error).split())} (in full: {log})")
    if done:
        sys.stdout.write(render(done) + "\n")
    return 1 if failed or any(audited.verdict.startswith("violation") for audited in done) else 0


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in ("hydra", "experiment")}


def _audited(audit: Audit, config: dict[str, Any]) -> Audited:
    """Compute the runs that are missing, twice as many if a claim is crossed, and store the result."""
    chunks = Chunks(audits_folder(results_dir()) / audit.audit_id)
    _, cut = prepared(json.dumps(config))
    start = time.perf_counter()
    first = audit.fit_once(cut, 0, 0)
    guarantee, plan = first["guarantee"], family.read(first["plan"])
    begins = {"none": f": {_NONE}", "unverified": f": {_UNVERIFIED}"}.get(guarantee, "")
    left = len(chunks.missing(0, audit.runs)) * CHUNK
    say(f"{audit.name}{begins}; {left} of {audit.runs} runs to do, the first took {time.perf_counter() - start:.2f} s")
    if guarantee == "dp" and plan is not None:
        say(f"{audit.name}: {_to_be_expected(audit, plan)}")
    observed = completed(audit, config, chunks, trial=0)
    found = shown(audit, observed)
    if audit.evaluated is None:  # that attack is on the method alone
        found = Shown([*found.findings, one_run_finding(audit, *audit.one_run(cut))], found.calibration)
    again: Shown | None = None
    if suspicious(guarantee, audit.run.budget.epsilon, found):
        say(f"{audit.name}: crosses its claim; as many fresh runs are to show whether it does so again")
        again = shown(audit, completed(audit, config, chunks, trial=1))
    audited = result(audit, observed, found, again)
    (chunks.folder / "failed.txt").unlink(missing_ok=True)
    write_whole(chunks.folder / "result.json", json.dumps(asdict(audited)).encode())
    say(f"{audit.name}: {verdict_of(audited)}")
    return audited


def _to_be_expected(audit: Audit, plan: family.Plan) -> str:
    """What a method that does exactly what it charged for would show, and how many runs would show most of it."""
    claim, delta = audit.run.budget.epsilon, audit.run.budget.delta
    says = (
        f"under its own trade-off curve these runs are expected to show {family.power(plan, audit.runs, delta):.2f} of {claim:g}"
    )
    enough = family.runs_for(plan, _ENOUGH * claim, delta)
    return says if enough is None else f"{says}; about {enough:,} would show {_ENOUGH:.0%} of it"
