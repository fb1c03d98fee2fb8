"""All households of the demo: the named situations first, then ordinary ones drawn from a seed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TypeVar

import numpy as np

from portfolios.demo.drafting import Draft, couple, single
from portfolios.demo.firm import STAFF
from portfolios.demo.market import UNTOLD_SPLIT_SYMBOL
from portfolios.demo.situations import first_situations
from portfolios.demo.situations_more import second_situations
from portfolios.demo.situations_wash import WASHED, with_wash_sales
from portfolios.demo.specs import HoldingSpec, HouseholdSpec, PersonSpec, SaleSpec

Choice = TypeVar("Choice")

SEED = 4471
ORDINARY_COUNT = 33
_UNTOLD_SPLIT = "HP-050"
OLD_BREAK_REF, NEW_BREAK_REF = "HP-051-1", "HP-057-1"

_SURNAMES = (
    "Alvarez Ashdown Bauer Bianchi Calloway Chen Dawson Dubois Edwards Falk Gallagher Grant Halvorsen Ibrahim Jansen Kowalski "
    "Lambert Lowell Mbeki Moreau Nwosu Olsen Pacheco Rhodes Sato Schaefer Tanaka Underwood Vance Weiss Xavier Yates Zimmerman"
).split()
_FIRST = (
    "Anna Brian Carmen David Emily Felix Gloria Henry Irene Jacob Karen Louis Maria Nathan Olivia Peter Quinn Rachel Samuel Tara "
    "Ulrich Vera William Xenia Yusuf Zoe Albert Beth Colin Diane"
).split()
_STATES = {"portland": ("ME", "MA", "NH"), "charleston": ("SC", "FL"), "san-diego": ("CA",)}
# What ordinary households hold: registrations in the order of opening, with the share of the family's money.
_PATTERNS: tuple[tuple[tuple[str, float], ...], ...] = (
    (("joint", 0.62), ("ira", 0.28), ("roth_ira", 0.10)),
    (("joint", 0.70), ("ira", 0.30)),
    (("individual", 0.60), ("ira", 0.40)),
    (("trust", 0.60), ("joint", 0.18), ("ira", 0.16), ("roth_ira", 0.06)),
    (("individual", 0.75), ("roth_ira", 0.25)),
    (("joint", 0.55), ("ira", 0.25), ("ira", 0.20)),
)
_PROFILES = ("conservative", "moderate", "balanced", "growth", "aggressive_growth")
# Ordinary households at the custodians whose own formats the demo shows.
_CUSTODIANS = {
    28: "schwab",
    29: "schwab",
    30: "schwab",
    31: "fidelity",
    32: "fidelity",
    33: "fidelity",
    34: "ibkr",
    35: "ibkr",
    36: "ibkr",
    39: "vanguard",
    40: "etrade",
}


def all_households() -> tuple[HouseholdSpec, ...]:
    """Write out every household of the demo, always the same."""
    named = (*first_situations(), *second_situations())
    random = np.random.default_rng(SEED)
    ordinary = tuple(_ordinary(len(named) + 1 + n, random) for n in range(ORDINARY_COUNT))
    return (*named, *(_told(one) for one in ordinary))


def _told(household: HouseholdSpec) -> HouseholdSpec:
    """Tell of the ordinary households to which something happened."""
    if household.ref == _UNTOLD_SPLIT:
        return _with_untold_split(household)
    if household.ref == WASHED:
        return with_wash_sales(household)
    if household.ref == OLD_BREAK_REF.rpartition("-")[0]:
        return replace(
            household,
            situation="Break that grew old",
            look_at=f"{household.accounts[0].name}: since Wednesday the bank states 60 units less of one fund than the ledger "
            "holds, and no transaction explains it. The break is two business days old: it holds the account (Data > "
            "Reconciliation, with both sides' lots).",
        )
    if household.ref == NEW_BREAK_REF.rpartition("-")[0]:
        return replace(
            household,
            situation="Break of today",
            look_at=f"{household.accounts[0].name}: the bank restates the basis of one lot by $3,400 on the business date and "
            "nothing explains it. The firm adjusts up to $1,000 by itself; this one waits for a person, and the account "
            "trades until it is two business days old.",
        )
    return household


def _with_untold_split(household: HouseholdSpec) -> HouseholdSpec:
    """Give an ordinary household a stock whose last price comes halved."""
    first, *others = household.accounts
    held = HoldingSpec(symbol=UNTOLD_SPLIT_SYMBOL, weight_frac=0.03, bought_on=(date(2024, 5, 13),))
    return replace(
        household,
        situation="Split that nobody announced",
        look_at=f"{first.name}: the price of Toybridge ({UNTOLD_SPLIT_SYMBOL}) came halved on the business date and no split is "
        "known. One is announced as seen in prices, and the account waits until somebody confirms it or sets it aside.",
        accounts=(replace(first, holdings=(*first.holdings, held)), *others),
    )


def _pick(choices: Sequence[Choice], random: np.random.Generator) -> Choice:
    return choices[int(random.integers(len(choices)))]


def _ordinary(number: int, random: np.random.Generator) -> HouseholdSpec:
    advisors = [person for person in STAFF if person.role == "advisor"]
    advisor = advisors[number % len(advisors)]
    custodian = _CUSTODIANS.get(number, "generic")
    surname = _SURNAMES[(number - 28) % len(_SURNAMES)]
    pattern = _pick(_PATTERNS, random)
    wealth = float(np.exp(random.uniform(np.log(160_000), np.log(3_200_000))))
    if custodian != "generic":
        wealth = min(wealth, 1_300_000.0)
    draft = Draft(
        ref=f"HP-{number:03d}",
        name=surname,
        advisor=advisor.key,
        people=_people(surname, random, is_couple=pattern[0][0] in ("joint", "trust")),
        income="middle" if wealth < 500_000 else "upper" if wealth < 1_500_000 else "high",
        state=_pick(_STATES[advisor.office], random),
        custodian=custodian,
        carryforward_long=int(random.integers(4, 60)) * 500 if random.random() < 0.15 else 0,
    )
    profile = int(random.integers(len(_PROFILES)))
    first_year = int(random.integers(2013, 2025))
    opened = date(first_year, int(random.integers(1, 13)), int(random.integers(1, 28)))
    for place, (registration, share) in enumerate(pattern):
        _add_ordinary(draft, registration, share * wealth, place, profile, opened, random)
    return draft.household()


def _add_ordinary(
    draft: Draft,
    registration: str,
    value: float,
    place: int,
    profile: int,
    opened: date,
    random: np.random.Generator,
) -> None:
    bolder = min(profile + (1 if registration == "roth_ira" else 0), len(_PROFILES) - 1)
    owner = 1 if place == 2 and len(draft.people) > 1 else 0
    has_sold = registration in ("joint", "individual", "trust") and random.random() < 0.5
    draft.account(
        registration,
        owner=owner,
        value=max(50_000, round(value / 1000) * 1000),
        profile=_PROFILES[bolder],
        opened=opened,
        cash_frac=float(random.choice((0.006, 0.015, 0.03, 0.07), p=(0.3, 0.35, 0.25, 0.1))),
        drift_frac=float(random.uniform(0.08, 0.35)),
        contributions=int(random.integers(2, 6)),
        is_discretionary=bool(random.random() > 0.12),
        style="substitutes" if random.random() < 0.08 else "policy",
        sales=_ordinary_sales(random) if has_sold and opened.year < 2025 else (),
        settings={"tracking_preference": int(random.integers(3, 8))} if random.random() < 0.3 else {},
    )


def _ordinary_sales(random: np.random.Generator) -> tuple[SaleSpec, ...]:
    symbol = _pick(("TYBG", "VINL", "HGRB", "OCSCX", "OCGIX"), random)
    bought = date(int(random.integers(2018, 2026)), int(random.integers(1, 13)), int(random.integers(1, 28)))
    sold = date(2026, int(random.integers(2, 10)), int(random.integers(1, 28)))
    return (SaleSpec(symbol=symbol, proceeds_frac=float(random.uniform(0.01, 0.05)), bought_on=bought, sold_on=sold),)


def _people(surname: str, random: np.random.Generator, *, is_couple: bool) -> tuple[PersonSpec, ...]:
    names = [str(name) for name in random.choice(np.array(_FIRST), size=2, replace=False)]
    born = int(random.integers(1945, 1988))
    if is_couple:
        return couple(f"{names[0]} {surname}", born, f"{names[1]} {surname}", born + int(random.integers(-3, 4)))
    return single(f"{names[0]} {surname}", born)
