"""The losses of tax households: what of each counts, until when that may change, and where the rest went."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from portfolios.models.households import TaxStatus
from portfolios.models.lots import RealizedGain, WashMatch

_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class WentTo:
    """A part of a loss that was washed: into which purchase it went, or that it is lost."""

    account_name: str
    symbol: str
    lot_key: str
    bought_on: date
    units: Decimal
    amount_usd: Decimal
    tacked_days: int
    is_permanent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLine:
    """One portion sold at a loss. Amounts are positive; `counted_usd` is what the return may use."""

    account_name: str
    symbol: str
    sold_on: date
    units: Decimal
    loss_usd: Decimal
    disallowed_usd: Decimal
    permanent_usd: Decimal
    counted_usd: Decimal
    until_on: date | None
    is_provisional: bool
    went_to: tuple[WentTo, ...]

    @property
    def deferred_usd(self) -> Decimal:
        """Return the part of the loss that waits in the basis of what replaced it."""
        return self.disallowed_usd - self.permanent_usd


def loss_lines(tax_household_ids: Collection[int], *, since: date, as_of: date) -> Mapping[int, tuple[LossLine, ...]]:
    """Return the deductible losses since a day by tax household, the newest first; two queries."""
    rows = (
        RealizedGain.objects.filter(
            account__tax_household_id__in=tax_household_ids,
            account__tax_status=TaxStatus.TAXABLE,
            closed_on__gte=since,
            gain_usd__lt=0,
        )
        .select_related("account", "security")
        .order_by("-closed_on", "account__name", "pk")
    )
    losses = list(rows)
    went = _went_to([row.pk for row in losses])
    found: dict[int, list[LossLine]] = defaultdict(list)
    for row in losses:
        found[row.account.tax_household_id].append(_line(row, went.get(row.pk, ()), as_of=as_of))
    return {pk: tuple(found[pk]) for pk in tax_household_ids}


def _line(row: RealizedGain, went: Collection[WentTo], *, as_of: date) -> LossLine:
    assert row.gain_usd is not None  # the query asks for losses
    until = row.provisional_until_on
    counted = -(row.gain_usd + row.disallowed_usd)
    return LossLine(
        account_name=f"{row.account.name} ··{row.account.number_last4}",
        symbol=row.security.symbol,
        sold_on=row.closed_on,
        units=row.units,
        loss_usd=-row.gain_usd,
        disallowed_usd=row.disallowed_usd,
        permanent_usd=row.permanent_usd,
        counted_usd=counted,
        until_on=until,
        is_provisional=until is not None and as_of <= until and counted > 0,
        went_to=tuple(went),
    )


def _went_to(loss_ids: Collection[int]) -> Mapping[int, list[WentTo]]:
    found: dict[int, list[WentTo]] = defaultdict(list)
    rows = WashMatch.objects.filter(loss_id__in=loss_ids).select_related("account", "security")
    for row in rows.order_by("bought_on", "pk"):
        found[row.loss_id].append(
            WentTo(
                account_name=f"{row.account.name} ··{row.account.number_last4}",
                symbol=row.security.symbol,
                lot_key=row.lot_key,
                bought_on=row.bought_on,
                units=row.units,
                amount_usd=row.amount_usd.quantize(_CENT),
                tacked_days=row.tacked_days,
                is_permanent=row.is_permanent,
            )
        )
    return found
