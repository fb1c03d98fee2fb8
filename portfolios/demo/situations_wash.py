"""The demo's wash sales: what a family trust sold at a loss came back in an IRA and in the couple's other account."""

from dataclasses import replace
from datetime import date

from portfolios.demo.specs import HoldingSpec, HouseholdSpec, SaleSpec

WASHED = "HP-047"
WASHED_SALES_REF = f"{WASHED}-1"  # the account of which the bank states the sales of the year
_SOLD = "TWID"
_FIRST_SALE = SaleSpec(symbol=_SOLD, proceeds_frac=0.0042, bought_on=date(2026, 7, 15), sold_on=date(2026, 10, 20))
_SECOND_SALE = SaleSpec(symbol=_SOLD, proceeds_frac=0.023, bought_on=date(2026, 8, 14), sold_on=date(2026, 11, 5))
_BOUGHT_BACK_ON, _REINVESTED_ON = date(2026, 10, 30), date(2026, 11, 12)


def with_wash_sales(household: HouseholdSpec) -> HouseholdSpec:
    """Let the trust sell a fund at a loss twice, the IRA buy it ten days later, the joint account reinvest its dividend."""
    trust, joint, ira, *others = household.accounts
    held = HoldingSpec(symbol=_SOLD, weight_frac=0.06, bought_on=(date(2023, 5, 15), date(2024, 9, 16)))
    return replace(
        household,
        situation="Wash sales across the family's accounts",
        look_at=f"{trust.name}: sold the second international fund ({_SOLD}) at a loss on 20 October and 5 November 2026. "
        f"{ira.name} bought it on 30 October: that part of the loss is lost for good. {joint.name} reinvested a dividend in "
        "two shares on 12 November, which defer theirs. The rest of the second loss is provisional until 5 December "
        "(household > Wash sales, the ledgers, Form 8949 of 2026 beside the bank's own list, which sees no wash).",
        accounts=(
            replace(trust, sales=(*trust.sales, _FIRST_SALE, _SECOND_SALE)),
            replace(joint, holdings=(*joint.holdings, held), reinvested=((_SOLD, _REINVESTED_ON),)),
            replace(ira, recent_buys=((_SOLD, _BOUGHT_BACK_ON, 0.0155),), is_year_told=True),
            *others,
        ),
    )
