"""Changes of lots as the journal can carry them: the sub-lots of a wash sale change as one family."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from portfolios.ledger.basis_views import known_cost
from portfolios.ledger.comparison import Cause
from portfolios.ledger.families import stem_of, sublot_order
from portfolios.ledger.restating import restate_family
from portfolios.ledger.types import CENT, ZERO, Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class LotChange:
    """
    How a lot must change: `lot_key` "" opens `lot`; without `lot` the named one goes away.

    `cause` is what explains the change; without one it is the custodian's word against ours.
    """

    lot_key: str
    lot: Lot | None
    reason: str
    cause: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyChange:
    """One change for a family; `beyond_usd` of washes elsewhere are then in its basis above the custodian's."""

    change: LotChange
    beyond_usd: Decimal = ZERO


def families_of(held: Sequence[Lot]) -> Mapping[str, Mapping[str, Lot]]:
    """Return the lots that a wash sale has split, by the key of the lot that they were split from."""
    members: dict[str, dict[str, Lot]] = defaultdict(dict)
    for lot in held:
        members[stem_of(lot.key)][lot.key] = lot
    return {stem: lots for stem, lots in members.items() if set(lots) != {stem}}


def of_family(
    stem: str,
    members: Mapping[str, Lot],
    changes: Sequence[LotChange],
    *,
    stated_usd: Decimal | None,
    beyond: Mapping[str, Decimal],
) -> FamilyChange:
    """
    Put the changes of sub-lots into one change of the lot that they were split from.

    A replay may cut the family otherwise; it then still knows what all of it amounts to. The basis of such a change is
    without the wash adjustment, which the replay keeps on the sub-lots that stay. `stated_usd` is the custodian's
    basis of what stays, `beyond` the adjustments by lot that the custodian cannot know.
    """
    after = dict(members)
    for change in changes:
        if change.lot is None:
            del after[change.lot_key]
        else:
            after[change.lot_key] = change.lot
    causes = {change.cause for change in changes}
    reason = "; ".join(dict.fromkeys(change.reason for change in changes))
    cause = causes.pop() if len(causes) == 1 else None
    if not after:
        return FamilyChange(change=LotChange(lot_key=stem, lot=None, reason=reason, cause=cause))
    whole = _whole(stem, tuple(after.values()))
    told = len(members) == len(after) and _washed(members.values()) != _washed(after.values())
    lot, extra = (whole, ZERO) if told else _kept(whole, tuple(members.values()), stated_usd, beyond)
    return FamilyChange(change=LotChange(lot_key=stem, lot=lot, reason=reason, cause=cause), beyond_usd=extra)


def of_single(change: LotChange, old: Lot | None) -> LotChange:
    """Leave a wash adjustment that the change does not touch to the replay that found it."""
    lot = change.lot
    if old is None or lot is None or lot.wash_adjustment_usd != old.wash_adjustment_usd:
        return change
    return replace(change, lot=_bare(lot))


def _bare(lot: Lot) -> Lot:
    """Take the wash adjustment out of a basis."""
    washed = lot.wash_adjustment_usd
    if not washed or lot.cost_usd is None:
        return lot
    loss_cost = None if lot.loss_cost_usd is None else max(lot.loss_cost_usd - washed, ZERO)
    return replace(lot, cost_usd=max(lot.cost_usd - washed, ZERO), loss_cost_usd=loss_cost, wash_adjustment_usd=ZERO)


def _whole(stem: str, after: Sequence[Lot]) -> Lot:
    """Put sub-lots together; dates are those of a part that no wash sale touched."""
    lots = sorted(after, key=lambda lot: (lot.is_wash_consumed, lot.key != stem, lot.key))
    return replace(
        lots[0],
        key=stem,
        units=sum((lot.units for lot in lots), ZERO),
        cost_usd=known_cost(lots),
        loss_cost_usd=None,
        wash_adjustment_usd=_washed(lots),
        holding_on=None if lots[0].is_wash_consumed else lots[0].holding_on,
        is_wash_consumed=False,
    )


def _kept(
    whole: Lot, before: Sequence[Lot], stated_usd: Decimal | None, beyond: Mapping[str, Decimal]
) -> tuple[Lot, Decimal]:
    """Find the basis that, with the wash adjustments that stay, is the custodian's and what it cannot know."""
    if whole.cost_usd is None:
        return replace(whole, wash_adjustment_usd=ZERO), ZERO
    bare = replace(whole, cost_usd=ZERO, wash_adjustment_usd=ZERO)
    kept = restate_family(sorted(before, key=sublot_order), bare)
    washed, total, extra = _washed(kept), whole.cost_usd, ZERO
    if stated_usd is not None:
        is_seen = total - stated_usd <= CENT * len(before)
        old = {lot.key: lot.wash_adjustment_usd for lot in before}
        parts = ((beyond.get(lot.key, ZERO) * lot.wash_adjustment_usd, old[lot.key]) for lot in kept)
        extra = ZERO if is_seen else sum((part / whole_part for part, whole_part in parts if whole_part), ZERO)
        total = stated_usd + extra
    if total < washed:
        return replace(bare, cost_usd=total, wash_adjustment_usd=total), extra
    return replace(bare, cost_usd=total - washed), extra


def _washed(lots: Iterable[Lot]) -> Decimal:
    return sum((lot.wash_adjustment_usd for lot in lots), ZERO)
