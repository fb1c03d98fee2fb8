"""Until price, position and model agree on a security, the accounts concerned are held and say why."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from django.db.models import Q

from advisors.errors import Invalid
from advisors.models import Firm
from portfolios.ledger.corporate_actions.check import describe
from portfolios.ledger.corporate_actions.terms import ActionTerms
from portfolios.models.households import AccountHold, HoldKind
from portfolios.models.lots import Lot
from portfolios.models.market import ActionStatus, CorporateAction
from portfolios.services.bulk_holds import Pair, keep_holds
from portfolios.services.corporate_actions.house_view import securities_named, targets_of, uses_of
from portfolios.services.corporate_actions.price_moves import NEAR, price_moved
from portfolios.services.corporate_actions.stored_terms import FAILED, terms_of
from portfolios.services.corporate_actions.taken_back import LOOK_BACK, TakenBack, taken_back_but_priced
from portfolios.services.corporate_actions.term_facts import is_ending

MARK: Final = "Corporate action: "  # begins the reason of every hold that is placed and lifted here
SEEN: Final = "Corporate action seen elsewhere: "  # begins the reason of one that a statement or a search asked for
_OPEN: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)


class DisagreementKind(StrEnum):
    """What of a security has moved and what has not."""

    NOT_APPLIED = "not_applied"
    PRICE_MOVED_FIRST = "price_moved_first"
    LOTS_MOVED_FIRST = "lots_moved_first"
    TAKEN_BACK = "taken_back"
    STATEMENT_MOVED_FIRST = "statement_moved_first"
    MODEL_HOLDS_OLD = "model_holds_old"
    NOT_BOOKED = "not_booked"
    DETECTED = "detected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One thing about a security that does not agree with the rest, and the accounts that wait for it."""

    kind: DisagreementKind
    symbol: str
    sentence: str
    account_ids: tuple[int, ...]
    action_id: int | None = None


def disagreements(firm: Firm, *, symbols: Collection[str] | None = None) -> tuple[Disagreement, ...]:
    """Return what does not agree on the firm's business date, by action; `symbols` narrows it to some securities."""
    if firm.business_on is None:
        return ()
    actions = CorporateAction.objects.filter(firm=firm).select_related("security", "firm")
    if symbols is not None:
        actions = actions.filter(security__symbol__in=symbols)
    found: list[Disagreement] = []
    opened = actions.filter(status__in=_OPEN, effective_on__lte=firm.business_on + NEAR)
    for action in opened.order_by("effective_on", "pk"):
        found.extend(_of_waiting(action, firm.business_on))
    named = securities_named(firm.pk, on=firm.business_on)
    for action in actions.filter(status=ActionStatus.APPLIED).order_by("effective_on", "pk"):
        found.extend(_of_applied(action, firm.business_on, named=named))
    narrow = None if symbols is None else frozenset(symbols)
    found.extend(_of_taken_back(each) for each in taken_back_but_priced(firm, on=firm.business_on, symbols=narrow))
    return tuple(each for each in found if each.account_ids)


def _of_waiting(action: CorporateAction, on: date) -> Iterator[Disagreement]:
    try:
        terms = terms_of(action)
    except Invalid as fault:
        yield Disagreement(
            kind=DisagreementKind.NOT_APPLIED,
            symbol=action.security.symbol,
            sentence=str(fault),
            account_ids=_holding(action),
            action_id=action.pk,
        )
        return
    has_moved = price_moved(action, terms, on=on)
    if action.effective_on > on and not has_moved:
        return
    wait = "to be confirmed" if action.status == ActionStatus.ANNOUNCED else "to be applied"
    moved = f" The price of {terms.security} has moved already, the lots have not." if has_moved else ""
    yield Disagreement(
        kind=DisagreementKind.PRICE_MOVED_FIRST if has_moved else DisagreementKind.NOT_APPLIED,
        symbol=terms.security,
        sentence=f"{_title(terms)} waits {wait}.{moved}",
        account_ids=_holding(action),
        action_id=action.pk,
    )


def _title(terms: ActionTerms) -> str:
    return f"“{describe(terms)}”"


def _of_applied(action: CorporateAction, on: date, *, named: frozenset[int]) -> Iterator[Disagreement]:
    terms = terms_of(action)
    if on - action.effective_on <= LOOK_BACK and price_moved(action, terms, on=on) is False:
        said = f"{_title(terms)} is applied to the lots, and the price of {terms.security} has not moved."
        yield Disagreement(
            kind=DisagreementKind.LOTS_MOVED_FIRST,
            symbol=terms.security,
            sentence=said,
            account_ids=_not_lifted(_holding(action), terms.security, said, since=action.applied_at),
            action_id=action.pk,
        )
    for account_id, reason in action.done.get(FAILED, {}).items():
        yield Disagreement(
            kind=DisagreementKind.NOT_BOOKED,
            symbol=terms.security,
            sentence=f"{_title(terms)} could not be booked here. {reason}",
            account_ids=(int(account_id),),
            action_id=action.pk,
        )
    if action.security_id in named and is_ending(terms):
        yield from _of_house_view(action, terms, on)


def _of_taken_back(ended: TakenBack) -> Disagreement:
    symbol = ended.terms.security
    did = "was taken back" if ended.action.status == ActionStatus.REVERSED else "was withdrawn"
    said = (
        f"{_title(ended.terms)} {did}, yet the price of {symbol} has moved by it and the lots have not. Announce what "
        "happened, or lift the hold with the reason."
    )
    return Disagreement(
        kind=DisagreementKind.TAKEN_BACK,
        symbol=symbol,
        sentence=said,
        account_ids=_not_lifted(ended.account_ids, symbol, said, since=ended.action.ended_at),
        action_id=ended.action.pk,
    )


def _of_house_view(action: CorporateAction, terms: ActionTerms, on: date) -> Iterator[Disagreement]:
    used = uses_of(action.firm_id, action.security_id, on=on)
    if used.names:
        yield Disagreement(
            kind=DisagreementKind.MODEL_HOLDS_OLD,
            symbol=terms.security,
            sentence=f"{terms.security} is no more ({_title(terms)}) and {' and '.join(used.names)} still names it.",
            account_ids=targets_of(action.firm_id, used, on=on),
            action_id=action.pk,
        )


def _holding(action: CorporateAction) -> tuple[int, ...]:
    open_lots = Lot.objects.filter(
        security_id=action.security_id, closed_on__isnull=True, account__firm_id=action.firm_id
    ).exclude(account__is_held_away=True)
    return tuple(sorted(open_lots.values_list("account_id", flat=True).distinct()))


def _not_lifted(account_ids: Collection[int], symbol: str, sentence: str, *, since: datetime | None) -> tuple[int, ...]:
    """Leave out the accounts whose hold for this very cause a person has lifted since it came up."""
    lifted = AccountHold.objects.filter(
        kind=HoldKind.CORPORATE_ACTION, subject=symbol[:64], reason=_reason(MARK, sentence), lifted_by__isnull=False
    )
    if since is not None:
        lifted = lifted.filter(lifted_at__gte=since)
    let_go = set(lifted.values_list("account_id", flat=True))
    return tuple(each for each in account_ids if each not in let_go)


def _reason(mark: str, sentence: str) -> str:
    return f"{mark}{sentence}"[:400]


def refresh_action_holds(
    firm: Firm,
    *,
    now: datetime,
    more: Iterable[Disagreement] | None = None,
    symbols: Collection[str] | None = None,
) -> int:
    """
    Hold the accounts for which something does not agree, and let go those for which all does; return how many wait.

    `more` is all that others found, a statement that moved first above all; None leaves what they found before as it
    is. `symbols` narrows the look to some securities; holds of others stay.
    """
    judged = Q(reason__startswith=MARK) if more is None else Q(reason__startswith=MARK) | Q(reason__startswith=SEEN)
    wanted: dict[Pair, str] = {}
    for each in disagreements(firm, symbols=symbols):
        _want(wanted, each, MARK)
    for each in more or ():
        _want(wanted, each, SEEN)
    standing = AccountHold.objects.filter(
        judged, account__firm=firm, kind=HoldKind.CORPORATE_ACTION, lifted_at__isnull=True
    )
    if symbols is not None:
        standing = standing.filter(subject__in=symbols)
    known = {(hold.account_id, hold.subject): hold for hold in standing.order_by("pk")}
    keep_holds(firm, wanted, standing=known, kind=HoldKind.CORPORATE_ACTION, now=now)
    return len({account_id for account_id, _ in wanted})


def _want(wanted: dict[Pair, str], found: Disagreement, mark: str) -> None:
    for account_id in found.account_ids:
        wanted.setdefault((account_id, found.symbol[:64]), _reason(mark, found.sentence))
