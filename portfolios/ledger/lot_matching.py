"""Compare the lots of a security with those that a custodian states: what explains a difference, what must change."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger.basis_views import BasisView, known_cost, view_basis
from portfolios.ledger.comparison import UNIT_TOLERANCE, Cause, LotFacts
from portfolios.ledger.families import stem_of
from portfolios.ledger.gains import split_lot
from portfolios.ledger.lot_changes import LotChange, families_of, of_family, of_single
from portfolios.ledger.lot_opening import Setting, is_dated_enough, opened_lot
from portfolios.ledger.lot_pairs import Pair, is_same_cost, is_same_units, pair_lots, units_words
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import COST_STEP, ZERO, Lot


@dataclass(frozen=True, slots=True, kw_only=True)
class LotNote:
    """A difference of a family's lots that is explained and stays; `cost_usd` is the custodian's basis above ours."""

    cause: Cause
    sentence: str
    cost_usd: Decimal = ZERO
    stem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LotComparison:
    """What makes the held lots the stated ones, and what differs and stays; neither where all agrees."""

    changes: tuple[LotChange, ...] = ()
    notes: tuple[LotNote, ...] = ()


def compare_lots(
    held: Sequence[Lot], stated: Sequence[StatedLot], *, setting: Setting, facts: LotFacts
) -> LotComparison:
    """
    Say what makes the held lots of one security the stated ones, and what differs for a reason that is known.

    What a statement does not know (a basis, a date, a flag) does not erase what the book knows.
    """
    found = pair_lots(held, stated, facts=facts)
    changes: list[LotChange] = []
    notes: list[LotNote] = []
    for each in found.pairs:
        pair = _dated(each, setting)
        view = view_basis(pair.lots, pair.rows, facts=facts)
        notes.extend(_notes(pair, view))
        told = pair if _is_settled(pair, view) else _with_our_washes(pair, facts, notes)
        changes.extend(_single_changes(told, view) if pair.is_single else _group_changes(told, view))
    changes += [_gone(lot) for lot in found.only_held]
    used = {lot.key for lot in held} | {stem_of(lot.key) for lot in held}
    for row in found.only_stated:
        opened = opened_lot(row, used, setting)
        used.add(opened.key)
        when = row.acquired_on or "an unknown date"
        reason = f"the custodian states {units_words(row.units)} of {when} that nothing explains"
        changes.append(LotChange(lot_key="", lot=opened, reason=reason))
    return _by_family(changes, notes, held, found.pairs, facts)


def _by_family(
    changes: Sequence[LotChange],
    notes: Sequence[LotNote],
    held: Sequence[Lot],
    pairs: Sequence[Pair],
    facts: LotFacts,
) -> LotComparison:
    """Change the sub-lots of a wash sale as one, and note how far that leaves the basis from the custodian's."""
    families, lots = families_of(held), {lot.key: lot for lot in held}
    by_stem: dict[str, list[LotChange]] = defaultdict(list)
    single = []
    for change in changes:
        stem = stem_of(change.lot_key)
        if change.lot_key and stem in families:
            by_stem[stem].append(change)
        else:
            single.append(of_single(change, lots.get(change.lot_key)))
    kept = [note for note in notes if note.stem not in by_stem or not note.cost_usd]
    for stem, some in by_stem.items():
        rows = [row for pair in pairs if stem_of(pair.lots[0].key) == stem for row in pair.rows]
        found = of_family(stem, families[stem], some, stated_usd=known_cost(rows), beyond=facts.beyond_usd)
        single.append(found.change)
        if found.beyond_usd:
            sentence = (
                f"our basis holds ${found.beyond_usd:,.2f} of wash-sale adjustments that the custodian does not see"
            )
            kept.append(LotNote(cause=Cause.WASH_ADJUSTMENT, sentence=sentence, cost_usd=-found.beyond_usd, stem=stem))
    return LotComparison(changes=tuple(single), notes=tuple(kept))


def _is_settled(pair: Pair, view: BasisView) -> bool:
    return is_same_units(pair.lots, pair.rows) and (view.is_same or (view.cause is not None and view.is_ours_kept))


def _with_our_washes(pair: Pair, facts: LotFacts, notes: list[LotNote]) -> Pair:
    """Add what of our wash adjustments the custodian cannot know to the basis that it restates: that part is ours."""
    beyond = sum((facts.beyond_usd.get(lot.key, ZERO) for lot in pair.lots), ZERO)
    first = pair.rows[0]
    if beyond <= 0 or first.cost_usd is None or any(row.wash_adjustment_usd for row in pair.rows):
        return pair
    sentence = f"our basis holds ${beyond:,.2f} of wash-sale adjustments that the custodian does not see"
    stem = stem_of(pair.lots[0].key)
    notes.append(LotNote(cause=Cause.WASH_ADJUSTMENT, sentence=sentence, cost_usd=-beyond, stem=stem))
    return replace(pair, rows=(replace(first, cost_usd=first.cost_usd + beyond), *pair.rows[1:]))


def _dated(pair: Pair, setting: Setting) -> Pair:
    """Leave a basis unknown where only a row without a trade date would tell it: its term would stay unknown."""
    if not setting.is_taxable or known_cost(pair.lots) is not None or all(map(is_dated_enough, pair.rows)):
        return pair
    return replace(pair, rows=tuple(replace(row, cost_usd=None) for row in pair.rows))


def adjust_units(held: Sequence[Lot], units: Decimal, *, security: str, setting: Setting) -> tuple[LotChange, ...]:
    """
    Say what makes the held lots of one security add up to the stated units, where no lots are stated.

    Missing units are taken from the earliest lots; additional ones have neither basis nor date that is known.
    """
    difference = units - sum((lot.units for lot in held), ZERO)
    if abs(difference) <= UNIT_TOLERANCE:
        return ()
    if difference > 0:
        row = StatedLot(
            security=security,
            units=difference,
            cost_usd=None,
            acquired_on=None,
            is_wash_acquisition=not setting.is_first,  # unexplained units may well have been bought
        )
        opened = opened_lot(row, {lot.key for lot in held}, setting)
        reason = f"the custodian states {units_words(difference)} more, basis unknown"
        return (LotChange(lot_key="", lot=opened, reason=reason),)
    return _reduced(held, -difference)


def _units(lots: Sequence[Lot] | Sequence[StatedLot]) -> Decimal:
    return sum((lot.units for lot in lots), ZERO)


def _gone(lot: Lot) -> LotChange:
    reason = f"the custodian no longer states {units_words(lot.units)} of {lot.acquired_on}"
    return LotChange(lot_key=lot.key, lot=None, reason=reason)


def _reduced(held: Sequence[Lot], missing: Decimal) -> tuple[LotChange, ...]:
    changes = []
    for lot in sorted(held, key=lambda lot: (lot.acquired_on, lot.key)):
        if missing <= 0:
            break
        taken = min(missing, lot.units)
        missing -= taken
        reason = f"the custodian states {units_words(taken)} less; the earliest lots were reduced"
        changes.append(LotChange(lot_key=lot.key, lot=split_lot(lot, taken).left, reason=reason))
    return tuple(changes)


def _notes(pair: Pair, view: BasisView) -> list[LotNote]:
    """Tell what of a pair differs and stays: units that are rounded, a basis that is explained, lots cut otherwise."""
    if not is_same_units(pair.lots, pair.rows):
        return []
    notes = []
    ours, theirs = _units(pair.lots), _units(pair.rows)
    if ours != theirs:
        sentence = f"the custodian rounds {units_words(ours)} to {theirs.normalize():f}"
        notes.append(LotNote(cause=Cause.ROUNDING, sentence=sentence))
    if view.cause is not None and view.is_ours_kept:
        cost = view.difference_usd or ZERO
        stem = stem_of(pair.lots[0].key)
        notes.append(LotNote(cause=view.cause, sentence=view.sentence, cost_usd=cost, stem=stem))
    elif view.is_same and len(pair.lots) != len(pair.rows) and _is_washed(pair):
        counts = f"{len(pair.lots)} sub-lots of a wash sale where the custodian keeps {len(pair.rows)}"
        sentence = f"the ledger keeps {counts}"
        notes.append(LotNote(cause=Cause.WASH_ADJUSTMENT, sentence=sentence))
    return notes


def _is_washed(pair: Pair) -> bool:
    return any(lot.wash_adjustment_usd or lot.is_wash_consumed for lot in pair.lots)


def _group_changes(pair: Pair, view: BasisView) -> list[LotChange]:
    """Give several lots together the basis that their custodian states, each by its units; flags stay ours."""
    total = known_cost(pair.rows)
    if total is None or _is_settled(pair, view):
        return []
    units, given, changes = _units(pair.lots), ZERO, []
    before = known_cost(pair.lots)
    for lot in pair.lots[:-1]:
        part = _part_of(total, before, lot, units)
        given += part
        changes.append(_with_cost(lot, part, view))
    last = _with_cost(pair.lots[-1], total - given, view)
    return [*changes, last]


def _part_of(total: Decimal, before: Decimal | None, lot: Lot, units: Decimal) -> Decimal:
    """Spread what a basis changes over units; where that would make one negative, or parts are unknown, all of it."""
    share = lot.units / units
    if before is None or lot.cost_usd is None or total < before:
        return (total * share).quantize(COST_STEP, ROUND_HALF_EVEN)
    return (lot.cost_usd + (total - before) * share).quantize(COST_STEP, ROUND_HALF_EVEN)


def _with_cost(lot: Lot, cost: Decimal, view: BasisView) -> LotChange:
    washed = lot.wash_adjustment_usd
    if view.cause is Cause.WASH_ADJUSTMENT:
        washed += cost - (lot.cost_usd or ZERO)
    restated = replace(lot, cost_usd=cost, wash_adjustment_usd=washed)
    return LotChange(lot_key=lot.key, lot=restated, reason=_difference(lot, restated), cause=view.cause)


def _single_changes(pair: Pair, view: BasisView) -> list[LotChange]:
    (lot,), (row,) = pair.lots, pair.rows
    is_moved, is_kept = not is_same_units((lot,), (row,)), _is_settled(pair, view)
    if is_kept:
        row = replace(row, cost_usd=None, wash_adjustment_usd=ZERO)
    change = _change(lot, row)
    if change is None:
        return []
    return [change if is_kept or is_moved else replace(change, cause=view.cause)]


def _change(lot: Lot, stated: StatedLot) -> LotChange | None:
    is_moved = not is_same_units((lot,), (stated,))
    is_restated = stated.cost_usd is not None and (is_moved or not is_same_cost(lot, stated))
    agreed = replace(
        lot,
        units=stated.units if is_moved else lot.units,
        cost_usd=stated.cost_usd if is_restated else lot.cost_usd,
        loss_cost_usd=_agreed_loss_cost(lot, stated),
        wash_adjustment_usd=stated.wash_adjustment_usd or lot.wash_adjustment_usd,
        acquired_on=stated.acquired_on or lot.acquired_on,
        holding_on=stated.holding_on or lot.holding_on,
        is_inherited=lot.is_inherited or stated.is_inherited,
        is_gift=lot.is_gift or stated.is_gift,
        is_wash_acquisition=(
            lot.is_wash_acquisition if stated.is_wash_acquisition is None else stated.is_wash_acquisition
        ),
        is_wash_consumed=lot.is_wash_consumed or stated.is_wash_consumed,
    )
    if agreed == lot:
        return None
    if agreed.units != lot.units and not is_restated:
        agreed = _rescaled(agreed, from_units=lot.units)
    return LotChange(lot_key=lot.key, lot=agreed, reason=_difference(lot, agreed))


def _agreed_loss_cost(lot: Lot, stated: StatedLot) -> Decimal | None:
    if lot.cost_usd is None and stated.cost_usd is None:
        return None
    return lot.loss_cost_usd if stated.loss_cost_usd is None else stated.loss_cost_usd


def _rescaled(lot: Lot, *, from_units: Decimal) -> Lot:
    """Leave a lot whose units changed, but whose basis is not stated, with the basis of the units that remain."""
    if lot.units >= from_units:
        return replace(lot, cost_usd=None, loss_cost_usd=None)  # additional units at an unknown price
    return split_lot(replace(lot, units=from_units), lot.units).taken


def _difference(before: Lot, after: Lot) -> str:
    said = []
    if before.units != after.units:
        said.append(f"units {units_words(before.units)} are {units_words(after.units)}")
    if before.cost_usd != after.cost_usd:
        said.append(f"basis {_dollars(before.cost_usd)} is {_dollars(after.cost_usd)}")
    if before.acquired_on != after.acquired_on:
        said.append(f"acquired {before.acquired_on} is {after.acquired_on}")
    return "the custodian states that " + (", ".join(said) or "holding period or flags differ")


def _dollars(amount_usd: Decimal | None) -> str:
    return "unknown" if amount_usd is None else f"${amount_usd:,.2f}"
