"""Faults of plans, ledgers and what they cost."""

from __future__ import annotations

from mutants.fault import Fault, fault

_COMPOSITION = "dpdsyn/accounting/composition.py"
_SPENDS = "dpdsyn/accounting/spends.py"
_PRIVACY = "dpdsyn/privacy.py"


def _of(*names: str) -> tuple[str, ...]:
    return tuple(f"dpdsyn/test_privacy.py::test_{name}" for name in names)


_COSTS = _of(
    "costs_of_single_mechanisms",
    "equal_gaussians_compose_to_the_exact_one_and_stay_under_the_naive_sum",
    "sampled_steps_agree_with_opacus[0.1-5.0-400]",
    "zcdp_budget_is_the_best_conversion",
    "calibration_is_tight_and_never_over",
    "the_guide_gets_all_that_fits_beside_the_candidates",
)
_LEDGER = _of(
    "nothing_is_answered_without_a_plan_or_outside_it",
    "the_guarantee_is_read_off_the_ledger",
    "a_gaussian_cap_takes_gaussians_only",
    "a_plan_that_no_noise_can_make_fit_is_refused",
    "no_adaptive_sequence_exceeds_a_cap",
    "many_sampled_steps_leave_no_room_for_a_crumb",
)
_AGAINST = "dpdsyn/test_against_faults.py"

FAULTS: tuple[Fault, ...] = (
    fault(
        "a process that was forked off charges a copy of the ledger",
        _PRIVACY,
        "if os.getpid() != self._process:",
        "if False:",
        *_of("a_process_that_was_forked_off_cannot_charge_for_nobody_would_learn_of_it"),
    ),
    fault(
        "two threads charge what one of them has used",
        _PRIVACY,
        "        with self._one_at_a_time:\n            self._charge(spend, label)",
        "        self._charge(spend, label)",
        *_of("threads_that_charge_at_once_are_given_no_more_than_the_plan_holds"),
    ),
    fault(
        "one sampled step fewer is composed",
        _COMPOSITION,
        "tuple((*kind, count) for kind",
        "tuple((*kind, max(1, count - 1)) for kind",
        *_COSTS,
        f"{_AGAINST}::test_few_sampled_steps_cost_what_dp_accounting_says",
    ),
    fault(
        "sampled steps are composed at half their rate", _COMPOSITION, "sampling_prob=rate)", "sampling_prob=rate / 2)", *_COSTS
    ),
    fault(
        "each part of a huge budget takes all of delta",
        _COMPOSITION,
        "_of_parts(replace(parts, capped=0.0), delta / 2, step)",
        "_of_parts(replace(parts, capped=0.0), delta, step)",
        "dpdsyn/accounting/test_composition.py::test_huge_budgets_are_composed_too",
    ),
    fault(
        "epsilon is told at twice the delta",
        _PRIVACY,
        "return compose((*self.reserved, *plan), float(self.delta))",
        "return compose((*self.reserved, *plan), 2 * float(self.delta))",
        *_COSTS,
    ),
    fault(
        "only the better of both directions counts",
        _COMPOSITION,
        "return max(_epsilon(direction, delta, step) for direction in directions)",
        "return min(_epsilon(direction, delta, step) for direction in directions)",
        *_COSTS,
    ),
    fault(
        "the Gaussians of a plan cost half", _COMPOSITION, "gaussian.append(spend.rho)", "gaussian.append(spend.rho / 2)", *_COSTS
    ),
    fault(
        "what is capped in a plan costs nothing",
        _COMPOSITION,
        "capped.append(spend.rho)",
        "capped.append(spend.rho * 1e-9)",
        *_COSTS,
    ),
    fault(
        "sampled steps of rate 1 cost nothing",
        _COMPOSITION,
        "isinstance(spend, SampledGaussian) and spend.rate < 1:",
        "isinstance(spend, SampledGaussian):",
        *_COSTS,
        f"{_AGAINST}::test_plans_cost_the_same_however_they_are_written",
    ),
    fault(
        "equal sampled steps are composed once",
        _COMPOSITION,
        "steps[spend.rate, spend.noise_multiplier] += spend.count",
        "steps[spend.rate, spend.noise_multiplier] = spend.count",
        *_COSTS,
        f"{_AGAINST}::test_plans_cost_the_same_however_they_are_written",
    ),
    fault(
        "sums of charges are not paid for where they exceed a plan by rounding",
        _COMPOSITION,
        "_PAID = 1 + 1e-8",
        "_PAID = 1.0",
        *_COSTS,
        f"{_AGAINST}::test_all_that_a_ledger_lets_pass_is_paid_for",
    ),
    fault(
        "a Gaussian's zCDP is half of what it is",
        _SPENDS,
        "return 1 / (2 * noise_multiplier**2)",
        "return 1 / (4 * noise_multiplier**2)",
        *_COSTS,
    ),
    fault("a choice's zCDP is half of what it is", _SPENDS, "self.epsilon**2 / 8", "self.epsilon**2 / 16", *_COSTS),
    fault(
        "a cap for Gaussians takes anything",
        _SPENDS,
        "if not all(isinstance(spend, Gaussian | GaussianCap) for spend in plan):",
        "if False:",
        *_LEDGER,
    ),
    fault("who may spend nothing may spend", _SPENDS, "return math.inf if plan else -1.0", "return -1.0", *_LEDGER),
    fault(
        "zCDP is turned into a smaller epsilon",
        "dpdsyn/accounting/zcdp.py",
        "return max(0.0, rho * (2 * above + 1)",
        "return max(0.0, rho * (2 * above)",
        *_COSTS,
    ),
    fault(
        "the curve of zCDP lies too low",
        "dpdsyn/accounting/zcdp.py",
        "above * (rho * (above + 1) - epsilons)",
        "above * (rho * above - epsilons)",
        *_COSTS,
        f"{_AGAINST}::test_the_curve_of_zcdp_and_its_epsilon_are_the_best_over_all_orders",
    ),
    fault(
        "where delta is tiny, chances of infinite losses are left out",
        "dpdsyn/accounting/small_delta.py",
        "goal = delta * (1 - _ALLOWED) - never",
        "goal = delta * (1 - _ALLOWED)",
        *_COSTS,
        f"{_AGAINST}::test_sums_of_losses_at_tiny_deltas_are_those_of_gaussians",
    ),
    fault(
        "where delta is tiny, one loss fewer is summed",
        "dpdsyn/accounting/small_delta.py",
        "spectrum *= rfft(ring) ** part.count",
        "spectrum *= rfft(ring) ** max(1, part.count - 1)",
        *_COSTS,
        f"{_AGAINST}::test_sums_of_losses_at_tiny_deltas_are_those_of_gaussians",
    ),
    fault(
        "calibration stops on the wrong side",
        "dpdsyn/accounting/least_noise.py",
        "if -tolerance <= above <= 0:",
        "if -tolerance <= above <= tolerance:",
        *_COSTS,
    ),
    fault(
        "the largest rho may be too large",
        "dpdsyn/accounting/least_noise.py",
        "    while excess(x) > 0:\n        x *= 1 - tolerance / 2\n",
        "    x *= 1 + tolerance\n",
        *_COSTS,
        f"{_AGAINST}::test_no_plan_above_its_allowance_is_opened",
    ),
    fault(
        "charges may exceed a plan by a thousandth",
        _PRIVACY,
        "    1e-9  # share of a plan",
        "    1e-3  # share of a plan",
        *_LEDGER,
    ),
    fault(
        "a plan may cost more than its budget",
        _PRIVACY,
        'if not self.allowance.excess(plan) <= _ROUNDING:\n            raise BudgetExceeded(f"the plan',
        'if not self.allowance.excess(plan) <= 0.01:\n            raise BudgetExceeded(f"the plan',
        *_LEDGER,
        f"{_AGAINST}::test_no_plan_above_its_allowance_is_opened",
    ),
    fault(
        "a second plan takes the place of the first",
        _PRIVACY,
        "        if self._plan is not None:\n            raise",
        "        if False:\n            raise",
        *_LEDGER,
    ),
    fault(
        "a ledger without a plan takes charges",
        _PRIVACY,
        "        if not used.fits(self._planned):",
        "        if self._charges and not used.fits(self._planned):",
        *_LEDGER,
    ),
    fault(
        "more steps than planned fit",
        _PRIVACY,
        "within = all(count <= planned.steps[kind] for kind, count in self.steps.items())",
        "within = True",
        *_LEDGER,
    ),
    fault(
        "steps that were not planned count as those that were",
        _PRIVACY,
        "return step.rate, step.noise_multiplier",
        "return step.rate, 0.0",
        *_LEDGER,
    ),
    fault(
        "what is spent is told of the charges, not of the plan",
        _PRIVACY,
        "return before + (self.allowance.spent(self._plan or ()) if self._charges else 0.0)",
        "return before + self.allowance.spent([spend for _, spend in self._charges])",
        *_LEDGER,
        f"{_AGAINST}::test_what_is_left_over_counts_as_spent",
    ),
    fault(
        "rows exposed by a nested method leave its parent's guarantee as it is",
        _PRIVACY,
        "            self._parent.expose(why)",
        "            pass",
        *_LEDGER,
    ),
    fault("a promise is told as a guarantee of ours", _PRIVACY, '"unverified" if claimed else "dp"', '"dp"', *_LEDGER),
    fault(
        "anything that has a rho is a spend",
        _PRIVACY,
        "if type(spend) not in get_args(Spend):",
        "if not hasattr(spend, 'rho'):",
        *_LEDGER,
        f"{_AGAINST}::test_nothing_but_a_spend_is_planned_or_charged",
    ),
)
