"""Realised gains that nothing explains, as breaks: one a security, until our figures and the custodian's agree."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from advisors import audit
from advisors.models import Firm
from portfolios.ledger.comparison import DifferenceKind, Figures
from portfolios.ledger.gain_matching import GainComparison, GainVerdict
from portfolios.ledger.types import CENT, ZERO
from portfolios.models.households import Account
from portfolios.models.imports import Break, BreakDecision, BreakKind, CustodianFile
from portfolios.models.securities import Security
from portfolios.selectors.comparisons import figures_of
from portfolios.selectors.gain_comparisons import gains_compared
from portfolios.services.reconciliation import AGREED


def refresh_gain_breaks(account: Account, *, file: CustodianFile | None, now: datetime) -> int:
    """Compare an account's sales with what its custodian states, open and resolve breaks; return how many are open."""
    broken: dict[str, list[GainComparison]] = defaultdict(list)
    for sale in gains_compared([account.pk]).get(account.pk, ()):
        if sale.verdict is GainVerdict.BROKEN:
            broken[sale.security].append(sale)
    known = Break.objects.filter(Q(resolved_at__isnull=True) | Q(is_standing=True), account=account)
    rows = {
        row.security.symbol: row
        for row in known.filter(kind=BreakKind.GAIN).select_related("security").order_by("pk")
        if row.security is not None
    }
    for symbol, row in rows.items():
        if symbol not in broken:
            _agree(row, now=now)
    count = 0
    for symbol, sales in broken.items():
        count += _keep(account, symbol, sales, row=rows.get(symbol), file=file, now=now)
    return count


def refresh_open_gain_breaks(firm: Firm, *, now: datetime) -> int:
    """Compare again where a gain is broken: a replay may have changed our side since."""
    opened = Break.objects.filter(account__firm=firm, kind=BreakKind.GAIN, resolved_at__isnull=True)
    accounts = Account.objects.filter(pk__in=opened.values("account_id")).select_related("firm").order_by("pk")
    return sum(refresh_gain_breaks(account, file=None, now=now) for account in accounts)


def _keep(
    account: Account,
    symbol: str,
    sales: Sequence[GainComparison],
    *,
    row: Break | None,
    file: CustodianFile | None,
    now: datetime,
) -> bool:
    figures, size = _figures(symbol, sales)
    if row is not None and row.is_standing:
        if figures_of(row) == figures:
            return False
        Break.objects.filter(pk=row.pk).update(is_standing=False)
        row = None
    message = _message(symbol, sales)
    if row is None:
        _open(account, figures, size=size, message=message, file=file, now=now)
        return True
    row.ledger_usd, row.custodian_usd, row.size_usd, row.message = (
        figures.ledger_usd,
        figures.custodian_usd,
        size,
        message,
    )
    row.file = file or row.file
    row.save(update_fields=["ledger_usd", "custodian_usd", "size_usd", "message", "file"])
    return True


def _figures(symbol: str, sales: Sequence[GainComparison]) -> tuple[Figures, Decimal | None]:
    """Return both sides of what is recognised, and how far apart the sales lie; None where a basis is unknown."""
    ours = [sale.our_gain_usd for sale in sales]
    theirs = [sale.their_gain_usd for sale in sales]
    apart = [abs(their - our) for our, their in zip(ours, theirs, strict=True) if our is not None and their is not None]
    known = len(apart) == len(sales)
    figures = Figures(
        security=symbol,
        kind=DifferenceKind.GAIN,
        ledger_units=None,
        custodian_units=None,
        ledger_usd=_total(ours),
        custodian_usd=_total(theirs),
    )
    return figures, sum(apart, ZERO).quantize(CENT) if known else None


def _total(gains: Sequence[Decimal | None]) -> Decimal | None:
    known = [gain for gain in gains if gain is not None]
    return sum(known, ZERO).quantize(CENT) if len(known) == len(gains) else None


def _message(symbol: str, sales: Sequence[GainComparison]) -> str:
    said = "; ".join(f"sold {sale.sold_on}: {sale.sentence}" for sale in sales[:2])
    more = f"; and {len(sales) - 2} more sales" if len(sales) > 2 else ""
    return f"{symbol}, {said}{more}."[:400]


def _open(
    account: Account,
    figures: Figures,
    *,
    size: Decimal | None,
    message: str,
    file: CustodianFile | None,
    now: datetime,
) -> None:
    row = Break.objects.create(
        account=account,
        file=file,
        security=Security.objects.get(symbol=figures.security),
        kind=BreakKind.GAIN,
        ledger_usd=figures.ledger_usd,
        custodian_usd=figures.custodian_usd,
        size_usd=size,
        message=message,
        found_on=account.firm.business_on or now.date(),
        found_at=now,
    )
    audit.record(
        "break.found",
        actor=None,
        subject=row,
        firm_id=account.firm_id,
        household_id=account.household_id,
        data={"account_id": account.pk, "security": figures.security, "kind": BreakKind.GAIN, "size_usd": size},
        reason=message,
        now=now,
    )


def _agree(row: Break, *, now: datetime) -> None:
    if row.is_standing:
        Break.objects.filter(pk=row.pk).update(is_standing=False)
        return
    opened = Break.objects.filter(pk=row.pk, resolved_at__isnull=True)
    opened.update(resolved_at=now, resolution=AGREED, decision=BreakDecision.AGREED)
