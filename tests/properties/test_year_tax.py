"""The year's tax whatever the trades: P7, P8 and P10 of the tax specification; the ladder against the difference."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from portfolios.ledger.derived_rates import derive_rates
from portfolios.ledger.ladder import loss_ladder
from portfolios.ledger.state_tables import state_table
from portfolios.ledger.tax import Gains, TaxRates, net_year
from portfolios.ledger.tax_schemes import CorporateScheme, MarginalScheme, OtherIncome, ScheduleScheme, Scheme
from portfolios.ledger.tax_tables import FILING_STATUSES, TABLE_YEARS, FederalTable, federal_table
from portfolios.ledger.trade_tax import ListedTrade, attribute_tax, tax_of_list
from portfolios.ledger.types import ZERO, Term

LIMITS = st.sampled_from([Decimal(0), Decimal(1500), Decimal(3000)])
STATES = st.sampled_from(["", "MA", "CA", "NJ", "WA", "WI", "MD", "TX", "MN"])


def _usd(least: int, most: int) -> st.SearchStrategy[Decimal]:
    return st.integers(least * 100, most * 100).map(lambda cents: Decimal(cents) / 100)


GAINS = st.builds(Gains, short_usd=_usd(-60_000, 60_000), long_usd=_usd(-60_000, 60_000))
LARGE = st.builds(Gains, short_usd=_usd(-400_000, 900_000), long_usd=_usd(-400_000, 900_000))
CARRIED = st.builds(Gains, short_usd=_usd(0, 40_000), long_usd=_usd(0, 40_000))


@st.composite
def rates(draw: st.DrawFn) -> TaxRates:
    """Draw rates that can be: short at least ordinary, long on either side of it."""
    short = draw(st.integers(0, 60))
    ordinary, long = draw(st.integers(0, short)), draw(st.integers(0, 60))
    return TaxRates(
        short_frac=Decimal(short) / 100,
        long_frac=Decimal(long) / 100,
        ordinary_frac=Decimal(ordinary) / 100,
        ordinary_offset_usd=draw(LIMITS),
    )


@st.composite
def schedules(draw: st.DrawFn) -> ScheduleScheme:
    """Draw a filing status, a year, other income and a state."""
    year = draw(st.sampled_from(TABLE_YEARS))
    return ScheduleScheme(
        table=federal_table(year, draw(st.sampled_from(FILING_STATUSES))),
        income=OtherIncome(
            wages_usd=draw(_usd(0, 700_000)),
            interest_usd=draw(_usd(0, 50_000)),
            qualified_dividends_usd=draw(_usd(0, 80_000)),
            deduction_usd=draw(_usd(0, 40_000)),
        ),
        state=state_table(year, draw(STATES)),
    )


SCHEMES: st.SearchStrategy[Scheme] = st.one_of(
    st.builds(MarginalScheme, rates=rates()), schedules(), st.just(CorporateScheme())
)


@st.composite
def trades(draw: st.DrawFn) -> list[ListedTrade]:
    """Draw a list with washed losses and untaxed accounts."""
    rows = []
    for number in range(draw(st.integers(0, 6))):
        gain = draw(_usd(-50_000, 50_000))
        washed = draw(_usd(0, 50_000)) if gain < 0 else ZERO
        status = draw(st.sampled_from(["taxable", "taxable", "roth_ira"]))
        rows.append(
            ListedTrade(
                key=f"T{number}",
                term=draw(st.sampled_from(Term)),
                gain_usd=gain,
                disallowed_usd=min(washed, -gain) if gain < 0 else ZERO,
                tax_status=status,
            )
        )
    return rows


@settings(max_examples=200)
@given(SCHEMES, trades(), trades(), LARGE, CARRIED)
def test_p7_two_lists_cost_what_the_first_costs_and_then_the_second(
    scheme: Scheme, first: list[ListedTrade], second: list[ListedTrade], so_far: Gains, carried: Gains
) -> None:
    both = tax_of_list([*first, *second], scheme=scheme, year_to_date=so_far, carried_in=carried)
    one = tax_of_list(first, scheme=scheme, year_to_date=so_far, carried_in=carried)

    then = tax_of_list(second, scheme=scheme, year_to_date=so_far + one.totals.recognized, carried_in=carried)

    assert both.cost_usd == one.cost_usd + then.cost_usd
    assert both.carried_change == one.carried_change + then.carried_change


@settings(max_examples=100)
@given(SCHEMES, trades(), LARGE, CARRIED)
def test_p7_the_shares_of_the_trades_add_up_to_the_list(
    scheme: Scheme, listed: list[ListedTrade], so_far: Gains, carried: Gains
) -> None:
    shares = attribute_tax(listed, scheme=scheme, year_to_date=so_far, carried_in=carried)

    whole = tax_of_list(listed, scheme=scheme, year_to_date=so_far, carried_in=carried).cost_usd
    assert sum((share.tax_usd for share in shares), ZERO) == whole
    assert all(share.tax_usd == 0 for share, trade in zip(shares, listed, strict=True) if trade.tax_status != "taxable")


@settings(max_examples=300)
@given(SCHEMES, LARGE, CARRIED, st.sampled_from(Term), _usd(0, 200_000))
def test_p8_tax_never_falls_with_a_gain_and_never_rises_with_a_loss(
    scheme: Scheme, so_far: Gains, carried: Gains, term: Term, amount: Decimal
) -> None:
    gain = Gains(short_usd=amount) if term is Term.SHORT else Gains(long_usd=amount)
    now = scheme.tax_usd(realized=so_far, carried_in=carried)

    assert scheme.tax_usd(realized=so_far + gain, carried_in=carried) >= now
    assert scheme.tax_usd(realized=so_far - gain, carried_in=carried) <= now


@settings(max_examples=300)
@given(GAINS, CARRIED, LIMITS)
def test_p10_a_year_reconciles(realized: Gains, carried: Gains, limit: Decimal) -> None:
    year = net_year(realized=realized, carried_in=carried, offset_limit_usd=limit)

    losses = year.ordinary_deduction_usd + year.carried.total_usd
    assert year.net.total_usd == year.taxable.total_usd - losses
    assert 0 <= year.ordinary_deduction_usd <= limit
    assert min(year.taxable.short_usd, year.taxable.long_usd, year.carried.short_usd, year.carried.long_usd) >= 0
    assert not (year.taxable.total_usd and losses)


@st.composite
def incomes(draw: st.DrawFn) -> tuple[FederalTable, Decimal, Decimal]:
    """Draw a table, ordinary and preferred income in whole dollars, often at or beside an edge of a band."""
    table = federal_table(draw(st.sampled_from(TABLE_YEARS)), draw(st.sampled_from(FILING_STATUSES)))
    edges = st.sampled_from([int(band.from_usd) for band in (*table.ordinary, *table.long)])
    amounts = st.one_of(
        st.integers(0, 1_000_000), st.builds(lambda edge, by: max(0, edge + by), edges, st.integers(-150, 150))
    )
    ordinary, other = Decimal(draw(amounts)), Decimal(draw(amounts))
    stacks_up_to = draw(st.booleans())
    return table, ordinary, max(ZERO, other - ordinary) if stacks_up_to else other


@settings(max_examples=1000)
@given(incomes())
def test_derived_rates_are_what_the_next_cent_costs_by_the_schedule(at: tuple[FederalTable, Decimal, Decimal]) -> None:
    table, ordinary, preferred = at
    deduction = table.standard_deduction_usd
    scheme = ScheduleScheme(
        table=table,
        income=OtherIncome(wages_usd=ordinary + deduction, qualified_dividends_usd=preferred, deduction_usd=deduction),
    )
    cent = Decimal("0.01")

    def rate(gain: Gains) -> Decimal:
        none = Gains()
        return (scheme.tax_usd(realized=gain, carried_in=none) - scheme.tax_usd(realized=none, carried_in=none)) / cent

    derived = derive_rates(table, ordinary_income_usd=ordinary, preferred_income_usd=preferred).rates
    assert derived.short_frac == rate(Gains(short_usd=cent))
    assert derived.long_frac == rate(Gains(long_usd=cent))


@settings(max_examples=300)
@given(rates(), GAINS, CARRIED)
def test_the_tax_is_that_of_each_netted_character_at_its_own_rate(at: TaxRates, so_far: Gains, carried: Gains) -> None:
    year = net_year(realized=so_far, carried_in=carried, offset_limit_usd=at.ordinary_offset_usd)

    gains = year.taxable.short_usd * at.short_frac + year.taxable.long_usd * at.long_frac
    tax = MarginalScheme(rates=at).tax_usd(realized=so_far, carried_in=carried)
    assert tax == gains - year.ordinary_deduction_usd * at.ordinary_frac


@settings(max_examples=300)
@given(rates(), GAINS, CARRIED, st.sampled_from(Term), _usd(0, 80_000))
def test_the_ladder_of_a_loss_is_the_tax_it_saves_and_what_it_adds_to_the_carryforward(
    at: TaxRates, so_far: Gains, carried: Gains, term: Term, amount: Decimal
) -> None:
    ladder = loss_ladder(term=term, amount_usd=amount, rates=at, year_to_date=so_far, carried_in=carried)

    priced = tax_of_list(
        [ListedTrade(key="L", term=term, gain_usd=-amount)],
        scheme=MarginalScheme(rates=at),
        year_to_date=so_far,
        carried_in=carried,
    )
    assert ladder.current_value_usd == -priced.cost_usd
    assert sum((step.amount_usd for step in ladder.steps), ZERO) == amount
    assert ladder.steps[-1].amount_usd == priced.carried_change.total_usd
