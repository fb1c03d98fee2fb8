"""The named households of the demo whose situation lies in cash, taxes or faulty data (second half)."""

from datetime import date

from portfolios.demo import situations_data
from portfolios.demo.drafting import D, Draft, couple, single
from portfolios.demo.specs import (
    CashNeedSpec,
    HoldingSpec,
    HouseholdSpec,
    SaleSpec,
)


def second_situations() -> tuple[HouseholdSpec, ...]:
    """Write out the households whose situation lies in cash, taxes, workflow or data."""
    return (
        _withdrawals(),
        _deposit(),
        _budget_used(),
        _spouse_ira(),
        _carryforward(),
        situations_data.missing_basis(),
        situations_data.stale_price(),
        situations_data.split(),
        situations_data.advised(),
        situations_data.outside(),
        _required_distribution(),
        _no_short_gains(),
        situations_data.held_by_person(),
        _tight_tracking(),
        _forced_harvest(),
        _substitutes(),
    )


def _withdrawals() -> HouseholdSpec:
    draft = Draft(
        ref="HP-012",
        name="Hollis",
        advisor="grace.lindholm",
        people=couple("Frank Hollis", 1954, "Dorothy Hollis", 1956),
        income="upper",
        state="SC",
        situation="Monthly withdrawals",
        look_at="Joint account: $18,000 leaves on the first of every month, and $10,000 always stays in cash; the proposal raises "
        "what is missing, and restores the allocation with the same sales.",
    )
    draft.account(
        "joint",
        value=2_050_000,
        profile="moderate",
        opened=date(2016, 5, 9),
        cash_frac=0.009,
        settings={"reserve_usd": D(10000)},
        cash_needs=(
            CashNeedSpec(
                kind="withdrawal",
                amount_usd=D(18000),
                due_on=date(2026, 12, 1),
                period="monthly",
                lead_days=14,
                reason="Household budget",
            ),
        ),
    )
    draft.account("ira", owner=0, value=820_000, profile="moderate", opened=date(2016, 5, 9))
    return draft.household()


def _deposit() -> HouseholdSpec:
    draft = Draft(
        ref="HP-013",
        name="Brandt",
        advisor="marcus.bell",
        people=couple("Stefan Brandt", 1966, "Claire Brandt", 1968),
        income="top",
        state="SC",
        situation="Large deposit",
        look_at="Joint account: $2.4 M from the sale of his company arrived this week and is invested, which brings the account "
        "over the size where the 100-stock model begins.",
    )
    draft.account(
        "joint", value=3_150_000, profile="balanced", opened=date(2021, 10, 4), cash_frac=0.765, style="small_policy"
    )
    draft.account("ira", owner=0, value=455_000, profile="growth", opened=date(2021, 10, 4))
    return draft.household()


def _budget_used() -> HouseholdSpec:
    draft = Draft(
        ref="HP-014",
        name="Castellano",
        advisor="nora.whitfield",
        people=couple("Vincent Castellano", 1961, "Teresa Castellano", 1963),
        income="top",
        state="ME",
        situation="Tax budget nearly used",
        look_at="Joint account: gains booked this year from transactions have used almost all of the $35,000 tax budget; harvested "
        "losses buy room.",
    )
    draft.account(
        "joint",
        value=2_720_000,
        profile="growth",
        opened=date(2015, 3, 9),
        drift_frac=0.3,
        sales=(
            SaleSpec(symbol="OCSCX", proceeds_frac=0.055, bought_on=date(2013, 2, 11), sold_on=date(2026, 3, 16)),
            SaleSpec(symbol="VINL", proceeds_frac=0.012, bought_on=date(2015, 10, 5), sold_on=date(2026, 5, 18)),
        ),
        settings={"budget_tax_usd": D(35000)},
    )
    draft.account("ira", owner=1, value=530_000, profile="growth", opened=date(2015, 3, 9))
    return draft.household()


def _spouse_ira() -> HouseholdSpec:
    draft = Draft(
        ref="HP-015",
        name="Nakamura",
        advisor="daniel.okoye",
        people=couple("Kenji Nakamura", 1972, "Alice Nakamura", 1974),
        income="high",
        state="ME",
        situation="Wash sale blocked by the spouse's IRA",
        look_at="Individual account: the emerging-markets fund (BCEM) stands at a loss, but her IRA bought it on 9 November 2026, "
        "so the loss may not be taken before 10 December.",
    )
    draft.account(
        "individual",
        owner=0,
        value=870_000,
        profile="growth",
        opened=date(2024, 3, 4),
        holdings=(HoldingSpec(symbol="BCEM", weight_frac=0.11, bought_on=(date(2026, 2, 27), date(2026, 8, 10))),),
        without=("BCEM",),
    )
    draft.account(
        "ira",
        owner=1,
        value=390_000,
        profile="growth",
        opened=date(2024, 3, 4),
        recent_buys=(("BCEM", date(2026, 11, 9), 0.02),),
    )
    return draft.household()


def _carryforward() -> HouseholdSpec:
    draft = Draft(
        ref="HP-016",
        name="Petrov",
        advisor="elena.ruiz",
        people=single("Nadia Petrov", 1969),
        income="high",
        state="CA",
        situation="Loss carryforwards",
        look_at="Individual account: $310,000 of long-term and $24,000 of short-term losses are carried in; gains cost nothing until "
        "they are used up, and the account comes back to its target.",
        carryforward_long=310_000,
        carryforward_short=24_000,
    )
    draft.account("individual", value=1_080_000, profile="growth", opened=date(2014, 9, 8), drift_frac=0.5)
    draft.account("ira", value=240_000, profile="growth", opened=date(2016, 1, 11))
    return draft.household()


def _required_distribution() -> HouseholdSpec:
    draft = Draft(
        ref="HP-022",
        name="Vandermeer",
        advisor="daniel.okoye",
        people=single("Cornelia Vandermeer", 1949),
        income="upper",
        state="NH",
        situation="Required minimum distribution",
        look_at="IRA: $31,400 has to leave by 18 December 2026; the cash is raised now. There is no state tax in New Hampshire.",
    )
    draft.account(
        "ira",
        value=790_000,
        profile="moderate",
        opened=date(2012, 6, 4),
        cash_frac=0.008,
        cash_needs=(
            CashNeedSpec(
                kind="withdrawal",
                amount_usd=D(31400),
                due_on=date(2026, 12, 18),
                period="yearly",
                lead_days=35,
                reason="Required minimum distribution 2026",
            ),
        ),
    )
    draft.account("individual", value=420_000, profile="moderate", opened=date(2012, 6, 4))
    return draft.household()


def _no_short_gains() -> HouseholdSpec:
    draft = Draft(
        ref="HP-023",
        name="Fitzgerald",
        advisor="marcus.bell",
        people=couple("Sean Fitzgerald", 1982, "Laura Fitzgerald", 1984),
        income="high",
        state="SC",
        situation="Short-term gains forbidden",
        look_at="Joint account: bought through 2026, so many lots are short-term; a gain is taken only where the lot is long-term.",
    )
    draft.account(
        "joint",
        value=1_920_000,
        profile="aggressive_growth",
        opened=date(2025, 12, 8),
        contributions=5,
        drift_frac=0.35,
        settings={"short_gains": "forbid"},
    )
    draft.account("roth_ira", owner=0, value=96_000, profile="aggressive_growth", opened=date(2023, 1, 9))
    return draft.household()


def _tight_tracking() -> HouseholdSpec:
    draft = Draft(
        ref="HP-025",
        name="Kessler",
        advisor="daniel.okoye",
        people=couple("Ruth Kessler", 1967, "Jonas Kessler", 1965),
        income="upper",
        state="MA",
        situation="Target first",
        look_at="Joint account: tracking preference 9 of 10 and a cap of 1.5 % on tracking error: nearness to the target counts for "
        "more than the tax it costs.",
    )
    draft.account(
        "joint",
        value=1_370_000,
        profile="growth",
        opened=date(2018, 9, 10),
        drift_frac=0.35,
        settings={"tracking_preference": 9, "max_tracking_error_frac": D("0.015")},
    )
    draft.account("roth_ira", owner=0, value=132_000, profile="growth", opened=date(2019, 1, 7))
    return draft.household()


def _forced_harvest() -> HouseholdSpec:
    draft = Draft(
        ref="HP-026",
        name="Marchetti",
        advisor="grace.lindholm",
        people=couple("Gianni Marchetti", 1959, "Rosa Marchetti", 1961),
        income="top",
        state="SC",
        situation="Forced harvest",
        look_at="Joint account: the accountant asked for $40,000 of losses before year end to meet a gain of $95,000 from a house sold "
        "in June; a shortfall is noted, never a failure.",
        outside_long=95_000,
    )
    draft.account(
        "joint",
        value=2_480_000,
        profile="growth",
        opened=date(2023, 1, 9),
        contributions=6,
        drift_frac=0.25,
        settings={"forced_harvest_usd": D(40000)},
    )
    draft.account("ira", owner=0, value=610_000, profile="growth", opened=date(2023, 1, 9))
    return draft.household()


def _substitutes() -> HouseholdSpec:
    draft = Draft(
        ref="HP-027",
        name="Bergstrom",
        advisor="marcus.bell",
        people=couple("Linnea Bergstrom", 1971, "Oskar Bergstrom", 1970),
        income="upper",
        state="FL",
        situation="Approved substitutes held",
        look_at="Joint account: holds the second choice of most classes after earlier harvests; what costs little goes back to the "
        "recommended fund, the rest stays as good as it.",
    )
    draft.account("joint", value=930_000, profile="growth", opened=date(2022, 10, 3), style="substitutes")
    draft.account("ira", owner=0, value=325_000, profile="growth", opened=date(2022, 10, 3))
    return draft.household()
