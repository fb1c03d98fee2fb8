"""Corporate actions that files announce: what posting one will change, what is missing, and announcing it."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from advisors.errors import DomainError
from advisors.models import Firm, User
from portfolios.custodians.base import CorporateActionRow, Fault, Severity
from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.corporate_actions.terms import ActionKind
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.models.securities import Security
from portfolios.services.corporate_actions.life import announce
from portfolios.services.corporate_actions.stored_terms import ActionChoices
from portfolios.services.posted_files import Posted

_MAX_TOLD = 40
_Key = tuple[str, str, object]


def describe_actions(firm: Firm, rows: Sequence[CorporateActionRow]) -> list[str]:
    """Say which actions of a file are new, and what each does."""
    known = _known(firm, rows)
    new = [row for row in rows if _key(row) not in known]
    said = [f"{len(new)} new corporate actions, {len(rows) - len(new)} known already."]
    said += [f"{describe(row.terms)}." for row in new[:_MAX_TOLD]]
    return said


def check_actions(rows: Sequence[CorporateActionRow]) -> list[Fault]:
    """Note the securities that actions deliver and the master does not know; they are announced all the same."""
    delivered = {each.security for row in rows for each in row.terms.delivered}
    known = set(Security.objects.filter(symbol__in=delivered).values_list("symbol", flat=True))
    notes: list[Fault] = []
    for row in rows:
        if row.terms.kind is ActionKind.SYMBOL_CHANGE:
            continue
        for each in row.terms.delivered:
            if each.security not in known:
                said = f"{each.security} is not in the security master; it has to be before the action is confirmed."
                notes.append(_note(row, said, column="delivered"))
    return notes


def _note(row: CorporateActionRow, said: str, *, column: str = "") -> Fault:
    return Fault(row=row.row, column=column, message=said, severity=Severity.NOTE)


def post_actions(
    firm: Firm, rows: Sequence[CorporateActionRow], *, source: str, actor: User | None, now: datetime
) -> Posted:
    """Announce the actions of a file whose securities are known; one that cannot be is a fault at its row."""
    said: list[str] = []
    faults: list[Fault] = []
    symbols = {row.terms.security for row in rows}
    known = set(Security.objects.filter(symbol__in=symbols).values_list("symbol", flat=True))
    for row in rows:
        if row.terms.security not in known:
            continue
        try:
            announced = announce(
                firm,
                row.terms,
                source=source,
                note=row.note,
                actor=actor,
                now=now,
                choices=ActionChoices(buy_children=row.buy_children),
            )
        except DomainError as fault:
            faults.append(Fault(row=row.row, message=str(fault)))
            continue
        if announced.is_new:
            said.append(f"{describe(row.terms)}.")
        elif announced.is_restated:
            said.append(f"Restated: {describe(row.terms)}. It has to be confirmed again.")
    return Posted(said=said or ["Every action was known already."], faults=faults)


def _known(firm: Firm, rows: Sequence[CorporateActionRow]) -> Mapping[_Key, int]:
    open_ones = CorporateAction.objects.filter(
        firm=firm, security__symbol__in={row.terms.security for row in rows}
    ).exclude(status__in=[ActionStatus.REVERSED, ActionStatus.WITHDRAWN])
    columns = ("security__symbol", "kind", "effective_on", "pk")
    return {(symbol, kind, day): pk for symbol, kind, day, pk in open_ones.values_list(*columns)}


def _key(row: CorporateActionRow) -> _Key:
    return row.terms.security, row.terms.kind.value, row.terms.effective_on
