"""The owner's page: synthetic beside real. It is made of exact private rows and is not for publishing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema
from experiments.page.charts import distribution
from experiments.page.markup import number, paragraph, section, share, table, tag, whole_page
from experiments.page.tallies import Tally, readable

MOST_ROWS = 20_000  # of either table, that pairs and models are compared on
_EVALUATORS = ("boosting", "logistic")
_FEWEST = 8  # real rows that models are trained and tested on
_TEST = 0.25  # of the real rows, that models are tested on
_MOST_CODES = 12  # of a column, in pairs
_MOST_PAIRS = 2000
_WORST = 10
_MOST_LOST = 30
_MARK = "NOT FOR PUBLISHING: this page is made of exact private rows"
_ON_PAPER = (
    f'@page private {{ margin-top: 20mm; @top-center {{ content: "{_MARK}"; color: #b3261e; font: 700 10pt sans-serif; }} }} '
    ".private { page: private; }"
)
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


def first_rows(path: Path, schema: Schema) -> pd.DataFrame:
    """The first rows of a Parquet file that is too large to be read whole."""
    from dpdsyn.parquet import pieces

    return next(iter(pieces(path, schema)), pd.DataFrame({name: [] for name in schema.names}))


def private_page(name: str, schema: Schema, real: pd.DataFrame, synthetic: pd.DataFrame, tallies: Sequence[Tally]) -> str:
    """The whole file. real, synthetic: as they were read and sampled. tallies: of the synthetic columns."""
    rows = readable(real, schema)
    beside = []
    for tally in tallies:
        own = tally.empty()
        own.add(rows[tally.column.name])
        beside.append(own)
    pairs = _pairs(_encoded(real, schema), _encoded(synthetic, schema), schema)
    banner = tag("div", escape(_MARK), class_="banner", role="note")
    low = tag("div", escape(_MARK), class_="banner low", aria_hidden="true")
    parts = [
        tag(
            "header",
            tag("h1", escape(f"{name}: synthetic beside real"))
            + paragraph(
                "For the owner of the private table alone. No guarantee covers this page, nor what is chosen by looking at it.",
                "bad",
            )
            + '<p class="key"><i></i>synthetic<i class="other"></i>real</p>',
            class_="top",
        ),
        section("How good models are", *_models(schema, real, synthetic)),
        section("Numbers", _summary(tallies, beside)),
        section("What is lost", *_lost(tallies, beside)),
        section("Pairs of columns", *_pair_table(pairs)),
        section(
            "Column by column",
            tag("div", "".join(map(distribution, map(list, zip(tallies, beside, strict=True)))), class_="columns"),
        ),
    ]
    return whole_page(
        f"NOT FOR PUBLISHING: {name}", tag("style", _ON_PAPER) + banner + tag("main", "".join(parts)) + low, "private"
    )


def _summary(synthetic: Sequence[Tally], real: Sequence[Tally]) -> str:
    lines = []
    for made, own in zip(synthetic, real, strict=True):
        lines.append(
            [
                made.column.name,
                share(made.part(made.missing)),
                share(own.part(own.missing)),
                made.written(made.mean) if made.is_number and made.rows > made.missing else "",
                own.written(own.mean) if own.is_number and own.rows > own.missing else "",
                f"{_distance(made, own):.3f}",
            ]
        )
    columns = ["column", "missing, synthetic", "real", "mean, synthetic", "real", "distance"]
    return table(
        columns, lines, "Distance: half the sum of differences of the shares below, 0 for equal, 1 for nothing in common"
    )


def _lost(synthetic: Sequence[Tally], real: Sequence[Tally]) -> list[str]:
    """Real values that no synthetic row has, the commonest first, and what lies beyond the synthetic ends."""
    gone: list[tuple[float, str, str]] = []
    for made, own in zip(synthetic, real, strict=True):
        name = own.column.name
        gone += [(own.part(n), name, own.written(value)) for value, n in own.values.items() if not made.values[value]]
        if own.missing and not made.missing:
            gone.append((own.part(own.missing), name, "missing"))
        if own.edges is not None and own.rows > own.missing and made.rows > made.missing:
            if own.lowest < made.lowest:
                gone.append((0.0, name, f"below {made.written(made.lowest)}, down to {own.written(own.lowest)}"))
            if own.highest > made.highest:
                gone.append((0.0, name, f"above {made.written(made.highest)}, up to {own.written(own.highest)}"))
    if not gone:
        return [paragraph("Every real value is in the synthetic table too.")]
    lines = [[name, value, share(part) if part else ""] for part, name, value in sorted(gone, reverse=True)[:_MOST_LOST]]
    more = f", of {len(gone):,} the commonest {_MOST_LOST}" if len(gone) > _MOST_LOST else ""
    told = "What fewer rows have than noise can hide is not published; state categories and bounds that are public to keep more."
    return [paragraph(told), table(["column", "value", "of the real rows"], lines, f"Real values without a synthetic row{more}")]


def _distance(made: Tally, own: Tally) -> float:
    keys = {*made.values, *own.values}
    differences = [made.part(made.values[key]) - own.part(own.values[key]) for key in keys]
    differences += [made.part(float(a)) - own.part(float(b)) for a, b in zip(made.ranges, own.ranges, strict=True)]
    return 0.5 * (sum(map(abs, differences)) + abs(made.part(made.missing) - own.part(own.missing)))


def _encoded(frame: pd.DataFrame, schema: Schema) -> np.ndarray:
    """Codes, shape (rows, columns), a column's many codes merged to few neighbouring ones."""
    columns = []
    for column in schema.columns:
        codes = np.maximum(column.encode(frame[column.name][:MOST_ROWS]), 0)
        columns.append(codes * _MOST_CODES // column.size if column.size > _MOST_CODES else codes)
    return np.stack(columns, axis=1).astype(np.int64)


def _pairs(real: np.ndarray, synthetic: np.ndarray, schema: Schema) -> list[tuple[float, str, str]]:
    """The total variation distance of each pair of columns, the largest first."""
    found = []
    for i, j in list(combinations(range(len(schema.columns)), 2))[:_MOST_PAIRS]:
        shares = [
            np.bincount(rows[:, i] * _MOST_CODES + rows[:, j], minlength=_MOST_CODES**2) / max(len(rows), 1)
            for rows in (real, synthetic)
        ]
        found.append((0.5 * float(np.abs(shares[0] - shares[1]).sum()), schema.names[i], schema.names[j]))
    return sorted(found, reverse=True)


def _pair_table(pairs: Sequence[tuple[float, str, str]]) -> list[str]:
    if not pairs:
        return [paragraph("There is one column.")]
    mean = float(np.mean([distance for distance, _, _ in pairs]))
    lines = [[one, other, f"{distance:.3f}"] for distance, one, other in pairs[:_WORST]]
    return [
        paragraph(
            f"Total variation distance, in the mean over {len(pairs):,} pairs: {mean:.3f}. Columns of many values "
            f"are merged to {_MOST_CODES}."
        ),
        table(["column", "and", "distance"], lines, "The pairs that are furthest from the real ones"),
    ]


def _models(schema: Schema, real: pd.DataFrame, synthetic: pd.DataFrame) -> list[str]:
    """Trained on real and on synthetic rows, tested on the same real ones."""
    from importlib.util import find_spec

    if schema.target is None or find_spec("sklearn") is None:
        return [paragraph("Models need a target and scikit-learn.")]
    scores = _scores(schema, real, synthetic)
    if scores is None:
        return [paragraph("There are too few real rows whose target is known to test models on.")]
    names = list(next(iter(scores["synthetic"].values())))
    shown = [
        name for name in ("accuracy", "balanced_accuracy", "auroc", "log_loss", "r2", "rmse", "mae") if name in names
    ] or names[:4]
    lines = [
        [f"{model}, trained on {rows} rows", *(number(scores[rows][model][name]) for name in shown)]
        for model in scores["synthetic"]
        for rows in ("real", "synthetic")
    ]
    return [
        table(["model", *(name.replace("_", " ") for name in shown)], lines, f"Predicting {schema.target} of held-out real rows"),
        paragraph(
            f"A quarter of the real rows, at most {MOST_ROWS:,} being used, is kept from the models that learn "
            f"from real rows. The "
            "synthetic rows were made of all rows that the release may use, these included.",
            "note",
        ),
    ]


def _scores(schema: Schema, real: pd.DataFrame, synthetic: pd.DataFrame) -> Scores | None:
    import sklearn.ensemble  # noqa: F401  # limits hold for libraries that are loaded already
    from threadpoolctl import threadpool_limits

    from experiments.evaluation.raw.typed_frame import typed
    from experiments.evaluation.raw.utility import raw_utility

    target = str(schema.target)
    chosen = np.random.default_rng(0).permutation(len(real))[:MOST_ROWS]
    rows = typed(real.iloc[chosen], schema, target)
    rows = rows[rows[target].notna()]
    if len(rows) < _FEWEST:
        return None
    first = max(1, round(_TEST * len(rows)))
    test, train = rows[:first].reset_index(drop=True), rows[first:].reset_index(drop=True)
    made = typed(synthetic[:MOST_ROWS], schema, target)
    with threadpool_limits(1):
        return {
            name: raw_utility(learnt, test, schema, target, _EVALUATORS, 1, 0)
            for name, learnt in (("real", train), ("synthetic", made))
        }
