"""The picture of one run of the benchmark: synthetic rows beside real ones, column by column, and ROC curves of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd

from dpdsyn.schema import Schema
from experiments.page.charts import curves, distribution
from experiments.page.markup import paragraph, section, tag, whole_page
from experiments.page.tallies import readable, tallies

Curve = tuple[np.ndarray, np.ndarray]  # false and true positive rates, each shape (points,), rising from 0 to 1


def run_page(
    title: str, lead: str, schema: Schema, synthetic: pd.DataFrame, real: pd.DataFrame | None, roc: Mapping[str, Curve]
) -> str:
    """The whole file. synthetic, real: decoded rows and rows as they were read; None where real rows are not to be shown.

    roc: curves of models that were tested on real rows, by what they learnt from, two at most; none unless there are two classes.
    """
    rows = readable(synthetic, schema)
    counted = [tallies(schema, rows)]
    tables = [rows]
    if real is not None:
        counted.append([tally.empty() for tally in counted[0]])
        tables.append(readable(real, schema))
    for tallied, table in zip(counted, tables, strict=True):
        for tally in tallied:
            tally.add(table[tally.column.name])
    key = '<p class="key"><i></i>synthetic' + ('<i class="other"></i>real</p>' if real is not None else "</p>")
    head = tag("header", tag("h1", escape(title)) + paragraph(lead) + key, class_="top")
    columns = "".join(distribution(beside) for beside in map(list, zip(*counted, strict=True)))
    parts = [head, *([_roc(roc)] if roc else []), section("Column by column", tag("div", columns, class_="columns"))]
    return whole_page(title, tag("main", "".join(parts)), "run")


def _roc(roc: Mapping[str, Curve]) -> str:
    areas = [f"{name} {_area(curve):.3f}" for name, curve in roc.items()]
    told = paragraph(f"Logistic regression, tested on real rows; area under the curve when trained on {', on '.join(areas)}.")
    drawn = tag("div", curves(list(roc.items()), "false positive rate", "true positive rate"), class_="column")
    return section("ROC", told, tag("div", drawn, class_="columns"))


def _area(curve: Curve) -> float:
    return float(np.trapezoid(curve[1], curve[0]))


def thinned(curve: Sequence[np.ndarray], points: int = 200) -> Curve:
    """The curve at so many points at most, its ends among them."""
    false, true = curve
    if len(false) <= points:
        return false, true
    kept = np.unique(np.linspace(0, len(false) - 1, points).round().astype(int))
    return false[kept], true[kept]
