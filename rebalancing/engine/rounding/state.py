"""A set of trades on the board of a case."""

import numpy as np

from rebalancing.engine.kernels.shares import Board
from rebalancing.engine.kernels.shares_make import begin
from rebalancing.engine.rounding.lattice import Grains, Lattice
from rebalancing.engine.universe import Vector

NOTHING_USD = 0.0025


def board_of(lattice: Lattice, grains: Grains) -> Board:
    """Return a board of its own with these grains by slot."""
    board = Board(*(array.copy() for array in lattice.board))
    begin(board, grains)
    return board


def grains_of(board: Board) -> Grains:
    return np.array(board.slots["grains"])


def objective_usd(lattice: Lattice, board: Board) -> float:
    """Return the objective by the board's running total, hurdles on what is held included."""
    return float(board.total[0]) + lattice.problem.constant_usd


def fresh_objective_usd(lattice: Lattice, grains: Grains) -> float:
    """Return the true objective of a set of trades, tickets included, without any running total."""
    problem, positions = lattice.problem, lattice.board.positions
    traded = np.bincount(lattice.board.slots["position"], weights=grains, minlength=positions.size) > 0
    tickets = float(lattice.board.accounts["ticket"][positions["account"][traded]].sum())
    return problem.objective_usd(lattice.traded_usd(grains)) + tickets


def is_better(one: Board, other: Board, *, progress_usd: float) -> bool:
    """Compare two sets of trades: by violation, rank by rank, then by the objective."""
    for mine, theirs in zip(one.excess, other.excess, strict=True):
        if abs(mine - theirs) > NOTHING_USD:
            return bool(mine < theirs)
    return bool(one.total[0] < other.total[0] - progress_usd)


def is_broken(board: Board) -> bool:
    """Tell whether any rule is violated."""
    return bool(board.excess.max() > NOTHING_USD)


def excess_of(board: Board) -> Vector:
    """Return the violation of every rank in dollars (trades for counts), (RANKS,)."""
    return np.array(board.excess)
