"""How the rows of lots, gains and wash matches differ from what a replay worked out."""

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeVar

from portfolios.ledger.families import is_sublot, stem_of
from portfolios.ledger.projection import Projection
from portfolios.ledger.types import UNIT_STEP, Disposition, LotEvent
from portfolios.ledger.types import Lot as LedgerLot
from portfolios.ledger.types import WashMatch as LedgerMatch
from portfolios.models.households import Account
from portfolios.models.lots import Lot, RealizedGain, TaxPolicyVersion, WashMatch
from portfolios.selectors.journals import HouseholdJournal, JournalEvent
from portfolios.services.bulk_rows import Cell
from portfolios.services.ledger_rows import GAIN_FIELDS, LOT_FIELDS, batches, gain_cells, lot_cells

MATCH_FIELDS: Final = (
    "account",
    "security",
    "lot_key",
    "bought_on",
    "units",
    "amount_usd",
    "tacked_days",
    "is_permanent",
)
_LOT_COLUMNS: Final = ("account_id", "key", "security_id", "closed_on", *LOT_FIELDS)
_GAIN_COLUMNS: Final = tuple(
    f"{name}_id" if name in ("event", "account", "security", "policy") else name for name in GAIN_FIELDS
)
_MATCH_COLUMNS: Final = tuple(f"{name}_id" if name in ("account", "security") else name for name in MATCH_FIELDS)
_Name = TypeVar("_Name", bound=Hashable)
Cells = tuple[Cell, ...]
LotName = tuple[int, str]  # account, key
GainName = tuple[int, int, str, str]  # account, position of the event, lot key, kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The ids that rows are written with."""

    securities: Mapping[str, int]
    version: TaxPolicyVersion | None

    @property
    def version_id(self) -> int | None:
        """Return the id of the policy that results are computed with."""
        return None if self.version is None else self.version.pk


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One row before and after, without its name; None where there is none."""

    before: Cells | None
    after: Cells | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """
    Rows of one tax household that a replay changes, by name.

    `lots` have the cells of `security, closed_on` and `LOT_FIELDS`; `gains` those of `GAIN_FIELDS`, whose event is
    written by its position; `matches` those of `MATCH_FIELDS`, by the gain that they belong to.
    """

    lots: Mapping[LotName, Turn]
    gains: Mapping[GainName, Turn]
    matches: Mapping[GainName, tuple[frozenset[Cells], frozenset[Cells]]]
    known_events: Mapping[tuple[int, int], int]
    symbols: tuple[str, ...]
    names: Mapping[int, str]

    @property
    def is_empty(self) -> bool:
        """Tell whether rows stand as the journal says."""
        return not (self.lots or self.gains or self.matches)

    @property
    def account_ids(self) -> frozenset[int]:
        """Return the accounts with a lot that changes."""
        return frozenset(account_id for account_id, _ in self.lots)

    @property
    def lot_count(self) -> int:
        """Count the lots that change."""
        return len(self.lots)

    @property
    def gain_count(self) -> int:
        """Count the gains that change, or are matched otherwise."""
        return len(self.gains.keys() | self.matches.keys())

    def as_plain(self) -> dict[str, object]:
        """Return what changes as values that JSON can hold."""
        return {
            "lots": [
                {
                    "account_id": account_id,
                    "key": key,
                    "before": self._plain(turn.before, ("security", "closed_on", *LOT_FIELDS)),
                    "after": self._plain(turn.after, ("security", "closed_on", *LOT_FIELDS)),
                }
                for (account_id, key), turn in sorted(self.lots.items())
            ],
            "gains": [
                {
                    "account_id": name[0],
                    "position": name[1],
                    "key": name[2],
                    "before": self._plain(turn.before, GAIN_FIELDS),
                    "after": self._plain(turn.after, GAIN_FIELDS),
                }
                for name, turn in sorted(self.gains.items())
            ],
            "matches": [
                {
                    "account_id": name[0],
                    "position": name[1],
                    "key": name[2],
                    "before": [self._plain(cells, MATCH_FIELDS) for cells in sorted(before, key=str)],
                    "after": [self._plain(cells, MATCH_FIELDS) for cells in sorted(after, key=str)],
                }
                for name, (before, after) in sorted(self.matches.items())
            ],
        }

    def _plain(self, cells: Cells | None, fields: Sequence[str]) -> dict[str, object] | None:
        if cells is None:
            return None
        named = dict(zip(fields, cells, strict=True))
        named.pop("event", None)
        security_id = named["security"]
        assert isinstance(security_id, int)
        named["security"] = self.names[security_id]
        return {name: _text(cell) for name, cell in named.items()}


def _text(cell: Cell) -> object:
    if isinstance(cell, Decimal):
        return format(cell.normalize(), "f")
    return cell.isoformat() if isinstance(cell, date) else cell


def compare_rows(
    replayed: Mapping[int, tuple[HouseholdJournal, Projection]], *, names: Names
) -> Mapping[int, Difference]:
    """Compare the rows of tax households with what their journals add up to; four queries for any number."""
    homes = {account.pk: pk for pk, (journal, _) in replayed.items() for account in journal.accounts}
    scope = frozenset[int]().union(*(journal.securities for journal, _ in replayed.values()))
    lots, gains, matches = _lot_rows(homes, scope), _gain_rows(homes, scope), _match_rows(homes, scope)
    symbols = {pk: symbol for symbol, pk in names.securities.items()}
    return {
        pk: _Comparison(journal=journal, projection=projection, names=names, symbols=symbols).difference(
            lots.get(pk, {}), gains.get(pk, {}), matches.get(pk, {})
        )
        for pk, (journal, projection) in replayed.items()
    }


def _lot_rows(homes: Mapping[int, int], scope: Collection[int]) -> Mapping[int, dict[LotName, Cells]]:
    found: dict[int, dict[LotName, Cells]] = defaultdict(dict)
    for accounts in batches(sorted(homes)):
        rows = Lot.objects.filter(account_id__in=accounts, security_id__in=scope)
        for account_id, key, *cells in rows.values_list(*_LOT_COLUMNS):
            found[homes[account_id]][account_id, key] = tuple(cells)
    return found


def _gain_rows(homes: Mapping[int, int], scope: Collection[int]) -> Mapping[int, dict[GainName, Cells]]:
    found: dict[int, dict[GainName, Cells]] = defaultdict(dict)
    for accounts in batches(sorted(homes)):
        rows = RealizedGain.objects.filter(account_id__in=accounts, security_id__in=scope)
        for position, *cells in rows.values_list("event__position", *_GAIN_COLUMNS):
            named = dict(zip(GAIN_FIELDS, cells, strict=True))
            name = (named["account"], position, named["lot_key"], named["kind"])
            found[homes[named["account"]]][name] = (position, *cells[1:])
    return found


def _match_rows(homes: Mapping[int, int], scope: Collection[int]) -> Mapping[int, dict[GainName, set[Cells]]]:
    found: dict[int, dict[GainName, set[Cells]]] = defaultdict(lambda: defaultdict(set))
    for accounts in batches(sorted(homes)):
        rows = WashMatch.objects.filter(loss__account_id__in=accounts, loss__security_id__in=scope)
        for account_id, position, key, kind, *cells in rows.values_list(
            "loss__account_id", "loss__event__position", "loss__lot_key", "loss__kind", *_MATCH_COLUMNS
        ):
            found[homes[account_id]][account_id, position, key, kind].add(tuple(cells))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """One tax household: what its journal adds up to, in the words of rows."""

    journal: HouseholdJournal
    projection: Projection
    names: Names
    symbols: Mapping[int, str]

    def difference(
        self,
        lots: Mapping[LotName, Cells],
        gains: Mapping[GainName, Cells],
        matches: Mapping[GainName, set[Cells]],
    ) -> Difference:
        """Return which rows have to change."""
        events = {(one.account_id, one.event.ref): one for one in self.journal.events}
        wanted_gains = self._gains(events)
        wanted_matches = self._matches(events, wanted_gains)
        return Difference(
            lots=_turns(lots, self._lots(lots)),
            gains=_turns(gains, wanted_gains),
            matches={
                name: (frozenset(matches.get(name, ())), frozenset(wanted_matches.get(name, ())))
                for name in matches.keys() | wanted_matches.keys()
                if matches.get(name, set()) != wanted_matches.get(name, set())
            },
            known_events={
                (one.account_id, one.position): one.event_id for one in self.journal.events if one.event_id is not None
            },
            symbols=tuple(sorted(self.symbols[pk] for pk in self.journal.securities)),
            names=self.symbols,
        )

    def _lots(self, stored: Mapping[LotName, Cells]) -> dict[LotName, Cells]:
        """Return the rows of lots: open ones as projected, known ones that are gone as closed."""
        wanted: dict[LotName, Cells] = {}
        for key, book in self.projection.books.items():
            for lot in book.lots.values():
                wanted[int(key), lot.key] = (self.names.securities[lot.security], None, *_scaled(lot))
        closed_on = self._closing_days()
        mended = {(one.account_id, one.event.corrects) for one in self.journal.events if one.event.corrects}
        opened = {
            (one.account_id, stem_of(key))
            for one in self.journal.events
            if (one.account_id, one.event.ref) not in mended
            for key in _keys_of(one.event)
        }
        for name, cells in stored.items():
            account_id, key = name
            is_known = "/" in key or (account_id, stem_of(key)) in opened
            if name in wanted or not is_known or (is_sublot(key) and name not in closed_on):
                continue  # what no event opened, or no wash sale split, any more is taken away
            day = closed_on.get(name) or cells[1] or closed_on.get((account_id, ""))
            units = LOT_FIELDS.index("units") + 2
            wanted[name] = (cells[0], day, *cells[2:units], Decimal(0), *cells[units + 1 :])
        return wanted

    def _closing_days(self) -> Mapping[LotName, date]:
        """Return the day of the last sale of each lot, and under "" that of an account's last event."""
        days: dict[LotName, date] = {}
        for key, book in self.projection.books.items():
            for sold in book.dispositions:
                name = (int(key), sold.lot_key)
                days[name] = max(days.get(name, sold.sold_on), sold.sold_on)
        for one in self.journal.events:
            name = (one.account_id, "")
            days[name] = max(days.get(name, one.event.traded_on), one.event.traded_on)
        return days

    def _gains(self, events: Mapping[tuple[int, str], JournalEvent]) -> dict[GainName, Cells]:
        accounts = {str(account.pk): account for account in self.journal.accounts}
        washed = {(match.loss_account, match.loss_event_ref, match.loss_lot_key) for match in self.projection.matches}
        wanted: dict[GainName, Cells] = {}
        for key, book in self.projection.books.items():
            for sold in book.dispositions:
                one = events[int(key), sold.event_ref]
                if one.is_outside:
                    continue
                is_stated = one.event.is_past and (key, sold.event_ref, sold.lot_key) not in washed
                cells = self._gain(sold, one, accounts[key], is_stated=is_stated)
                wanted[int(key), one.position, sold.lot_key, sold.kind.value] = cells
        return wanted

    def _gain(self, sold: Disposition, one: JournalEvent, account: Account, *, is_stated: bool) -> Cells:
        return gain_cells(
            sold,
            event_id=one.position,
            account=account,
            security_id=self.names.securities[sold.security],
            policy_id=None if is_stated else self.names.version_id,
        )

    def _matches(
        self, events: Mapping[tuple[int, str], JournalEvent], gains: Mapping[GainName, Cells]
    ) -> dict[GainName, set[Cells]]:
        by_loss: dict[tuple[int, int, str], GainName] = {}
        for name, cells in gains.items():
            gain = cells[GAIN_FIELDS.index("gain_usd")]
            if isinstance(gain, Decimal) and gain < 0:
                by_loss[name[:3]] = name
        parts: dict[GainName, dict[tuple[str, str], list[LedgerMatch]]] = defaultdict(lambda: defaultdict(list))
        for match in self.projection.matches:
            one = events[int(match.loss_account), match.loss_event_ref]
            loss = by_loss.get((one.account_id, one.position, match.loss_lot_key))
            if loss is not None:  # a loss in an account held away has no row here
                # A purchase in an account that states no lots is named by its day.
                parts[loss][match.account, match.lot_key or match.bought_on.isoformat()].append(match)
        return {loss: {self._match(key, some) for (_, key), some in lots.items()} for loss, lots in parts.items()}

    def _match(self, key: str, some: Sequence[LedgerMatch]) -> Cells:
        first = some[0]
        return (
            int(first.account),
            self.names.securities[first.security],
            key,
            first.bought_on,
            _step(sum((match.units for match in some), Decimal(0))),
            _step(sum((match.amount_usd for match in some), Decimal(0))),
            first.tacked_days,
            first.is_permanent,
        )


def _keys_of(event: LotEvent) -> Iterable[str]:
    if event.lot is not None:
        yield event.lot.key
    if event.lot_key:
        yield event.lot_key


def _step(number: Decimal) -> Decimal:
    return number.quantize(UNIT_STEP, ROUND_HALF_UP)


def _scaled(lot: LedgerLot) -> Cells:
    """Return the cells of a lot at the scale that rows have."""
    return tuple(_step(cell) if isinstance(cell, Decimal) else cell for cell in lot_cells(lot))


def _turns(stored: Mapping[_Name, Cells], wanted: Mapping[_Name, Cells]) -> dict[_Name, Turn]:
    return {
        name: Turn(before=stored.get(name), after=wanted.get(name))
        for name in stored.keys() | wanted.keys()
        if stored.get(name) != wanted.get(name)
    }
