"""The firm's restricted list: what stands on it, and what did."""

from dataclasses import dataclass
from datetime import date, datetime

from advisors.models import Membership
from portfolios.models.lots import Lot
from portfolios.models.preferences import Level, Restriction, SubjectKind
from portfolios.selectors.preferences import restriction_line
from portfolios.selectors.statement_words import dates_words, restriction_words
from portfolios.selectors.subjects import subject_names


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedLine:
    """A line of the list in words; `account_count` are the accounts that hold the security today."""

    id: int
    words: str
    dates: str
    reason: str
    set_by: str
    set_at: datetime
    account_count: int
    ended_by: str = ""
    ended_at: datetime | None = None
    is_waiting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictedList:
    """The lines that stand, those of later included, and those that ended, the newest first."""

    standing: tuple[RestrictedLine, ...]
    past: tuple[RestrictedLine, ...]


def restricted_list(member: Membership, *, today: date) -> RestrictedList:
    """Return the firm's restricted list; four queries."""
    on = member.firm.business_on or today
    rows = list(
        Restriction.objects.filter(firm_id=member.firm_id, level=Level.FIRM)
        .select_related("set_by", "ended_by")
        .order_by("-set_at", "-pk")
    )
    names = subject_names(member.firm_id)
    holders = _holders(member.firm_id, {row.subject for row in rows if row.subject_kind == SubjectKind.SECURITY})
    standing: list[RestrictedLine] = []
    past: list[RestrictedLine] = []
    for row in rows:
        line = RestrictedLine(
            id=row.pk,
            words=restriction_words(restriction_line(row), names=names),
            dates=dates_words(starts_on=row.starts_on, ends_on=row.ends_on),
            reason=row.reason,
            set_by=row.set_by.full_name,
            set_at=row.set_at,
            account_count=holders.get(row.subject, 0),
            ended_by=row.ended_by.full_name if row.ended_by else "",
            ended_at=row.ended_at,
            is_waiting=row.starts_on is not None and row.starts_on > on,
        )
        is_over = row.ended_at is not None or (row.ends_on is not None and row.ends_on < on)
        (past if is_over else standing).append(line)
    return RestrictedList(standing=tuple(standing), past=tuple(past))


def _holders(firm_id: int, symbols: set[str]) -> dict[str, int]:
    rows = Lot.objects.filter(account__firm_id=firm_id, security__symbol__in=symbols, closed_on__isnull=True)
    pairs = set(rows.values_list("security__symbol", "account_id"))
    counts: dict[str, int] = {}
    for symbol, _ in pairs:
        counts[symbol] = counts.get(symbol, 0) + 1
    return counts
