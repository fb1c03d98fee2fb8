"""Every rule as a row: a point that satisfies it and one that does not, without solving anything."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from rebalancing.engine.constraints import Rank
from rebalancing.engine.problem import Problem, Regimes, build_problem
from rebalancing.engine.query import rows_per_dollar
from rebalancing.engine.taxes import affine_pieces, start_year, tax_term
from rebalancing.engine.types import Case, Tax
from rebalancing.engine.universe import Vector
from tests import cases as c

MARKET = (
    c.security("AAA", 100, sector="Technology"),
    c.security("AA2", 50, sector="Technology", identity_group="AAA"),
    c.security("BBB", 50, "bonds", sector="Energy", screens=("fossil",)),
)
LOTS = (
    c.lot("L1 AAA 10 @ 130 2025-06-03"),  # a short-term loss of 300
    c.lot("L2 AAA 10 @ 60 2020-01-02"),  # a long-term gain of 400
    c.lot("L3 BBB 20 @ 40 2025-09-01"),  # a short-term gain of 200
)
# 3,000 held and 1,000 of cash: a value of 4,000.


def a_case(*, tax: Mapping[str, c.Wired] | None = None, recent: tuple[str, ...] = (), **fields: c.Wired) -> Case:
    return_of: dict[str, c.Wired] = {**msgspec.to_builtins(c.TAX), **(tax or {})}
    held: dict[str, c.Wired] = {
        "cash": 1000,
        "lots": LOTS,
        "target": {"AAA": 0.5, "BBB": 0.3, "CASH": 0.2},
        "tax": return_of,
        **fields,
    }
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if words.endswith("loss") else "0") for words in recent]
    return c.case(MARKET, (c.account(**held),), recent_trades=trades)


def problem_of(case: Case) -> Problem:
    return build_problem(case)


def segment_names(problem: Problem) -> list[str]:
    """Name the segments of a case of one account: a lot's id sells it, a security's id buys it."""
    (universe,) = problem.universes
    segments = zip(problem.segments.lots, problem.segments.place, strict=True)
    return [universe.securities[int(at)].id if lot is None else lot.id for lot, at in segments]


def dollars(problem: Problem, **traded: float) -> Vector:
    """Trade dollars by name: a lot's id sells it, a security's id buys it."""
    amounts = np.array([traded.pop(name, 0.0) for name in segment_names(problem)])
    assert not traded, f"no segment for {sorted(traded)}"
    return amounts


def violation_usd(problem: Problem, rule: str, rank: Rank, traded_usd: Vector) -> float:
    """Return the largest violation of a rule's rows, in the first regime of every return."""
    first: Regimes = tuple(1 for _ in problem.returns)
    rows = [row for row in problem.all_rows(first) if row.rule == rule and row.rank == rank]
    assert rows
    activity = rows_per_dollar(problem, rows) @ traded_usd
    return max(row.excess_usd(float(here)) for row, here in zip(rows, activity, strict=True))


def constraint(verb: str, **fields: c.Wired) -> dict[str, c.Wired]:
    return {"constraints": ({"verb": verb, **fields},)}


ROWS: dict[str, tuple[Case, str, Rank, dict[str, float], dict[str, float]]] = {
    "never buy": (
        a_case(**constraint("never_buy", security="BBB")),
        "never_buy security BBB",
        Rank.CLIENT_NEVER,
        {"L3": 500, "AAA": 100},
        {"BBB": 100},
    ),
    "never sell": (
        a_case(**constraint("never_sell", sector="Energy")),
        "never_sell sector Energy",
        Rank.CLIENT_NEVER,
        {"BBB": 100, "L1": 500},
        {"L3": 50},
    ),
    "never own now": (
        a_case(**constraint("never_own", screen="fossil")),
        "never_own screen fossil",
        Rank.CLIENT_NEVER,
        {"L3": 1000},
        {"L3": 950},
    ),
    "never own within budget": (
        a_case(**constraint("never_own", screen="fossil", disposal="within_budget")),
        "never_own screen fossil",
        Rank.WISHES,
        {"L3": 1000},
        {"L3": 950},
    ),
    "range by weight": (
        a_case(**constraint("range", sector="Technology", max_weight=0.4)),
        "range sector Technology",
        Rank.WISHES,
        {"L1": 400},
        {"L1": 350},
    ),
    "range by value": (
        a_case(**constraint("range", security="BBB", min_value="1200")),
        "range security BBB",
        Rank.WISHES,
        {"BBB": 200},
        {"BBB": 150},
    ),
    "range by quantity": (
        a_case(**constraint("range", security="BBB", max_quantity="15")),
        "range security BBB",
        Rank.WISHES,
        {"L3": 250},
        {"L3": 200},
    ),
    "cash raised": (
        a_case(cash_needs={"raise": "1500"}),
        "cash_raise",
        Rank.CASH,
        {"L1": 501},
        {"L1": 490},
    ),
    "cash reserved": (
        a_case(cash_needs={"reserve_amount": "400", "reserve_weight": 0.3}),
        "cash_reserve",
        Rank.CASH,
        {"L1": 201},
        {"L1": 190},
    ),
    "cash ceiling": (
        a_case(cash_needs={"max_weight": 0.1}),
        "cash_ceiling",
        Rank.WISHES,
        {"AAA": 600},
        {"AAA": 500},
    ),
    "no overdraft": (a_case(), "no_overdraft", Rank.LAW, {"AAA": 999}, {"AAA": 1000}),
    "class limits": (
        a_case(class_limits={"bonds": (0.3, 0.4)}),
        "class_limits bonds",
        Rank.CLASS_LIMITS,
        {"BBB": 300},
        {"BBB": 100},
    ),
    "class limits of cash": (
        a_case(class_limits={"cash": (0.0, 0.1)}),
        "class_limits cash",
        Rank.CLASS_LIMITS,
        {"AAA": 700},
        {"AAA": 500},
    ),
    "turnover": (
        a_case(trading={"max_turnover": 0.1}),
        "max_turnover",
        Rank.TRADING,
        {"L1": 400, "BBB": 400},
        {"L1": 500, "BBB": 400},
    ),
    "a tax budget": (
        a_case(tax={"budget_tax": "20"}),
        "tax_budget",
        Rank.TAX_LIMITS,
        {"L3": 200},  # a short gain of 40 at 40.8 %
        {"L3": 300},
    ),
    "a cap on gains": (
        a_case(tax={"max_net_gain": "100"}),
        "max_net_gain",
        Rank.TAX_LIMITS,
        {"L2": 400, "L1": 400},
        {"L2": 400},
    ),
    "gains never realised": (
        a_case(tax={"never_realize_gains": True, "carried_loss_rate": 0.0}),
        "never_realize_gains",
        Rank.TAX_LIMITS,
        {"L1": 400},
        {"L1": 400, "L2": 10},
    ),
    "short gains forbidden": (
        a_case(tax={"short_gains": "forbid"}),
        "short_gains",
        Rank.TAX_LIMITS,
        {"L2": 400},
        {"L3": 100},
    ),
    "short gains avoided": (a_case(tax={"short_gains": "avoid"}), "short_gains", Rank.WISHES, {"L2": 400}, {"L3": 100}),
    "a forced harvest": (
        a_case(tax={"forced_harvest": {"amount": "150"}}),
        "forced_harvest",
        Rank.WISHES,
        {"L1": 600},
        {"L1": 400},
    ),
    "losses preserved": (
        a_case(tax={"forced_harvest": {"amount": "0", "preserve_until": "2026-12-31"}}),
        "forced_harvest",
        Rank.WISHES,
        {"L1": 1000, "L2": 500},
        {"L2": 100},
    ),
    "a loss beside a purchase": (
        a_case(recent=("A9 buy 1 AAA 2026-02-20",)),
        "wash_sale AAA",
        Rank.WASH_SALE,
        {"L2": 500, "AA2": 100},
        {"L1": 100},
    ),
    "a purchase beside a loss": (
        a_case(recent=("A9 sell 1 AAA 2026-02-20 loss",)),
        "wash_sale AAA",
        Rank.WASH_SALE,
        {"L1": 500},
        {"AA2": 100},
    ),
    "a pinned sale of any lot": (
        a_case(trading={"pinned": ({"security": "AAA", "side": "sell", "quantity": "5"},)}),
        "pinned AAA",
        Rank.LAW,
        {"L1": 300, "L2": 200},
        {"L1": 300},
    ),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_tells_what_satisfies_its_rule_from_what_does_not(name: str) -> None:
    case, rule, rank, good, bad = ROWS[name]
    problem = problem_of(case)

    assert violation_usd(problem, rule, rank, dollars(problem, **good)) == pytest.approx(0.0, abs=1e-6)
    assert violation_usd(problem, rule, rank, dollars(problem, **bad)) > 0.1


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        (constraint("never_trade", identity_group="AAA"), {"L1", "L2", "AAA", "AA2"}),
        ({"lots": (c.lot("L1 AAA 10 @ ? 2025-06-03"), *LOTS[1:])}, {"L1"}),
        ({"lots": (c.lot("L1 AAA 10 @ 130 2025-06-03", gift=True), *LOTS[1:])}, {"L1"}),
        ({"substitutes": ({"for": "AAA", "use": "BBB", "hold_only": True},)}, {"BBB"}),
        ({"trading": {"pinned": ({"security": "AAA", "side": "none"},)}}, {"L1", "L2", "AAA"}),
    ],
)
def test_what_the_first_rank_forbids_has_no_segment(fields: dict[str, c.Wired], gone: set[str]) -> None:
    left = set(segment_names(problem_of(a_case(**fields))))

    assert set(segment_names(problem_of(a_case()))) - left == gone


def test_a_security_that_is_not_buyable_is_weighed_and_sold_but_not_bought() -> None:
    market = (c.security("AAA", 100, buyable=False),)
    case = c.case(market, (c.account(cash=0, lots=LOTS[:1], target={"AAA": 1.0}),))

    problem = problem_of(case)

    assert [lot.id if lot else None for lot in problem.segments.lots] == ["L1"]
    assert problem.universes[0].barred == {"AAA": "not_buyable"}


def test_a_disallowed_loss_counts_nothing() -> None:
    problem = problem_of(a_case(recent=("A9 buy 1 AA2 2026-02-20",)))

    assert problem.lots.raw_gain[0] == pytest.approx(-0.3)
    assert problem.lots.short_gain[0] == 0.0


def test_the_shares_own_purchase_does_not_wash_them() -> None:
    bought = c.lot("L1 AAA 10 @ 130 2026-02-20")

    alone = problem_of(a_case(lots=(bought, *LOTS[1:])))
    beside = problem_of(a_case(lots=(bought, c.lot("L4 AAA 5 @ 120 2025-06-03"), *LOTS[1:])))

    assert alone.lots.short_gain[0] == pytest.approx(-0.3)
    assert beside.lots.short_gain[0] == pytest.approx(-0.3)
    assert beside.lots.short_gain[1] == 0.0


STATES = [(0.0, 0.0), (5000.0, 2000.0), (-4000.0, 9000.0), (9000.0, -4000.0), (-1000.0, -500.0), (-9000.0, 500.0)]


@pytest.mark.parametrize(("short", "long"), STATES)
@pytest.mark.parametrize("ordinary", [0.37, 0.12])
@pytest.mark.parametrize("carried", [True, False])
def test_the_year_tax_is_the_smaller_of_two_convex_pieces(
    short: float, long: float, *, ordinary: float, carried: bool
) -> None:
    tax = Tax(short_rate=0.408, long_rate=0.238, ordinary_rate=ordinary, carried_loss_rate=0.1)
    year = start_year(tax)
    rho = year.rho if carried else 0.0

    values = [
        max(piece.value_usd(short, short + long) for piece in affine_pieces(year, regime=regime, rho=rho))
        for regime in (1, 2)
    ]

    assert min(values) == pytest.approx(float(year.tax_usd(short, long, carried=carried)), abs=1e-9)


@pytest.mark.parametrize(("short", "long"), STATES)
@pytest.mark.parametrize("harvest", ["immediate", "off"])
def test_the_tax_term_of_the_better_regime_is_the_true_one(short: float, long: float, harvest: str) -> None:
    realized = {"realized_short": "1500", "realized_long": "-800"}
    year = start_year(msgspec.convert({**msgspec.to_builtins(c.TAX), **realized, "harvest": harvest}, type=Tax))

    terms = [tax_term(year, regime=regime).value_usd(short, short + long) for regime in (1, 2)]

    assert min(terms) == pytest.approx(float(year.term_usd(1500.0 + short, -800.0 + long)), abs=1e-9)


def test_what_is_held_after_is_what_was_held_less_sales_plus_purchases() -> None:
    problem = problem_of(a_case())

    held = problem.held_after_usd(dollars(problem, L1=1000, BBB=100))

    assert held.tolist() == [1000.0, 0.0, 1100.0]
    assert problem.value_usd == 4000.0
    assert problem.gross_usd == 4000.0
