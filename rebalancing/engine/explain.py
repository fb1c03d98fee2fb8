"""A reason per trade and a why-not per wish: what each trade brings and costs, and what stopped the rest."""

from collections.abc import Mapping

import msgspec

from rebalancing.engine.judge.judgement import Judgement
from rebalancing.engine.outcome import AccountOutcome, Outcome, Trade
from rebalancing.engine.query import Multipliers
from rebalancing.engine.reasons.benefits import TradeWorth, trade_worths
from rebalancing.engine.reasons.causes import reasons_of
from rebalancing.engine.reasons.shadow_prices import shadow_prices
from rebalancing.engine.reasons.stops import why_nots
from rebalancing.engine.reasons.view import AccountView, build_views
from rebalancing.engine.reasons.words import Together, bring_together, why
from rebalancing.engine.types import Case, Side


def explain(
    case: Case,
    outcome: Outcome,
    judged: Judgement,
    before: Judgement,
    prices: Mapping[str, Multipliers] | None = None,
) -> Outcome:
    """
    Write reasons, sentences, benefits, wishes not granted and prices of rules into an outcome; no trade changes.

    `judged` is the judgement of the outcome's trades, `before` that of no trades; `prices` stand by account id.
    """
    found = prices or {}
    views = {view.account.id: view for view in build_views(case, judged, before)}
    accounts = tuple(
        _explain_account(account, views[account.id], judged=judged, prices=found.get(account.id))
        if account.id in views
        else account
        for account in outcome.accounts
    )
    return msgspec.structs.replace(outcome, accounts=accounts)


def _explain_account(
    account: AccountOutcome,
    view: AccountView,
    *,
    judged: Judgement,
    prices: Multipliers | None,
) -> AccountOutcome:
    worths = {(worth.trade.side, worth.trade.security): worth for worth in trade_worths(view)}
    together = bring_together(tuple(worths.values()))
    told = tuple(_explain_trade(trade, view, worths[trade.side, trade.security], together) for trade in account.trades)
    return msgspec.structs.replace(
        account,
        trades=told,
        why_not=why_nots(view, judged, prices),
        shadow_prices=shadow_prices(view, prices),
    )


def _explain_trade(trade: Trade, view: AccountView, worth: TradeWorth, together: Mapping[Side, Together]) -> Trade:
    reasons = reasons_of(view, worth)
    words = why(view, worth, reasons[0], together)
    return msgspec.structs.replace(trade, reasons=reasons, why=words, benefit=worth.benefit)
