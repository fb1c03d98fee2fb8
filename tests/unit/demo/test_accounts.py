"""The histories of the demo's accounts agree with the prices, with themselves and with their situations."""

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest

from portfolios.demo.accounts import OPENING_DATE, AccountHistory, money
from portfolios.demo.files import Demo, build_demo
from portfolios.demo.market import SPLIT
from portfolios.demo.trading_days import BUSINESS_DATE


@pytest.fixture(scope="module")
def demo() -> Demo:
    return build_demo()


def history_of(demo: Demo, household: str, place: int = 1) -> AccountHistory:
    ref = next(h.ref for h in demo.households if h.name == household)
    return demo.histories[f"{ref}-{place}"]


def value_usd(demo: Demo, history: AccountHistory, symbol: str) -> float:
    units = sum((lot.units for lot in history.lots if lot.symbol == symbol), Decimal(0))
    return float(units) * demo.market.price(symbol, BUSINESS_DATE)


def test_sixty_households_hold_a_hundred_and_fifty_accounts_of_fifty_thousand_to_twenty_million(demo: Demo) -> None:
    accounts = [history.spec for history in demo.histories.values()]

    assert len(demo.households) == 60
    assert 145 <= len(accounts) <= 155
    assert min(a.value_usd for a in accounts) == 50_000
    assert max(a.value_usd for a in accounts) == 20_000_000
    assert {a.registration for a in accounts} >= {"individual", "joint", "trust", "ira", "roth_ira"}
    assert {a.profile for a in accounts} == {"conservative", "moderate", "balanced", "growth", "aggressive_growth"}
    assert {a.custodian for a in accounts} == {"generic", "schwab", "fidelity", "ibkr", "vanguard", "etrade"}


def test_account_numbers_are_unique_and_those_of_schwab_in_their_last_four_digits(demo: Demo) -> None:
    accounts = [history.spec for history in demo.histories.values()]
    tails = [a.number[-4:] for a in accounts if a.custodian == "schwab"]

    assert len({a.number for a in accounts}) == len({a.ref for a in accounts}) == len(accounts)
    assert len(set(tails)) == len(tails) > 5


def test_every_lot_was_bought_on_a_trading_day_at_its_price(demo: Demo) -> None:
    days = set(demo.market.days)

    for history in demo.histories.values():
        for lot in history.lots:
            assert lot.acquired_on in days
            if lot.cost_usd is None:
                continue
            ratio = SPLIT.ratio if lot.symbol == SPLIT.symbol else 1
            price = demo.market.price(lot.symbol, lot.acquired_on) * ratio
            assert float(lot.cost_usd) == pytest.approx(float(lot.units) * price, rel=0.02)


def test_account_values_are_those_of_the_specification(demo: Demo) -> None:
    for history in demo.histories.values():
        held = sum(float(lot.units) * demo.market.price(lot.symbol, BUSINESS_DATE) for lot in history.lots)
        whole = held + float(history.cash_usd)
        assert whole == pytest.approx(float(history.spec.value_usd), rel=0.06), history.spec.ref


def test_opening_positions_and_transactions_add_up_to_the_closing_ones(demo: Demo) -> None:
    told = [history for history in demo.histories.values() if history.has_history]
    assert len(told) > 15

    for history in told:
        units: dict[str, Decimal] = defaultdict(Decimal)
        for lot in history.opening_lots:
            assert lot.acquired_on <= OPENING_DATE
            units[lot.symbol] += lot.units
        cash_usd = history.opening_cash_usd
        for done in history.transactions:
            assert OPENING_DATE < done.traded_on <= BUSINESS_DATE
            units[done.symbol] += done.units
            cash_usd += done.amount_usd
        closing: dict[str, Decimal] = defaultdict(Decimal)
        for lot in history.lots:
            closing[lot.symbol] += lot.units
        assert {s: u for s, u in units.items() if u} == dict(closing)
        assert cash_usd == history.cash_usd
        assert history.cash_usd > 0


def test_no_ordinary_purchase_lies_in_the_wash_sale_window(demo: Demo) -> None:
    window = BUSINESS_DATE - timedelta(days=30)

    recent = {
        (history.spec.ref, lot.symbol)
        for history in demo.histories.values()
        for lot in history.lots
        if lot.acquired_on >= window
    }

    assert recent == {
        (history_of(demo, "Nakamura", 2).spec.ref, "BCEM"),
        (history_of(demo, "Moreau", 2).spec.ref, "TWID"),
        (history_of(demo, "Moreau", 3).spec.ref, "TWID"),
    }


def test_whitcombe_holds_a_concentrated_stock_of_low_basis(demo: Demo) -> None:
    history = history_of(demo, "Whitcombe")
    lots = [lot for lot in history.lots if lot.symbol == "LUMR" and lot.acquired_on.year <= 2015]
    cost = sum((lot.cost_usd or Decimal(0) for lot in lots), Decimal(0))

    assert value_usd(demo, history, "LUMR") > 0.35 * float(history.spec.value_usd)
    assert float(cost) < 0.15 * value_usd(demo, history, "LUMR")


def test_nakamura_stands_at_a_loss_in_what_the_spouse_bought(demo: Demo) -> None:
    history = history_of(demo, "Nakamura")
    price = demo.market.price("BCEM", BUSINESS_DATE)
    lots = [lot for lot in history.lots if lot.symbol == "BCEM"]

    assert lots and any(float(lot.units) * price < float(lot.cost_usd or 0) for lot in lots)


def test_castellano_has_used_most_of_the_tax_budget(demo: Demo) -> None:
    history = history_of(demo, "Castellano")
    household = next(h for h in demo.households if h.name == "Castellano")
    tax = household.tax
    rate = tax.federal_long_frac + tax.niit_frac + tax.state_frac
    gain = sum((c.proceeds_usd - (c.lot.cost_usd or Decimal(0)) for c in history.closed), Decimal(0))
    budget = history.spec.settings["budget_tax_usd"]
    assert isinstance(budget, Decimal)

    assert all((c.sold_on - c.lot.acquired_on).days > 366 for c in history.closed)
    assert Decimal("0.85") * budget < gain * rate < budget


def test_castillo_sold_one_share_class_at_a_loss_within_thirty_days(demo: Demo) -> None:
    closed = history_of(demo, "Castillo").closed

    assert [c.lot.symbol for c in closed] == ["SLMA"]
    assert closed[0].proceeds_usd < (closed[0].lot.cost_usd or Decimal(0))
    assert (BUSINESS_DATE - closed[0].sold_on).days <= 30


def test_moreau_sold_at_losses_that_two_other_accounts_wash_in_part(demo: Demo) -> None:
    first, second = [c for c in history_of(demo, "Moreau").closed if c.lot.symbol == "TWID"]
    joint, ira = history_of(demo, "Moreau", 2), history_of(demo, "Moreau", 3)
    (bought,) = [lot for lot in ira.lots if lot.symbol == "TWID" and lot.acquired_on.year == 2026]
    (reinvested,) = [done for done in joint.transactions if done.kind == "reinvest"]

    assert all(c.proceeds_usd < (c.lot.cost_usd or Decimal(0)) for c in (first, second))
    assert (bought.acquired_on - first.sold_on).days == 10
    assert first.lot.units - 1 == bought.units and reinvested.units == 2
    assert second.sold_on < reinvested.traded_on <= first.sold_on + timedelta(days=30) < BUSINESS_DATE
    assert second.sold_on + timedelta(days=30) >= BUSINESS_DATE


def test_delacroix_lacks_the_basis_of_two_positions(demo: Demo) -> None:
    unknown = {lot.symbol for lot in history_of(demo, "Delacroix").lots if lot.cost_usd is None}

    assert len(unknown) == 2


def test_thornbury_is_stated_before_the_split(demo: Demo) -> None:
    history = history_of(demo, "Thornbury")
    lots = [lot for lot in history.lots if lot.symbol == SPLIT.symbol]

    before_split = sum(float(lot.units) for lot in lots) * demo.market.price(SPLIT.symbol, BUSINESS_DATE)

    assert before_split == pytest.approx(float(history.spec.value_usd) * 0.03 / SPLIT.ratio, rel=0.02)


def test_osei_holds_losses_in_what_the_outside_account_bought(demo: Demo) -> None:
    history = history_of(demo, "Osei")
    outside = history_of(demo, "Osei", 2).spec
    bought = {trade.symbol for trade in outside.outside_trades if trade.side == "buy"}
    price = demo.market.price("BCID", BUSINESS_DATE)

    assert outside.is_held_away and bought == {"BCID"}
    assert any(float(lot.units) * price < float(lot.cost_usd or 0) for lot in history.lots if lot.symbol == "BCID")


def test_most_taxable_accounts_hold_losses_worth_a_look_and_more_gains(demo: Demo) -> None:
    taxable = [h for h in demo.histories.values() if h.spec.tax_status == "taxable"]

    def unrealised(history: AccountHistory) -> tuple[float, float]:
        gains = [
            float(lot.units) * demo.market.price(lot.symbol, BUSINESS_DATE) - float(lot.cost_usd)
            for lot in history.lots
            if lot.cost_usd is not None
        ]
        return sum(g for g in gains if g > 0), -sum(g for g in gains if g < 0)

    sums = [unrealised(history) for history in taxable]

    assert sum(loss > 0 for _, loss in sums) > 0.9 * len(sums)
    assert sum(gain > loss for gain, loss in sums) > 0.9 * len(sums)
    assert money(1.005) == Decimal("1.01") and date(2026, 11, 20) == BUSINESS_DATE
