"""`dpdsyn audit --domains`: the learning of domains, attacked through the schema that comes of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from experiments.cli.parts.parser import Parser
from experiments.paths import see_own_modules


def audit_domains(arguments: Sequence[str]) -> int:
    """Exit code: 0 if no bound crosses epsilon twice, 1 if one does. Raises InputError for what cannot be meant."""
    from dpdsyn.base.checks import InputError
    from dpdsyn.learning.domain_learning import DomainLearning
    from dpdsyn.privacy import Budget
    from dpdsyn.synthesizer import named
    from experiments.audit.domains import verdict

    parser = Parser(prog="dpdsyn audit", description="What a learnt domain tells of one row that nobody is like.")
    parser.add_argument("--domains", nargs="?", metavar="MODULE:CLASS", help="a learner of one's own; ours if left out")
    parser.add_argument("--epsilon", type=float, default=1.0)
    parser.add_argument("--delta", type=float, default=1e-3)
    parser.add_argument("--runs", type=int, default=200, help="of which half have the row")
    given = parser.parse_args(list(arguments))
    see_own_modules()
    kind = named(given.domains) if given.domains else DomainLearning
    if not callable(getattr(kind, "learn", None)):
        raise InputError(f"{given.domains!r} has no `learn`; a class as dpdsyn.learning.domain_learning:DomainLearning is needed")
    found, told = verdict(kind, Budget(given.epsilon, given.delta), given.runs)
    width = max(len(each.attack) for each in told)
    lines = [f"{each.attack:<{width}}  epsilon {each.bound:.2f} of {each.most:.2f} that could be shown" for each in told]
    sys.stdout.write("\n".join([*lines, f"claimed: epsilon {given.epsilon:g}, delta {given.delta:g}; {found}"]) + "\n")
    return 1 if found == "violation" else 0
