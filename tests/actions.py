"""A firm in which corporate actions happen: two people of operations, securities with classes and prices, holders."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from advisors.models import Firm, Membership, Role
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery
from portfolios.ledger.types import EventKind, Lot, LotEvent, Relief
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, RealizedGain
from portfolios.models.lots import Lot as LotRow
from portfolios.models.market import CorporateAction
from portfolios.models.securities import AssetClass, FirmSecurity, Security
from portfolios.services.corporate_actions.applying import Applied, apply
from portfolios.services.corporate_actions.life import announce, confirm
from portfolios.services.corporate_actions.stored_terms import STANDARD, ActionChoices
from portfolios.services.posting import post_events
from tests.factories import (
    BUSINESS_ON,
    NOW,
    AccountFactory,
    AssetClassFactory,
    FirmFactory,
    FirmSecurityFactory,
    HouseholdFactory,
    PriceFactory,
    SecurityFactory,
    member_of,
)

EX_ON = BUSINESS_ON
EVE = EX_ON - timedelta(days=1)
D = Decimal


@dataclass(slots=True)
class ActionWorld:
    """A firm with an announcer and a checker. `buys` counts the purchases posted, so that each has its own name."""

    firm: Firm
    maker: Membership
    checker: Membership
    asset_class: AssetClass
    buys: int = 0

    def security(self, symbol: str, *, price: str | None = "100", on: date = EVE, is_known: bool = True) -> Security:
        """Put a security into the master, and unless told otherwise into the firm's class; priced on the eve."""
        security = SecurityFactory(symbol=symbol)
        if is_known:
            FirmSecurityFactory(firm=self.firm, security=security, asset_class=self.asset_class)
        if price is not None:
            PriceFactory(security=security, price_usd=D(price), priced_on=on)
        return security

    def account(self, *lines: str, **changes: object) -> Account:
        """Open an account and post a purchase for each line: symbol, units, @, price paid per unit, trade date."""
        changes.setdefault("household", HouseholdFactory(firm=self.firm))
        account: Account = AccountFactory(**changes)
        for line in lines:
            self.buy(account, line)
        return account

    def buy(self, account: Account, line: str, *, now: datetime = NOW) -> str:
        """Post a purchase and return the key of its lot."""
        symbol, units, _, price, day = line.split()
        self.buys += 1
        key, on = f"L{self.buys}", date.fromisoformat(day)
        cost = (D(units) * D(price)).quantize(D("0.01"))
        lot = Lot(key=key, security=symbol, units=D(units), cost_usd=cost, acquired_on=on)
        event = LotEvent(
            kind=EventKind.BUY, ref=key, traded_on=on, security=symbol, units=D(units), amount_usd=-cost, lot=lot
        )
        account.refresh_from_db()
        post_events(account, [event], source="test", actor=None, now=now)
        return key

    def sell(self, account: Account, line: str, *, now: datetime = NOW) -> None:
        """Post a sale, first in first out: symbol, units, @, price, trade date."""
        symbol, units, _, price, day = line.split()
        self.buys += 1
        event = LotEvent(
            kind=EventKind.SELL,
            ref=f"S{self.buys}",
            traded_on=date.fromisoformat(day),
            security=symbol,
            units=D(units),
            amount_usd=(D(units) * D(price)).quantize(D("0.01")),
            method=Relief.FIFO,
        )
        account.refresh_from_db()
        post_events(account, [event], source="test", actor=None, now=now)

    def announced(self, terms: ActionTerms, *, choices: ActionChoices = STANDARD) -> CorporateAction:
        """Announce an action as the maker."""
        came = announce(self.firm, terms, source="form", actor=self.maker.user, now=NOW, choices=choices)
        return came.action

    def confirmed(self, terms: ActionTerms, *, choices: ActionChoices = STANDARD) -> CorporateAction:
        """Announce an action and confirm it as the checker."""
        action = self.announced(terms, choices=choices)
        confirm(self.checker, action, now=NOW)
        return action

    def applied(self, terms: ActionTerms, *, choices: ActionChoices = STANDARD) -> tuple[CorporateAction, Applied]:
        """Announce, confirm and apply an action."""
        action = self.confirmed(terms, choices=choices)
        return action, apply(action, actor=None, now=NOW)


def action_world() -> ActionWorld:
    """Make a firm on its business date, the ex-date of `terms_for`."""
    firm = FirmFactory()
    return ActionWorld(
        firm=firm,
        maker=member_of(firm, Role.OPERATIONS, full_name="Mia Maker"),
        checker=member_of(firm, Role.OPERATIONS, full_name="Carl Checker"),
        asset_class=AssetClassFactory(firm=firm, key="us_large", name="US Large Cap"),
    )


def terms_for(kind: ActionKind, security: str = "OLD", **changes: object) -> ActionTerms:
    """Return complete terms of any kind: OLD becomes, gives or is taken for NEW on the ex-date."""
    known: Mapping[ActionKind, Mapping[str, object]] = {
        ActionKind.SPLIT: {"ratio": D(4)},
        ActionKind.REVERSE_SPLIT: {"ratio": D("0.1"), "pays_fractions": True, "fraction_price_usd": D(1000)},
        ActionKind.STOCK_DIVIDEND: {"ratio": D("1.05")},
        ActionKind.CLASS_DIVIDEND: {"delivered": (_new("0.5", price="40"),), "price_usd": D(80)},
        ActionKind.SPIN_OFF: {
            "delivered": (_new("0.25", price="40"),),
            "price_usd": D(90),
            "pays_fractions": True,
            "fraction_price_usd": D(40),
        },
        ActionKind.STOCK_MERGER: {"delivered": (_new("0.5", price="200"),)},
        ActionKind.CASH_MERGER: {"cash_per_unit_usd": D(110)},
        ActionKind.MIXED_MERGER: {"delivered": (_new("0.5", price="160"),), "cash_per_unit_usd": D(20)},
        ActionKind.RETURN_OF_CAPITAL: {"cash_per_unit_usd": D(2)},
        ActionKind.TENDER: {"cash_per_unit_usd": D(105)},
        ActionKind.SYMBOL_CHANGE: {"delivered": (_new("1"),)},
        ActionKind.SPECIAL_DIVIDEND: {"cash_per_unit_usd": D(5)},
        ActionKind.WORTHLESS: {},
    }
    said = {"kind": kind, "key": "", "security": security, "effective_on": EX_ON, **known[kind], **changes}
    return ActionTerms(**said)  # type: ignore[arg-type]  # as the table says


def _new(units: str, *, price: str | None = None) -> Delivery:
    return Delivery(security="NEW", units_per_unit=D(units), price_usd=None if price is None else D(price))


def lots_of(account: Account) -> list[tuple[str, str, Decimal, Decimal | None]]:
    """Return the open lots of an account as key, symbol, units and basis."""
    rows = LotRow.objects.filter(account=account, closed_on__isnull=True).order_by("security__symbol", "key")
    return list(rows.values_list("key", "security__symbol", "units", "cost_usd"))


def gains_of(account: Account) -> list[tuple[str, str, Decimal | None]]:
    """Return the realised gains of an account as kind, lot and gain."""
    rows = RealizedGain.objects.filter(account=account).order_by("lot_key", "kind")
    return list(rows.values_list("kind", "lot_key", "gain_usd"))


def cash_in(account: Account) -> Decimal:
    """Return all cash of an account."""
    balance = CashBalance.objects.get(account=account)
    return balance.settled_usd + balance.unsettled_usd


def word_on(firm: Firm, symbol: str) -> FirmSecurity:
    """Return what the firm says of a security."""
    return FirmSecurity.objects.select_related("identity_group", "asset_class").get(firm=firm, security__symbol=symbol)
