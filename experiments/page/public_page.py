"""The page beside a synthetic table: what was published, under what guarantee, and how good models will be.

It is made of the privacy statement and of the synthetic rows, and of nothing else, so it is as public as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from experiments.page import words
from experiments.page.charts import distribution, gauge
from experiments.page.markup import items, number, paragraph, section, table, tag, terms, whole_page
from experiments.page.tallies import Tally
from experiments.page.words import Statement

_BETTER = {"accuracy": "1 is best", "balanced_accuracy": "1 is best", "log_loss": "0 is best"}
_TITLES = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy", "log_loss": "Log loss"}
_NO_BETTER = {  # instead of a number that looks good where one class is common
    "accuracy": "no better, as far as can be told, than to say the commonest class of everybody",
    "balanced_accuracy": "no better, as far as can be told, than to say the same class of everybody",
    "log_loss": "no better, as far as can be told, than to know how common the classes are",
}


def public_page(statement: Statement, name: str, tallies: Sequence[Tally]) -> str:
    """The whole file. name: of the synthetic table's file. tallies: of its columns."""
    body = tag(
        "main",
        "".join(
            [_top(statement, name), _promise(statement), _models(statement), _columns(statement, tallies), _details(statement)]
        ),
    )
    return whole_page(f"{name}: what was published", body, str(statement["guarantee"]))


def _top(statement: Statement, name: str) -> str:
    target = statement.get("schema", {}).get("target")
    rows, columns = int(statement["rows"]), len(statement.get("schema", {}).get("columns", {}))
    purpose = f" It was made so that models can be trained on it to predict {target}." if target else ""
    parts = [
        tag("h1", escape(name)),
        paragraph(f"A synthetic table of {rows:,} rows and {columns:,} columns. Its rows are made up.{purpose}", "lead"),
    ]
    if words.promised(statement):
        parts.append(
            paragraph(
                "All on this page is made of the synthetic table, of the privacy statement and of noisy measurements "
                "that were charged "
                f"to the same budget. The guarantee (epsilon {number(float(statement['epsilon']))}, delta "
                f"{float(statement['delta']):g}, "
                f"for one {words.unit(statement)}) covers the page too, so it may be published with the table."
            )
        )
    else:
        parts.append(paragraph("NO privacy guarantee: neither the table nor this page is for publishing.", "bad"))
    if str(statement["noise"]).startswith("SEEDED"):
        parts.append(
            paragraph("The noise was seeded: whoever knows the seed, or guesses it, can take it off. Not for publishing.", "bad")
        )
    parts += [paragraph(str(caution), "warn") for caution in statement.get("cautions", ())]
    return tag("header", "".join(parts), class_="top")


def _promise(statement: Statement) -> str:
    return section("What is promised, in plain words", *map(paragraph, words.for_anybody(statement)))


def _models(statement: Statement) -> str:
    title = "How good models will be"
    found = statement.get("evaluation")
    if not found:
        return section(
            title,
            paragraph(
                "Nothing was measured: no part of the budget was kept for it (--evaluate SHARE). What models are "
                "worth that learn from "
                "this table can be told by whoever has real rows of their own, and by nothing on this page."
            ),
        )
    most = {"accuracy": 1.0, "balanced_accuracy": 1.0, "log_loss": _top_of_loss(found)}
    gauges = [
        gauge(
            _TITLES[key],
            found[key]["estimate"],
            found[key]["low"],
            found[key]["high"],
            found["guessing"][key],
            most[key],
            _BETTER[key],
            None if _is_beyond_guessing(found, key) else _NO_BETTER[key],
        )
        for key in _TITLES
    ]
    return section(
        title,
        paragraph(f"In words: {found['verdict']}.", "lead"),
        tag("div", "".join(gauges), class_="gauges"),
        paragraph(
            f"A model ({found['model']}) was trained on {int(found['lessons']):,} synthetic rows"
            f"{', drawn without the conditions below,' if statement.get('conditioned_on') else ''} to predict "
            f"{found['target']}, and tested "
            f"on real rows ({_basis(found)}). The intervals cover both the noise and that real rows are a sample. "
            f"Balanced accuracy is the "
            "mean over classes of the share of each class that is recognised; log loss says how far predicted "
            "probabilities are off, and "
            f"is clipped to {float(found['bound']):.2f} for each row. Guessing means to know how common classes "
            f"are, and nothing else. "
            f"It took the share {float(found['share']):g} of the budget, in zero-concentrated differential privacy."
        ),
        _table(found),
    )


def _is_beyond_guessing(found: Mapping[str, Any], measure: str) -> bool:
    """Whether all of the interval is better than guessing."""
    one, guessing = found[measure], found["guessing"][measure]
    return bool(one["high"] < guessing if measure == "log_loss" else one["low"] > guessing)


def _top_of_loss(found: Mapping[str, Any]) -> float:
    """Where the line of log losses ends: a little above the interval and what guessing gives."""
    return min(float(found["bound"]), 1.25 * max(found["log_loss"]["high"], found["guessing"]["log_loss"]))


def _basis(found: Mapping[str, Any]) -> str:
    if found["part"]:
        return f"held out: about {float(found['part']):.0%} of them, of which the synthetic table was not made"
    return "in-sample: those that the synthetic table was made of, so that it flatters a little, the less the smaller epsilon is"


def _table(found: Mapping[str, Any]) -> str:
    columns = [f"as {name}" if len(found["columns"]) == len(found["classes"]) else str(name) for name in found["columns"]]
    lines = [
        [str(name), *(f"{max(0, round(count)):,}" for count in line)]
        for name, line in zip(found["classes"], found["table"], strict=True)
    ]
    told = table(
        ["true class", *columns],
        lines,
        f"Real rows by their true class and by what was predicted, give or take {found['sd']:.1f}",
    )
    return told + paragraph(
        "Counts are noisy (the standard deviation stands above) and are shown as 0 where noise made them negative.", "note"
    )


def _columns(statement: Statement, tallies: Sequence[Tally]) -> str:
    drawn = tag("div", "".join(distribution([tally]) for tally in tallies), class_="columns")
    note = (
        "Shares of the synthetic rows. The outermost bars hold what lies beyond them as well; numbers that "
        "more than a tenth of the rows "
        "have are listed under the picture instead."
    )
    told = words.of_rows(statement)
    return section("What is in the table, column by column", *([items(told)] if told else []), paragraph(note, "note"), drawn)


def _details(statement: Statement) -> str:
    parts = [
        tag("h3", "What is guaranteed"),
        terms(words.for_lawyers(statement)),
        tag("h3", "What was learnt of the columns"),
        items(words.learnt(statement)),
        tag("h3", "What was asked of the private rows"),
        table(
            ["use", "mechanism", "times", "numbers"], words.spends(statement), "Every use of the private rows, as it was charged"
        ),
    ]
    return section("For lawyers and auditors", *parts)
