"""A figure of one's own: accuracy against the share of one-way marginals that came out wrong, a dot a method."""

from __future__ import annotations

from matplotlib.figure import Figure

from experiments.report.grouped import View
from experiments.report.over_seeds import mean_of, metric


def draw(view: View, size: float = 4.0) -> Figure:
    """One picture of all methods at their first budget. size: inches of a side, which the YAML file sets."""
    figure = Figure(figsize=(size, size), layout="constrained")
    axes = figure.add_subplot(xlabel="mean 1-way TVD", ylabel="accuracy")
    for group in view.swept.plain.groups:
        error, accuracy = mean_of(group.runs, lambda record: record.fidelity.tvd1), mean_of(group.runs, metric("accuracy"))
        if error is not None and accuracy is not None:
            axes.plot(error, accuracy, "o")
            axes.annotate(group.method.title, (error, accuracy))
    return figure
