r"""Our marginal-based methods beside their reference implementations, on the same splits.

Run: python -m experiments.crosscheck --references DIR
Each run has a process of its own. DIR holds clones made by whoever runs this:

    git clone https://github.com/ryan112358/private-pgm DIR/private-pgm

(the command names those that are missing). They need libraries of other versions than ours; --python names the
interpreter that they run in. For private-pgm, and for the others:

    python3 -m venv VENV && VENV/bin/pip install jax==0.7.0 chex==0.1.90 optax==0.2.5 pandas==2.3.1 numpy==2.3.2 \
        scipy==1.16.1 attrs networkx matplotlib psutil
    python3 -m venv OLDER && OLDER/bin/pip install pandas==1.5.3 numpy==1.26.4 scipy==1.11.4 networkx==2.8.8 \
        matplotlib==3.7.5 mpmath tqdm psutil

One row a run goes to results/crosscheck.csv as the run ends, and a rerun skips what is there (failures too: delete
their rows to try them again). Then the ratios ours/reference are printed. `--rounds K` stops the
reference after K rounds and prints the mean seconds of the first K of either, without touching the file.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dpdsyn.reading.column import SchemaError
from experiments.configuration import default_parameters, options
from experiments.crosscheck.reference_implementations import REFERENCES
from experiments.crosscheck.rows import Row, RowsError, append, by_round, line, read, summary
from experiments.data.errors import DataError
from experiments.paths import results_dir
from experiments.records import former
from experiments.sweep import worker

DELTA = 1e-6
_GRACE = 300.0  # seconds beyond the limit for a run that stops between rounds to end its round and sample


@dataclass(frozen=True)
class Run:
    """What is to be run: one side of one run."""

    method: str
    dataset: str
    epsilon: float
    seed: int
    side: str
    settings: Mapping[str, Any]

    def row(self, **measured: Any) -> Row:
        return Row(self.method, self.dataset, self.epsilon, self.seed, self.side, _text(self.settings), **measured)


def main() -> None:
    given = _arguments()
    output = given.output or results_dir() / "crosscheck.csv"
    try:
        known = set() if given.rounds else {row.key for row in read(output)}
        rows = []
        for run in _runs(given):
            if run.row(status="").key in known:
                continue
            print(f"{run.method} {run.dataset} epsilon={run.epsilon:g} seed={run.seed} {run.side}", end=" ", flush=True)
            row = measure(run, given)
            print(line(row), flush=True)
            rows.append(row)
            if not given.rounds and row.status != "interrupted":
                append(output, row)
        print(f"\n{by_round(rows) if given.rounds else summary(read(output))}")
    except (DataError, SchemaError, RowsError) as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--references", type=Path, metavar="DIR", required=True, help="the folder that holds the clones")
    parser.add_argument("--python", default=sys.executable, help="the interpreter of the references")
    parser.add_argument("--methods", nargs="+", default=list(REFERENCES), choices=list(REFERENCES), metavar="METHOD")
    parser.add_argument("--datasets", nargs="+", default=["br2000", "adult"], choices=options("dataset"), metavar="NAME")
    parser.add_argument("--epsilons", nargs="+", type=float, default=[0.2, 0.8, 3.2])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--sides", nargs="+", default=["reference", "ours"], choices=["reference", "ours"])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the references")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds for one run")
    parser.add_argument(
        "--rounds", type=int, metavar="K", help="of a reference, then stop; print the seconds of the first K of either"
    )
    parser.add_argument("--output", type=Path, help="instead of results/crosscheck.csv")
    given = parser.parse_args()
    if "reference" in given.sides:
        missing = {REFERENCES[method].missing(given.references) for method in given.methods} - {None}
        if missing:
            parser.error("; ".join(sorted(filter(None, missing))))
    absent = [method for method in given.methods if method not in options("synthesizer")]
    if "ours" in given.sides and absent:
        parser.error(f"conf/synthesizer has no {', '.join(absent)}; add --sides reference")
    unknown = [text for text in given.set if text.partition("=")[0] not in _setting_names(given.methods)]
    if unknown:
        parser.error(f"--set {unknown[0]}: {', '.join(given.methods)} can be set {', '.join(_setting_names(given.methods))}")
    try:
        given.set = {key: json.loads(value) for key, _, value in (text.partition("=") for text in given.set)}
    except ValueError as error:
        parser.error(f"--set: a value is no JSON: {error}")
    return given


def _setting_names(methods: Sequence[str]) -> list[str]:
    return sorted({name for method in methods for name in REFERENCES[method].settings})


def _runs(given: argparse.Namespace) -> Iterator[Run]:
    for method in given.methods:
        for dataset in given.datasets:
            for epsilon in given.epsilons:
                for seed in given.seeds:
                    for side in given.sides:
                        yield Run(method, dataset, epsilon, seed, side, _settings(method, side, given.set))


def _settings(method: str, side: str, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Of a reference the adapter's with what was changed; of ours those of conf/synthesizer."""
    if side == "reference":
        own = REFERENCES[method].settings
        return {**own, **{key: value for key, value in changed.items() if key in own}}
    return former.parameters(default_parameters("synthesizer", method))  # rows are found again by what they say


def _text(settings: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={json.dumps(value)}" for key, value in sorted(settings.items()))


def measure(run: Run, given: argparse.Namespace) -> Row:
    """One run in a process of its own, killed some time after the limit. Never raises what that process does."""
    from dpdsyn.privacy import Budget
    from experiments.data import datasets
    from experiments.data.description import named
    from experiments.evaluation.fidelity import fidelity as fidelity_of

    split = datasets.load(named(run.dataset), run.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "given.npz", encoded=split.train, sizes=np.array(split.schema.sizes))
        asked = {
            **asdict(run),
            "delta": DELTA,
            "rho": Budget(run.epsilon, DELTA).rho,
            "rows": split.schema.rows_public,
            "limit": given.limit,
            "rounds": given.rounds,
        }
        asked |= {"references": str(given.references), "folder": name}
        end = _run_child(given.python if run.side == "reference" else sys.executable, asked, given.limit + _GRACE)
        made = folder / "made.npy"
        messages = [json.loads(line) for line in (folder / "messages").read_text(encoding="utf-8").splitlines()]
        fidelity = fidelity_of(np.load(made), split.train, split.schema) if made.exists() else {}
    passed = [message for message in messages if "round" in message]
    last = {key: value for message in messages if "round" not in message for key, value in message.items()}
    versions = {
        "commit": _commit(given.references / REFERENCES[run.method].name if run.side == "reference" else Path(__file__).parent)
    }
    versions |= last.pop("versions", {})
    if "status" not in last:  # it did not come to the point of saying
        last |= end
    if passed:
        last.setdefault("rounds", len(passed))
        last["memory_maps"] = max(message["maps"] for message in passed)
    return run.row(
        **last,
        **fidelity,
        round_seconds=" ".join(f"{message['seconds']:.2f}" for message in passed),
        round_processor_seconds=" ".join(f"{message['processor']:.2f}" for message in passed if "processor" in message),
        versions=" ".join(f"{name}={value}" for name, value in versions.items()),
    )


def _run_child(python: str, asked: Mapping[str, Any], limit: float) -> dict[str, Any]:
    """How it ended, should it not say so itself."""
    folder = Path(asked["folder"])
    (folder / "messages").touch()
    start = time.monotonic()
    command = [python, "-W", "ignore", "-m", f"experiments.crosscheck.run_{asked['side']}", json.dumps(asked)]
    with (folder / "said").open("wb") as said:
        try:
            code = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=_environment(), timeout=limit, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            return {"status": "timeout", "message": f"killed after {limit:g} s", "seconds": limit}
    lines = (folder / "said").read_text(errors="replace").strip().splitlines()
    if -code in (signal.SIGINT, signal.SIGTERM):
        return {"status": "interrupted", "message": "somebody ended it; it is no row"}
    why = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return {"status": "failed", "message": f"{why}: {lines[-1][:200] if lines else ''}", "seconds": time.monotonic() - start}


def _environment() -> dict[str, str]:
    """One thread, the same order of sets in every run, and this project's modules for whichever interpreter."""
    return {
        **os.environ,
        **worker.environment(1),
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "MPLBACKEND": "Agg",
    }


def _commit(folder: Path) -> str:
    """The commit that is checked out, or `unknown`."""
    try:
        done = subprocess.run(["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip()[:12] or "unknown"


if __name__ == "__main__":
    main()
