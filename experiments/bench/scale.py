"""Time and memory against the number of rows.

Run: python -m experiments.bench.scale 1e3 1e5 1e7 [--parquet FOLDER [--ray HOST:PORT]] [--made 1e6] [--order 2]
Each size runs in a process of its own. Rows are simulated, with a known best possible accuracy, and are made, or read from
Parquet, here or by the workers of a Ray cluster, while the method streams over them: making or reading them is part of the
time. The accuracy is that of a small tree ensemble trained on at most 200,000 synthetic rows and tested on 20,000 real ones.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.configuration import read_option
from experiments.data.simulated import TEST, TRAIN, Simulated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", type=lambda text: int(float(text)))
    parser.add_argument(
        "--parquet", type=Path, metavar="FOLDER", help="write the rows into this folder first and stream from there"
    )
    parser.add_argument("--ray", metavar="HOST:PORT", help="count and sample on this Ray cluster, whose nodes see the folder")
    parser.add_argument("--made", type=lambda text: int(float(text)), metavar="ROWS", help="to draw; as many as there are")
    parser.add_argument("--order", type=int, default=2)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ray and not given.parquet:
        parser.error("--ray: the workers read Parquet files; say where with --parquet")
    if given.one:
        sys.stdout.write(json.dumps(_measure(given.rows[0], given)) + "\n")
        return
    print("| rows | fit s | sample s | rows fitted a second | peak MB | accuracy | best possible |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for rows in given.rows:
        command = [sys.executable, "-m", "experiments.bench.scale", str(rows), "--one", f"--order={given.order}"]
        command += [f"--epsilon={given.epsilon}"] + ([f"--parquet={given.parquet}"] if given.parquet else [])
        command += ([f"--ray={given.ray}"] if given.ray else []) + ([f"--made={given.made}"] if given.made else [])
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        r = json.loads(done.stdout)
        speed, accuracy = rows / r["fit"], f"{r['accuracy']:.3f} | {r['best']:.3f}"
        print(f"| {rows:,} | {r['fit']:.2f} | {r['sample']:.2f} | {speed:,.0f} | {r['peak']:.0f} | {accuracy} |", flush=True)


def _measure(rows: int, given: argparse.Namespace) -> dict[str, Any]:
    from dpdsyn.method import GuidedSynthesizer
    from dpdsyn.parquet import stream
    from dpdsyn.privacy import Budget, Ledger
    from dpdsyn.private_table import PrivateTable
    from dpdsyn.ray_workers import RayWorkers
    from dpdsyn.rows import StreamedRows
    from dpdsyn.synthesizer import draw

    generator = {**read_option("dataset", "simulated")["generator"], "rows": rows, "order": given.order}
    source = Simulated.from_mapping(generator)
    schema = source.schema
    file = given.parquet / f"simulated-{given.order}-{rows}.parquet" if given.parquet else None
    if file is not None and not file.exists():
        _write(source, file)
    workers = RayWorkers(given.ray) if given.ray else None
    table = StreamedRows(lambda: source.chunks(rows, 0, TRAIN)) if file is None else stream(file, schema, workers)
    noise, fitting, sampling = (np.random.default_rng(seed) for seed in np.random.SeedSequence(0).spawn(3))
    import torch  # noqa: F401 - imports are no part of the time

    start = time.perf_counter()
    method = GuidedSynthesizer().fit(PrivateTable(table, schema, Ledger(Budget(given.epsilon, 1e-6)), noise), fitting)
    middle = time.perf_counter()
    made, left = np.empty((0, len(schema.columns)), schema.dtype), given.made or rows
    while left:
        part = draw(method, schema, min(left, 1_000_000), sampling)
        made, left = (part if not len(made) else made), left - len(part)
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "fit": middle - start,
        "sample": end - middle,
        "peak": peak,
        "accuracy": _accuracy(made[:200_000], source.sample(20_000, 0, TEST)),
        "best": source.bayes_accuracy,
    }


def _accuracy(made: np.ndarray, test: np.ndarray) -> float:
    from sklearn.ensemble import HistGradientBoostingClassifier

    if len(np.unique(made[:, -1])) < 2:
        return float(np.mean(test[:, -1] == made[0, -1]))
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=0).fit(made[:, :-1], made[:, -1])
    return float(np.mean(model.predict(test[:, :-1]) == test[:, -1]))


def _write(source: Simulated, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = source.schema.names
    partial = path.with_suffix(".part")
    with pq.ParquetWriter(partial, pa.schema([(name, pa.uint8()) for name in names])) as writer:
        for chunk in source.chunks(source.rows, 0, TRAIN):
            writer.write_table(pa.table(list(chunk.T.copy()), names=list(names)))
    partial.replace(path)


if __name__ == "__main__":
    main()
