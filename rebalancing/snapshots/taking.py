"""
From the database to cases: one for each tax household, for the accounts that were asked for.

An account that cannot be in a case is left out with a sentence; it never costs its neighbours theirs.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec

from portfolios.ledger.errors import BadInput
from portfolios.models.households import Account, Standing, TaxStatus
from rebalancing.engine import types as wire
from rebalancing.engine.faults.case import value_faults
from rebalancing.snapshots.accounts import Member, Shared, case_member, with_bars
from rebalancing.snapshots.facts import Facts, Movement, load_facts
from rebalancing.snapshots.guidance import load_guidance
from rebalancing.snapshots.households import household_of, run_together
from rebalancing.snapshots.market import load_market
from rebalancing.snapshots.taxes import ReturnTax, return_tax

MODEL_NEWS = timedelta(days=30)
"""For how long a trade that follows a change of the house view is said to."""

_IN_ACCOUNT = re.compile(r"^accounts\[(\d+)\]\.?(.*)$")
_AT_WORK = "Its orders are at work. Nothing is proposed until they are booked."


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenCase:
    """
    The case of one tax household, or None when no account of it can be analysed.

    `accounts` are those of the case in its order. `held` and `failed` say of every other account that was asked for
    why it is not in it. `tax_used_usd` is by account.
    """

    tax_household_id: int
    case: wire.Case | None
    accounts: tuple[Account, ...]
    held: Mapping[int, str]
    failed: Mapping[int, str]
    taxes: Mapping[int, ReturnTax]


def take_cases(
    firm_id: int, *, account_ids: Collection[int], as_of: date, change_id: int | None = None
) -> tuple[TakenCase, ...]:
    """
    Build the cases of these accounts as of a day, in a constant number of queries.

    With a change of the house view, as if it were in force.

    :raises BadInput: the firm cannot be analysed at all, for want of a risk model
    """
    guidance = load_guidance(firm_id, as_of=as_of, change_id=change_id)
    market = load_market(firm_id, as_of=as_of, change_id=change_id)
    facts = load_facts(firm_id, account_ids=account_ids, as_of=as_of, change_id=change_id)
    former = load_guidance(firm_id, as_of=as_of - MODEL_NEWS)
    shared = Shared(guidance=guidance, former=former, market=market, facts=facts)
    return tuple(
        _taken(tax_household_id, accounts, asked=frozenset(account_ids), shared=shared)
        for tax_household_id, accounts in sorted(facts.accounts.items())
    )


def _taken(
    tax_household_id: int, everybody: tuple[Account, ...], *, asked: frozenset[int], shared: Shared
) -> TakenCase:
    facts = shared.facts
    held = {account.pk: why for account in everybody if account.pk in asked and (why := _why_held(account, facts))}
    ready = [account for account in everybody if account.pk in asked and account.pk not in held]
    failed: dict[int, str] = {}
    taxes: dict[int, ReturnTax] = {}
    members: list[Member] = []
    for account in ready:
        try:
            tax = _tax_of(account, everybody, shared=shared)
            members.append(case_member(account, shared=shared, tax=tax.tax if tax else None))
        except BadInput as fault:
            failed[account.pk] = str(fault)
            continue
        if tax is not None:
            taxes[account.pk] = tax
    case, members = _sound_case(members, everybody, shared=shared, failed=failed)
    return TakenCase(
        tax_household_id=tax_household_id,
        case=case,
        accounts=tuple(member.row for member in members),
        held=held,
        failed=failed,
        taxes=taxes,
    )


def _why_held(account: Account, facts: Facts) -> str:
    reasons = facts.holds.get(account.pk, ())
    if reasons:
        return " ".join(reasons)
    if account.is_held_away:
        return "Held away: its trades count for wash sales, it is not traded here."
    if account.standing != Standing.ACTIVE:
        return f"{Standing(account.standing).label}: not traded meanwhile."
    return _AT_WORK if account.pk in facts.at_work else ""


def _tax_of(account: Account, everybody: Iterable[Account], *, shared: Shared) -> ReturnTax | None:
    """Build the tax block of an account's return; every account of the return gets the same."""
    if account.tax_status != TaxStatus.TAXABLE:
        return None
    facts = shared.facts
    siblings = [
        other
        for other in everybody
        if other.tax_return_id == account.tax_return_id and other.tax_status == TaxStatus.TAXABLE
    ]
    speaker = next(other for other in siblings if other.pk in facts.settings)
    return return_tax(
        facts.situations.get(account.tax_return_id or 0),
        settings=facts.settings[speaker.pk],
        realized=[one for other in siblings for one in facts.realized.get(other.pk, ())],
        as_of=facts.as_of,
    )


def _sound_case(
    members: list[Member],
    everybody: tuple[Account, ...],
    *,
    shared: Shared,
    failed: dict[int, str],
) -> tuple[wire.Case | None, list[Member]]:
    """Drop accounts whose values the engine would refuse until what is left is a sound case."""
    while members:
        try:
            case = _case(members, everybody, shared=shared)
        except BadInput as error:  # what the household follows together cannot be used
            failed.update({member.row.pk: str(error) for member in members})
            return None, []
        faults = tuple(value_faults(case))
        if not faults:
            return case, members
        blamed = _blamed(faults)
        if not blamed:
            failed.update({member.row.pk: f"The market data cannot be used: {faults[0]}." for member in members})
            return None, []
        failed.update({members[index].row.pk: sentence for index, sentence in blamed.items()})
        members = [member for index, member in enumerate(members) if index not in blamed]
    return None, []


def _blamed(faults: Iterable[wire.Fault]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for fault in faults:
        match = _IN_ACCOUNT.match(fault.path)
        if match:
            where = f"{match[2]} " if match[2] else ""
            found.setdefault(int(match[1]), f"Its data cannot be used: {where}{fault.message}.")
    return found


def _case(members: list[Member], everybody: tuple[Account, ...], *, shared: Shared) -> wire.Case:
    household = household_of(members, shared=shared)
    members = run_together(members, household, shared=shared)
    buyable = frozenset[str]().union(*(member.approved for member in members))
    return wire.Case(
        version=1,
        as_of=shared.facts.as_of,
        securities=tuple(
            one if one.buyable == (one.id in buyable) else msgspec.structs.replace(one, buyable=one.id in buyable)
            for one in shared.market.securities.values()
        ),
        risk_model=shared.market.risk_model,
        accounts=tuple(with_bars(member, buyable=buyable) for member in members),
        household=household,
        context=wire.Context(
            previous_targets={member.wire.id: dict(member.former_target) for member in members if member.former_target},
            harvested=_harvested([member.row for member in members], shared=shared),
            actions=_actions([member.row for member in members], shared=shared),
        ),
        recent_trades=_recent_trades(everybody, shared=shared),
    )


def _harvested(accounts: Iterable[Account], *, shared: Shared) -> tuple[wire.Harvested, ...]:
    """Name past harvests with the substitute that the firm ranks first, for the reasons alone."""
    known = shared.market.securities
    stand_in: dict[int, str] = {}
    for line in shared.guidance.substitutes:
        if line.use_id in known and not line.is_hold_only:
            stand_in.setdefault(line.security_id, known[line.use_id].id)
    found = {
        (account.external_ref, movement.symbol, movement.traded_on, stand_in.get(movement.security_id))
        for account in accounts
        for movement in shared.facts.harvests.get(account.pk, ())
    }
    return tuple(
        wire.Harvested(account=account, security=symbol, date=day, substitute=substitute)
        for account, symbol, day, substitute in sorted(found, key=lambda one: (one[0], one[2], one[1]))
    )


def _actions(accounts: Iterable[Account], *, shared: Shared) -> tuple[wire.CorporateAction, ...]:
    """Name the actions that lately changed what these accounts hold, for the reasons alone."""
    known = {security.id for security in shared.market.securities.values()}
    found = {
        (symbol, action.effective_on, action.kind)
        for account in accounts
        for action in shared.facts.actions.get(account.pk, ())
        for symbol in action.symbols
        if symbol in known
    }
    return tuple(wire.CorporateAction(security=symbol, kind=kind, date=day) for symbol, day, kind in sorted(found))


def _recent_trades(everybody: Iterable[Account], *, shared: Shared) -> tuple[wire.RecentTrade, ...]:
    """Name each purchase and each loss sale of the last 30 days once; gains block nothing."""
    merged: dict[tuple[str, str, date, str], wire.RecentTrade] = {}
    for account in everybody:
        for movement in shared.facts.movements.get(account.pk, ()):
            if movement.side == "sell" and movement.loss_usd <= 0:
                continue
            trade = _recent_trade(account, movement, shared=shared)
            key = (trade.account, trade.security, trade.date, trade.side)
            merged[key] = _together(merged.get(key), trade)
    return tuple(merged[key] for key in sorted(merged))


def _recent_trade(account: Account, movement: Movement, *, shared: Shared) -> wire.RecentTrade:
    is_known = movement.security_id in shared.market.securities
    return wire.RecentTrade(
        account=account.external_ref,
        security=movement.symbol,
        date=movement.traded_on,
        side="buy" if movement.side == "buy" else "sell",
        quantity=movement.units,
        loss=movement.loss_usd,
        identity_group=None if is_known else shared.market.groups.get(movement.security_id),
    )


def _together(known: wire.RecentTrade | None, trade: wire.RecentTrade) -> wire.RecentTrade:
    """Sum sales of one day; of purchases, which journal and lots both tell, keep the larger."""
    if known is None:
        return trade
    if trade.side == "buy":
        return max(known, trade, key=lambda one: one.quantity)
    return wire.RecentTrade(
        account=trade.account,
        security=trade.security,
        date=trade.date,
        side=trade.side,
        quantity=known.quantity + trade.quantity,
        loss=known.loss + trade.loss,
        identity_group=trade.identity_group,
    )
