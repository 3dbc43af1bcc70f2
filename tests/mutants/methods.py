"""Faults of the guide, of candidates and of the methods beside ours."""

from __future__ import annotations

from mutants.fault import Edit, Fault, fault

_GUIDE = "dpdsyn/guide.py"
_NETWORK = "dpdsyn/guides/network.py"
_METHOD = "dpdsyn/method.py"
_MST = "baselines/mst.py"
_SELECTION = "baselines/marginal/selection.py"
_AIM = "baselines/aim.py"
_GSD = "baselines/private_gsd.py"
_TAB_PE = "baselines/tab_pe.py"
_RAP = "baselines/rap_plus_plus.py"
_GRADIENTS = (
    "dpdsyn/guides/test_network.py::test_no_row_adds_more_than_its_clip",
    "dpdsyn/guides/test_network.py::test_a_row_without_a_finite_gradient_adds_nothing",
    "dpdsyn/guides/test_network.py::test_what_a_row_adds_is_the_same_bit_for_bit_whatever_rows_are_beside_it",
    "dpdsyn/guides/test_network.py::test_clipped_sums_equal_those_of_naive_per_row_gradients",
)
_GUIDE_ONLY = "baselines.references:GuideOnly"
_GUIDED = "dpdsyn.method:GuidedSynthesizer"

FAULTS: tuple[Fault, ...] = (
    Fault(
        "the guide divides by the true size of the batch, which its closure has seen",
        (
            Edit(_GUIDE, "        def gradient_sum(", "        sizes: list[int] = []\n\n        def gradient_sum("),
            Edit(
                _GUIDE,
                '            with np.errstate(all="ignore"):  # a warning',
                '            sizes.append(len(batch))\n            with np.errstate(all="ignore"):  # a warning',
            ),
            Edit(_GUIDE, "noisy / expected", "noisy / max(1, sizes[-1])"),
        ),
        ("dpdsyn/test_contract.py::test_every_method_keeps_the_contract[guide_only]",),
        _GUIDE_ONLY,
    ),
    fault(
        "the guide clips to twice the norm",
        _NETWORK,
        "np.minimum(1, clip / np.sqrt",
        "np.minimum(1, 2 * clip / np.sqrt",
        *_GRADIENTS,
        check=_GUIDE_ONLY,
    ),
    fault(
        "the norm of a row's gradient forgets the output layer",
        _NETWORK,
        "_squares(back) + _squares(hidden) * _squares(error)",
        "_squares(back)",
        *_GRADIENTS,
        check=_GUIDE_ONLY,
    ),
    fault(
        "the norm of a row's gradient forgets the bias",
        _NETWORK,
        "square = index.shape[1] * _squares(back)",
        "square = (index.shape[1] - 1) * _squares(back)",
        *_GRADIENTS,
        check=_GUIDE_ONLY,
    ),
    fault(
        "rows without a finite gradient are not left out",
        _NETWORK,
        "        if not known.all():\n",
        "        if False:\n",
        *_GRADIENTS,
    ),
    fault(
        "a row's gradient depends on the rows beside it",
        _NETWORK,
        "        scale = np.minimum(1, clip / np.sqrt(square + np.finfo(flat.dtype).tiny))",
        "        scale = np.minimum(1, clip / np.sqrt(np.maximum(square, np.median(square)) + np.finfo(flat.dtype).tiny))",
        *_GRADIENTS,
        check=_GUIDE_ONLY,
    ),
    fault(
        "gradients are summed in single precision",
        _NETWORK,
        "total = np.empty(self.parameters, dtype=flat.dtype)",
        "total = np.empty(self.parameters, dtype=np.float32)",
        *_GRADIENTS,
        check=_GUIDE_ONLY,
    ),
    fault(
        "the guide begins where the rows' first moments point",
        _GUIDE,
        "        velocity, mean = np.zeros_like(flat), np.zeros_like(flat)\n        settings, rate, expected",
        "        flat[0] += private._PrivateTable__rows.together().mean()\n"
        "        velocity, mean = np.zeros_like(flat), np.zeros_like(flat)\n        settings, rate, expected",
        "baselines/test_mechanisms_only.py",
        "dpdsyn/test_contract.py::test_every_method_keeps_the_contract[guide_only]",
        check=_GUIDE_ONLY,
    ),
    fault(
        "the guide charges one step fewer than it takes",
        _GUIDE,
        "return SampledGaussian(self.rate, noise, self.settings.steps)",
        "return SampledGaussian(self.rate, noise, max(1, self.settings.steps - 1))",
        "dpdsyn/test_guide.py::test_one_guide_labels_several_targets_for_one_price",
        check=_GUIDE_ONLY,
    ),
    fault(
        "the source of candidates gets its share and the guide the whole budget",
        _METHOD,
        "else [cap, guide.spend(noise)]",
        "else [guide.spend(noise)]",
        "dpdsyn/test_synthesizers.py::test_the_method_charges_candidates_and_guide_together",
    ),
    fault(
        "the guide is pretrained on the private rows",
        _METHOD,
        "guide.pretrain(self._lesson(rng), rng)",
        "guide.pretrain(private._PrivateTable__rows.together(), rng)",
        "baselines/test_mechanisms_only.py",
        "dpdsyn/test_labels.py::test_a_guide_is_taught_the_sources_rows_labels_included_or_nothing",
        "dpdsyn/test_contract.py::test_every_method_keeps_the_contract[dpdsyn]",
        check=_GUIDED,
    ),
    fault(
        "the guide is told the true number of rows",
        _METHOD,
        "None if count is None else count.rows)",
        "float(len(private._PrivateTable__rows.together())))",
        "baselines/test_mechanisms_only.py",
        "dpdsyn/test_labels.py::test_the_sources_noisy_count_reaches_the_guide_and_no_other_number_does",
    ),
    fault(
        "samples are drawn at a rate that follows the noisy count",
        _GUIDE,
        "private.noisy_sum(gradient_sum, self.rate, noise, settings.clip)",
        "private.noisy_sum(gradient_sum, min(1.0, settings.batch / max(1.0, rows or self.rows_public)), noise, settings.clip)",
        "dpdsyn/test_pretraining.py::test_a_noisy_count_decides_neither_what_is_asked_nor_what_it_costs",
        "dpdsyn/test_contract.py::test_every_method_keeps_the_contract[dpdsyn]",
        check=_GUIDED,
    ),
    fault(
        "a torch module's sum is clipped to twice the norm",
        "dpdsyn/guides/row_gradients.py",
        "(clip / (square + 1e-300).sqrt())",
        "(2 * clip / (square + 1e-300).sqrt())",
        "dpdsyn/guides/test_row_gradients.py",
        "dpdsyn/guides/test_module_guide.py::test_what_the_mechanism_is_given_is_a_sum_of_clipped_vectors",
    ),
    fault(
        "permuted columns are taken without a word to the ledger",
        "dpdsyn/candidates.py",
        'private.unprotected("raw columns are permuted and released")',
        "private._PrivateTable__rows.together()",
        "dpdsyn/test_synthesizers.py::test_the_method_as_published_has_no_guarantee_because_it_publishes_exact_columns",
        "baselines/test_mechanisms_only.py",
        check="dpdsyn.candidates:Permuted",
    ),
    Fault(
        "MST is told the exact number of rows by the score of a choice",
        (
            Edit(_MST, "for m in one_way], total, third)", "for m in one_way], total, third, told := [])"),
            Edit(_MST, "total: float, rho: float) ->", "total: float, rho: float, told: list) ->"),
            Edit(
                _MST,
                "            return float(np.abs(exact - np.outer",
                "            told.append(float(exact.sum()))\n            return float(np.abs(exact - np.outer",
            ),
            Edit(_MST, "one_way + two_way, total, self.iterations)", "one_way + two_way, told[-1], self.iterations)"),
        ),
        ("dpdsyn/test_contract.py::test_every_method_keeps_the_contract[mst]",),
        "baselines.mst:MST",
    ),
    fault(
        "MST states half of its scores' sensitivity",
        _MST,
        "sensitivity=1.0",
        "sensitivity=0.5",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[mst]",
        check="baselines.mst:MST",
    ),
    Fault(
        "AIM is told the exact number of rows by the score of a choice",
        (
            Edit(
                _SELECTION,
                "    epsilon: float,\n) -> Clique:",
                "    epsilon: float,\n    told: list | None = None,\n) -> Clique:",
            ),
            Edit(
                _SELECTION,
                "        clique = clique_of[query]\n",
                "        clique = clique_of[query]\n        if told is not None:\n            told[:] = [float(exact.sum())]\n",
            ),
            Edit(_AIM, "worth, steepness, epsilon)", "worth, steepness, epsilon, self._told())"),
            Edit(
                _AIM,
                "        self.model_, self.steps_ = model,",
                "        del self.told\n        self.model_, self.steps_ = model,",
            ),
            Edit(
                _AIM,
                "    def _fitted(self,",
                "    def _told(self) -> list:\n        self.told = getattr(self, 'told', [])\n"
                "        return self.told\n\n    def _fitted(self,",
            ),
            Edit(
                _AIM,
                "measurements, estimate_total(measurements), self",
                "measurements, *(getattr(self, 'told', None) or [estimate_total(measurements)]), self",
            ),
        ),
        ("dpdsyn/test_contract.py::test_every_method_keeps_the_contract[aim]",),
        "baselines.aim:AIM",
    ),
    fault(
        "AIM states its least score's sensitivity for all",
        _AIM,
        "steepness = max(candidates[c] for c in allowed)",
        "steepness = min(candidates[c] for c in allowed)",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[aim]",
        check="baselines.aim:AIM",
    ),
    fault(
        "PrivSyn states half of its scores' sensitivity",
        "baselines/privsyn.py",
        "sensitivity = _SENSITIVITY * math.sqrt(len(pairs))",
        "sensitivity = _SENSITIVITY / 2 * math.sqrt(len(pairs))",
        "baselines/test_privsyn.py::test_scores_have_the_noise_of_their_sensitivity_and_large_marginals_more_budget",
        check="baselines.privsyn:PrivSyn",
    ),
    fault(
        "distances are told as if they moved one by one",
        "baselines/marginal/measured_model.py",
        "sensitivity = math.sqrt(len(candidates))",
        "sensitivity = 1.0",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[privmrf]",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[privpetal]",
    ),
    fault(
        "GEM states half of its scores' sensitivity",
        "baselines/gem.py",
        "score, sensitivity=1.0, epsilon=epsilon",
        "score, sensitivity=0.5, epsilon=epsilon",
        "baselines/test_gem.py::test_the_score_is_the_largest_error_of_a_cell_and_one_row_moves_it_by_one_at_most",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[gem]",
        check="baselines.gem:GEM",
    ),
    fault(
        "GEM scores a marginal by the squares of its errors",
        "baselines/gem.py",
        "return float(np.abs(exact - mixture.project(clique_of[query])).max())",
        "return float(np.square(exact - mixture.project(clique_of[query])).max())",
        "baselines/test_gem.py::test_the_score_is_the_largest_error_of_a_cell_and_one_row_moves_it_by_one_at_most",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[gem]",
        check="baselines.gem:GEM",
    ),
    fault(
        "MargNet states a tenth of its scores' sensitivity",
        "baselines/margnet.py",
        "_worth(schema.sizes, sigma), 1.0, epsilon)",
        "_worth(schema.sizes, sigma), 0.1, epsilon)",
        "baselines/test_margnet.py::test_scores_are_distances_less_the_noise_of_an_answer",
        "baselines/test_sensitivity.py::test_one_row_moves_no_score_further_than_stated[margnet]",
        check="baselines.margnet:MargNet",
    ),
    fault(
        "DP-MERF states the norm of one part of a row's embedding for both",
        "baselines/dp_merf.py",
        "return math.sqrt(bool(self.numbers) + bool(self.widths))",
        "return 1.0",
        "baselines/test_dp_merf.py::test_the_embedding_is_what_the_paper_says_and_every_row_has_its_norm",
        check="baselines.dp_merf:DPMERF",
    ),
    fault(
        "DP-MERF's random features have twice the squared norm that is stated",
        "baselines/dp_merf.py",
        "np.sin(angles)], axis=1) / math.sqrt(max(1, len(self.frequencies)))",
        "np.sin(angles)], axis=1) / math.sqrt(max(1, len(self.frequencies)) / 2)",
        "baselines/test_dp_merf.py::test_the_embedding_is_what_the_paper_says_and_every_row_has_its_norm",
        check="baselines.dp_merf:DPMERF",
    ),
    Fault(
        "DP-MERF divides by the exact number of rows, which its embedding has seen",
        (
            Edit(
                "baselines/dp_merf.py",
                "        counts = self._counts(private, noise)\n",
                "        counts = self._counts(private, noise)\n        seen: list[int] = []\n",
            ),
            Edit(
                "baselines/dp_merf.py",
                "lambda rows, _: embedding.summed(rows)",
                "lambda rows, _: seen.append(len(rows)) or embedding.summed(rows)",
            ),
            Edit("baselines/dp_merf.py", "rows = max(1.0, float(counts.sum()))", "rows = float(max(1, *seen, 1))"),
        ),
        ("dpdsyn/test_contract.py::test_every_method_keeps_the_contract[dp_merf]",),
        "baselines.dp_merf:DPMERF",
    ),
    fault(
        "Private-GSD divides its noise by the number of marginals, not by its root",
        _GSD,
        "noise * math.sqrt(len(cliques))",
        "noise / math.sqrt(len(cliques))",
        "baselines/test_private_gsd.py::test_all_is_measured_at_once_with_one_gaussian",
        check="baselines.private_gsd:PrivateGSD",
    ),
    fault(
        "Private-GSD forgets that the row itself counts in the cells that it changes",
        _GSD,
        "2 * (self.lacks[old] - self.lacks[new]) + 2, 0.0)",
        "2 * (self.lacks[old] - self.lacks[new]), 0.0)",
        "baselines/test_private_gsd.py::test_what_a_candidate_does_is_as_counted_anew_and_the_best_is_taken",
    ),
    fault(
        "Private-GSD takes two rows that swap their cells for two that leave them",
        _GSD,
        "moves = np.where(swapped, 0.0, moves[:half] + moves[half:])",
        "moves = moves[:half] + moves[half:]",
        "baselines/test_private_gsd.py::test_what_a_candidate_does_is_as_counted_anew_and_the_best_is_taken",
    ),
    fault(
        "Tab-PE lets a row vote twice",
        _TAB_PE,
        "return votes * clip",
        "return votes * 2 * clip",
        "baselines/test_tab_pe.py::test_one_row_moves_the_votes_by_one_whatever_rows_are_beside_it",
        check="baselines.tab_pe:TabPE",
    ),
    fault(
        "Tab-PE's distances are fractions, whose sums depend on the rows beside a row",
        _TAB_PE,
        "np.rint(table * unit).astype(np.float32)",
        "table.astype(np.float32)",
        "baselines/test_tab_pe.py::test_distances_are_whole_numbers_that_single_precision_adds_exactly",
    ),
    fault(
        "Tab-PE's rows vote for candidates of any class",
        _TAB_PE,
        "batch if self._target is None else batch[batch[:, self._target] == one]",
        "batch",
        "baselines/test_tab_pe.py::test_one_row_moves_the_votes_by_one_whatever_rows_are_beside_it",
        check="baselines.tab_pe:TabPE",
    ),
    fault(
        "RAP++ spends a round's share on each of its choices",
        _RAP,
        "epsilon = math.sqrt(8 * budget / self.chosen)",
        "epsilon = math.sqrt(8 * budget)",
        "baselines/test_rap_plus_plus.py::test_every_share_of_the_budget_is_spent_as_told",
        check="baselines.rap_plus_plus:RAPPlusPlus",
    ),
    fault(
        "RAP++ understates how far a row moves the error of a threshold",
        _RAP,
        "np.abs(threshold.of(exact) - expected[threshold]).sum())",
        "np.abs(2 * threshold.of(exact) - expected[threshold]).sum())",
        "baselines/test_rap_plus_plus.py::test_errors_that_choices_are_made_by_move_by_one_with_a_row",
        check="baselines.rap_plus_plus:RAPPlusPlus",
    ),
    fault(
        "RAP++ lets a row that is above all thresholds add more than the clip",
        _RAP,
        "np.stack(counts) * (clip / math.sqrt(len(counts)))",
        "np.stack(counts) * clip",
        "baselines/test_rap_plus_plus.py::test_one_row_moves_the_counts_by_no_more_than_the_clip",
        check="baselines.rap_plus_plus:RAPPlusPlus",
    ),
)
