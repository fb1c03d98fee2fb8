"""
Corporate actions conserve: units and basis, holding periods, whatever the lots and their order (R-3.0, P1).

A whole position and its parts come to the same where fractions are kept.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolios.ledger.corporate_actions.effect import ActionEffect
from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.types import CENT, UNIT_STEP, ZERO, DispositionKind, Lot, Relief
from tests.action_words import ON

D = Decimal
METHODS = (Relief.FIFO, Relief.LIFO, Relief.HIFO, Relief.LOFO, Relief.MAX_LOSS, Relief.MAX_GAIN, Relief.LONG_FIRST)
_SCALING = (ActionKind.SPLIT, ActionKind.REVERSE_SPLIT, ActionKind.STOCK_DIVIDEND)


@st.composite
def lots_held(draw: st.DrawFn, *, known: bool = True) -> tuple[Lot, ...]:
    """Draw up to six lots of a hundredth of a unit and more, of known basis unless told otherwise."""
    found = []
    for number in range(draw(st.integers(1, 6))):
        acquired = ON - timedelta(days=draw(st.integers(1, 2000)))
        cents = draw(st.integers(0, 10**8) if known else st.none() | st.integers(0, 10**8))
        cost = None if cents is None else D(cents) / 100
        wash = D(draw(st.integers(0, cents or 0))) / 100
        lot = Lot(
            key=f"L{number}",
            security="XYZ",
            units=D(draw(st.integers(10_000, 10**9))) / 1_000_000,
            cost_usd=cost,
            acquired_on=acquired,
            holding_on=draw(st.none() | st.just(acquired - timedelta(days=40))),
            wash_adjustment_usd=wash,
            is_wash_consumed=draw(st.booleans()),
        )
        found.append(lot)
    return tuple(found)


@st.composite
def actions(draw: st.DrawFn, *, pays: bool | None = None, paying_cash: bool = True) -> ActionTerms:
    """Draw the terms of an action without tax on what is received; fractions paid or kept."""
    kinds = [*_SCALING, ActionKind.SPIN_OFF, ActionKind.CLASS_DIVIDEND, ActionKind.STOCK_MERGER]
    if paying_cash:
        kinds += [
            ActionKind.MIXED_MERGER,
            ActionKind.CASH_MERGER,
            ActionKind.RETURN_OF_CAPITAL,
            ActionKind.SPECIAL_DIVIDEND,
        ]
    kind = draw(st.sampled_from(kinds))
    rates = st.integers(100, 10_000).map(lambda rate: D(rate) / 1000)
    price, new_price = D(draw(st.integers(1, 10**5))) / 100, D(draw(st.integers(1, 10**5))) / 100
    pays_fractions = draw(st.booleans()) if pays is None else pays
    bare = ActionTerms(kind=kind, key="A", security="XYZ", effective_on=ON, price_usd=price)
    if kind in _SCALING:
        return replace(bare, ratio=draw(rates), pays_fractions=pays_fractions, fraction_price_usd=new_price)
    if kind in (ActionKind.CASH_MERGER, ActionKind.RETURN_OF_CAPITAL, ActionKind.SPECIAL_DIVIDEND):
        return replace(bare, cash_per_unit_usd=price)
    children = ("NEW", "CVR") if draw(st.booleans()) else ("NEW",)
    return replace(
        bare,
        delivered=tuple(
            Delivery(security=child, units_per_unit=draw(rates), price_usd=new_price, fraction_price_usd=new_price)
            for child in children
        ),
        pays_fractions=pays_fractions,
        cash_per_unit_usd=price if kind is ActionKind.MIXED_MERGER else ZERO,
    )


def _apply(lots: Sequence[Lot], terms: ActionTerms, method: Relief = Relief.FIFO) -> ActionEffect:
    return apply_action(lots, terms, HolderTerms(), method=method, event_ref="E")


def _out(effect: ActionEffect) -> tuple[Lot, ...]:
    return (*effect.kept, *effect.opened)


def _units(lots: Sequence[Lot], security: str) -> Decimal:
    return sum((lot.units for lot in lots if lot.security == security), ZERO)


def _basis(lots: Sequence[Lot]) -> Decimal:
    return sum((lot.cost_usd or ZERO for lot in lots), ZERO)


@given(lots=lots_held(), terms=actions(), method=st.sampled_from(METHODS))
def test_basis_income_and_gain_come_in_as_basis_and_cash_go_out(
    lots: tuple[Lot, ...], terms: ActionTerms, method: Relief
) -> None:
    effect = _apply(lots, terms, method)

    gain = sum((sold.gain_usd or ZERO for sold in effect.dispositions), ZERO)
    missing = _basis(lots) + effect.income_usd + gain - _basis(_out(effect)) - effect.cash_usd
    assert abs(missing) <= CENT / 2 * len(effect.dispositions)
    assert {lot.key for lot in lots} == {lot.key for lot in effect.kept} | set(effect.gone)


@given(lots=lots_held(known=False), terms=actions(), method=st.sampled_from(METHODS))
def test_units_are_those_of_the_position_and_fractions_are_paid_once(
    lots: tuple[Lot, ...], terms: ActionTerms, method: Relief
) -> None:
    effect = _apply(lots, terms, method)

    rates = {each.security: each.units_per_unit for each in terms.delivered}
    rates |= {terms.security: terms.ratio} if terms.ratio is not None else {}
    for security, rate in rates.items():
        reached = (_units(lots, "XYZ") * rate).quantize(UNIT_STEP, ROUND_HALF_UP)
        whole = reached.to_integral_value(ROUND_FLOOR) if terms.pays_fractions else reached
        paid = [
            sold.units
            for sold in effect.dispositions
            if (sold.kind, sold.security) == (DispositionKind.CASH_IN_LIEU, security)
        ]
        assert _units(_out(effect), security) == whole
        assert sum(paid, ZERO) == reached - whole


@given(lots=lots_held(known=False), terms=actions(), method=st.sampled_from(METHODS))
def test_holding_periods_roots_and_unknown_bases_stay(
    lots: tuple[Lot, ...], terms: ActionTerms, method: Relief
) -> None:
    before = {lot.root_key: lot for lot in lots}

    for lot in _out(_apply(lots, terms, method)):
        parent = before[lot.root_key]
        assert (lot.acquired_on, lot.holding_on) == (parent.acquired_on, parent.holding_on)
        assert lot.is_wash_consumed == parent.is_wash_consumed
        assert (lot.cost_usd is None) == (parent.cost_usd is None)


@given(lots=lots_held(known=False), terms=actions(), method=st.sampled_from(METHODS), seed=st.randoms())
def test_the_order_of_lots_does_not_matter(
    lots: tuple[Lot, ...], terms: ActionTerms, method: Relief, seed: object
) -> None:
    shuffled = list(lots)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]

    assert _apply(shuffled, terms, method) == _apply(lots, terms, method)


@settings(max_examples=200)
@given(lots=lots_held(), terms=actions(pays=False, paying_cash=False), cut=st.integers(0, 6))
def test_a_whole_is_its_parts_where_fractions_are_kept(lots: tuple[Lot, ...], terms: ActionTerms, cut: int) -> None:
    whole = {lot.key: lot for lot in _out(_apply(lots, terms))}
    parts = {lot.key: lot for some in (lots[:cut], lots[cut:]) for lot in _out(_apply(some, terms))}

    # Units are rounded on the running total: a lot may differ by the last digit, its basis and dates do not.
    assert parts.keys() == whole.keys()
    for key, lot in whole.items():
        assert abs(parts[key].units - lot.units) <= UNIT_STEP
        assert replace(parts[key], units=lot.units) == lot


@given(lots=lots_held(), ratio=st.integers(2, 50))
def test_a_split_and_its_reverse_give_the_lots_back(lots: tuple[Lot, ...], ratio: int) -> None:
    forth = ActionTerms(kind=ActionKind.SPLIT, key="A", security="XYZ", effective_on=ON, ratio=D(ratio))
    back = replace(forth, kind=ActionKind.REVERSE_SPLIT, ratio=1 / D(ratio))

    returned = _apply(_apply(lots, forth).kept, back).kept

    assert {lot.key: lot for lot in returned} == {lot.key: lot for lot in lots}


@given(lots=lots_held(), price=st.integers(0, 10**4), cash=st.integers(1, 10**4))
def test_boot_is_never_a_loss_and_never_more_than_the_cash(lots: tuple[Lot, ...], price: int, cash: int) -> None:
    stock = Delivery(security="NEW", units_per_unit=D("0.37"), price_usd=D(price) / 100)
    terms = ActionTerms(
        kind=ActionKind.MIXED_MERGER,
        key="A",
        security="XYZ",
        effective_on=date(2025, 6, 16),
        delivered=(stock,),
        cash_per_unit_usd=D(cash) / 100,
    )

    effect = _apply(lots, terms)

    for sold in effect.dispositions:
        assert sold.gain_usd is not None and 0 <= sold.gain_usd <= sold.proceeds_usd
    assert all(lot.cost_usd is not None and lot.cost_usd >= 0 for lot in effect.kept)
