"""What the room of the ledger tells: a corporate action that was applied or taken back reaches proposals and orders."""

from collections.abc import Collection
from datetime import datetime

from advisors.models import Firm
from portfolios.models.market import CorporateAction
from portfolios.services.action_signals import action_applied, action_foreseen, action_reversed
from rebalancing.services.following import follow_action, foresee


def _after_application(
    *,
    firm: Firm,
    action: CorporateAction,
    security_ids: Collection[int],
    account_ids: Collection[int],
    now: datetime,
    **_: object,
) -> None:
    follow_action(firm, action, security_ids=security_ids, account_ids=account_ids, is_reversed=False, now=now)


def _after_reversal(
    *,
    firm: Firm,
    action: CorporateAction,
    security_ids: Collection[int],
    account_ids: Collection[int],
    now: datetime,
    **_: object,
) -> None:
    follow_action(firm, action, security_ids=security_ids, account_ids=account_ids, is_reversed=True, now=now)


def _before_application(*, firm_id: int, security_ids: Collection[int], **_: object) -> tuple[str, ...]:
    return foresee(firm_id, security_ids)


action_foreseen.connect(_before_application, dispatch_uid="foresee an action")
action_applied.connect(_after_application, dispatch_uid="follow an applied action")
action_reversed.connect(_after_reversal, dispatch_uid="follow a reversed action")
