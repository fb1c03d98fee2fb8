"""The benchmark's programs: what they say is what the account says, and general solvers can read them."""

from dataclasses import fields

import numpy as np
import pytest

from rebalancing.engine.kernels.program import Program
from rebalancing.management.bench.accounts import LONG_RATE, ORDINARY_RATE, SHORT_RATE, BenchAccount
from rebalancing.management.bench.baselines import BASELINES, solve_by_cvxpy, solve_clarabel
from rebalancing.management.bench.drawing import AccountShape, draw_account, draw_market
from rebalancing.management.bench.netting import first_piece, netted_tax, second_piece
from rebalancing.management.bench.programs import (
    CASH_DRAG,
    FAR,
    excess_of,
    held_of,
    netting_programs,
    objective_of,
    open_segments,
    program_of,
    rows_of,
    with_aversion,
)
from rebalancing.management.bench.torture import torture_program


def drawn(seed: int, *, count: int = 60) -> BenchAccount:
    return draw_account(draw_market(11, count=count), seed, AccountShape())


def same(first: Program, second: Program) -> bool:
    return all(np.array_equal(getattr(first, one.name), getattr(second, one.name)) for one in fields(Program))


def test_the_same_seed_draws_the_same_program() -> None:
    assert same(program_of(drawn(1)), program_of(drawn(1)))
    assert not same(program_of(drawn(1)), program_of(drawn(3)))
    assert same(torture_program(5), torture_program(5))


@pytest.mark.parametrize("seed", range(4))
def test_a_program_costs_what_the_accounts_trades_cost(seed: int) -> None:
    account = drawn(seed)
    program, segments, lots = program_of(account), open_segments(account), account.lots
    dice = np.random.default_rng(seed)
    traded = dice.random(segments.lot.size) * segments.most
    bought, sold = np.where(segments.is_buy, traded, 0.0), np.where(segments.is_buy, 0.0, traded)

    held = account.held + np.bincount(segments.security, bought - sold, account.market.count)
    off = held - account.target
    factors = np.linalg.cholesky(account.market.factor_cov).T @ account.market.exposures.T @ off
    risk = account.aversion / 2 * (factors @ factors + account.market.specific_var @ off**2)
    rate = np.where(lots.is_short, SHORT_RATE, LONG_RATE)
    waits = np.where(lots.is_short & (lots.gain > 0) & (lots.age_years > 0.85), 0.5 * (SHORT_RATE - LONG_RATE), 0.0)
    tax = ((rate + waits) * lots.gain)[segments.lot[~segments.is_buy]] @ sold[~segments.is_buy]
    cost = account.market.cost_frac[segments.security] @ traded
    paid = float(program.cost @ np.where(segments.is_buy, program.most, 0.0))  # what is counted where all is bought

    as_sales = np.where(segments.is_buy, program.most - traded, traded)
    assert held_of(program, as_sales) == pytest.approx(held)
    assert objective_of(program, as_sales) - paid == pytest.approx(risk + tax + cost - CASH_DRAG * held.sum())


def test_no_security_has_both_a_purchase_and_a_loss_to_sell() -> None:
    account = drawn(2, count=500)
    segments = open_segments(account)
    is_loss = ~segments.is_buy & (account.lots.gain[segments.lot] < 0)

    both = set(segments.security[segments.is_buy]) & set(segments.security[is_loss])

    assert both == set()
    assert is_loss.any()
    assert segments.is_buy.any()


def test_most_programs_of_drawn_accounts_can_be_met() -> None:
    programs = [program_of(drawn(seed)) for seed in range(20)]

    solved = [solve_clarabel(program) for program in programs]

    assert sum(one.is_solved for one in solved) >= 14
    worst = max(excess_of(p, one.sold) for p, one in zip(programs, solved, strict=True) if one.is_solved)
    assert worst < 1e-6


@pytest.mark.filterwarnings("ignore:The default value of raise_error")
@pytest.mark.parametrize("seed", [0, 4, 6])
def test_baselines_that_are_installed_agree_on_a_program(seed: int) -> None:
    program = program_of(drawn(seed))
    certain = solve_clarabel(program, 1e-10)
    best = objective_of(program, certain.sold)

    assert certain.is_solved
    for baseline in BASELINES:
        if baseline.is_installed:
            answer = baseline.solve(program)
            tolerance = 1e-3 if "OSQP" in baseline.name else 1e-6
            assert objective_of(program, answer.sold) == pytest.approx(best, abs=tolerance), baseline.name


def test_the_model_in_cvxpy_is_the_same_program() -> None:
    program = program_of(drawn(4), has_tax_rows=False)

    answer = solve_by_cvxpy(program, "CLARABEL", {})

    assert answer.is_solved
    best = objective_of(program, solve_clarabel(program).sold)
    assert objective_of(program, answer.sold) == pytest.approx(best, abs=1e-7)


def test_the_smaller_of_the_two_convex_pieces_is_the_netted_tax() -> None:
    grid = np.linspace(-0.05, 0.05, 41)

    for short in grid:
        for long in grid:
            pieces = first_piece(short, short + long), second_piece(short, short + long)
            assert min(pieces) == pytest.approx(netted_tax(short, short + long), abs=1e-15)


@pytest.mark.parametrize(("short", "long"), [(0.004, 0.002), (-0.006, 0.001), (-0.004, -0.006), (0.01, -0.008)])
def test_the_rows_of_netting_charge_the_convex_pieces(short: float, long: float) -> None:
    """What base rate and capped rows charge differs from the piece by the same amount for all trades."""
    account = drawn(1)
    programs = netting_programs(account, net_short=short, net_long=long)
    dice = np.random.default_rng(0)
    for program, rate, piece in zip(programs, (LONG_RATE, ORDINARY_RATE), (first_piece, second_piece), strict=True):
        apart = []
        for _ in range(20):
            sold = dice.random(program.most.size) * program.most * dice.random()
            gains = rows_of(programs[0])[1].toarray()[-2:] @ sold
            activity = rows_of(program)[1] @ sold + rows_of(program)[0] @ held_of(program, sold)
            over = np.maximum(activity - program.high, 0.0) * program.cap_high
            under = np.maximum(program.low - activity, 0.0) * -program.cap_low
            charged = rate * gains[1] + (over + under)[~program.is_hard].sum()
            apart.append(charged - piece(short + gains[0], short + long + gains[1]))
        assert np.ptp(apart) < 1e-12


def test_another_aversion_keeps_the_matrices_and_scales_the_prices() -> None:
    program = program_of(drawn(1))

    keener = with_aversion(program, 4.0)

    assert keener.price_scale == pytest.approx(0.25)
    assert np.shares_memory(keener.exposures, program.exposures)


@pytest.mark.parametrize("seed", range(0, 24, 2))
def test_every_second_program_of_the_torture_set_can_be_met(seed: int) -> None:
    program = torture_program(seed)

    answer = solve_clarabel(program)

    assert answer.is_solved
    assert excess_of(program, answer.sold) < 1e-5


def test_the_torture_set_holds_what_breaks_solvers() -> None:
    programs = [torture_program(seed) for seed in range(120)]

    assert any((program.curvature == 0).any() for program in programs)
    assert any((program.high - program.low)[0] == 0 for program in programs)
    assert any(((program.high - program.low) < 1e-4)[1:].any() for program in programs)
    assert any(program.row_count > program.security_count for program in programs)
    assert all((program.low <= program.high).all() and (program.high <= FAR).all() for program in programs)
