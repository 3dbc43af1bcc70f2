"""Whether anything was learnt, in words, by a rule on the records: accuracy alone does not show it where one class is common.

**The rule.** A method learnt something if, in the mean over seeds and models, its AUROC is above 0.5, or its balanced accuracy
above that of guessing (1 / classes), by more than a margin: 0.02, or 1 / sqrt(test rows of all seeds together) where that is
more. Where neither is known it is left open. A target that is a number is not judged so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from experiments.records.record import Record
from experiments.report.grouped import Group
from experiments.report.over_seeds import mean_of, metric
from experiments.report.roles import MAJORITY, REAL

NOTHING = "nothing learnt"
_LEAST = 0.02


def learnt(runs: Iterable[Record]) -> bool | None:
    """Whether these runs of one method show that it learnt something; None where the records do not tell."""
    ended = [record for record in runs if record.status == "ok" and not record.predicts_a_number]
    over = {"auroc": 0.5, "balanced_accuracy": _guessing(ended)}
    above = [value - guess for name, guess in over.items() if guess is not None and (value := mean_of(ended, metric(name)))]
    return max(above) > margin(ended) if above else None


def margin(runs: Iterable[Record]) -> float:
    """By how much a score is to be above that of guessing: two standard deviations of a share, at least."""
    rows = sum(record.dataset.n_test or 0 for record in runs)
    return max(_LEAST, 1 / math.sqrt(rows)) if rows else _LEAST


def verdict(groups: Sequence[Group]) -> list[str]:
    """What is to be said of one data set and budget: nothing where all learnt, else a sentence or two."""
    known = [(group, told) for group in groups if (told := learnt(group.runs)) is not None]
    real = next((told for group, told in known if group.method.name == REAL), None)
    methods = [(group, told) for group, told in known if group.method.about.role != "reference"]
    idle = [group for group, told in methods if not told]
    said = []
    if idle and len(idle) == len(methods):
        said.append(f"**No method learnt anything here**: {'; '.join(map(_scores, idle))}.")
    elif idle:
        said.append(f"Learnt nothing here: {'; '.join(map(_scores, idle))}.")
    if real is False:
        said.append("Models trained on the real rows learnt nothing either: the features say nothing of this target.")
    if said:
        said.append(
            "Learnt is: AUROC above 0.5, or balanced accuracy above 1 / classes, by more than "
            f"{max(margin(group.runs) for group, _ in known):.3f}. Accuracy near `{MAJORITY}` is that of the commonest class."
        )
    return [" ".join(said)] if said else []


def floor(groups: Iterable[Group], key: str) -> float | None:
    """A metric of who knows how common each class is and nothing else, in the mean over the runs that state it."""
    return mean_of((record for group in groups for record in group.runs), lambda record: (record.dataset.floor or {}).get(key))


def _guessing(runs: Iterable[Record]) -> float | None:
    """Balanced accuracy of one class for all rows: 1 / classes."""
    return mean_of(runs, lambda record: (record.dataset.floor or {}).get("balanced_accuracy"))


def _scores(group: Group) -> str:
    parts = (("AUROC", "auroc"), ("balanced accuracy", "balanced_accuracy"))
    told = [f"{name} {value:.3f}" for name, key in parts if (value := mean_of(group.runs, metric(key))) is not None]
    return f"{group.method.title} ({', '.join(told)})"
