"""The named households of the demo whose situation lies in faulty data or in the workflow."""

from datetime import date

from portfolios.demo.drafting import D, Draft, couple, single
from portfolios.demo.specs import HoldingSpec, HouseholdSpec, OutsideTradeSpec


def missing_basis() -> HouseholdSpec:
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


def stale_price() -> HouseholdSpec:
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


def split() -> HouseholdSpec:
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


def advised() -> HouseholdSpec:
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


def outside() -> HouseholdSpec:
    draft = Draft(
        ref="HP-021",
        name="Osei",
        advisor="grace.lindholm",
        people=couple("Kwame Osei", 1978, "Abena Osei", 1980),
        income="high",
        state="SC",
        situation="Outside account with recent trades",
        look_at="Joint account: his 401(k), held away and declared, bought the international fund (BCID) on 12 November 2026: its "
        "lots at a loss may not be harvested here before 13 December. What the 401(k) sold at a loss (BCRE) deducts nothing and bars nothing.",
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


def held_by_person() -> HouseholdSpec:
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
