"""Whether everything that was answered was charged for: all answers of a fit, paid once more by ledgers of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dpdsyn.accounting.spends import ZCDP, Exponential, Gaussian, GaussianCap, Nothing, SampledGaussian, Spend
from dpdsyn.checking.twin import Call, Cap, Twin
from dpdsyn.privacy import Allowance, BudgetExceeded, Ledger

_AWAY = ("hand_over", "unprotected", "stated")
_ROUNDING = 1e-6


def fault(twin: Twin) -> str | None:
    """What was answered by a table or by a view of it, or reserved for a nested one, and is not in a ledger; or None."""
    for call in twin.calls:
        if all(call.ledger is not ledger for ledger in twin.ledgers):
            return f"{call.asked[0]} was charged to a ledger that is not of this table"
        if call.asked[0] in _AWAY and call.ledger is not None and call.ledger.guarantee == "dp":
            return f"{call.asked[0]} gave rows away, and the ledger does not say so"
    for ledger, own in zip(twin.ledgers, twin.allowed, strict=True):
        answers = [call for call in twin.calls if call.ledger is ledger and call.asked[0] not in _AWAY]
        caps = [cap for payer, cap in twin.caps if payer is ledger]
        if (found := _unpaid(answers, caps, ledger, own)) is not None:
            return found
    return None


def _unpaid(answers: Sequence[Call], caps: Sequence[Cap], ledger: Ledger, allowed: Allowance) -> str | None:
    plan = (*ledger._reserved, *(ledger._plan or ()))
    again = Ledger(allowed)
    try:
        again.open(plan)
        for call in answers:
            again.charge(_spend(call), call.asked[0])
        for cap in caps:
            if not isinstance(cap, Nothing):
                again.charge(cap, "a nested table")
    except BudgetExceeded as error:
        return f"more was answered than may be spent: {error}"
    asked, told = _sums(spend for _, spend in again._charges), _sums(spend for _, spend in ledger._charges)
    for kind, amount in asked.items():
        if not told.get(kind, 0.0) >= amount * (1 - _ROUNDING):
            return f"{kind} cost {amount:.6g}; the ledger tells of {told.get(kind, 0.0):.6g}"
    return None


def _spend(call: Call) -> Spend:
    mechanism, *given = call.asked
    if mechanism == "noisy_marginals":
        return Gaussian(given[1])
    if mechanism == "noisy_scores":
        return Gaussian(given[2] / given[1])
    return Exponential(given[2]) if mechanism == "select" else SampledGaussian(given[0], given[1])


def _sums(spends: Iterable[Spend]) -> dict[str, float]:
    """zCDP of Gaussians, of choices and of caps, and numbers of sampled steps of each kind."""
    found: dict[str, float] = {}
    for spend in spends:
        if isinstance(spend, SampledGaussian):
            kind, amount = f"steps of rate {spend.rate:g} and noise {spend.noise_multiplier:g}", float(spend.count)
        elif isinstance(spend, Gaussian | Exponential):
            kind, amount = f"{type(spend).__name__} mechanisms", spend.rho
        elif isinstance(spend, ZCDP | GaussianCap):
            kind, amount = "caps of nested tables", spend.rho
        else:
            continue
        found[kind] = found.get(kind, 0.0) + amount
    return found
