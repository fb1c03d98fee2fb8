"""What every change of a policy statement goes through: its terms, its place, and the test for new contradictions."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from django.db import transaction

from advisors.errors import Conflict, Invalid
from advisors.models import Membership, User
from advisors.permissions import Capability, check_can
from advisors.templatetags.ui import day, moment
from portfolios.models.households import Account, Household, Standing
from portfolios.models.preferences import Level, Statement
from portfolios.selectors.books import account_in_book, household_in_book
from portfolios.selectors.preferences import Place
from portfolios.selectors.statements import facts_of
from portfolios.services.contradictions import faults_of

Row = TypeVar("Row", bound=Statement)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Why a line is set, from when until when it holds (inclusive, None is open), and when to look at it again."""

    reason: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    review_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Where a line applies, and the accounts whose statements it enters."""

    place: Place
    firm_id: int
    household_id: int | None
    accounts: tuple[Account, ...]

    def fields(self) -> dict[str, object]:
        """Return the columns of a line at this place."""
        level, pk = self.place
        named = {} if level == Level.FIRM else {f"{level}_id": pk}
        return {"firm_id": self.firm_id, "level": level, **named}

    @property
    def subject(self) -> tuple[str, int]:
        """Return what an audit event names."""
        return (str(self.place[0]), self.place[1])


def business_date(member: Membership, *, now: datetime) -> date:
    """Return the firm's business date; before its first import the day of `now`."""
    return member.firm.business_on or now.date()


def reach_of(member: Membership, place: Place) -> Reach:
    """
    Find where a line shall apply, in the member's own book, and lock it against other writers.

    :raises NotFound: it lies outside the member's book
    :raises NotPermitted: the role changes no preferences, or no firm-wide restrictions
    """
    level, pk = place
    if level == Level.ACCOUNT:
        account = account_in_book(member, pk)
        check_can(member, Capability.EDIT_PREFERENCES)
        Account.objects.select_for_update().filter(pk=pk).first()
        return _reach(place, account.firm_id, account.household_id, (account,))
    if level == Level.HOUSEHOLD:
        household = household_in_book(member, pk)
        check_can(member, Capability.EDIT_PREFERENCES)
        Household.objects.select_for_update().filter(pk=pk).first()
        return _reach(place, household.firm_id, pk, _open_accounts(Account.objects.filter(household_id=pk)))
    check_can(member, Capability.EDIT_GUIDANCE)
    return _reach(place, member.firm_id, None, ())


def _reach(place: Place, firm_id: int, household_id: int | None, accounts: tuple[Account, ...]) -> Reach:
    return Reach(place=place, firm_id=firm_id, household_id=household_id, accounts=accounts)


def _open_accounts(accounts: Iterable[Account]) -> tuple[Account, ...]:
    return tuple(row for row in accounts if not row.is_held_away and row.standing != Standing.CLOSED)


def accounts_of_return(tax_return_id: int) -> tuple[Account, ...]:
    """Return the open accounts whose gains and losses net on one return."""
    rows = Account.objects.filter(tax_return_id=tax_return_id).select_related("risk_profile").order_by("pk")
    return _open_accounts(rows)


def check_terms(terms: Terms, *, on: date) -> None:
    """
    Refuse dates that do not fit each other or the business date.

    :raises Invalid: with one sentence per fault
    """
    faults = []
    if terms.starts_on and terms.ends_on and terms.starts_on > terms.ends_on:
        faults.append(f"It would end on {day(terms.ends_on)}, before it starts on {day(terms.starts_on)}.")
    if terms.ends_on and terms.ends_on < on:
        faults.append(f"It would end on {day(terms.ends_on)}, before the business date, {day(on)}.")
    if terms.review_on and terms.review_on < on:
        faults.append(f"The review date, {day(terms.review_on)}, is before the business date, {day(on)}.")
    refuse(faults)


def refuse(faults: Iterable[str]) -> None:
    """
    Refuse when there is any fault.

    :raises Invalid: with all of them, sorted
    """
    named = tuple(sorted(set(faults)))
    if named:
        raise Invalid(" ".join(named), faults=named)


Made = TypeVar("Made")


def save_without_contradiction(accounts: Iterable[Account], *, on: date, change: Callable[[], Made]) -> Made:
    """
    Make a change, and take it back when a statement contradicts itself or leaves a limit because of it.

    What contradicted already before does not count, so that old faults never bar an unrelated change.
    :raises Invalid: naming both sides of everything the change would bring in
    """
    firms: dict[int, list[Account]] = {}
    for account in accounts:
        firms.setdefault(account.firm_id, []).append(account)
    before = _all_faults(firms, on=on)
    with transaction.atomic():
        made = change()
        refuse(_all_faults(firms, on=on) - before)
    return made


def _all_faults(firms: dict[int, list[Account]], *, on: date) -> frozenset[str]:
    faults: set[str] = set()
    for firm_id, accounts in firms.items():
        fresh = Account.objects.filter(pk__in=[account.pk for account in accounts]).select_related("risk_profile")
        for facts in facts_of(list(fresh), firm_id=firm_id, on=on).values():
            faults |= faults_of(facts)
    return frozenset(faults)


def end_line(line: Row, *, actor: User, now: datetime, what: str) -> None:
    """
    End one line that stands.

    :raises Conflict: somebody ended it meanwhile
    """
    rows = type(line)._default_manager.filter(pk=line.pk, ended_at__isnull=True)
    if rows.update(ended_at=now, ended_by=actor):
        return
    line.refresh_from_db()
    by = line.ended_by.full_name if line.ended_by else "Somebody"
    raise Conflict(f"{by} already ended {what} on {moment(line.ended_at)}.")
