"""The transactions of an OFX statement: each element becomes the rows of activity that it stands for."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from portfolios.custodians.base import TransactionKind, TransactionRow
from portfolios.custodians.cells import FaultLog
from portfolios.custodians.identifiers import is_money_fund
from portfolios.custodians.ofx_rows import Named, OfxCells, SecurityList

_K = TransactionKind
_INCOME = {
    "DIV": _K.DIVIDEND,
    "INTEREST": _K.INTEREST,
    "CGLONG": _K.CAPITAL_GAIN_LONG,
    "CGSHORT": _K.CAPITAL_GAIN_SHORT,
    "MISC": _K.OTHER,
}
_BANK = {
    "INT": _K.INTEREST,
    "DIV": _K.DIVIDEND,
    "FEE": _K.FEE,
    "SRVCHG": _K.FEE,
    "XFER": _K.JOURNAL,
}
_BANK_WORDS = ((re.compile(r"\bINTEREST\b"), _K.INTEREST), (re.compile(r"\bFEES?\b"), _K.FEE))
_TAX_WORDS = re.compile(r"W/H|WITHH|\bTAX\b", re.IGNORECASE)
_PLACE_IN_DAY = re.compile(r"\d{6}_[A-Z]+_\d+")
SWEPT = "cash moves to or from a money fund, which counts as cash"
JOURNALED = "cash or units move between parts of the account (JRNLFUND, JRNLSEC)"
NOTHING = "a transfer without units changes nothing"
OPTIONS = "a contract of an option is not kept, only its amount counts"


@dataclass(slots=True)
class LeftOut:
    """What is not booked and why: the first row and how many, by the sentence."""

    told: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, why: str, row: OfxCells, *, rows: int = 1) -> None:
        first, count = self.told.get(why, (row.number, 0))
        self.told[why] = (first, count + rows)

    def tell(self, log: FaultLog, *, account: str) -> None:
        """Note each reason once, with the number of rows."""
        for why, (first, count) in self.told.items():
            rows = "row is" if count == 1 else "rows are"
            log.note(f"{count:,} {rows} left out: {why}.", row=first, account=account)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meeting:
    """A row with its security and what is known of the file."""

    row: OfxCells
    named: Named
    left_out: LeftOut

    @property
    def is_outside(self) -> bool:
        """Tell whether the money came from, or went, outside the account: contributions of a plan, fund accounts."""
        return self.row.cells.get("SUBACCTFUND", "").upper() == "OTHER"

    def is_swept(self) -> bool:
        return is_money_fund(self.named.symbol, self.row.maybe_number("UNITPRICE"))

    def make(
        self,
        kind: TransactionKind,
        *,
        amount: Decimal,
        units: Decimal = Decimal(0),
        ratio: Decimal | None = None,
        part: str = "",
    ) -> TransactionRow:
        """Make one row of activity; a money fund is cash, so it is no security. `part` tells two of one FITID."""
        row, named = self.row, Named(name=self.named.name) if self.is_swept() else self.named
        fitid = fitid_of(row)
        return TransactionRow(
            row=row.number,
            kind=kind,
            traded_on=row.need_date("DTTRADE"),
            settled_on=row.maybe_date("DTSETTLE"),
            symbol=named.symbol,
            cusip=named.cusip,
            isin=named.isin,
            security_name=named.only_name,
            units=units,
            ratio=ratio,
            price_usd=row.maybe_number("UNITPRICE"),
            amount_usd=amount,
            fee_usd=_fees(row),
            action=" ".join((row.tag, row.words("MEMO"))).strip(),
            description=named.name,
            ref=f"{fitid}{part}" if fitid else "",
        )

    def with_outside_money(self, done: TransactionRow) -> tuple[TransactionRow, ...]:
        """Put the money that came from outside before what it bought, or behind what was sold the money that left."""
        if not self.is_outside or not done.amount_usd:
            return (done,)
        kind = _K.DEPOSIT if done.amount_usd < 0 else _K.WITHDRAWAL
        flow = TransactionRow(
            row=done.row,
            kind=kind,
            traded_on=done.traded_on,
            settled_on=done.settled_on,
            amount_usd=-done.amount_usd,
            action=f"{done.action} (outside the account)",
            description=done.description,
            ref=f"{done.ref}:outside" if done.ref else "",
        )
        return (flow, done) if kind is _K.DEPOSIT else (done, flow)


def fitid_of(row: OfxCells) -> str:
    """Return the FITID, "" for one that only counts the rows of a day and is another one in the next download."""
    said = row.cells.get("FITID", "")
    return "" if _PLACE_IN_DAY.fullmatch(said) else said


def read_transaction(row: OfxCells, securities: SecurityList, left_out: LeftOut) -> tuple[TransactionRow, ...]:
    """Read one transaction as the rows that it stands for; none where it is at fault or changes nothing."""
    row.need_text("FITID")
    row.check_currency()
    if row.tag == "INVBANKTRAN":
        return _only_good(row, (_read_bank(row),))
    if row.tag in ("JRNLFUND", "JRNLSEC"):
        left_out.add(JOURNALED, row)
        return ()
    named = securities.of(row) if row.cells.get("UNIQUEID") or row.tag in _NEEDS_SECURITY else Named()
    read = _READERS[row.tag]
    return _only_good(row, read(_Meeting(row=row, named=named, left_out=left_out)))


def _only_good(row: OfxCells, done: tuple[TransactionRow, ...]) -> tuple[TransactionRow, ...]:
    return done if row.is_good else ()


def _fees(row: OfxCells) -> Decimal:
    said = (row.maybe_number(name) for name in ("COMMISSION", "FEES", "LOAD", "TAXES"))
    return sum((abs(fee) for fee in said if fee), Decimal(0))


def _trade(meeting: _Meeting, *, is_purchase: bool) -> tuple[TransactionRow, ...]:
    row = meeting.row
    if "SHORT" in row.cells.get("SELLTYPE", "").upper() or "COVER" in row.cells.get("BUYTYPE", "").upper():
        row.fail("The row opens or covers a short position; these are not kept here.", "SELLTYPE")
    units, amount = abs(row.signed_units("UNITS")), row.need_number("TOTAL")
    if not units:
        row.fail("A trade needs units.", "UNITS")
    if amount * (1 if is_purchase else -1) > 0:
        row.fail(f"The total {amount} has the wrong sign: money that leaves is negative.", "TOTAL")
    kind = _K.BUY if is_purchase else _K.SELL
    if is_purchase and row.words("MEMO").upper().startswith("REINVEST"):
        kind = _K.REINVEST
    done = meeting.make(kind, amount=amount, units=units if is_purchase else -units)
    rows = meeting.with_outside_money(done)
    if not meeting.is_swept():
        return rows
    meeting.left_out.add(SWEPT, row)
    return tuple(each for each in rows if each is not done)


def _read_buy(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    return _trade(meeting, is_purchase=True)


def _read_sale(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    return _trade(meeting, is_purchase=False)


def _read_reinvestment(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    """One element says both: the income, and what it bought."""
    row = meeting.row
    units, amount = abs(row.signed_units("UNITS")), abs(row.need_number("TOTAL"))
    if not units:
        row.fail("A reinvestment needs units.", "UNITS")
    income = meeting.make(_income_kind(row), amount=amount, part=":income")
    if meeting.is_swept():
        meeting.left_out.add(SWEPT, row)
        return (income,)
    return (income, meeting.make(_K.REINVEST, amount=-amount, units=units))


def _income_kind(row: OfxCells) -> TransactionKind:
    said = row.need_text("INCOMETYPE").upper()
    kind = _INCOME.get(said, _K.OTHER)
    if said and said not in _INCOME:
        row.fail(f"“{said[:20]}” is none of {', '.join(_INCOME)}.", "INCOMETYPE")
    return kind


def _read_income(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    kind = _income_kind(meeting.row)
    return meeting.with_outside_money(meeting.make(kind, amount=meeting.row.need_number("TOTAL")))


def _read_return_of_capital(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    done = meeting.make(_K.RETURN_OF_CAPITAL, amount=meeting.row.need_number("TOTAL"))
    return meeting.with_outside_money(done)


def _read_expense(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    kind = _K.TAX if _TAX_WORDS.search(meeting.row.words("MEMO")) else _K.FEE
    return meeting.with_outside_money(meeting.make(kind, amount=meeting.row.need_number("TOTAL")))


def _read_margin_interest(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    return (meeting.make(_K.INTEREST, amount=meeting.row.need_number("TOTAL")),)


def _read_transfer(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    """Read units that come or go; those of a money fund are money."""
    row = meeting.row
    if row.cells.get("POSTYPE", "").upper() == "SHORT":
        row.fail("The row transfers a short position; these are not kept here.", "POSTYPE")
    said, way = row.signed_units("UNITS"), row.cells.get("TFERACTION", "").upper()
    if way not in ("", "IN", "OUT"):
        row.fail(f"“{way[:20]}” is neither IN nor OUT.", "TFERACTION")
    units = -abs(said) if way == "OUT" else abs(said) if way == "IN" else said
    if not units and row.is_good and row.cells.get("UNITS"):
        meeting.left_out.add(NOTHING, row)
        return ()
    if not units:
        row.fail("A transfer needs units.", "UNITS")
    if meeting.is_swept():
        return (meeting.make(_K.JOURNAL, amount=units),)
    return (meeting.make(_K.TRANSFER, amount=Decimal(0), units=units),)


def _read_split(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    row = meeting.row
    before, after = row.need_number("OLDUNITS"), row.need_number("NEWUNITS")
    new, old = row.need_number("NUMERATOR"), row.need_number("DENOMINATOR")
    if row.is_good and not (before > 0 and after > 0 and new > 0 and old > 0):
        row.fail("A split needs units and a ratio above 0.", "NUMERATOR")
    if not row.is_good:
        return ()
    cash = row.maybe_number("FRACCASH") or Decimal(0)
    if abs(before * new / old - after) >= 1:
        row.fail(f"{before} units at {new} for {old} are not {after}.", "NEWUNITS")
    return (meeting.make(_K.SPLIT, amount=cash, units=after - before, ratio=new / old),)


def _read_option(meeting: _Meeting) -> tuple[TransactionRow, ...]:
    """Options are not kept: the money counts, the contract does not."""
    row = meeting.row
    meeting.left_out.add(OPTIONS, row)
    amount = row.maybe_number("TOTAL") or Decimal(0)
    alone = _Meeting(row=row, named=Named(name=meeting.named.name), left_out=meeting.left_out)
    return (alone.make(_K.OTHER, amount=amount),) if amount else ()


def _read_bank(row: OfxCells) -> TransactionRow:
    """Read money that came or went: the type tells what it was, else its name, else its sign."""
    amount, said = row.need_number("TRNAMT"), row.text("TRNTYPE").upper()
    name = row.words("NAME") or row.words("MEMO")
    kind = _BANK.get(said) or next((kind for words, kind in _BANK_WORDS if words.search(name.upper())), None)
    fitid = fitid_of(row)
    return TransactionRow(
        row=row.number,
        kind=kind or (_K.DEPOSIT if amount >= 0 else _K.WITHDRAWAL),
        traded_on=row.need_date("DTPOSTED"),
        amount_usd=amount,
        action=f"{said} {name}".strip(),
        description=row.words("MEMO") or name,
        ref=f"bank:{fitid}" if fitid else "",
    )


_READERS: Mapping[str, Callable[[_Meeting], tuple[TransactionRow, ...]]] = {
    **dict.fromkeys(("BUYDEBT", "BUYMF", "BUYOTHER", "BUYSTOCK"), _read_buy),
    **dict.fromkeys(("SELLDEBT", "SELLMF", "SELLOTHER", "SELLSTOCK"), _read_sale),
    **dict.fromkeys(("BUYOPT", "SELLOPT", "CLOSUREOPT"), _read_option),
    "REINVEST": _read_reinvestment,
    "INCOME": _read_income,
    "RETOFCAP": _read_return_of_capital,
    "INVEXPENSE": _read_expense,
    "MARGININTEREST": _read_margin_interest,
    "TRANSFER": _read_transfer,
    "SPLIT": _read_split,
}
_NEEDS_SECURITY = frozenset(_READERS) - {"INVEXPENSE", "MARGININTEREST", "BUYOPT", "SELLOPT", "CLOSUREOPT"}
