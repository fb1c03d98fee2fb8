"""The comparison with tax-blind trading, worked out by hand."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portfolios.ledger.tax import NO_GAINS, Gains, TaxRates, year_tax_usd
from reporting.measures.savings import Tally, add_savings, compare, share_usd

RATES = TaxRates(short_frac=Decimal("0.408"), long_frac=Decimal("0.238"), ordinary_frac=Decimal("0.37"))
ZERO = Decimal(0)


def gains(short: str = "0", long: str = "0") -> Gains:
    return Gains(short_usd=Decimal(short), long_usd=Decimal(long))


def test_less_gain_and_a_loss_used_is_split_as_by_hand() -> None:
    # Blind: a long gain of 10,000: tax 2,380. Ours: a long gain of 2,000 and a short loss of 1,000.
    # Less gain: 2,380 - 2,000 x .238 = 1,904. Loss: 1,000 against long gains = 238. Tax left 238.
    blind = Tally(gains=gains(long="10000"))
    ours = Tally(gains=gains(long="2000"), losses=gains(short="-1000"))

    saved = compare(ours=ours, blind=blind, before=NO_GAINS, rates=RATES)

    assert saved.deferred_gains_usd == Decimal("1904.00")
    assert saved.lower_rate_usd == 0
    assert saved.losses_usd == Decimal("238.00")
    assert saved.total_usd == Decimal("2142.00")
    # 10,000 - (2,000 - 1,000) = 9,000 more gain is still in our account: 2,142 to come, nothing for good.
    assert saved.to_come_usd == Decimal("2142.00")
    assert saved.for_good_usd == 0
    assert saved.carried_usd == 0


def test_long_lots_in_place_of_short_ones_are_saved_for_good() -> None:
    # 5,000 short is 2,040; 5,000 long is 1,190. The same gain is realised, so nothing is to come.
    saved = compare(
        ours=Tally(gains=gains(long="5000")), blind=Tally(gains=gains(short="5000")), before=NO_GAINS, rates=RATES
    )

    assert (saved.lower_rate_usd, saved.deferred_gains_usd, saved.losses_usd) == (Decimal("850.00"), 0, 0)
    assert (saved.to_come_usd, saved.for_good_usd) == (0, Decimal("850.00"))


def test_a_loss_beyond_gains_saves_ordinary_tax_up_to_the_allowance_and_carries_the_rest() -> None:
    # Nothing else this year: 8,000 of loss. 3,000 at 37% = 1,110 now; 5,000 carried.
    # The account now holds 8,000 more gain, of which 5,000 will meet the carried loss: 3,000 x .238 = 714 to come.
    saved = compare(ours=Tally(losses=gains(short="-8000")), blind=Tally(), before=NO_GAINS, rates=RATES)

    assert saved.losses_usd == saved.total_usd == Decimal("1110.00")
    assert saved.carried_usd == Decimal("5000.00")
    assert saved.to_come_usd == Decimal("714.00")
    assert saved.for_good_usd == Decimal("396.00")


def test_a_loss_is_worth_more_where_short_gains_were_realised_before() -> None:
    # 4,000 of short gains stand: 1,000 of loss takes away 408.
    saved = compare(ours=Tally(losses=gains(long="-1000")), blind=Tally(), before=gains(short="4000"), rates=RATES)

    assert saved.losses_usd == Decimal("408.00")
    assert saved.to_come_usd == Decimal("238.00")
    assert saved.for_good_usd == Decimal("170.00")


def test_gains_under_a_carryforward_save_nothing_now_and_keep_it() -> None:
    # 20,000 is carried in. The blind list uses 6,000 of it, ours nothing: no tax either way, 6,000 more is carried.
    saved = compare(ours=Tally(), blind=Tally(gains=gains(long="6000")), before=gains(long="-20000"), rates=RATES)

    assert saved.total_usd == 0
    assert saved.carried_usd == Decimal("6000.00")
    assert saved.to_come_usd == 0


def test_more_gain_than_tax_blind_trading_is_shown_as_a_cost() -> None:
    saved = compare(ours=Tally(gains=gains(long="1000")), blind=Tally(), before=NO_GAINS, rates=RATES)

    assert saved.total_usd == Decimal("-238.00")
    assert saved.to_come_usd == Decimal("-238.00")
    assert saved.for_good_usd == 0


MONEY = st.decimals(min_value=0, max_value=100000, places=2)


def tallies() -> st.SearchStrategy[Tally]:
    return st.builds(
        lambda a, b, c, d: Tally(gains=Gains(short_usd=a, long_usd=b), losses=Gains(short_usd=-c, long_usd=-d)),
        MONEY,
        MONEY,
        MONEY,
        MONEY,
    )


@given(tallies(), tallies(), tallies())
def test_the_rows_add_up_to_the_difference_in_tax(ours: Tally, blind: Tally, year: Tally) -> None:
    before = year.net

    saved = compare(ours=ours, blind=blind, before=before, rates=RATES)

    exact = year_tax_usd(before + blind.net, rates=RATES) - year_tax_usd(before + ours.net, rates=RATES)
    assert saved.losses_usd + saved.deferred_gains_usd + saved.lower_rate_usd == saved.total_usd
    assert abs(saved.total_usd - exact) <= Decimal("0.02")
    assert saved.to_come_usd + saved.for_good_usd == saved.total_usd


@given(tallies(), tallies())
def test_nothing_is_saved_against_oneself(ours: Tally, year: Tally) -> None:
    assert compare(ours=ours, blind=ours, before=year.net, rates=RATES).total_usd == 0


def test_days_add_up() -> None:
    one = compare(
        ours=Tally(gains=gains(long="5000")), blind=Tally(gains=gains(short="5000")), before=NO_GAINS, rates=RATES
    )

    assert add_savings([one, one]).total_usd == Decimal("1700.00")
    assert add_savings([]).total_usd == 0


def test_a_fee_is_counted_by_days() -> None:
    # 1,000,000 at 73 bp a year is 7,300, or 20 a day.
    assert share_usd(Decimal(1000000), bps=Decimal(73), days=10) == Decimal("200.00")
