"""What the README finds, in sentences that stay true whatever the numbers are, each with the runs that carry it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import fmean

from experiments.records.record import Record
from experiments.report.cases import Case, Method
from experiments.report.claims import (
    HOLDS,
    NOT_RUN,
    NOT_SHOWN,
    REFUTED,
    Claim,
    Found,
    Preregistered,
    adjusted,
    again,
    by_claim,
    judged,
    on_unseen_alone,
    preregistered,
    ran,
)
from experiments.report.comparison import ACCURACY, ALPHA, OTHER_MEASURES, Measure, Pair, pairs
from experiments.report.evidence import OWN, Cell, evidence, times_as_long
from experiments.report.grouped import View
from experiments.report.html import findings as answer
from experiments.report.over_seeds import timed_alike
from experiments.report.roles import REAL, RIVAL, YARDSTICK
from experiments.report.statistics import holm
from experiments.report.summary import Summary, summaries
from experiments.report.tables import headline

_LOSS = next(measure for measure in OTHER_MEASURES if measure.less_is_better)  # log loss
_WORST = 2  # data sets that are named where DPDSyn is behind
_TIMED = (RIVAL, "aim", "privmrf", "mst", "quail", "swift")
_PAPER = (  # the largest of each
    ("accuracy, over a baseline that learnt something,", (headline.LEARNT,)),
    ("speed, measured alone,", (headline.ALONE, headline.STOPPED)),
)


@dataclass(frozen=True)
class Carried:
    """What is said, or a part of it, and the runs that it is a number of. table: where it stands among others."""

    says: str
    runs: tuple[Record, ...]
    table: str


@dataclass(frozen=True)
class Point:
    """carried: the whole of what is said, then those numbers in it that are of few runs."""

    text: str
    carried: tuple[Carried, ...]


def findings(view: View) -> str:
    """A point each: the answer, its strongest rival, the claims, times alone, the paper's ratios, where DPDSyn is behind."""
    return "\n".join(f"- {point.text}" for point in points(view))


def points(view: View) -> list[Point]:
    """What `findings` says, each with what carries it."""
    made = [_answer(view), _rival(view), _claims(view), _times(view), _paper(view), *_behind(view)]
    return [point for point in made if point is not None]


def _answer(view: View) -> Point:
    """Three sentences: accuracy, time, likeness. Who says nothing for want of runs is carried by none."""
    known = evidence(view)
    told = answer.told(known)
    text = " ".join(told.sentences)
    beside = [cell.known[Method(REAL)].runs for cell in known.cells if Method(REAL) in cell.known]
    ranked = [_of(cell, *(pair.method for pair in cell.pairs)) for cell in known.cells]
    own = [_of(cell) for cell in known.cells]
    elsewhere = [
        group.runs
        for each in known.elsewhere
        for group in view.plain.cases[each.case]
        if group.is_ranked or group.method in (OWN, Method(REAL))
    ]
    accuracy, seconds, price = ([*own, *ranked, *beside], [*own, *ranked], [*own, *ranked, *elsewhere])
    carried = [
        Carried(said, _together(runs), table)
        for said, runs, table in zip(
            told.sentences, (accuracy, seconds, price), ("leaderboard", "synthesis_time", "accuracy"), strict=False
        )
    ]
    shares = [(share, cell) for cell in known.cells if (share := cell.of_real) is not None]
    if shares:
        least, cell = min(shares, key=lambda one: (one[0], one[1].case))
        says = f"least {least:.1%}, {answer.named(cell.case)}"
        carried.append(Carried(says, _together([_of(cell), cell.known[Method(REAL)].runs]), "leaderboard"))
    return Point(text, tuple(carried))


def _of(cell: Cell, *others: Method) -> tuple[Record, ...]:
    """Every run of these methods in a cell, or of DPDSyn if none is named."""
    return _together(cell.known[method].runs for method in others or (OWN,))


def _together(runs: Iterable[Iterable[Record]]) -> tuple[Record, ...]:
    """All of them once, in the order in which they come."""
    return tuple({record.run_id: record for group in runs for record in group}.values())


def _rival(view: View) -> Point | None:
    """Who is most often the most accurate of the others, and how far it is from DPDSyn where the answer counts."""
    cells = evidence(view).cells
    if not cells:
        return None
    often = Counter(cell.best.method for cell in cells)
    rival, times = max(often.items(), key=lambda one: (one[1], one[0].name))
    loss = pairs(view.swept.plain.judged_alike, _LOSS)
    parts = []
    for epsilon in sorted({cell.case.epsilon for cell in cells}):
        at = [cell.case for cell in cells if cell.case.epsilon == epsilon]
        leads = [pair.difference.mean for cell in cells if cell.case in at for pair in cell.pairs if pair.method == rival]
        losses = [pair.difference.mean for case in at for pair in loss.get(case, ()) if pair.method == rival]
        if leads and losses:
            parts.append(f"{fmean(leads):+.4f} and {fmean(losses):+.2f} at {epsilon:g}")
    said = f"**The strongest of these others is `{rival}`**, the most accurate in {times} of {len(cells)} cases."
    beside = f" In the mean over data sets its accuracy and log loss less DPDSyn's are {', '.join(parts)}." if parts else ""
    runs = _together(_of(cell, *({OWN, rival} & cell.known.keys())) for cell in cells)
    return Point(said + beside, (Carried(said + beside, runs, "comparison"),))


def _claims(view: View) -> Point | None:
    told = preregistered()
    if told is None:
        return None
    found = by_claim(judged(view, told))
    said = [f"**Of {len(found)} statements written down before these runs {_count(found, HOLDS)} hold at every budget"]
    said[0] += f"**{_stricter(view, told)}."
    refuted = [_told(claim, budgets) for claim, budgets in found if _worst(budgets) == REFUTED]
    said += [f"Refuted at one at least: {'; '.join(refuted)}."] if refuted else []
    for verdict, words in ((NOT_SHOWN, "not shown at one at least"), (NOT_RUN, "not run")):
        said += [f"{_count(found, verdict)}: {words}."] if _count(found, verdict) else []
    more = _again(view)
    text = " ".join([*said, *([more.says] if more else [])])
    each = [
        Carried(f"“{claim.says}”: {', '.join(f'{one.verdict} at {one.epsilon:g}' for one in budgets)}", runs, "claims")
        for claim, budgets in found
        if (runs := _together(one.runs for one in budgets))
    ]
    each += [more] if more else []
    return Point(text, (Carried(text, _together(one.runs for one in each), "claims"), *each))


def _again(view: View) -> Carried | None:
    told = again()
    found = ran(judged(view, told)) if told else []
    if told is None or not found:
        return None
    claims = by_claim(found)
    seeds = f"{min(told.seeds)} to {max(told.seeds)}"
    said = f"On seeds {seeds}, run after the last change, {_count(claims, HOLDS)} of {len(claims)} hold{_stricter(view, told)}"
    said += "".join(
        f", {count} {words}"
        for verdict, words in ((REFUTED, "refuted"), (NOT_SHOWN, "not shown"), (NOT_RUN, "not run in part"))
        if (count := _count(claims, verdict))
    )
    return Carried(f"{said}.", _together(one.runs for one in found), "claims")


def _stricter(view: View, told: Preregistered) -> str:
    """How many hold with p adjusted over all that ran, and how many of those about more tables on the unseen ones alone."""
    found = ran(judged(view, told)) if told.again else judged(view, told)
    sure = {
        id(one) for one, p in zip(found, adjusted(found), strict=True) if one.verdict == HOLDS and p is not None and p < ALPHA
    }
    strict = sum(all(id(one) in sure for one in budgets) for _, budgets in by_claim(found))
    unseen = [one for one in by_claim(list(on_unseen_alone(view, told).values())) if not told.again or _worst(one[1]) != NOT_RUN]
    of = f"{_count(unseen, HOLDS)} of {len(unseen)}"
    if told.again:
        return f" ({strict} with p adjusted{f', {of} on unseen tables' if unseen else ''})"
    return f" ({strict} with p adjusted over all{f'; on the unseen tables alone {of}' if unseen else ''})"


def _count(found: list[tuple[Claim, list[Found]]], verdict: str) -> int:
    return sum(_worst(budgets) == verdict for _, budgets in found)


def _worst(budgets: list[Found]) -> str:
    verdicts = {one.verdict for one in budgets}
    return next(one for one in (REFUTED, NOT_RUN, NOT_SHOWN, HOLDS) if one in verdicts)


def _told(claim: Claim, budgets: list[Found]) -> str:
    sign = "+" if claim.compared == "difference" else ""
    at = [f"{one.value:{sign}.3f} at {one.epsilon:g}" for one in budgets if one.verdict == REFUTED]
    return f"“{claim.says}” ({', '.join(at)})"


def _times(view: View) -> Point | None:
    """Of runs that had the machine to themselves, by data sets in their usual form; where a method ran on fewer, on which."""
    known: dict[Case, dict[Method, Summary]] = {}
    for one in summaries(view.alone.plain):
        if one.dataset.is_usual:
            known.setdefault(one.case, {})[one.method] = one
    found = {name: timed for name in _TIMED if (timed := _timed(known, name))}
    if not found:
        return None
    every = {case.dataset.name for timed in found.values() for case in timed}

    def says(name: str) -> str:
        own = {case.dataset.name for case in found[name]}
        where = "" if own == every else f" ({', '.join(sorted(own))})"
        return f"`{name}` {_range([ratio for ratio, _ in found[name].values()])}{where}"

    each = [Carried(says(name), _together(runs for _, runs in found[name].values()), "efficiency") for name in found]
    where = ", ".join(sorted(every))
    told = ", ".join(one.says for one in each)
    text = f"Alone on the machine ({where}), others take this many times as long as DPDSyn: {told}."
    return Point(text, (Carried(text, _together(one.runs for one in each), "efficiency"), *each))


def _timed(known: Mapping[Case, Mapping[Method, Summary]], name: str) -> dict[Case, tuple[float, tuple[Record, ...]]]:
    """How many times as long as DPDSyn a method took, and the runs that this is over."""
    found = {}
    for case, at in known.items():
        own, other = at.get(Method(YARDSTICK)), at.get(Method(name))
        if own and other and (ratio := times_as_long(other, own)) is not None:
            ours, theirs = timed_alike(own.runs, other.runs)
            found[case] = ratio, (*ours, *theirs)
    return found


def _range(ratios: list[float]) -> str:
    ends = [f"{float(f'{end:.2g}'):.10g}" for end in (min(ratios), max(ratios))]
    return " to ".join(dict.fromkeys(ends))


def _paper(view: View) -> Point | None:
    """The paper's two ratios, and the largest here."""
    rows = {row["claim"]: row for table in headline.build(view) for row in table.named_rows}
    found = []
    for what, claims in _PAPER:
        if known := [claim for claim in claims if claim in rows]:
            largest = max(known, key=lambda claim: float(rows[claim]["here"].rstrip("x")))
            found.append((_ratio_told(what, rows[largest], stopped=largest == headline.STOPPED), largest))
    if not found:
        return None
    carriers = headline.carriers(view)
    text = f"**The paper's ratios.** The largest here is {', '.join(says for says, _ in found)}."
    each = [Carried(says, carriers[claim], "headline") for says, claim in found]
    return Point(text, (Carried(text, _together(one.runs for one in each), "headline"), *each))


def _ratio_told(what: str, row: dict[str, str], stopped: bool) -> str:
    """stopped: whether the other's runs were, by their limit, so that the ratio is a lower bound."""
    where = f"{row['baseline']} on {row['cell'].partition(', ')[0]}{', stopped at its limit' if stopped else ''}"
    seeds = "one seed" if row["seeds"].partition(" ")[0] == "1" else f"{row['seeds'].partition(' ')[0]} seeds"
    here = f"at least {row['here']}" if stopped else row["here"]
    return f"of {what} {here} ({where}, {seeds}; the paper {row['paper']}: {row['verdict']})"


def _behind(view: View) -> Iterator[Point | None]:
    """By accuracy and by balanced accuracy."""
    for measure in (ACCURACY, OTHER_MEASURES[0]):
        yield _losses(view, measure)


def _losses(view: View, measure: Measure) -> Point | None:
    judged_alike = view.swept.plain.judged_alike
    tested = [
        (case, pair)
        for case, found in pairs(judged_alike, measure).items()
        for pair in found
        if case.dataset.counts and pair.method.about.family != YARDSTICK and pair.adjusted is not None
    ]
    if not tested:
        return None
    behind = [(case, pair) for case, pair in tested if pair.mark and pair.difference.mean > 0]
    ahead = [pair for _, pair in tested if pair.mark and pair.difference.mean < 0]
    rivals = Counter(pair.method for pair in ahead).most_common()
    over = f" ({', '.join(f'{times} of `{method}`' for method, times in rivals)})" if rivals and measure == ACCURACY else ""
    said = f"By {measure.title}, of {len(tested)} tests {len(ahead)} find it significantly ahead{over}, {len(behind)} behind"
    over_all = holm([pair.difference.p or 0.0 for _, pair in tested])
    sure = [pair for (_, pair), p in zip(tested, over_all, strict=True) if p < ALPHA]
    surely_ahead = sum((pair.difference.mean < 0) != measure.less_is_better for pair in sure)
    worst: dict[str, tuple[Case, Pair]] = {}
    for case, pair in sorted(behind, key=lambda one: (-one[1].difference.mean, one[0])):
        worst.setdefault(case.dataset.name, (case, pair))
    worst = dict(list(worst.items())[:_WORST])
    named = [f"{name} at {case.epsilon:g} (`{pair.method}` {pair.difference.mean:+.3f})" for name, (case, pair) in worst.items()]
    adjusted = f"; with p adjusted over all tests {surely_ahead} and {len(sure) - surely_ahead}"
    text = f"{said}{', by most on ' + ', '.join(named) if named else ''}{adjusted}."

    def runs(found: Iterable[tuple[Case, Pair]]) -> tuple[Record, ...]:
        return _together(judged_alike.group(case, name).runs for case, pair in found for name in (OWN, pair.method))

    table = "comparison" if measure == ACCURACY else "measures"
    each = [
        Carried(f"behind by {measure.title} on {says}", runs([found]), table)
        for says, found in zip(named, worst.values(), strict=True)
    ]
    return Point(text, (Carried(text, runs(tested), table), *each))
