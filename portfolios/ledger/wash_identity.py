"""What must be true of every replay: no disallowed loss is lost, and none counts twice (R-1.3.11)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from portfolios.ledger.draft import Draft
from portfolios.ledger.types import CENT, ZERO, Disposition, WashMatch
from portfolios.ledger.wash_facts import AccountFacts

if TYPE_CHECKING:
    from portfolios.ledger.projection import Projection


class _Sums(dict[str, Decimal]):
    """Amounts by identity group."""

    def __init__(self, groups: Mapping[str, str]) -> None:
        super().__init__()
        self.groups = groups

    def add(self, security: str, amount_usd: Decimal) -> None:
        if amount_usd:
            group = self.groups.get(security, security)
            self[group] = self.get(group, ZERO) + amount_usd


def check_flow(drafts: Mapping[str, Draft], matches: Iterable[WashMatch], *, groups: Mapping[str, str]) -> None:
    """
    Hold what lots have of wash adjustments against what matches put there and sales took out, to the last digit.

    :raises AssertionError: they differ: a disallowed loss was lost or counted twice
    """
    differences = _Sums(groups)
    for draft in drafts.values():
        for lot in draft.lots.values():
            differences.add(lot.security, lot.wash_adjustment_usd)
        for sold in draft.dispositions:
            differences.add(sold.security, sold.wash_adjustment_usd)
        for security, amount in draft.stated_wash_usd.items():
            differences.add(security, -amount)
    for match in matches:
        if match.lot_key and not match.is_permanent:
            differences.add(match.security, -match.amount_usd)
    _refuse({group: amount for group, amount in differences.items() if amount})


def check_identity(
    projection: "Projection", *, accounts: Mapping[str, AccountFacts], groups: Mapping[str, str]
) -> None:
    """
    Hold R-1.3.11 for each identity group of a projection from the beginning, within a cent for each disposition.

    Recognised gains are proceeds less original cost, with the wash adjustments that are still in open lots and what
    was lost for good. What came with lots from outside, and what was sold where gains are unknown or untaxed, is
    counted apart.

    :raises AssertionError: it does not hold
    """
    left, right, rows = _Sums(groups), _Sums(groups), _Sums(groups)
    for key, book in projection.books.items():
        for lot in book.lots.values():
            right.add(lot.security, lot.wash_adjustment_usd)
        for sold in book.dispositions:
            rows.add(sold.security, CENT)
            if accounts[key].is_taxable and sold.recognized_usd is not None:
                left.add(sold.security, sold.recognized_usd)
                right.add(sold.security, _original_gain_usd(sold) + sold.permanent_usd)
            else:
                right.add(sold.security, sold.wash_adjustment_usd)
    _follow_matches(projection, right)
    for security, amount in projection.stated_wash_usd.items():
        right.add(security, -amount)
    for security, amount in projection.stated_deferred_usd.items():
        right.add(security, amount)
    _refuse(
        {
            group: left.get(group, ZERO) - right.get(group, ZERO)
            for group in left.keys() | right.keys()
            if abs(left.get(group, ZERO) - right.get(group, ZERO)) > rows.get(group, ZERO) + CENT / 10
        }
    )


def _follow_matches(projection: "Projection", right: _Sums) -> None:
    """Count what went into lots of another group, a successor's maybe, or where no lots are, with the loss's group."""
    lost = {
        (key, sold.event_ref, sold.lot_key): sold.security
        for key, book in projection.books.items()
        for sold in book.dispositions
    }
    for match in projection.matches:
        if not match.is_permanent:
            right.add(lost[match.loss_account, match.loss_event_ref, match.loss_lot_key], match.amount_usd)
            if match.lot_key:
                right.add(match.security, -match.amount_usd)


def _original_gain_usd(sold: Disposition) -> Decimal:
    assert sold.cost_usd is not None  # its gain is known
    return sold.proceeds_usd - (sold.cost_usd - sold.wash_adjustment_usd)


def _refuse(differences: Mapping[str, Decimal]) -> None:
    if differences:
        told = ", ".join(f"{group} by {amount}" for group, amount in sorted(differences.items()))
        raise AssertionError(f"disallowed losses and wash adjustments of lots differ for {told}")
