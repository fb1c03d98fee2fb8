"""What the ledger's rows say, to compare; and that they are what the journals add up to."""

from collections.abc import Mapping

from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, Lot, RealizedGain, WashMatch
from portfolios.services.ledger_check import check_ledger

Rows = dict[str, list[tuple[object, ...]]]


def assert_ledger_is_whole(firm_id: int) -> None:
    """Check every account of a firm: the projection of its journal equals its rows."""
    report = check_ledger(firm_id=firm_id)
    assert report.account_count > 0
    assert [fault.what for fault in report.faults] == []


def ledger_rows(accounts: Mapping[str, Account]) -> Rows:
    """Return open lots, gains, matches and cash of accounts, by the names they are given here."""
    names = {account.pk: name for name, account in accounts.items()}
    lots = Lot.objects.filter(account__in=names, closed_on=None).values_list(
        "account_id", "security__symbol", "key", "root_key", "units", "cost_usd", "wash_adjustment_usd", "acquired_on",
        "holding_on", "is_wash_consumed",
    )  # fmt: skip
    gains = RealizedGain.objects.filter(account__in=names).values_list(
        "account_id", "lot_key", "kind", "closed_on", "units", "proceeds_usd", "cost_usd", "gain_usd", "term",
        "disallowed_usd", "permanent_usd", "provisional_until_on",
    )  # fmt: skip
    matches = WashMatch.objects.filter(loss__account__in=names).values_list(
        "loss__account_id", "loss__lot_key", "account_id", "lot_key", "bought_on", "units", "amount_usd", "tacked_days",
        "is_permanent",
    )  # fmt: skip
    cash = CashBalance.objects.filter(account__in=names).values_list("account_id", "settled_usd", "unsettled_usd")
    return {
        "lots": sorted(((names[row[0]], *row[1:]) for row in lots), key=str),
        "gains": sorted(((names[row[0]], *row[1:]) for row in gains), key=str),
        "matches": sorted(((names[row[0]], row[1], names[row[2]], *row[3:]) for row in matches), key=str),
        "cash": sorted((names[row[0]], *row[1:]) for row in cash),
    }
