"""
Splits that one source shows and nobody announced.

Prices are looked through when they are posted, positions when a custodian states them. What is found is announced once
as detected; the accounts that hold the security wait until a person confirms what it is or sets it aside for that day.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db.models import Q

from advisors import audit
from advisors.models import Firm
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms
from portfolios.ledger.split_signs import PriceSign, PriceStep, UnitSign, UnitStep, price_signs, unit_signs
from portfolios.models.guidance import SecurityModelWeight, VersionStatus
from portfolios.models.lots import Lot
from portfolios.models.market import ActionStatus, CorporateAction, Price
from portfolios.models.securities import SecurityKind
from portfolios.services.corporate_actions.life import announce

PRICES: Final = "prices"
POSITIONS: Final = "positions"
MAX_DAYS: Final = 10  # of a file that brings a long history only the newest days are looked through
_LOOK_BACK: Final = timedelta(days=7)  # a price older than that is no neighbour
_NEAR: Final = timedelta(days=4)
_OPEN: Final = (ActionStatus.ANNOUNCED, ActionStatus.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Detected:
    """An action that was found in a source and is new: what it looks like, in a sentence."""

    symbol: str
    sentence: str


def detect_in_prices(
    firm: Firm, *, days: Iterable[date], known_until: date | None, now: datetime
) -> tuple[Detected, ...]:
    """
    Look through the prices of days that were just posted, and announce what looks like a split of something owned.

    `known_until` is the business date before; without one there is no yesterday to compare with. Of a history only
    the days around it and after it are looked through, the newest.
    """
    if known_until is None:
        return ()
    watched = _watched(firm)
    found: list[Detected] = []
    for day in sorted(day for day in set(days) if day > known_until - _NEAR)[-MAX_DAYS:]:
        found += _detect_on(firm, day, watched, now=now)
    return tuple(found)


def _watched(firm: Firm) -> frozenset[str]:
    """Return the symbols that the firm owns for clients or means to buy."""
    tradable = Q(security__kind__in=[SecurityKind.STOCK, SecurityKind.ETF, SecurityKind.FUND])
    lots = Lot.objects.filter(tradable, account__firm=firm, closed_on__isnull=True)
    models = SecurityModelWeight.objects.filter(
        tradable, version__security_model__firm=firm, version__status=VersionStatus.APPROVED
    )
    column = "security__symbol"
    return frozenset(lots.values_list(column, flat=True)) | frozenset(models.values_list(column, flat=True))


def _detect_on(firm: Firm, day: date, watched: frozenset[str], *, now: datetime) -> list[Detected]:
    signs = [sign for sign in price_signs(price_steps(day)) if sign.step.security in watched]
    if not signs:
        return []
    known = known_near(firm, [sign.step.security for sign in signs], day=day)
    found: list[Detected] = []
    for sign in signs:
        if sign.step.security in known:
            continue
        sentence = _price_sentence(sign, day)
        is_new = _announce(firm, sign.step.security, day, sign.ratio, source=PRICES, note=sentence, now=now)
        found += [Detected(symbol=sign.step.security, sentence=sentence)] if is_new else []
    return found


def price_steps(day: date) -> list[PriceStep]:
    """Return the step of every security from its last price to that of a day, compared by sector."""
    rows = (
        Price.objects.filter(priced_on__range=(day - _LOOK_BACK, day))
        .exclude(security__kind__in=[SecurityKind.CASH, SecurityKind.OTHER])
        .order_by("security_id", "priced_on")
        .values_list("security__symbol", "security__sector", "priced_on", "price_usd")
    )
    before: dict[str, Decimal] = {}
    steps = []
    for symbol, sector, priced_on, price in rows:
        if priced_on < day:
            before[symbol] = price
        elif symbol in before:
            steps.append(PriceStep(security=symbol, peers=sector, before_usd=before[symbol], now_usd=price))
    return steps


def known_near(firm: Firm, symbols: Iterable[str], *, day: date) -> frozenset[str]:
    """
    Return the securities whose move of a day is explained: an action of those days, or one set aside for that day.

    What a person announced and withdrew explains nothing, nor what was reversed; what was detected and withdrawn is
    not raised again.
    """
    near = CorporateAction.objects.filter(
        firm=firm, security__symbol__in=list(symbols), effective_on__range=(day - _NEAR, day + _NEAR)
    )
    withdrawn = Q(status=ActionStatus.WITHDRAWN)
    explained = near.exclude(status=ActionStatus.REVERSED).filter(~withdrawn | Q(withdrawn, is_detected=True))
    return frozenset(explained.values_list("security__symbol", flat=True))


def _announce(
    firm: Firm, symbol: str, day: date, ratio: Decimal | None, *, source: str, note: str, now: datetime
) -> bool:
    kind = ActionKind.OTHER if ratio is None else ActionKind.SPLIT if ratio > 1 else ActionKind.REVERSE_SPLIT
    terms = ActionTerms(kind=kind, key="", security=symbol, effective_on=day, ratio=ratio)
    return announce(firm, terms, source=source, note=note, actor=None, now=now, is_detected=True).is_new


def _price_sentence(sign: PriceSign, day: date) -> str:
    step = sign.step
    moved = f"{step.security} went from ${step.before_usd:,.2f} to ${step.now_usd:,.2f} on {day}"
    peers = f"while its peers moved {sign.peers_factor - 1:+.1%}"
    if not sign.ratios:
        return f"{moved}, {peers}. No common split fits: it may be a spin-off, a large dividend or a merger."
    likely = " or ".join(words_of_ratio(ratio) for ratio in sign.ratios[:2])
    return f"{moved}, {peers}. It looks like a split of {likely} that nobody announced."


def words_of_ratio(ratio: Decimal) -> str:
    """Write a ratio as people say it: 4 for 1, 3 for 2, 1 for 8."""
    for old in range(1, 101):
        new = ratio * old
        if abs(new - round(new)) < Decimal("0.000001") and round(new) > 0:
            return f"{round(new)} for {old}"
    return f"{ratio.normalize():f} for 1"


def signs_in_positions(firm: Firm, steps: Sequence[UnitStep], *, day: date) -> tuple[UnitSign, ...]:
    """Return what the positions of a statement show; one account is enough where prices showed the same before."""
    open_ones = CorporateAction.objects.filter(
        firm=firm, is_detected=True, status__in=_OPEN, effective_on__range=(day - _NEAR, day), ratio__isnull=False
    )
    seen = dict(open_ones.values_list("security__symbol", "ratio"))
    exact = {symbol: _exact(ratio) for symbol, ratio in seen.items() if ratio is not None}
    confirmed = unit_signs((step for step in steps if step.security in exact), seen=exact)
    others = unit_signs(step for step in steps if step.security not in {sign.security for sign in confirmed})
    return (*confirmed, *others)


def _exact(ratio: Decimal) -> Decimal:
    """Undo the rounding of the column: a third is a third."""
    whole = round(1 / ratio)
    return 1 / Decimal(whole) if ratio < 1 and abs(1 / ratio - whole) < Decimal("0.001") else ratio


def announce_unit_signs(
    firm: Firm, signs: Sequence[UnitSign], *, day: date, source_name: str, now: datetime
) -> tuple[Detected, ...]:
    """Announce what positions show and nobody knows; what prices had shown gets the ratio that positions prove."""
    known = known_near(firm, [sign.security for sign in signs], day=day)
    found: list[Detected] = []
    for sign in signs:
        count = len(sign.accounts)
        holders = "1 account" if count == 1 else f"{count} accounts"
        sentence = (
            f"{source_name} states {words_of_ratio(sign.ratio)} of the units of {sign.security} in {holders} on {day}, "
            "and no trade explains it."
        )
        if sign.security in known:
            _prove(firm, sign, sentence, day=day, now=now)
            continue
        if _announce(firm, sign.security, day, sign.ratio, source=POSITIONS, note=sentence, now=now):
            found.append(Detected(symbol=sign.security, sentence=sentence))
    return tuple(found)


def _prove(firm: Firm, sign: UnitSign, sentence: str, *, day: date, now: datetime) -> None:
    """Let positions speak about what prices only hinted at: another ratio, and that there is a second source."""
    near = (day - _NEAR, day)
    action = (
        CorporateAction.objects.filter(
            firm=firm,
            security__symbol=sign.security,
            is_detected=True,
            status=ActionStatus.ANNOUNCED,
            source=PRICES,
            effective_on__range=near,
        )
        .order_by("-effective_on", "-pk")
        .first()
    )
    if action is None or sentence in action.note:
        return
    was = action.note
    kind = ActionKind.SPLIT if sign.ratio > 1 else ActionKind.REVERSE_SPLIT
    terms = ActionTerms(kind=kind, key="", security=sign.security, effective_on=action.effective_on, ratio=sign.ratio)
    note = f"{was} {sentence}"
    if action.kind == kind.value:
        announce(firm, terms, source=PRICES, note=note, actor=None, now=now, is_detected=True)
    else:
        set_aside(action, reason=f"Positions show another kind of action. {sentence}", now=now)
        announce(firm, terms, source=POSITIONS, note=note, actor=None, now=now, is_detected=True)


def set_aside(action: CorporateAction, *, reason: str, now: datetime) -> None:
    """Withdraw a detected action that a better one replaces, on the record and by no person."""
    ended = {"ended_at": now, "ended_by": None, "end_reason": reason[:240]}
    rows = CorporateAction.objects.filter(pk=action.pk, is_detected=True, status__in=_OPEN)
    if rows.update(status=ActionStatus.WITHDRAWN, **ended):
        facts = {"symbol": action.security.symbol, "kind": action.kind, "effective_on": action.effective_on}
        audit.record(
            "corporate_action.set_aside",
            actor=None,
            subject=action,
            firm_id=action.firm_id,
            data=facts,
            reason=reason[:240],
            now=now,
        )


def set_aside_explained(firm: Firm, *, now: datetime) -> int:
    """Set aside what was detected and then announced by somebody under another kind; return how many."""
    detected = CorporateAction.objects.filter(firm=firm, is_detected=True, status=ActionStatus.ANNOUNCED)
    announced: Mapping[int, list[CorporateAction]] = _announced_by_security(firm, detected)
    count = 0
    for action in detected.select_related("security").order_by("pk"):
        for other in announced.get(action.security_id, ()):
            if abs(other.effective_on - action.effective_on) <= _NEAR:
                told = f"{other.get_kind_display()} of {other.effective_on} was announced ({other.source})."
                set_aside(action, reason=told, now=now)
                count += 1
                break
    return count


def _announced_by_security(firm: Firm, detected: Iterable[CorporateAction]) -> Mapping[int, list[CorporateAction]]:
    found: dict[int, list[CorporateAction]] = defaultdict(list)
    others = CorporateAction.objects.filter(
        firm=firm, is_detected=False, security_id__in=[action.security_id for action in detected]
    ).exclude(status__in=[ActionStatus.WITHDRAWN, ActionStatus.REVERSED])
    for other in others.order_by("pk"):
        found[other.security_id].append(other)
    return found
