"""
Programs that nobody's account looks like: where a solver that is right on ordinary days may still break.

Free trading, risk aversions from 0.1 to 10,000, names without risk of their own or with hardly any, duplicates, ties,
rows that leave a hundred-thousandth of room, cash to raise of three tenths of the account, an equation for cash.
Every second one is moved so that some point satisfies its rows; of the rest many are infeasible.
"""

from dataclasses import replace

import numpy as np

from rebalancing.engine.kernels.program import Program
from rebalancing.management.bench.accounts import BenchMarket, Vector
from rebalancing.management.bench.drawing import AccountShape, Dice, draw_account, draw_market
from rebalancing.management.bench.programs import FAR, TAX_ROWS, held_of, program_of, rows_of

SIZES, FACTORS, LOTS = (12, 30, 60, 150, 400), (1, 5, 12, 20, 30), (1, 4, 10)
AVERSIONS = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4)


def torture_program(seed: int) -> Program:
    """Draw one program of the torture set; the same seed draws the same."""
    dice = np.random.default_rng([4242, seed])
    market = draw_market(
        int(dice.integers(1_000_000)), count=int(dice.choice(SIZES)), factor_count=int(dice.choice(FACTORS))
    )
    shape = AccountShape(
        lots_per_security=int(dice.choice(LOTS)),
        extra_bands=int(dice.choice([0, 0, 10, 25])),
        aversion=float(dice.choice(AVERSIONS)),
    )
    account = draw_account(_spoil_market(market, dice), int(dice.integers(1_000_000)), shape)
    has_tax_rows = dice.random() < 0.6
    program = program_of(account, has_tax_rows=has_tax_rows)
    program = _spoil_risk_and_costs(program, dice)
    program = _spoil_rows(program, dice, tax_rows=TAX_ROWS if has_tax_rows else 0)
    return _made_feasible(program, dice) if seed % 2 == 0 else program


def _spoil_market(market: BenchMarket, dice: Dice) -> BenchMarket:
    if dice.random() < 0.15:
        market = replace(market, cost_frac=np.zeros(market.count))
    if dice.random() < 0.10:
        market = replace(market, cost_frac=np.full(market.count, 5e-4))
    if dice.random() < 0.20:
        market = replace(market, specific_var=1e-3 * market.specific_var)
    if dice.random() < 0.10:
        alike = np.repeat(market.exposures[:1], market.count, axis=0)
        market = replace(market, exposures=alike, specific_var=np.full(market.count, 0.06))
    return market


def _spoil_risk_and_costs(program: Program, dice: Dice) -> Program:
    if dice.random() < 0.15:
        riskless = dice.choice(program.top.size, max(1, program.top.size // 10), replace=False)
        curvature, exposures = program.curvature.copy(), program.exposures.copy()
        curvature[riskless], exposures[riskless] = 0.0, 0.0
        target = exposures.T @ program.target
        program = replace(program, curvature=curvature, exposures=exposures, factor_target=target)
    if dice.random() < 0.10:
        program = replace(program, cost=np.round(program.cost, 2))
    return program


def _spoil_rows(program: Program, dice: Dice, *, tax_rows: int) -> Program:
    low, high = program.low.copy(), program.high.copy()
    bands = slice(1, low.size - tax_rows)
    if tax_rows and dice.random() < 0.2:
        high[-tax_rows:] = 0.0 if dice.random() < 0.5 else high[-tax_rows:] - 0.002
    if dice.random() < 0.25:
        width = 10.0 ** dice.uniform(-5, -2)
        near = _activity(program, _some_sales(program, dice, share=0.05))[bands]
        low[bands] = np.maximum(low[bands], near - width)
        high[bands] = np.maximum(np.minimum(high[bands], near + width), low[bands] + 1e-6)
    if dice.random() < 0.15:
        low[0], high[0] = low[0] - 0.3, high[0] - 0.3
    if dice.random() < 0.10:
        high[0] = low[0]
    return replace(program, low=low, high=high)


def _made_feasible(program: Program, dice: Dice) -> Program:
    """Widen the rows just so far that a random point satisfies them."""
    share = 0.02 if dice.random() < 0.5 else 0.3
    activity = _activity(program, _some_sales(program, dice, share=share))
    low = np.where(program.low > -FAR, np.minimum(program.low, activity), program.low)
    return replace(program, low=low, high=np.maximum(program.high, activity))


def _some_sales(program: Program, dice: Dice, *, share: float) -> Vector:
    """Trade up to a share of some segments; of a purchase, which is written as a sale from the top, buy that much."""
    traded = dice.random(program.most.size) * program.most * share * (dice.random(program.most.size) < 0.5)
    return np.where(program.cost < 0, program.most - traded, traded)


def _activity(program: Program, sold: Vector) -> Vector:
    by_held, by_sold = rows_of(program)
    return np.asarray(by_held @ held_of(program, sold) + by_sold @ sold)
