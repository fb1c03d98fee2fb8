"""Hold accounts whose securities have no recent price, and let them go when one arrives."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from advisors.models import Firm
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.lots import Lot
from portfolios.models.securities import SecurityKind
from portfolios.selectors.prices import last_prices
from portfolios.services.holds import lift_all, place_hold

POLICY = "stale_price_days"
DEFAULT_DAYS = 5
MAX_PER_ACCOUNT = 5  # an account without any prices is held for the first few, not a hundred times


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stale:
    symbol: str
    reason: str


def refresh_stale_price_holds(firm: Firm, *, now: datetime) -> int:
    """
    Hold every account with a security whose last price is older than the firm's policy allows; return how many are.

    What a person has lifted is not held again until the business date moves on by as many days.
    """
    if firm.business_on is None:
        return 0
    days = int(firm.policies.get(POLICY, DEFAULT_DAYS))
    stale = _stale_securities(firm, as_of=firm.business_on, days=days)
    held = _held_pairs(firm, stale)
    open_holds = AccountHold.objects.filter(
        account__firm=firm, kind=HoldKind.STALE_PRICE, lifted_at__isnull=True
    ).select_related("account")
    wanted = {(account_id, one.symbol) for account_id, some in held.items() for one in some}
    known = {(hold.account_id, hold.subject): hold for hold in open_holds.order_by("pk")}
    lift_all((hold for pair, hold in known.items() if pair not in wanted), reason="A recent price arrived.", now=now)
    forgiven = _forgiven(firm, since=now - timedelta(days=days))
    missing = {key for key, symbol in wanted - set(known) - forgiven if symbol}
    accounts = Account.objects.filter(pk__in=missing).order_by("pk").in_bulk()
    for account_id, account in accounts.items():
        for one in held[account_id]:
            if (account_id, one.symbol) not in forgiven:
                kind = HoldKind.STALE_PRICE
                place_hold(account, kind=kind, subject=one.symbol, reason=one.reason, actor=None, now=now)
    return len({key for key, _ in wanted})


def _stale_securities(firm: Firm, *, as_of: date, days: int) -> Mapping[int, _Stale]:
    held = Lot.objects.filter(account__firm=firm, account__is_held_away=False, closed_on__isnull=True).exclude(
        security__kind__in=[SecurityKind.OTHER, SecurityKind.CASH]
    )
    names = dict(held.values_list("security_id", "security__symbol").distinct())
    prices = last_prices(tuple(names), as_of=as_of)
    found: dict[int, _Stale] = {}
    for key, symbol in names.items():
        last = prices.get(key)
        if last is None:
            found[key] = _Stale(symbol=symbol, reason=f"There is no price of {symbol}.")
        elif (as_of - last.priced_on).days > days:
            reason = f"The last price of {symbol} is of {last.priced_on}, more than {days} days before {as_of}."
            found[key] = _Stale(symbol=symbol, reason=reason)
    return found


def _held_pairs(firm: Firm, stale: Mapping[int, _Stale]) -> Mapping[int, list[_Stale]]:
    pairs: dict[int, list[_Stale]] = defaultdict(list)
    lots = Lot.objects.filter(
        account__firm=firm, account__is_held_away=False, closed_on__isnull=True, security_id__in=stale
    )
    for account_id, security_id in (
        lots.order_by("security__symbol").values_list("account_id", "security_id").distinct()
    ):
        if len(pairs[account_id]) < MAX_PER_ACCOUNT:
            pairs[account_id].append(stale[security_id])
    return pairs


def _forgiven(firm: Firm, *, since: datetime) -> set[tuple[int, str]]:
    lifted = AccountHold.objects.filter(
        account__firm=firm, kind=HoldKind.STALE_PRICE, lifted_at__gte=since, lifted_by__isnull=False
    )
    return set(lifted.values_list("account_id", "subject"))
