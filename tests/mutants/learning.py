"""Faults of the learning of domains: histograms, thresholds, grids, and what ledgers set apart and reserve for them."""

from __future__ import annotations

from mutants.fault import Edit, Fault, fault

_RAW = "dpdsyn/learning/raw_table.py"
_LEARNING = "dpdsyn/learning/domain_learning.py"
_PRIVACY = "dpdsyn/privacy.py"
_COMPOSITION = "dpdsyn/accounting/composition.py"
_CONTRACT = "dpdsyn/checking/test_learning_contract.py"
_CHECK = "dpdsyn.learning.domain_learning:DomainLearning"


def _raw(*names: str) -> tuple[str, ...]:
    return tuple(f"dpdsyn/learning/test_raw_table.py::test_{name}" for name in names)


def _ledger(*names: str) -> tuple[str, ...]:
    return tuple(f"dpdsyn/test_learning_ledger.py::test_{name}" for name in names)


_NOISE = _raw(
    "noise_has_the_deviation_that_is_charged_for", "each_row_of_a_person_weighs_its_share_and_has_the_noise_of_a_person"
)
_CHARGES = _raw("all_that_is_asked_at_once_is_charged_as_one_gaussian", "noise_has_the_deviation_that_is_charged_for")
_THRESHOLDS = _raw(
    "known_thresholds",
    "the_threshold_is_that_of_the_normal_tail",
    "values_of_one_unit_alone_are_told_of_no_more_often_than_delta",
)
_DELTA = _ledger(
    "a_threshold_is_taken_off_delta_before_the_rest_is_composed",
    "thresholds_of_all_of_delta_leave_no_epsilon",
    "thresholds_are_charged_from_planned_ones_and_from_nothing_else",
)

FAULTS: tuple[Fault, ...] = (
    fault(
        "values of rows that are not used may be told of",
        "dpdsyn/reading/cells.py",
        "    return _occurring(positions, values)",
        "    return positions, values",
        *_raw("only_values_of_rows_that_are_used_may_be_told_of"),
        check=_CHECK,
    ),
    fault(
        "histograms have half their noise",
        _RAW,
        "sigma * self.__most, counts.size",
        "sigma * self.__most / 2, counts.size",
        *_NOISE,
        check=_CHECK,
    ),
    fault(
        "histograms of people have the noise of rows",
        _RAW,
        "sigma * self.__most, counts.size",
        "sigma, counts.size",
        *_NOISE,
        check=_CHECK,
    ),
    fault(
        "the noise of the number of rows is that of a row",
        _RAW,
        "rounded_gaussian(sigma * self.__most, 1",
        "rounded_gaussian(sigma, 1",
        *_NOISE,
        check=_CHECK,
    ),
    fault(
        "two resolutions are charged as one",
        _RAW,
        "[resolutions(grid) * Gaussian(sigma).rho for",
        "[Gaussian(sigma).rho for",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "a third resolution is not charged",
        _RAW,
        "1 + len(grid.coarser) if",
        "1 + bool(grid.coarser) if",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "counts of listed columns are not charged",
        _RAW,
        "*([Gaussian(listed_sigma).rho] * len(listed))",
        "*([Gaussian(listed_sigma).rho] * 0)",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "one column's counts are charged for all",
        _RAW,
        "*([Gaussian(listed_sigma).rho] * len(listed))",
        "*([Gaussian(listed_sigma).rho] * bool(listed))",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "rows are read before histograms are charged",
        _RAW,
        "        costs = [*_rhos",
        "        list(self.__frames())\n        costs = [*_rhos",
        *_raw("no_row_is_read_by_a_mechanism_that_refuses"),
    ),
    fault(
        "the delta of thresholds is not charged",
        _RAW,
        "        if listed:\n            self.ledger.charge(Threshold",
        "        if not listed:\n            self.ledger.charge(Threshold",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "one column's delta is charged for all",
        _RAW,
        "Threshold(listed_delta, len(listed))",
        "Threshold(listed_delta)",
        *_CHARGES,
        check=_CHECK,
    ),
    fault(
        "the threshold leaves out that noise is rounded", _RAW, "(most + 0.5 - sigma", "(most - sigma", *_THRESHOLDS, check=_CHECK
    ),
    fault(
        "the threshold leaves out the unit's own rows", _RAW, "(most + 0.5 - sigma", "(0.5 - sigma", *_THRESHOLDS, check=_CHECK
    ),
    fault("the threshold is for one value of a unit", _RAW, "ndtri(delta / most)", "ndtri(delta)", *_THRESHOLDS, check=_CHECK),
    fault(
        "values that nobody listed have no threshold",
        _RAW,
        "if text is None or n >= least",
        "if text is None or n >= -least",
        *_THRESHOLDS,
        check=_CHECK,
    ),
    fault(
        "values are told in the order in which they occur",
        _RAW,
        'dict(sorted(told, key=lambda pair: pair[0] or ""))',
        "dict(told)",
        *_raw("values_are_told_in_the_order_of_their_texts_whatever_the_order_of_rows"),
    ),
    fault(
        "a grid may give a row several codes",
        _RAW,
        "if codes.shape != (len(frame),) or",
        "if",
        *_raw("a_grid_that_gives_a_cell_no_code_or_several_is_refused"),
    ),
    fault(
        "a raw table can be pickled",
        _RAW,
        "    def __getstate__(self)",
        "    def getstate(self)",
        *_raw("rows_do_not_leak_by_accident"),
    ),
    fault(
        "the noise of a histogram leaves out its resolutions",
        _LEARNING,
        "self.sigma * math.sqrt(resolutions(grid) / _WEIGHTS[type(grid)])",
        "self.sigma * math.sqrt(1 / _WEIGHTS[type(grid)])",
        "dpdsyn/learning/test_domain_learning.py",
        check=_CHECK,
    ),
    fault(
        "nothing is set apart for the number of rows",
        _LEARNING,
        "raw.ledger.set_apart(_COUNT_SHARE)",
        "type(raw.ledger)(raw.ledger.allowance)",
        "dpdsyn/learning/test_domain_learning.py::test_learning_costs_what_is_reserved_and_the_rest_is_the_methods",
        f"{_CONTRACT}::test_what_ships_is_sound",
        check=_CHECK,
    ),
    fault(
        "what is reserved may cost more than the budget",
        _PRIVACY,
        '<= _ROUNDING:\n            raise BudgetExceeded(f"what is reserved',
        '<= 9.0:\n            raise BudgetExceeded(f"what is reserved',
        *_ledger("more_than_the_budget_is_not_reserved_and_no_cap_reserves"),
    ),
    fault(
        "what is set apart is not taken off",
        _PRIVACY,
        "Budget(self.epsilon * (1 - share), self.delta * (1 - share))",
        "Budget(self.epsilon, self.delta)",
        *_ledger("what_is_set_apart_and_the_rest_add_up_to_the_budget"),
    ),
    fault(
        "what is reserved is not composed with the plan",
        _PRIVACY,
        "compose((*self.reserved, *plan), float(self.delta))",
        "compose(tuple(plan), float(self.delta))",
        *_ledger("what_is_reserved_and_the_plan_after_it_are_within_the_budget_and_use_it_up"),
        check=_CHECK,
    ),
    fault(
        "what is reserved can be reserved again",
        _PRIVACY,
        "or self._reserved != self._kept or self._plan is not None:",
        "or self._plan is not None:",
        *_ledger("it_is_reserved_once_and_before_the_plan"),
    ),
    fault("thresholds are not taken off delta", _COMPOSITION, "delta - parts.delta, step)", "delta, step)", *_DELTA),
    fault(
        "a repeated threshold counts once",
        _COMPOSITION,
        "deltas.append(spend.count * spend.delta)",
        "deltas.append(spend.delta)",
        *_DELTA,
    ),
    fault("more thresholds are charged than were planned", _PRIVACY, " and self.delta <= planned.delta", "", *_DELTA),
    Fault(
        "what was handed over leaves out what was set apart",
        (Edit(_PRIVACY, "            return before + self.allowance.epsilon\n", "            return self.allowance.epsilon\n"),),
        _ledger("rows_handed_over_after_learning_cost_what_was_set_apart_too"),
    ),
)
