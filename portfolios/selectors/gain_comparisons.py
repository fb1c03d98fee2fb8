"""The gains that the ledger booked beside those that custodians state, sale by sale."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal

from django.db.models import F, Q

from portfolios.ledger.gain_matching import GainComparison, GainLine, compare_gains
from portfolios.ledger.types import ZERO
from portfolios.models.lots import RealizedGain, StatedGain, WashMatch

_TAKEN_OVER = ":r:"  # in the references of closed lots that the ledger took from the custodian


def gains_compared(
    account_ids: Collection[int], *, years: Iterable[int] | None = None, is_1099b: bool | None = None
) -> Mapping[int, tuple[GainComparison, ...]]:
    """
    Compare the sales of accounts with what their custodians state of them, by account id, in a few queries.

    A sale that the ledger took from the custodian's own lots is no comparison. A 1099-B is compared apart from the
    closed lots of the year: both tell the same sales.
    """
    stated = StatedGain.objects.filter(account_id__in=account_ids)
    if years is not None:
        stated = stated.filter(tax_year__in=list(years))
    if is_1099b is not None:
        stated = stated.filter(is_1099b=is_1099b)
    rows = list(stated.select_related("security").order_by("sold_on", "pk"))
    ours = _booked(rows)
    found: dict[int, list[GainComparison]] = defaultdict(list)
    for is_form in (False, True):
        theirs: dict[int, list[GainLine]] = defaultdict(list)
        for row in rows:
            if row.is_1099b is is_form:
                theirs[row.account_id].append(_stated_line(row))
        for account_id, lines in theirs.items():
            found[account_id].extend(compare_gains(ours[account_id], lines))
    return {key: tuple(some) for key, some in found.items()}


def _stated_line(row: StatedGain) -> GainLine:
    return GainLine(
        security=row.security.symbol,
        sold_on=row.sold_on,
        acquired_on=row.acquired_on,
        units=row.units,
        proceeds_usd=row.proceeds_usd,
        cost_usd=row.cost_usd,
        disallowed_usd=row.disallowed_usd,
    )


def _booked(stated: Sequence[StatedGain]) -> Mapping[int, list[GainLine]]:
    """Return our own portions of the sales that are stated."""
    found: dict[int, list[GainLine]] = defaultdict(list)
    if not stated:
        return found
    booked = (
        RealizedGain.objects.filter(
            account_id__in={row.account_id for row in stated},
            security_id__in={row.security_id for row in stated},
            closed_on__range=(min(row.sold_on for row in stated), max(row.sold_on for row in stated)),
        )
        .exclude(event__source_ref__contains=_TAKEN_OVER)
        .select_related("security", "event")
        .order_by("closed_on", "pk")
    )
    rows = list(booked)
    beyond, cost_beyond = _beyond(rows), _cost_beyond(rows)
    for row in rows:
        found[row.account_id].append(
            GainLine(
                security=row.security.symbol,
                sold_on=row.closed_on,
                acquired_on=row.acquired_on,
                units=row.units,
                proceeds_usd=row.proceeds_usd,
                cost_usd=row.cost_usd,
                disallowed_usd=row.disallowed_usd,
                beyond_usd=beyond.get(row.pk, ZERO),
                cost_beyond_usd=cost_beyond.get(row.pk, ZERO),
                fee_usd=_fee(row),
            )
        )
    return found


def _beyond(rows: Sequence[RealizedGain]) -> Mapping[int, Decimal]:
    """Return what of each loss was washed in another account or security."""
    found: dict[int, Decimal] = defaultdict(lambda: ZERO)
    here = Q(account=F("loss__account"), security=F("loss__security"))
    matches = WashMatch.objects.filter(loss_id__in=[row.pk for row in rows]).exclude(here)
    for loss_id, amount in matches.values_list("loss_id", "amount_usd"):
        found[loss_id] += amount
    return found


def _cost_beyond(rows: Sequence[RealizedGain]) -> Mapping[int, Decimal]:
    """Return what of each basis came from a loss in another account or security; a part of a lot has its part."""
    here = Q(account=F("loss__account"), security=F("loss__security"))
    matches = WashMatch.objects.filter(
        account_id__in={row.account_id for row in rows},
        lot_key__in={row.lot_key for row in rows},
        is_permanent=False,
    ).exclude(here)
    washed: dict[tuple[int, str], list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for account_id, key, units, amount in matches.values_list("account_id", "lot_key", "units", "amount_usd"):
        washed[account_id, key].append((units, amount))
    return {
        row.pk: sum(
            (amount * min(Decimal(1), row.units / units) for units, amount in washed[row.account_id, row.lot_key]),
            ZERO,
        )
        for row in rows
        if (row.account_id, row.lot_key) in washed
    }


def _fee(row: RealizedGain) -> Decimal:
    """Return a portion's share of its sale's commission."""
    fee = Decimal(row.event.detail.get("fee_usd", "0"))
    return fee * row.units / row.event.units if fee and row.event.units else ZERO
