"""Faults of the mechanisms and of Poisson samples."""

from __future__ import annotations

from mutants.fault import Edit, Fault, fault

_TABLE = "dpdsyn/private_table.py"
_ROWS = "dpdsyn/rows.py"


def _of(file: str, *names: str) -> tuple[str, ...]:
    return tuple(f"dpdsyn/{file}.py::test_{name}" for name in names)


_MARGINALS = _of(
    "test_private_table",
    "a_noisy_marginal_has_the_sigma_that_it_charges_for",
    "marginals_with_different_sigmas_charge_the_sum_of_their_costs",
)
_SUMS = _of(
    "test_private_table",
    "noisy_sum_adds_the_noise_that_it_charges_for",
    "rounding_and_floating_point_are_paid_for_in_noise",
    "answers_lie_on_a_grid_that_no_row_moves",
    "large_batches_are_summed_piece_by_piece",
    "noisy_sum_takes_finite_sums_in_double_precision",
)
_CHOICES = _of("test_private_table", "noisy_scores_charge_sigma_over_sensitivity", "selection_follows_the_exponential_mechanism")
_PERSONS = _of(
    "test_private_table",
    "each_row_of_a_person_weighs_its_share",
    "one_person_moves_no_answer_further_than_one_row_may",
    "persons_enter_a_batch_whole_and_independently",
    "rows_that_are_not_bounded_as_the_schema_says_are_refused",
)
_REFUSALS = _of("test_private_table", "no_row_is_read_by_a_door_that_refuses", "a_child_pays_from_what_its_parent_reserved")
_LEAKS = _of("test_private_table", "rows_do_not_leak_by_accident", "a_child_pays_from_what_its_parent_reserved")
_SAMPLES = _of(
    "test_private_table", "poisson_samples_are_independent_trials", "persons_enter_a_batch_whole_and_independently"
) + _of(
    "test_rows",
    "all_planned_steps_are_drawn_in_one_pass",
    "samples_of_streamed_rows_are_independent_trials_of_every_row_in_every_step",
)
_AGAINST = "dpdsyn/test_against_faults.py"
_CHECK = "dpdsyn.candidates:Independent"

FAULTS: tuple[Fault, ...] = (
    fault(
        "marginals have half the noise that is charged for",
        _TABLE,
        "rounded_gaussian(sigma * most, counts.size",
        "rounded_gaussian(sigma * most / 2, counts.size",
        *_MARGINALS,
        check=_CHECK,
    ),
    Fault(
        "marginals that are asked together share one draw where their shapes are equal",
        (
            Edit(_TABLE, "        most = self.__rows.most\n", "        most, drawn = self.__rows.most, {}\n"),
            Edit(
                _TABLE,
                "rounded_gaussian(sigma * most, counts.size, self.__rng)",
                "drawn.setdefault(counts.shape, rounded_gaussian(sigma * most, counts.size, self.__rng))",
            ),
        ),
        (*_MARGINALS, f"{_AGAINST}::test_no_two_answers_share_their_noise"),
        _CHECK,
    ),
    fault(
        "the noise of sums is not multiplied by the clip",
        _TABLE,
        "self.__noisy(total / self.__rows.most, clip, sigma * clip)",
        "self.__noisy(total / self.__rows.most, clip, sigma)",
        *_SUMS,
        check=_CHECK,
    ),
    fault(
        "sums and scores have no noise for rounding and floating point",
        _TABLE,
        "rounded_gaussian(sigma * (1 + _SLACK) / grid.step",
        "rounded_gaussian(sigma / grid.step",
        *_SUMS,
    ),
    fault(
        "choices have no allowance for floating point",
        _TABLE,
        "(2 * sensitivity * (1 + _SLACK))",
        "(2 * sensitivity)",
        *_CHOICES,
        f"{_AGAINST}::test_choices_are_flatter_by_what_floating_point_may_move",
    ),
    fault(
        "sums are cast to single precision before they are put on the grid",
        _TABLE,
        "(grid.steps(exact) + rounded",
        "(grid.steps(exact.astype(np.float32)) + rounded",
        *_SUMS,
        f"{_AGAINST}::test_sums_of_many_rows_are_as_exact_as_their_grid",
    ),
    fault(
        "the pieces of a sum are rounded each by itself, which no noise pays for",
        _TABLE,
        "total = np.sum(pieces, axis=0)",
        "total = sum(np.rint(piece * 2.0**15) for piece in pieces) * 2.0**-15",
        *_SUMS,
        f"{_AGAINST}::test_sums_of_many_rows_are_as_exact_as_their_grid",
    ),
    fault(
        "the grid of sums follows the sum",
        _TABLE,
        "grid = Grid.of(sensitivity, exact.size)",
        "grid = Grid.of(max(sensitivity, float(np.abs(exact).max())), exact.size)",
        *_SUMS,
    ),
    fault(
        "the grid is a hundred times as coarse as noise pays for",
        _TABLE,
        "2.0 ** math.floor(math.log2(sensitivity * _STEP / math.sqrt(max(1, answers))))",
        "2.0 ** math.floor(math.log2(128 * sensitivity * _STEP / math.sqrt(max(1, answers))))",
        *_SUMS,
    ),
    fault(
        "persons: the noise of marginals is for one row of a person",
        _TABLE,
        "rounded_gaussian(sigma * most, counts.size",
        "rounded_gaussian(sigma, counts.size",
        *_PERSONS,
        f"{_AGAINST}::test_persons_of_several_rows_have_the_noise_that_is_charged_for",
    ),
    fault(
        "persons: rows weigh 1 instead of 1/k in marginals",
        _TABLE,
        "self.__rng).reshape(counts.shape)) / most",
        "self.__rng).reshape(counts.shape) / most)",
        *_PERSONS,
    ),
    fault(
        "persons: rows weigh 1 instead of 1/k in sums",
        _TABLE,
        "self.__noisy(total / self.__rows.most, clip, sigma * clip)",
        "self.__noisy(total, clip, sigma * clip)",
        *_PERSONS,
    ),
    fault(
        "persons: rows weigh 1 instead of 1/k in scores",
        _TABLE,
        "score(counts / most, query)",
        "score(counts / 1, query)",
        *_PERSONS,
    ),
    fault(
        "persons: rows are sampled instead of persons",
        _ROWS,
        "        if self._ends is None:\n            return self._encoded[poisson",
        "        if True:\n            return self._encoded[poisson",
        *_PERSONS,
    ),
    fault(
        "persons: more rows of one person than are charged for are let in",
        _ROWS,
        "if counts.max(initial=0) > most:",
        "if counts.max(initial=0) > 10 * most:",
        *_PERSONS,
    ),
    fault(
        "choices without the factor 2",
        _TABLE,
        "epsilon / (2 * sensitivity * (1 + _SLACK))",
        "epsilon / (sensitivity * (1 + _SLACK))",
        *_CHOICES,
        check=_CHECK,
    ),
    fault(
        "choices with a tenth more epsilon than is charged",
        _TABLE,
        "epsilon / (2 * sensitivity * (1 + _SLACK))",
        "1.1 * epsilon / (2 * sensitivity * (1 + _SLACK))",
        *_CHOICES,
        check=_CHECK,
    ),
    fault(
        "scores charge sigma, not sigma over the sensitivity",
        _TABLE,
        "self.ledger.charge(Gaussian(sigma / l2_sensitivity)",
        "self.ledger.charge(Gaussian(sigma)",
        *_CHOICES,
        check=_CHECK,
    ),
    fault(
        "marginals charge for the first query only",
        _TABLE,
        "total = sum(Gaussian(sigma).rho for sigma in sigmas)",
        "total = Gaussian(sigmas[0]).rho",
        *_MARGINALS,
        check=_CHECK,
    ),
    fault(
        "marginals are counted before they are charged for",
        _TABLE,
        "        if queries:\n            total = sum",
        "        list(self.__counts(queries))\n        if queries:\n            total = sum",
        *_REFUSALS,
    ),
    fault(
        "a batch is drawn and summed before it is charged for",
        _TABLE,
        "self.ledger.charge(spend, label)\n",
        "f(self.__rows.together(), clip)\n        self.ledger.charge(spend, label)\n",
        *_REFUSALS,
    ),
    fault(
        "sums are not charged after the first hundred steps",
        _TABLE,
        "self.ledger.charge(spend, label)\n",
        "self._steps = getattr(self, '_steps', 0) + 1\n        if self._steps <= 100:\n"
        "            self.ledger.charge(spend, label)\n",
        *_SUMS,
        check=_CHECK,
    ),
    fault(
        "sums need not be finite",
        _TABLE,
        "            if not np.isfinite(total).all():".replace("            ", "        ", 1),
        "        if False:",
        *_SUMS,
    ),
    fault(
        "batches are of fixed size",
        _ROWS,
        "    if rate == 1:\n        return np.arange(rows)\n",
        "    if rate <= 1:\n        return np.sort(rng.choice(rows, round(rate * rows), replace=False))\n",
        *_SAMPLES,
        check=_CHECK,
    ),
    fault(
        "every step has the same batch",
        _ROWS,
        "return self._encoded[poisson_sample(len(self._encoded), rate, rng)]",
        "return self._encoded[poisson_sample(len(self._encoded), rate, np.random.default_rng(0))]",
        *_SAMPLES,
        f"{_AGAINST}::test_no_batch_is_that_of_an_earlier_step",
        check=_CHECK,
    ),
    fault(
        "every step over a file has the same batch",
        _ROWS,
        "return self._batches.pop()",
        "return self._batches[-1]",
        "dpdsyn/test_rows.py",
        check=_CHECK,
    ),
    fault(
        "over a file, a row is in a batch twice as often as is charged for",
        _ROWS,
        "pairs = poisson_sample(len(chunk) * steps, rate, rng)",
        "pairs = poisson_sample(len(chunk) * steps, min(1.0, 2 * rate), rng)",
        "dpdsyn/test_rows.py",
        check=_CHECK,
    ),
    fault(
        "the first row is in no batch, and all others move up by one",
        _ROWS,
        "    last = -1\n",
        "    last = 0\n",
        *_SAMPLES,
        check=_CHECK,
    ),
    fault(
        "a child begins where its parent's noise stands",
        _TABLE,
        "self.schema.select(columns), ledger, apart(self.__rng))",
        "self.schema.select(columns), ledger, __import__('copy').deepcopy(self.__rng))",
        *_REFUSALS,
        f"{_AGAINST}::test_no_two_answers_share_their_noise",
        check=_CHECK,
    ),
    fault(
        "a child draws on its parent's stream in turn",
        _TABLE,
        "self.schema.select(columns), ledger, apart(self.__rng))",
        "self.schema.select(columns), ledger, self.__rng)",
        *_REFUSALS,
        f"{_AGAINST}::test_no_two_answers_share_their_noise",
        check=_CHECK,
        harmless="no two answers share a number, and nobody but the two tables holds the stream",
    ),
    fault(
        "what is reserved for a child is not charged to its parent",
        _TABLE,
        'self.ledger.charge(cap, "reserved for a nested synthesizer")',
        "pass",
        *_REFUSALS,
    ),
    fault(
        "rows given to anybody are not noted in the ledger",
        _TABLE,
        "        self.ledger.expose(why)\n        return self.__rows.together()",
        "        return self.__rows.together()",
        *_LEAKS,
        "dpdsyn/test_synthesizers.py::test_the_method_as_published_has_no_guarantee_because_it_publishes_exact_columns",
        check="dpdsyn.candidates:Permuted",
    ),
    fault(
        "rows given to a library are not noted in the ledger",
        _TABLE,
        "self.ledger.hand_over(promise)",
        "pass",
        *_LEAKS,
        f"{_AGAINST}::test_rows_that_a_library_has_been_given_are_under_its_promise_only",
    ),
    fault(
        "the public number of rows is the true one",
        _TABLE,
        "        self.schema = schema\n",
        "        self.schema = replace(schema, rows_public=max(1, len(rows.together())))\n",
        *_PERSONS,
        "dpdsyn/checking/test_twin.py",
        check="baselines.references:GuideOnly",
    ),
    fault(
        "a table can be pickled, its rows with it",
        _TABLE,
        'raise TypeError("a PrivateTable is not to be pickled: it would carry private rows with it")',
        "return vars(self)",
        *_LEAKS,
    ),
    Fault(
        "persons: a schema for persons is taken with rows that are not bounded",
        (Edit(_TABLE, "if most != rows.most and schema.person is not None:", "if False:"),),
        _PERSONS,
    ),
)
