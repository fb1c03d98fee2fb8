"""What pages say at the head of an account: holds, differing settings, restrictions, needs, gains of the year."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum

from advisors.templatetags.ui import day
from portfolios.models.households import Account, AccountHold, Registration, TaxStatus
from portfolios.models.lots import RealizedGain
from portfolios.policy import SETTINGS
from portfolios.selectors.preferences import (
    CashNeedLine,
    RestrictionLine,
    SettingLine,
    cash_needs_by_account,
    restrictions_by_account,
    setting_lines_by_account,
)
from portfolios.selectors.statement_words import cash_need_words, dates_words, restriction_words, setting_words
from portfolios.selectors.subjects import Subject, subject_names

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldLine:
    """Why an account may not trade."""

    id: int
    kind: str
    label: str
    subject: str
    reason: str
    until_on: date | None
    placed_at: datetime
    placed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that differs from the firm's default, in words."""

    key: str
    label: str
    value: str
    default: str
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A restriction or a cash need, in words, with where it was set, by whom and why."""

    id: int
    words: str
    level: str
    reason: str
    set_by: str
    set_at: datetime
    dates: str
    is_review_due: bool
    review_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementSummary:
    """The policy statement of one account in a few lines."""

    differences: tuple[Difference, ...]
    restrictions: tuple[Wish, ...]
    cash_needs: tuple[Wish, ...]

    @property
    def is_plain(self) -> bool:
        """Tell whether nothing at all was asked for."""
        return not (self.differences or self.restrictions or self.cash_needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearGains:
    """What a calendar year's sales realised so far; `disallowed_usd` are losses that a wash sale took away."""

    short_usd: Decimal = _ZERO
    long_usd: Decimal = _ZERO
    disallowed_usd: Decimal = _ZERO


def registration_words(account: Account) -> str:
    """Write registration and tax status: Joint, taxable."""
    return f"{Registration(account.registration).label}, {TaxStatus(account.tax_status).label.lower()}"


def open_holds(account_ids: Collection[int]) -> Mapping[int, tuple[HoldLine, ...]]:
    """Return the open holds of each account, the oldest first; one query."""
    rows = (
        AccountHold.objects.filter(account_id__in=account_ids, lifted_at__isnull=True)
        .select_related("placed_by")
        .order_by("placed_at", "pk")
    )
    found: dict[int, list[HoldLine]] = {pk: [] for pk in account_ids}
    for row in rows:
        found[row.account_id].append(
            HoldLine(
                id=row.pk,
                kind=row.kind,
                label=row.get_kind_display(),
                subject=row.subject,
                reason=row.reason,
                until_on=row.until_on,
                placed_at=row.placed_at,
                placed_by=row.placed_by.full_name if row.placed_by else "Trimtab",
            )
        )
    return {pk: tuple(lines) for pk, lines in found.items()}


def statement_summaries(accounts: Collection[Account], *, firm_id: int, on: date) -> Mapping[int, StatementSummary]:
    """Summarise the policy statements of accounts of one firm; nine queries for any number."""
    settings = setting_lines_by_account(accounts, on=on)
    restrictions = restrictions_by_account(accounts, on=on)
    needs = cash_needs_by_account(accounts, on=on)
    names = subject_names(firm_id)
    return {
        account.pk: StatementSummary(
            differences=tuple(_difference(line) for line in settings[account.pk].values() if line.is_changed),
            restrictions=tuple(restriction_wish(line, names=names, on=on) for line in restrictions[account.pk]),
            cash_needs=tuple(cash_need_wish(line, on=on) for line in needs[account.pk]),
        )
        for account in accounts
    }


def _difference(line: SettingLine) -> Difference:
    return Difference(
        key=line.key,
        label=SETTINGS[line.key].label,
        value=setting_words(line.key, line.value),
        default=setting_words(line.key, line.default),
        level=line.level.label if line.level else "",
    )


def restriction_wish(line: RestrictionLine, *, names: Mapping[Subject, str], on: date) -> Wish:
    """Write a restriction with its origin."""
    return _wish(line, restriction_words(line, names=names), on=on)


def cash_need_wish(line: CashNeedLine, *, on: date) -> Wish:
    """Write a cash need with its origin and from when the cash is raised."""
    return _wish(line, cash_need_words(line), on=on)


def _wish(line: RestrictionLine | CashNeedLine, words: str, *, on: date) -> Wish:
    return Wish(
        id=line.id,
        words=words,
        level=line.level.label,
        reason=line.reason,
        set_by=line.set_by,
        set_at=line.set_at,
        dates=dates_words(starts_on=line.starts_on, ends_on=line.ends_on),
        is_review_due=line.review_on is not None and line.review_on <= on,
        review_on=line.review_on,
    )


def year_gains(account_ids: Collection[int], *, year: int) -> Mapping[int, YearGains]:
    """Return what each account realised in a calendar year; one query."""
    rows = (
        RealizedGain.objects.filter(account_id__in=account_ids, closed_on__year=year)
        .values("account_id", "term")
        .annotate(gain=Sum("gain_usd"), disallowed=Sum("disallowed_usd"))
    )
    found: dict[int, dict[str, Decimal]] = {pk: {} for pk in account_ids}
    for row in rows:
        mine = found[row["account_id"]]
        mine[row["term"]] = (row["gain"] or _ZERO) + (row["disallowed"] or _ZERO)
        mine["disallowed"] = mine.get("disallowed", _ZERO) + (row["disallowed"] or _ZERO)
    return {
        pk: YearGains(
            short_usd=mine.get("short", _ZERO),
            long_usd=mine.get("long", _ZERO),
            disallowed_usd=mine.get("disallowed", _ZERO),
        )
        for pk, mine in found.items()
    }


def hold_words(line: HoldLine) -> str:
    """Write from when until when a hold lasts."""
    until = f", until {day(line.until_on)}" if line.until_on else ""
    return f"since {day(line.placed_at)}, by {line.placed_by}{until}"
