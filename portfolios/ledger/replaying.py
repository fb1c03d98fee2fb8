"""One replay under way: a draft for each account, the matcher, and what is on its way between accounts."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from types import MappingProxyType

from portfolios.ledger.booking import apply_event, move_cash, take_lots
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms
from portfolios.ledger.draft import Draft, draft_of
from portfolios.ledger.families import is_sublot
from portfolios.ledger.ordering import AccountEvent
from portfolios.ledger.split_statements import Splits, StatedSplit, is_new_split
from portfolios.ledger.transit import Leaving, Transit, arrive, by_acquisition
from portfolios.ledger.types import (
    OPENING_KINDS,
    PURCHASE_KINDS,
    ZERO,
    Book,
    Disposition,
    DispositionKind,
    EventKind,
    Lot,
    LotEvent,
)
from portfolios.ledger.wash_facts import AccountFacts, Loss, LossRank, OutsidePurchase
from portfolios.ledger.wash_matching import Matcher
from portfolios.ledger.wash_policy import WashPolicy

_MATCHED = frozenset(
    {
        DispositionKind.SALE,
        DispositionKind.CASH_IN_LIEU,
        DispositionKind.TAXABLE_EXCHANGE,
        DispositionKind.WORTHLESS,
    }
)
_RESCALES = frozenset({ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND})
_SUCCEEDS = frozenset({ActionKind.SYMBOL_CHANGE, ActionKind.STOCK_MERGER, ActionKind.MIXED_MERGER})


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLoss:
    """
    A loss of which `units_left`, in today's units, lost `loss_left_usd` that nothing washed so far.

    `permanent_usd` of what was washed is lost for good. `security` is what it is called today, "" as when sold;
    `scale` is today's units for one of the sale.
    """

    account: str
    disposition: Disposition
    rank: LossRank
    units_left: Decimal
    loss_left_usd: Decimal
    permanent_usd: Decimal = ZERO
    security: str = ""
    scale: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a projection knows beside the books, for one that goes on after it."""

    through_on: date | None = None
    pending: tuple[PendingLoss, ...] = ()
    outside: tuple[OutsidePurchase, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    origins: Mapping[tuple[str, str], str] = field(default_factory=lambda: MappingProxyType({}))
    positions: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    openings: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    numbers: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    used: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    splits: Mapping[tuple[str, Decimal], tuple[StatedSplit, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(slots=True)
class Replay:
    """The state of one replay."""

    accounts: Mapping[str, AccountFacts]
    drafts: dict[str, Draft]
    matcher: Matcher
    averaged: Container[str] | None
    transit: Transit = field(default_factory=Transit)
    losses: list[Loss] = field(default_factory=list)
    splits: Splits = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        *,
        accounts: Mapping[str, AccountFacts],
        groups: Mapping[str, str],
        policy: WashPolicy,
        opening: Mapping[str, Book],
        carried: Carried,
        averaged: Container[str] | None,
        is_sequenced: bool,
    ) -> "Replay":
        """Begin from opening books, and what was carried with them."""
        drafts = {key: draft_of(opening.get(key) or Book(), account=key) for key in accounts}
        matcher = Matcher(
            policy=policy,
            accounts=accounts,
            groups=groups,
            drafts=drafts,
            origins=dict(carried.origins),
            is_sequenced=is_sequenced,
            openings=dict(carried.openings),
        )
        for key, facts in accounts.items():
            if facts.is_taxable:
                drafts[key].fate = partial(matcher.fate_of, key)
        replay = cls(accounts=accounts, drafts=drafts, matcher=matcher, averaged=averaged, splits=dict(carried.splits))
        replay._take_over(carried)
        return replay

    def _take_over(self, carried: Carried) -> None:
        for (account, stem), number in carried.numbers.items():
            self.drafts[account].numbers[stem] = number
        for account, keys in carried.used.items():
            self.drafts[account].used.update(keys)
        for leaving in carried.leaving:
            self.transit.leave(leaving.lots, account=leaving.account, left_on=leaving.left_on)
        for pending in carried.pending:
            loss = self._loss_from(pending)
            self.losses.append(loss)
            through_on = carried.through_on
            self.matcher.add_pending(loss, is_closed=through_on is None or loss.sold.sold_on <= through_on)
        for bought in carried.outside:
            self.matcher.add_outside(replace(bought), position=carried.positions.get((bought.account, bought.ref), 0))
        for account, draft in self.drafts.items():
            for lot in draft.lots.values():
                self.matcher.add_lot(account, lot, position=carried.positions.get((account, lot.key), 0))

    def _loss_from(self, pending: PendingLoss) -> Loss:
        sold = pending.disposition
        disallowed = -(sold.gain_usd or ZERO) - pending.loss_left_usd
        return Loss(
            account=pending.account,
            sold=replace(sold, disallowed_usd=ZERO, permanent_usd=ZERO),
            security=pending.security or sold.security,
            rank=pending.rank,
            origin=self.matcher.origin_of(pending.account, sold.lot_key, sold.root_key),
            units_left=pending.units_left,
            loss_left_usd=pending.loss_left_usd,
            scale=pending.scale,
            disallowed_usd=disallowed,
            permanent_usd=pending.permanent_usd,
            known_usd=disallowed,
        )

    def book(self, row: AccountEvent) -> None:
        """Let one event happen."""
        event, draft = row.event, self.drafts[row.account]
        seen = len(draft.dispositions)
        kind = event.kind
        if event.is_past:
            apply_event(draft, event)
            self._outside(row)
        elif kind in OPENING_KINDS:
            self._open(row, draft)
        elif kind is EventKind.TRANSFER_OUT:
            self._leave(take_lots(draft, event), draft, event)
            move_cash(draft, event)
        elif kind is EventKind.ADJUST_LOT:
            self._adjust(row, draft)
        else:
            apply_event(draft, event, averaged=self.averaged)
        if kind is EventKind.SPLIT and event.ratio:
            self._rescale(event.security, event.ratio, row, on=event.traded_on, into=event.security)
        elif event.action is not None and not event.is_past:
            self._follow(row, draft, event.action)
        if len(draft.dispositions) > seen and self.accounts[row.account].is_taxable:
            self._lose(row, draft, seen)

    def close_day(self, day: date) -> None:
        """End a day."""
        self.matcher.close_day(day)

    def _open(self, row: AccountEvent, draft: Draft) -> None:
        event = row.event
        assert event.lot is not None  # LotEvent refuses to exist without
        lot = event.lot
        leaving = self.transit.claim(lot, on=event.traded_on) if self.transit.leaving else None
        if leaving is None or is_sublot(lot.key):
            apply_event(draft, event)
            self.matcher.add_lot(row.account, lot, position=row.position)
            return
        apply_event(draft, event)
        arrived = arrive(draft, leaving, lot)
        draft.drop(lot.key)
        for one in arrived:
            draft.put(one)
        draft.state_wash(lot.security, sum((one.wash_adjustment_usd for one in arrived), -lot.wash_adjustment_usd))
        if leaving.root_key == lot.root_key and leaving.account != row.account:
            self.matcher.origins[row.account, lot.key] = leaving.account
        for one in arrived:
            self.matcher.add_lot(row.account, one, position=row.position)

    def _leave(self, lots: tuple[Lot, ...], draft: Draft, event: LotEvent) -> None:
        for acquired in by_acquisition(lots):
            account, _ = self.matcher.origin_of(draft.account, acquired[0].key, acquired[0].root_key)
            self.transit.leave(acquired, account=account, left_on=event.traded_on)

    def _adjust(self, row: AccountEvent, draft: Draft) -> None:
        event = row.event
        before = draft.family(event.lot_key, event)
        apply_event(draft, event)
        if event.lot is None:
            self._leave(before, draft, event)
            return
        for lot in draft.family(event.lot_key, event):
            self.matcher.add_lot(row.account, lot, position=row.position)

    def _outside(self, row: AccountEvent) -> None:
        """Count a purchase where no lots are stated; elsewhere the lots that are stated count."""
        event = row.event
        if event.kind in PURCHASE_KINDS and event.units > 0 and self.accounts[row.account].is_held_away:
            bought = OutsidePurchase(
                account=row.account,
                ref=event.ref,
                security=event.security,
                bought_on=event.traded_on,
                units_left=event.units,
            )
            self.matcher.add_outside(bought, position=row.position)

    def _follow(self, row: AccountEvent, draft: Draft, action: ActionTerms) -> None:
        """Let pending losses follow a corporate action, and what it delivered for a purchase take them up."""
        if action.kind in _RESCALES and action.ratio and not action.is_taxable:
            self._rescale(action.security, action.ratio, row, on=action.effective_on, into=action.security)
        elif action.kind in _SUCCEEDS and action.delivered and not action.is_taxable:
            into = action.delivered[0]
            self._rescale(action.security, into.units_per_unit, row, on=action.effective_on, into=into.security)
        for security in action.securities:
            for lot in draft.held(security):
                self.matcher.add_lot(row.account, lot, position=row.position)

    def _rescale(self, security: str, ratio: Decimal, row: AccountEvent, *, on: date, into: str) -> None:
        """Count pending losses in new units, once for the household, whichever accounts state the split."""
        if is_new_split(self.splits, account=row.account, security=security, ratio=ratio, on=on):
            self.matcher.rescale(security, ratio=ratio, into=into)

    def _lose(self, row: AccountEvent, draft: Draft, first: int) -> None:
        for place in range(first, len(draft.dispositions)):
            sold = draft.dispositions[place]
            gain = sold.gain_usd
            if gain is None or gain >= 0 or sold.kind not in _MATCHED or -gain <= sold.disallowed_usd:
                continue
            left = -gain - sold.disallowed_usd
            origin = self.matcher.origin_of(row.account, sold.lot_key, sold.root_key)
            loss = Loss(
                account=row.account,
                sold=sold,
                security=sold.security,
                origin=origin,
                rank=self.matcher.rank_of(sold, origin, account=row.account, position=row.position, part=place - first),
                units_left=sold.units if left == -gain else sold.units * left / -gain,
                loss_left_usd=left,
                place=place,
            )
            self.losses.append(loss)
            self.matcher.add_loss(loss)

    def pending(self) -> tuple[PendingLoss, ...]:
        """Return the losses that may still be washed, or were not."""
        return tuple(
            PendingLoss(
                account=loss.account,
                disposition=loss.washed(),
                rank=loss.rank,
                units_left=loss.units_left,
                loss_left_usd=loss.loss_left_usd,
                permanent_usd=loss.permanent_usd,
                security=loss.security,
                scale=loss.scale,
            )
            for loss in self.matcher.pending()
        )

    def stated_wash_usd(self) -> dict[str, Decimal]:
        """Return the wash adjustments that came from outside, by security."""
        return _total(draft.stated_wash_usd for draft in self.drafts.values())

    def stated_deferred_usd(self) -> dict[str, Decimal]:
        """Return what was stated as disallowed and not lost in taxable accounts, by security."""
        return _total(draft.stated_deferred_usd for key, draft in self.drafts.items() if self.accounts[key].is_taxable)

    def carried(self, through_on: date | None) -> Carried:
        """Return what a later replay must know beside the books."""
        numbers = {(key, stem): n for key, draft in self.drafts.items() for stem, n in draft.numbers.items()}
        leaving = (one for each in self.transit.leaving.values() for one in each)
        return Carried(
            through_on=through_on,
            pending=self.pending(),
            outside=tuple(replace(bought) for bought in self.matcher.outside.values()),
            leaving=tuple(leaving),
            origins=MappingProxyType(dict(self.matcher.origins)),
            positions=MappingProxyType(self.matcher.positions()),
            openings=MappingProxyType(dict(self.matcher.openings)),
            numbers=MappingProxyType(numbers),
            used=MappingProxyType({key: frozenset(draft.used) for key, draft in self.drafts.items() if draft.used}),
            splits=MappingProxyType(dict(self.splits)),
        )


def _total(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for part in parts:
        for security, amount in part.items():
            total[security] = total.get(security, ZERO) + amount
    return total
