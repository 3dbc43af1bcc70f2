"""What the READMEs say of the records: each part's text, by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from experiments.report.grouped import View
from experiments.report.readme import sentences, shown

FRONT = ("first_table", "findings")  # of README.md
RESULTS = ("shares", "claims", "best_of_the_others")  # of results/README.md
_MAKERS: Mapping[str, Callable[[View], str]] = {
    "first_table": shown.first_table,
    "shares": shown.shares,
    "findings": sentences.findings,
    "claims": shown.claims,
    "best_of_the_others": shown.best_of_the_others,
}


def parts(view: View) -> dict[str, str]:
    """Markdown, true whatever the records are: what has not run is said not to have."""
    return {name: make(view) for name, make in _MAKERS.items()}
