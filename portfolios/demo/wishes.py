"""Write the demo's policy statements: settings, restrictions and cash needs, by the clients' own advisors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from advisors.models import Membership
from portfolios.demo.clients import Client
from portfolios.demo.people import DemoFirm
from portfolios.demo.specs import AccountSpec, CashNeedSpec, RestrictionSpec
from portfolios.models.preferences import CashNeed, Level, Preference, Restriction
from portfolios.policy import SettingValue
from portfolios.selectors.preferences import Place
from portfolios.services import preferences, restrictions
from portfolios.services.statement_guard import Terms

# The short names of the specifications and the keys of the policy statement.
SETTING_KEYS: Final[Mapping[str, str]] = {
    "budget_tax_usd": "tax.budget_usd",
    "forced_harvest_usd": "tax.forced_harvest_usd",
    "max_tracking_error_frac": "trading.max_tracking_error_frac",
    "max_turnover_frac": "trading.max_turnover_frac",
    "never_realize_gains": "tax.never_realize_gains",
    "reserve_usd": "cash.reserve_usd",
    "short_gains": "tax.short_gains",
    "tracking_preference": "trading.tracking_preference",
}


@transaction.atomic
def write_wishes(demo: DemoFirm, client: Client, *, now: datetime) -> int:
    """Write what one household asked for, unless something is written already; return how many lines."""
    if _has_any(client):
        return 0
    advisor = demo.members[client.spec.advisor]
    count = 0
    for restriction in client.spec.restrictions:
        _restrict(advisor, (Level.HOUSEHOLD, client.household.pk), restriction, now=now)
        count += 1
    for spec in client.spec.accounts:
        count += _write_account(advisor, client.accounts[spec.ref].pk, spec, now=now)
    return count


def _has_any(client: Client) -> bool:
    ids = [account.pk for account in client.accounts.values()]
    own = Q(account_id__in=ids) | Q(household=client.household)
    of_return = Q(tax_return__tax_household__household=client.household)
    return (
        Preference.objects.filter(own | of_return).exists()
        or Restriction.objects.filter(own).exists()
        or CashNeed.objects.filter(own).exists()
    )


def _write_account(advisor: Membership, account_id: int, spec: AccountSpec, *, now: datetime) -> int:
    count = len(spec.restrictions) + len(spec.cash_needs)
    for restriction in spec.restrictions:
        _restrict(advisor, (Level.ACCOUNT, account_id), restriction, now=now)
    for need in spec.cash_needs:
        terms = Terms(reason=need.reason)
        restrictions.add_cash_need(advisor, account_id=account_id, new=_cash_need(need), terms=terms, now=now)
    if spec.settings:
        values = {SETTING_KEYS[name]: _setting(value) for name, value in spec.settings.items()}
        terms = Terms(reason="Policy statement signed by the client")
        changed = preferences.set_preferences(
            advisor, account_id=account_id, values=values, terms=terms, seen=None, now=now
        )
        count += len(changed)
    return count


def _setting(value: object) -> SettingValue:
    return value if isinstance(value, bool | int) else str(value)


def _restrict(advisor: Membership, place: Place, spec: RestrictionSpec, *, now: datetime) -> None:
    new = restrictions.NewRestriction(
        verb=spec.verb,
        subject_kind=spec.subject_kind,
        subject=spec.subject,
        disposal=spec.disposal,
        min_frac=spec.min_frac,
        max_frac=spec.max_frac,
    )
    restrictions.add_restriction(
        advisor, place=place, new=new, terms=Terms(reason=spec.reason, review_on=spec.review_on), now=now
    )


def _cash_need(spec: CashNeedSpec) -> restrictions.NewCashNeed:
    return restrictions.NewCashNeed(
        kind=spec.kind, amount_usd=spec.amount_usd, due_on=spec.due_on, period=spec.period, lead_days=spec.lead_days
    )
