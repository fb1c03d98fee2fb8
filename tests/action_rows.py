"""Corporate actions as rows, for tests that do not go through announcing and confirming them."""

from datetime import date, datetime
from decimal import Decimal

from advisors.models import Firm
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security
from tests.factories import BUSINESS_ON, NOW, SecurityFactory, UserFactory


def action_row(
    firm: Firm,
    symbol: str = "VTI",
    *,
    kind: str = "split",
    ratio: str | None = "4",
    on: date = BUSINESS_ON,
    status: ActionStatus = ActionStatus.ANNOUNCED,
    at: datetime = NOW,
    **changes: object,
) -> CorporateAction:
    """Make the row of an action; one that is confirmed or applied has who did it."""
    security: Security = SecurityFactory(symbol=symbol)
    people: dict[str, object] = {}
    if status in (ActionStatus.CONFIRMED, ActionStatus.APPLIED, ActionStatus.REVERSED):
        people = {"confirmed_at": at, "confirmed_by": UserFactory()}
    if status in (ActionStatus.APPLIED, ActionStatus.REVERSED):
        people["applied_at"] = at
    if status in (ActionStatus.REVERSED, ActionStatus.WITHDRAWN):
        people["ended_at"] = at
    return CorporateAction.objects.create(
        firm=firm,
        security=security,
        kind=kind,
        effective_on=on,
        ratio=None if ratio is None else Decimal(ratio),
        status=status,
        announced_at=at,
        **{"source": "test", **people, **changes},
    )
