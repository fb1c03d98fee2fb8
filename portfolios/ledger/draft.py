"""A book while events are being applied: the one thing of the ledger that changes."""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType

from portfolios.ledger.errors import BadInput
from portfolios.ledger.families import is_sublot, stem_of, sublot_key, sublot_number, sublot_order
from portfolios.ledger.relief import LossFate
from portfolios.ledger.types import ZERO, Book, Cash, Disposition, Lot, LotEvent, LotPick


@dataclass(slots=True)
class Draft:
    """
    The lots of one account by key, each security's in order of acquisition.

    `used` are the keys that the account ever had. `stated_wash_usd` sums by security the wash adjustments that came
    with lots from outside less those that left with lots: what no match of the ledger's own put there.
    `stated_deferred_usd` sums what past dispositions say was disallowed and not lost. `fate` says what becomes of a
    loss on so many units of a lot, sold that day, where the rest of the tax household is known.
    """

    account: str = ""
    lots: dict[str, Lot] = field(default_factory=dict)
    settled_usd: Decimal = ZERO
    unsettled_usd: Decimal = ZERO
    dispositions: list[Disposition] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    numbers: dict[str, int] = field(default_factory=dict)
    stated_wash_usd: dict[str, Decimal] = field(default_factory=dict)
    stated_deferred_usd: dict[str, Decimal] = field(default_factory=dict)
    order: dict[str, list[tuple[date, str]]] = field(default_factory=dict)
    sublots: dict[str, list[str]] = field(default_factory=dict)
    fate: Callable[[Lot, Decimal, date], LossFate] | None = None

    def put(self, lot: Lot) -> None:
        """Open a lot, or set an open one to what it is from now on."""
        key = lot.key
        old = self.lots.get(key)
        if old is None:
            insort(self.order.setdefault(lot.security, []), (lot.acquired_on, key))
            self.used.add(key)
            stem = stem_of(key)
            if stem != key:
                self.sublots.setdefault(stem, []).append(key)
                self.numbers[stem] = max(self.numbers.get(stem, 0), sublot_number(key))
        elif old.acquired_on != lot.acquired_on or old.security != lot.security:
            self._unlist(old)
            insort(self.order.setdefault(lot.security, []), (lot.acquired_on, key))
        self.lots[key] = lot

    def drop(self, key: str) -> None:
        """Take a lot away."""
        lot = self.lots.pop(key)
        self._unlist(lot)
        if is_sublot(key):
            self.sublots[stem_of(key)].remove(key)

    def _unlist(self, lot: Lot) -> None:
        entries = self.order[lot.security]
        del entries[bisect_left(entries, (lot.acquired_on, lot.key))]

    def set(self, lot: Lot, left: Lot | None) -> None:
        """Leave of a lot what is left."""
        if left is None:
            self.drop(lot.key)
        else:
            self.lots[left.key] = left  # split off the same lot: its place stays

    def held(self, security: str) -> tuple[Lot, ...]:
        """Return the open lots of a security, earliest acquired first; it does not matter how they were loaded."""
        return tuple(self.lots[key] for _, key in self.order.get(security, ()))

    def by_day(self, security: str, *, is_latest_first: bool = False) -> Iterator[list[Lot]]:
        """Yield the lots of a security day by day of acquisition, without sorting those nobody asks for."""
        entries = self.order.get(security, ())
        of_day: list[Lot] = []
        day: date | None = None
        for acquired_on, key in reversed(entries) if is_latest_first else entries:
            if acquired_on != day and of_day:
                yield of_day
                of_day = []
            day = acquired_on
            of_day.append(self.lots[key])
        if of_day:
            yield of_day

    def next_sublot_key(self, stem: str) -> str:
        """Return a key for one more sublot that the family never used."""
        self.numbers[stem] = self.numbers.get(stem, 0) + 1
        return sublot_key(stem, self.numbers[stem])

    def family(self, key: str, event: LotEvent) -> tuple[Lot, ...]:
        """
        Return the open lots that a key names, in sublot order: the family of a lot, or the one sublot.

        :raises BadInput: none of them is open
        """
        if is_sublot(key):
            keys = [key]
        elif key in self.sublots:
            keys = [key, *self.sublots[key]]
        else:
            keys = [key]
        found = [lot for each in keys if (lot := self.lots.get(each)) is not None]
        if not found:
            raise BadInput(f"{event.kind} {event.ref} of {event.traded_on} names lot {key}, which is not open")
        return tuple(found) if len(found) == 1 else tuple(sorted(found, key=sublot_order))

    def parts_of(self, pick: LotPick, event: LotEvent) -> tuple[LotPick, ...]:
        """
        Return the portions of open lots that a pick takes.

        A lot that wash sales have split is its whole family, in sublot order; a sublot that is named goes first.
        :raises BadInput: they hold too little, or are not of the security
        """
        named = self.lots.get(pick.key)
        if (
            named is not None
            and named.units >= pick.units
            and named.security == event.security
            and pick.key not in self.sublots
            and not is_sublot(pick.key)
        ):
            return (pick,)
        stem = stem_of(pick.key)
        is_whole = named is not None and not self.sublots.get(stem)
        parts = (pick,) if is_whole else self._parts_of_family(pick, named, stem, event)
        for part in parts:
            if self.lots[part.key].security != event.security:
                raise BadInput(f"{event.kind} {event.ref} of {event.security} names lot {part.key} of another security")
        return parts

    def _parts_of_family(self, pick: LotPick, named: Lot | None, stem: str, event: LotEvent) -> tuple[LotPick, ...]:
        if not any(key in self.lots for key in (stem, *self.sublots.get(stem, ()))):
            raise BadInput(f"{event.kind} {event.ref} of {event.traded_on} names lot {pick.key}, which is not open")
        family = self.family(stem, event)
        if named is not None and pick.key != stem:
            family = (named, *(lot for lot in family if lot.key != named.key))
        wanted, parts = pick.units, []
        for lot in family:
            taken = min(wanted, lot.units)
            if taken > 0:
                parts.append(LotPick(key=lot.key, units=taken))
            wanted -= taken
        if wanted > 0:
            held = pick.units - wanted
            raise BadInput(f"{pick.units} units of lot {pick.key} are asked for by {event.ref}, it holds {held}")
        return tuple(parts)

    def state_wash(self, security: str, amount_usd: Decimal) -> None:
        """Note a wash adjustment that came from outside with a lot, or (negative) left with one."""
        if amount_usd:
            self.stated_wash_usd[security] = self.stated_wash_usd.get(security, ZERO) + amount_usd

    def book_past(self, sold: Disposition) -> None:
        """Add a disposition as it was stated, with what it says of wash sales."""
        self.dispositions.append(sold)
        self.state_wash(sold.security, sold.wash_adjustment_usd)
        deferred = sold.disallowed_usd - sold.permanent_usd
        if deferred:
            self.stated_deferred_usd[sold.security] = self.stated_deferred_usd.get(sold.security, ZERO) + deferred

    def book(self) -> Book:
        """Return the book as it stands."""
        return Book(
            lots=MappingProxyType(dict(self.lots)),
            cash=Cash(settled_usd=self.settled_usd, unsettled_usd=self.unsettled_usd),
            dispositions=tuple(self.dispositions),
        )


def draft_of(book: Book, *, account: str = "") -> Draft:
    """Begin where a book stands; its dispositions are not repeated."""
    draft = Draft(account=account, settled_usd=book.cash.settled_usd, unsettled_usd=book.cash.unsettled_usd)
    for lot in book.lots.values():
        draft.put(lot)
        draft.state_wash(lot.security, lot.wash_adjustment_usd)
    draft.used.update(sold.lot_key for sold in book.dispositions)
    return draft
