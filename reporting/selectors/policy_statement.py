"""The electronic policy statement of one account as a document: everything that holds, where it comes from and why."""

from datetime import date

import msgspec

from advisors.models import Membership
from advisors.templatetags.ui import day, pct
from portfolios.models.households import Account, TaxStatus
from portfolios.policy import SETTINGS, Group
from portfolios.selectors.accounts import Wish, cash_need_wish, registration_words, restriction_wish
from portfolios.selectors.books import account_in_book
from portfolios.selectors.limits import limits_by_profile
from portfolios.selectors.preferences import (
    SettingLine,
    cash_needs_by_account,
    restrictions_by_account,
    setting_lines_by_account,
)
from portfolios.selectors.statement_words import dates_words, setting_words
from portfolios.selectors.subjects import subject_names


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line in words. `origin` says who set it, when and why; `is_own` that it differs from the firm's default."""

    label: str
    value: str
    default: str = ""
    origin: str = ""
    is_own: bool = False


class PolicyGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The lines of one kind."""

    title: str
    lines: tuple[PolicyLine, ...]


class PolicyStatement(msgspec.Struct, frozen=True, kw_only=True):
    """What an account's policy statement says on a day; equal statements give equal documents."""

    firm: str
    account_id: int
    account: str
    number_last4: str
    household: str
    registration: str
    advisor: str
    on: date
    profile: str
    limits: tuple[tuple[str, str, str, str], ...]
    restrictions: tuple[PolicyLine, ...]
    cash_needs: tuple[PolicyLine, ...]
    groups: tuple[PolicyGroup, ...]
    own_count: int


def policy_statement_in_book(member: Membership, account_id: int, *, today: date) -> PolicyStatement:
    """
    Return the statement of an account of the member's book as of the business date.

    :raises NotFound: the account lies outside the book
    """
    account = account_in_book(member, account_id)
    return policy_statement(account, on=member.firm.business_on or today)


def policy_statement(account: Account, *, on: date) -> PolicyStatement:
    """Return what holds for an account on a day; about ten queries."""
    settings = setting_lines_by_account([account], on=on)[account.pk]
    names = subject_names(account.firm_id)
    restrictions = restrictions_by_account([account], on=on)[account.pk]
    needs = cash_needs_by_account([account], on=on)[account.pk]
    profile = account.risk_profile
    limits = limits_by_profile([profile.pk], on=on)[profile.pk] if profile else ()
    is_taxable = account.tax_status == TaxStatus.TAXABLE
    groups = [group for group in Group if group is not Group.TAX or is_taxable]
    shown = [line for key, line in settings.items() if SETTINGS[key].group in groups]
    return PolicyStatement(
        firm=account.firm.name,
        account_id=account.pk,
        account=account.name,
        number_last4=account.number_last4,
        household=account.household.name,
        registration=registration_words(account),
        advisor=account.household.advisor.user.full_name,
        on=on,
        profile=profile.name if profile else "",
        limits=tuple(
            (limit.name, pct(limit.weight_frac), pct(limit.min_frac), pct(limit.max_frac)) for limit in limits
        ),
        restrictions=tuple(_wish(restriction_wish(line, names=names, on=on)) for line in restrictions),
        cash_needs=tuple(_wish(cash_need_wish(line, on=on)) for line in needs),
        groups=tuple(
            PolicyGroup(
                title=group.value,
                lines=tuple(_setting(line) for line in shown if SETTINGS[line.key].group is group),
            )
            for group in groups
        ),
        own_count=sum(line.is_changed for line in shown),
    )


def _setting(line: SettingLine) -> PolicyLine:
    origin = ""
    if line.level is not None and line.set_at is not None:
        dates = dates_words(starts_on=line.starts_on, ends_on=line.ends_on)
        origin = _origin(line.level.label, line.set_by, day(line.set_at), line.reason, dates, line.review_on)
    return PolicyLine(
        label=SETTINGS[line.key].label,
        value=setting_words(line.key, line.value),
        default=setting_words(line.key, line.default),
        origin=origin,
        is_own=line.is_changed,
    )


def _wish(wish: Wish) -> PolicyLine:
    origin = _origin(wish.level, wish.set_by, day(wish.set_at), wish.reason, wish.dates, wish.review_on)
    return PolicyLine(label=wish.words, value="", origin=origin, is_own=True)


def _origin(level: str, who: str, when: str, why: str, dates: str, review_on: date | None) -> str:
    parts = [f"{level}: {who}, {when}", why, dates, f"review on {day(review_on)}" if review_on else ""]
    return " · ".join(part for part in parts if part)
