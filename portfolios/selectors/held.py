"""What keeps accounts from trading: open holds, corporate actions that are waited for, prices that are too old."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max

from advisors.errors import NotFound
from advisors.models import Membership
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security
from portfolios.selectors.books import accounts_in_book

PAGE_SIZE = 100
ORDERS_MARK = " orders"  # ends the subject of a hold that waits for orders to be filled or cancelled
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
    action_id: int | None = None  # of the corporate action that it waits for

    @property
    def symbol(self) -> str:
        """Return the security of the corporate action."""
        return symbol_of_hold(self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPage:
    """A page of open holds, and how many accounts all of them hold."""

    page: "Page[AccountHold]"
    rows: tuple[HoldRow, ...]
    account_count: int


def open_holds(member: Membership, *, kind: str = "", now: datetime, number: str | None = None) -> HeldPage:
    """Return a page of the open holds in a member's book, oldest first."""
    holds = AccountHold.objects.filter(account__in=accounts_in_book(member), lifted_at__isnull=True)
    if kind in HoldKind.values:
        holds = holds.filter(kind=kind)
    account_count = holds.aggregate(number=Count("account", distinct=True))["number"]
    holds = holds.select_related("account__household__advisor__user", "placed_by").order_by("placed_at", "pk")
    page = Paginator(holds, PAGE_SIZE).get_page(number)
    shown = list(page.object_list)
    awaited = [symbol_of_hold(hold.subject) for hold in shown if hold.kind == HoldKind.CORPORATE_ACTION]
    actions = _actions_on(member.firm_id, awaited) if awaited else {}
    rows = tuple(
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
            action_id=_action_id(hold, actions),
        )
        for hold in shown
    )
    return HeldPage(page=page, rows=rows, account_count=account_count)


def _action_id(hold: AccountHold, actions: Mapping[str, CorporateAction]) -> int | None:
    if hold.kind != HoldKind.CORPORATE_ACTION:
        return None
    action = actions.get(symbol_of_hold(hold.subject))
    return None if action is None else action.pk


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
class AwaitedAction:
    """A corporate action that accounts of a book wait for; `action_id` is None where none is known to the queue."""

    symbol: str
    kind: str
    effective_on: date | None
    action_id: int | None
    account_count: int


def awaited_actions(member: Membership) -> list[AwaitedAction]:
    """Return the corporate actions that accounts of a member's book wait for, the most awaited first; two queries."""
    holds = AccountHold.objects.filter(
        account__in=accounts_in_book(member), kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True
    )
    waiting: dict[str, set[int]] = defaultdict(set)
    for subject, account_id in holds.values_list("subject", "account_id"):
        waiting[symbol_of_hold(subject)].add(account_id)
    known = _actions_on(member.firm_id, waiting)
    rows = []
    for symbol, accounts in waiting.items():
        action = known.get(symbol)
        rows.append(
            AwaitedAction(
                symbol=symbol,
                kind="" if action is None else str(action.get_kind_display()),
                effective_on=None if action is None else action.effective_on,
                action_id=None if action is None else action.pk,
                account_count=len(accounts),
            )
        )
    return sorted(rows, key=lambda row: (-row.account_count, row.symbol))


def symbol_of_hold(subject: str) -> str:
    """Return the security that a hold for a corporate action speaks of; one for orders says so behind it."""
    return subject.removesuffix(ORDERS_MARK)


def _actions_on(firm_id: int, symbols: Iterable[str]) -> Mapping[str, CorporateAction]:
    """Return the action of each security that is in force or ahead: of several the one that waits, else the newest."""
    actions = (
        CorporateAction.objects.filter(firm_id=firm_id, security__symbol__in=list(symbols))
        .exclude(status__in=[ActionStatus.WITHDRAWN, ActionStatus.REVERSED])
        .select_related("security")
        .order_by("effective_on", "pk")
    )
    rows = sorted(actions, key=lambda action: action.status != ActionStatus.APPLIED)
    return {action.security.symbol: action for action in rows}


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
