"""Lines of policy statements whose review date has come, or comes soon: who promised to look at what again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from django.db.models import Min, Q

from advisors.models import Membership
from advisors.permissions import Role
from portfolios.models.households import Account
from portfolios.models.preferences import CashNeed, Level, Preference, Restriction, Statement
from portfolios.policy import SETTINGS
from portfolios.selectors.books import accounts_in_book, households_in_book
from portfolios.selectors.preferences import cash_need_line, in_force, restriction_line
from portfolios.selectors.statement_words import cash_need_words, restriction_words, setting_words
from portfolios.selectors.subjects import subject_names

SOON: Final = timedelta(days=30)
_WITH: Final = ("set_by", "office", "household", "tax_return__tax_household__household", "account__household")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewLine:
    """
    One line that somebody wants looked at again; `whose` names its account, household, return, office or the firm.

    `account_id` opens the preferences where it can be renewed or ended, None for lines of an office or the firm.
    """

    words: str
    level: str
    whose: str
    account_id: int | None
    reason: str
    set_by: str
    review_on: date
    overdue_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewList:
    """Lines of a member's book in force: `due` the longest overdue first, `soon` the next first."""

    on: date
    due: tuple[ReviewLine, ...]
    soon: tuple[ReviewLine, ...]


def review_list(member: Membership, *, today: date) -> ReviewList:
    """Return what is due by the business date, and in the thirty days after it; six queries."""
    on = member.firm.business_on or today
    rows = [*_rows(Preference, member, on), *_rows(Restriction, member, on), *_rows(CashNeed, member, on)]
    pages = _pages_of(member, rows)
    names = subject_names(member.firm_id)
    lines = sorted(
        (_line(row, on=on, names=names, pages=pages) for row in rows),
        key=lambda line: (line.review_on, line.whose, line.words),
    )
    return ReviewList(
        on=on,
        due=tuple(line for line in lines if line.review_on <= on),
        soon=tuple(line for line in lines if line.review_on > on),
    )


def due_count(member: Membership, *, today: date) -> int:
    """Count the lines of a member's book that are due; three queries."""
    on = member.firm.business_on or today
    due = Q(in_force(on), _in_book(member), review_on__lte=on, firm_id=member.firm_id)
    return sum(kind._default_manager.filter(due).count() for kind in (Preference, Restriction, CashNeed))


def _rows(kind: type[Statement], member: Membership, on: date) -> Iterator[Statement]:
    wanted = Q(in_force(on), _in_book(member), review_on__lte=on + SOON, firm_id=member.firm_id)
    rows = kind._default_manager.filter(wanted).select_related(*_WITH).order_by("pk")
    for row in rows:
        if not isinstance(row, Preference) or row.key in SETTINGS:
            yield row


def _in_book(member: Membership) -> Q:
    """Return the condition of lines that a member answers for; those of an office or the firm are no advisor's."""
    if member.role != Role.ADVISOR:
        return Q()
    households = households_in_book(member)
    return (
        Q(account__in=accounts_in_book(member))
        | Q(household__in=households)
        | Q(tax_return__tax_household__household__in=households)
    )


def _household_id(row: Statement) -> int | None:
    if row.household_id is not None:
        return row.household_id
    return row.tax_return.tax_household.household_id if row.tax_return is not None else None


def _pages_of(member: Membership, rows: Iterable[Statement]) -> Mapping[int, int]:
    """Return the account on whose page the lines of each household stand: its first."""
    wanted = {pk for row in rows if (pk := _household_id(row)) is not None}
    told = Account.objects.filter(firm_id=member.firm_id, household_id__in=wanted)
    return dict(told.values("household_id").annotate(first=Min("pk")).values_list("household_id", "first"))


def _line(row: Statement, *, on: date, names: Mapping[tuple[str, str], str], pages: Mapping[int, int]) -> ReviewLine:
    assert row.review_on is not None
    return ReviewLine(
        words=_words(row, names),
        level=Level(row.level).label,
        whose=_whose(row),
        account_id=row.account_id or pages.get(_household_id(row) or 0),
        reason=row.reason,
        set_by=row.set_by.full_name,
        review_on=row.review_on,
        overdue_days=max(0, (on - row.review_on).days),
    )


def _words(row: Statement, names: Mapping[tuple[str, str], str]) -> str:
    if isinstance(row, Restriction):
        return restriction_words(restriction_line(row), names=names)
    if isinstance(row, CashNeed):
        return cash_need_words(cash_need_line(row))
    assert isinstance(row, Preference)
    return f"{SETTINGS[row.key].label}: {setting_words(row.key, row.value)}"


def _whose(row: Statement) -> str:
    if row.account is not None:
        return f"{row.account.name} ··{row.account.number_last4}"
    if row.household is not None:
        return row.household.name
    if row.tax_return is not None:
        return row.tax_return.tax_household.household.name
    return row.office.name if row.office is not None else "All accounts"
