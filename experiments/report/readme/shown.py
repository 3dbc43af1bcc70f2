"""The tables of the READMEs, in Markdown: a few rows and columns of what stands whole in results/tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.report.cases import Case, Dataset, Method
from experiments.report.claims import NOT_RUN, Found, by_claim, judged, preregistered
from experiments.report.comparison import MARKS, pairs
from experiments.report.evidence import Cell, evidence
from experiments.report.facts import STARRED
from experiments.report.grouped import Group, View
from experiments.report.over_seeds import mean_of, metric, seconds_of, values
from experiments.report.readme.sentences import Carried
from experiments.report.roles import MAJORITY, REAL, RIVAL, YARDSTICK
from experiments.report.tables.cells import mean_and_deviation, number

FIRST = Case(Dataset("adult"), 1.0, 1e-6)  # what the first command of the README runs
_OF_IT = (REAL, YARDSTICK, RIVAL, "quail", "swift", "privmrf", "mst")
BUDGETS = (0.2, 0.8, 3.2)
_BESIDE = (RIVAL, "mst")  # whose shares stand in brackets


def first_table_carried(view: View) -> list[Carried]:
    """The runs of each row of the first table."""
    return [Carried(f"the first table, `{group.method}`", group.runs, "accuracy") for group in _in_it(view)]


def _first(view: View) -> list[Group]:
    return [g for g in view.swept.judged_alike.cases.get(FIRST, []) if g.ended and not g.method.settings]


def _in_it(view: View) -> list[Group]:
    return [group for group in _first(view) if group.method.name in _OF_IT]


def first_table(view: View) -> str:
    """Some of what the first command gives, the most accurate first, and how many rows more it has."""
    groups, chosen = _first(view), _in_it(view)
    if not chosen:
        return "Its runs are not among the committed records."
    known = {group.method: values(group.runs, metric("accuracy")) for group in chosen}
    chosen.sort(key=lambda group: (-sum(known[group.method]) / len(known[group.method]), group.method))
    rows = [
        [
            f"`{group.method}`",
            group.badge,
            mean_and_deviation(known[group.method], 3),
            number(mean_of(group.runs, lambda record: record.fidelity.tvd2), 3),
            number(seconds_of(group.runs)[0], 2),
        ]
        for group in chosen
    ]
    seeds = sorted({len(made) for made in known.values()})
    said = (
        f"These rows and {len(groups) - len(chosen)} more: Adult, epsilon {FIRST.epsilon:g}, delta {FIRST.delta:g}, "
        f"{_to(seeds)} seeds, means (± standard deviation)."
    )
    return f"{said}\n\n{_table(['method', 'guarantee', 'accuracy', 'mean 2-way TVD', 'seconds'], rows)}"


def shares(view: View) -> str:
    """Each data set that counts: accuracy as a share of that on real rows, DPDSyn's and in brackets others'."""
    found: dict[Dataset, dict[float, Cell]] = {}
    for cell in evidence(view).cells:
        if cell.case.epsilon in BUDGETS:
            found.setdefault(cell.case.dataset, {})[cell.case.epsilon] = cell
    rows = [[str(dataset), _constant(cells), *(_shares(cells.get(e)) for e in BUDGETS)] for dataset, cells in found.items()]
    seeds = sorted({len({run.seed for run in cell.own.group.ended}) for cells in found.values() for cell in cells.values()})
    if not rows:
        return "No data set has runs enough."
    others = ", ".join(f"`{name}`" for name in _BESIDE)
    said = f"Accuracy as a share of that on real rows, of DPDSyn (of {others}), {_to(seeds)} seeds; "
    said += "`majority` gives every row the larger class:"
    return f"{said}\n\n{_table(['', f'`{MAJORITY}`', *_budgets()], rows)}"


def _constant(cells: Mapping[float, Cell]) -> str:
    """The share that the larger class alone has, which no budget changes."""
    known = (cell.known.get(Method(MAJORITY)) for cell in cells.values())
    return next((f"{one.of_real:.1%}" for one in known if one is not None and one.of_real is not None), "-")


def best_of_the_others(view: View) -> str:
    """Each data set in its usual form: the most accurate of the others, its lead over DPDSyn, over how many seeds.

    As in `evidence`, others are those with half of DPDSyn's seeds at least; how often one with fewer is further ahead is said.
    """
    found: dict[Dataset, dict[float, str]] = {}
    ahead = 0
    for case, known in pairs(view.swept.plain.judged_alike).items():
        every = [pair for pair in known if pair.method.about.family != YARDSTICK]
        others = [pair for pair in every if pair.often_enough]
        if case.dataset.is_usual and case.epsilon in BUDGETS and others:
            best = others[0]
            ahead += best != every[0]
            mark = f" {best.mark}" if best.mark else ""
            cell = f"{best.difference.mean:+.4f}{mark} {best.method} ({best.difference.seeds})"
            found.setdefault(case.dataset, {})[case.epsilon] = cell
    rows = [[f"{dataset}{dataset.facts.star}", *(cells.get(e, "-") for e in BUDGETS)] for dataset, cells in sorted(found.items())]
    cells = sum(map(len, found.values()))
    left_out = f"Others with fewer than half of {YARDSTICK}'s seeds are left out"
    fewer = f"{left_out}; in {ahead} of {cells} cells one of them is further ahead."
    return f"{_table(['best of the others', *_budgets()], rows)}\n\n{fewer}\n\n{MARKS} {STARRED}"


def claims(view: View) -> str:
    """Each claim that was written down beforehand, and what became of it at each budget."""
    told = preregistered()
    if told is None:
        return "Nothing was claimed beforehand."
    rows = []
    for claim, budgets in by_claim(judged(view, told)):
        at = {one.epsilon: one for one in budgets}
        rows.append([claim.says, *(_verdict(at.get(epsilon)) for epsilon in BUDGETS)])
    return _table(["claim", *_budgets()], rows)


def _verdict(one: Found | None) -> str:
    if one is None:
        return ""
    if one.value is None:
        return NOT_RUN
    sign = "+" if one.claim.compared == "difference" else ""
    bound = f"{'≥' if one.claim.at_most is None else '≤'} {one.bound:g}"
    without = f", without {len(one.missing)} of {len(one.claim.datasets)} tables" if one.missing else ""
    return f"{one.verdict}: {one.value:{sign}.3f} ({bound}{without})"


def _shares(cell: Cell | None) -> str:
    if cell is None:
        return "-"
    others = (cell.known.get(Method(name)) for name in _BESIDE)
    beside = ", ".join("-" if other is None or other.of_real is None else f"{other.of_real:.1%}" for other in others)
    return "-" if cell.own.of_real is None else f"{cell.own.of_real:.1%} ({beside})"


def _budgets() -> list[str]:
    return [f"epsilon {BUDGETS[0]:g}", *(f"{epsilon:g}" for epsilon in BUDGETS[1:])]


def _to(counts: Sequence[int]) -> str:
    return f"{counts[0]}" + (f" to {counts[-1]}" if len(counts) > 1 else "")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
