"""One account as the engine sees it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import cast

import msgspec

from portfolios.ledger.errors import BadInput
from portfolios.models.households import Account, TaxStatus
from portfolios.models.lots import CashBalance, Lot
from portfolios.models.securities import SecurityKind
from portfolios.policy import SettingValue
from portfolios.selectors.preferences import RestrictionLine
from rebalancing.engine import types as wire
from rebalancing.snapshots.facts import Facts
from rebalancing.snapshots.guidance import Guidance
from rebalancing.snapshots.market import Market
from rebalancing.snapshots.needs import cash_needs, fraction_of, money_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the accounts of a chunk share; `former` is the house view that was in force before its latest news."""

    guidance: Guidance
    former: Guidance
    market: Market
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """
    An account of a case: its row, what the engine sees, and the symbols that it may buy.

    `former_target` is what it was to hold before the house view changed, empty where that is the same.
    """

    row: Account
    wire: wire.Account
    approved: frozenset[str]
    former_target: Mapping[str, float]


def case_member(account: Account, *, shared: Shared, tax: wire.Tax | None) -> Member:
    """
    Lay lots, cash, target and preferences of one account together.

    :raises BadInput: with the sentence why this account cannot be analysed
    """
    facts = shared.facts
    lots, money_usd = _lots(facts.lots.get(account.pk, ()), market=shared.market)
    cash = _cash(facts.cash.get(account.pk)) + money_usd
    settings = facts.settings[account.pk]
    needs = cash_needs(facts.cash_needs.get(account.pk, ()), settings=settings, as_of=facts.as_of)
    value = cash + _worth(lots, market=shared.market)
    _check_worth(value, raised=needs.raise_)
    profile = shared.guidance.profile_of(account.risk_profile_id)
    weights = shared.guidance.target_of(account.risk_profile_id, tax_status=account.tax_status, value_usd=value)
    target = symbols_of(weights, market=shared.market)
    known = shared.market.securities
    is_taxable = account.tax_status == TaxStatus.TAXABLE
    made = wire.Account(
        id=account.external_ref,
        tax_status=cast(wire.TaxStatus, account.tax_status),
        discretionary=account.is_discretionary,
        tax_return=f"R{account.tax_return_id}" if is_taxable else None,
        cash=cash,
        lots=lots,
        target=target,
        class_limits={line.key: (float(line.min_frac), float(line.max_frac)) for line in profile},
        substitutes=substitutes_of(shared, target=target),
        constraints=tuple(_constraint(line) for line in facts.restrictions.get(account.pk, ())),
        cash_needs=needs,
        tax=tax if is_taxable else None,
        trading=_trading(settings),
    )
    approved = (known[pk] for pk in shared.guidance.approved_for(weights) if pk in known)
    return Member(
        row=account,
        wire=made,
        approved=frozenset(one.id for one in approved if one.buyable),
        former_target=_former_target(account, target, value_usd=value, shared=shared),
    )


def _former_target(
    account: Account, target: Mapping[str, float], *, value_usd: Decimal, shared: Shared
) -> Mapping[str, float]:
    """Look the same profile through the former house view; what is no longer known is left out."""
    try:
        weights = shared.former.target_of(account.risk_profile_id, tax_status=account.tax_status, value_usd=value_usd)
    except BadInput:
        return {}
    known = shared.market.securities
    former = symbols_of(
        {key: part for key, part in weights.items() if key == wire.CASH or key in known}, market=shared.market
    )
    return {} if former == target else former


def _lots(rows: Iterable[Lot], *, market: Market) -> tuple[tuple[wire.Lot, ...], Decimal]:
    """Return the lots that are managed, and what money funds are worth; what is unknown to trading is left out."""
    lots, money_usd = [], Decimal(0)
    for row in rows:
        if row.security.kind == SecurityKind.OTHER:
            continue
        if row.security.kind == SecurityKind.CASH:
            money_usd += row.units
            continue
        security = market.security(row.security_id, symbol=row.security.symbol)
        lots.append(
            wire.Lot(
                id=row.key,
                security=security.id,
                quantity=row.units,
                cost=row.cost_usd,
                acquired=row.acquired_on,
                holding_date=row.holding_on,
                inherited=row.is_inherited,
                loss_cost=row.loss_cost_usd,
                wash_acquisition=row.is_wash_acquisition,
                gift=row.is_gift,
            )
        )
    return tuple(lots), money_usd


def _cash(balance: CashBalance | None) -> Decimal:
    """Count what settles too: a purchase of today is paid when yesterday's sale has been."""
    return Decimal(0) if balance is None else balance.settled_usd + balance.unsettled_usd


def _worth(lots: tuple[wire.Lot, ...], *, market: Market) -> Decimal:
    return sum((lot.quantity * market.prices[lot.security] for lot in lots), Decimal(0))


def worth_of(account: wire.Account, *, market: Market) -> Decimal:
    """Return what an account of a case is worth, in dollars."""
    return account.cash + _worth(account.lots, market=market)


def _check_worth(value: Decimal, *, raised: Decimal) -> None:
    if value <= 0:
        raise BadInput("The account holds nothing that could be traded.")
    if value <= raised:
        raise BadInput(f"The cash to raise, ${raised:,.2f}, is all that the account is worth, ${value:,.2f}.")


def symbols_of(weights: Mapping[int | str, float], *, market: Market) -> dict[str, float]:
    """
    Name the securities of a target by their symbols.

    :raises BadInput: one of them cannot be analysed
    """
    named: dict[str, float] = {}
    for key, weight in weights.items():
        name = key if isinstance(key, str) else market.security(key, symbol="A security of the target").id
        named[name] = named.get(name, 0.0) + weight
    return named


def substitutes_of(shared: Shared, *, target: Mapping[str, float]) -> tuple[wire.Substitute, ...]:
    """List the substitutes of what the target asks for; what it asks for itself is no substitute."""
    known = shared.market.securities
    return tuple(
        wire.Substitute(
            for_=known[line.security_id].id,
            use=known[line.use_id].id,
            hurdle_bps=float(line.hurdle_bps),
            hold_only=line.is_hold_only,
        )
        for line in shared.guidance.substitutes
        if line.security_id in known
        and line.use_id in known
        and known[line.security_id].id in target
        and known[line.use_id].id not in target
    )


def with_bars(member: Member, *, buyable: Iterable[str]) -> wire.Account:
    """Let an account keep but never buy what only its neighbours in the case are approved to buy."""
    barred = sorted(set(buyable) - member.approved)
    stand_for = sorted(member.approved)
    bars = tuple(
        wire.Substitute(for_=next(name for name in (*stand_for, *barred) if name != use), use=use, hold_only=True)
        for use in barred
        if stand_for or len(barred) > 1
    )
    return msgspec.structs.replace(member.wire, substitutes=(*member.wire.substitutes, *bars))


def _constraint(line: RestrictionLine) -> wire.Constraint:
    subject: dict[str, str] = {line.subject_kind: line.subject}
    return wire.Constraint(
        verb=cast(wire.Verb, line.verb),
        disposal=cast(wire.Disposal, line.disposal) if line.disposal else None,
        min_weight=None if line.min_frac is None else float(line.min_frac),
        max_weight=None if line.max_frac is None else float(line.max_frac),
        min_value=line.min_usd,
        max_value=line.max_usd,
        min_quantity=line.min_units,
        max_quantity=line.max_units,
        security=subject.get("security"),
        identity_group=subject.get("identity_group"),
        sector=subject.get("sector"),
        industry=subject.get("industry"),
        country=subject.get("country"),
        screen=subject.get("screen"),
    )


def _trading(settings: Mapping[str, SettingValue]) -> wire.Trading:
    most_trades = settings["trading.max_trades"]
    return wire.Trading(
        tracking_preference=int(str(settings["trading.tracking_preference"])),
        max_tracking_error=fraction_of(settings["trading.max_tracking_error_frac"]) or None,
        min_trade=money_of(settings["trading.min_trade_usd"]) or Decimal(0),
        min_position=money_of(settings["trading.min_position_usd"]) or Decimal(0),
        max_turnover=fraction_of(settings["trading.max_turnover_frac"]),
        max_trades=None if most_trades is None else int(str(most_trades)),
        ticket_cost=money_of(settings["trading.ticket_usd"]) or Decimal(0),
        only_if_benefit_exceeds_bps=float(str(settings["trading.min_benefit_bps"])),
    )
