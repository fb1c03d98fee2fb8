"""Solve a stored case again and say whether the answer is the same."""

from collections.abc import Iterator
from dataclasses import dataclass

from rebalancing.engine.outcome import Outcome
from rebalancing.engine.query import ConvexSolver
from rebalancing.engine.types import ENGINE_VERSION
from rebalancing.engine.verify import verify
from rebalancing.selectors.cases import proposal_with_case, stored_case, stored_outcome
from rebalancing.services.solving import solve_case

_CENT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What a replay found. `differences` is empty when every trade is the same; `remarks` only for another version."""

    stored_version: str
    differences: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def is_same_version(self) -> bool:
        """Tell whether the engine that proposed is the one that replayed."""
        return self.stored_version == ENGINE_VERSION


def replay_proposal(proposal_id: int, *, fallback: ConvexSolver) -> Replay:
    """
    Recompute the case of a proposal and compare the trades.

    :raises NotFound: there is no such proposal
    :raises BadCase: its stored case was changed
    """
    row = proposal_with_case(proposal_id).outcome
    case, before = stored_case(row.case), stored_outcome(row)
    after = solve_case(case, fallback=fallback)
    remarks: tuple[str, ...] = ()
    if before.engine != ENGINE_VERSION:
        found = verify(case, before)
        proof = "holds" if found.is_clean else f"does not hold: {'; '.join([*found.faults, *map(str, found.failed)])}"
        remarks = (f"The stored outcome, verified afresh, {proof}.", _objectives(before, after))
    return Replay(stored_version=before.engine, differences=tuple(_differences(before, after)), remarks=remarks)


def _objectives(before: Outcome, after: Outcome) -> str:
    gap = max(before.objective - before.lower_bound, after.objective - after.lower_bound, 0.0)
    apart = abs(before.objective - after.objective)
    verdict = "within" if apart <= gap + _CENT else "beyond"
    return (
        f"Objective ${before.objective:,.2f} before, ${after.objective:,.2f} now: {verdict} the certified gap of "
        f"${gap:,.2f}."
    )


def _differences(before: Outcome, after: Outcome) -> Iterator[str]:
    if before.case_hash != after.case_hash:
        yield f"case {before.case_hash} is now {after.case_hash}"
    old, new = _trades(before), _trades(after)
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{key[0]}, {key[1]} {key[2]}: {old.get(key, 'no trade')} before, {new.get(key, 'no trade')} now"


def _trades(outcome: Outcome) -> dict[tuple[str, str, str], str]:
    """Return each trade's quantity, price and lots in words, by account, side and security."""
    return {
        (account.id, trade.side, trade.security): " ".join(
            [f"{trade.quantity} at {trade.price}", *(f"{lot.lot}:{lot.quantity}" for lot in trade.lots)]
        )
        for account in outcome.accounts
        for trade in account.trades
    }
