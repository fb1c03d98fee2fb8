"""What accounts hold: asset class > security > lot, valued as of a day."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger import types as ledger
from portfolios.ledger.gains import first_long_on, lot_gain_usd, lot_term
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, Lot
from portfolios.models.securities import AssetClass, FirmSecurity, SecurityKind
from portfolios.selectors.prices import LastPrice, last_prices

CENT = Decimal("0.01")
ZERO = Decimal(0)
CASH_KEY = "cash"
UNCLASSIFIED_KEY = "unclassified"


@dataclass(frozen=True, slots=True, kw_only=True)
class LotRow:
    """One open lot. Value and gain are None where price or basis is unknown; `long_on` only while short-term."""

    key: str
    acquired_on: date
    units: Decimal
    cost_usd: Decimal | None
    unit_cost_usd: Decimal | None
    value_usd: Decimal | None
    gain_usd: Decimal | None
    term: str
    long_on: date | None
    is_gift: bool
    is_inherited: bool
    wash_adjustment_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRow:
    """One security of an account: `gain_usd` sums the lots whose gain is known, `unknown_count` counts the others."""

    security_id: int
    symbol: str
    name: str
    is_managed: bool
    units: Decimal
    price_usd: Decimal | None
    priced_on: date | None
    is_price_old: bool
    value_usd: Decimal | None
    weight_frac: Decimal | None
    cost_usd: Decimal
    short_gain_usd: Decimal
    long_gain_usd: Decimal
    unknown_count: int
    lots: tuple[LotRow, ...]

    @property
    def gain_usd(self) -> Decimal:
        """Return the unrealised gain of both terms."""
        return self.short_gain_usd + self.long_gain_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassRow:
    """One asset class of an account and the securities that fill it."""

    key: str
    name: str
    value_usd: Decimal
    weight_frac: Decimal
    short_gain_usd: Decimal
    long_gain_usd: Decimal
    securities: tuple[SecurityRow, ...]

    @property
    def gain_usd(self) -> Decimal:
        """Return the unrealised gain of both terms."""
        return self.short_gain_usd + self.long_gain_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """
    All that one or more accounts hold.

    `value_usd` is managed value: securities with a price and cash; `unmanaged_usd` what is shown and never traded.
    """

    as_of_on: date
    value_usd: Decimal
    cash_usd: Decimal
    unsettled_usd: Decimal
    unmanaged_usd: Decimal
    short_gain_usd: Decimal
    long_gain_usd: Decimal
    short_loss_usd: Decimal
    long_loss_usd: Decimal
    security_count: int
    lot_count: int
    unknown_basis_count: int
    unpriced: tuple[str, ...]
    classes: tuple[ClassRow, ...]

    @property
    def weights(self) -> Mapping[str, Decimal]:
        """Return the weight of each asset class by its key."""
        return {row.key: row.weight_frac for row in self.classes}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Class:
    key: str
    name: str
    position: int


def holdings_of(accounts: Collection[Account], *, firm_id: int, as_of: date) -> Mapping[int, Holdings]:
    """Value the open lots and the cash of each account; five queries for any number of accounts."""
    ids = [account.pk for account in accounts]
    lots = list(
        Lot.objects.filter(account_id__in=ids, closed_on__isnull=True)
        .select_related("security")
        .order_by("security__symbol", "acquired_on", "pk")
    )
    cash = {balance.account_id: balance for balance in CashBalance.objects.filter(account_id__in=ids)}
    security_ids = {lot.security_id for lot in lots}
    prices = last_prices(security_ids, as_of=as_of)
    classes = _classes_of(security_ids, firm_id=firm_id)
    cash_class = _cash_class(firm_id)
    by_account: dict[int, list[Lot]] = {pk: [] for pk in ids}
    for lot in lots:
        by_account[lot.account_id].append(lot)
    return {pk: _holdings(by_account[pk], cash.get(pk), _Context(as_of, prices, classes, cash_class)) for pk in ids}


@dataclass(frozen=True, slots=True)
class _Context:
    as_of: date
    prices: Mapping[int, LastPrice]
    classes: Mapping[int, _Class]
    cash_class: _Class


def _classes_of(security_ids: Collection[int], *, firm_id: int) -> Mapping[int, _Class]:
    said = FirmSecurity.objects.filter(
        firm_id=firm_id, security_id__in=security_ids, asset_class__isnull=False
    ).values_list("security_id", "asset_class__key", "asset_class__name", "asset_class__position")
    return {
        security_id: _Class(key=key or "", name=name or "", position=position or 0)
        for security_id, key, name, position in said
    }


def _cash_class(firm_id: int) -> _Class:
    row = AssetClass.objects.filter(firm_id=firm_id, key=CASH_KEY).first()
    if row is None:
        return _Class(key=CASH_KEY, name="Cash", position=9998)
    return _Class(key=row.key, name=row.name, position=row.position)


def _holdings(lots: Iterable[Lot], balance: CashBalance | None, context: _Context) -> Holdings:
    settled = balance.settled_usd if balance else ZERO
    unsettled = balance.unsettled_usd if balance else ZERO
    cash_usd = settled + unsettled
    grouped: dict[int, list[Lot]] = {}
    for lot in lots:
        grouped.setdefault(lot.security_id, []).append(lot)
    bare = [_security(rows, context) for rows in grouped.values()]
    managed = [row for row in bare if row.is_managed]
    value = cash_usd + sum((row.value_usd or ZERO for row in managed), ZERO)
    rows = [_weighed(row, value) for row in bare]
    classes = _class_rows([row for row in rows if row.is_managed], cash_usd, value, context)
    gains = [(lot.term, lot.gain_usd) for row in rows for lot in row.lots if lot.gain_usd is not None]
    return Holdings(
        as_of_on=context.as_of,
        value_usd=value,
        cash_usd=cash_usd,
        unsettled_usd=unsettled,
        unmanaged_usd=sum((row.value_usd or ZERO for row in rows if not row.is_managed), ZERO),
        short_gain_usd=sum((gain for term, gain in gains if term == "short" and gain > 0), ZERO),
        long_gain_usd=sum((gain for term, gain in gains if term == "long" and gain > 0), ZERO),
        short_loss_usd=sum((gain for term, gain in gains if term == "short" and gain < 0), ZERO),
        long_loss_usd=sum((gain for term, gain in gains if term == "long" and gain < 0), ZERO),
        security_count=len(rows),
        lot_count=sum(len(row.lots) for row in rows),
        unknown_basis_count=sum(1 for row in rows for lot in row.lots if lot.cost_usd is None),
        unpriced=tuple(row.symbol for row in rows if row.price_usd is None),
        classes=classes,
    )


def _security(lots: list[Lot], context: _Context) -> SecurityRow:
    security = lots[0].security
    last = context.prices.get(security.pk)
    rows = tuple(_lot(lot, last, context.as_of) for lot in lots)
    gains = [(row.term, row.gain_usd) for row in rows if row.gain_usd is not None]
    return SecurityRow(
        security_id=security.pk,
        symbol=security.symbol,
        name=security.name,
        is_managed=security.kind != SecurityKind.OTHER,
        units=sum((row.units for row in rows), ZERO),
        price_usd=last.price_usd if last else None,
        priced_on=last.priced_on if last else None,
        is_price_old=last is not None and last.priced_on < context.as_of,
        value_usd=sum((row.value_usd or ZERO for row in rows), ZERO) if last else None,
        weight_frac=None,
        cost_usd=sum((row.cost_usd or ZERO for row in rows), ZERO),
        short_gain_usd=sum((gain for term, gain in gains if term == "short"), ZERO),
        long_gain_usd=sum((gain for term, gain in gains if term == "long"), ZERO),
        unknown_count=sum(1 for row in rows if row.cost_usd is None),
        lots=rows,
    )


def _lot(lot: Lot, last: LastPrice | None, as_of: date) -> LotRow:
    held = ledger.Lot(
        key=lot.key,
        security=lot.security.symbol,
        units=lot.units,
        cost_usd=lot.cost_usd,
        acquired_on=lot.acquired_on,
        holding_on=lot.holding_on,
        loss_cost_usd=lot.loss_cost_usd,
        is_inherited=lot.is_inherited,
    )
    value = (lot.units * last.price_usd).quantize(CENT, ROUND_HALF_EVEN) if last else None
    gain = None if value is None else lot_gain_usd(held, units=lot.units, proceeds_usd=value)
    term = lot_term(held, sold_on=as_of, gain_usd=gain)
    return LotRow(
        key=lot.key,
        acquired_on=lot.acquired_on,
        units=lot.units,
        cost_usd=lot.cost_usd,
        unit_cost_usd=None if lot.cost_usd is None else lot.cost_usd / lot.units,
        value_usd=value,
        gain_usd=gain,
        term=str(term),
        long_on=first_long_on(held.held_from_on) if term == "short" else None,
        is_gift=lot.is_gift,
        is_inherited=lot.is_inherited,
        wash_adjustment_usd=lot.wash_adjustment_usd,
    )


def _weighed(row: SecurityRow, value: Decimal) -> SecurityRow:
    if not row.is_managed or row.value_usd is None or value <= 0:
        return row
    return replace(row, weight_frac=row.value_usd / value)


def _class_rows(rows: list[SecurityRow], cash_usd: Decimal, value: Decimal, context: _Context) -> tuple[ClassRow, ...]:
    unclassified = _Class(key=UNCLASSIFIED_KEY, name="Not classified", position=9999)
    members: dict[_Class, list[SecurityRow]] = {context.cash_class: []}
    for row in rows:
        members.setdefault(context.classes.get(row.security_id, unclassified), []).append(row)
    made = []
    for known in sorted(members, key=lambda each: (each.position, each.name)):
        inside = sorted(members[known], key=lambda row: (-(row.value_usd or ZERO), row.symbol))
        held = sum((row.value_usd or ZERO for row in inside), ZERO)
        held += cash_usd if known is context.cash_class else ZERO
        made.append(
            ClassRow(
                key=known.key,
                name=known.name,
                value_usd=held,
                weight_frac=held / value if value > 0 else ZERO,
                short_gain_usd=sum((row.short_gain_usd for row in inside), ZERO),
                long_gain_usd=sum((row.long_gain_usd for row in inside), ZERO),
                securities=tuple(inside),
            )
        )
    return tuple(made)
