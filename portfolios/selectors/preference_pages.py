"""A policy statement as its page shows it: what holds, where it comes from, what stood before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from advisors.models import Membership
from portfolios.models.households import Account, TaxReturn, TaxSituation, TaxStatus
from portfolios.models.preferences import CashNeed, Level, Preference, Restriction, Statement
from portfolios.policy import SETTINGS
from portfolios.selectors.accounts import Wish, cash_need_wish, registration_words, restriction_wish
from portfolios.selectors.books import account_in_book
from portfolios.selectors.limits import ClassLimit, ProfileChoice, limits_by_profile, profile_choices
from portfolios.selectors.preferences import (
    SettingLine,
    cash_need_line,
    places_of,
    reaching,
    restriction_line,
    setting_lines_by_account,
    tax_situations_by_return,
)
from portfolios.selectors.statement_words import cash_need_words, dates_words, restriction_words, setting_words
from portfolios.selectors.subjects import Subject, SubjectChoice, subject_choices

RISK_PROFILE_KEY = "allocation.risk_profile"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastLine:
    """One line of the history: what it said, from whom, and who ended it."""

    words: str
    level: str
    reason: str
    dates: str
    set_by: str
    set_at: datetime
    ended_by: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WishLine:
    """A restriction or cash need of the page; it can be ended here when it stands at the account or its household."""

    wish: Wish
    can_end: bool
    starts_later: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesPage:
    """Everything of the preferences page of one account."""

    account_id: int
    name: str
    number_last4: str
    household_id: int
    household: str
    registration: str
    is_taxable: bool
    profile_id: int | None
    profile: str
    profiles: tuple[ProfileChoice, ...]
    limits: tuple[ClassLimit, ...]
    settings: Mapping[str, SettingLine]
    restrictions: tuple[WishLine, ...]
    cash_needs: tuple[WishLine, ...]
    history: Mapping[str, tuple[PastLine, ...]]
    subjects: tuple[SubjectChoice, ...]
    tax_return_id: int | None
    tax_return: str
    shared_with: tuple[str, ...]
    year: int
    situation: TaxSituation | None
    business_on: date

    @property
    def changed_count(self) -> int:
        """Return how many settings differ from the firm's defaults."""
        return sum(1 for line in self.settings.values() if line.is_changed)


def preferences_page(member: Membership, account_id: int, *, today: date) -> PreferencesPage:
    """
    Collect the policy statement of one account, with its history; some twenty queries.

    :raises NotFound: the account lies outside the member's book
    """
    account = account_in_book(member, account_id)
    on = member.firm.business_on or today
    limits = limits_by_profile([account.risk_profile_id] if account.risk_profile_id else [], on=on)
    subjects = subject_choices(account.firm_id)
    names = {(choice.kind, choice.key): choice.name for choice in subjects}
    restrictions, needs, preferences = _lines_of(account)
    tax_return = account.tax_return
    return PreferencesPage(
        account_id=account.pk,
        name=account.name,
        number_last4=account.number_last4,
        household_id=account.household_id,
        household=account.household.name,
        registration=registration_words(account),
        is_taxable=account.tax_status == TaxStatus.TAXABLE,
        profile_id=account.risk_profile_id,
        profile=account.risk_profile.name if account.risk_profile else "",
        profiles=profile_choices(account.firm_id),
        limits=limits.get(account.risk_profile_id or 0, ()),
        settings=setting_lines_by_account([account], on=on)[account.pk],
        restrictions=tuple(
            _wish_line(row, restriction_wish(restriction_line(row), names=names, on=on), on=on)
            for row in restrictions
            if _is_open(row, on=on)
        ),
        cash_needs=tuple(
            _wish_line(row, cash_need_wish(cash_need_line(row), on=on), on=on)
            for row in sorted(needs, key=lambda row: (row.due_on, row.pk))
            if _is_open(row, on=on)
        ),
        history=_history(restrictions, needs, preferences, names=names, on=on),
        subjects=subjects,
        tax_return_id=account.tax_return_id,
        tax_return=tax_return.name if tax_return else "",
        shared_with=_shared_with(account),
        year=on.year,
        situation=_situation(tax_return, year=on.year),
        business_on=on,
    )


def _lines_of(account: Account) -> tuple[list[Restriction], list[CashNeed], list[Preference]]:
    reach = reaching(places_of([account]))
    people = ("set_by", "ended_by")
    return (
        list(Restriction.objects.filter(reach).select_related(*people).order_by("set_at", "pk")),
        list(CashNeed.objects.filter(reach).select_related(*people).order_by("set_at", "pk")),
        list(Preference.objects.filter(reach).select_related(*people).order_by("set_at", "pk")),
    )


def _is_open(row: Statement, *, on: date) -> bool:
    return row.ended_at is None and (row.ends_on is None or row.ends_on >= on)


def _wish_line(row: Statement, wish: Wish, *, on: date) -> WishLine:
    return WishLine(
        wish=wish,
        can_end=row.level in (Level.ACCOUNT, Level.HOUSEHOLD),
        starts_later=row.starts_on is not None and row.starts_on > on,
    )


def _history(
    restrictions: Sequence[Restriction],
    needs: Sequence[CashNeed],
    preferences: Sequence[Preference],
    *,
    names: Mapping[Subject, str],
    on: date,
) -> Mapping[str, tuple[PastLine, ...]]:
    """Return by setting key, and under `restrictions` and `cash_needs`, every line there was, the newest first."""
    found: dict[str, list[PastLine]] = {"restrictions": [], "cash_needs": []}
    for row in reversed(restrictions):
        if not _is_open(row, on=on):
            found["restrictions"].append(_past(row, restriction_words(restriction_line(row), names=names)))
    for need in reversed(needs):
        if not _is_open(need, on=on):
            found["cash_needs"].append(_past(need, cash_need_words(cash_need_line(need))))
    for line in reversed(preferences):
        words = setting_words(line.key, line.value) if line.key in SETTINGS else str(line.value)
        found.setdefault(line.key, []).append(_past(line, words))
    return {key: tuple(lines) for key, lines in found.items()}


def _past(row: Statement, words: str) -> PastLine:
    return PastLine(
        words=words,
        level=Level(row.level).label,
        reason=row.reason,
        dates=dates_words(starts_on=row.starts_on, ends_on=row.ends_on),
        set_by=row.set_by.full_name,
        set_at=row.set_at,
        ended_by=row.ended_by.full_name if row.ended_by else "",
        ended_at=row.ended_at,
    )


def _shared_with(account: Account) -> tuple[str, ...]:
    if account.tax_return_id is None:
        return ()
    rows = Account.objects.filter(tax_return_id=account.tax_return_id).exclude(pk=account.pk).order_by("name", "pk")
    return tuple(rows.values_list("name", flat=True))


def _situation(tax_return: TaxReturn | None, *, year: int) -> TaxSituation | None:
    if tax_return is None:
        return None
    return tax_situations_by_return([tax_return.pk], year=year).get(tax_return.pk)
