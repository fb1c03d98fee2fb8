"""
Keep how an account compared with its custodian: the day's lines, and the differences that wait for a person.

A difference counts once, however often files repeat it; a file that agrees resolves it. One that a person left because
the ledger is right is none again while its figures stay.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.db.models import Q

from advisors import audit
from portfolios.ledger.comparison import Cause, UnitBreak
from portfolios.ledger.reconcile import Reconciliation
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import Lot
from portfolios.models.households import Account
from portfolios.models.imports import Break, BreakDecision, BreakKind, CustodianFile, ReconciledDay
from portfolios.models.securities import Security
from portfolios.services.account_comparisons import Case

AGREED: Final = "A later file agrees."
ADJUSTED: Final = "Adjusted to the custodian's word."
MAX_LOTS: Final = 60
_WITHOUT_LOTS: Final = frozenset({Cause.OPENING, Cause.TRADES})
Line = dict[str, object]


def keep_day(account: Account, *, file: CustodianFile, case: Case, found: Reconciliation, now: datetime) -> None:
    """Write how the securities of a statement compared; what other files of the day said of others stays."""
    day = case.statement.as_of
    lines = _lines(case, found)
    spoken = set(symbols_spoken(case, found))
    if not spoken:
        return
    row = ReconciledDay.objects.filter(account=account, as_of_on=day).order_by("-pk").first()
    kept = row or ReconciledDay(account=account, as_of_on=day)
    lines = [*(line for line in kept.explained if line["security"] not in spoken), *lines]
    kept.matched = sorted({*(name for name in kept.matched if name not in spoken), *found.matched})
    kept.explained = lines
    kept.file, kept.reconciled_at = file, now
    kept.matched_count = len(kept.matched)
    worst = _worst(lines)
    kept.explained_count = sum(1 for verdict in worst.values() if verdict == "explained")
    kept.adjusted_count = sum(1 for verdict in worst.values() if verdict == "adjusted")
    kept.broken_count = sum(1 for verdict in worst.values() if verdict in ("broken", "waiting"))
    kept.save()


_ORDER: Final = ("explained", "adjusted", "waiting", "broken")


def _worst(lines: Iterable[Line]) -> Mapping[str, str]:
    """Return what counts of each security: one that is explained and broken is broken."""
    worst: dict[str, str] = {}
    for line in lines:
        name, verdict = str(line["security"]), str(line["verdict"])
        if name not in worst or _ORDER.index(verdict) > _ORDER.index(worst[name]):
            worst[name] = verdict
    return worst


def _lines(case: Case, found: Reconciliation) -> list[Line]:
    lines: list[Line] = []
    for told in found.explanations:
        line: Line = {"security": told.security, "verdict": "explained", "cause": told.cause.value}
        if told.cause is not Cause.OPENING:
            line["sentence"] = told.sentence
        if told.cost_usd:
            line["cost_usd"] = str(told.cost_usd)
        lines.append(line)
    lines += [_difference(each, "adjusted") for each in found.adjustments]
    lines += [_difference(each, "waiting" if each.waits_for_action else "broken") for each in found.breaks]
    shown: set[str] = set()
    for line in lines:
        name = str(line["security"])
        if name and name not in shown and line.get("cause") not in _WITHOUT_LOTS:
            shown.add(name)
            line["ours"] = [_our_lot(lot) for lot in found.book.lots_of(name)[:MAX_LOTS]]
            stated = [lot for lot in case.statement.lots or () if lot.security == name]
            line["theirs"] = [_their_lot(lot) for lot in stated[:MAX_LOTS]]
    return lines


def _difference(found: UnitBreak, verdict: str) -> Line:
    return {
        "security": found.security,
        "verdict": verdict,
        "sentence": found.message,
        "size_usd": _text(found.size_usd),
        "ledger_units": _text(found.ledger_units),
        "custodian_units": _text(found.custodian_units),
        "ledger_usd": _text(found.ledger_usd),
        "custodian_usd": _text(found.custodian_usd),
    }


def _our_lot(lot: Lot) -> dict[str, str | None]:
    return {
        "key": lot.key,
        "acquired_on": lot.acquired_on.isoformat(),
        "units": str(lot.units),
        "cost_usd": _text(lot.cost_usd),
        "wash_usd": str(lot.wash_adjustment_usd) if lot.wash_adjustment_usd else None,
    }


def _their_lot(lot: StatedLot) -> dict[str, str | None]:
    return {
        "key": lot.ref,
        "acquired_on": None if lot.acquired_on is None else lot.acquired_on.isoformat(),
        "units": str(lot.units),
        "cost_usd": _text(lot.cost_usd),
        "wash_usd": str(lot.wash_adjustment_usd) if lot.wash_adjustment_usd else None,
    }


def _text(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def keep_breaks(account: Account, *, file: CustodianFile, case: Case, found: Reconciliation, now: datetime) -> None:
    """Open what is new, bring up to date what stands, and resolve what the statement no longer shows."""
    known = Break.objects.filter(Q(resolved_at__isnull=True) | Q(is_standing=True), account=account)
    rows = list(known.exclude(kind=BreakKind.GAIN).select_related("security").order_by("pk"))
    broken = {each.security: each for each in found.breaks if not each.waits_for_action}
    if not rows and not broken:
        return
    spoken = set(symbols_spoken(case, found))
    settled = {told.security for told in found.explanations if told.cause is Cause.SETTLED}
    adjusted = {each.security for each in found.adjustments}
    waiting = {each.security for each in found.breaks if each.waits_for_action}
    for row in rows:
        name = "" if row.security is None else row.security.symbol
        if row.is_standing:
            if name in spoken and name not in settled:
                Break.objects.filter(pk=row.pk).update(is_standing=False)
        elif name in broken:
            _refresh(row, broken.pop(name), file)
        elif name in spoken and name not in waiting:
            _agree(row, resolution=ADJUSTED if name in adjusted else AGREED, now=now)
    _open(account, broken.values(), file=file, case=case, now=now)


def _refresh(row: Break, found: UnitBreak, file: CustodianFile) -> None:
    for name, value in _columns(found).items():
        setattr(row, name, value)
    row.file = file
    row.save(update_fields=[*_columns(found), "file"])


def _columns(found: UnitBreak) -> dict[str, object]:
    cent = Decimal("0.01")
    return {
        "kind": found.kind.value,
        "ledger_units": found.ledger_units,
        "custodian_units": found.custodian_units,
        "ledger_usd": None if found.ledger_usd is None else found.ledger_usd.quantize(cent),
        "custodian_usd": None if found.custodian_usd is None else found.custodian_usd.quantize(cent),
        "size_usd": None if found.size_usd is None else found.size_usd.quantize(cent),
        "message": found.message[:400],
    }


def _agree(row: Break, *, resolution: str, now: datetime) -> None:
    opened = Break.objects.filter(pk=row.pk, resolved_at__isnull=True)
    if opened.update(resolved_at=now, resolution=resolution, decision=BreakDecision.AGREED):
        _record("break.resolved", row, data={"decision": BreakDecision.AGREED}, reason=resolution, now=now)


def _open(account: Account, found: Iterable[UnitBreak], *, file: CustodianFile, case: Case, now: datetime) -> None:
    new = list(found)
    symbols = [each.security for each in new if each.security]
    keys = dict(Security.objects.filter(symbol__in=symbols).values_list("symbol", "pk"))
    terms = case.terms
    for each in new:
        row = Break.objects.create(
            account=account,
            file=file,
            security_id=keys.get(each.security),
            agreed_on=terms.agreed_on.get(each.security, terms.stated_on),
            found_on=_seen_on(account, case),
            found_at=now,
            **_columns(each),
        )
        facts = {"security": each.security, "kind": each.kind, "size_usd": each.size_usd}
        _record("break.found", row, data=facts, reason=each.message, now=now)


def _seen_on(account: Account, case: Case) -> date:
    """Return the day of the statement that showed a break first; one that runs ahead of the firm counts on its day."""
    return min(case.statement.as_of, account.firm.business_on or case.statement.as_of)


def _record(action: str, row: Break, *, data: Mapping[str, object], reason: str, now: datetime) -> None:
    audit.record(
        action,
        actor=None,
        subject=row,
        firm_id=row.account.firm_id,
        household_id=row.account.household_id,
        data={"account_id": row.account_id, **data},
        reason=reason,
        now=now,
    )


def symbols_spoken(case: Case, found: Reconciliation) -> Sequence[str]:
    """Return what a statement speaks of: its securities, and "" for cash."""
    named = case.statement.securities(found.book)
    return (*named, "") if case.statement.cash is not None else named
