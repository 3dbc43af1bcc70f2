"""All records, read and grouped once: what tables, figures and the page take.

A *group* holds the runs of one method, with its settings, on one data set at one budget.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from experiments.configuration import default_parameters, options, read_option
from experiments.records import former
from experiments.records.export import sort_key
from experiments.records.judgings import differing, once
from experiments.records.record import Record, as_text, settings
from experiments.report import facts
from experiments.report.cases import Case, Dataset, Method, Settings
from experiments.report.missing import current, lost
from experiments.report.roles import badge, guarantee, is_baseline, is_ranked

MAP = "map"  # the experiment on simulated rows of many kinds, which has a table and a figure of its own
TUNING = "tuning"  # that of many settings on development sets, which has tables of its own
AGAIN = "paper_again"  # that of later seeds for a few methods, by which claims are judged once more, and nothing else


@dataclass(frozen=True)
class Group:
    """runs: every record of this method in this case, by seed, those that did not end well included."""

    case: Case
    method: Method
    runs: tuple[Record, ...]

    @cached_property
    def guarantee(self) -> str | None:
        return guarantee(self.runs)

    @property
    def badge(self) -> str:
        return badge(self.method, self.runs)

    @cached_property
    def missing(self) -> str:
        return lost(self.runs)

    @cached_property
    def is_ranked(self) -> bool:
        return is_ranked(self.method, self.runs)

    @cached_property
    def is_baseline(self) -> bool:
        return is_baseline(self.method, self.runs)

    @property
    def ended(self) -> list[Record]:
        return [record for record in self.runs if record.status == "ok"]


@dataclass(frozen=True)
class View:
    """groups: in the order of their titles, budgets and methods. results: the folder of other files that tables show, if any.

    Selections give a view again, so they can follow each other: `view.swept.plain`. Titles stay those of the whole.
    """

    groups: tuple[Group, ...]
    results: Path | None = None

    @classmethod
    def of(cls, records: Iterable[Record], results: Path | None = None) -> View:
        """Group records by data set, budget and method, whatever their order is.

        Runs done again by later code count once, and so does a fit that was judged several times.
        """
        records = sorted(current(records), key=sort_key)
        methods = _chosen(records, "synthesizer", _method_settings(records))
        datasets = _chosen(records, "dataset", _data_settings(records))
        found: dict[tuple[Case, Method], list[Record]] = defaultdict(list)
        for record, own, data in zip(records, methods, datasets, strict=True):
            name = record.dataset.name
            judged = record.evaluation
            dataset = Dataset(name, data, judged.column, judged.space, _encoding(record), facts.of_dataset(name))
            method = Method(record.method.name, own, facts.of_method(record.method.name, record.method.about))
            found[Case(dataset, record.privacy.epsilon, record.privacy.delta), method].append(record)
        groups = (Group(*pair, tuple(once(runs, _special))) for pair, runs in sorted(found.items(), key=lambda item: item[0]))
        return cls(tuple(groups), results)

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every run, in the order of the export."""
        return tuple(sorted((record for group in self.groups for record in group.runs), key=sort_key))

    @cached_property
    def cases(self) -> dict[Case, list[Group]]:
        """The groups of each data set and budget, both in order."""
        found: dict[Case, list[Group]] = defaultdict(list)
        for group in self.groups:
            found[group.case].append(group)
        return dict(found)

    def group(self, case: Case, method: Method | str) -> Group:
        """A method's group in a case, one without runs if there is none. method: by its name, with its defaults."""
        wanted = Method(method) if isinstance(method, str) else method
        return self._places.get((case, wanted)) or Group(case, wanted, ())

    @cached_property
    def _places(self) -> Mapping[tuple[Case, Method], Group]:
        return {(group.case, group.method): group for group in self.groups}

    @cached_property
    def baselines(self) -> set[Method]:
        """The methods that ratios may be made against, under our own guarantee wherever they ended well in some case."""
        return {group.method for group in self.groups if group.is_baseline}

    def where(self, keep: Callable[[Record], bool]) -> View:
        """Of those runs that are to be kept; groups without any are left out."""
        kept = (replace(group, runs=tuple(filter(keep, group.runs))) for group in self.groups)
        return replace(self, groups=tuple(group for group in kept if group.runs))

    def of_groups(self, keep: Callable[[Group], bool]) -> View:
        """Of those groups that are to be kept."""
        return replace(self, groups=tuple(filter(keep, self.groups)))

    @cached_property
    def shown(self) -> View:
        """All but the map, what ran to choose settings, and what ran to judge claims again."""
        return self.where(lambda record: not _special(record))

    @cached_property
    def swept(self) -> View:
        """What is shown, of sweeps alone, where runs are beside each other."""
        return self.shown.where(lambda record: not record.alone)

    @cached_property
    def swept_with_tuning(self) -> View:
        """The same, and what ran to choose settings: for the tables that tell of settings."""
        return self.where(lambda record: not record.alone and _special(record) in ("", TUNING))

    @cached_property
    def mapped(self) -> View:
        """Of the map alone."""
        return self.where(lambda record: _special(record) == MAP)

    @cached_property
    def again(self) -> View:
        """Of what ran to judge claims again alone."""
        return self.where(lambda record: _special(record) == AGAIN)

    @cached_property
    def alone(self) -> View:
        """Of runs that had the machine to themselves."""
        return self.where(lambda record: record.alone and _special(record) != AGAIN)

    @cached_property
    def on_task(self) -> View:
        """Judged by the target. What another column, or raw rows, judge too is the same fit, whose time counts once."""
        on_task = self.of_groups(lambda group: group.case.dataset.column is None)
        encoded = on_task.of_groups(lambda group: group.case.dataset.space == "encoded")
        known = {(record.fit_id, record.privacy.epsilon, record.alone) for record in encoded.records}
        return on_task.where(
            lambda record: (
                record.evaluation.space == "encoded" or (record.fit_id, record.privacy.epsilon, record.alone) not in known
            )
        )

    @cached_property
    def of_classes(self) -> View:
        """Without the cases in which a number was predicted, of which there is no accuracy."""
        numeric = {group.case for group in self.groups if any(record.predicts_a_number for record in group.runs)}
        return self.of_groups(lambda group: group.case not in numeric)

    @cached_property
    def plain(self) -> View:
        """Without special settings wherever the method ran with its defaults too: these have their own table."""
        usual = {(group.case, group.method.name) for group in self.groups if not group.method.settings}
        return self.of_groups(lambda group: not group.method.settings or (group.case, group.method.name) not in usual)

    @cached_property
    def judged_alike(self) -> View:
        """Of each case those runs that the same models judged, the most models any did; runs that failed stay.

        Groups stay too, without runs if others judged all of them.
        """
        judges: dict[Case, Counter[tuple[str, ...]]] = defaultdict(Counter)
        for group in self.groups:
            judges[group.case].update({record.judges for record in group.ended})
        usual = {
            case: max(counts, key=lambda names: (len(names), counts[names], names), default=()) for case, counts in judges.items()
        }

        def alike(group: Group) -> Group:
            kept = (record for record in group.runs if record.status != "ok" or record.judges == usual[group.case])
            return replace(group, runs=tuple(kept))

        return replace(self, groups=tuple(map(alike, self.groups)))


def _special(record: Record) -> str:
    """The experiment, of those that have tables of their own."""
    return record.experiment.name if record.experiment and record.experiment.name in (MAP, TUNING, AGAIN) else ""


def _encoding(record: Record) -> str:
    """The name of an encoding that was learnt, with its settings where they are not the default; empty where none was."""
    if record.encoding is None:
        return ""
    name = record.encoding.name
    usual = settings(read_option("encoding", name)) if name in options("encoding") else {}
    differing = {key: value for key, value in settings(record.encoding.settings).items() if usual.get(key) != value}
    return f"{name} ({as_text(differing)})" if differing else name


def _method_settings(records: Iterable[Record]) -> Callable[[Record], tuple[str, Mapping[str, Any]]]:
    """Reads a record's method and its settings: the class too, of one that has the name of another."""
    classes: dict[str, set[str | None]] = defaultdict(set)
    for record in records:
        classes[record.method.name].add(record.method.target)

    def read(record: Record) -> tuple[str, Mapping[str, Any]]:
        name, target = record.method.name, record.method.target
        usual = read_option("synthesizer", name)["_target_"] if name in options("synthesizer") else None
        own: dict[str, Any] = {"class": target} if len(classes[name]) > 1 and target != usual else {}
        return name, {**record.method.parameters, **own}

    return read


def _data_settings(records: Iterable[Record]) -> Callable[[Record], tuple[str, Mapping[str, Any]]]:
    """Reads a record's data set and its settings: the version of a person's own file, other files, and other judging, if there
    are several.
    """
    records = list(records)
    judging = differing(records)
    versions: dict[str, set[str | None]] = defaultdict(set)
    files: dict[str, set[str]] = defaultdict(set)
    for record in records:
        versions[record.dataset.name].add(record.dataset.version)
        files[record.dataset.name].add(_files(record))

    def read(record: Record) -> tuple[str, Mapping[str, Any]]:
        name = record.dataset.name
        several = {"version": record.dataset.version} if len(versions[name]) > 1 else {}
        others = {"files": _files(record)} if len(files[name]) > 1 else {}
        return name, record.data_settings | several | others | judging(record)

    return read


def _files(record: Record) -> str:
    """The first digits of the hashes of a data set's files; empty where there are none."""
    return " ".join(sorted(digest[:8] for digest in record.dataset.sha256.values()))


def _chosen(records: list[Record], kind: str, read: Callable[[Record], tuple[str, Mapping[str, Any]]]) -> list[Settings]:
    """For each record those settings of what `read` names that are not its default.

    Defaults are those of the configuration file, as it was at the record's version; without one, what all of that name share.
    """
    named = [(name, settings(chosen)) for name, chosen in map(read, records)]
    usual: dict[str, set[tuple[str, str]]] = {}
    for name, chosen in named:
        usual[name] = usual.get(name, set(chosen.items())) & set(chosen.items())
    for name in set(usual) & set(options(kind)):
        usual[name] = set(settings(default_parameters(kind, name)).items())

    def default(each: Record, name: str) -> set[tuple[str, str]]:
        then = former.defaults(name, each.method.version) if kind == "synthesizer" else None
        return usual[name] if then is None else set(settings(then).items())

    defaults = [default(each, name) for each, (name, _) in zip(records, named, strict=True)]
    return [
        tuple((key.removeprefix("generator."), value) for key, value in chosen.items() if (key, value) not in own)
        for own, (_, chosen) in zip(defaults, named, strict=True)
    ]
