"""Trades of accounts held away: they count for wash sales, so that what they wash is replayed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from advisors import audit
from advisors.errors import Invalid
from advisors.models import Membership, User
from advisors.permissions import Capability, check_can
from portfolios.models.households import Account
from portfolios.models.lots import OutsideTrade
from portfolios.models.securities import Security
from portfolios.selectors.books import account_in_book
from portfolios.selectors.identity import identity_of
from portfolios.selectors.journals import close_scopes
from portfolios.services.ledger_rows import lock_tax_households
from portfolios.services.replays import ReplayRefused, Wanted, plan_replays, write_replays
from portfolios.services.tax_policies import policy_in_force


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutsideTrade:
    """A trade that a client or another custodian told of; `loss_usd` is the positive loss of a sale."""

    side: str
    on: date
    security: str
    units: Decimal
    loss_usd: Decimal = Decimal(0)


@transaction.atomic
def record_outside_trade(
    member: Membership, *, account_id: int, trade: NewOutsideTrade, ref: str, reason: str, now: datetime
) -> OutsideTrade:
    """
    Record a trade in an account held away, and replay what it washes.

    :raises NotFound: the account lies outside the member's book
    :raises Invalid: the account is managed here, the security unknown, or no reason given
    """
    account = account_in_book(member, account_id)
    check_can(member, Capability.RESOLVE_EXCEPTIONS)
    if not account.is_held_away:
        raise Invalid("This account is managed here: record the trade in its ledger.")
    security = Security.objects.filter(symbol=trade.security).first()
    if security is None:
        raise Invalid(f"{trade.security} is not in the security master.")
    if trade.units <= 0 or (trade.side == "buy" and trade.loss_usd):
        raise Invalid("A trade is of more than no units, and only a sale has a loss.")
    if not reason.strip():
        raise Invalid("Say who told of the trade.")
    last_on = member.firm.business_on or now.date()
    if trade.on > last_on:
        raise Invalid(f"{trade.on} lies after the firm's business date, {last_on}.")
    row, is_new = OutsideTrade.objects.get_or_create(
        source_ref=f"{account.pk}:{ref}",
        defaults={
            "account": account,
            "security": security,
            "traded_on": trade.on,
            "side": trade.side,
            "units": trade.units,
            "loss_usd": trade.loss_usd,
            "recorded_at": now,
        },
    )
    if is_new:
        audit.record(
            "outside_trade.recorded",
            actor=member,
            subject=account,
            household_id=account.household_id,
            data={"side": trade.side, "security": trade.security, "traded_on": trade.on, "units": trade.units},
            reason=reason.strip(),
            now=now,
        )
        replay_outside(account, [security.pk], actor=member.user, now=now)
    return row


def replay_outside(account: Account, security_ids: Collection[int], *, actor: User | None, now: datetime) -> None:
    """
    Replay the identity groups of trades just recorded in an account held away.

    :raises Invalid: the journal cannot be replayed with them
    """
    if not security_ids:
        return
    lock_tax_households([account.tax_household_id])
    identity = identity_of(account.firm_id)
    current = policy_in_force(account.firm_id, now=now)
    scopes = close_scopes({account.tax_household_id: security_ids}, identity=identity)
    cause = "A trade in an account held away became known"
    wanted = {pk: Wanted(securities=scope, cause=cause) for pk, scope in scopes.items()}
    for found in plan_replays(wanted, identity=identity, current=current).values():
        if isinstance(found, ReplayRefused):
            raise found
        write_replays([found], event_ids={}, current=current, actor=actor, now=now)
