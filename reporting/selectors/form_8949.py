"""The year's dispositions of an account as Form 8949, read from the ledger and from what the custodian states."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from django.db.models import F, Q, Sum

from advisors.errors import Invalid, NotFound
from advisors.models import Membership
from portfolios.ledger.form_8949 import Form8949, ReportedLine, SoldLot, form_8949
from portfolios.ledger.gain_matching import GainComparison, GainLine, compare_gains
from portfolios.ledger.types import ZERO, Disposition, DispositionKind, Term
from portfolios.models.households import Account, TaxStatus
from portfolios.models.lots import Lot, RealizedGain, StatedGain, WashMatch
from portfolios.models.securities import SecurityKind
from portfolios.selectors.books import account_in_book

FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2100
_FUNDS: Final = frozenset({SecurityKind.ETF, SecurityKind.FUND})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxForm:
    """
    The form of one account and year, and whose it is.

    `is_1099b` says that the comparison is with the custodian's 1099-B; else it is with its list of realised lots.
    """

    account_id: int
    account: str
    number_last4: str
    household: str
    household_id: int
    custodian: str
    tax_return: str
    business_on: date | None
    is_1099b: bool
    stated_count: int
    years: tuple[int, ...]
    form: Form8949

    @property
    def net_short_usd(self) -> Decimal:
        """Return what the account adds to line 7 of Schedule D."""
        return self.form.net_usd(Term.SHORT)

    @property
    def net_long_usd(self) -> Decimal:
        """Return what the account adds to line 15 of Schedule D."""
        return self.form.net_usd(Term.LONG)


def tax_form_in_book(member: Membership, account_id: int, *, year: int) -> TaxForm:
    """
    Return the form of an account of the member's book.

    :raises NotFound: it lies outside the member's book
    :raises Invalid: the account is not taxable, so there is nothing to report
    """
    return tax_form(account_in_book(member, account_id), year=year)


def tax_form(account: Account, *, year: int) -> TaxForm:
    """
    Return the form of an account, in a constant number of queries.

    :raises Invalid: the account is not taxable, so there is nothing to report
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid(f"There is no form of the year {year}.")
    if account.tax_status != TaxStatus.TAXABLE:
        raise Invalid(
            f"{account.name} is {account.get_tax_status_display().lower()}: its sales are not reported on Form 8949."
        )
    gains = list(
        RealizedGain.objects.filter(account=account, closed_on__year=year)
        .select_related("security", "event")
        .order_by("closed_on", "pk")
    )
    stated = _stated(account, year=year)
    is_1099b = bool(stated) and stated[0].is_1099b
    return TaxForm(
        account_id=account.pk,
        account=account.name,
        number_last4=account.number_last4,
        household=account.household.name,
        household_id=account.household_id,
        custodian=account.custodian,
        tax_return=account.tax_return.name if account.tax_return else "",
        business_on=account.firm.business_on,
        is_1099b=is_1099b,
        stated_count=len(stated),
        years=_years(account),
        form=form_8949(
            year,
            _sold(account, gains),
            reported=[_reported(row) for row in stated] if is_1099b else (),
            comparisons=_comparisons(gains, stated),
            as_of=account.firm.business_on,
        ),
    )


def account_named(firm_slug: str, name: str) -> Account:
    """
    Return an account by its id or its reference, for a command.

    :raises NotFound: there is none, or several firms have one
    """
    found = Account.objects.select_related("household", "tax_return", "firm")
    if firm_slug:
        found = found.filter(firm__slug=firm_slug)
    by_ref = list(found.filter(external_ref=name)[:2])
    rows = by_ref or (list(found.filter(pk=int(name))) if name.isdecimal() else [])
    if len(rows) != 1:
        raise NotFound(f"There is no account {name}." if not rows else f"Several firms have an account {name}.")
    return rows[0]


def _years(account: Account) -> tuple[int, ...]:
    days = RealizedGain.objects.filter(account=account).dates("closed_on", "year", order="DESC")
    return tuple(day.year for day in days)


def _stated(account: Account, *, year: int) -> Sequence[StatedGain]:
    """Return the lines of the 1099-B where it was imported, else the custodian's realised lots."""
    rows = list(
        StatedGain.objects.filter(account=account, tax_year=year).select_related("security").order_by("sold_on", "pk")
    )
    reported = [row for row in rows if row.is_1099b]
    return reported or rows


def _sold(account: Account, gains: Sequence[RealizedGain]) -> Iterable[SoldLot]:
    keys = {gain.lot_key for gain in gains}
    inherited = set(Lot.objects.filter(account=account, key__in=keys, is_inherited=True).values_list("key", flat=True))
    for gain in gains:
        yield SoldLot(
            sold=_disposition(gain),
            name=gain.security.name or gain.security.symbol,
            is_fund=gain.security.kind in _FUNDS,
            is_inherited=gain.lot_key in inherited,
        )


def _disposition(gain: RealizedGain) -> Disposition:
    return Disposition(
        event_ref=gain.event.source_ref,
        lot_key=gain.lot_key,
        root_key=gain.root_key or gain.lot_key,
        security=gain.security.symbol,
        units=gain.units,
        proceeds_usd=gain.proceeds_usd,
        cost_usd=gain.cost_usd,
        gain_usd=gain.gain_usd,
        term=Term(gain.term),
        sold_on=gain.closed_on,
        acquired_on=gain.acquired_on,
        holding_on=gain.holding_on,
        disallowed_usd=gain.disallowed_usd,
        permanent_usd=gain.permanent_usd,
        kind=DispositionKind(gain.kind),
    )


def _reported(row: StatedGain) -> ReportedLine:
    return ReportedLine(
        security=row.security.symbol,
        sold_on=row.sold_on,
        acquired_on=row.acquired_on,
        units=row.units,
        cost_usd=row.cost_usd,
        disallowed_usd=row.disallowed_usd,
        box=row.box,
    )


def _comparisons(gains: Sequence[RealizedGain], stated: Sequence[StatedGain]) -> tuple[GainComparison, ...]:
    if not stated:
        return ()
    beyond = _beyond([gain.pk for gain in gains])
    ours = [
        GainLine(
            security=gain.security.symbol,
            sold_on=gain.closed_on,
            acquired_on=gain.acquired_on,
            units=gain.units,
            proceeds_usd=gain.proceeds_usd,
            cost_usd=gain.cost_usd,
            disallowed_usd=gain.disallowed_usd,
            beyond_usd=beyond.get(gain.pk, ZERO),
        )
        for gain in gains
    ]
    theirs = [
        GainLine(
            security=row.security.symbol,
            sold_on=row.sold_on,
            acquired_on=row.acquired_on,
            units=row.units,
            proceeds_usd=row.proceeds_usd,
            cost_usd=row.cost_usd,
            disallowed_usd=row.disallowed_usd,
        )
        for row in stated
    ]
    return compare_gains(ours, theirs)


def _beyond(gain_ids: Sequence[int]) -> Mapping[int, Decimal]:
    """Return what is washed by purchases in another account or security, which the custodian cannot see."""
    rows = (
        WashMatch.objects.filter(loss_id__in=gain_ids)
        .filter(~Q(account=F("loss__account")) | ~Q(security=F("loss__security")))
        .values("loss_id")
        .annotate(total=Sum("amount_usd"))
    )
    return dict(rows.values_list("loss_id", "total"))
