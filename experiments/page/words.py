"""What is promised, in words: for whoever has never heard of it, and for whoever has to sign it. Made of the statement alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dpdsyn.accounting.guarantee import HELD_AGAINST
from experiments.page.markup import number

Statement = Mapping[str, Any]
_LITTLE = 10.0  # epsilons above promise little: see `dpdsyn.accounting.cautions`


def unit(statement: Statement) -> str:
    """The privacy unit: row or person."""
    return str(statement["protects"]).removeprefix("one ")


def promised(statement: Statement) -> bool:
    """Whether there is a guarantee at all."""
    return statement["guarantee"] != "none"


def best_guess(epsilon: float, delta: float) -> float:
    """How often somebody who gives even odds at first can be right at most about one unit's being there.

    From the trade-off of errors that (epsilon, delta) allows (Kairouz, Oh and Viswanath 2015, "The composition theorem for
    differential privacy", Section 3.1): no test has a sum of errors below 2 (1 - delta) / (1 + e^epsilon).
    """
    return 1 - (1 - delta) / (1 + math.exp(min(epsilon, 700.0)))


def for_anybody(statement: Statement) -> list[str]:
    """What is promised, without a formula."""
    one, epsilon, delta = unit(statement), float(statement["epsilon"]), float(statement["delta"])
    if not promised(statement):
        return [
            "Nothing is promised here: parts of this were read off the private rows without protection. Neither "
            "the table nor this "
            "page may be published."
        ]
    whose = "person" if one == "person" else "row of the private table"
    lines = [
        "The rows of the synthetic table are made up. They were drawn by a program that knows the private table only through "
        "answers to which random noise was added, so that no answer tells much about anybody.",
        f"What is protected is each single {whose}: without {'that' if one == 'person' else 'it'}"
        f"{' person' if one == 'person' else ''}, what is published would have come out much the same.",
        "How much is much: somebody who wonders whether one "
        f"certain {whose} was in the private table, and begins with even odds, can be right at most {_often(epsilon, delta)} "
        "after seeing all of this, whatever else they know and however long they compute. Without any of it, 50.0% of the time.",
    ]
    if "persons" in statement:
        told = str(statement["persons"])
        lines.append(f"{told[0].upper()}{told[1:]}. So nothing can be learnt from it of how one person's rows follow each other.")
    if epsilon > _LITTLE:
        lines.append("That is a weak promise; epsilon is above 10.")
    if one == "row":
        lines.append(
            "A row is protected, not a person. Whoever has several rows in the private table is protected less, "
            "the less the more."
        )
    lines += [
        "What many have in common may be learnt from the table, and is what it is for: if smokers fall ill "
        "more often, that shows, "
        "whether or not a given smoker was in the private table.",
        "Synthetic rows are made up. One may happen to equal a real one, and does so about as often whether or not that person "
        "was in the private table. Rare values and fine differences may be wrong: the noise hides what few people have.",
    ]
    if statement["guarantee"] == "unverified":
        lines.append("This holds if an outside library keeps what it promises; nobody here has verified that.")
    return lines


def _often(epsilon: float, delta: float) -> str:
    most = best_guess(epsilon, delta)
    return f"{most:.1%} of the time" if most < 0.9995 else "practically always"


def for_lawyers(statement: Statement) -> list[tuple[str, str]]:
    """What is promised, word by word."""
    one = unit(statement)
    kinds = {
        "dp": "(epsilon, delta)-differential privacy (Dwork and others 2006)",
        "unverified": "(epsilon, delta)-differential privacy as an outside library or an author states it; not verified",
        "none": "none",
    }
    spent = statement.get("epsilon_spent")
    unequal = "e^epsilon times the probability of the same set for the other, plus delta"
    units = {
        "person": "one person, with all rows that bear the person's name in the column that the schema says",
        "row": "one row. A person with several rows is protected as a group of so many rows, which is less",
    }
    schema = statement.get("schema", {})
    both = " that both fit the schema" if HELD_AGAINST in statement.get("assumptions", ()) else ""
    pairs = [
        ("Guarantee", kinds[str(statement["guarantee"])]),
        ("Unit of privacy", units[one]),
        ("Neighbouring tables", f"two tables of which one has one {one} more: {statement['neighbouring_tables']}"),
        (
            "Meaning",
            f"for two neighbouring tables{both}, the probability of any set of outcomes (table, statement, page) is at most "
            f"{unequal}",
        ),
        ("epsilon", number(float(statement["epsilon"])) + ("" if spent is None else f", of which {float(spent):.4f} is spent")),
        ("delta", f"{float(statement['delta']):g}"),
    ]
    if schema.get("max_rows_per_person"):
        most = schema["max_rows_per_person"]
        pairs.append(("Rows of a person", f"at most {most} of each are used; a keyed hash, which nobody knows, chooses them"))
    pairs += [
        (
            "Covered",
            "the synthetic table, of any length, the privacy statement, this page, and whatever is computed from "
            "these without the "
            "private table",
        ),
        ("Added up", _added_up(statement)),
        ("Noise", str(statement["noise"])),
        (
            "Assumed",
            "the schema (names, kinds and what it states of columns) was written without looking at the rows, but for what is "
            "listed as learnt; the program, numerical libraries, cipher and the operating system's entropy do what they document"
            + "".join(f"; {text}" for text in statement.get("assumptions", ())),
        ),
        (
            "Not covered",
            "what is known of a person from elsewhere; what holds of many people and so of this one; other releases of the same "
            "rows, whose epsilons and deltas add to these; whoever has the owner's computer; how long the computation took",
        ),
        (
            "Legal standing",
            "this is a mathematical statement. Whether the published table is anonymous or personal data under the law that "
            "applies is for a lawyer to judge, from these numbers and the circumstances",
        ),
        ("Made by", f"{statement['program']}, method {statement['method']['name']}, version {statement['method']['version']}"),
    ]
    return pairs


def _added_up(statement: Statement) -> str:
    text = "every use of the rows stands below and was charged before it was made; all are composed at the delta above"
    if "evaluation" in statement:
        text += ", the evaluation included, in sequence, whichever rows it was made on"
    return text


def learnt(statement: Statement) -> list[str]:
    """What was learnt of the columns, and what was left out."""
    schema = statement.get("schema", {})
    lines = list(statement.get("learnt", ())) or ["nothing: the schema states what all columns hold"]
    gone = [str(name) for name in schema.get("ignore", ())]
    if schema.get("person"):
        gone.append(f"{schema['person']} (whose row it is)")
    return [*lines, *([f"left out of the synthetic table: {', '.join(gone)}"] if gone else [])]


def of_rows(statement: Statement) -> list[str]:
    """What holds of every row by the owner's word: columns that are made, rules that are kept, conditions."""
    lines = [
        f"drawn under a condition, so how common this is says nothing: {text}" for text in statement.get("conditioned_on", ())
    ]
    lines += [f"every row keeps the rule: {_rule(rule)}" for rule in statement.get("constraints", ())]
    for name, column in statement.get("schema", {}).get("columns", {}).items():
        if "constant" in column:
            lines.append(f"{name}: {column['constant']} in every row")
        elif column.get("kind") == "id":
            lines.append(f"{name}: made anew for every row ({column['pattern']}); it names nobody")
    return lines


def _rule(rule: Any) -> str:
    """As a person writes it; of one with values, with these."""
    if isinstance(rule, str):
        return rule
    return "; ".join(f"{key} ({', '.join(f'{a} -> {b}' for a, b in values.items())})" for key, values in rule.items())


def spends(statement: Statement) -> list[list[str]]:
    """What was asked of the rows, one line a kind of use."""
    rows = []
    for spend in statement["spends"]:
        numbers = {key: value for key, value in spend.items() if isinstance(value, int | float) and not isinstance(value, bool)}
        count = numbers.pop("count", 1)
        told = ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in numbers.items())
        rows.append([str(spend["label"]), str(spend["mechanism"]), f"{count:,}", told])
    return rows
