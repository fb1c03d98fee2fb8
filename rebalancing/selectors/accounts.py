"""The list of accounts: what it can be filtered and sorted by, and its rows with the figures of the last run."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import django_filters
from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum, Value
from django.db.models.functions import NullIf
from django.http import QueryDict

from advisors.models import Membership
from advisors.permissions import Role
from portfolios.models.guidance import RiskProfile
from portfolios.models.households import Account, AccountHold, HoldKind, Person, Registration, Standing, TaxStatus
from portfolios.models.lots import Lot
from portfolios.models.preferences import CashNeed, Preference, Restriction
from portfolios.selectors.books import accounts_in_book
from rebalancing.models.runs import DayState
from rebalancing.selectors.day import in_the_day, with_day_state

PAGE_SIZE: Final = 50
CUSTODIAN_WORDS: Final = {
    "generic": "Generic",
    "schwab": "Schwab",
    "fidelity": "Fidelity",
    "vanguard": "Vanguard",
    "etrade": "E*TRADE",
    "ibkr": "Interactive Brokers",
}
_YES_NO: Final = (("yes", "Yes"), ("no", "No"))
_SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "household": ("household__name", "name"),
    "name": ("name",),
    "advisor": ("household__advisor__user__full_name", "household__name"),
    "custodian": ("custodian", "name"),
    "value": ("figures__value_usd",),
    "drift": ("figures__drift_frac",),
    "tracking": ("figures__tracking_error_frac",),
    "used": ("used_frac",),
    "opportunity": ("figures__opportunity_usd",),
    "since": ("figures__state_since_at",),
}
_DEFAULT_SORT: Final = "household"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account of the list; what no run has found yet is None."""

    id: int
    name: str
    number_last4: str
    household_id: int
    household: str
    advisor: str
    custodian: str
    tax_status: str
    profile: str
    state: str
    state_since_at: datetime | None
    value_usd: Decimal
    drift_frac: float | None
    tracking_error_frac: float | None
    tax_used_usd: Decimal | None
    budget_usd: Decimal | None
    opportunity_usd: Decimal | None
    opportunity_bps: float | None
    proposal_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountList:
    """A page of accounts, the form that chose them, and what all of them together hold."""

    page: "Page[AccountLine]"
    form: forms.Form
    sort: str
    count: int
    value_usd: Decimal
    opportunity_usd: Decimal
    is_filtered: bool


class AccountFilter(django_filters.FilterSet):
    """What the list of accounts can be narrowed by."""

    q = django_filters.CharFilter(label="Search", method="search")
    state = django_filters.ChoiceFilter(label="State", choices=DayState.choices, method="in_state", empty_label="Any")
    advisor = django_filters.ChoiceFilter(label="Advisor", field_name="household__advisor_id", empty_label="Any")
    custodian = django_filters.ChoiceFilter(label="Custodian", empty_label="Any")
    tax_status = django_filters.ChoiceFilter(label="Tax status", choices=TaxStatus.choices, empty_label="Any")
    hold = django_filters.ChoiceFilter(
        label="Held for", choices=(("any", "Any reason"), *HoldKind.choices), method="held_for", empty_label="Any"
    )
    household = django_filters.NumberFilter(field_name="household_id", widget=forms.HiddenInput())
    profile = django_filters.ChoiceFilter(label="Risk profile", field_name="risk_profile_id", empty_label="Any")
    registration = django_filters.ChoiceFilter(label="Registration", choices=Registration.choices, empty_label="Any")
    holding = django_filters.CharFilter(label="Holds the security", method="holding_security")
    discretionary = django_filters.ChoiceFilter(
        label="Discretionary", choices=_YES_NO, method="is_discretionary_as", empty_label="Either"
    )
    differs = django_filters.ChoiceFilter(
        label="Own preferences", choices=_YES_NO, method="with_own_preferences", empty_label="Either"
    )
    drift_over = django_filters.NumberFilter(label="Drift above, %", method="drift_above", min_value=0)
    value_over = django_filters.NumberFilter(label="Value above, $", field_name="figures__value_usd", lookup_expr="gte")
    opportunity_over = django_filters.NumberFilter(
        label="Opportunity above, $", field_name="figures__opportunity_usd", lookup_expr="gte"
    )
    budget_over = django_filters.NumberFilter(label="Tax budget used above, %", method="budget_used_above")

    class Meta:
        model = Account
        fields: tuple[str, ...] = ()

    first_row: Final = ("q", "state", "advisor", "custodian", "tax_status", "hold")

    def __init__(self, data: QueryDict, *, member: Membership, queryset: "QuerySet[Account]") -> None:
        super().__init__(data, queryset=queryset)
        self.filters["advisor"].extra["choices"] = _advisors(member)
        self.filters["custodian"].extra["choices"] = _custodians(member)
        self.filters["profile"].extra["choices"] = _profiles(member)
        if member.role == Role.ADVISOR:
            del self.filters["advisor"]

    def search(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Find every word in account, household, person or reference; four digits also end a number."""
        for word in value.split()[:6]:
            people = Person.objects.filter(household=OuterRef("household_id"), full_name__icontains=word)
            found = Q(name__icontains=word) | Q(household__name__icontains=word) | Q(external_ref__iexact=word)
            queryset = queryset.filter(found | Q(number_last4=word.lstrip("·.")) | Q(Exists(people)))
        return queryset

    def in_state(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Keep accounts in one state of the day, as Today counts them."""
        return in_the_day(queryset).filter(day_state=value)  # type: ignore[misc]  # an annotation

    def held_for(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Keep accounts with an open hold, of one kind or any."""
        holds = AccountHold.objects.filter(account=OuterRef("pk"), lifted_at__isnull=True)
        return queryset.filter(Exists(holds if value == "any" else holds.filter(kind=value)))

    def holding_security(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Keep accounts with an open lot of a symbol."""
        lots = Lot.objects.filter(
            account=OuterRef("pk"), closed_on__isnull=True, security__symbol=value.strip().upper()
        )
        return queryset.filter(Exists(lots))

    def is_discretionary_as(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Keep accounts that may, or may not, be traded without asking."""
        return queryset.filter(is_discretionary=value == "yes")

    def with_own_preferences(self, queryset: "QuerySet[Account]", name: str, value: str) -> "QuerySet[Account]":
        """Keep accounts that have, or have not, a line of their own in the policy statement."""
        own = Q()
        for model in (Preference, Restriction, CashNeed):
            lines = model._default_manager.filter(account=OuterRef("pk"), ended_at__isnull=True)
            own |= Q(Exists(lines))
        shared = Preference.objects.filter(tax_return=OuterRef("tax_return_id"), ended_at__isnull=True)
        own |= Q(Exists(shared))
        return queryset.filter(own if value == "yes" else ~own)

    def drift_above(self, queryset: "QuerySet[Account]", name: str, value: Decimal) -> "QuerySet[Account]":
        """Keep accounts that drifted further than a percentage."""
        return queryset.filter(figures__drift_frac__gt=float(value) / 100)

    def budget_used_above(self, queryset: "QuerySet[Account]", name: str, value: Decimal) -> "QuerySet[Account]":
        """Keep accounts that used more than a percentage of their tax budget."""
        return queryset.filter(
            figures__budget_usd__gt=0, figures__tax_used_usd__gt=F("figures__budget_usd") * (value / 100)
        )


def _advisors(member: Membership) -> list[tuple[str, str]]:
    rows = Membership.objects.filter(firm_id=member.firm_id, role=Role.ADVISOR).order_by("user__full_name", "pk")
    return [(str(pk), name) for pk, name in rows.values_list("pk", "user__full_name")]


def _custodians(member: Membership) -> list[tuple[str, str]]:
    keys = Account.objects.filter(firm_id=member.firm_id).order_by("custodian")
    return [(key, custodian_words(key)) for key in keys.values_list("custodian", flat=True).distinct()]


def custodian_words(key: str) -> str:
    """Return how people call a custodian."""
    return CUSTODIAN_WORDS.get(key, key.replace("_", " ").title())


def _profiles(member: Membership) -> list[tuple[str, str]]:
    rows = RiskProfile.objects.filter(firm_id=member.firm_id).order_by("position", "pk")
    return [(str(pk), name) for pk, name in rows.values_list("pk", "name")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenAccounts:
    """Every account that fits the filters, and the filters in words, each with its value."""

    ids: tuple[int, ...]
    household_count: int
    filters: tuple[tuple[str, str], ...]


def chosen_accounts(member: Membership, data: QueryDict) -> ChosenAccounts:
    """Return all accounts that a list with these filters shows, page by page; managed and open ones alone."""
    managed = accounts_in_book(member).exclude(standing=Standing.CLOSED).filter(is_held_away=False)
    known = with_day_state(managed, business_on=member.firm.business_on)
    chosen = AccountFilter(data, member=member, queryset=known)
    rows = list((chosen.qs if chosen.is_valid() else known.none()).order_by("pk").values_list("pk", "household_id"))
    told = [
        (str(field.label), str(dict(getattr(field.field, "choices", ())).get(said, said)))
        for field in chosen.form
        if (said := data.get(field.name, ""))
    ]
    return ChosenAccounts(
        ids=tuple(pk for pk, _ in rows),
        household_count=len({household for _, household in rows}),
        filters=tuple(told),
    )


def account_list(member: Membership, data: QueryDict) -> AccountList:
    """Return one page of the accounts in a member's book that fit the filters; a handful of queries for any number."""
    open_accounts = accounts_in_book(member).exclude(standing=Standing.CLOSED)
    known = with_day_state(open_accounts, business_on=member.firm.business_on)
    chosen = AccountFilter(data, member=member, queryset=known)
    accounts = chosen.qs if chosen.is_valid() else known.none()
    totals = accounts.aggregate(
        count=Count("pk"), value=Sum("figures__value_usd"), opportunity=Sum("figures__opportunity_usd")
    )
    sort, order = _order(data.get("sort", ""))
    rows = _sorted(accounts.select_related("figures", "household__advisor__user", "risk_profile"), sort, order)
    paginator: Paginator[Any] = Paginator(rows, PAGE_SIZE)
    paginator.count = totals["count"]
    page = paginator.get_page(data.get("page"))
    page.object_list = [_line(account) for account in page.object_list]
    used = {name for name in chosen.form.fields if data.get(name)}
    return AccountList(
        page=page,
        form=chosen.form,
        sort=order,
        count=totals["count"],
        value_usd=totals["value"] or Decimal(0),
        opportunity_usd=totals["opportunity"] or Decimal(0),
        is_filtered=bool(used),
    )


def _order(wanted: str) -> tuple[str, str]:
    name = wanted.lstrip("-")
    return (name, wanted) if name in _SORTS else (_DEFAULT_SORT, _DEFAULT_SORT)


def _sorted(accounts: "QuerySet[Account]", name: str, order: str) -> "QuerySet[Account]":
    if name == "used":
        accounts = accounts.annotate(
            used_frac=F("figures__tax_used_usd") / NullIf("figures__budget_usd", Value(Decimal(0)))
        )
    falling = order.startswith("-")
    columns = [
        F(column).desc(nulls_last=True) if falling else F(column).asc(nulls_last=True) for column in _SORTS[name]
    ]
    return accounts.order_by(*columns, "pk")


def _line(account: Account) -> AccountLine:
    figures = getattr(account, "figures", None)
    return AccountLine(
        id=account.pk,
        name=account.name,
        number_last4=account.number_last4,
        household_id=account.household_id,
        household=account.household.name,
        advisor=account.household.advisor.user.full_name,
        custodian=custodian_words(account.custodian),
        tax_status=TaxStatus(account.tax_status).label,
        profile=account.risk_profile.name if account.risk_profile else "",
        state=day_state(account),
        state_since_at=figures.state_since_at if figures else None,
        value_usd=figures.value_usd if figures else Decimal(0),
        drift_frac=figures.drift_frac if figures else None,
        tracking_error_frac=figures.tracking_error_frac if figures else None,
        tax_used_usd=figures.tax_used_usd if figures else None,
        budget_usd=figures.budget_usd if figures else None,
        opportunity_usd=figures.opportunity_usd if figures else None,
        opportunity_bps=figures.opportunity_bps if figures else None,
        proposal_id=figures.proposal_id if figures else None,
    )


def day_state(account: Account) -> str:
    """Return the state that an account is shown with: where it stands in the day, or why it is not in it."""
    if account.is_held_away:
        return "held_away"
    if account.standing != Standing.ACTIVE:
        return account.standing
    if found := getattr(account, "day_state", ""):
        return str(found)
    figures = getattr(account, "figures", None)
    return figures.state if figures else DayState.RECEIVED
