"""The named households of the demo whose situation lies in cash, taxes or faulty data (second half)."""

from datetime import date

from portfolios.demo.drafting import D, Draft, couple, single
from portfolios.demo.specs import (
    CashNeedSpec,
    HoldingSpec,
    HouseholdSpec,
    OutsideTradeSpec,
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
        _missing_basis(),
        _stale_price(),
        _split(),
        _advised(),
        _outside(),
        _required_distribution(),
        _no_short_gains(),
        _held_by_person(),
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
        "what is missing at the least tax.",
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


def _missing_basis() -> HouseholdSpec:
    draft = Draft(
        ref="HP-017",
        name="Delacroix",
        advisor="marcus.bell",
        people=single("Antoine Delacroix", 1949),
        income="upper",
        state="SC",
        situation="Missing cost basis",
        look_at="Individual account: the custodian delivered two positions without basis. Unknown is never zero: those lots are "
        "weighed and never sold until operations enters it.",
    )
    draft.account(
        "individual", value=640_000, profile="moderate", opened=date(2018, 4, 9), has_unknown_basis=True, drift_frac=0.3
    )
    draft.account("ira", value=310_000, profile="moderate", opened=date(2018, 4, 9))
    return draft.household()


def _stale_price() -> HouseholdSpec:
    draft = Draft(
        ref="HP-018",
        name="Ramaswamy",
        advisor="elena.ruiz",
        people=couple("Anil Ramaswamy", 1976, "Priya Ramaswamy", 1978),
        income="high",
        state="CA",
        situation="Stale price",
        look_at="Joint account: trading in Maritima Shipping (MRTS) is halted and its last price is of 23 October 2026; the account is "
        "held until operations confirms a price.",
    )
    draft.account(
        "joint",
        value=980_000,
        profile="growth",
        opened=date(2020, 3, 23),
        holdings=(HoldingSpec(symbol="MRTS", weight_frac=0.02, bought_on=(date(2022, 9, 12),)),),
    )
    draft.account("roth_ira", owner=1, value=145_000, profile="aggressive_growth", opened=date(2020, 3, 23))
    return draft.household()


def _split() -> HouseholdSpec:
    draft = Draft(
        ref="HP-019",
        name="Thornbury",
        advisor="daniel.okoye",
        people=couple("Giles Thornbury", 1955, "Penelope Thornbury", 1957),
        income="upper",
        state="ME",
        situation="Split not yet in the positions",
        look_at="Joint account: Brightwell Diagnostics (BWDX) split 4 for 1 on 18 November 2026; the price has split, the custodian's "
        "positions have not. The account is held until they do.",
    )
    draft.account(
        "joint",
        value=1_260_000,
        profile="balanced",
        opened=date(2019, 11, 4),
        holdings=(HoldingSpec(symbol="BWDX", weight_frac=0.03, bought_on=(date(2020, 4, 6), date(2022, 10, 17))),),
    )
    draft.account("ira", owner=0, value=385_000, profile="balanced", opened=date(2019, 11, 4))
    return draft.household()


def _advised() -> HouseholdSpec:
    draft = Draft(
        ref="HP-020",
        name="MacAllister",
        advisor="nora.whitfield",
        people=couple("Hamish MacAllister", 1963, "Fiona MacAllister", 1965),
        income="top",
        state="ME",
        situation="Non-discretionary",
        look_at="Every account: nothing is traded before the client has agreed, so the advisor approves first and the reviewer after.",
    )
    for registration, owner, value in (("joint", 0, 1_640_000), ("ira", 0, 520_000), ("ira", 1, 340_000)):
        draft.account(
            registration,
            owner=owner,
            value=value,
            profile="balanced",
            opened=date(2017, 2, 6),
            drift_frac=0.3,
            is_discretionary=False,
        )
    return draft.household()


def _outside() -> HouseholdSpec:
    draft = Draft(
        ref="HP-021",
        name="Osei",
        advisor="grace.lindholm",
        people=couple("Kwame Osei", 1978, "Abena Osei", 1980),
        income="high",
        state="SC",
        situation="Outside account with recent trades",
        look_at="Joint account: his 401(k), held away and declared, bought the international fund (BCID) on 12 November 2026, and sold "
        "real estate (BCRE) at a loss: neither may be washed here.",
    )
    draft.account(
        "joint",
        value=760_000,
        profile="growth",
        opened=date(2024, 6, 3),
        holdings=(HoldingSpec(symbol="BCID", weight_frac=0.19, bought_on=(date(2026, 8, 11), date(2026, 3, 2))),),
        without=("BCID", "BCRE"),
    )
    draft.account(
        "401k",
        owner=0,
        value=310_000,
        profile="growth",
        opened=date(2019, 1, 7),
        is_held_away=True,
        outside_trades=(
            OutsideTradeSpec(symbol="BCID", traded_on=date(2026, 11, 12), side="buy", units=D(210)),
            OutsideTradeSpec(
                symbol="BCRE", traded_on=date(2026, 11, 12), side="sell", units=D(160), loss_usd=D("2410.00")
            ),
        ),
    )
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


def _held_by_person() -> HouseholdSpec:
    draft = Draft(
        ref="HP-024",
        name="Rosen",
        advisor="elena.ruiz",
        people=single("Estate of David Rosen", 1941),
        income="upper",
        state="CA",
        situation="Held by a person",
        look_at="Individual account: held by operations until the executor's papers are in.",
    )
    draft.account(
        "individual",
        value=890_000,
        profile="balanced",
        opened=date(2016, 7, 11),
        manual_hold="Estate: letters testamentary are not in yet",
    )
    draft.account(
        "ira",
        value=260_000,
        profile="balanced",
        opened=date(2016, 7, 11),
        manual_hold="Estate: beneficiary form pending",
    )
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
        look_at="Joint account: tracking preference 9 of 10 and a cap of 1.5 % on tracking error; compare its trades with those of "
        "Petrov, who asked for the opposite.",
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
