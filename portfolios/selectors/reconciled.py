"""How accounts compared with their custodians: a day over all accounts, and one account in detail."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from advisors.models import Membership
from portfolios.custodians.registry import NAMES
from portfolios.ledger.comparison import Cause
from portfolios.models.households import Account, Standing
from portfolios.models.imports import ReconciledDay
from portfolios.selectors.books import accounts_in_book

MAX_MISSING: Final = 60
CAUSE_WORDS: Final[Mapping[str, str]] = {
    Cause.TRADES: "Trades",
    Cause.CORPORATE_ACTION: "Corporate action",
    Cause.WASH_ADJUSTMENT: "Wash adjustment",
    Cause.FEE: "Commission",
    Cause.ROUNDING: "Rounding",
    Cause.OPENING: "Opening balance",
    Cause.TOLD: "Basis told",
    Cause.SETTLED: "Left by a person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodianDay:
    """How the accounts at one custodian compared on a day; an account counts once, by the worst that it has."""

    key: str
    name: str
    account_count: int
    matched_count: int
    explained_count: int
    adjusted_count: int
    broken_count: int
    missing_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAccount:
    """An account as a list names it; `positions_on` is the day of its last statement."""

    pk: int
    name: str
    number_last4: str
    household_name: str
    custodian: str
    positions_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledBook:
    """A day over the managed accounts of a book."""

    day: date | None
    custodians: tuple[CustodianDay, ...]
    missing: tuple[NamedAccount, ...]
    missing_count: int
    adjusted: tuple[NamedAccount, ...]

    def total(self, what: str) -> int:
        """Add up a count over all custodians."""
        return sum(getattr(row, what) for row in self.custodians)


def reconciled_book(member: Membership) -> ReconciledBook:
    """Compare every managed account of a book with the statements of the business date; three queries."""
    day = member.firm.business_on
    managed = accounts_in_book(member).filter(is_held_away=False).exclude(standing=Standing.CLOSED)
    accounts = list(managed.order_by("name", "pk").values_list("pk", "custodian"))
    rows = ReconciledDay.objects.filter(account__in=accounts_in_book(member), as_of_on=day) if day else None
    places = {} if rows is None else {row.account_id: _place(row) for row in rows.only("account_id", *_COUNTS)}
    by_custodian: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for pk, custodian in accounts:
        by_custodian[custodian][places.get(pk, "missing")] += 1
    missing = [pk for pk, _ in accounts if pk not in places]
    adjusted = [pk for pk, _ in accounts if places.get(pk) == "adjusted"]
    named = managed.select_related("household").in_bulk([*missing[:MAX_MISSING], *adjusted[:MAX_MISSING]])
    return ReconciledBook(
        day=day,
        custodians=tuple(_custodian(key, by_custodian[key]) for key in sorted(by_custodian)),
        missing=tuple(_named(named[pk]) for pk in missing[:MAX_MISSING]),
        missing_count=len(missing),
        adjusted=tuple(_named(named[pk]) for pk in adjusted[:MAX_MISSING]),
    )


_COUNTS: Final = ("broken_count", "adjusted_count", "explained_count")


def _place(row: ReconciledDay) -> str:
    for place, count in (
        ("broken", row.broken_count),
        ("adjusted", row.adjusted_count),
        ("explained", row.explained_count),
    ):
        if count:
            return place
    return "matched"


def _custodian(key: str, counts: Mapping[str, int]) -> CustodianDay:
    return CustodianDay(
        key=key,
        name=NAMES.get(key, key),
        account_count=sum(counts.values()),
        matched_count=counts.get("matched", 0),
        explained_count=counts.get("explained", 0),
        adjusted_count=counts.get("adjusted", 0),
        broken_count=counts.get("broken", 0),
        missing_count=counts.get("missing", 0),
    )


def _named(account: Account) -> NamedAccount:
    return NamedAccount(
        pk=account.pk,
        name=account.name,
        number_last4=account.number_last4,
        household_name=account.household.name,
        custodian=NAMES.get(account.custodian, account.custodian),
        positions_on=account.positions_on,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot of either side; figures are None where they are unknown."""

    key: str
    acquired_on: date | None
    units: Decimal
    cost_usd: Decimal | None
    wash_usd: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedSecurity:
    """One security of an account (or its cash) with everything that was said of it, and both sides' lots."""

    symbol: str
    verdict: str
    causes: tuple[str, ...]
    sentences: tuple[str, ...]
    ours: tuple[LotLine, ...]
    theirs: tuple[LotLine, ...]

    @property
    def pairs(self) -> tuple[tuple[LotLine | None, LotLine | None], ...]:
        """Return our lots beside theirs: those of one day side by side, the rest on lines of their own."""
        rest = list(self.theirs)
        pairs: list[tuple[LotLine | None, LotLine | None]] = []
        for lot in self.ours:
            near = [one for one in rest if one.acquired_on == lot.acquired_on]
            best = next((one for one in near if one.units == lot.units), near[0] if near else None)
            if best is not None:
                rest.remove(best)
            pairs.append((lot, best))
        return (*pairs, *((None, one) for one in rest))


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedAccount:
    """How one account compared with the statement of a day; `days` are the last days that were compared."""

    as_of_on: date
    reconciled_at: datetime
    file_id: int | None
    file_name: str
    matched: tuple[str, ...]
    securities: tuple[ComparedSecurity, ...]
    days: tuple[date, ...]


_ORDER: Final = ("broken", "waiting", "adjusted", "explained")


def compared_account(account: Account, *, day: date | None = None) -> ComparedAccount | None:
    """Return the comparison of an account with its last statement, or with that of a day; None where there is none."""
    rows = ReconciledDay.objects.filter(account=account)
    wanted = rows if day is None else rows.filter(as_of_on=day)
    row = wanted.select_related("file").defer("file__content_encrypted").order_by("-as_of_on", "-pk").first()
    if row is None:
        return None
    days = rows.order_by("-as_of_on").values_list("as_of_on", flat=True)[:10]
    lines: dict[str, list[dict[str, object]]] = defaultdict(list)
    for line in row.explained:
        lines[line["security"]].append(line)
    found = [_compared(symbol, some) for symbol, some in lines.items()]
    return ComparedAccount(
        as_of_on=row.as_of_on,
        reconciled_at=row.reconciled_at,
        file_id=row.file_id,
        file_name="" if row.file is None else row.file.name,
        matched=tuple(row.matched),
        securities=tuple(sorted(found, key=lambda one: (_ORDER.index(one.verdict), one.symbol))),
        days=tuple(days),
    )


def _compared(symbol: str, lines: Sequence[Mapping[str, object]]) -> ComparedSecurity:
    verdicts = [str(line["verdict"]) for line in lines]
    causes = [CAUSE_WORDS[str(line["cause"])] for line in lines if line.get("cause")]
    return ComparedSecurity(
        symbol=symbol,
        verdict=min(verdicts, key=_ORDER.index),
        causes=tuple(dict.fromkeys(causes)),
        sentences=tuple(_sentence(str(line["sentence"])) for line in lines if line.get("sentence")),
        ours=_lots(lines, "ours"),
        theirs=_lots(lines, "theirs"),
    )


def _sentence(said: str) -> str:
    """Write what was found as a sentence: a capital and a full stop."""
    text = said[:1].upper() + said[1:]
    return text if text.endswith(".") else f"{text}."


def _lots(lines: Sequence[Mapping[str, object]], side: str) -> tuple[LotLine, ...]:
    told = next((line[side] for line in lines if line.get(side)), [])
    assert isinstance(told, list)  # as keep_day writes it
    return tuple(
        LotLine(
            key=lot["key"],
            acquired_on=None if lot["acquired_on"] is None else date.fromisoformat(lot["acquired_on"]),
            units=Decimal(lot["units"]),
            cost_usd=None if lot["cost_usd"] is None else Decimal(lot["cost_usd"]),
            wash_usd=None if lot["wash_usd"] is None else Decimal(lot["wash_usd"]),
        )
        for lot in told
    )
