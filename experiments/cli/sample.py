"""`dpdsyn sample`: more rows of a model that was fitted before; they cost no budget."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cli.parts.asked_fit import check_seed
from experiments.cli.parts.asked_rows import asks_for_rows, conditions
from experiments.cli.parts.outputs import refuse_outputs
from experiments.cli.parts.release_files import APPEARED, ReleaseFiles
from experiments.console import say

if TYPE_CHECKING:
    from dpdsyn.api import DPDSyn


def add(commands: argparse._SubParsersAction) -> None:
    more = commands.add_parser("sample", help="more rows of a model that `synthesize` kept; costs no budget")
    more.add_argument("model", type=Path, metavar="MODEL")
    more.add_argument("--output", type=Path, required=True, metavar="OUT", help="a name that ends in .csv, .csv.gz or .parquet")
    more.add_argument("--rows", type=int, help="how many to make; rows_public by default")
    asks_for_rows(more)
    more.add_argument("--seed", type=int, help="for research only: rows that can be drawn again")
    more.add_argument("--overwrite", action="store_true", help="replace files of these names")
    more.set_defaults(command=sample)


def sample(given: argparse.Namespace) -> int:
    """Write the table, its statement and its page. Raises InputError or DataError, in one line, before anything is written."""
    import warnings

    from dpdsyn.api import SeededNoiseWarning
    from experiments.data.kept_types import unpacked

    files = ReleaseFiles(given.output, conditions(given), given.first_id, given.seed is not None)
    files.check(given.rows)
    check_seed(given.seed)
    refuse_outputs(files.all, {"the model": given.model}, given.overwrite, "name another file, or give --overwrite")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeededNoiseWarning)
        model = _loaded(given.model, given.seed)
    files.conditions.tests(model.schema_)
    rows = model.schema_.rows_public if given.rows is None else given.rows
    files.check_room("the model's number of rows", rows)
    owners = unpacked(getattr(model, "owners_types", ""))
    _, written = files.write(model, _method(model), rows, owners, given.overwrite)
    print("\n".join(written.told(model, rows)))
    if written.output != given.output:
        say(f"note: {APPEARED.format(given.output)} {written.output}")
    if model.noise_seeded_:
        say("CAUTION: the noise of this model was seeded; whoever knows that seed can take it off. It is not for publishing")
    if given.seed is not None:
        say("note: whoever knows the seed and the model can draw these rows again")
    return 0


def _loaded(path: Path, seed: int | None) -> DPDSyn:
    """What `synthesize` kept, or a model that was saved from Python."""
    from dpdsyn.api import DPDSyn
    from dpdsyn.base import saved
    from dpdsyn.release import Release

    parameters = saved.read(path)[0].get("parameters") or {}
    return (Release if "method" in parameters else DPDSyn).load(path, seed)


def _method(model: DPDSyn) -> dict[str, Any]:
    """Its name among the benchmark's, if it has one there, and its settings."""
    from dpdsyn.release import Release
    from experiments.configuration import default_parameters, options, read_option

    if not isinstance(model, Release):
        given = ("candidates", "candidate_share", "labels", "other_targets")
        settings = {name: getattr(model, name) for name in given}
        return {
            "name": "dpdsyn",
            "version": model.method_.version,
            **settings,
            "guide": model.method_.guide_.settings.to_mapping(),
        }
    target, parameters = model.method.replace(":", "."), dict(model.parameters or {})
    of_class = [name for name in options("synthesizer") if read_option("synthesizer", name)["_target_"] == target]
    names = [name for name in of_class if default_parameters("synthesizer", name) == parameters]
    return {"name": (names or of_class or [target])[0], "version": model.method_.version, **parameters}
