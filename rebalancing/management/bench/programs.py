"""
From an account to the arrays of the convex kernels, and variants of them: another budget, another aversion, netting.

A security with a loss lot that could also be bought is an either-or, which a program cannot hold: `harvests` decides.
Every segment is a sale from the top: what may be bought counts as held, and is sold again where it is not wanted.
"""

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from rebalancing.engine.kernels.program import Program
from rebalancing.management.bench.accounts import LONG_RATE, ORDINARY_RATE, SHORT_RATE, BenchAccount, Flags, Vector

FAR = 1e20
CASH_DRAG = 2e-4
LEAST = 1e-12
NEARLY_LONG_YEARS = 0.85
CARRIED_RATE = 0.10
OFFSET_FRAC = 3000 / 500_000
TAX_ROWS = 2
CAP_FACTOR = 10.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenSegments:
    """What may trade, sorted by security, purchases first, all (N,): `lot` is -1 for a purchase."""

    security: np.ndarray
    lot: np.ndarray
    most: Vector

    @property
    def is_buy(self) -> Flags:
        return np.asarray(self.lot < 0)


def open_segments(account: BenchAccount) -> OpenSegments:
    """Return purchases and lots that no rule shuts; of every either-or one side."""
    lots, either = account.lots, account.has_loss_to_take
    shut_buy = account.never_buy | account.sold_at_loss | (either & account.harvests)
    keeps_losses = account.bought_recently | (either & ~account.harvests)
    shut_lot = account.never_sell[lots.security] | (keeps_losses[lots.security] & (lots.gain < 0))
    room = np.where(shut_buy, 0.0, account.most - account.held)
    bought, sold = np.flatnonzero(room > LEAST), np.flatnonzero(~shut_lot & (lots.weight > LEAST))
    security = np.concatenate([bought, lots.security[sold]])
    order = np.argsort(security, kind="stable")
    lot = np.concatenate([np.full(bought.size, -1), sold])
    most = np.concatenate([room[bought], lots.weight[sold]])
    return OpenSegments(security=security[order], lot=lot[order], most=most[order])


def program_of(account: BenchAccount, *, has_tax_rows: bool = True) -> Program:
    """Write an account as a program: taxes per lot as costs, budgets for net short-term and net total gains as rows."""
    segments = open_segments(account)
    lots = account.lots
    rate = np.where(lots.is_short, SHORT_RATE, LONG_RATE)
    waits = lots.is_short & (lots.gain > 0) & (lots.age_years > NEARLY_LONG_YEARS)
    tax = rate * lots.gain + np.where(waits, 0.5 * (SHORT_RATE - LONG_RATE) * lots.gain, 0.0)
    gains = _gain_rows(account, segments) if has_tax_rows else np.zeros((0, segments.lot.size))
    return _assemble(
        account,
        segments,
        lot_cost=tax,
        gains=gains,
        gain_low=np.full(len(gains), -FAR),
        gain_high=account.gain_budget[: len(gains)],
        caps=None,
    )


def netting_programs(account: BenchAccount, *, net_short: float, net_long: float) -> tuple[Program, Program]:
    """
    Write the two convex programs whose better answer pays the year's netted tax exactly (engine.md B4).

    `net_short`, `net_long`: what the year has realised and carried so far, as fractions of value.
    """
    segments = open_segments(account)
    gains = _gain_rows(account, segments)
    so_far = net_short + net_long
    bend = -(ORDINARY_RATE - CARRIED_RATE) * OFFSET_FRAC / (LONG_RATE - CARRIED_RATE)
    first = _assemble(
        account,
        segments,
        lot_cost=LONG_RATE * account.lots.gain,
        gains=gains,
        gain_low=np.array([-FAR, bend - so_far]),
        gain_high=np.array([-net_short, FAR]),
        caps=(np.array([0.0, CARRIED_RATE - LONG_RATE]), np.array([SHORT_RATE - LONG_RATE, 0.0])),
    )
    second = _assemble(
        account,
        segments,
        lot_cost=ORDINARY_RATE * account.lots.gain,
        gains=gains[1:],
        gain_low=np.array([-OFFSET_FRAC - so_far]),
        gain_high=np.array([-so_far]),
        caps=(np.array([CARRIED_RATE - ORDINARY_RATE]), np.array([SHORT_RATE - ORDINARY_RATE])),
    )
    return first, second


def with_aversion(program: Program, factor: float) -> Program:
    """Return the program at a risk aversion `factor` times as high, its objective divided by it: the matrices stay."""
    return replace(program, price_scale=program.price_scale / factor)


def objective_of(program: Program, sold: Vector) -> float:
    """Return the objective of what is sold of every segment, without what elastic rows charge."""
    held = held_of(program, sold)
    factors = program.exposures.T @ held - program.factor_target
    off = held - program.target
    risk = 0.5 * (factors @ factors + (program.curvature * off) @ off)
    return float(risk + program.price_scale * (program.linear @ held + program.cost @ sold))


def held_of(program: Program, sold: Vector) -> Vector:
    """Return what is held of every security, (n,), once so much of every segment is sold."""
    return np.asarray(program.top - np.add.reduceat(np.append(sold, 0.0), program.seg_ptr[:-1]) * _has(program))


def _has(program: Program) -> Flags:
    return np.asarray(np.diff(program.seg_ptr) > 0)


def rows_of(program: Program) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Return the rows as matrices over what is held (R, n) and over what is sold (R, N)."""
    count, segments, rows = program.top.size, program.most.size, program.low.size
    held = sp.csc_matrix((program.a_val, program.a_row, program.a_ptr), shape=(rows, count))
    sold = sp.csc_matrix((program.g_val, program.g_row, program.g_ptr), shape=(rows, segments))
    return sp.csr_matrix(held), sp.csr_matrix(sold)


def excess_of(program: Program, sold: Vector) -> float:
    """Return by how much hard rows and the bounds of segments are missed at most."""
    by_held, by_sold = rows_of(program)
    activity = by_held @ held_of(program, sold) + by_sold @ sold
    over = np.maximum(activity - program.high, program.low - activity)[program.is_hard]
    outside = np.maximum(-sold, sold - program.most)
    return float(max(over.max(initial=0.0), outside.max(initial=0.0)))


def _gain_rows(account: BenchAccount, segments: OpenSegments) -> Vector:
    """Return the gain of a dollar sold of every segment, (2, N): short-term, and total."""
    lots = account.lots
    gain = np.where(segments.is_buy, 0.0, lots.gain[segments.lot])
    is_short = ~segments.is_buy & lots.is_short[segments.lot]
    return np.array([np.where(is_short, gain, 0.0), gain])


def _assemble(
    account: BenchAccount,
    segments: OpenSegments,
    *,
    lot_cost: Vector,
    gains: Vector,
    gain_low: Vector,
    gain_high: Vector,
    caps: tuple[Vector, Vector] | None,
) -> Program:
    """Write the arrays; `gains` are rows over segments with their bounds, hard where no `caps` are given."""
    market, count = account.market, account.market.count
    own_cost = market.cost_frac[segments.security]
    room = np.bincount(segments.security, np.where(segments.is_buy, segments.most, 0.0), count)
    exposures = np.sqrt(account.aversion) * (market.exposures @ np.linalg.cholesky(market.factor_cov))
    held_rows = sp.csc_matrix(np.vstack([np.ones(count), account.bands.members]))
    shared = held_rows.shape[0]
    sold_rows = sp.vstack([sp.csr_matrix((shared, segments.lot.size)), sp.csr_matrix(gains)], format="csc")
    curvature = account.aversion * market.specific_var
    marginal = exposures @ (exposures.T @ (account.held - account.target))
    hard_cap = CAP_FACTOR * (1 + CAP_FACTOR * np.abs(marginal + curvature * (account.held - account.target)).max())
    low_cap, high_cap = (np.full(len(gains), -hard_cap), np.full(len(gains), hard_cap)) if caps is None else caps
    return Program(
        exposures=np.ascontiguousarray(exposures),
        factor_target=exposures.T @ account.target,
        curvature=curvature,
        target=account.target,
        linear=np.full(count, -CASH_DRAG),
        top=account.held + room,
        seg_ptr=np.searchsorted(segments.security, np.arange(count + 1)).astype(np.int64),
        cost=np.where(segments.is_buy, -own_cost, own_cost + lot_cost[segments.lot]),
        most=segments.most,
        a_ptr=held_rows.indptr.astype(np.int64),
        a_row=held_rows.indices.astype(np.int64),
        a_val=held_rows.data.astype(np.float64),
        g_ptr=sold_rows.indptr.astype(np.int64),
        g_row=sold_rows.indices.astype(np.int64),
        g_val=sold_rows.data.astype(np.float64),
        low=np.concatenate([[1 - account.cash_high], account.bands.low, gain_low]),
        high=np.concatenate([[1 - account.cash_low], account.bands.high, gain_high]),
        cap_low=np.concatenate([np.full(shared, -hard_cap), low_cap]),
        cap_high=np.concatenate([np.full(shared, hard_cap), high_cap]),
        is_hard=np.concatenate([np.ones(shared, np.bool_), np.full(len(gains), caps is None)]),
    )
