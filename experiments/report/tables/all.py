"""Tables from records alone: means over seeds, what failed left visible."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from dpdsyn.files import write_whole
from experiments.records.record import METRICS, Record
from experiments.report.comparison import comparison_tables, rank_tables, share_of_real
from experiments.report.labels import Group, grouped, judged_alike, labelled, plain
from experiments.report.roles import YARDSTICK, badge, is_baseline, remarks
from experiments.report.tables.efficiency import efficiency_tables, scale_tables
from experiments.report.tables.headline import headline_tables
from experiments.report.tables.leaderboard import (
    BESIDE_OTHERS,
    accuracy_leaderboards,
    bounded,
    seconds_of,
    time_leaderboards,
    times_as_long,
)
from experiments.report.tables.overview import overview_tables
from experiments.report.tables.runs import run_tables
from experiments.report.tables.table import Table, as_csv, counted, latex, markdown

Budgets = dict[float, list[Record]]


def accuracy_tables(records: Iterable[Record]) -> list[Table]:
    """One table for each data set and budget, best accuracy first."""
    records = list(records)
    groups = judged_alike(grouped(records))
    columns = [
        "method",
        "guarantee",
        "epsilon spent",
        "seeds",
        "accuracy",
        "of real",
        "best evaluator",
        *METRICS[1:],
        "label share",
        "tvd1",
        "tvd2",
    ]

    def row(key: Group, method: str, group: list[Record]) -> list[str]:
        spent, share = _values(group, "epsilon_spent"), share_of_real(groups, key, method)
        return [
            method,
            badge(method, group),
            f"{max(spent):.3f}" if spent else "-",
            counted(group),
            _mean(_values(group, "accuracy"), 3),
            "-" if share is None else f"{share:.1%}",
            *(_mean(_values(group, name), 3) for name in ("accuracy_best", *METRICS[1:], "positive_rate", "tvd1", "tvd2")),
        ]

    def ceiling(group: list[Record]) -> list[list[str]]:
        known = [record.dataset.ceiling for record in group if record.dataset.ceiling is not None]
        best = ["best possible", "-", "-", "-", _mean(known[:1], 3), "-", _mean(known[:1], 3)]
        return [best + ["-"] * (len(columns) - len(best))] if known else []

    return _by_group(records, "accuracy", columns, row, lambda group: -(_average(group, "accuracy") or -1.0), ceiling)


def time_tables(records: Iterable[Record]) -> list[Table]:
    """One table for each data set and budget, quickest first; medians over seeds."""
    records = [record for record in records if not record.evaluation.column]  # off-task cells judge fits anew
    columns = ["method", "seeds", "fit s", "sample s", "total s", f"total / {YARDSTICK}", "peak MB"]
    groups = grouped(records)
    baselines = {method for (_, method), group in groups.items() if is_baseline(method, group)}

    def row(key: Group, method: str, group: list[Record]) -> list[str]:
        seconds, bound = seconds_of(group)
        ratio = times_as_long(group, groups.get((key, YARDSTICK), [])) if method in baselines else ""
        parts = [_number(_median(group, f"{part}_seconds"), 3) for part in ("fit", "sample")]
        total = "-" if seconds is None else bounded(seconds, bound, 3)
        return [method, counted(group), *parts, total, ratio or "-", _number(_median(group, "peak_memory_mb"), 0)]

    return _by_group(
        records,
        "synthesis time",
        columns,
        row,
        lambda group: seconds_of(group)[0] or float("inf"),
        notes=[f"The ratio is over the seeds that both have. {BESIDE_OTHERS}"],
    )


def settings_tables(records: Iterable[Record]) -> list[Table]:
    """For each data set and method that ran with several settings, a row for each setting, best accuracy first.

    At each epsilon only those seeds count that every setting ran with, so that all stand on the same splits.
    """
    alike: dict[tuple[str, str, float, float], dict[str, dict[int, Record]]] = defaultdict(dict)
    for (dataset, epsilon, delta), method, record in labelled(records):
        alike[dataset, record.method.name, delta, epsilon].setdefault(method, {})[record.seed] = record
    kinds: dict[tuple[str, str, float], dict[str, Budgets]] = defaultdict(dict)
    for (dataset, name, delta, epsilon), settings in alike.items():
        seeds = set.intersection(*map(set, settings.values()))
        if len(settings) < 2 or not seeds:
            continue
        for method, by_seed in settings.items():
            kinds[dataset, name, delta].setdefault(method, {})[epsilon] = [by_seed[seed] for seed in sorted(seeds)]
    return [_settings_table(*key, rows) for key, rows in sorted(kinds.items())]


def _settings_table(dataset: str, name: str, delta: float, rows: dict[str, Budgets]) -> Table:
    epsilons = sorted({epsilon for budgets in rows.values() for epsilon in budgets})
    every = [record for budgets in rows.values() for group in budgets.values() for record in group]
    measures = [measure for measure in ("accuracy", "auroc", "positive_rate", "tvd2") if _values(every, measure)]

    def rank(method: str) -> tuple[float, str]:
        return -fmean(_average(group, "accuracy") or 0.0 for group in rows[method].values()), method

    def line(method: str) -> list[str]:
        groups = [rows[method].get(epsilon, []) for epsilon in epsilons]
        seeds = sorted({counted(group) for group in groups if group})
        cells = [_mean(_values(group, measure), 3) for measure in measures for group in groups]
        return [method.removeprefix(name).strip(" ()") or "default", " / ".join(seeds), *cells]

    return Table(
        title=f"{dataset}, delta {delta:g}: settings of {name}",
        columns=["settings", "seeds", *(f"{_titled(measure)} at {e:g}" for measure in measures for e in epsilons)],
        rows=[line(method) for method in sorted(rows, key=rank)],
        notes=remarks(every),
    )


def _titled(measure: str) -> str:
    return measure.replace("_", " ")


_OF_A_SWEEP = ("accuracy", "time", "settings", "efficiency", "scale")  # what stands on the screen after it


def render(records: Iterable[Record]) -> str:
    """What a sweep shows of its own records, as Markdown."""
    made = _all(records)
    return "\n".join(markdown(table) for kind in _OF_A_SWEEP for table in made[kind])


def first_screen(records: Iterable[Record]) -> str:
    """The claims and the main tables, as Markdown."""
    made = _all(records)
    return "\n".join(markdown(table) for kind in ("headline", "leaderboard") for table in made[kind])


def _all(records: Iterable[Record]) -> dict[str, list[Table]]:
    everything = list(records)
    alone = [record for record in everything if record.alone]
    records = [record for record in everything if not record.alone]
    usual = plain(records)
    return {
        "headline": headline_tables(everything),
        "leaderboard": accuracy_leaderboards(records),
        "synthesis_time": time_leaderboards(records),
        "comparison": comparison_tables(records),
        "ranks": rank_tables(records),
        "accuracy": accuracy_tables(usual),
        "time": time_tables(usual),
        "overview": overview_tables(usual),
        "settings": settings_tables(records),
        "efficiency": efficiency_tables(alone),
        "scale": scale_tables(alone),
        "runs": run_tables(everything),
    }


def write(records: Iterable[Record], folder: Path) -> list[Path]:
    """Each kind of table that these records make, as Markdown, CSV and LaTeX; gives the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, tables in {**_all(records), "published": published_tables(folder.parent / "published.yaml")}.items():
        texts = {"md": "\n".join(map(markdown, tables)), "csv": as_csv(tables), "tex": latex(tables)}
        for ending, text in texts.items():
            path = folder / f"{name}.{ending}"
            if not tables:
                path.unlink(missing_ok=True)
                continue
            write_whole(path, text.encode())
            paths.append(path)
    return paths


def published_tables(path: Path) -> list[Table]:
    """What others published, if the results folder has such a list."""
    import yaml

    if not path.exists():
        return []
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    note = "Other columns, bins, splits and models than ours: to compare with, never mixed in."
    return [
        Table("What others published", ["what", "value", "source"], [[*map(str, entry.values())] for entry in entries], [note])
    ]


def _by_group(
    records: Iterable[Record],
    what: str,
    columns: list[str],
    row: Callable[[Group, str, list[Record]], list[str]],
    rank: Callable[[list[Record]], float],
    first: Callable[[list[Record]], list[list[str]]] = lambda group: [],
    notes: Sequence[str] = (),
) -> list[Table]:
    tables: dict[Group, list[tuple[float, str, list[Record]]]] = defaultdict(list)
    for (key, method), group in grouped(records).items():
        tables[key].append((rank(group), method, group))
    result = []
    for dataset, epsilon, delta in sorted(tables):
        entries = sorted(tables[dataset, epsilon, delta], key=lambda entry: entry[:2])
        together = [record for _, _, group in entries for record in group]
        result.append(
            Table(
                title=f"{dataset}, epsilon {epsilon:g}, delta {delta:g}: {what}",
                columns=columns,
                rows=first(together) + [row((dataset, epsilon, delta), method, group) for _, method, group in entries],
                notes=[*_notes(together), *notes],
            )
        )
    return result


def _notes(records: list[Record]) -> list[str]:
    """What is protected, how much of the test part is known from training, and what the data set warns of."""
    units = sorted({record.privacy.unit for record in records})
    notes = [f"Guarantees are for one {' or one '.join(units)}, added or removed."]
    leaks = [record.dataset.leak for record in records if record.dataset.leak is not None]
    if leaks:
        notes.append(f"Share of test rows whose profile is also in training: {fmean(leaks):.1%}.")
    return notes + remarks(records)


def _values(group: list[Record], key: str) -> list[float]:
    flat = (record.flat() for record in group if record.status == "ok")
    return [row[key] for row in flat if row[key] is not None]


def _average(group: list[Record], key: str) -> float | None:
    values = _values(group, key)
    return fmean(values) if values else None


def _median(group: list[Record], key: str) -> float | None:
    values = _values(group, key)
    return median(values) if values else None


def _mean(values: list[float], digits: int) -> str:
    if not values:
        return "-"
    return f"{fmean(values):.{digits}f}" + (f" ± {stdev(values):.{digits}f}" if len(values) > 1 else "")


def _number(value: Any, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
