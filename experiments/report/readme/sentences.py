"""What the README finds, in sentences that stay true whatever the numbers are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from statistics import fmean

from experiments.report.cases import Case, Method
from experiments.report.claims import HOLDS, NOT_RUN, NOT_SHOWN, REFUTED, Claim, Found, by_claim, judged, preregistered
from experiments.report.comparison import ACCURACY, OTHER_MEASURES, Measure, Pair, pairs
from experiments.report.evidence import evidence, times_as_long
from experiments.report.grouped import View
from experiments.report.html import findings as answer
from experiments.report.roles import RIVAL, YARDSTICK
from experiments.report.summary import Summary, summaries
from experiments.report.tables import headline

_LOSS = next(measure for measure in OTHER_MEASURES if measure.less_is_better)  # log loss
_WORST = 3  # data sets that are named where DPDSyn is behind
_TIMED = (RIVAL, "aim", "privmrf", "mst")
_PAPER = (
    ("accuracy", headline.LEARNT),
    ("speed", "largest ratio of synthesis time over a baseline, measured alone"),
)


def findings(view: View) -> str:
    """A point each: the answer, its strongest rival, the claims, times alone, the paper's ratios, where DPDSyn is behind."""
    told = " ".join(answer.findings(view).sentences)
    said = [told, _rival(view), _claims(view), _times(view), _paper(view), *_behind(view)]
    return "\n".join(f"- {line}" for line in said if line)


def _rival(view: View) -> str:
    """Who is most often the most accurate of the others, and how far it is from DPDSyn where the answer counts."""
    cells = evidence(view).cells
    if not cells:
        return ""
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
    said = f"**The strongest of the others is `{rival}`**, the most accurate in {times} of {len(cells)} cases."
    beside = f" In the mean over data sets its accuracy and log loss less DPDSyn's are {', '.join(parts)}." if parts else ""
    return said + beside


def _claims(view: View) -> str:
    told = preregistered()
    if told is None:
        return ""
    found = by_claim(judged(view, told))
    said = [f"**Of {len(found)} statements written down before these runs {_count(found, HOLDS)} hold at every budget.**"]
    refuted = [_told(claim, budgets) for claim, budgets in found if _worst(budgets) == REFUTED]
    said += [f"Refuted at one at least: {'; '.join(refuted)}."] if refuted else []
    for verdict, words in ((NOT_SHOWN, "not shown at one at least"), (NOT_RUN, "not run")):
        said += [f"{_count(found, verdict)}: {words}."] if _count(found, verdict) else []
    return " ".join(said)


def _count(found: list[tuple[Claim, list[Found]]], verdict: str) -> int:
    return sum(_worst(budgets) == verdict for _, budgets in found)


def _worst(budgets: list[Found]) -> str:
    verdicts = {one.verdict for one in budgets}
    return next(one for one in (REFUTED, NOT_RUN, NOT_SHOWN, HOLDS) if one in verdicts)


def _told(claim: Claim, budgets: list[Found]) -> str:
    sign = "+" if claim.compared == "difference" else ""
    at = [f"{one.value:{sign}.3f} at {one.epsilon:g}" for one in budgets if one.verdict == REFUTED]
    return f"“{claim.says}” ({', '.join(at)})"


def _times(view: View) -> str:
    """Of runs that had the machine to themselves, by data sets in their usual form."""
    known: dict[Case, dict[Method, Summary]] = {}
    for one in summaries(view.alone.plain):
        if one.dataset.is_usual:
            known.setdefault(one.case, {})[one.method] = one
    found = {name: [ratio for at in known.values() if (ratio := _ratio(at, name))] for name in _TIMED}
    told = ", ".join(f"`{name}` {_range(ratios)}" for name, ratios in found.items() if ratios)
    where = ", ".join(sorted({case.dataset.name for case in known}))
    return f"Alone on the machine ({where}), others take this many times as long as DPDSyn: {told}." if told else ""


def _range(ratios: list[float]) -> str:
    ends = [f"{end:.1f}" for end in (min(ratios), max(ratios))]
    return " to ".join(dict.fromkeys(ends))


def _ratio(at: dict[Method, Summary], name: str) -> float | None:
    own, other = at.get(Method(YARDSTICK)), at.get(Method(name))
    return times_as_long(other, own) if own and other else None


def _paper(view: View) -> str:
    """The paper's two ratios, and the largest here."""
    rows = [dict(zip(table.columns, row, strict=True)) for table in headline.build(view) for row in table.rows]
    parts = [_ratio_told(what, row) for what, claim in _PAPER for row in rows if row["claim"] == claim]
    return f"**The paper's ratios.** The largest over any baseline here is {', '.join(parts)}." if parts else ""


def _ratio_told(what: str, row: dict[str, str]) -> str:
    dataset = row["cell"].partition(", ")[0]
    return f"of {what} {row['here']} ({row['baseline']} on {dataset}; the paper {row['paper']}: {row['verdict']})"


def _behind(view: View) -> Iterator[str]:
    """By accuracy and by balanced accuracy."""
    for measure in (ACCURACY, OTHER_MEASURES[0]):
        yield _losses(view, measure)


def _losses(view: View, measure: Measure) -> str:
    tested = [
        (case, pair)
        for case, found in pairs(view.swept.plain.judged_alike, measure).items()
        for pair in found
        if case.dataset.is_usual and pair.method.about.family != YARDSTICK and pair.adjusted is not None
    ]
    if not tested:
        return ""
    behind = [(case, pair) for case, pair in tested if pair.mark and pair.difference.mean > 0]
    ahead = [pair for _, pair in tested if pair.mark and pair.difference.mean < 0]
    rivals = Counter(pair.method for pair in ahead).most_common()
    over = f" ({', '.join(f'{times} of `{method}`' for method, times in rivals)})" if rivals and measure == ACCURACY else ""
    said = f"By {measure.title}, of {len(tested)} tests {len(ahead)} find it significantly ahead{over}, {len(behind)} behind"
    worst: dict[str, tuple[Case, Pair]] = {}
    for case, pair in sorted(behind, key=lambda one: (-one[1].difference.mean, one[0])):
        worst.setdefault(case.dataset.name, (case, pair))
    named = [f"{name} at {case.epsilon:g} (`{pair.method}` {pair.difference.mean:+.3f})" for name, (case, pair) in worst.items()]
    adjusted = "; adjusted within a data set and budget, not over all" if measure == ACCURACY else ""
    return f"{said}{', by most on ' + ', '.join(named[:_WORST]) if named else ''}{adjusted}."
