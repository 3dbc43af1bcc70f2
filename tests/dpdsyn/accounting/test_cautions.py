"""What is said of a budget, from public values alone."""

from __future__ import annotations

import pytest

from dpdsyn import DPDSyn
from dpdsyn.accounting.cautions import cautions, usual_delta


@pytest.mark.parametrize(
    ("epsilon", "delta", "rows", "said"),
    [
        (1.0, 1e-6, 5_000, []),
        (1.0, 1e-6, 10_000, []),  # a hundredth is on the safe side
        (1.0, 1e-7, 100_000, []),
        (1.0, 1.01e-6, 10_000, [("delta 1.01e-06 is more than a hundredth of 1/10,000", False)]),
        (10.0, 1e-9, 5_000_000, []),
        (1.0, 1e-6, 50_000, [("delta 1e-06 is more than a hundredth of 1/50,000", False)]),
        (1.0, 1e-6, 1_000_000, [("delta 1e-06 is not below 1/1,000,000", True)]),
        (1.0, 0.5, 100, [("delta 0.5 is not below 1/100", True)]),
        (10.5, 1e-9, 100, [("epsilon 10.5 is above 10", True)]),
        (50.0, 0.5, 100, [("delta 0.5", True), ("epsilon 50", True)]),
    ],
)
def test_a_budget_is_cautioned_where_it_promises_little(epsilon: float, delta: float, rows: int, said: list) -> None:
    found = cautions(epsilon, delta, rows)
    assert [grave for _, grave in said] == [caution.grave for caution in found]
    assert all(caution.text.startswith(start) for caution, (start, _) in zip(found, said, strict=True))


@pytest.mark.parametrize("rows", [1, 99, 9_999, 10_000, 10_001, 12_000, 29_000, 50_000, 99_999, 100_000, 1_000_000, 3_000_000])
def test_advice_is_sound_and_the_usual_delta_draws_no_word(rows: int) -> None:
    delta = usual_delta(None, rows)
    assert cautions(1.0, delta, rows) == () and delta <= 1e-6 and delta > 1e-5 / rows * 0.999 * min(1, rows / 1e5)
    for wrong in (1.0 / rows, 0.02 / rows):
        (said,) = cautions(1.0, wrong, rows)
        advised = float(said.text.split("at most ")[1].split()[0])
        assert advised < wrong and cautions(1.0, advised, rows) == ()


def test_a_delta_that_is_stated_stays_and_one_for_open_rows_serves_a_million() -> None:
    assert usual_delta(1e-3, 10**9) == 1e-3 and usual_delta(None, 5_000) == 1e-6 and usual_delta(None, 12_000) == 1e-7
    assert all(cautions(1.0, usual_delta(None, 0), rows) == () for rows in (100, 10_000, 1_000_000))
    assert DPDSyn().get_params()["delta"] is None
