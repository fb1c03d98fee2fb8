"""
Match losses with replacements, share for share and in order of time (R-1.3.1 to R-1.3.10 of the tax specification).

One pass: a purchase takes up what is left of the losses before it; at the end of a day its losses, in the order of
Reg. 1.1091-1(b), take what was acquired in the window, is still held, and replaced nothing yet.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from portfolios.ledger.draft import Draft
from portfolios.ledger.families import stem_of
from portfolios.ledger.gains import LotPart, part_of, without
from portfolios.ledger.making import lot_part
from portfolios.ledger.relief import LossFate
from portfolios.ledger.types import COST_STEP, UNIT_STEP, WINDOW_DAYS, ZERO, Disposition, Lot, WashMatch
from portfolios.ledger.wash_facts import AccountFacts, Candidate, Loss, LossRank, Origin, OutsidePurchase
from portfolios.ledger.wash_policy import Tacking, WashPolicy

_WINDOW = timedelta(days=WINDOW_DAYS)


@dataclass(slots=True)
class _Group:
    candidates: list[Candidate] = field(default_factory=list)
    pending: list[tuple[LossRank, Loss]] = field(default_factory=list)
    today: list[Loss] = field(default_factory=list)


@dataclass(slots=True)
class Matcher:
    """The losses and replacements of all identity groups of one tax household."""

    policy: WashPolicy
    accounts: Mapping[str, AccountFacts]
    groups: Mapping[str, str]
    drafts: Mapping[str, Draft]
    origins: dict[tuple[str, str], str] = field(default_factory=dict)  # (account, stem) to where it was acquired
    matches: list[WashMatch] = field(default_factory=list)
    outside: dict[tuple[str, str], OutsidePurchase] = field(default_factory=dict)
    is_sequenced: bool = False
    openings: dict[Origin, int] = field(default_factory=dict)  # the place at which each acquisition was first booked
    _by_group: dict[str, _Group] = field(default_factory=dict)
    _open: dict[str, None] = field(default_factory=dict)
    _counts: dict[str, bool] = field(default_factory=dict)
    _late: dict[str, int] = field(default_factory=dict)
    _bases: dict[tuple[str, str, date], Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        policy = self.policy
        for key, facts in self.accounts.items():
            plan_counts = not facts.plan or facts.plan in policy.retirement_statuses
            counts = policy.retirement_acquisitions_count and plan_counts
            self._late[key] = int(not facts.is_taxable)
            self._counts[key] = facts.is_taxable or (facts.is_retirement and counts)

    # --- what happens ----------------------------------------------------------------------------------------------

    def add_lot(self, account: str, lot: Lot, *, position: int) -> None:
        """Let a lot that has come into an account, whenever it was acquired, take up the losses it replaces."""
        self.openings.setdefault(self.origin_of(account, lot.key, lot.root_key), position)
        if not is_eligible(lot) or not self._counts[account]:
            return
        group = self._group(lot.security)
        candidate = self._candidate(account, lot.key, lot.acquired_on, position)
        at = bisect_left(group.candidates, candidate)
        if at < len(group.candidates) and group.candidates[at] == candidate:
            return
        group.candidates.insert(at, candidate)
        if group.pending:
            self._take_up(group, candidate)

    def add_outside(self, bought: OutsidePurchase, *, position: int) -> None:
        """Let a purchase take up losses in an account that states no lots."""
        if not self._counts[bought.account]:
            return
        self.outside[bought.account, bought.ref] = bought
        group = self._group(bought.security)
        candidate = self._candidate(bought.account, bought.ref, bought.bought_on, position)
        insort(group.candidates, candidate)
        self._take_up(group, candidate)

    def add_loss(self, loss: Loss) -> None:
        """Note a loss of the day; where sales are taken in sequence, match it at once."""
        name = self.groups.get(loss.security, loss.security)
        group = self._group(loss.security)
        if self.policy.simultaneous_same_day_sales:
            group.today.append(loss)
            self._open[name] = None
        else:
            self._match(group, loss)

    def add_pending(self, loss: Loss, *, is_closed: bool) -> None:
        """Take over a loss from before; `is_closed` says that its day is over."""
        if not is_closed:
            self.add_loss(loss)
        else:
            insort(self._group(loss.security).pending, (loss.rank, loss), key=lambda pair: pair[0])

    def close_day(self, day: date) -> None:
        """Match the losses up to a day, in the order of the acquisition of what was sold (R-1.3.7)."""
        for name in tuple(self._open):
            group = self._by_group[name]
            due = [loss for loss in group.today if loss.sold.sold_on <= day]
            group.today = [loss for loss in group.today if loss.sold.sold_on > day]
            if not group.today:
                del self._open[name]
            for loss in sorted(due, key=lambda loss: loss.rank):
                self._match(group, loss)

    def rescale(self, security: str, *, ratio: Decimal, into: str) -> None:
        """Count pending losses in the units of today, after a split or an exchange into a successor (R-3.0)."""
        group = self._group(security)
        moved = [pair for pair in group.pending if pair[1].security == security]
        waiting = [loss for loss in group.today if loss.security == security]
        for loss in (*(loss for _, loss in moved), *waiting):
            loss.units_left = _units(loss.units_left * ratio)
            loss.scale *= ratio
            loss.security = into
        for bought in self.outside.values():
            if bought.security == security:
                bought.units_left = _units(bought.units_left * ratio)
                bought.security = into
        successor = self._group(into)
        if successor is not group:
            group.pending = [pair for pair in group.pending if pair not in moved]
            group.today = [loss for loss in group.today if loss not in waiting]
            for pair in moved:
                insort(successor.pending, pair, key=lambda pair: pair[0])
            for loss in waiting:
                self.add_loss(loss)

    def pending(self) -> tuple[Loss, ...]:
        """Return the losses of which something is not washed, in order of time."""
        found = [loss for group in self._by_group.values() for _, loss in group.pending]
        found += [loss for group in self._by_group.values() for loss in group.today]
        return tuple(sorted((loss for loss in found if loss.units_left > 0), key=lambda loss: loss.rank))

    def origin_of(self, account: str, key: str, root_key: str) -> Origin:
        """Return where, and as part of what, a lot was acquired: transfers do not change it (R-1.2.6)."""
        return (self.origins.get((account, stem_of(key)), account) if self.origins else account, root_key)

    def rank_of(self, sold: Disposition, origin: Origin, *, account: str, position: int, part: int) -> LossRank:
        """
        Return the place of a loss in the order of losses (R-1.3.7).

        The basis per unit is taken from the first sale of a lot that day: rounding a part must not reorder its sales.
        """
        acquired = sold.acquired_on or date.min
        basis = -(sold.cost_usd or ZERO) / sold.units
        return LossRank(
            sold_on=sold.sold_on,
            sequence=0 if self.policy.simultaneous_same_day_sales else position,
            acquired_on=acquired,
            opening=self.openings.get(origin, 0),
            origin=origin,
            held_from_on=sold.holding_on or acquired,
            minus_basis_usd=self._bases.setdefault((account, sold.lot_key, sold.sold_on), basis),
            position=position,
            account=account,
            part=part,
        )

    def fate_of(self, account: str, sold: Lot, units: Decimal, on: date) -> LossFate:
        """Return what purchases until now would make of a loss on units of a lot sold that day (R-1.2.4)."""
        group, left, lost = self._group(sold.security), units, ZERO
        origin = self.origin_of(account, sold.key, sold.root_key)
        for each in group.candidates[bisect_left(group.candidates, (on - _WINDOW,)) :]:
            bought = self.outside.get((each.account, each.key))
            lot = self.drafts[each.account].lots.get(each.key)
            if bought is not None:
                found = bought.units_left if self._is_in_scope(account, each.account) else ZERO
            elif lot is None or lot.acquired_on != each.acquired_on or not is_eligible(lot):
                continue
            else:
                is_one = self._may_replace(lot, each.account, by=account, origin=origin, sold=sold)
                found = lot.units if is_one and self._group(lot.security) is group else ZERO
            taken = min(found, left)
            left -= taken
            lost += taken if self._is_lost(account, each.account) else ZERO
        return LossFate(washed_frac=(units - left - lost) / units, lost_frac=lost / units)

    def positions(self) -> dict[tuple[str, str], int]:
        """Return the place in the order of events at which each open candidate came."""
        return {
            (each.account, each.key): each.first if self.is_sequenced else each.second
            for group in self._by_group.values()
            for each in group.candidates
            if self._is_open(each)
        }

    def _is_open(self, candidate: Candidate) -> bool:
        lot = self.drafts[candidate.account].lots.get(candidate.key)
        return (lot is not None and is_eligible(lot)) or (candidate.account, candidate.key) in self.outside

    # --- how it is matched -----------------------------------------------------------------------------------------

    def _group(self, security: str) -> _Group:
        name = self.groups.get(security, security)
        group = self._by_group.get(name)
        if group is None:
            group = self._by_group[name] = _Group()
        return group

    def _candidate(self, account: str, key: str, acquired_on: date, position: int) -> Candidate:
        is_late = self._late[account]  # of one day: taxable before retirement
        if self.is_sequenced:
            return Candidate(acquired_on, position, is_late, account, key)
        return Candidate(acquired_on, is_late, position, account, key)

    def _take_up(self, group: _Group, candidate: Candidate) -> None:
        first = bisect_left(group.pending, candidate.acquired_on - _WINDOW, key=lambda pair: pair[1].sold.sold_on)
        last = candidate.acquired_on + _WINDOW
        for _, loss in group.pending[first:]:
            if loss.sold.sold_on > last or not self._try(loss, candidate):
                break
        if any(loss.units_left <= 0 for _, loss in group.pending[first:]):
            group.pending = [pair for pair in group.pending if pair[1].units_left > 0]

    def _match(self, group: _Group, loss: Loss) -> None:
        entries = group.candidates
        at = bisect_left(entries, (loss.sold.sold_on - _WINDOW,))
        last = loss.sold.sold_on + _WINDOW
        gone: list[int] = []
        while at < len(entries) and entries[at].acquired_on <= last and loss.units_left > 0:
            if not self._try(loss, entries[at]):
                gone.append(at)
            at += 1
        for each in reversed(gone):
            del entries[each]
        if loss.units_left > 0:
            insort(group.pending, (loss.rank, loss), key=lambda pair: pair[0])

    def _try(self, loss: Loss, candidate: Candidate) -> bool:
        """Match what can be matched of a loss with one candidate; return whether anything of the candidate is left."""
        bought = self.outside.get((candidate.account, candidate.key)) if self.outside else None
        if bought is not None:
            if bought.units_left > 0 and self._is_in_scope(loss.account, candidate.account):
                self._wash_outside(loss, bought)
            return bought.units_left > 0
        draft = self.drafts[candidate.account]
        lot = draft.lots.get(candidate.key)
        if lot is None or not self._is_still(lot, loss, candidate):
            return False
        if not self._may_replace(lot, candidate.account, by=loss.account, origin=loss.origin, sold=loss.sold):
            return True
        self._wash(loss, lot, draft)
        left = draft.lots.get(candidate.key)
        return left is not None and not left.is_wash_consumed

    def _is_still(self, lot: Lot, loss: Loss, candidate: Candidate) -> bool:
        if lot.acquired_on != candidate.acquired_on or not is_eligible(lot):
            return False
        return lot.security == loss.security or self._group(lot.security) is self._group(loss.security)

    def _may_replace(self, lot: Lot, account: str, *, by: str, origin: Origin, sold: Disposition | Lot) -> bool:
        policy = self.policy
        if policy.same_acquisition_excluded and self.origin_of(account, lot.key, lot.root_key) == origin:
            return False
        acquired_on = sold.acquired_on
        if not policy.earlier_acquired_lots_count and acquired_on is not None and lot.acquired_on < acquired_on:
            return False
        return self._is_in_scope(by, account)

    def _is_in_scope(self, by: str, account: str) -> bool:
        if account == by:
            return True
        mine, theirs = self.accounts[by], self.accounts[account]
        if mine.owner == theirs.owner:
            return True
        return self.policy.spouse_in_scope and (theirs.owner in mine.spouses or mine.owner in theirs.spouses)

    def _is_lost(self, by: str, account: str) -> bool:
        facts = self.accounts[account]
        is_own = facts.owner == self.accounts[by].owner
        return facts.is_retirement or not (is_own or self.policy.spouse_basis_adjustment)

    def _wash(self, loss: Loss, lot: Lot, draft: Draft) -> None:
        units = min(loss.units_left, lot.units)
        part = part_of(lot, units)
        left = without(lot, part)
        key = lot.key
        if left is not None:
            draft.set(lot, left)
            key = draft.next_sublot_key(stem_of(lot.key))
        amount = self._take(loss, units)
        is_lost = self._is_lost(loss.account, draft.account)
        tacked = 0 if is_lost else self._tacked_days(loss, lot)
        washed = _replacement(lot, part, key, amount_usd=ZERO if is_lost else amount, tacked_days=tacked)
        draft.put(washed)
        self._record(
            loss, units, amount, account=draft.account, key=key, security=lot.security, bought_on=lot.acquired_on,
            tacked_days=tacked, is_lost=is_lost,
        )  # fmt: skip

    def _wash_outside(self, loss: Loss, bought: OutsidePurchase) -> None:
        units = min(loss.units_left, bought.units_left)
        bought.units_left -= units
        amount = self._take(loss, units)
        self._record(
            loss, units, amount, account=bought.account, key="", security=bought.security, bought_on=bought.bought_on,
            tacked_days=0, is_lost=self._is_lost(loss.account, bought.account),
        )  # fmt: skip

    def _take(self, loss: Loss, units: Decimal) -> Decimal:
        """Take so many units out of a loss and return what they lost; the last take what is left (R-2.6)."""
        amount = loss.loss_left_usd
        if units < loss.units_left:
            amount = (amount * units / loss.units_left).quantize(COST_STEP, ROUND_HALF_UP)
        loss.units_left -= units
        loss.loss_left_usd -= amount
        loss.disallowed_usd += amount
        return amount

    def _tacked_days(self, loss: Loss, lot: Lot) -> int:
        held_from = loss.held_from_on
        if held_from is None:
            return 0
        if self.policy.tacking is Tacking.EARLIEST_DATE:
            return max(0, (lot.held_from_on - held_from).days)
        return (loss.sold.sold_on - held_from).days

    def _record(
        self,
        loss: Loss,
        units: Decimal,
        amount_usd: Decimal,
        *,
        account: str,
        key: str,
        security: str,
        bought_on: date,
        tacked_days: int,
        is_lost: bool,
    ) -> None:
        if is_lost:
            loss.permanent_usd += amount_usd
        self.matches.append(
            WashMatch(
                loss_account=loss.account,
                loss_event_ref=loss.sold.event_ref,
                loss_lot_key=loss.sold.lot_key,
                loss_units=units if loss.scale == 1 else _units(units / loss.scale),
                sold_on=loss.sold.sold_on,
                account=account,
                lot_key=key,
                security=security,
                bought_on=bought_on,
                units=units,
                amount_usd=amount_usd,
                tacked_days=tacked_days,
                is_permanent=is_lost,
            )
        )


def is_eligible(lot: Lot) -> bool:
    """Tell whether a lot was acquired in a way that washes, and replaced nothing yet."""
    return lot.is_wash_acquisition and not lot.is_wash_consumed and not lot.wash_adjustment_usd


def _units(units: Decimal) -> Decimal:
    return units.quantize(UNIT_STEP, ROUND_HALF_UP)


def _replacement(lot: Lot, part: LotPart, key: str, *, amount_usd: Decimal, tacked_days: int) -> Lot:
    """Return the matched part of a replacement: higher basis, longer held, used up (R-1.3.9)."""
    return lot_part(
        lot,
        key=key,
        units=part.units,
        cost_usd=None if part.cost_usd is None else part.cost_usd + amount_usd,
        loss_cost_usd=None if part.loss_cost_usd is None else part.loss_cost_usd + amount_usd,
        wash_adjustment_usd=part.wash_usd + amount_usd,
        holding_on=lot.held_from_on - timedelta(days=tacked_days) if tacked_days else lot.holding_on,
        is_wash_consumed=True,
    )
