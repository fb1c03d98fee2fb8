"""The pages Accounts, Household and Account."""

from dataclasses import dataclass
from decimal import Decimal

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from advisors.access import HtmxRequest, requires
from advisors.permissions import Capability, can
from advisors.responses import page_or_part
from advisors.templatetags.ui import bps, count, money, money_short, pct, signed_money
from rebalancing.charts import Chart, allocation_chart, budget_gauge
from rebalancing.selectors.account_pages import AccountPage, account_page
from rebalancing.selectors.accounts import AccountFilter, account_list
from rebalancing.selectors.household_pages import HouseholdPage, household_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the figures at the head of a page."""

    label: str
    value: str
    detail: str = ""
    before: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the way to a page; the last has no address."""

    label: str
    url: str = ""


@requires(Capability.VIEW_BOOK)
@require_GET
def accounts(request: HtmxRequest) -> HttpResponse:
    """Find, filter and sort the accounts of the member's book."""
    found = account_list(request.membership, request.GET)
    first = [name for name in AccountFilter.first_row if name in found.form.fields]
    more = [name for name in found.form.fields if name not in first and not found.form[name].is_hidden]
    context = {
        "found": found,
        "first": [found.form[name] for name in first],
        "more": [found.form[name] for name in more],
        "has_more": any(request.GET.get(name) for name in more),
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
    }
    status = 200 if found.form.is_valid() else 422
    return page_or_part(request, "rebalancing/accounts.html", part="rows", context=context, status=status)


@requires(Capability.VIEW_BOOK)
@require_GET
def account(request: HtmxRequest, account_id: int) -> HttpResponse:
    """Show one account: what it holds, how far it strayed, its taxes, what is asked and what happened."""
    page = account_page(
        request.membership,
        account_id,
        today=timezone.localdate(),
        open_symbol=request.GET.get("open", ""),
        open_class=request.GET.get("class", ""),
    )
    context = {
        "page": page,
        "head": page.head,
        "form_year": page.as_of_on.year,
        "holdings": page.holdings,
        "short_usd": page.holdings.short_gain_usd + page.holdings.short_loss_usd,
        "long_usd": page.holdings.long_gain_usd + page.holdings.long_loss_usd,
        "figures": _account_figures(page),
        "allocation": allocation_chart(page.weights) if page.weights else None,
        "gauge": _gauge(page),
        "trail": (
            Step(label="Accounts", url=reverse("accounts:accounts")),
            Step(label=page.head.household, url=reverse("accounts:household", args=[page.head.household_id])),
            Step(label=f"{page.head.name} ··{page.head.number_last4}"),
        ),
        "can_rebalance": page.head.may_trade and can(request.membership, Capability.REBALANCE),
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
        "can_report": can(request.membership, Capability.ISSUE_REPORTS),
        "can_see_data": can(request.membership, Capability.VIEW_DATA),
    }
    return page_or_part(request, "rebalancing/account.html", part="holdings", context=context)


@requires(Capability.VIEW_BOOK)
@require_GET
def household(request: HtmxRequest, household_id: int) -> HttpResponse:
    """Show one household: people, accounts, what they hold together, taxes, wishes, what happened."""
    page = household_page(request.membership, household_id, today=timezone.localdate())
    context = {
        "page": page,
        "figures": _household_figures(page),
        "allocation": allocation_chart(page.weights, title="Combined allocation") if page.weights else None,
        "trail": (Step(label="Accounts", url=reverse("accounts:accounts")), Step(label=page.name)),
        "can_rebalance": can(request.membership, Capability.REBALANCE),
        "can_confirm": can(request.membership, Capability.EDIT_HOUSEHOLDS),
        "can_edit": can(request.membership, Capability.EDIT_PREFERENCES),
    }
    return page_or_part(request, "rebalancing/household.html", part="household", context=context)


def _account_figures(page: AccountPage) -> tuple[Figure, ...]:
    held, figures = page.holdings, page.figures
    gain = held.short_gain_usd + held.long_gain_usd + held.short_loss_usd + held.long_loss_usd
    share = held.cash_usd / held.value_usd if held.value_usd > 0 else None
    cash = f"cash {money(held.cash_usd)}, {pct(share)}"
    tracking = pct(figures.tracking_error_frac, 2) if figures else "–"
    return (
        Figure(label="Value", value=money(held.value_usd), detail=cash),
        Figure(label="Drift", value=pct(page.drift_frac), detail=f"from {page.head.profile or 'no risk profile'}"),
        Figure(label="Tracking error, last run", value=tracking, detail=_opportunity(page)),
        Figure(
            label="Unrealised gain",
            value=signed_money(gain),
            detail=f"{_many(held.lot_count, 'lot')} of {_many(held.security_count, 'security', 'securities')}",
        ),
    )


def _many(number: int, one: str, more: str = "") -> str:
    return f"{count(number)} {one if number == 1 else more or one + 's'}"


def _opportunity(page: AccountPage) -> str:
    if page.figures is None or page.figures.opportunity_usd is None:
        return "not analysed yet"
    return f"opportunity {money(page.figures.opportunity_usd)}, {bps(page.figures.opportunity_bps)}"


def _gauge(page: AccountPage) -> Chart | None:
    figures, proposal = page.figures, page.proposal
    if not page.head.is_taxable or figures is None or figures.budget_usd is None:
        return None
    used = figures.tax_used_usd or Decimal(0)
    caused = proposal.tax_caused_usd if proposal and proposal.id == figures.proposal_id else None
    after = None if caused is None else used + caused
    if proposal and proposal.is_booked:  # the figures are of the run that proposed it
        used, after = (after or used), None
    elif proposal and not proposal.is_live:
        after = None
    return budget_gauge(used_usd=used, budget_usd=figures.budget_usd, after_usd=after, year=page.as_of_on.year)


def _household_figures(page: HouseholdPage) -> tuple[Figure, ...]:
    share = page.cash_usd / page.value_usd if page.value_usd > 0 else None
    managed = [line for line in page.accounts if not line.is_held_away]
    return (
        Figure(label="Value", value=money(page.value_usd), detail=_many(len(managed), "account")),
        Figure(label="Cash", value=money(page.cash_usd), detail=pct(share)),
        Figure(label="Drift, together", value=pct(page.drift_frac), detail="half the sum of class differences"),
        Figure(
            label="Unrealised gain",
            value=signed_money(page.short_gain_usd + page.long_gain_usd),
            detail=f"opportunity {money_short(page.opportunity_usd)}",
        ),
    )
