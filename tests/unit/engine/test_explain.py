"""Every trade says why it is made and what it is worth; every large wish says what stopped it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest

from rebalancing.engine.explain import explain
from rebalancing.engine.judge.judgement import judge_trades
from rebalancing.engine.outcome import AccountOutcome, Outcome, Trade, WhyNot
from rebalancing.engine.types import Account, Case
from tests import cases as c

MARKET = (
    c.security("AAPL", 200, sector="Technology"),
    c.security("MSFT", 400, sector="Technology"),
    c.security("XOM", 100, sector="Energy", screens=("fossil",)),
    c.security("BND", 80, "bonds"),
    c.security("BNDX", 50, "bonds"),
)
LOTS = (
    c.lot("L1 AAPL 10 @ 250 2025-06-03"),  # a short-term loss of 50 a share
    c.lot("L2 AAPL 10 @ 100 2020-06-03"),  # a long-term gain of 100 a share
    c.lot("L3 XOM 20 @ 80 2025-09-01"),  # a short-term gain of 20 a share
    c.lot("L4 MSFT 5 @ 400 2020-06-03"),
)
TARGET = {"AAPL": 0.3, "MSFT": 0.2, "XOM": 0.2, "BND": 0.2, "CASH": 0.1}


def a_case(
    *,
    tax: Mapping[str, c.Wired] | None = None,
    recent: Sequence[str] = (),
    context: c.Wired = None,
    others: tuple[Account, ...] = (),
    **fields: c.Wired,
) -> Case:
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {"cash": 2000, "lots": LOTS, "target": TARGET, "tax": return_of, **fields}
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if "loss" in words else "0") for words in recent]
    return c.case(MARKET, (c.account(**held), *others), recent_trades=trades, context=context or {})


def explained(case: Case, *trades: Trade) -> Outcome:
    judged, before = judge_trades(case, {"A1": trades}), judge_trades(case, {})
    return explain(case, c.outcome(case, trades), judged, before)


def first(case: Case, *trades: Trade) -> AccountOutcome:
    return explained(case, *trades).accounts[0]


def stops(case: Case, *trades: Trade) -> dict[str, WhyNot]:
    return {told.security: told for told in first(case, *trades).why_not}


@pytest.mark.parametrize("harvest", ["immediate", "off"])
@pytest.mark.parametrize("year", [{}, {"realized_short": "700"}, {"carryforward_long": "4000"}])
def test_the_benefits_of_all_trades_add_up_to_the_opportunity(harvest: str, year: dict[str, str]) -> None:
    uses = ({"for": "BND", "use": "BNDX", "hurdle_bps": 25},)
    case = a_case(tax={"harvest": harvest, **year}, substitutes=uses, trading={"ticket_cost": "1.25"})
    trades = (
        c.trade(case, "sell 12 AAPL", "L1 10", "L2 2"),
        c.trade(case, "sell 5 XOM", "L3 5"),
        c.trade(case, "buy 10 BND"),
        c.trade(case, "buy 8 BNDX"),
    )

    made = first(case, *trades)

    parts = [(trade.benefit.risk, trade.benefit.tax, trade.benefit.cost) for trade in made.trades if trade.benefit]
    account = judge_trades(case, {"A1": trades}).measures.accounts[0]
    before, after = account.before, account.after
    assert len(parts) == 4
    assert sum(part[0] for part in parts) == pytest.approx(before.risk_usd - after.risk_usd, abs=1e-9)
    assert sum(part[1] for part in parts) == pytest.approx(-after.tax_usd, abs=1e-9)
    assert sum(part[2] for part in parts) == pytest.approx(-after.cost_usd - after.hurdle_usd, abs=1e-9)


def test_the_benefits_of_two_accounts_share_the_tax_of_their_return() -> None:
    spouse = c.account("A2", cash=100, lots=(c.lot("P1 MSFT 5 @ 200 2020-06-03"),), target={"CASH": 1.0})
    case = a_case(others=(spouse,))
    trades = {
        "A1": (c.trade(case, "sell 10 AAPL", "L1 10"),),
        "A2": (c.trade(case, "sell 5 MSFT", "P1 5", owner="A2"),),
    }
    judged = judge_trades(case, trades)

    told = explain(case, c.outcome(case, trades), judged, judge_trades(case, {}))

    benefits = [trade.benefit for account in told.accounts for trade in account.trades]
    whole = sum(part.risk + part.tax + part.cost for part in benefits if part)
    assert whole == pytest.approx(judged.measures.objective_before_usd - judged.measures.objective_usd, abs=1e-9)


def test_explaining_changes_no_trade() -> None:
    case = a_case()
    plain = c.outcome(case, (c.trade(case, "sell 10 AAPL", "L1 10"), c.trade(case, "buy 10 BND")))
    told = explained(case, *plain.accounts[0].trades)

    bare = [msgspec.structs.replace(t, reasons=(), why="", benefit=None) for t in told.accounts[0].trades]

    assert tuple(bare) == plain.accounts[0].trades
    assert told.objective == plain.objective


def test_the_same_outcome_is_explained_in_the_same_words() -> None:
    case = a_case(constraints=({"verb": "never_sell", "security": "AAPL"},))

    assert explained(case, c.trade(case, "buy 10 BND")) == explained(case, c.trade(case, "buy 10 BND"))


@pytest.mark.parametrize(
    ("reason", "trade", "words", "fields"),
    [
        pytest.param(
            "harvest_loss", ("sell 10 AAPL", "L1 10"), "Realises a short-term loss of $500.00, worth $185.00 now", {}
        ),
        pytest.param(
            "forced_harvest",
            ("sell 10 AAPL", "L1 10"),
            "Realises $500.00 of the $800.00 of loss that was asked for",
            {"tax": {"forced_harvest": {"amount": "800"}}},
        ),
        pytest.param(
            "never_own",
            ("sell 20 XOM", "L3 20"),
            "Sells what is never to be owned (screen fossil): all of it goes",
            {"constraints": ({"verb": "never_own", "screen": "fossil"},)},
        ),
        pytest.param(
            "raise_cash",
            ("sell 10 AAPL", "L2 10"),
            "Brings $2,000.00 towards the $3,000.00 to be raised",
            {"cash_needs": {"raise": "3000"}},
        ),
        pytest.param(
            "raise_cash",
            ("sell 10 AAPL", "L2 10"),
            "Brings $2,000.00 towards the cash that is to stay",
            {"cash_needs": {"reserve_amount": "3000"}},
        ),
        pytest.param(
            "cap_position",
            ("sell 10 AAPL", "L2 10"),
            "Brings security AAPL towards its range",
            {"constraints": ({"verb": "range", "security": "AAPL", "max_weight": 0.25},)},
        ),
        pytest.param(
            "corporate_action",
            ("sell 10 AAPL", "L2 10"),
            "Follows a corporate action (spin off",
            {"context": {"actions": ({"security": "AAPL", "kind": "spin_off", "date": "2026-02-20"},)}},
        ),
        pytest.param(
            "model_change",
            ("sell 10 AAPL", "L2 10"),
            "Follows the target, which went from 40.00 % to 30.00 %",
            {"context": {"previous_target": {"AAPL": 0.4, "MSFT": 0.2, "XOM": 0.2, "BND": 0.1, "CASH": 0.1}}},
        ),
        pytest.param(
            "return_from_substitute",
            ("buy 4 MSFT",),
            "Returns to MSFT, since its wash-sale window is over",
            {"context": {"harvested": ({"security": "MSFT", "date": "2026-01-20", "substitute": "AAPL"},)}},
        ),
        pytest.param(
            "return_from_substitute",
            ("sell 10 AAPL", "L2 10"),
            "Leaves the substitute AAPL",
            {"context": {"harvested": ({"security": "MSFT", "date": "2026-01-20", "substitute": "AAPL"},)}},
        ),
        pytest.param(
            "transition_step",
            ("buy 10 BND",),
            "Is part of step 2 of 5 of the transition",
            {"context": {"transition_step": {"step": 2, "of": 5}}},
        ),
        pytest.param("restore_allocation", ("buy 10 BND",), "Brings bonds from 0.00 % to 8.00 %, target 20.00 %", {}),
        pytest.param(
            "replace_restricted_security",
            ("buy 20 BNDX",),
            "Stands in for BND, which may not be bought",
            {"constraints": ({"verb": "never_buy", "security": "BND"},)},
        ),
        pytest.param(
            "counterbalance_held_security",
            ("sell 3 MSFT", "L4 3"),
            "Makes room for AAPL, which is held above its target and stays",
            {"constraints": ({"verb": "never_sell", "security": "AAPL"},)},
        ),
        pytest.param("invest_cash", ("buy 10 BND",), "", {}),
        pytest.param("reduce_tracking_risk", ("buy 10 BND",), "", {}),
    ],
)
def test_a_trade_names_its_reason(reason: str, trade: tuple[str, ...], words: str, fields: dict[str, c.Wired]) -> None:
    case = a_case(**fields)

    made = first(case, c.trade(case, *trade)).trades[0]

    assert reason in made.reasons
    assert words in made.why
    assert "to trade." in made.why


@pytest.mark.parametrize(
    ("reason", "trade", "fields"),
    [
        pytest.param("harvest_loss", ("sell 10 AAPL", "L2 10"), {}, id="a gain"),
        pytest.param("harvest_loss", ("sell 10 AAPL", "L1 10"), {"tax": {"harvest": "off"}}, id="harvest off"),
        pytest.param("never_own", ("sell 20 XOM", "L3 20"), {}, id="no such rule"),
        pytest.param("raise_cash", ("sell 10 AAPL", "L1 10"), {}, id="no cash needed"),
        pytest.param(
            "cap_position",
            ("sell 10 AAPL", "L2 10"),
            {"constraints": ({"verb": "range", "security": "AAPL", "max_weight": 0.5},)},
            id="a cap that holds",
        ),
        pytest.param("model_change", ("buy 10 BND",), {"context": {"previous_target": TARGET}}, id="the same model"),
        pytest.param(
            "return_from_substitute",
            ("buy 4 MSFT",),
            {"context": {"harvested": ({"security": "MSFT", "date": "2026-02-20", "substitute": "AAPL"},)}},
            id="inside the window",
        ),
        pytest.param("replace_restricted_security", ("buy 20 BNDX",), {}, id="nothing restricted"),
        pytest.param("invest_cash", ("sell 10 AAPL", "L2 10"), {}, id="a sale"),
    ],
)
def test_a_reason_is_not_given_where_it_does_not_apply(
    reason: str, trade: tuple[str, ...], fields: dict[str, c.Wired]
) -> None:
    case = a_case(**fields)

    assert reason not in first(case, c.trade(case, *trade)).trades[0].reasons


def test_a_pinned_trade_says_that_it_is_taken_as_given() -> None:
    case = a_case(trading={"pinned": ({"security": "BND", "side": "buy", "quantity": "10"},)})

    assert first(case, c.trade(case, "buy 10 BND")).trades[0].why.startswith("Taken as given. ")


def test_the_sentence_has_the_figures_of_the_trade() -> None:
    case = a_case(trading={"ticket_cost": "1"})

    made = first(case, c.trade(case, "sell 10 AAPL", "L2 10")).trades[0]

    assert made.benefit is not None
    assert f"adds ${-made.benefit.risk:,.2f} of tracking risk" in made.why
    assert "causes $238.00 of tax this year, costs $1.40 to trade." in made.why


@pytest.mark.parametrize(
    ("security", "stopped_by", "fields"),
    [
        pytest.param(
            "AAPL", "never_sell security AAPL", {"constraints": ({"verb": "never_sell", "security": "AAPL"},)}
        ),
        pytest.param(
            "AAPL", "never_trade sector Technology", {"constraints": ({"verb": "never_trade", "sector": "Technology"},)}
        ),
        pytest.param("BND", "never_buy security BND", {"constraints": ({"verb": "never_buy", "security": "BND"},)}),
        pytest.param("AAPL", "pinned AAPL", {"trading": {"pinned": ({"security": "AAPL", "side": "none"},)}}),
        pytest.param("AAPL", "max_trades", {"trading": {"max_trades": 0}}),
        pytest.param("AAPL", "max_turnover", {"trading": {"max_turnover": 0.0}}),
        pytest.param("AAPL", "min_trade AAPL", {"trading": {"min_trade": "3000"}}),
        pytest.param(
            "AAPL", "range security AAPL", {"constraints": ({"verb": "range", "security": "AAPL", "min_weight": 0.4},)}
        ),
        pytest.param("AAPL", "class_limits us_large", {"class_limits": {"us_large": (0.8, 0.9)}}),
        pytest.param(
            "AAPL",
            "tax_budget",
            {
                "tax": {"budget_tax": "0", "realized_long": "900"},
                "lots": (LOTS[1], c.lot("L9 AAPL 10 @ 100 2020-06-03")),
            },
        ),
        pytest.param("AAPL", "gift", {"lots": (c.lot("G1 AAPL 20 @ 100 2020-06-03", gift=True), *LOTS[2:])}),
        pytest.param("AAPL", "unknown_basis", {"lots": (c.lot("U1 AAPL 20 @ ? 2020-06-03"), *LOTS[2:])}),
    ],
)
def test_a_gap_that_stays_names_the_rule_that_stopped_it(
    security: str, stopped_by: str, fields: dict[str, c.Wired]
) -> None:
    told = stops(a_case(**fields))

    assert told[security].stopped_by.startswith(stopped_by)


def test_a_gain_that_costs_more_than_the_risk_it_removes_says_so_with_both_prices() -> None:
    lots = (c.lot("L1 AAPL 20 @ 1 2025-09-01"), *LOTS[2:])
    told = stops(a_case(lots=lots, trading={"tracking_preference": 1}))["AAPL"]

    assert told.wanted == "sell 5 shares"
    assert told.stopped_by.startswith("gain of $995.00 costs more than the $")
    assert told.price_of_it.tax == pytest.approx(995 * (0.408 - 1.06**-10 * 0.238), abs=0.01)
    assert 0 < told.price_of_it.risk_benefit < told.price_of_it.tax


def test_a_loss_that_a_purchase_of_the_spouse_stops_names_the_purchase() -> None:
    told = stops(a_case(recent=("A9 buy 3 AAPL 2026-02-20",)))["AAPL"]

    assert told.stopped_by.startswith("wash_sale AAPL: ")
    assert "the purchase of AAPL on 2026-02-20 in A9" in told.stopped_by


def test_a_loss_that_is_worth_waiting_for_says_so() -> None:
    lots = (c.lot("L1 AAPL 20 @ 202 2025-09-01"), *LOTS[2:])
    told = stops(a_case(lots=lots, target={**TARGET, "AAPL": 0.4, "BND": 0.1}, tax={"harvest": "year_round"}))["AAPL"]

    assert told.wanted == "sell 20 shares of lot L1"
    assert told.stopped_by.startswith("waiting: the loss is worth $")
    assert told.price_of_it.tax < 0


def test_a_loss_lot_where_nothing_is_harvested_is_no_wish() -> None:
    lots = (c.lot("L1 AAPL 15 @ 250 2025-09-01"), *LOTS[2:])

    told = stops(a_case(lots=lots, cash=3000, tax={"harvest": "off"}, recent=("A9 buy 1 AAPL 2026-02-20",)))

    assert "AAPL" not in told


def test_a_loss_that_would_add_more_risk_than_it_is_worth_says_so() -> None:
    lots = (c.lot("L1 AAPL 15 @ 210 2025-09-01"), *LOTS[2:])
    told = stops(a_case(lots=lots, cash=3000, trading={"tracking_preference": 10}))["AAPL"]

    assert told.stopped_by.startswith("tracking risk and trading cost of $")


def test_at_most_eight_wishes_are_told_the_largest_first() -> None:
    market = [c.security(f"S{i:02}", 100) for i in range(12)]
    lots = [c.lot(f"L{i:02} S{i:02} {10 + i} @ 100 2020-01-01") for i in range(12)]
    held = c.account(cash=0, lots=lots, target={"CASH": 1.0}, constraints=[{"verb": "never_sell", "country": "US"}])
    market = [msgspec.structs.replace(item, country="US") for item in market]
    case = c.case(market, (held,))

    told = first(case).why_not

    assert len(told) == 8
    sizes = [item.price_of_it.risk_benefit for item in told]
    assert sizes == sorted(sizes, reverse=True)


def test_what_was_granted_is_no_wish() -> None:
    case = a_case(target={"AAPL": 0.4, "MSFT": 0.2, "XOM": 0.2, "CASH": 0.2}, tax={"harvest": "off"})

    assert first(case).why_not == ()


def test_an_account_that_is_not_taxed_is_explained_without_tax() -> None:
    held = c.account(status="deferred", cash=2000, lots=LOTS, target=TARGET)
    case = c.case(MARKET, (held,), as_of=dt.date(2026, 3, 2))

    made = first(case, c.trade(case, "sell 10 AAPL", "L1 10")).trades[0]

    assert made.benefit is not None
    assert made.benefit.tax == 0
    assert "tax" not in made.why
    assert Decimal(made.quantity) == 10


def test_the_larger_reason_stands_first() -> None:
    small_loss = (c.lot("L1 AAPL 20 @ 201 2025-06-03"), *LOTS[2:])
    target = {"AAPL": 0.1, "MSFT": 0.2, "XOM": 0.2, "CASH": 0.5}
    case = a_case(lots=small_loss, target=target)

    made = first(case, c.trade(case, "sell 15 AAPL", "L1 15")).trades[0]

    assert "harvest_loss" in made.reasons
    assert made.reasons[0] != "harvest_loss"


def test_a_purchase_beside_a_harvested_loss_is_told_with_the_loss() -> None:
    case = a_case()

    told = stops(case, c.trade(case, "sell 10 AAPL", "L1 10"))["AAPL"]

    assert told.wanted == "buy 5 shares"
    assert told.stopped_by == "wash_sale AAPL: AAPL may not be bought beside the loss sale of lot L1 proposed in A1"
