"""A tax return's year as its page shows it: rates and brackets, the year so far, ladders, limits, history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.ledger.budget import Limit, LimitLine, YearLimits, check_limits
from portfolios.models.households import (
    Account,
    FilingStatus,
    TaxReturn,
    TaxSituation,
    TaxStatus,
)
from portfolios.policy import SettingValue
from portfolios.selectors.books import tax_return_in_book
from portfolios.selectors.preferences import setting_lines_by_account
from portfolios.selectors.tax_rates_shown import RatesShown, rates_of, rates_shown
from portfolios.selectors.tax_years import (
    NOTHING_RECOGNIZED,
    NettedYear,
    RecognizedYear,
    is_stated_otherwise,
    net_situation,
    newest_closes,
    recognized_years,
)

_ZERO: Final = Decimal(0)
_YEARS_AROUND: Final = (3, 1)  # back and ahead of the business date
_HISTORY: Final = 24
_LIMIT_WORDS: Final[Mapping[Limit, str]] = {
    Limit.NET_GAIN: "Most net gain",
    Limit.TAX: "Tax budget",
    Limit.HARVEST: "Losses to harvest, at least",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitShown:
    """One limit of the year in words; `left_usd` of the harvest is what is still to be found."""

    words: str
    line: LimitLine
    left_usd: Decimal
    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksDiffer:
    """A person's carryforwards beside those of the closed year, where they differ."""

    past_year: int
    books_short_usd: Decimal
    books_long_usd: Decimal
    is_provisional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxReturnPage:
    """Everything of the page of one return and year. `netted` None: nobody stated the year."""

    return_id: int
    name: str
    filing_status: str
    filing: str
    state: str
    household_id: int
    household: str
    accounts: tuple[str, ...]
    year: int
    years: tuple[int, ...]
    business_on: date
    situation: TaxSituation | None
    recognized: RecognizedYear
    netted: NettedYear | None
    rates: RatesShown | None
    limits: tuple[LimitShown, ...]
    prorated: str
    differs: BooksDiffer | None
    history: tuple[TaxSituation, ...]

    @property
    def title(self) -> str:
        """Return the name with its year, once."""
        return self.name if self.name.endswith(str(self.year)) else f"{self.name}, {self.year}"

    @property
    def is_past(self) -> bool:
        """Say whether the year has ended."""
        return self.year < self.business_on.year


def tax_return_page(member: Membership, tax_return_id: int, *, year: int, today: date) -> TaxReturnPage:
    """
    Collect one return's year.

    :raises NotFound: the return lies outside the member's book, or the year far from the business date
    """
    tax_return = tax_return_in_book(member, tax_return_id)
    on = member.firm.business_on or today
    back, ahead = _YEARS_AROUND
    if not on.year - back <= year <= on.year + ahead:
        raise NotFound(f"Tax situations are kept from {on.year - back} to {on.year + ahead}.")
    history = tuple(
        TaxSituation.objects.filter(tax_return=tax_return)
        .select_related("set_by")
        .order_by("-set_at", "-pk")[:_HISTORY]
    )
    situation = (
        TaxSituation.objects.filter(tax_return=tax_return, year=year)
        .select_related("set_by")
        .order_by("set_at", "pk")
        .last()
    )
    accounts = accounts_of(tax_return)
    recognized = recognized_years([tax_return.pk], years=[year], on=on).get((tax_return.pk, year), NOTHING_RECOGNIZED)
    settings = settings_of(accounts, on=on)
    household = tax_return.tax_household.household
    return TaxReturnPage(
        return_id=tax_return.pk,
        name=tax_return.name,
        filing_status=tax_return.filing_status,
        filing=FilingStatus(tax_return.filing_status).label,
        state=tax_return.state,
        household_id=household.pk,
        household=household.name,
        accounts=tuple(f"{account.name} ··{account.number_last4}" for account in accounts),
        year=year,
        years=tuple(sorted({row.year for row in history} | {year, on.year})),
        business_on=on,
        situation=situation,
        recognized=recognized,
        netted=None if situation is None else net_situation(situation, recognized),
        rates=None if situation is None else rates_shown(situation, recognized, settings),
        limits=() if situation is None else _limits_of(situation, recognized, settings, on=on),
        prorated=str(settings.get("tax.budget_prorated", "none")),
        differs=_differs(tax_return, situation, year=year),
        history=history,
    )


def accounts_of(tax_return: TaxReturn) -> Sequence[Account]:
    """Return the taxable accounts of a return, by name."""
    rows = Account.objects.filter(tax_return=tax_return, tax_status=TaxStatus.TAXABLE)
    return tuple(rows.select_related("household").order_by("name", "pk"))


def settings_of(accounts: Sequence[Account], *, on: date) -> Mapping[str, SettingValue]:
    """Return the settings that the accounts of the return share."""
    if not accounts:
        return {}
    first = accounts[0]
    return {key: line.value for key, line in setting_lines_by_account([first], on=on)[first.pk].items()}


def _limits_of(
    situation: TaxSituation, recognized: RecognizedYear, settings: Mapping[str, SettingValue], *, on: date
) -> tuple[LimitShown, ...]:
    def usd(key: str) -> Decimal | None:
        value = settings.get(key)
        return None if value is None else Decimal(str(value))

    limits = YearLimits(
        max_net_gain_usd=usd("tax.max_net_gain_usd"),
        max_tax_usd=usd("tax.budget_usd"),
        min_harvest_usd=usd("tax.forced_harvest_usd"),
    )
    prorated = YearLimits(max_tax_usd=limits.max_tax_usd, prorated=str(settings.get("tax.budget_prorated", "none")))
    netted = net_situation(situation, recognized)
    ends_on = on if on.year == situation.year else date(situation.year, 12, 31)
    lines = {
        line.limit: line
        for each in (limits, prorated)
        for line in check_limits(
            each,
            as_of=ends_on,
            year_to_date=netted.realized,
            carried_in=netted.carried_in,
            rates=rates_of(situation),
            harvested_usd=recognized.harvested_usd,
        )
    }
    return tuple(
        LimitShown(
            words=_LIMIT_WORDS[limit],
            line=line,
            left_usd=max(_ZERO, line.left_usd) if limit is Limit.HARVEST else line.left_usd,
            is_kept=line.is_kept,
        )
        for limit, line in lines.items()
    )


def _differs(tax_return: TaxReturn, situation: TaxSituation | None, *, year: int) -> BooksDiffer | None:
    close = newest_closes([tax_return.pk], years=[year - 1]).get((tax_return.pk, year - 1))
    if close is None or situation is None or not is_stated_otherwise(situation, close):
        return None
    return BooksDiffer(
        past_year=year - 1,
        books_short_usd=close.carried_short_usd,
        books_long_usd=close.carried_long_usd,
        is_provisional=close.is_provisional,
    )
