"""
What the state of proposals allows: each question is a pair, `check_can_...` raises a sentence, `can_...` tells.

A question is put to all proposals of one tax household at once: they were solved together and are approved, released
and made stale together. Who may act, and the second pair of eyes, stand in `advisors.permissions`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from advisors.errors import Conflict, DomainError, Invalid
from portfolios.ledger.wash_sales import GroupWindow, Side
from rebalancing.states import MOVES, OPEN_TO_REVIEW, Action, Status

DEFAULT_TOLERANCE_FRAC: Final = Decimal("0.02")
MIN_REASON_LENGTH: Final = 5


class StatusPassed(Conflict):
    """The proposal is no longer where this action starts."""


class ProposalStale(Conflict):
    """The world moved on since the case was taken: only a new run helps."""


class NotReleasable(Invalid):
    """Something other than staleness bars the release."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceMove:
    """A traded security whose price is no longer that of the case; `now_usd` None: it has no price."""

    symbol: str
    case_usd: Decimal
    now_usd: Decimal | None

    @property
    def move_frac(self) -> Decimal:
        """Return the size of the move as a fraction of the case's price."""
        return abs((self.now_usd or Decimal(0)) / self.case_usd - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalFacts:
    """
    One proposal as the rules see it.

    `label` names the account. `actions`, `*_changed`, `moves` and `business_on` compare today with the case: `actions`
    are corporate actions applied since, `actions_ahead` those that take effect before orders of it could be filled.
    `holds`, `failed_checks` and `wash_conflicts` are sentences. `is_overridden`: compliance let failed checks pass.
    """

    proposal_id: int
    label: str
    status: Status
    is_discretionary: bool
    as_of_on: date
    trade_count: int = 0
    traded_usd: Decimal = Decimal(0)
    business_on: date | None = None
    tolerance_frac: Decimal = DEFAULT_TOLERANCE_FRAC
    moves: tuple[PriceMove, ...] = ()
    actions: tuple[str, ...] = ()
    actions_ahead: tuple[str, ...] = ()
    is_position_changed: bool = False
    is_preference_changed: bool = False
    is_guidance_changed: bool = False
    holds: tuple[str, ...] = ()
    failed_checks: tuple[str, ...] = ()
    is_overridden: bool = False
    pending_order_count: int = 0
    wash_conflicts: tuple[str, ...] = ()
    advisor_approved_by_id: int | None = None
    approved_by_id: int | None = None


type_of_group = Sequence[ProposalFacts]
type_of_sayer = Callable[[ProposalFacts], tuple[str, ...]]


def stale_reasons(facts: ProposalFacts) -> tuple[str, ...]:
    """Say everything that makes a proposal stale; nothing for one that has orders or was decided."""
    if facts.status not in OPEN_TO_REVIEW:
        return ()
    reasons = []
    if facts.business_on is not None and facts.business_on > facts.as_of_on:
        reasons.append(f"it is as of {facts.as_of_on}, and the business date is {facts.business_on}")
    worst = max(facts.moves, key=lambda move: move.move_frac, default=None)
    if worst is not None and worst.move_frac > facts.tolerance_frac:
        now = "has no price" if worst.now_usd is None else f"moved {worst.move_frac:.1%}"
        reasons.append(f"{worst.symbol} {now}, more than the {facts.tolerance_frac:.1%} that the firm tolerates")
    reasons += facts.actions
    if facts.is_position_changed and not facts.actions:
        reasons.append("its positions or cash changed")
    if facts.is_preference_changed:
        reasons.append("preferences changed")
    if facts.is_guidance_changed:
        reasons.append("the firm's guidance changed")
    return tuple(reasons)


def release_bars(facts: ProposalFacts) -> tuple[str, ...]:
    """Say everything that bars the release of one proposal, apart from its status and staleness."""
    bars = [f"the account is held: {hold}" for hold in facts.holds]
    if facts.failed_checks and not facts.is_overridden:
        bars.append(f"it failed {_listed(facts.failed_checks)} and compliance has not approved an override")
    if facts.pending_order_count:
        noun = "order is" if facts.pending_order_count == 1 else "orders are"
        bars.append(f"{facts.pending_order_count} {noun} still open")
    bars += [f"its units are those of before the {action}" for action in facts.actions_ahead]
    return (*bars, *facts.wash_conflicts)


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def is_trading(facts: ProposalFacts) -> bool:
    """Tell whether a proposal has anything to decide on."""
    return facts.status is not Status.NO_TRADE


def check_is_fresh(group: type_of_group) -> None:
    """
    Let pass what still matches its case.

    :raises ProposalStale: with the reasons of every account
    """
    faults = [f"{facts.label}: {_listed(why, 5)}." for facts in group if (why := stale_reasons(facts))]
    if faults:
        raise ProposalStale(f"Stale, only a new run helps. {' '.join(faults)}")


def is_approved(group: type_of_group) -> bool:
    """Tell whether every trading proposal is approved and waits for its release."""
    return any(is_trading(facts) for facts in group) and all(
        facts.status is Status.APPROVED for facts in group if is_trading(facts)
    )


def check_can_move(group: type_of_group, action: Action) -> None:
    """
    Let pass a group all of whose trading proposals stand where the action starts.

    :raises StatusPassed: one does not
    """
    moving = [facts for facts in group if is_trading(facts)]
    if not moving:
        raise StatusPassed("There is nothing to decide: no trade was needed.")
    for facts in moving:
        if facts.status not in MOVES[action].sources:
            raise StatusPassed(f"The proposal for {facts.label} is {_words(facts.status)} by now.")


def _words(status: Status) -> str:
    return status.value.replace("_", " ")


def check_can_approve_as_advisor(group: type_of_group) -> None:
    """
    Let pass a fresh group with a non-discretionary proposal that waits for its advisor.

    :raises StatusPassed: nothing waits for the advisor
    """
    check_is_fresh(group)
    check_can_move([facts for facts in group if facts.status is not Status.ADVISOR_APPROVED], Action.APPROVE_AS_ADVISOR)
    if not waiting_for_advisor(group):
        raise StatusPassed("Nothing here waits for an advisor: the accounts are discretionary or already approved.")


def waiting_for_advisor(group: type_of_group) -> tuple[ProposalFacts, ...]:
    """Return the non-discretionary proposals that no advisor has approved."""
    return tuple(facts for facts in group if not facts.is_discretionary and facts.status is Status.PROPOSED)


def check_can_approve(group: type_of_group) -> None:
    """
    Let pass a fresh group whose non-discretionary proposals an advisor approved.

    :raises Invalid: an advisor has to approve first
    """
    check_is_fresh(group)
    check_can_move(group, Action.APPROVE)
    waiting = waiting_for_advisor(group)
    if waiting:
        raise Invalid(f"{waiting[0].label} is not discretionary: its advisor has to approve first.")


def check_can_send_back(group: type_of_group, *, reason: str) -> None:
    """
    Let pass an undecided or approved group with a reason.

    :raises Invalid: no reason
    """
    check_can_move(group, Action.SEND_BACK)
    _check_reason(reason, what="sending back")


def check_can_reject(group: type_of_group, *, reason: str) -> None:
    """
    Let pass an undecided or approved group with a reason.

    :raises Invalid: no reason
    """
    check_can_move(group, Action.REJECT)
    _check_reason(reason, what="rejecting")


def check_can_override(group: type_of_group, *, reason: str) -> None:
    """
    Let pass an undecided or approved group with failed checks, and a reason.

    :raises Invalid: no reason, or nothing failed
    """
    check_can_move(group, Action.REJECT)
    _check_reason(reason, what="an override")
    if not any(facts.failed_checks and not facts.is_overridden for facts in group):
        raise Invalid("No failed check waits for an override here.")


def _check_reason(reason: str, *, what: str) -> None:
    if len(reason.strip()) < MIN_REASON_LENGTH:
        raise Invalid(f"Please give a reason for {what}: the record keeps it.")


def check_can_release(group: type_of_group) -> None:
    """
    Let pass a group that is approved, fresh and barred by nothing.

    :raises NotReleasable: held, failed, pending or washing, with every bar named
    """
    check_is_fresh(group)
    check_can_move(group, Action.RELEASE)
    barred = [(facts.label, bar) for facts in group if is_trading(facts) for bar in release_bars(facts)]
    faults = tuple(f"{label} cannot be released: {bar}." for label, bar in barred)
    if faults:
        raise NotReleasable(faults[0], faults=faults)


def _passes(check: Callable[[type_of_group], None], group: type_of_group) -> bool:
    try:
        check(group)
    except DomainError:
        return False
    return True


def can_approve_as_advisor(group: type_of_group) -> bool:
    """Tell whether an advisor can approve."""
    return _passes(check_can_approve_as_advisor, group)


def can_approve(group: type_of_group) -> bool:
    """Tell whether a reviewer can approve."""
    return _passes(check_can_approve, group)


def can_send_back(group: type_of_group) -> bool:
    """Tell whether the group can be sent back, given a reason."""
    return _passes(lambda each: check_can_move(each, Action.SEND_BACK), group)


def can_reject(group: type_of_group) -> bool:
    """Tell whether the group can be rejected, given a reason."""
    return _passes(lambda each: check_can_move(each, Action.REJECT), group)


def can_override(group: type_of_group) -> bool:
    """Tell whether failed checks wait for an override, given a reason."""
    return _passes(lambda each: check_can_override(each, reason="a given reason"), group)


def can_release(group: type_of_group) -> bool:
    """Tell whether the group can be released."""
    return _passes(check_can_release, group)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLot:
    """A lot of a proposed sale: when it was bought and what its sale gains."""

    acquired_on: date
    gain_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFacts:
    """A proposed trade as the wash-sale rule sees it; `account` is the key that recent trades use."""

    account: str
    symbol: str
    group: str
    side: Side
    is_taxable: bool
    lots: tuple[TradeLot, ...] = ()


def wash_conflicts(
    trades: Iterable[TradeFacts], windows: Mapping[str, GroupWindow], *, accepted: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """
    Name the trades that would wash, or be washed by, what the tax household did meanwhile.

    `windows` hold its booked trades, open orders and other approved proposals; `accepted` the identity groups whose
    wash sale the proposal openly let pass.
    """
    faults = []
    for trade in trades:
        window = windows.get(trade.group)
        if window is None or trade.group in accepted:
            continue
        if trade.side is Side.BUY and window.is_purchase_blocked():
            until = window.safe_to_buy_on()
            faults.append(f"buying {trade.symbol} before {until} would wash a loss taken in the tax household")
        elif trade.side is Side.SELL and (safe_on := _loss_safe_on(trade, window)) is not None:
            faults.append(f"a purchase in the tax household would wash the loss on {trade.symbol} before {safe_on}")
    return tuple(faults)


def _loss_safe_on(trade: TradeFacts, window: GroupWindow) -> date | None:
    if not trade.is_taxable:
        return None
    blocked = [
        window.safe_to_sell_on(account=trade.account, security=trade.symbol, acquired_on=lot.acquired_on)
        for lot in trade.lots
        if lot.gain_usd < 0
        and window.is_loss_sale_blocked(account=trade.account, security=trade.symbol, acquired_on=lot.acquired_on)
    ]
    return max(blocked, default=None)
