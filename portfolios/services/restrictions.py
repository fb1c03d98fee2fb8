"""The only writer of restrictions and cash needs. A line is added or ended, never edited."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from advisors import audit
from advisors.errors import NotFound
from advisors.models import Membership
from advisors.templatetags.ui import day, money
from portfolios.models.preferences import CashNeed, CashNeedKind, CashPeriod, Disposal, Level, Restriction, Verb
from portfolios.selectors.preferences import Place, cash_need_line, place_of, restriction_line
from portfolios.selectors.statement_words import cash_need_words, restriction_words
from portfolios.selectors.subjects import is_known_subject, subject_names
from portfolios.services.contradictions import range_faults
from portfolios.services.statement_guard import (
    Reach,
    Row,
    Terms,
    business_date,
    check_terms,
    end_line,
    reach_of,
    refuse,
    save_without_contradiction,
)

MOST_LEAD_DAYS = 90
_BOUNDS = ("min_frac", "max_frac", "min_usd", "max_usd", "min_units", "max_units")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRestriction:
    """A verb on a subject. Bounds go with a range, a disposal with never own (`now` unless said)."""

    verb: str
    subject_kind: str
    subject: str
    disposal: str = ""
    min_frac: Decimal | None = None
    max_frac: Decimal | None = None
    min_usd: Decimal | None = None
    max_usd: Decimal | None = None
    min_units: Decimal | None = None
    max_units: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCashNeed:
    """Money that leaves or comes; `due_on` is the next date."""

    kind: str = CashNeedKind.WITHDRAWAL
    amount_usd: Decimal
    due_on: date
    period: str = CashPeriod.ONCE
    lead_days: int = 5


@transaction.atomic
def add_restriction(
    member: Membership, *, place: Place, new: NewRestriction, terms: Terms, now: datetime
) -> Restriction:
    """
    Restrict what an account, a household, an office or the firm may hold and trade.

    :raises Invalid: the subject is unknown, the bounds do not fit, it contradicts a line in force or leaves a limit
    """
    reach = reach_of(member, place)
    on = business_date(member, now=now)
    check_terms(terms, on=on)
    disposal = (new.disposal or Disposal.NOW) if new.verb == Verb.NEVER_OWN else ""
    row = Restriction(
        **reach.fields(),
        verb=new.verb,
        subject_kind=new.subject_kind,
        subject=new.subject,
        disposal=disposal,
        **({name: getattr(new, name) for name in _BOUNDS} if new.verb == Verb.RANGE else {}),
        **_terms(terms),
        set_at=now,
        set_by=member.user,
    )
    refuse(_own_faults(row))

    def save() -> None:
        row.save(force_insert=True)

    save_without_contradiction(reach.accounts, on=max(on, terms.starts_on or on), change=save)
    words = restriction_words(restriction_line(row), names=subject_names(reach.firm_id))
    _record("restriction.added", member, reach, row, words=words, reason=terms.reason, now=now)
    return row


def _terms(terms: Terms) -> dict[str, object]:
    return {
        "reason": terms.reason,
        "starts_on": terms.starts_on,
        "ends_on": terms.ends_on,
        "review_on": terms.review_on,
    }


def _own_faults(row: Restriction) -> list[str]:
    faults = []
    if row.verb not in Verb.values:
        faults.append(f"There is no restriction called {row.verb}.")
    if not is_known_subject(row.firm_id, kind=row.subject_kind, key=row.subject):
        kind = row.subject_kind.replace("_", " ")
        faults.append(f"There is no {kind} called {row.subject}. Choose one from the list, or a symbol the firm knows.")
    if row.verb == Verb.NEVER_OWN and row.disposal not in Disposal.values:
        faults.append("Say what happens to what is held: sell now, sell as the tax budget allows, or keep.")
    if row.verb == Verb.RANGE:
        faults.extend(range_faults(restriction_line(row)))
    return faults


@transaction.atomic
def end_restriction(member: Membership, *, restriction_id: int, reason: str, now: datetime) -> None:
    """
    End a restriction; it stays in the history.

    :raises NotFound: there is none, or it lies outside the member's book
    :raises Conflict: somebody ended it meanwhile
    """
    row = Restriction.objects.filter(pk=restriction_id, firm_id=member.firm_id).select_related("set_by").first()
    if row is None:
        raise NotFound("This restriction does not exist or is not in your book.")
    reach = reach_of(member, place_of(row))
    words = restriction_words(restriction_line(row), names=subject_names(reach.firm_id))
    end_line(row, actor=member.user, now=now, what=f"“{words}”")
    _record("restriction.ended", member, reach, row, words=words, reason=reason, now=now)


@transaction.atomic
def add_cash_need(member: Membership, *, account_id: int, new: NewCashNeed, terms: Terms, now: datetime) -> CashNeed:
    """
    Note money that leaves or comes.

    :raises Invalid: amount, dates or lead days do not fit, or more leaves than the account is worth
    """
    reach = reach_of(member, (Level.ACCOUNT, account_id))
    on = business_date(member, now=now)
    check_terms(terms, on=on)
    refuse(_cash_need_faults(new, terms, on=on))
    row = CashNeed(
        **reach.fields(),
        kind=new.kind,
        amount_usd=new.amount_usd,
        due_on=new.due_on,
        period=new.period,
        lead_days=new.lead_days,
        **_terms(terms),
        set_at=now,
        set_by=member.user,
    )

    def save() -> None:
        row.save(force_insert=True)

    save_without_contradiction(reach.accounts, on=max(on, terms.starts_on or on), change=save)
    words = cash_need_words(cash_need_line(row))
    _record("cash_need.added", member, reach, row, words=words, reason=terms.reason, now=now)
    return row


def _cash_need_faults(new: NewCashNeed, terms: Terms, *, on: date) -> list[str]:
    faults = []
    if new.amount_usd <= 0:
        faults.append("The amount must be more than nothing.")
    if new.amount_usd != new.amount_usd.quantize(Decimal("0.01")):
        faults.append(f"The amount has more than two decimals: {new.amount_usd}.")
    if new.due_on < on:
        faults.append(
            f"{money(new.amount_usd)} would be due on {day(new.due_on)}, before the business date, {day(on)}."
        )
    if terms.ends_on and terms.ends_on < new.due_on:
        faults.append(f"It would end on {day(terms.ends_on)}, before it is first due on {day(new.due_on)}.")
    if not 0 <= new.lead_days <= MOST_LEAD_DAYS:
        faults.append(f"Raise the cash at most {MOST_LEAD_DAYS} days before it is due, not {new.lead_days}.")
    if new.kind not in CashNeedKind.values or new.period not in CashPeriod.values:
        faults.append("Choose whether it leaves or comes, and how often, from the lists.")
    return faults


@transaction.atomic
def end_cash_need(member: Membership, *, cash_need_id: int, reason: str, now: datetime) -> None:
    """
    End a cash need; it stays in the history.

    :raises NotFound: there is none, or it lies outside the member's book
    :raises Conflict: somebody ended it meanwhile
    """
    row = CashNeed.objects.filter(pk=cash_need_id, firm_id=member.firm_id).select_related("set_by").first()
    if row is None:
        raise NotFound("This cash need does not exist or is not in your book.")
    reach = reach_of(member, place_of(row))
    words = cash_need_words(cash_need_line(row))
    end_line(row, actor=member.user, now=now, what=f"“{words}”")
    _record("cash_need.ended", member, reach, row, words=words, reason=reason, now=now)


def _record(action: str, member: Membership, reach: Reach, row: Row, *, words: str, reason: str, now: datetime) -> None:
    audit.record(
        action,
        actor=member,
        subject=reach.subject,
        firm_id=reach.firm_id,
        household_id=reach.household_id,
        data={"line_id": row.pk, "says": words, "starts_on": row.starts_on, "ends_on": row.ends_on},
        reason=reason,
        now=now,
    )
