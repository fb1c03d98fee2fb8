"""A reason per trade and a why-not per wish: what each trade brings and costs, and what stopped the rest."""

from collections.abc import Mapping

import msgspec

from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.outcome import AccountOutcome, Outcome, Trade
from rebalancing.engine.problem import Multipliers
from rebalancing.engine.reasons.benefits import TradeWorth, trade_worths
from rebalancing.engine.reasons.causes import reasons_of
from rebalancing.engine.reasons.stops import why_nots
from rebalancing.engine.reasons.view import AccountView, build_views
from rebalancing.engine.reasons.words import why
from rebalancing.engine.types import Case


def explain(
    case: Case,
    outcome: Outcome,
    judged: Judgement,
    before: Judgement,
    prices: Mapping[str, Multipliers] | None = None,
) -> Outcome:
    """
    Write reasons, sentences, benefits and wishes not granted into an outcome; its trades stay as they are.

    `judged` is the judgement of the outcome's trades, `before` that of no trades; `prices` stand by account id.
    """
    found = prices or {}
    views = {view.account.id: view for view in build_views(case, judged, before)}
    trades = {account.id: account.trades for account in outcome.accounts}
    accounts = tuple(
        _explain_account(account, views[account.id], trades=trades, judged=judged, prices=found.get(account.id))
        if account.id in views
        else account
        for account in outcome.accounts
    )
    return msgspec.structs.replace(outcome, accounts=accounts)


def _explain_account(
    account: AccountOutcome,
    view: AccountView,
    *,
    trades: Mapping[str, tuple[Trade, ...]],
    judged: Judgement,
    prices: Multipliers | None,
) -> AccountOutcome:
    worths = {(worth.trade.side, worth.trade.security): worth for worth in trade_worths(view)}
    told = tuple(_explain_trade(trade, view, worths[trade.side, trade.security]) for trade in account.trades)
    return msgspec.structs.replace(account, trades=told, why_not=why_nots(view, trades, judged, prices))


def _explain_trade(trade: Trade, view: AccountView, worth: TradeWorth) -> Trade:
    reasons = reasons_of(view, worth)
    return msgspec.structs.replace(trade, reasons=reasons, why=why(view, worth, reasons[0]), benefit=worth.benefit)
