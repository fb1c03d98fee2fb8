"""
Positions that multiplied alike in several accounts of a file, without a trade: a split that nobody announced.

Such accounts are not posted: the adjustment would open lots out of nothing. They wait until somebody says what it is.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from advisors.models import Firm
from portfolios.ledger.split_signs import UnitSign, UnitStep
from portfolios.ledger.statements import StatedLot
from portfolios.ledger.types import OPENING_KINDS, REMOVING_KINDS, ZERO, LotEvent
from portfolios.models.households import HoldKind
from portfolios.services.account_comparisons import Case
from portfolios.services.account_plans import AccountPlan, Problem
from portfolios.services.action_detection import announce_unit_signs, known_near, signs_in_positions, words_of_ratio


def hold_multiplied(firm: Firm, plans: Sequence[AccountPlan], *, day: date | None) -> tuple[UnitSign, ...]:
    """Keep from posting every account of a file whose positions show an untold split; return what they show."""
    if day is None:
        return ()
    steps = [step for plan in plans for step in _steps(plan)]
    signs = signs_in_positions(firm, steps, day=day)
    explained = _explained(firm, signs, day=day)
    for sign in signs:
        if sign.security in explained:
            continue
        for plan in plans:
            if plan.account is not None and plan.account.pk in sign.accounts and not plan.waits:
                reason = (
                    f"The custodian states {words_of_ratio(sign.ratio)} of the units of {sign.security} in "
                    f"{len(sign.accounts)} accounts, and no trade explains it. It looks like a split to be confirmed."
                )
                problem = Problem(kind=HoldKind.CORPORATE_ACTION, reason=reason, subject=sign.security)
                plan.problems.append(problem)
    return tuple(sign for sign in signs if sign.security not in explained)


def _explained(firm: Firm, signs: Sequence[UnitSign], *, day: date) -> frozenset[str]:
    """Return the securities that a known action explains: its own comparison holds those accounts or lets them post."""
    return known_near(firm, [sign.security for sign in signs], day=day) if signs else frozenset()


def announce_multiplied(
    firm: Firm, plans: Sequence[AccountPlan], *, day: date | None, source_name: str, now: datetime
) -> int:
    """Announce what the positions of a file show, as detected; what prices hinted at is proven. Return how many."""
    if day is None:
        return 0
    signs = signs_in_positions(firm, [step for plan in plans for step in _steps(plan)], day=day)
    return len(announce_unit_signs(firm, signs, day=day, source_name=source_name, now=now))


def _steps(plan: AccountPlan) -> Iterator[UnitStep]:
    """Compare, security by security, what an account should hold by its trades with what is stated."""
    case = plan.case
    if case is None or plan.account is None or case.terms.is_first:
        return
    stated_lots: dict[str, list[StatedLot]] = defaultdict(list)
    for lot in case.statement.lots or ():
        stated_lots[lot.security].append(lot)
    for security in sorted({lot.security for lot in case.book.lots.values()}):
        stated = case.statement.stated_units(stated_lots[security], security)
        if stated is not None:
            expected = case.book.units_of(security) + _traded(case, security)
            yield UnitStep(account=plan.account.pk, security=security, expected_units=expected, stated_units=stated)


def _traded(case: Case, security: str) -> Decimal:
    return sum(
        (_signed(event) for event in case.transactions if event.security == security and _is_new(event, case)), ZERO
    )


def _is_new(event: LotEvent, case: Case) -> bool:
    return not event.is_past and not case.terms.is_past(event.security, event.traded_on)


def _signed(event: LotEvent) -> Decimal:
    if event.kind in OPENING_KINDS:
        return event.units
    return -event.units if event.kind in REMOVING_KINDS else ZERO
