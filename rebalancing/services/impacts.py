"""What a change of the house view would do, over the whole book, stored account by account; nothing is proposed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import transaction

from advisors.errors import Conflict, NotFound
from advisors.models import Membership
from advisors.permissions import Capability, check_can
from portfolios.models.guidance import UNDECIDED, HouseViewChange
from portfolios.selectors.house_view_pages import change_in_firm
from rebalancing.engine import types as wire
from rebalancing.engine.outcome import AccountOutcome, Outcome
from rebalancing.models.impacts import AccountImpact
from rebalancing.models.runs import Run, RunAccount, RunAccountStatus
from rebalancing.services import runs
from rebalancing.services.runs import Scope
from rebalancing.services.unfolding import account_value_usd, cents, traded_usd
from rebalancing.snapshots.taking import TakenCase

_NO_ANSWER: Final = "The engine gave no answer for this account."


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """One side of a comparison: the case of a tax household with its answer, or why there is none, by account."""

    taken: TakenCase
    outcome: Outcome | None
    failed: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A tax household as the house view stands, and changed."""

    now: Weighed
    then: Weighed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What one side says of one account; `why` where it has no answer."""

    why: str = ""
    value_usd: Decimal | None = None
    trade_count: int = 0
    traded_usd: Decimal = Decimal(0)
    tax_usd: Decimal | None = None
    tracking_error_frac: float = 0.0
    broken: tuple[str, ...] = ()

    @property
    def is_over_budget(self) -> bool:
        """Tell whether the tax budget gives way."""
        return "tax_budget" in self.broken


def start_preview(member: Membership, change_id: int, *, now: datetime) -> Run:
    """
    Answer the whole book under a change that nobody has decided on yet, in the background.

    :raises NotPermitted: the member may not change the house view
    :raises NotFound: the firm has no such change
    :raises Conflict: the change is decided, or a preview of it is under way
    :raises Invalid: the firm has no business date, or no account
    """
    check_can(member, Capability.EDIT_GUIDANCE)
    change = change_in_firm(member, change_id)
    return runs.start_run(member.firm, scope=_scope_of(change), actor=member.user, now=now)


def start_preview_by_number(slug: str, number: int, *, now: datetime, wake_queue: bool) -> int:
    """
    Preview the change with this number of the firm with this short name, or of the only firm; return the run's id.

    :raises Invalid: no such firm, several firms and none named, or nothing to analyse
    :raises NotFound: the firm has no such change
    :raises Conflict: it is decided, or a preview of it is under way
    """
    firm = runs.firm_by_name(slug)
    change = HouseViewChange.objects.filter(firm=firm, number=number).first()
    if change is None:
        raise NotFound(f"There is no change no. {number} of the house view.")
    return int(runs.start_run(firm, scope=_scope_of(change), actor=None, now=now, wake_queue=wake_queue).pk)


def _scope_of(change: HouseViewChange) -> Scope:
    if change.status not in UNDECIDED:
        raise Conflict("This change is decided. Only a draft or a submitted change is previewed.")
    return Scope(change_id=change.pk, change_revision=change.revision)


def check_unedited(claim: runs.Claim) -> None:
    """
    Refuse to go on with a change that is another one by now.

    :raises Conflict: it was edited after the preview began
    """
    unedited = HouseViewChange.objects.filter(pk=claim.change_id or 0, revision=claim.change_revision or 0)
    if not unedited.exists():
        raise Conflict("The change was edited after this preview began. Start it anew.")


@transaction.atomic
def store_impacts(claim: runs.Claim, compared: Sequence[Compared], *, now: datetime) -> int:
    """
    Store what a chunk of a preview found out, and close it; return how many accounts have an answer.

    :raises LostLease: somebody else works on the chunk by now; nothing is stored
    """
    runs.complete_chunk(claim, now=now)
    nothing = _Side(why=_NO_ANSWER)
    held: dict[int, str] = {}
    sides: dict[int, tuple[_Side, _Side]] = {}
    for one in compared:
        held |= {**one.now.taken.held, **one.then.taken.held}
        before, after = _sides(one.now), _sides(one.then)
        sides |= {pk: (before.get(pk, nothing), after.get(pk, nothing)) for pk in {**before, **after}}
    impacts: list[AccountImpact] = []
    rows = list(RunAccount.objects.filter(chunk_id=claim.chunk_id, status=RunAccountStatus.WAITING))
    for row in rows:
        row.finished_at = now
        present, changed = sides.get(row.account_id, (nothing, nothing))
        if row.account_id in held:
            row.status, row.message = RunAccountStatus.HELD, held[row.account_id][:400]
        elif present.why and changed.why:
            row.status, row.message = RunAccountStatus.FAILED, changed.why[:400]
        else:
            row.status = RunAccountStatus.DONE
            impacts.append(_impact(claim, row.account_id, present, changed))
    RunAccount.objects.bulk_update(rows, ["status", "message", "finished_at"])
    AccountImpact.objects.bulk_create(impacts)
    return len(impacts)


def _sides(weighed: Weighed) -> dict[int, _Side]:
    """Return what is said of each account of a tax household, by its id."""
    found = {pk: _Side(why=why) for pk, why in {**weighed.taken.failed, **weighed.failed}.items()}
    case, outcome = weighed.taken.case, weighed.outcome
    if case is None or outcome is None or outcome.status == "invalid":
        return found
    by_ref = {account.external_ref: account.pk for account in weighed.taken.accounts}
    asked = {account.id: account for account in case.accounts}
    securities = {security.id: security for security in case.securities}
    taxes = {answer.id: answer.tax_caused for answer in outcome.returns}
    for answer in outcome.accounts:
        account = asked[answer.id]
        found[by_ref[answer.id]] = _side(answer, account, securities=securities, taxes=taxes)
    return found


def _side(
    answer: AccountOutcome,
    account: wire.Account,
    *,
    securities: Mapping[str, wire.Security],
    taxes: Mapping[str, Decimal],
) -> _Side:
    return _Side(
        value_usd=cents(account_value_usd(account, securities=securities)),
        trade_count=len(answer.trades),
        traded_usd=traded_usd(answer.trades),
        tax_usd=taxes.get(account.tax_return or ""),
        tracking_error_frac=answer.tracking_error_after,
        broken=tuple(relaxed.rule for relaxed in answer.relaxed),
    )


def _impact(claim: runs.Claim, account_id: int, now: _Side, then: _Side) -> AccountImpact:
    value = now.value_usd if now.value_usd is not None else then.value_usd
    return AccountImpact(
        run_id=claim.run_id,
        account_id=account_id,
        value_usd=value or Decimal(0),
        now_trade_count=now.trade_count,
        then_trade_count=then.trade_count,
        now_traded_usd=now.traded_usd,
        then_traded_usd=then.traded_usd,
        now_tax_usd=now.tax_usd,
        then_tax_usd=then.tax_usd,
        now_tracking_error_frac=now.tracking_error_frac,
        then_tracking_error_frac=then.tracking_error_frac,
        now_broken=list(now.broken),
        then_broken=list(then.broken),
        is_over_budget_now=now.is_over_budget,
        is_over_budget_then=then.is_over_budget,
        fails_anew=bool(set(then.broken) - set(now.broken)) or (bool(then.why) and not now.why),
        now_why=now.why[:400],
        then_why=then.why[:400],
    )
