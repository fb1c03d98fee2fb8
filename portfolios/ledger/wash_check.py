"""
What proposed trades would do to losses, and losses to them, before anybody trades (R-1.3.12 of the tax specification).

The whole list is looked at with the history of the tax household, all accounts: who harvests in one account and buys
in another has sold and bought.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from portfolios.ledger.families import stem_of
from portfolios.ledger.projection import AccountEvent, AccountFacts, Carried, PendingLoss, Projection, project
from portfolios.ledger.types import WINDOW_DAYS, ZERO, Book, EventKind, Lot, LotEvent, LotPick, Relief, WashMatch
from portfolios.ledger.wash_policy import WashPolicy
from portfolios.ledger.wash_sales import Side, safe_to_buy_on, safe_to_sell_on

_REF = "proposed:"
_FORESEEN = "foreseen:"


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdState:
    """Where the ledger of a tax household stands, as a projection with the same `is_sequenced` left it."""

    books: Mapping[str, Book]
    accounts: Mapping[str, AccountFacts]
    carried: Carried = field(default_factory=Carried)
    groups: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    policy: WashPolicy = field(default_factory=WashPolicy)
    is_sequenced: bool = False

    def group_of(self, security: str) -> str:
        """Return the identity group of a security."""
        return self.groups.get(security, security)

    def pending_of(self, security: str) -> tuple[PendingLoss, ...]:
        """Return the losses in the group of a security of which something is not washed."""
        group = self.group_of(security)
        return tuple(
            loss
            for loss in self.carried.pending
            if loss.units_left > 0 and self.group_of(loss.security or loss.disposition.security) == group
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposedTrade:
    """
    A trade that nobody made yet, or a purchase that will come by itself; `amount_usd` is its cost or its proceeds.

    `key` names it in the list. A sale names its `picks` or a `method`; rates go with the least tax.
    """

    key: str
    account: str
    security: str
    side: Side
    units: Decimal
    amount_usd: Decimal
    on: date
    picks: tuple[LotPick, ...] = ()
    method: Relief | None = None
    short_frac: Decimal | None = None
    long_frac: Decimal | None = None


class WashStatus(StrEnum):
    CLEAN = "clean"
    WASHED = "washed"
    AT_RISK = "at_risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatus:
    """
    What the wash-sale rules make of one proposed trade.

    WASHED: `units` of a loss worth `amount_usd` are disallowed, `permanent_usd` of it for good: the sale's own, or
    those of earlier and other sales that the purchase would wash. AT_RISK: nothing is washed yet, but `units` are
    expected to be by purchases foreseen, or nobody knows what accounts held away buy. `until_on` is the last day of
    the window of a loss: nobody of the household may buy the group through it.
    """

    key: str
    status: WashStatus
    units: Decimal = ZERO
    amount_usd: Decimal = ZERO
    permanent_usd: Decimal = ZERO
    until_on: date | None = None
    matches: tuple[WashMatch, ...] = ()


def wash_status(
    trades: Sequence[ProposedTrade], *, state: HouseholdState, foreseen: Iterable[ProposedTrade] = ()
) -> tuple[TradeStatus, ...]:
    """
    Say of each trade of a list what it washes or what washes it; `foreseen` are reinvestments and recurring purchases.

    :raises BadInput: a trade that cannot be booked, such as a sale of more than is held
    """
    listed = _go_on(state, state.books, state.carried, [_event(trade, n, _REF) for n, trade in enumerate(trades)])
    later = [_event(trade, n, _FORESEEN) for n, trade in enumerate(foreseen)]
    expected: tuple[WashMatch, ...] = ()
    if later:
        expected = _go_on(state, listed.books, listed.carried, later).matches
    losing = {loss.disposition.event_ref: loss for loss in listed.pending if loss.units_left > 0}
    return tuple(_status(trade, listed.matches, expected, losing, state=state) for trade in trades)


def safe_purchase_on(security: str, *, account: str, state: HouseholdState, as_of: date) -> date:
    """Return the first day on which a purchase in the account washes nothing; a loss washed in full bars nothing."""
    losses = [loss for loss in state.pending_of(security) if _is_in_scope(loss.account, account, state)]
    return max([as_of, *(safe_to_buy_on(loss.disposition.sold_on) for loss in losses)])


def safe_loss_sale_on(lot: Lot, *, account: str, state: HouseholdState, as_of: date) -> date:
    """Return the first day on which no purchase already made washes a loss on the lot; what replaced one is used up."""
    bought = [one.acquired_on for _, one in _replacements(lot, account=account, state=state)]
    days = [safe_to_sell_on(day) for day in bought if 0 <= (as_of - day).days <= WINDOW_DAYS]
    return max(days, default=as_of)


def provisional_losses(state: HouseholdState, *, as_of: date) -> tuple[PendingLoss, ...]:
    """Return the losses that purchases up to the end of their window may still wash (R-0.2)."""
    return tuple(
        loss
        for loss in state.carried.pending
        if loss.units_left > 0 and loss.disposition.sold_on + timedelta(days=WINDOW_DAYS) >= as_of
    )


def _replacements(lot: Lot, *, account: str, state: HouseholdState) -> list[tuple[str, Lot]]:
    """Return the open lots, with their accounts, that may replace what is sold of a lot."""
    group = state.group_of(lot.security)
    own = (_origin(account, lot, state), lot.root_key)
    return [
        (key, one)
        for key, book in state.books.items()
        if _is_in_scope(account, key, state) and _counts(state.accounts[key], state.policy)
        for one in book.lots.values()
        if one.is_wash_acquisition
        and not one.is_wash_consumed
        and not one.wash_adjustment_usd
        and state.group_of(one.security) == group
        and not (state.policy.same_acquisition_excluded and (_origin(key, one, state), one.root_key) == own)
        and (state.policy.earlier_acquired_lots_count or one.acquired_on >= lot.acquired_on)
    ]


def _origin(account: str, lot: Lot, state: HouseholdState) -> str:
    return state.carried.origins.get((account, stem_of(lot.key)), account)


def _counts(facts: AccountFacts, policy: WashPolicy) -> bool:
    is_plan = not facts.plan or facts.plan in policy.retirement_statuses
    return facts.is_taxable or (facts.is_retirement and policy.retirement_acquisitions_count and is_plan)


def _is_in_scope(one: str, other: str, state: HouseholdState) -> bool:
    mine, theirs = state.accounts[one], state.accounts[other]
    if mine.owner == theirs.owner:
        return True
    return state.policy.spouse_in_scope and (theirs.owner in mine.spouses or mine.owner in theirs.spouses)


def _go_on(
    state: HouseholdState, books: Mapping[str, Book], carried: Carried, events: Sequence[AccountEvent]
) -> Projection:
    return project(
        events,
        accounts=state.accounts,
        groups=state.groups,
        policy=state.policy,
        opening=books,
        carried=carried,
        is_sequenced=state.is_sequenced,
    )


def _event(trade: ProposedTrade, number: int, stem: str) -> AccountEvent:
    ref = f"{stem}{trade.key}"
    if trade.side is Side.SELL:
        event = LotEvent(
            kind=EventKind.SELL,
            ref=ref,
            traded_on=trade.on,
            security=trade.security,
            units=trade.units,
            amount_usd=trade.amount_usd,
            picks=trade.picks,
            method=trade.method,
            short_frac=trade.short_frac,
            long_frac=trade.long_frac,
        )
    else:
        lot = Lot(
            key=ref,
            security=trade.security,
            units=trade.units,
            cost_usd=trade.amount_usd,
            acquired_on=trade.on,
        )
        event = LotEvent(
            kind=EventKind.BUY,
            ref=ref,
            traded_on=trade.on,
            security=trade.security,
            units=trade.units,
            amount_usd=-trade.amount_usd,
            lot=lot,
        )
    return AccountEvent(account=trade.account, position=1_000_000_000 + number, event=event)


def _status(
    trade: ProposedTrade,
    matches: Sequence[WashMatch],
    expected: Sequence[WashMatch],
    losing: Mapping[str, PendingLoss],
    *,
    state: HouseholdState,
) -> TradeStatus:
    ref = f"{_REF}{trade.key}"
    is_sale = trade.side is Side.SELL
    until = trade.on + timedelta(days=WINDOW_DAYS) if is_sale and ref in losing else None
    mine = _of(trade, ref, matches)
    if mine:
        return _told(trade, WashStatus.WASHED, mine, until_on=until)
    coming = _of(trade, ref, expected) if is_sale else ()
    is_unseen = any(
        facts.is_held_away and _is_in_scope(trade.account, key, state) for key, facts in state.accounts.items()
    )
    if until is not None and (coming or is_unseen):
        return _told(trade, WashStatus.AT_RISK, coming, until_on=until)
    return TradeStatus(key=trade.key, status=WashStatus.CLEAN, until_on=until)


def _of(trade: ProposedTrade, ref: str, matches: Sequence[WashMatch]) -> tuple[WashMatch, ...]:
    if trade.side is Side.SELL:
        return tuple(match for match in matches if match.loss_event_ref == ref)
    return tuple(match for match in matches if match.account == trade.account and stem_of(match.lot_key) == ref)


def _told(
    trade: ProposedTrade, status: WashStatus, matches: Sequence[WashMatch], *, until_on: date | None
) -> TradeStatus:
    is_sale = trade.side is Side.SELL
    return TradeStatus(
        key=trade.key,
        status=status,
        units=sum((match.loss_units if is_sale else match.units for match in matches), ZERO),
        amount_usd=sum((match.amount_usd for match in matches), ZERO),
        permanent_usd=sum((match.amount_usd for match in matches if match.is_permanent), ZERO),
        until_on=until_on,
        matches=tuple(matches),
    )
