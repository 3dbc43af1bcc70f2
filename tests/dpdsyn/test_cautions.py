"""What is said of a budget, from public values alone."""

from __future__ import annotations

import pytest

from dpdsyn.cautions import cautions


@pytest.mark.parametrize(
    ("epsilon", "delta", "rows", "said"),
    [
        (1.0, 1e-6, 5_000, []),
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
