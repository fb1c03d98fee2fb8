"""Parsed rows in the words of the ledger: what an account's custodian states, and what its activity did."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.custodians.base import (
    Fault,
    LotRow,
    ParsedAccount,
    PositionRow,
    RealisedRow,
    Severity,
    TransactionKind,
    TransactionRow,
)
from portfolios.custodians.security_names import NamedRow, SecurityNames, is_named
from portfolios.custodians.told_before import BookedTrade, digest, is_filled, is_told, transaction_ref
from portfolios.ledger.statements import StatedLot, Statement
from portfolios.ledger.types import CENT, ZERO, Cash, Disposition, EventKind, Lot, LotEvent, Relief, Term

_K = TransactionKind
_MONEY_KINDS = {
    _K.DIVIDEND: EventKind.DIVIDEND,
    _K.CAPITAL_GAIN_SHORT: EventKind.DIVIDEND,
    _K.CAPITAL_GAIN_LONG: EventKind.DIVIDEND,
    _K.RETURN_OF_CAPITAL: EventKind.DIVIDEND,
    _K.INTEREST: EventKind.INTEREST,
    _K.TAX: EventKind.FEE,
    _K.FEE: EventKind.FEE,
}
_PURCHASES = {_K.BUY: EventKind.BUY, _K.REINVEST: EventKind.REINVEST}
_OPTION = "Option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """
    What the ledger knows already of an account.

    `stated_on` is the day of its last positions; `ratios` are announced splits by symbol; `fills` are trades that our
    own fills booked, units by (kind, symbol, day); `gains` are sales whose gains are booked, as (symbol, day). `booked`
    are the references of trades that files told before, those of another custodian's layout with its name before them.
    """

    stated_on: date | None = None
    held: Mapping[str, Decimal] = field(default_factory=dict)
    ratios: Mapping[str, Decimal] = field(default_factory=dict)
    fills: Mapping[tuple[str, str, date], Decimal] = field(default_factory=dict)
    gains: frozenset[tuple[str, date]] = frozenset()
    booked: Mapping[BookedTrade, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedRow:
    """One realised row with the symbol of its security; `ref` is unique in the account and the same in every file."""

    symbol: str
    ref: str
    row: RealisedRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """
    One account of a file in the ledger's words.

    `statement` is None where the file states neither holdings nor cash. `unknown` has a fault for each security that
    nobody knows, by what the file calls it; `notes` concern what is left out and keeps nothing from posting. `stated`
    are the closed lots and the lines of a 1099-B, to compare with what the ledger realised.
    """

    statement: Statement | None
    events: tuple[LotEvent, ...]
    unknown: Mapping[str, Fault]
    notes: tuple[Fault, ...]
    stated: tuple[StatedRow, ...] = ()


@dataclass(slots=True)
class _Ear:
    """What is found while an account's rows are read."""

    number: str
    names: SecurityNames
    unknown: dict[str, Fault] = field(default_factory=dict)
    notes: list[Fault] = field(default_factory=list)

    def symbol(self, row: NamedRow) -> str:
        """Return the known symbol of a row; the first row of each unknown one becomes a fault."""
        found = self.names.find(row)
        if not found:
            told = row.symbol or row.cusip or row.isin or row.security_name[:60]
            name = f" ({row.security_name[:60]})" if row.security_name and told != row.security_name[:60] else ""
            message = f"The security {told}{name} is not in the security master."
            self.unknown.setdefault(told, Fault(row=row.row, column="symbol", account=self.number, message=message))
        return found

    def compared(self, row: RealisedRow) -> str:
        """Return the known symbol of a line that is only compared; an unknown one is noted and keeps nothing back."""
        found = self.names.find(row)
        if not found:
            told = row.symbol or row.cusip or row.security_name[:60]
            message = f"The security {told} is not in the security master: the line is not compared."
            note = Fault(row=row.row, column="symbol", account=self.number, message=message, severity=Severity.NOTE)
            self.notes.append(note)
        return found


def speak(parsed: ParsedAccount, *, as_of: date, names: SecurityNames, known: Known) -> Spoken:
    """Say what an account's rows mean for the ledger; nothing is guessed for a security that is unknown."""
    ear = _Ear(number=parsed.number, names=names)
    statement = _statement(parsed, as_of=as_of, ear=ear)
    stated = _stated_rows(parsed.realised or (), ear)
    events = (*_transactions(parsed.transactions or (), ear, known), *_realised(stated, known))
    return Spoken(statement=statement, events=events, unknown=ear.unknown, notes=tuple(ear.notes), stated=stated)


def _statement(parsed: ParsedAccount, *, as_of: date, ear: _Ear) -> Statement | None:
    if parsed.positions is None and parsed.lots is None and parsed.cash is None:
        return None
    lots = None if parsed.lots is None else tuple(lot for row in parsed.lots if (lot := _stated_lot(row, ear)))
    positions = None if parsed.positions is None else _positions(parsed.positions, ear)
    is_whole = parsed.lots is not None and parsed.lots_of is None
    if positions is not None and is_whole:
        positions = {**_sums(lots or ()), **positions}
    cash = parsed.cash
    return Statement(
        as_of=as_of,
        positions=positions,
        lots=lots,
        lots_of=_lots_of(parsed, lots or ()),
        cash=None
        if cash is None
        else Cash(settled_usd=_cents(cash.settled_usd), unsettled_usd=_cents(cash.unsettled_usd)),
    )


def _lots_of(parsed: ParsedAccount, lots: Iterable[StatedLot]) -> frozenset[str] | None:
    if parsed.lots is None or parsed.lots_of is None:
        return None
    return frozenset(parsed.lots_of) | {lot.security for lot in lots}


def _stated_lot(row: LotRow, ear: _Ear) -> StatedLot | None:
    symbol = ear.symbol(row)
    if not symbol:
        return None
    return StatedLot(
        security=symbol,
        units=row.units,
        cost_usd=row.cost_usd,
        acquired_on=row.acquired_on,
        holding_on=row.holding_on,
        loss_cost_usd=row.loss_cost_usd,
        wash_adjustment_usd=row.wash_adjustment_usd,
        is_inherited=row.is_inherited,
        is_gift=row.is_gift,
        is_wash_acquisition=row.is_wash_acquisition,
        is_wash_consumed=row.is_wash_consumed,
        ref=row.lot_ref[:96],
    )


def _sums(lots: Iterable[StatedLot]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for lot in lots:
        sums[lot.security] += lot.units
    return dict(sums)


def _positions(rows: Iterable[PositionRow], ear: _Ear) -> dict[str, Decimal]:
    units: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for row in rows:
        if row.kind == _OPTION:
            message = f"{row.symbol} is an option: it is not kept in the ledger and never traded."
            ear.notes.append(Fault(row=row.row, account=ear.number, message=message, severity=Severity.NOTE))
        elif symbol := ear.symbol(row):
            units[symbol] += row.units
    return dict(units)


def _transactions(rows: Iterable[TransactionRow], ear: _Ear, known: Known) -> tuple[LotEvent, ...]:
    seen: Counter[str] = Counter()
    held: dict[str, Decimal] = defaultdict(lambda: ZERO, known.held)
    fills = dict(known.fills)
    events = []
    ordered = sorted(rows, key=lambda row: row.traded_on)  # stable: the file's own order within a day
    refs = [transaction_ref(row, seen) for row in ordered]
    told = set(refs)
    for row, ref in zip(ordered, refs, strict=True):
        symbol = ear.symbol(row) if is_named(row) else ""
        if is_named(row) and not symbol:
            continue
        if is_filled(row, symbol, fills):
            message = f"The {row.kind.value} of {symbol} was booked from our own fills already."
            ear.notes.append(Fault(row=row.row, account=ear.number, message=message, severity=Severity.NOTE))
            continue
        if is_told(row, symbol, ref=ref, told=told, booked=known.booked):
            message = f"The {row.kind.value} of {symbol} was booked from a file of another kind already."
            ear.notes.append(Fault(row=row.row, account=ear.number, message=message, severity=Severity.NOTE))
            continue
        events.append(_event(row, symbol, ref=ref, held=held, known=known))
        if known.stated_on is None or row.traded_on > known.stated_on:
            held[symbol] += row.units
    return tuple(events)


def _cents(amount_usd: Decimal) -> Decimal:
    return amount_usd.quantize(CENT, ROUND_HALF_EVEN)


def _event(row: TransactionRow, symbol: str, *, ref: str, held: Mapping[str, Decimal], known: Known) -> LotEvent:
    moves_units = bool(symbol and row.units)
    if row.kind in _PURCHASES and moves_units:
        return _opening(row, symbol, kind=_PURCHASES[row.kind], ref=ref)
    if row.kind is _K.TRANSFER and moves_units and row.units > 0:
        return _opening(row, symbol, kind=EventKind.TRANSFER_IN, ref=ref)
    if moves_units and (row.kind is _K.SELL or row.kind is _K.TRANSFER):
        kind = EventKind.SELL if row.kind is _K.SELL else EventKind.TRANSFER_OUT
        return LotEvent(
            kind=kind,
            ref=ref,
            traded_on=row.traded_on,
            settled_on=row.settled_on,
            security=symbol,
            units=abs(row.units),
            amount_usd=_cents(row.amount_usd),
            fee_usd=_cents(row.fee_usd),
            method=Relief.FIFO,
        )
    if row.kind is _K.SPLIT and moves_units:
        return _split(row, symbol, ref=ref, held=held.get(symbol, ZERO), known=known)
    return _money(row, symbol, ref=ref)


def _opening(row: TransactionRow, symbol: str, *, kind: EventKind, ref: str) -> LotEvent:
    is_bought = kind is not EventKind.TRANSFER_IN
    paid = -_cents(row.amount_usd)
    lot = Lot(
        key=f"{symbol}-{row.traded_on:%Y%m%d}-{digest(ref)[:8]}",
        root_key=f"{symbol}-{row.traded_on:%Y%m%d}",
        security=symbol,
        units=abs(row.units),
        cost_usd=paid if is_bought and paid > 0 else None,  # what came by transfer has a basis that nobody told
        acquired_on=row.traded_on,
        is_wash_acquisition=is_bought,
    )
    return LotEvent(
        kind=kind,
        ref=ref,
        traded_on=row.traded_on,
        settled_on=row.settled_on,
        security=symbol,
        units=lot.units,
        amount_usd=_cents(row.amount_usd),
        fee_usd=_cents(row.fee_usd),
        lot=lot,
    )


def _split(row: TransactionRow, symbol: str, *, ref: str, held: Decimal, known: Known) -> LotEvent:
    """Book a split by its announced ratio, else by the file's, else by what it added; without any it is past."""
    ratio = known.ratios.get(symbol) or row.ratio
    if ratio is None and held > 0 and held + row.units > 0:
        ratio = (held + row.units) / held
    return LotEvent(
        kind=EventKind.SPLIT,
        ref=ref,
        traded_on=row.traded_on,
        security=symbol,
        units=abs(row.units),
        amount_usd=_cents(row.amount_usd),
        ratio=ratio,
        is_past=ratio is None,
    )


def _money(row: TransactionRow, symbol: str, *, ref: str) -> LotEvent:
    amount = _cents(row.amount_usd)
    kind = _MONEY_KINDS.get(row.kind) or (EventKind.CASH_IN if amount >= 0 else EventKind.CASH_OUT)
    words = row.description if "lieu" in row.description.lower() else row.action or row.description
    told = words if row.kind in (_K.OTHER, _K.JOURNAL, _K.CORPORATE_ACTION) else ""
    reason = " ".join((row.kind.value.replace("_", " ") + (f": {told}" if told else "")).split())
    return LotEvent(
        kind=kind,
        ref=ref,
        traded_on=row.traded_on,
        settled_on=row.settled_on,
        security=symbol,
        amount_usd=amount,
        reason="" if reason == kind.value else reason[:240],
    )


def _stated_rows(rows: Iterable[RealisedRow], ear: _Ear) -> tuple[StatedRow, ...]:
    """Name the security of each closed lot, and give it a reference by its content and its place among equals."""
    seen: Counter[str] = Counter()
    stated = []
    for row in rows:
        symbol = ear.compared(row) if row.is_1099b else ear.symbol(row)
        told = digest(symbol, row.closed_on, row.acquired_on, row.units.normalize(), row.proceeds_usd.normalize())
        ref = f"{'b' if row.is_1099b else 'r'}:{told}"
        seen[ref] += 1
        if symbol:
            stated.append(StatedRow(symbol=symbol, ref=f"{ref}:{seen[ref]}", row=row))
    return tuple(stated)


def _realised(stated: Iterable[StatedRow], known: Known) -> tuple[LotEvent, ...]:
    """Record closed lots: they count for the year, and are in the stated lots already. A 1099-B books nothing."""
    return tuple(
        _closed(each.row, each.symbol, ref=each.ref)
        for each in stated
        if not each.row.is_1099b and (each.symbol, each.row.closed_on) not in known.gains
    )


def _term(row: RealisedRow) -> Term:
    """Return the term that counts in the ledger; short where a row holds both, long where nothing tells it."""
    found = row.stated_term()
    if found is not None:
        return found
    return Term.SHORT if row.short_gain_usd else Term.LONG


def _closed(row: RealisedRow, symbol: str, *, ref: str) -> LotEvent:
    proceeds = _cents(row.proceeds_usd)
    gain = None if row.cost_usd is None else _cents(row.proceeds_usd - row.cost_usd)
    sold = Disposition(
        event_ref=ref,
        lot_key=f"{symbol}-{ref}"[:96],
        root_key=f"{symbol}-{ref}"[:96],
        security=symbol,
        units=row.units,
        proceeds_usd=proceeds,
        cost_usd=row.cost_usd,
        gain_usd=gain,
        term=_term(row),
        sold_on=row.closed_on,
        acquired_on=row.acquired_on,
        disallowed_usd=_cents(abs(row.disallowed_usd)) if gain is not None and gain < 0 else ZERO,
    )
    return LotEvent(
        kind=EventKind.SELL,
        ref=ref,
        traded_on=row.closed_on,
        security=symbol,
        units=row.units,
        amount_usd=proceeds,
        dispositions=(sold,),
        is_past=True,
        reason="closed lot as the custodian reports it",
    )
