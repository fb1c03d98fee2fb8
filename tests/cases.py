"""Build small cases and outcomes for tests: plain words in, wire values out."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from rebalancing.engine.case import case_hash
from rebalancing.engine.judge.booking import book_account, cents
from rebalancing.engine.judge.figures import account_gain_usd, report_household
from rebalancing.engine.judge.measures import measure_trades
from rebalancing.engine.outcome import (
    AccountOutcome,
    LotSale,
    Outcome,
    Relaxed,
    ReturnOutcome,
    Status,
    Trade,
)
from rebalancing.engine.types import (
    ENGINE_VERSION,
    Account,
    Case,
    Lot,
    RecentTrade,
    RiskModel,
    Security,
    Side,
    Tax,
)

# A field as on the wire: text, number, list, or a wire value.
Wired: TypeAlias = Any
AS_OF = dt.date(2026, 3, 2)
TAX = Tax(
    short_rate=0.408,
    long_rate=0.238,
    ordinary_rate=0.37,
    carried_loss_rate=0.14,
    harvest="immediate",
)


def security(name: str, price: str | int, asset_class: str = "us_large", **fields: Wired) -> Security:
    """Make a security; whole shares at 2 basis points unless said otherwise."""
    plain = {"id": name, "price": str(price), "asset_class": asset_class, "half_spread_bps": 2.0, **fields}
    return msgspec.convert(plain, type=Security)


def lot(words: str, **fields: Wired) -> Lot:
    """Read `L1 AAPL 10 @ 150.00 2021-05-03`: id, security, quantity, cost a share (? unknown), acquired."""
    name, of, quantity, _, price, day = words.split()
    cost = None if price == "?" else Decimal(quantity) * Decimal(price)
    plain = {"id": name, "security": of, "quantity": Decimal(quantity), "cost": cost, "acquired": day, **fields}
    return msgspec.convert(plain, type=Lot)


def account(name: str = "A1", *, status: str = "taxable", **fields: Wired) -> Account:
    """Make an account; a taxable one has the return R1 and the rates of TAX."""
    defaults: dict[str, Any] = {"tax_return": "R1", "tax": TAX} if status == "taxable" else {}
    if isinstance(fields.get("cash"), str | int):
        fields["cash"] = Decimal(fields["cash"])
    return msgspec.convert({"id": name, "tax_status": status, **defaults, **fields}, type=Account)


def risk_model(securities: Sequence[Security], *, market_beta: float = 1.0, specific: float = 0.04) -> RiskModel:
    """One market factor at 16 % and the same specific variance for all, a little more for each next one."""
    return RiskModel(
        factors=("market",),
        factor_covariance=((0.0256,),),
        exposures={item.id: (market_beta + 0.1 * i,) for i, item in enumerate(securities)},
        specific_variance={item.id: specific * (1 + 0.1 * i) for i, item in enumerate(securities)},
    )


def case(
    securities: Sequence[Security],
    accounts: Sequence[Account],
    *,
    as_of: dt.date = AS_OF,
    recent_trades: Sequence[RecentTrade] = (),
    **fields: Wired,
) -> Case:
    plain = {
        "version": 1,
        "as_of": as_of,
        "securities": tuple(securities),
        "risk_model": risk_model(securities),
        "accounts": tuple(accounts),
        "recent_trades": tuple(recent_trades),
        **fields,
    }
    return msgspec.convert(plain, type=Case)


def recent(words: str, *, loss: str = "0") -> RecentTrade:
    """Read `A2 buy 15 IBM 2026-02-20`."""
    owner, side, quantity, of, day = words.split()
    return msgspec.convert(
        {
            "account": owner,
            "side": side,
            "quantity": quantity,
            "security": of,
            "date": day,
            "loss": loss,
        },
        type=RecentTrade,
    )


def trade(of_case: Case, words: str, *lots: str, owner: str = "A1") -> Trade:
    """Read `sell 12 MSFT` with lots `L7 12`, or `buy 20 ORCL`; gains and terms are booked from the case."""
    side, quantity, name = words.split()
    price = next((item.price for item in of_case.securities if item.id == name), Decimal(1))
    parts = [part.split() for part in lots]
    bare = Trade(
        side=_side(side),
        security=name,
        quantity=Decimal(quantity),
        price=price,
        lots=tuple(
            LotSale(lot=part, quantity=Decimal(count), gain=Decimal("0.00"), term="short") for part, count in parts
        ),
    )
    book = book_account(next(a for a in of_case.accounts if a.id == owner), (bare,), case=of_case)
    booked = {sale.lot.id: sale for sale in book.sales}
    sold = tuple(
        msgspec.structs.replace(
            part,
            gain=booked[part.lot].gain_usd or Decimal("0.00"),
            term=booked[part.lot].term,
        )
        if part.lot in booked
        else part
        for part in bare.lots
    )
    return msgspec.structs.replace(bare, lots=sold)


def outcome(
    of_case: Case,
    trades: Mapping[str, Sequence[Trade]] | Sequence[Trade],
    *,
    relaxed: Sequence[Relaxed] = (),
    status: Status | None = None,
) -> Outcome:
    """Report these trades truthfully; what is `relaxed` is declared on the first account."""
    by_account = trades if isinstance(trades, Mapping) else {of_case.accounts[0].id: trades}
    measures = measure_trades(of_case, by_account)
    accounts = tuple(
        AccountOutcome(
            id=measured.book.account.id,
            trades=tuple(by_account.get(measured.book.account.id, ())),
            cash_after=measured.book.cash_after_usd,
            tracking_error_before=measured.tracking_error_before,
            tracking_error_after=measured.tracking_error_after,
            opportunity=cents(Decimal(str(measured.opportunity_usd))),
            opportunity_bps=measured.opportunity_bps,
            short_gain=account_gain_usd(measured, "short"),
            long_gain=account_gain_usd(measured, "long"),
            cost=measured.book.cost_usd,
            turnover=measured.book.turnover_frac,
            relaxed=tuple(relaxed) if index == 0 else (),
        )
        for index, measured in enumerate(measures.accounts)
    )
    has_trades = any(account.trades for account in accounts)
    return Outcome(
        case_hash=case_hash(of_case),
        engine=ENGINE_VERSION,
        status=status or ("relaxed" if relaxed else "optimal" if has_trades else "no_trade"),
        objective=measures.objective_usd,
        lower_bound=measures.objective_usd,
        gap_bps=0.0,
        returns=tuple(
            ReturnOutcome(
                id=book.id,
                short_gain=cents(book.added.short_usd),
                long_gain=cents(book.added.long_usd),
                tax_caused=cents(book.caused_usd),
                budget_left=None if book.budget_left_usd is None else cents(book.budget_left_usd),
            )
            for book in measures.returns
        ),
        accounts=accounts,
        household=report_household(measures),
    )


def _side(word: str) -> Side:
    side: Side = "sell" if word == "sell" else "buy"
    return side
