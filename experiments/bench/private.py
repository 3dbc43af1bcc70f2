"""What privacy costs in time.

Run: python -m experiments.bench.private [--epsilon 1] [--repeats 7] > results/profile.md

On Adult, DPDSyn fits and samples as many rows as there are for training, calibration included; beside it the same
network is trained without privacy on as many row visits: by plain minibatch SGD in torch, and by this library's own
closed-form gradients without clipping, noise or Poisson sampling. One process for each number of threads, nothing else
in it; imports and reading the file are no part of the time. `first` is the first of its process, when libraries are
still cold. What follows is the profile of one fit and sample.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import pstats
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from dpdsyn.accounting import composition
from dpdsyn.guide import GuideSettings, Network
from dpdsyn.method import GuidedSynthesizer
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable
from dpdsyn.synthesizer import draw, load_imports
from experiments.data import datasets
from experiments.data.datasets import Split
from experiments.data.description import named
from experiments.machine import describe, pin_threads

_LEARNING_RATE = 0.5  # of the trainings without privacy; time does not depend on it, their accuracy shows that they train
_LINES = 25  # of the profile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.threads:
        print(json.dumps(_measure(given.threads, given.epsilon, given.repeats)))
        return
    machine = describe(1)
    print(f"Adult at epsilon {given.epsilon:g}: {machine['cpu']}, {machine['cores']} cores, commit {machine['commit']}.")
    print(f"One-minute load average before it began: {os.getloadavg()[0]:.2f}. Medians of {given.repeats} in milliseconds.\n")
    print("| | threads | first | median | processor time | of SGD in torch | accuracy |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    profile = ""
    for threads in (1, 2):
        command = [sys.executable, "-m", "experiments.bench.private", f"--threads={threads}"]
        command += [f"--epsilon={given.epsilon}", f"--repeats={given.repeats}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        result = json.loads(done.stdout)
        profile = profile or result["profile"]
        plain = result["times"]["SGD in torch, no privacy"][1]
        for name, (first, median) in result["times"].items():
            processor, accuracy = result["processor"].get(name), result["accuracy"].get(name)
            rest = " | | " if processor is None else f"{1000 * processor:.0f} | {median / plain:.2f} | {accuracy:.3f}"
            print(f"| {name} | {threads} | {1000 * first:.0f} | {1000 * median:.0f} | {rest} |")
    print(f"\nWhere one fit and sample goes, one thread (cProfile, which slows what is called often):\n\n```\n{profile}\n```")


def _measure(threads: int, epsilon: float, repeats: int) -> dict[str, Any]:
    """Seconds of each contender, in turn so that a slow moment meets all: first, median, of the processor; and a profile."""
    import torch  # noqa: F401 - imports are no part of the time

    load_imports(GuidedSynthesizer())
    pin_threads(threads)
    split = datasets.load(named("adult"), 0)
    runs = contenders(split, epsilon)
    times: dict[str, list[float]] = {}
    processor: dict[str, list[float]] = {}
    accuracy: dict[str, float] = {}
    test = split.test[:, split.schema.positions(split.schema.features)]
    for seed in range(repeats):
        for name, run in runs.items():
            start, used = time.perf_counter(), time.process_time()
            marks, predict = run(seed)
            processor.setdefault(name, []).append(time.process_time() - used)
            times.setdefault(name, []).append(time.perf_counter() - start)
            for part, seconds in marks.items():
                times.setdefault(f"- {part}", []).append(seconds)
            accuracy[name] = float(np.mean(predict(test).argmax(axis=1) == split.test[:, split.schema.target_position]))
    profiler = cProfile.Profile()
    profiler.runcall(next(iter(runs.values())), repeats)
    return {
        "times": {name: (seconds[0], float(np.median(seconds))) for name, seconds in times.items()},
        "processor": {name: float(np.median(seconds)) for name, seconds in processor.items()},
        "accuracy": accuracy,
        "profile": _top(profiler),
    }


Run = Callable[[int], tuple[dict[str, float], Callable[[np.ndarray], np.ndarray]]]


def contenders(split: Split, epsilon: float) -> dict[str, Run]:
    """Each takes a seed and gives the seconds of its parts and a function from encoded features to probabilities."""
    schema, settings = split.schema, GuideSettings()
    network = Network(schema.shape(schema.features), (schema.classes,), settings.hidden)

    def private(seed: int) -> tuple[dict[str, float], Any]:
        noise, fitting, sampling = (np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(3))
        composition._compose.cache_clear()  # so that every repeat finds its noise anew
        ledger = _TimedLedger(Budget(epsilon, 1e-6))
        start = time.perf_counter()
        fitted = GuidedSynthesizer().fit(PrivateTable(split.train, schema, ledger, noise), fitting)
        middle = time.perf_counter()
        draw(fitted, schema, schema.rows_public, sampling)
        end = time.perf_counter()
        parts = {"finding the noise": ledger.seconds, "the rest of fit": middle - start - ledger.seconds, "sample": end - middle}
        return parts, fitted.guide_.predict_proba

    def batches(seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows of the index table and labels of every step, shapes (steps, batch, columns) and (steps, batch)."""
        rng = np.random.default_rng(seed)
        visits = settings.steps * settings.batch
        orders = [rng.permutation(len(split.train)) for _ in range(-(-visits // len(split.train)))]
        rows = split.train[np.concatenate(orders)[:visits]]
        index = network.index(rows[:, schema.positions(schema.features)])
        labels = rows[:, schema.target_position].astype(np.int64)
        return index.reshape(settings.steps, settings.batch, -1), labels.reshape(settings.steps, settings.batch)

    def in_torch(seed: int) -> tuple[dict[str, float], Any]:
        import torch

        torch.manual_seed(seed)
        flat = network.initial(np.random.default_rng(seed)).astype(np.float32)
        table, output = (torch.nn.Parameter(torch.from_numpy(part.copy())) for part in network.split(flat))
        optimizer = torch.optim.SGD([table, output], lr=_LEARNING_RATE, momentum=settings.momentum)
        for index, labels in zip(*batches(seed), strict=True):
            optimizer.zero_grad()
            sums = torch.nn.functional.embedding_bag(torch.from_numpy(index), table, mode="sum")
            logits = sums[:, network.hidden :] + torch.relu(sums[:, : network.hidden]) @ output
            torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels)).backward()
            optimizer.step()
        learnt = torch.cat([table.flatten(), output.flatten()]).detach().numpy()
        return {}, lambda features: network.forward(learnt, network.index(features))[1]

    def closed_form(seed: int) -> tuple[dict[str, float], Any]:
        flat = network.initial(np.random.default_rng(seed))
        velocity = np.zeros_like(flat)
        for index, labels in zip(*batches(seed), strict=True):
            gradient = network.clipped_gradient_sum(flat, index, labels[:, None], np.inf) / len(labels)
            velocity = settings.momentum * velocity + gradient
            flat = flat - _LEARNING_RATE * velocity
        return {}, lambda features: network.forward(flat, network.index(features))[1]

    return {
        "DPDSyn, fit and sample": private,
        "SGD in torch, no privacy": in_torch,
        "our gradients, no clipping, no noise": closed_form,
    }


class _TimedLedger(Ledger):
    """Counts the seconds of calibration."""

    seconds = 0.0

    def open_calibrated(self, make_plan: Any) -> float:
        start = time.perf_counter()
        try:
            return super().open_calibrated(make_plan)
        finally:
            self.seconds += time.perf_counter() - start


def _top(profiler: cProfile.Profile) -> str:
    """The functions with the most time of their own; of paths, the file's name and its folder."""
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(_LINES)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    return "\n".join(_shortened(line) for line in lines if line)


def _shortened(line: str) -> str:
    head, slash, tail = line.rpartition("/")
    if not slash:
        return line
    start, _, path = head.rpartition(" ")
    return f"{start} {Path(path).name}/{tail}"


if __name__ == "__main__":
    main()
