"""Faults of how a table is read, bounded, refused, encoded and released."""

from __future__ import annotations

from mutants.fault import Edit, Fault, fault

_API = "dpdsyn/api.py"
_PREFLIGHT = """\
        if preflight:
            report = held_against(table, public)
            for words in report.cautions:
                warnings.warn(words, PreflightWarning, stacklevel=2)
            for words in report.broken_rules:
                warnings.warn(words, BrokenRuleWarning, stacklevel=2)
"""
_BOUNDING = "dpdsyn/mechanisms/contribution_bounding.py"
_PERSONS = ("dpdsyn/mechanisms/test_contribution_bounding.py",)
_CELLS = ("dpdsyn/reading/test_cells.py", "dpdsyn/test_schema.py")
_AGAINST = "dpdsyn/test_against_faults.py"

FAULTS: tuple[Fault, ...] = (
    fault(
        "an id that lost its last digits names somebody",
        "dpdsyn/mechanisms/persons.py",
        "None if lossy(value, digits) else ",
        "",
        "dpdsyn/mechanisms/test_persons.py",
    ),
    fault(
        "a dictionary of Arrow's is read with what no cell of it says",
        "dpdsyn/reading/cells.py",
        "        cells = _without_dictionary(cells, cells.dtype.pyarrow_dtype)",
        "        pass",
        "dpdsyn/reading/test_cells.py",
    ),
    fault(
        "bounding keeps each person's first rows",
        _BOUNDING,
        "order = np.lexsort((found[:, 1], found[:, 0], places))",
        'order = np.argsort(places, kind="stable")',
        *_PERSONS,
    ),
    fault(
        "rows are chosen before those to be dropped are dropped",
        _BOUNDING,
        "    encoded, used = encoded[persons[kept] >= 0], kept & (persons >= 0)\n",
        "    told = pd.util.hash_pandas_object(frame.astype(str), index=False)\n"
        '    early = (told.groupby(persons).rank(method="first") <= (schema.max_rows_per_person or 1)).to_numpy()\n'
        "    encoded, used = encoded[(early & (persons >= 0))[kept]], kept & early & (persons >= 0)\n",
        *_PERSONS,
    ),
    fault(
        "which rows are kept does not depend on the key",
        _BOUNDING,
        "places], codes])), key)",
        "places], codes])), bytes(16))",
        *_PERSONS,
    ),
    fault(
        "one row more than stated is kept of each person",
        _BOUNDING,
        "chosen[rows[order[ranks < most]]] = True",
        "chosen[rows[order[ranks <= most]]] = True",
        *_PERSONS,
    ),
    fault(
        "a person who is written in two ways is two",
        "dpdsyn/mechanisms/persons.py",
        'unicodedata.normalize("NFC", canonical(value))',
        "str(value)",
        *_PERSONS,
    ),
    fault(
        "cells that are equal in Python are read as one, whatever they say",
        "dpdsyn/reading/cells.py",
        "    if _one_equality(cells):",
        "    if True:",
        *_CELLS,
    ),
    fault(
        "a column of text and numbers is read as text if its first cell is one",
        "dpdsyn/reading/cells.py",
        "    return len(kinds) <= 1\n",
        "    return len(kinds) <= 1 or type(cells[0]) is str\n",
        *_CELLS,
    ),
    fault(
        "bins run from the least to the greatest number of the rows",
        "dpdsyn/reading/column.py",
        "            codes = np.clip(np.searchsorted(self.edges, found.values,",
        "            seen = found.values[np.isfinite(found.values)]\n"
        "            edges = np.linspace(seen.min(), seen.max() + 1, self.bins + 1) if len(seen) else self.edges\n"
        "            codes = np.clip(np.searchsorted(edges, found.values,",
        *_CELLS,
    ),
    fault(
        "a cell that contradicts its schema stops a fit without preflight",
        "dpdsyn/reading/column.py",
        "        return self.settled(self.read(cells))\n",
        "        codes = self.read(cells)\n        if (codes == UNREADABLE).any():\n"
        '            raise SchemaError(f"column {self.name!r} has a cell that cannot be read")\n'
        "        return self.settled(codes)\n",
        "dpdsyn/reading/test_cells.py",
        "dpdsyn/test_api.py",
    ),
    fault(
        "categories that nobody declared are published",
        "dpdsyn/synthesizer.py",
        "        encoded[undeclared, position] = rng.choice(",
        "        rng.choice(",
        "dpdsyn/test_synthesizers.py::test_undeclared_categories_are_never_published",
        check="dpdsyn.candidates:Independent",
    ),
    Fault(
        "the preflight looks at the rows after the budget was spent",
        (
            Edit(_API, f"{_PREFLIGHT}        ledger", "        ledger"),
            Edit(
                _API,
                '        closed, seeded = fitted["schema_"]',
                f'{_PREFLIGHT}        closed, seeded = fitted["schema_"]',
            ),
        ),
        ("dpdsyn/tables/test_preflight.py", f"{_AGAINST}::test_a_table_that_is_refused_has_spent_nothing"),
    ),
    Fault(
        "the command holds the rows against the schema after the fit",
        (
            Edit(
                "experiments/cli/synthesize.py",
                "    if request.preflight:\n"
                "        held_against(request.table, table, schema, request.reading, request.show_cells)\n",
                "",
            ),
            Edit(
                "experiments/cli/synthesize.py",
                "        if request.private_page is None:\n            del table\n",
                "        if request.preflight:\n"
                "            held_against(request.table, table, schema, request.reading, request.show_cells)\n"
                "        if request.private_page is None:\n            del table\n",
            ),
        ),
        (f"{_AGAINST}::test_a_file_that_is_refused_has_spent_nothing",),
    ),
    fault(
        "messages of the preflight quote cells that nobody asked for",
        "dpdsyn/tables/preflight.py",
        'named = self.cell if show_cells else "a cell"',
        "named = self.cell",
        "dpdsyn/tables/test_preflight.py",
    ),
    fault(
        "the mark of a draft is ignored by tables",
        "dpdsyn/private_table.py",
        "        if schema.drafted:\n",
        "        if False:\n",
        "dpdsyn/test_api.py::test_the_guarantee_says_what_was_spent_and_on_whom",
    ),
    fault(
        "marks of what was read off the rows are ignored in a file",
        "dpdsyn/schema.py",
        "drafted=schema.drafted or bool(marked_lines(path))",
        "drafted=schema.drafted",
        "dpdsyn/test_schema.py",
    ),
    fault(
        "the command takes a draft without being told to",
        "experiments/cli/synthesize.py",
        "if schema.drafted and not request.draft:",
        "if False:",
        "experiments/cli/test_synthesize.py::test_a_draft_is_refused_unless_it_is_meant",
    ),
    fault(
        "kinds that were guessed from cells are taken without their owner's word",
        "dpdsyn/tables/stated.py",
        "if schema.kinds_inferred and not confirmed:",
        "if False:",
        "dpdsyn/test_api_open.py::test_guessed_kinds_are_refused_until_they_are_confirmed",
    ),
    fault(
        "the guarantee does not say that it takes guessed kinds as public",
        _API,
        "assumptions=taken, ",
        "assumptions=(), ",
        "dpdsyn/test_api_open.py::test_the_guarantee_says_what_learning_cost_what_came_of_it_and_what_is_assumed",
    ),
    fault(
        "a draft guesses kinds and does not say so",
        "dpdsyn/tables/open_draft.py",
        "inferred = [name for name, kind in used.items() if kind.inferred]",
        "inferred: list[str] = []",
        "dpdsyn/tables/test_open_draft.py",
    ),
    fault(
        "what is told of a column is read off another schema than the one that was learnt",
        _API,
        "learnt=told(public, closed))",
        "learnt=told(public, public))",
        "dpdsyn/test_api_open.py::test_the_guarantee_says_what_learning_cost_what_came_of_it_and_what_is_assumed",
    ),
    fault(
        "a saved model holds its seed",
        _API,
        'if key not in ("random_state", "guide")}',
        'if key != "guide"}',
        "dpdsyn/test_api.py::test_a_saved_model_samples_the_same_distribution",
    ),
)
