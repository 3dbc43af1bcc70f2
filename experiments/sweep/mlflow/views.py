"""Views that MLflow opens on: for each data set of an experiment the charts and columns that compare its methods.

MLflow keeps a saved view as a tag of its experiment, `mlflow.sharedViewState.<id>`, and opens it at `viewStateShareKey=<id>`; the
menu *Saved views* of a runs page lists all of them. It reads a view as its own pages write one (`ExperimentPageUIState` and
`savedViewEnvelope` in its source, 3.17); versions before know the address and not the menu. A page takes at most a hundred runs
at once, so where a data set has more the first seeds of every method come first, and not the best runs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

PREFIX = "mlflow.sharedViewState."
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",  # pages of training runs, and not of conversations
    "mlflow.experiment.primaryMetric.name": "accuracy",
    "mlflow.experiment.primaryMetric.greaterIsBetter": "true",
}
CHARTED = ("accuracy", "r2", "offtask_accuracy", "auroc", "log_loss", "tvd2")
_PAGE = 100  # runs that MLflow's page takes at once
_COLUMNS = (
    "params.`method`",
    "params.`epsilon`",
    "params.`seed`",
    "metrics.`accuracy`",
    "metrics.`auroc`",
    "metrics.`log_loss`",
    "metrics.`tvd2`",
    "metrics.`total_seconds`",
    "metrics.`epsilon_spent`",
    "params.`guarantee`",
    "tags.`error`",
)


@dataclass(frozen=True)
class Shown:
    """One run, as far as views depend on it. number: whether a number is predicted; offtask: another column than the target.

    metrics: those that are charted.
    """

    dataset: str
    method: str
    epsilon: str
    variant: str = ""
    number: bool = False
    offtask: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)


def view_id(dataset: str) -> str:
    """Of a data set's view, in addresses and tags."""
    return "dpdsyn-" + hashlib.sha256(dataset.encode()).hexdigest()[:8]


def view_tags(runs: Iterable[Shown], now: int, before: Mapping[str, str]) -> dict[str, str]:
    """The tags of an experiment's views that differ from those it has; the data set with most runs heads the menu.

    now: milliseconds since 1970. before: tags that the experiment has.
    """
    by_dataset: dict[str, list[Shown]] = {}
    for run in runs:
        by_dataset.setdefault(run.dataset, []).append(run)
    found = {}
    for place, (dataset, own) in enumerate(sorted(by_dataset.items(), key=lambda item: (-len(item[1]), item[0]))):
        state = json.dumps(_state(dataset, own), separators=(",", ":"))
        key = PREFIX + view_id(dataset)
        if _state_of(before.get(key, "")) != state:
            made = now - place  # the menu shows the newest first
            found[key] = json.dumps({"name": f"Methods on {dataset}", "createdAt": made, "updatedAt": made, "state": state})
    return found


def address(experiment_id: str, key: str) -> str:
    """Of a view, from the server's root on."""
    query = f"viewStateShareKey={quote(key)}&compareRunsMode=CHART&workflowType=machine_learning"
    return f"/#/experiments/{experiment_id}/runs?{query}"


def best_view(tags: Mapping[str, str]) -> str | None:
    """The id of the view that heads an experiment's menu, if it has one of ours."""
    ours = {key.removeprefix(PREFIX): value for key, value in tags.items() if key.startswith(PREFIX + "dpdsyn-")}
    return max(ours, key=lambda key: json.loads(ours[key])["createdAt"], default=None)


def _state_of(envelope: str) -> str | None:
    try:
        return json.loads(envelope)["state"]
    except (ValueError, KeyError, TypeError):
        return None


def _state(dataset: str, runs: list[Shown]) -> dict[str, Any]:
    """Filter, order, columns and charts of one data set."""
    methods = {run.method for run in runs}
    keys = ["method", *(["variant"] if len({(run.method, run.variant) for run in runs}) > len(methods) else [])]
    few = len(runs) <= _PAGE
    score, over_epsilon = _score(runs), len({run.epsilon for run in runs}) > 1
    columns = [*_COLUMNS]
    columns[3] = f"metrics.`{score}`"
    columns[1:1] = [f"params.`{key}`" for key in keys[1:]]
    return {
        "searchFilter": "tags.dataset = '{}'".format(dataset.replace("'", "")),
        "orderByKey": f"metrics.`{score}`" if few else "params.`seed`",
        "orderByAsc": not few,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": list(dict.fromkeys(columns)),
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "SHOW_ALL",
        "viewMaximized": True,
        "runListHidden": False,
        "groupBy": {
            "aggregateFunction": "average",
            "groupByKeys": [{"mode": "param", "groupByData": key} for key in keys],
        },
        "groupsExpanded": {f"param.method.{method}": False for method in sorted(methods)},
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "autoRefreshEnabled": True,
        "isAccordionReordered": True,
        "compareRunSections": [
            {
                "uuid": "comparison",
                "name": f"{dataset}: means by method",
                "display": True,
                "isReordered": True,
                "deleted": False,
                "columns": 3,
                "cardHeight": 360,
            }
        ],
        "compareRunCharts": _charts(score, over_epsilon, runs),
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }


def _score(runs: list[Shown]) -> str:
    if all(run.number for run in runs):
        return "r2"
    return "offtask_accuracy" if all(run.offtask for run in runs) else "accuracy"


def _charts(score: str, over_epsilon: bool, runs: list[Shown]) -> list[dict[str, Any]]:
    words = {"accuracy": "Accuracy", "r2": "R2", "offtask_accuracy": "Off-task accuracy"}[score]
    against = [(score, words), ("auroc", "AUROC"), ("log_loss", "Log loss"), ("tvd2", "Mean 2-way TVD")]
    charts = [_line(key, f"{title} against epsilon", runs) if over_epsilon else _bar(key, title) for key, title in against]
    charts.insert(1, _scatter("total_seconds", score, f"{words} against seconds of fit and sample"))
    return [
        *charts,
        _bar("total_seconds", "Seconds of fit and sample"),
        *([_bar(score, f"{words}, mean")] if over_epsilon else []),
    ]


def _card(kind: str, key: str, title: str) -> dict[str, Any]:
    return {
        "uuid": f"{kind.lower()}-{key}",
        "type": kind,
        "runsCountToCompare": _PAGE,
        "metricSectionId": "comparison",
        "deleted": False,
        "isGenerated": False,
        "displayName": title,
    }


def _bar(key: str, title: str) -> dict[str, Any]:
    return {**_card("BAR", key, title), "metricKey": key}


def _scatter(across: str, up: str, title: str) -> dict[str, Any]:
    axes = {"xaxis": across, "yaxis": up}
    return _card("SCATTER", up, title) | {
        name: {"key": key, "type": "METRIC", "dataAccessKey": key} for name, key in axes.items()
    }


def _line(key: str, title: str, runs: list[Shown]) -> dict[str, Any]:
    """A metric over the metric `epsilon`, which each run has once: a group's points are the means at its budgets."""
    return {
        **_card("LINE", key, title),
        "metricKey": key,
        "selectedMetricKeys": [key],
        "xAxisKey": "metric",
        "selectedXAxisMetricKey": "epsilon",
        "xAxisScaleType": "log",
        "scaleType": "linear",
        "useGlobalXaxisKey": False,
        "useGlobalLineSmoothing": False,
        "lineSmoothness": 0,
        "displayPoints": True,
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "ignoreOutliers": False,
        "range": _range(key, runs),
    }


def _range(key: str, runs: list[Shown]) -> dict[str, float]:
    """What the axes of a line reach from and to; MLflow's own begin at zero, where accuracies lie on top of one another."""
    across = [float(run.epsilon) for run in runs]
    up = [run.metrics[key] for run in runs if key in run.metrics]
    if not up:
        return {}
    least, most = math.floor(min(up) * 20) / 20, math.ceil(max(up) * 20) / 20
    return {"xMin": 0.0, "xMax": max(across) * 1.05, "yMin": least, "yMax": most if most > least else least + 0.05}
