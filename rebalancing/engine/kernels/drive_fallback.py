"""Programs that the fallback asks instead of the one it was given."""

from typing import NamedTuple

import numpy as np

from rebalancing.engine.kernels.compiled import inner
from rebalancing.engine.kernels.dual_terms import FAR, Terms, by_row
from rebalancing.engine.kernels.program import Places, Vector


class Sized(NamedTuple):
    """A program without the segments that have no size, and where the others stood."""

    terms: Terms
    places: Places


@inner
def sized_places(terms: Terms, seg_ptr: Places) -> Places:
    """List the segments that have a size, and write where those of each security begin."""
    places, count = np.empty(terms.most.size, np.int64), 0
    seg_ptr[0] = 0
    for i in range(terms.top.size):
        for segment in range(terms.seg_ptr[i], terms.seg_ptr[i + 1]):
            if terms.most[segment] > 0.0:
                places[count] = segment
                count += 1
        seg_ptr[i + 1] = count
    return places[:count].copy()


@inner
def picked(values: Vector, places: Places) -> Vector:
    """Return the values at these places."""
    out = np.empty(places.size)
    for at in range(places.size):
        out[at] = values[places[at]]
    return out


@inner
def with_sizes(terms: Terms) -> Sized:
    """Leave out segments that nothing can be sold of: the interior-point method needs an inside."""
    seg_ptr = np.empty(terms.seg_ptr.size, np.int64)
    places = sized_places(terms, seg_ptr)
    g_ptr = np.zeros(places.size + 1, np.int64)
    for at in range(places.size):
        g_ptr[at + 1] = g_ptr[at] + terms.g_ptr[places[at] + 1] - terms.g_ptr[places[at]]
    g_row, g_val = np.empty(g_ptr[-1], np.int64), np.empty(g_ptr[-1])
    for at in range(places.size):
        first = terms.g_ptr[places[at]]
        for entry in range(g_ptr[at + 1] - g_ptr[at]):
            g_row[g_ptr[at] + entry] = terms.g_row[first + entry]
            g_val[g_ptr[at] + entry] = terms.g_val[first + entry]
    sold_ptr, sold_place, sold_val = by_row(g_ptr, g_row, g_val, terms.low.size)
    return Sized(
        Terms(
            terms.exposures, terms.factor_target, terms.curvature, terms.target, terms.linear, terms.top, seg_ptr,
            picked(terms.cost, places), picked(terms.most, places), terms.a_ptr, terms.a_row, terms.a_val, g_ptr, g_row,
            g_val, terms.low, terms.high, terms.cap_low, terms.cap_high, terms.is_hard, terms.is_equal, terms.held_ptr,
            terms.held_place, terms.held_val, sold_ptr, sold_place, sold_val,
        ),
        places,
    )  # fmt: skip


@inner
def least_violation(terms: Terms) -> Terms:
    """Return the program of the least sum of violations of hard rows: its multipliers are a certificate."""
    n, rows = terms.top.size, terms.low.size
    low, high, cap_low, cap_high = terms.low.copy(), terms.high.copy(), np.zeros(rows), np.zeros(rows)
    is_equal = np.zeros(rows, np.bool_)
    for j in range(rows):
        is_equal[j] = terms.is_equal[j] and terms.is_hard[j]
        cap_low[j] = -1.0 if terms.is_hard[j] and terms.cap_low[j] < 0.0 else 0.0
        cap_high[j] = 1.0 if terms.is_hard[j] and terms.cap_high[j] > 0.0 else 0.0
        low[j] = low[j] if cap_low[j] < 0.0 else -FAR
        high[j] = high[j] if cap_high[j] > 0.0 else FAR
    return Terms(
        np.zeros((n, 0)), np.zeros(0), np.zeros(n), np.zeros(n), np.zeros(n), terms.top, terms.seg_ptr,
        np.zeros(terms.cost.size), terms.most, terms.a_ptr, terms.a_row, terms.a_val, terms.g_ptr, terms.g_row,
        terms.g_val, low, high, cap_low, cap_high, terms.is_hard, is_equal, terms.held_ptr,
        terms.held_place, terms.held_val, terms.sold_ptr, terms.sold_place, terms.sold_val,
    )  # fmt: skip
