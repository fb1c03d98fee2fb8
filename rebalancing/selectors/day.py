"""Where each account stands in the firm's day: the one definition that Today and the list of accounts share."""

from datetime import date
from typing import Final

from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    Exists,
    F,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from portfolios.models.households import Account, AccountHold, Standing
from rebalancing.models.runs import DayState

_ENDS_WITH_ITS_DAY: Final = (DayState.ANALYSED, DayState.FILLED, DayState.HELD)


def in_the_day(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """Keep the accounts that the firm works: managed here, and not on their way in or out."""
    return accounts.filter(is_held_away=False, standing=Standing.ACTIVE)


def with_day_state(accounts: QuerySet[Account], *, business_on: date | None) -> QuerySet[Account]:
    """
    Add `day_state` and `day_since_at` to accounts.

    Held is who has an open hold. What was analysed or filled on an earlier day has since only been received; what is
    proposed, approved or released stays so until somebody decides.
    """
    holds = AccountHold.objects.filter(account=OuterRef("pk"), lifted_at__isnull=True)
    oldest = holds.order_by().values("account").annotate(oldest=Min("placed_at")).values("oldest")
    is_over = Q(figures__state__in=_ENDS_WITH_ITS_DAY) & (
        Q(figures__as_of_on__isnull=True) | Q(figures__as_of_on__lt=business_on or date.min)
    )
    state = Case(
        When(Exists(holds), then=Value(DayState.HELD.value)),
        When(Q(figures__isnull=True) | is_over | Q(figures__state=DayState.HELD), then=Value(DayState.RECEIVED.value)),
        default=F("figures__state"),
        output_field=CharField(),
    )
    since = Case(
        When(Exists(holds), then=Subquery(oldest)),
        When(figures__isnull=True, then=F("created_at")),
        default=F("figures__state_since_at"),
        output_field=DateTimeField(),
    )
    return accounts.annotate(day_state=state, day_since_at=since)
