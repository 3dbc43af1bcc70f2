"""`dpdsyn run` and `dpdsyn retry`: runs are computed as asked for, and their results shown."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from experiments.console import say
from experiments.paths import results_dir, see_own_modules
from experiments.sweep.debug import FLAG, debug
from experiments.sweep.overrides import is_multirun

if TYPE_CHECKING:
    from experiments.records.record import Record
    from experiments.sweep.sweep import Outcome

_LISTED = 5  # refused runs that are named one by one


def run(arguments: Sequence[str], retried: set[str] | None = None) -> int:
    """Exit code: 0 if every run is ok or skipped, 1 if one failed, 2 if the command was refused.

    Of a tuner: 0 if any trial ended well. arguments: as typed after `dpdsyn run`. retried: repeat only what failed and is not in
    this set, to which it is added.
    """
    from experiments.sweep.plugins.tuning import is_asked
    from experiments.sweep.request import inspect_request, show
    from experiments.sweep.sweep import sweep

    if FLAG in arguments:
        return debug(arguments)
    see_own_modules()
    if is_asked(arguments):
        return _tuned(arguments, retried)
    request = inspect_request(arguments)
    if request.only_shows:
        show(request)
        return 0
    from experiments.cli.track import sheets

    return _told(sweep(request, retried, sheets))


def _tuned(arguments: Sequence[str], retried: set[str] | None) -> int:
    """With `--cfg` and the like Hydra shows a run of a trial."""
    from experiments.sweep.plugins.trials import summary
    from experiments.sweep.plugins.tuner import tune
    from experiments.sweep.plugins.tuning import inspect_tuning
    from experiments.sweep.request import show

    tuning = inspect_tuning(arguments)
    if tuning.request.only_shows:
        show(tuning.request)
        return 0
    tuned = tune(tuning, retried)
    sys.stdout.write("\n".join(summary(tuned)) + "\n")
    for text in tuned.refused[:_LISTED]:
        say(f"dpdsyn: {text}")
    return 2 if tuned.refused else 1 if tuned.best is None else 0


def retry(arguments: Sequence[str]) -> int:
    """Repeat the runs that failed: of the command given, or of every command that this folder knows.

    Of a folder of configuration alone: of every command with that one.
    """
    from dpdsyn.base.checks import InputError
    from experiments.records import former
    from experiments.records.store import Store
    from experiments.sweep.launch import typed_command
    from experiments.sweep.local.places import chosen, only_flags, typed_there, where_typed
    from experiments.sweep.sweep import failures

    if FLAG in arguments:
        raise InputError(f"{FLAG} is for dpdsyn run; dpdsyn status ends with the command for a run that failed")
    if not only_flags(arguments):
        flags = [] if is_multirun(arguments) else ["-m"]
        return run([*flags, *arguments], retried=set())
    store = Store(results_dir())
    known = list(failures(store))
    meant = chosen([plan for plan, _ in known], arguments, store.results)
    codes, retried = [0], set[str]()
    for plan, records in known:
        failed = [record for record in records if record.run_id not in retried]
        if failed and plan in meant:
            say(f"{len(failed)} of {len(plan.runs)} runs failed: {typed_command(plan)}")
            try:
                with typed_there(plan):
                    codes.append(run(list(map(former.override, plan.arguments)), retried))
            except InputError as error:  # a folder or an experiment that is gone; the other commands go on
                say(f"dpdsyn: {' '.join(str(error).split())}{where_typed(plan)}")
                codes.append(2)
    if len(codes) == 1:
        say(f"no run that failed is known in {store.results}")
    return max(codes)


def _told(outcome: Outcome) -> int:
    from experiments.report.grouped import View
    from experiments.report.terminal.plain import screen
    from experiments.report.terminal.screen import lighter, overview

    records = list(map(lighter, outcome.records()))
    if records:
        sys.stdout.write(overview(View.of(records), *screen()) + "\n")
    failed, refused = sum(record.failed for record in records), outcome.refused
    elsewhere = len(records) - outcome.known - outcome.computed
    beside = f", {elsewhere} by others meanwhile" if elsewhere > 0 else ""
    say(f"{len(records)} runs: {outcome.computed} computed now, {outcome.known} done before{beside}, {failed} not ok")
    for text in refused[:_LISTED]:
        say(f"dpdsyn: {text}")
    if refused[_LISTED:]:
        say(f"dpdsyn: and {len(refused) - _LISTED} more")
    for text in outcome.changed(lambda: changed_since(records)):
        say(text)
    if failed:
        say("dpdsyn status says why, and where each failed run is told in full; dpdsyn retry repeats them")
    return 2 if refused else 1 if failed else 0


def changed_since(records: Iterable[Record]) -> list[str]:
    """A line for each method whose code is another one than that of records which still count as its results."""
    from experiments import sources

    codes = Counter(
        (record.method.target, json.dumps(dict(record.method.parameters), sort_keys=True), record.environment.code)
        for record in records
        if record.method.target and record.environment.code
    )
    then: Counter[str] = Counter()
    for (target, parameters, code), count in codes.items():
        if code != sources.code(sources.of_method(target, json.loads(parameters))):
            then[target] += count
    return [
        f"note: the code of {target} has changed since {count} of these runs were computed, and its `version` has not. If that "
        "changes what it makes, raise `version` in the class, and the same command computes them anew"
        for target, count in sorted(then.items())
    ]
