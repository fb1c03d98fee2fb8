"""The year's tax of gains netted by term, and the two convex functions whose smaller one it is (engine.md B4)."""

from rebalancing.engine.kernels.program import Answer, Program
from rebalancing.management.bench.accounts import LONG_RATE, ORDINARY_RATE, SHORT_RATE
from rebalancing.management.bench.programs import CARRIED_RATE, OFFSET_FRAC, objective_of, rows_of

FLOOR = (ORDINARY_RATE - CARRIED_RATE) * OFFSET_FRAC


def netted_tax(short: float, total: float) -> float:
    """Return the tax of a net short-term gain within a total net gain, as fractions of value."""
    if total >= 0:
        return LONG_RATE * total + (SHORT_RATE - LONG_RATE) * min(max(short, 0.0), total)
    return max(ORDINARY_RATE * total, CARRIED_RATE * total - FLOOR)


def first_piece(short: float, total: float) -> float:
    """Return the convex function that is the tax where short-term gains are taxed apart."""
    rest = max(LONG_RATE * total, CARRIED_RATE * total - FLOOR)
    return (SHORT_RATE - LONG_RATE) * max(short, 0.0) + rest


def second_piece(_short: float, total: float) -> float:
    """Return the convex function that is the tax where short-term gains are more than all gains."""
    return max(SHORT_RATE * total, ORDINARY_RATE * total, CARRIED_RATE * total - FLOOR)


def winner_error(
    programs: tuple[Program, Program], answers: tuple[Answer, Answer], *, net_short: float, net_long: float
) -> float:
    """Return how far the winning piece is from the netted tax at its own answer: 0 where netting is exact."""
    short_row, total_row = rows_of(programs[0])[1].toarray()[-2:]
    found = []
    for program, answer, rate, piece in zip(
        programs, answers, (LONG_RATE, ORDINARY_RATE), (first_piece, second_piece), strict=True
    ):
        short, total = float(short_row @ answer.sold), float(total_row @ answer.sold)
        apart = objective_of(program, answer.sold) - rate * total
        now = net_short + short, net_short + net_long + total
        found.append((apart + piece(*now), abs(piece(*now) - netted_tax(*now))))
    return min(found)[1]
