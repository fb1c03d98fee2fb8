"""A proposal ready to be decided on, with lots behind its sales, for tests of review, orders and fills."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Protocol

from advisors.models import Firm, Membership
from portfolios import vault
from portfolios.models.households import Account, Household
from portfolios.models.lots import CashBalance, Lot
from portfolios.models.market import Price
from portfolios.models.securities import Security
from rebalancing.models.orders import Order, ReleaseBatch
from rebalancing.models.proposals import (
    LotSelection,
    Proposal,
    ProposalCheck,
    ProposalStatus,
    ProposedTrade,
    Side,
    StoredOutcome,
)
from rebalancing.services import fills, orders, review
from tests import factories
from tests.factories import BUSINESS_ON, NOW

LATER = NOW + timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """A proposed sale of some units of one lot."""

    symbol: str
    units: str
    lot_units: str = "100"
    price: str = "100"
    cost: str = "120"
    acquired_on: date = date(2024, 3, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A proposed purchase."""

    symbol: str
    units: str
    price: str = "50"


def open_account(firm: Firm, *, advisor: Membership | None = None, **changes: object) -> Account:
    """Open an account with cash and a number that can be decrypted; `household=` puts it beside others."""
    household = changes.pop("household", None) or factories.HouseholdFactory(
        firm=firm, **({"advisor": advisor} if advisor else {})
    )
    assert isinstance(household, Household)
    number = f"8812{Account.objects.count():04d}"
    account: Account = factories.AccountFactory(
        household=household,
        number_encrypted=vault.encrypt_text(number),
        number_hash=vault.hash_number(number),
        number_last4=vault.last4(number),
        **changes,
    )
    factories.CashBalanceFactory(account=account, settled_usd=Decimal(10_000))
    factories.AccountFiguresFactory(account=account)
    return account


def security(symbol: str, *, price: str = "100", **changes: object) -> Security:
    """Return a security with a price of the business date."""
    made: Security = factories.SecurityFactory(symbol=symbol, **changes)
    Price.objects.get_or_create(
        security=made, priced_on=BUSINESS_ON, defaults={"price_usd": Decimal(price), "source": "test"}
    )
    return made


def propose(
    account: Account,
    *trades: Sale | Purchase,
    status: ProposalStatus = ProposalStatus.PROPOSED,
    outcome: StoredOutcome | None = None,
    **changes: object,
) -> Proposal:
    """Propose trades for an account, with the lots that its sales take and one passed check."""
    case = factories.CaseSnapshotFactory(tax_household=account.tax_household) if outcome is None else None
    outcome = outcome or factories.StoredOutcomeFactory(case=case)
    traded = sum((Decimal(each.units) * Decimal(each.price) for each in trades), Decimal(0))
    proposal: Proposal = factories.ProposalFactory(
        account=account, outcome=outcome, status=status, **{"traded_usd": traded, **changes}
    )
    for place, each in enumerate(trades, start=1):
        _trade(proposal, each, place)
    ProposalCheck.objects.create(proposal=proposal, rule="cash_reserve", verdict="pass", evidence="$4,000 after")
    return proposal


def _trade(proposal: Proposal, each: Sale | Purchase, place: int) -> None:
    traded = security(each.symbol, price=each.price)
    units, price = Decimal(each.units), Decimal(each.price)
    gain = Decimal(0) if isinstance(each, Purchase) else units * (price - Decimal(each.cost))
    trade = ProposedTrade.objects.create(
        proposal=proposal,
        position=place,
        side=Side.BUY if isinstance(each, Purchase) else Side.SELL,
        security=traded,
        units=units,
        price_usd=price,
        amount_usd=units * price,
        long_gain_usd=gain,
        reasons=["harvest_loss" if gain < 0 else "reduce_tracking_risk"],
        why="Realises a long-term loss." if gain < 0 else "Moves closer to the target.",
    )
    if isinstance(each, Sale):
        lot = Lot.objects.create(
            account=proposal.account,
            security=traded,
            key=f"{each.symbol}-{proposal.pk}",
            root_key=f"{each.symbol}-{proposal.pk}",
            units=Decimal(each.lot_units),
            cost_usd=Decimal(each.lot_units) * Decimal(each.cost),
            acquired_on=each.acquired_on,
        )
        LotSelection.objects.create(
            trade=trade,
            lot_key=lot.key,
            acquired_on=lot.acquired_on,
            units=units,
            lot_units=lot.units,
            cost_usd=units * Decimal(each.cost),
            gain_usd=gain,
            term="long",
        )


def cash_of(account: Account) -> Decimal:
    """Return settled and unsettled cash of an account."""
    balance = CashBalance.objects.get(account=account)
    return balance.settled_usd + balance.unsettled_usd


def units_of(account: Account, symbol: str) -> Decimal:
    """Add up the open lots of one security."""
    lots = Lot.objects.filter(account=account, security__symbol=symbol, closed_on__isnull=True)
    return sum((lot.units for lot in lots), Decimal(0))


class Answer(Protocol):
    """What a browser gets, as far as tests look."""

    content: bytes
    status_code: int

    def __getitem__(self, header: str) -> str: ...


def text_of(answer: Answer) -> str:
    """Return a page as text."""
    return answer.content.decode()


HEAD = "client_order_id,execution_id,date,units,price,fee\n"
SENT = LATER + timedelta(minutes=5)
FILLED = LATER + timedelta(hours=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Takes proposals from approval to where a test begins."""

    reviewer: Membership
    second: Membership

    def release(self, *proposals: Proposal) -> ReleaseBatch:
        for proposal in proposals:
            review.approve(self.reviewer, proposal.pk, now=NOW + timedelta(minutes=1))
        return review.release(self.second, [proposal.pk for proposal in proposals], now=LATER)

    def send(self, *proposals: Proposal) -> ReleaseBatch:
        batch = self.release(*proposals)
        for custodian in {proposal.account.custodian for proposal in proposals}:
            orders.take_order_file(self.second, batch.pk, custodian=custodian, now=SENT)
        return batch

    def fill(self, *rows: str) -> fills.ReceivedFills:
        content = (HEAD + "\n".join(rows) + "\n").encode()
        return fills.record_fills(self.reviewer, name="fills.csv", content=content, now=FILLED)


def order_of(account: Account, symbol: str) -> Order:
    return Order.objects.get(account=account, security__symbol=symbol)


def status_of(proposal: Proposal) -> str:
    return Proposal.objects.get(pk=proposal.pk).status
