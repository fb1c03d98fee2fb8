"""The queue of corporate actions as operations work it: what each does, who holds it, and what it waits for."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from django.db.models import Count, Sum

from advisors.errors import Invalid, NotFound
from advisors.models import Membership
from portfolios.custodians.registry import NAMES
from portfolios.ledger.corporate_actions.check import check_terms, describe
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.lots import Lot
from portfolios.models.market import ActionApplication, ActionStatus, CorporateAction
from portfolios.models.securities import Security
from portfolios.services.corporate_actions.stored_terms import FORM, terms_of

MAX_ENDED: Final = 200
_OPEN: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)
_SOURCES: Final[Mapping[str, str]] = {
    FORM: "by hand",
    "api": "through the API",
    "prices": "seen in prices",
    "positions": "seen in positions",
    "statements": "seen in a statement",
}


class Stage(StrEnum):
    """Where an action stands on its way, and what it waits for."""

    TO_COMPLETE = "to_complete"
    TO_CONFIRM = "to_confirm"
    CONFIRMED = "confirmed"
    DUE = "due"
    APPLIED = "applied"
    ENDED = "ended"


STAGE_WORDS: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.TO_COMPLETE: ("Announced, to complete", "A fact is missing that nobody can confirm without."),
    Stage.TO_CONFIRM: ("To confirm", "Complete; a second person confirms it."),
    Stage.CONFIRMED: ("Confirmed, ahead", "Applied by itself when prices of the ex-date come."),
    Stage.DUE: ("Due", "The ex-date has come; it is applied with the next step of the day, or at once."),
    Stage.APPLIED: ("Applied", "Lots, prices, models and orders are in step."),
    Stage.ENDED: ("Reversed or withdrawn", "Nothing of it is in force."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """
    One action of the queue.

    `days_to` counts from the business date to the ex-date, None before the first. `faults` say what is missing.
    `holder_count` and `held_units` are today's holders of an open action, and those of an applied one.
    """

    pk: int
    symbol: str
    name: str
    kind: str
    kind_label: str
    sentence: str
    effective_on: date
    days_to: int | None
    stage: Stage
    stage_label: str
    status: str
    is_detected: bool
    source: str
    note: str
    announced_at: datetime
    announced_by: str
    confirmed_at: datetime | None
    confirmed_by: str
    applied_at: datetime | None
    applied_by: str
    ended_at: datetime | None
    ended_by: str
    end_reason: str
    holder_count: int
    held_units: Decimal
    waiting_count: int
    faults: tuple[str, ...]

    @property
    def days_ago(self) -> int:
        """Return how many days ago the ex-date was, for one that has passed."""
        return -(self.days_to or 0)

    @property
    def is_open(self) -> bool:
        """Tell whether it is neither applied nor ended."""
        return self.status in _OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueFilter:
    """Which rows to show: a stage, a kind, a part of symbol or name; "" is all."""

    stage: str = ""
    kind: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCount:
    stage: Stage
    label: str
    hint: str
    count: int

    @property
    def waits(self) -> bool:
        """Tell whether somebody has to do something about what stands here."""
        return self.stage in (Stage.TO_COMPLETE, Stage.TO_CONFIRM, Stage.DUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The actions of a firm that a filter shows, and how many stand at every stage without it."""

    rows: tuple[QueueRow, ...]
    stages: tuple[StageCount, ...]
    total_count: int


def action_in_firm(member: Membership, action_id: int) -> CorporateAction:
    """
    Return one action of the member's firm.

    :raises NotFound: there is none
    """
    people = ("announced_by", "confirmed_by", "applied_by", "ended_by")
    rows = CorporateAction.objects.select_related("security", "firm", *people)
    action = rows.filter(pk=action_id, firm_id=member.firm_id).first()
    if action is None:
        raise NotFound("There is no such corporate action.")
    return action


def queue(member: Membership, wanted: QueueFilter = QueueFilter()) -> Queue:
    """Return the queue: what is open by ex-date, then what is done, the newest first; a constant number of queries."""
    people = ("announced_by", "confirmed_by", "applied_by", "ended_by")
    mine = CorporateAction.objects.filter(firm_id=member.firm_id).select_related("security", *people)
    open_ones = mine.filter(status__in=_OPEN).order_by("effective_on", "pk")
    ended = mine.exclude(status__in=_OPEN).order_by("-effective_on", "-pk")[:MAX_ENDED]
    rows = rows_of(member, [*open_ones, *ended])
    counts = dict.fromkeys(Stage, 0)
    for row in rows:
        counts[row.stage] += 1
    order = {stage: place for place, stage in enumerate((Stage.DUE, Stage.TO_CONFIRM, Stage.TO_COMPLETE))}
    shown = sorted((row for row in rows if _is_wanted(row, wanted)), key=lambda row: order.get(row.stage, 3))
    return Queue(
        rows=tuple(shown),
        stages=tuple(
            StageCount(stage=stage, label=words[0], hint=words[1], count=counts[stage])
            for stage, words in STAGE_WORDS.items()
        ),
        total_count=len(rows),
    )


def _is_wanted(row: QueueRow, wanted: QueueFilter) -> bool:
    text = wanted.text.strip().lower()
    return (
        wanted.stage in ("", row.stage.value)
        and wanted.kind in ("", row.kind)
        and (not text or text in row.symbol.lower() or text in row.name.lower())
    )


def rows_of(member: Membership, actions: Sequence[CorporateAction]) -> list[QueueRow]:
    """Return actions as rows of the queue, in the order given."""
    firm_id, business_on = member.firm_id, member.firm.business_on
    terms = {action.pk: _terms(action) for action in actions}
    unknown = _unknown_symbols(each for each in terms.values() if isinstance(each, ActionTerms))
    holders = _holders(firm_id, {action.security_id for action in actions if action.status in _OPEN})
    applied = _applied([action.pk for action in actions if action.status not in _OPEN])
    waiting = _waiting(firm_id)
    made = []
    for action in actions:
        said = terms[action.pk]
        faults = _faults(said, unknown) if action.status in _OPEN else ()
        stage = _stage(action, has_faults=bool(faults), business_on=business_on)
        count, units = (
            holders.get(action.security_id, (0, Decimal(0)))
            if action.status in _OPEN
            else applied.get(action.pk, (0, Decimal(0)))
        )
        made.append(
            QueueRow(
                pk=action.pk,
                symbol=action.security.symbol,
                name=action.security.name,
                kind=action.kind,
                kind_label=str(action.get_kind_display()),
                sentence=describe(said) if isinstance(said, ActionTerms) else said,
                effective_on=action.effective_on,
                days_to=None if business_on is None else (action.effective_on - business_on).days,
                stage=stage,
                stage_label=STAGE_WORDS[stage][0],
                status=action.status,
                is_detected=action.is_detected,
                source=source_in_words(action.source),
                note=action.note,
                announced_at=action.announced_at,
                announced_by="" if action.announced_by is None else action.announced_by.full_name,
                confirmed_at=action.confirmed_at,
                confirmed_by="" if action.confirmed_by is None else action.confirmed_by.full_name,
                applied_at=action.applied_at,
                applied_by="" if action.applied_by is None else action.applied_by.full_name,
                ended_at=action.ended_at,
                ended_by="" if action.ended_by is None else action.ended_by.full_name,
                end_reason=action.end_reason,
                holder_count=count,
                held_units=units,
                waiting_count=waiting.get(action.security.symbol, 0) if action.status in _OPEN else 0,
                faults=faults,
            )
        )
    return made


def source_in_words(source: str) -> str:
    """Say where an announcement came from: a custodian's file, a person, the API, prices, positions."""
    return _SOURCES.get(source, f"file, {NAMES.get(source, source)}")


def _terms(action: CorporateAction) -> ActionTerms | str:
    """Return the terms of an action, or why they cannot be read."""
    try:
        return terms_of(action)
    except Invalid as fault:
        return str(fault)


def _unknown_symbols(terms: Iterable[ActionTerms]) -> frozenset[str]:
    wanted = {each.security for one in terms if one.kind is not ActionKind.SYMBOL_CHANGE for each in one.delivered}
    known = set(Security.objects.filter(symbol__in=wanted).values_list("symbol", flat=True))
    return frozenset(wanted - known)


def _faults(said: ActionTerms | str, unknown: Collection[str]) -> tuple[str, ...]:
    if isinstance(said, str):
        return (said,)
    missing = sorted({each.security for each in said.delivered} & set(unknown))
    return (
        *check_terms(said),
        *(f"The security {symbol} is not in the security master; add it first." for symbol in missing),
    )


def _stage(action: CorporateAction, *, has_faults: bool, business_on: date | None) -> Stage:
    if action.status == ActionStatus.ANNOUNCED:
        return Stage.TO_COMPLETE if has_faults else Stage.TO_CONFIRM
    if action.status == ActionStatus.CONFIRMED:
        is_due = business_on is not None and action.effective_on <= business_on
        return Stage.DUE if is_due else Stage.CONFIRMED
    return Stage.APPLIED if action.status == ActionStatus.APPLIED else Stage.ENDED


def _holders(firm_id: int, security_ids: Collection[int]) -> Mapping[int, tuple[int, Decimal]]:
    rows = (
        Lot.objects.filter(
            account__firm_id=firm_id,
            account__is_held_away=False,
            security_id__in=security_ids,
            closed_on__isnull=True,
        )
        .order_by()
        .values_list("security_id")
        .annotate(holders=Count("account_id", distinct=True), held=Sum("units"))
    )
    return {security_id: (count, units) for security_id, count, units in rows}


def holders_of(member: Membership, symbol: str) -> tuple[int, Decimal]:
    """Return how many accounts of the firm hold a security, and how many units together."""
    key = Security.objects.filter(symbol=symbol).values_list("pk", flat=True).first()
    return (0, Decimal(0)) if key is None else _holders(member.firm_id, [key]).get(key, (0, Decimal(0)))


def _applied(action_ids: Collection[int]) -> Mapping[int, tuple[int, Decimal]]:
    rows = ActionApplication.objects.filter(action_id__in=action_ids).order_by().values_list("action_id")
    return {
        action_id: (count, units)
        for action_id, count, units in rows.annotate(holders=Count("pk"), held=Sum("before_units"))
    }


def _waiting(firm_id: int) -> Mapping[str, int]:
    rows = AccountHold.objects.filter(
        account__firm_id=firm_id, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True
    ).values_list("subject")
    return dict(rows.annotate(count=Count("account_id", distinct=True)))
