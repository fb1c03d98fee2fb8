"""One small report for tests: a case, what was proposed, what was filled; by hand, and as rows."""

import datetime as dt
from decimal import Decimal

import msgspec

from portfolios.ledger.tax import Gains
from portfolios.ledger.types import Disposition, Term
from rebalancing.engine.outcome import Check, Outcome, PriceOfIt, Relaxed, Trade, WhyNot
from rebalancing.engine.types import Case, CashNeeds, Constraint
from reporting.measures.blind import tax_blind_case
from reporting.measures.build import build_facts
from reporting.measures.facts import Heading, ReportFacts
from reporting.measures.inputs import Episode, Fill, Inputs, Wishes, Words, YearSoFar
from tests.cases import TAX, account, case, lot, outcome, security, trade

STOCKS = (
    security("AAA", 50),
    security("BBB", 20, asset_class="bonds"),
    security("SMOK", 30, screens=("tobacco",)),
)
WORDS = Words(
    securities={"AAA": "Alpha Fund", "BBB": "Beta Bonds"},
    classes={"us_large": "US large cap", "bonds": "Bonds", "cash": "Cash"},
    screens={"tobacco": "Tobacco"},
)
OWNER = account(
    cash=Decimal("4000"),
    lots=(
        lot("L1 AAA 100 @ 10.00 2020-01-02"),
        lot("L2 AAA 20 @ 60.00 2025-10-01"),
        lot("L3 SMOK 10 @ 25.00 2024-05-01"),
    ),
    target={"AAA": 0.6, "BBB": 0.35, "CASH": 0.05},
    class_limits={"us_large": (0.5, 0.7), "bonds": (0.2, 0.4)},
    constraints=(
        Constraint(verb="never_own", screen="tobacco", disposal="within_budget"),
        Constraint(verb="never_buy", security="ZZZ"),
    ),
    cash_needs=CashNeeds(raise_=Decimal("500")),
    tax=msgspec.structs.replace(TAX, budget_tax=Decimal("3000"), realized_long=Decimal("200")),
)
THE_CASE = case(STOCKS, [OWNER])
HEADING = Heading(
    firm="Meridian",
    client="Whitcombe",
    account="Joint account ··4471",
    advisor="M. Okafor",
    risk_profile="Balanced",
    period_starts_on=dt.date(2026, 1, 1),
    period_ends_on=dt.date(2026, 3, 4),
    is_taxable=True,
    is_single_operator=False,
)
WISHES = Wishes(
    chosen=frozenset({"tax.budget_usd"}),
    firm_rules=frozenset({"never_buy security ZZZ"}),
    needs=("your withdrawal of $500 due March 6",),
    budget_usd=Decimal("12000"),
)


def our_outcome(of: Case = THE_CASE) -> Outcome:
    """Sell the loss lot (20 at 60, worth 50: -200, short), buy 50 BBB; the smoke stays for now."""
    sale = msgspec.structs.replace(
        trade(of, "sell 20 AAA", "L2 20"), reasons=("harvest_loss",), why="uses a loss of $200"
    )
    purchase = msgspec.structs.replace(trade(of, "buy 50 BBB"), reasons=("restore_allocation",), why="bonds were short")
    made = outcome(of, [sale, purchase])
    checks = (
        Check(rule="class_limits us_large", verdict="pass", evidence="60% after"),
        Check(rule="class_limits bonds", verdict="pass", evidence="25% after"),
        Check(
            rule="never_own screen tobacco",
            verdict="relaxed",
            evidence="0 sold, 10 held before and after; gave way by $300.00 because of tax_budget",
        ),
        Check(rule="never_buy security ZZZ", verdict="pass", evidence="none held before or after, none bought"),
        Check(rule="cash_raise", verdict="pass", evidence="$4,000.00 cash after, $500.00 to be raised"),
        Check(rule="tax_budget", verdict="pass", evidence="$0.00 caused"),
    )
    owner = msgspec.structs.replace(
        made.accounts[0],
        checks=checks,
        relaxed=(Relaxed(rule="never_own screen tobacco", by="$300.00", because="tax_budget"),),
        why_not=(
            WhyNot(
                security="AAA",
                wanted="sell 14 shares",
                stopped_by="the gain of $560 costs more than the risk it removes",
                price_of_it=PriceOfIt(tax=133.28, risk_benefit=12.0),
            ),
        ),
    )
    return msgspec.structs.replace(made, accounts=(owner,))


def blind_outcome() -> Outcome:
    """Tax-blind: sell 20 AAA (from 2020, at 10: a long gain of 800) and 10 SMOK (a long gain of 50)."""
    of = tax_blind_case(THE_CASE)
    trades: list[Trade] = [
        trade(of, "sell 20 AAA", "L1 20"),
        trade(of, "sell 10 SMOK", "L3 10"),
        trade(of, "buy 50 BBB"),
    ]
    return outcome(of, trades)


def fills(*, sold: str = "20", price: str = "49.50") -> tuple[Fill, ...]:
    on = dt.date(2026, 3, 3)
    return (
        Fill(
            side="sell",
            security="AAA",
            units=Decimal(sold),
            price_usd=Decimal(price),
            fee_usd=Decimal("1.00"),
            traded_on=on,
        ),
        Fill(side="buy", security="BBB", units=Decimal(50), price_usd=Decimal(20), fee_usd=Decimal(0), traded_on=on),
    )


def disposition(units: str = "20", gain: str = "-210.00") -> Disposition:
    return Disposition(
        event_ref="E1",
        lot_key="L2",
        root_key="L2",
        security="AAA",
        units=Decimal(units),
        proceeds_usd=Decimal("990.00"),
        cost_usd=Decimal("1200.00"),
        gain_usd=Decimal(gain),
        term=Term.SHORT,
        sold_on=dt.date(2026, 3, 3),
        acquired_on=dt.date(2025, 10, 1),
    )


def report(*, is_made: bool = True, is_live: bool = True, blind: Outcome | None = None) -> ReportFacts:
    """Tell the report: made by fills, or only proposed."""
    episode = Episode(
        case=THE_CASE,
        account_id="A1",
        outcome=our_outcome().accounts[0],
        fills=fills() if is_made else (),
        dispositions=(disposition(),) if is_made else (),
        blind=blind or blind_outcome(),
        is_live=is_live,
    )
    return build_facts(
        Inputs(
            heading=HEADING,
            episodes=(episode,),
            words=WORDS,
            wishes=WISHES,
            year=YearSoFar(realized=Gains(short_usd=Decimal("-210"), long_usd=Decimal("200")), account_count=2),
            period_dispositions=(disposition(),) if is_made else (),
            fee_bps=Decimal("73"),
            fee_from_on=dt.date(2026, 2, 23),
        )
    )
