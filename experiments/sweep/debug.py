"""`dpdsyn run --debug`: one run in the process at hand, which stops where it fails."""

from __future__ import annotations

import faulthandler
import pdb
import sys
import traceback
from collections.abc import Sequence

from experiments.console import say
from experiments.paths import see_own_modules
from experiments.sweep import processors
from experiments.sweep.overrides import is_multirun

FLAG = "--debug"


def debug(arguments: Sequence[str]) -> int:
    """Do the one run that these arguments name, without worker, limits or record; a fit in the store is not used.

    Exit code: 0 if it ends well, 1 if it fails. Then a debugger opens where it failed if somebody sits at a terminal; else
    the whole traceback is printed. Raises UsageError for more than one run.
    """
    from experiments.data import datasets
    from experiments.run import perform
    from experiments.sweep.plan import composed
    from experiments.sweep.progress import line_of
    from experiments.sweep.request import UsageError, inspect_request

    if list(arguments).count(FLAG) > 1:
        raise UsageError(f"{FLAG} is given more than once; give it once")
    arguments = [argument for argument in arguments if argument != FLAG]
    see_own_modules()
    if is_multirun(arguments):
        raise UsageError(f"{FLAG} is for a single run; leave -m out and name one data set, method, budget and seed")
    request = inspect_request(["-m", *arguments])  # so that a run of an experiment can be named by its values
    jobs = request.jobs()
    if request.only_shows or len(jobs) > 1:
        raise UsageError(f"{FLAG} is for a single run; this command names {len(jobs)}")
    ((_, _, run),) = composed(jobs, request.config_dir)
    if lack := processors.lacking(run.threads):
        raise UsageError(lack)
    faulthandler.enable()  # a crash of the interpreter leaves a traceback too
    say(f"{run.name}: in this process, without limits, to be watched (Ctrl-C stops where it is); no record is written")
    datasets.check(run.dataset, say)
    try:
        record = perform(run, say, enter=lambda phase: say(f"- {phase}"))
    except (Exception, KeyboardInterrupt) as error:  # whatever the method raises, or Ctrl-C while it hangs
        traceback.print_exc()
        if sys.stdin.isatty():
            say("the debugger is where it was raised: w shows the stack, u and d move in it, q ends")
            pdb.post_mortem(error.__traceback__)
        return 1
    say(line_of(run.name, record))
    return 0
