"""Which share of its mu an attacker finds again in noisy counts: the audit of Ganev, Annamalai and Kulynych (arXiv 2604.18352).

Run: python -m experiments.bench.audited [synthesizer ...] [--fits 5000] [--repeats 3]
As in their code: ten rows (0, 0, 0) of three columns of two values, or these and a row (1, 1, 1); epsilon 1, delta .01; so
many fits of each. There MST spends all of it on one-way marginals, as `independent` does here; `mst` spends a third of it. The
attacker sees 25 released rows, counted by profile, and the noisy one-way marginals. Boosting learns from 40% of the fits
which table it was, the threshold of the largest advantage comes from 20%, and the errors on the rest bound mu of Gaussian DP
from below: 90%, by beta posteriors of both errors after Jeffreys. Implied mu is sqrt(2 rho) of the method's whole plan. Writes
results/audited.csv; `tables/published.md` shows which share of the implied mu is found again.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from dpdsyn.base.files import write_whole
from dpdsyn.privacy import Budget
from dpdsyn.private_table import PrivateTable, Query
from dpdsyn.reading.column import Column
from dpdsyn.schema import Schema
from dpdsyn.synthesizer import Synthesizer, draw, load
from experiments.audit.watched import PlannedLedger
from experiments.configuration import default_parameters, read_option
from experiments.console import bar, console
from experiments.machine import pin_threads
from experiments.paths import results_dir
from experiments.report.published import AUDITED

BUDGET = Budget(1.0, 1e-2)
SEES = ("released rows", "noisy counts", "both")
_ROWS, _COLUMNS, _RELEASED = 10, 3, 25
_CREDIBILITY = 0.1  # of mu below the bound
_PROFILES = np.array(list(itertools.product((0, 1), repeat=_COLUMNS)))


@dataclass(frozen=True)
class Seen:
    """What is seen of fits on one table. profiles: counts of released rows, shape (fits, 8). counts: shape (fits, 6 or 0).

    implied_mu: of the plan that the last fit opened.
    """

    profiles: np.ndarray
    counts: np.ndarray
    implied_mu: float

    def by(self, sees: str) -> np.ndarray:
        return {SEES[0]: self.profiles, SEES[1]: self.counts, SEES[2]: np.hstack([self.profiles, self.counts])}[sees]


class Heard(PrivateTable):
    """A private table whose noisy one-way marginals are kept for an attacker."""

    def noisy_marginals(self, queries: Sequence[Query], sigmas: Sequence[float]) -> list[np.ndarray]:
        answers = super().noisy_marginals(queries, sigmas)
        self.counts = [*getattr(self, "counts", []), *(a for q, a in zip(queries, answers, strict=True) if len(q) == 1)]
        return answers


def observed(make: Callable[[], Synthesizer], rows: np.ndarray, fits: int, seed: int) -> Seen:
    """Fit so many times, with fresh noise, and draw rows. rows: shape (n, 3) of 0 and 1."""
    schema = Schema(tuple(Column(name, "categorical", categories=(0, 1)) for name in "abc"), None, _ROWS)
    profiles, counts = [], []
    for number in _counted(fits):
        noise, own, sampling = (
            np.random.default_rng(part) for part in np.random.SeedSequence([seed, len(rows), number]).spawn(3)
        )
        ledger = PlannedLedger(BUDGET)
        private = Heard(rows.astype(schema.dtype), schema, ledger, noise)
        fitted = make().fit(private, own)
        released = draw(fitted, schema, _RELEASED, sampling)
        profiles.append((released[:, None, :] == _PROFILES).all(axis=2).sum(axis=0))
        counts.append(np.concatenate([*getattr(private, "counts", []), []]))
    implied = math.sqrt(2 * math.fsum(spend.rho for spend in ledger.planned))
    return Seen(np.array(profiles, dtype=float), np.array(counts, dtype=float).reshape(fits, -1), implied)


def _counted(fits: int) -> Iterator[int]:
    with bar(console(), "fits") as shown:
        yield from shown.track(range(fits))


def shown_mu(without: np.ndarray, with_row: np.ndarray) -> float:
    """The mu that what was seen bounds from below, at least 0. Both of shape (fits, what is seen), in the order of the fits."""
    from sklearn.ensemble import GradientBoostingClassifier

    first, second = (int(len(without) * share) for share in (0.4, 0.6))
    learnt = np.concatenate([without[:first], with_row[:first]])
    guess = GradientBoostingClassifier(random_state=0).fit(learnt, np.repeat([0, 1], first))
    out, inside = (guess.predict_proba(seen[first:])[:, 1] for seen in (without, with_row))
    choosing = second - first
    thresholds = np.unique(np.concatenate([out[:choosing], inside[:choosing]]))
    advantage = [(inside[:choosing] >= t).mean() - (out[:choosing] >= t).mean() for t in thresholds]
    threshold = thresholds[int(np.argmax(advantage))]
    tested = len(out) - choosing
    return mu_bound(int((out[choosing:] >= threshold).sum()), int((inside[choosing:] < threshold).sum()), tested)


def mu_bound(false_positives: int, false_negatives: int, of: int) -> float:
    """The mu below which the errors' posterior has a tenth of its mass: mu-GDP asks fnr >= Phi(Phi^-1(1 - fpr) - mu)."""
    from scipy.optimize import brentq
    from scipy.stats import beta, norm

    quantiles = (np.arange(4000) + 0.5) / 4000
    fpr = beta.ppf(quantiles, 0.5 + false_positives, 0.5 + of - false_positives)
    fnr = beta(0.5 + false_negatives, 0.5 + of - false_negatives)

    def private(mu: float) -> float:
        return float(fnr.sf(norm.cdf(norm.isf(fpr) - mu)).mean()) - _CREDIBILITY

    return 0.0 if private(0.0) >= 0 else float(brentq(private, 0.0, 50.0, xtol=1e-4))


def audited(name: str, fits: int, seed: int) -> list[dict[str, str]]:
    """One row for each thing that the attacker may see."""
    make = partial(load(read_option("synthesizer", name)["_target_"]), **default_parameters("synthesizer", name))
    few = np.zeros((_ROWS, _COLUMNS), dtype=int)
    without = observed(make, few, fits, seed)
    with_row = observed(make, np.concatenate([few, np.ones((1, _COLUMNS), dtype=int)]), fits, seed)
    return [
        {
            "method": name,
            "version": str(make().version),
            "seed": str(seed),
            "fits": str(2 * fits),
            "attacker_sees": sees,
            "implied_mu": f"{without.implied_mu:.4f}",
            "shown_mu": f"{shown_mu(without.by(sees), with_row.by(sees)):.4f}",
        }
        for sees in SEES
        if without.by(sees).size
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("synthesizer", nargs="*", default=["independent"])
    parser.add_argument("--fits", type=int, default=5000, help="of each table (5000)")
    parser.add_argument("--repeats", type=int, default=3, help="whole audits, each with noise of its own (3)")
    given = parser.parse_args(arguments)
    pin_threads(1)
    rows = [row for name in given.synthesizer for seed in range(given.repeats) for row in audited(name, given.fits, seed)]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(results_dir() / AUDITED, text.getvalue().encode())
    sys.stdout.write(text.getvalue())


if __name__ == "__main__":
    main()
