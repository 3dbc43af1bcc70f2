"""The made-up wide table, and what is kept of its correlations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.bench import correlations


def test_the_table_is_correlated_as_is_said() -> None:
    frame = correlations.table(20_000, 8, 3)
    pairs = frame.drop(columns="y").corr(method="spearman").to_numpy()
    assert pairs[0, 1] == pytest.approx(0.79, abs=0.02) and pairs[4, 5] == pytest.approx(0.79, abs=0.02)
    assert pairs[2, 3] == pytest.approx(0.29, abs=0.02) and abs(pairs[1, 2]) < 0.03
    assert frame.columns[-1] == "y" and 0.45 < (frame["y"] == "yes").mean() < 0.55


def test_what_is_kept_is_a_share_of_what_the_table_has(monkeypatch: pytest.MonkeyPatch) -> None:
    real = correlations.table(2000, 8, 0)
    shuffled = real.assign(c3=real["c3"].to_numpy()[::-1], c5=7.0)

    class Copies:
        def __init__(self, made: pd.DataFrame, **_: object) -> None:
            self.made = made

        def fit(self, *_: object) -> Copies:
            return self

        def sample(self, _: int) -> pd.DataFrame:
            return self.made[self.made.columns[::-1]]  # in another order, as a schema may have it

    for made, wanted in ((real, [1, 1]), (shuffled, [1, 0])):
        monkeypatch.setattr(correlations, "DPDSyn", lambda made=made, **_: Copies(made))
        close, weak, with_target = correlations.kept(real, 1.0, 0)
        assert (
            close == pytest.approx([1, wanted[1]])
            and weak[1] == pytest.approx(1)
            and weak[0] == pytest.approx(wanted[1], abs=0.2)
        )
        assert len(with_target) == 6 and with_target[0] == pytest.approx(1) and np.isfinite(with_target).all()


def test_the_command_prints_a_row_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    correlations.main(["300", "--columns", "6", "--epsilon", "100", "--seeds", "0"])
    *_, row = capsys.readouterr().out.splitlines()
    assert row.startswith("| 6 | 300 | ") and " of 2) | " in row and row.endswith("of 6) |")
