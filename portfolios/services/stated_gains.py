"""Closed lots as custodians state them: kept to be compared with what the ledger realised, never booked."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from portfolios.custodians.into_ledger import StatedRow
from portfolios.models.households import Account
from portfolios.models.imports import CustodianFile
from portfolios.models.lots import StatedGain
from portfolios.models.securities import Security

_CENT = Decimal("0.01")


def keep_stated_gains(account: Account, stated: Sequence[StatedRow], *, file: CustodianFile, now: datetime) -> int:
    """
    Keep the closed lots of a file and the lines of its 1099-B; return how many are new.

    A row that came before is the same row. A 1099-B tells an account's year completely: a corrected one takes the place
    of the lines before.
    """
    if not stated:
        return 0
    years = {each.row.tax_year for each in stated if each.row.is_1099b}
    if years:
        told = {each.ref for each in stated}
        older = StatedGain.objects.filter(account=account, is_1099b=True, tax_year__in=years)
        older.exclude(Q(source_ref__in=told) | Q(file=file)).delete()
    keys = dict(Security.objects.filter(symbol__in={each.symbol for each in stated}).values_list("symbol", "pk"))
    before = StatedGain.objects.filter(account=account).count()
    StatedGain.objects.bulk_create(
        [_row(account, each, keys[each.symbol], file=file, now=now) for each in stated],
        batch_size=500,
        update_conflicts=True,
        unique_fields=["account", "source_ref"],
        update_fields=["file", "row", "cost_usd", "disallowed_usd", "term", "box", "stated_at"],
    )
    return StatedGain.objects.filter(account=account).count() - before


def _row(account: Account, stated: StatedRow, security_id: int, *, file: CustodianFile, now: datetime) -> StatedGain:
    row, term = stated.row, stated.row.stated_term()
    return StatedGain(
        account=account,
        security_id=security_id,
        file=file,
        row=row.row,
        tax_year=row.tax_year,
        sold_on=row.closed_on,
        acquired_on=row.acquired_on,
        units=row.units,
        proceeds_usd=row.proceeds_usd.quantize(_CENT),
        cost_usd=row.cost_usd,
        disallowed_usd=abs(row.disallowed_usd).quantize(_CENT),
        term="" if term is None else term.value,
        box=row.box,
        is_1099b=row.is_1099b,
        source_ref=stated.ref,
        stated_at=now,
    )
