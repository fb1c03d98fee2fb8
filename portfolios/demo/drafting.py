"""How the demo's households are written down: a draft that knows the usual, so that a household names what is special."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from portfolios.demo.specs import (
    AccountSpec,
    CashNeedSpec,
    HoldingSpec,
    HouseholdSpec,
    OutsideTradeSpec,
    PersonSpec,
    RestrictionSpec,
    SaleSpec,
    TaxSpec,
)

D = Decimal

# (federal ordinary, federal long-term, net investment income tax) by income
_FEDERAL = {
    "middle": (D("0.22"), D("0.15"), D("0")),
    "upper": (D("0.24"), D("0.15"), D("0.038")),
    "high": (D("0.35"), D("0.15"), D("0.038")),
    "top": (D("0.37"), D("0.20"), D("0.038")),
}
_STATE = {"ME": D("0.0715"), "SC": D("0.062"), "CA": D("0.093"), "NH": D("0"), "FL": D("0"), "MA": D("0.05")}
_REGISTRATION_NAMES = {
    "individual": "Individual",
    "joint": "Joint",
    "trust": "Family Trust",
    "ira": "IRA",
    "roth_ira": "Roth IRA",
    "401k": "401(k)",
}


def couple(first: str, first_year: int, second: str, second_year: int) -> tuple[PersonSpec, ...]:
    """Write down two people who file together."""
    return (*single(first, first_year), *single(second, second_year))


def single(name: str, year: int) -> tuple[PersonSpec, ...]:
    """Write down one person; the birthday follows from the name, so that it never changes."""
    total = sum(ord(character) for character in name)
    return (PersonSpec(name=name, born_on=date(year, 1 + total % 12, 1 + total % 28)),)


@dataclass(kw_only=True)
class Draft:
    """A household while it is written down."""

    ref: str
    name: str
    advisor: str
    people: tuple[PersonSpec, ...]
    income: str
    state: str
    situation: str = ""
    look_at: str = ""
    custodian: str = "generic"
    carryforward_short: int = 0
    carryforward_long: int = 0
    outside_short: int = 0
    outside_long: int = 0
    restrictions: tuple[RestrictionSpec, ...] = ()
    accounts: list[AccountSpec] = field(default_factory=list)

    def account(
        self,
        registration: str,
        *,
        value: int,
        profile: str,
        opened: date,
        owner: int | None = None,
        label: str = "",
        custodian: str = "",
        style: str = "policy",
        cash_frac: float = 0.02,
        drift_frac: float = 0.15,
        contributions: int = 3,
        is_discretionary: bool = True,
        is_held_away: bool = False,
        without: tuple[str, ...] = (),
        holdings: tuple[HoldingSpec, ...] = (),
        sales: tuple[SaleSpec, ...] = (),
        recent_buys: tuple[tuple[str, date, float], ...] = (),
        has_unknown_basis: bool = False,
        outside_trades: tuple[OutsideTradeSpec, ...] = (),
        settings: Mapping[str, object] | None = None,
        restrictions: tuple[RestrictionSpec, ...] = (),
        cash_needs: tuple[CashNeedSpec, ...] = (),
        manual_hold: str = "",
    ) -> None:
        """Add one account. The number is formed from the household's reference and the account's place in it."""
        owners = self._owners(registration, owner)
        place, where = len(self.accounts) + 1, custodian or self.custodian
        spec = AccountSpec(
            ref=f"{self.ref}-{place}",
            name=label or self._label(registration, owners),
            registration=registration,
            custodian=where,
            number=account_number(where, int(self.ref.removeprefix("HP-")), place),
            owners=owners,
            profile=profile,
            value_usd=D(value),
            opened_on=opened,
            style=style,
            cash_frac=cash_frac,
            drift_frac=drift_frac,
            contributions=contributions,
            is_discretionary=is_discretionary,
            is_held_away=is_held_away,
            fee_bps=_fee_bps(value),
            without=without,
            holdings=holdings,
            sales=sales,
            recent_buys=recent_buys,
            has_unknown_basis=has_unknown_basis,
            outside_trades=outside_trades,
            settings=settings or {},
            restrictions=tuple(r for r in restrictions if r.level == "account"),
            cash_needs=cash_needs,
            manual_hold=manual_hold,
        )
        self.accounts.append(spec)
        self.restrictions += tuple(r for r in restrictions if r.level == "household")

    def _owners(self, registration: str, owner: int | None) -> tuple[int, ...]:
        return (0, 1) if registration in ("joint", "trust") and len(self.people) > 1 else (owner or 0,)

    def household(self) -> HouseholdSpec:
        """Close the draft."""
        ordinary, long_term, niit = _FEDERAL[self.income]
        return HouseholdSpec(
            ref=self.ref,
            name=self.name,
            advisor=self.advisor,
            people=self.people,
            tax=TaxSpec(
                filing_status="mfj" if len(self.people) > 1 else "single",
                state=self.state,
                federal_ordinary_frac=ordinary,
                federal_long_frac=long_term,
                niit_frac=niit,
                state_frac=_STATE[self.state],
                carryforward_short_usd=D(self.carryforward_short),
                carryforward_long_usd=D(self.carryforward_long),
                outside_short_usd=D(self.outside_short),
                outside_long_usd=D(self.outside_long),
            ),
            accounts=self._distinct_names(),
            situation=self.situation,
            look_at=self.look_at,
            restrictions=self.restrictions,
        )

    def _label(self, registration: str, owners: tuple[int, ...]) -> str:
        plain = _REGISTRATION_NAMES[registration]
        if registration in ("joint", "trust"):
            return f"{self.name} {plain}"
        return f"{self.people[owners[0]].name} {plain}"

    def _distinct_names(self) -> tuple[AccountSpec, ...]:
        seen: dict[str, int] = {}
        named = []
        for account in self.accounts:
            seen[account.name] = seen.get(account.name, 0) + 1
            count = seen[account.name]
            named.append(replace(account, name=f"{account.name} {count}") if count > 1 else account)
        return tuple(named)


def account_number(custodian: str, household: int, place: int) -> str:
    """Form an account number as the custodian writes them; unique, and unique in its last four digits at Schwab."""
    if custodian == "schwab":
        return f"4417-{household:03d}{place}"
    if custodian == "fidelity":
        return f"Z{52_000_000 + household * 1009 + place * 7}"
    if custodian == "ibkr":
        return f"U{7_310_000 + household * 11 + place}"
    if custodian == "vanguard":
        return f"{41_200_000 + household * 1013 + place * 7}"
    if custodian == "etrade":
        return f"{63_700_000 + household * 1019 + place * 11}"
    return f"88{household:03d}-{4100 + place * 17}"


def _fee_bps(value: int) -> Decimal:
    for floor, fee in ((5_000_000, "45"), (2_000_000, "60"), (1_000_000, "75"), (250_000, "90")):
        if value >= floor:
            return D(fee)
    return D("110")
