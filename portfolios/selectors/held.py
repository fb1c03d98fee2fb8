"""What keeps accounts from trading: open holds, corporate actions that are waited for, prices that are too old."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Count, Max

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.market import CorporateAction
from portfolios.models.securities import Security
from portfolios.selectors.books import accounts_in_book

MAX_ACTIONS = 100
HOLD_KINDS: tuple[tuple[str, str], ...] = tuple((kind.value, str(kind.label)) for kind in HoldKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """One open hold of an account."""

    pk: int
    account_id: int
    account_name: str
    number_last4: str
    household_id: int
    household_name: str
    advisor_name: str
    kind: str
    kind_label: str
    subject: str
    reason: str
    until_on: date | None
    placed_at: datetime
    placed_by: str
    held_days: int


def open_holds(member: Membership, *, kind: str = "", now: datetime) -> list[HoldRow]:
    """Return the open holds in a member's book, oldest first."""
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), lifted_at__isnull=True)
    if kind in HoldKind.values:
        holds = holds.filter(kind=kind)
    holds = holds.select_related("account__household__advisor__user", "placed_by").order_by("placed_at", "pk")
    return [
        HoldRow(
            pk=hold.pk,
            account_id=hold.account_id,
            account_name=hold.account.name,
            number_last4=hold.account.number_last4,
            household_id=hold.account.household_id,
            household_name=hold.account.household.name,
            advisor_name=hold.account.household.advisor.user.full_name,
            kind=hold.kind,
            kind_label=hold.get_kind_display(),
            subject=hold.subject,
            reason=hold.reason,
            until_on=hold.until_on,
            placed_at=hold.placed_at,
            placed_by="" if hold.placed_by is None else hold.placed_by.full_name,
            held_days=(now - hold.placed_at).days,
        )
        for hold in holds
    ]


def hold_in_book(member: Membership, hold_id: int) -> AccountHold:
    """
    Return one open hold in a member's book.

    :raises NotFound: outside the book, or lifted
    """
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), pk=hold_id, lifted_at__isnull=True)
    hold = holds.select_related("account").first()
    if hold is None:
        raise NotFound("There is no such hold; it may have been lifted.")
    return hold


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """One corporate action; `waiting_count` accounts of the firm are held for it."""

    symbol: str
    name: str
    kind: str
    effective_on: date
    ratio: Decimal | None
    status: str
    status_label: str
    source: str
    announced_at: datetime
    waiting_count: int


def corporate_actions(member: Membership) -> list[ActionRow]:
    """Return the newest corporate actions, with the accounts of the firm that wait for each."""
    waiting = (
        AccountHold.objects.filter(
            account__firm_id=member.firm_id, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True
        )
        .values("subject")
        .annotate(count=Count("pk"))
        .values_list("subject", "count")
    )
    counts = dict(waiting)
    actions = CorporateAction.objects.select_related("security").order_by("-effective_on", "-pk")[:MAX_ACTIONS]
    return [
        ActionRow(
            symbol=action.security.symbol,
            name=action.security.name,
            kind=action.get_kind_display(),
            effective_on=action.effective_on,
            ratio=None if action.ratio is None else action.ratio.normalize(),
            status=action.status,
            status_label=action.get_status_display(),
            source=action.source,
            announced_at=action.announced_at,
            waiting_count=counts.get(action.security.symbol, 0),
        )
        for action in actions
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleRow:
    """One security whose missing or old price holds accounts."""

    symbol: str
    name: str
    last_on: date | None
    account_count: int


def stale_prices(member: Membership) -> list[StaleRow]:
    """Return the securities whose price holds accounts of the firm, with the day of their last price."""
    held = (
        AccountHold.objects.filter(account__firm_id=member.firm_id, kind=HoldKind.STALE_PRICE, lifted_at__isnull=True)
        .values("subject")
        .annotate(count=Count("account", distinct=True))
        .values_list("subject", "count")
    )
    counts = dict(held)
    securities = (
        Security.objects.filter(symbol__in=counts).annotate(last_on=Max("prices__priced_on")).order_by("symbol")
    )
    return [
        StaleRow(
            symbol=security.symbol,
            name=security.name,
            last_on=security.last_on,
            account_count=counts[security.symbol],
        )
        for security in securities
    ]
