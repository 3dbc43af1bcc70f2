"""How far one row moves what a method gives to a selecting door, against the sensitivity that it states there."""

from __future__ import annotations

import numpy as np
import pytest

from dpdsyn.contract import toy_codes, toy_schema
from dpdsyn.privacy import Budget, Ledger
from dpdsyn.private_table import PrivateTable, marginal
from dpdsyn.synthesizer import load
from experiments.configuration import options, read_option

BASELINES = {name: read_option("synthesizer", name)["_target_"] for name in options("synthesizer")}
APART = ("references", "isolated", "dpwgan", "rdp_gan", "wdp_gan", "dp_ctgan")  # nothing is selected there
SELECTING = [name for name, target in BASELINES.items() if target.startswith("baselines.") and target.split(".")[1] not in APART]


class Watched(PrivateTable):
    """Notes every score function that is handed to a door, with the queries and the sensitivity stated for it."""

    asked: list

    def select(self, queries, score, sensitivity, epsilon):  # type: ignore[no-untyped-def]
        self.asked.append((self.schema, queries, score, sensitivity, "each"))
        return super().select(queries, score, sensitivity, epsilon)

    def noisy_scores(self, queries, score, l2_sensitivity, sigma):  # type: ignore[no-untyped-def]
        self.asked.append((self.schema, queries, score, l2_sensitivity, "together"))
        return super().noisy_scores(queries, score, l2_sensitivity, sigma)


@pytest.mark.parametrize("name", SELECTING)
def test_one_row_moves_no_score_further_than_stated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    option = read_option("synthesizer", name)
    parameters = {key: value for key, value in option.items() if key not in ("name", "_target_", "about", "guide")}
    schema = toy_schema(rows_public=300)
    asked: list = []
    monkeypatch.setattr(Watched, "asked", asked, raising=False)
    private = Watched(toy_codes(schema, 300), schema, Ledger(Budget(3.0, 1e-6)), np.random.default_rng(0))
    load(option["_target_"])(**parameters).fit(private, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    assert asked
    for own, queries, score, sensitivity, how in asked:
        for rows in (0, 1, 40):
            codes = np.stack([rng.integers(size, size=rows + 1) for size in own.sizes], axis=1)
            codes[rng.integers(rows + 1, size=rows + 1)] = codes[0]  # many equal rows, so that dependence is strong
            with_row, without = (
                np.array([score(marginal(part, own, query), query) for query in queries]) for part in (codes, codes[1:])
            )
            moved = np.abs(with_row - without)
            assert (moved.max() if how == "each" else np.linalg.norm(moved)) <= sensitivity * (1 + 1e-9)
