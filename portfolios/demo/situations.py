"""The named households of the demo, each with one situation that advisors really have (first half)."""

from datetime import date
from decimal import Decimal

from portfolios.demo.drafting import D, Draft, couple, single
from portfolios.demo.specs import (
    CashNeedSpec,
    HoldingSpec,
    HouseholdSpec,
    RestrictionSpec,
    SaleSpec,
)

_WHITCOMBE_FUNDS = (
    ("BCUS", 0.05),
    ("BCSM", 0.09),
    ("BCID", 0.18),
    ("BCEM", 0.07),
    ("BCMU", 0.11),
    ("BCCB", 0.05),
    ("BCIP", 0.02),
    ("BCRE", 0.05),
)


def first_situations() -> tuple[HouseholdSpec, ...]:
    """Write out the households whose situation lies in what they hold or must not hold."""
    return (
        _concentrated(),
        _never_sell(),
        _employer(),
        _tobacco(),
        _fossil(),
        _legacy_fund(),
        _gift_lots(),
        _step_up(),
        _share_classes(),
        _firearms_range(),
        _large_family(),
    )


def _concentrated() -> HouseholdSpec:
    draft = Draft(
        ref="HP-001",
        name="Whitcombe",
        advisor="nora.whitfield",
        people=couple("Arthur Whitcombe", 1957, "Margaret Whitcombe", 1959),
        income="top",
        state="ME",
        situation="Concentrated low-basis stock",
        look_at="Joint account: well over a third in Lumera Systems (LUMR), bought 2012 to 2015 at a fraction of today's price. It "
        "may not exceed 30 %, the tax budget is $60,000 a year. The proposal walks it down as far as the budget goes and says so. "
        "The limit is due for review today.",
    )
    draft.account(
        "joint",
        value=4_600_000,
        profile="growth",
        opened=date(2016, 3, 1),
        style="none",
        holdings=(
            HoldingSpec(
                symbol="LUMR", weight_frac=0.36, bought_on=(date(2012, 5, 14), date(2013, 9, 9), date(2015, 2, 17))
            ),
            *(
                HoldingSpec(symbol=symbol, weight_frac=weight, bought_on=(date(2018, 3, 12), date(2022, 10, 3)))
                for symbol, weight in _WHITCOMBE_FUNDS
            ),
        ),
        restrictions=(
            RestrictionSpec(
                verb="range",
                subject_kind="security",
                subject="LUMR",
                max_frac=D("0.30"),
                reason="Policy statement of 2024: no single stock above 30 %",
                review_on=date(2026, 11, 20),
            ),
        ),
        settings={"budget_tax_usd": D(60000), "tracking_preference": 5},
    )
    draft.account("ira", owner=0, value=910_000, profile="growth", opened=date(2017, 6, 5))
    draft.account("ira", owner=1, value=480_000, profile="balanced", opened=date(2018, 2, 5))
    return draft.household()


def _never_sell() -> HouseholdSpec:
    draft = Draft(
        ref="HP-002",
        name="Okafor",
        advisor="nora.whitfield",
        people=single("Ngozi Okafor", 1968),
        income="high",
        state="ME",
        situation="Never sell",
        look_at="Individual account: inherited Petrolane (PTLN) shares of her father are never sold; the energy sector and "
        "what behaves like it is underweighted instead.",
    )
    draft.account(
        "individual",
        value=1_720_000,
        profile="growth",
        opened=date(2019, 4, 8),
        holdings=(HoldingSpec(symbol="PTLN", weight_frac=0.14, bought_on=(date(2019, 3, 4),), is_inherited=True),),
        restrictions=(
            RestrictionSpec(
                verb="never_sell", subject_kind="security", subject="PTLN", reason="Shares left by her father"
            ),
        ),
    )
    draft.account("ira", value=365_000, profile="growth", opened=date(2019, 4, 8))
    return draft.household()


def _employer() -> HouseholdSpec:
    vests = (date(2021, 5, 17), date(2023, 5, 15), date(2025, 5, 15), date(2026, 5, 15))
    draft = Draft(
        ref="HP-003",
        name="Lindqvist",
        advisor="elena.ruiz",
        people=couple("Erik Lindqvist", 1979, "Maya Lindqvist", 1981),
        income="high",
        state="CA",
        situation="Employer's stock",
        look_at="Joint account: he is an officer of Opticore Labs (OPTQ), which is never traded: its shares stay, and the "
        "US large-cap fund beside it is held below its target.",
    )
    draft.account(
        "joint",
        value=1_240_000,
        profile="growth",
        opened=date(2020, 9, 14),
        holdings=(HoldingSpec(symbol="OPTQ", weight_frac=0.17, bought_on=vests),),
        restrictions=(
            RestrictionSpec(
                verb="never_trade", subject_kind="security", subject="OPTQ", reason="Officer of the company, Section 16"
            ),
        ),
    )
    draft.account("roth_ira", owner=1, value=118_000, profile="aggressive_growth", opened=date(2021, 1, 11))
    return draft.household()


def _tobacco() -> HouseholdSpec:
    draft = Draft(
        ref="HP-004",
        name="Ferreira",
        advisor="grace.lindholm",
        people=couple("Paulo Ferreira", 1962, "Ines Ferreira", 1964),
        income="top",
        state="SC",
        situation="Tobacco screen, sold now",
        look_at="Joint account with the 100-stock model: tobacco is never owned and goes at once, whatever it costs; other "
        "staples take its place.",
    )
    draft.account(
        "joint",
        value=2_850_000,
        profile="balanced",
        opened=date(2018, 10, 1),
        restrictions=(
            RestrictionSpec(
                verb="never_own",
                subject_kind="screen",
                subject="tobacco",
                disposal="now",
                reason="Physicians; asked on 9 November 2026",
                level="household",
            ),
        ),
    )
    draft.account("ira", owner=0, value=640_000, profile="balanced", opened=date(2018, 10, 1))
    return draft.household()


def _fossil() -> HouseholdSpec:
    draft = Draft(
        ref="HP-005",
        name="Adeyemi-Clarke",
        advisor="elena.ruiz",
        people=couple("Folake Adeyemi", 1975, "Simon Clarke", 1973),
        income="high",
        state="CA",
        situation="Fossil-fuel screen, sold as the tax budget allows",
        look_at="Trust account with the 100-stock model: fossil fuel goes within a tax budget of $9,000, cheapest tax first; "
        "what stays is named.",
    )
    draft.account(
        "trust",
        value=2_180_000,
        profile="growth",
        opened=date(2017, 8, 21),
        holdings=(HoldingSpec(symbol="PTLN", weight_frac=0.05, bought_on=(date(2016, 2, 8), date(2020, 11, 2))),),
        restrictions=(
            RestrictionSpec(
                verb="never_own",
                subject_kind="screen",
                subject="fossil_fuel",
                disposal="within_budget",
                reason="Trust letter of wishes, 2026",
            ),
        ),
        settings={"budget_tax_usd": D(9000)},
    )
    draft.account("roth_ira", owner=0, value=210_000, profile="aggressive_growth", opened=date(2020, 2, 3))
    return draft.household()


def _legacy_fund() -> HouseholdSpec:
    draft = Draft(
        ref="HP-006",
        name="Abernathy",
        advisor="marcus.bell",
        people=couple("Walter Abernathy", 1951, "June Abernathy", 1953),
        income="middle",
        state="SC",
        situation="Legacy fund to transition",
        look_at="Joint account: 58 % in Old Colony funds from a former broker, large gains, hold-only substitutes. A tax "
        "budget of $15,000 a year and at most a quarter of turnover a step lead out of them.",
    )
    bought = (date(2012, 3, 12), date(2014, 7, 7), date(2017, 1, 9), date(2021, 6, 14))
    draft.account(
        "joint",
        value=1_130_000,
        profile="moderate",
        opened=date(2026, 5, 4),
        contributions=2,
        holdings=(
            HoldingSpec(symbol="OCGIX", weight_frac=0.34, bought_on=bought),
            HoldingSpec(symbol="OCINX", weight_frac=0.10, bought_on=bought[1:3]),
            HoldingSpec(symbol="OCIBX", weight_frac=0.14, bought_on=bought[2:]),
        ),
        settings={"budget_tax_usd": D(15000), "max_turnover_frac": D("0.25")},
    )
    draft.account("ira", owner=0, value=395_000, profile="moderate", opened=date(2026, 5, 4), contributions=1)
    return draft.household()


def _gift_lots() -> HouseholdSpec:
    draft = Draft(
        ref="HP-007",
        name="Yamada-Price",
        advisor="elena.ruiz",
        people=couple("Keiko Yamada", 1960, "Robert Price", 1958),
        income="top",
        state="CA",
        situation="Gift lots for charity",
        look_at="Trust account: the oldest lots of Harrowgate Robotics (HGRB) are put aside for their foundation and never "
        "sold, whatever else is traded; the check “Gift lots stay” counts them.",
    )
    draft.account(
        "trust",
        value=3_900_000,
        profile="growth",
        opened=date(2018, 1, 16),
        holdings=(
            HoldingSpec(symbol="HGRB", weight_frac=0.06, bought_on=(date(2018, 4, 9),), is_gift=True),
            HoldingSpec(symbol="HGRB", weight_frac=0.04, bought_on=(date(2022, 6, 13), date(2024, 3, 18))),
        ),
        without=("BCSM",),
        settings={"budget_tax_usd": D(40000)},
    )
    draft.account("ira", owner=0, value=705_000, profile="balanced", opened=date(2018, 1, 16))
    return draft.household()


def _step_up() -> HouseholdSpec:
    draft = Draft(
        ref="HP-008",
        name="Goldberg",
        advisor="nora.whitfield",
        people=single("Miriam Goldberg", 1934),
        income="high",
        state="ME",
        situation="Never realise gains (step-up intended)",
        look_at="Trust account: no gain is realised any more, losses are still taken; drift stays and the proposal says why.",
    )
    draft.account(
        "trust",
        value=1_410_000,
        profile="conservative",
        opened=date(2023, 9, 5),
        drift_frac=0.05,
        settings={"never_realize_gains": True},
    )
    return draft.household()


def _share_classes() -> HouseholdSpec:
    draft = Draft(
        ref="HP-009",
        name="Castillo",
        advisor="elena.ruiz",
        people=single("Rafael Castillo", 1985),
        income="high",
        state="CA",
        situation="Two share classes of one company",
        look_at="Individual account: Searchlume class A (SLMA) was sold at a loss on 6 November 2026; class C (SLMC) is "
        "substantially identical and may not be bought until 7 December.",
    )
    draft.account(
        "individual",
        value=1_830_000,
        profile="aggressive_growth",
        opened=date(2022, 2, 7),
        without=("SLMA", "SLMC"),
        sales=(SaleSpec(symbol="SLMA", proceeds_frac=0.015, bought_on=date(2026, 6, 1), sold_on=date(2026, 11, 6)),),
    )
    draft.account("roth_ira", value=88_000, profile="aggressive_growth", opened=date(2022, 2, 7))
    return draft.household()


def _firearms_range() -> HouseholdSpec:
    draft = Draft(
        ref="HP-010",
        name="Novak-Reyes",
        advisor="grace.lindholm",
        people=couple("Lena Novak", 1970, "Carlos Reyes", 1969),
        income="high",
        state="SC",
        situation="Firearms never bought, technology capped",
        look_at="Joint account with the 100-stock model: firearms makers are never bought and what is held stays; the sector "
        "Information Technology may not exceed 18 % of the account.",
    )
    draft.account(
        "joint",
        value=1_960_000,
        profile="growth",
        opened=date(2020, 6, 8),
        restrictions=(
            RestrictionSpec(
                verb="never_own", subject_kind="screen", subject="firearms", disposal="keep", reason="Family wish"
            ),
            RestrictionSpec(
                verb="range",
                subject_kind="sector",
                subject="Information Technology",
                max_frac=D("0.18"),
                reason="Both earn their living in the sector",
            ),
        ),
    )
    draft.account("ira", owner=1, value=275_000, profile="growth", opened=date(2020, 6, 8))
    return draft.household()


def _large_family() -> HouseholdSpec:
    draft = Draft(
        ref="HP-011",
        name="Quincy",
        advisor="daniel.okoye",
        people=couple("Eleanor Quincy", 1948, "James Quincy", 1946),
        income="top",
        state="ME",
        situation="The largest relationship, six accounts of one tax household",
        look_at="Family trust of $20 M with the 100-stock model, two more trusts, IRAs and a Roth IRA: one case, solved in turn, "
        "so that no account washes another.",
    )
    draft.account("trust", value=20_000_000, profile="growth", opened=date(2014, 1, 13), contributions=5)
    draft.account("trust", value=3_400_000, profile="balanced", opened=date(2017, 11, 6))
    draft.account("joint", value=2_250_000, profile="moderate", opened=date(2015, 9, 14))
    draft.account("ira", owner=0, value=1_350_000, profile="balanced", opened=date(2015, 9, 14))
    draft.account(
        "ira",
        owner=1,
        value=980_000,
        profile="moderate",
        opened=date(2015, 9, 14),
        cash_needs=(
            CashNeedSpec(
                kind="withdrawal",
                amount_usd=Decimal(48_200),
                due_on=date(2026, 12, 15),
                period="yearly",
                lead_days=30,
                reason="Required minimum distribution 2026",
            ),
        ),
    )
    draft.account("roth_ira", owner=0, value=415_000, profile="aggressive_growth", opened=date(2016, 4, 4))
    return draft.household()
