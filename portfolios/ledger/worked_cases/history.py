"""The transactions of a worked case as events of its accounts."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.families import stem_of
from portfolios.ledger.projection import AccountEvent, AccountFacts, Projection, project
from portfolios.ledger.trade_tax import NOT_TAXED_NOW, TAXED_NOW
from portfolios.ledger.types import EventKind, Lot, LotEvent, LotPick, Relief
from portfolios.ledger.wash_policy import WashPolicy
from portfolios.ledger.worked_cases.reading import Fields, day_in, money_in, text_in
from portfolios.ledger.worked_cases.relief import method_named

_BOUGHT: Final = {"BUY": EventKind.BUY, "REINVEST": EventKind.REINVEST}
_RECEIVED: Final = frozenset({"GIFT_IN", "INHERIT_IN", "STOCK_DIVIDEND"})


def facts_of(given: Fields, policy: Fields) -> Mapping[str, AccountFacts]:
    """Return the accounts of a case: whose they are, how they are taxed, and who is married to whom."""
    spouses = given.get("spouses") or {}
    retirement = set(policy.get("retirement_statuses") or ())
    facts = {}
    for fields in given["accounts"]:
        status, owner = text_in(fields, "tax_status"), text_in(fields, "owner")
        if status not in TAXED_NOW | NOT_TAXED_NOW:
            raise BadInput(f"{status!r} is no tax status")
        is_taxable = status in TAXED_NOW
        is_retirement = not is_taxable and status in retirement
        facts[text_in(fields, "id")] = AccountFacts(
            key=text_in(fields, "id"),
            owner=owner,
            is_taxable=is_taxable,
            is_retirement=is_retirement,
            plan=status if is_retirement else "",
            spouses=tuple(spouses.get(owner) or ()),
        )
    return facts


def policy_of(policy: Fields) -> WashPolicy:
    """Return the choices of a case where the law leaves one."""
    return WashPolicy.from_json({name: value for name, value in policy.items() if name != "identical_groups"})


def groups_of(policy: Fields) -> Mapping[str, str]:
    """Name the identity group of each security that has one beside itself."""
    return {symbol: "=".join(group) for group in policy.get("identical_groups") or () for symbol in group}


def events_of(
    rows: Sequence[Fields], *, accounts: Sequence[str], rates: Fields | None = None, first: int = 1
) -> list[AccountEvent]:
    """
    Return the events that rows of transactions mean; those of one day happened in the order of the rows.

    `rates` are what a sale by the least tax goes by.

    :raises BadInput: a type that is not known, or a field that is missing
    """
    events: list[AccountEvent] = []
    for position, row in enumerate(rows, start=first):
        if text_in(row, "type") == "SPLIT":
            holders = [text_in(row, "account")] if row.get("account") else accounts
            events += [AccountEvent(account=each, position=position, event=_split(row, each)) for each in holders]
        else:
            event = _sale(row, rates or {}) if row["type"] == "SELL" else _opening(row)
            events.append(AccountEvent(account=text_in(row, "account"), position=position, event=event))
    return events


def replay(given: Fields, policy: Fields, *, rows: Sequence[Fields]) -> Projection:
    """Replay transactions over the accounts of a case."""
    facts = facts_of(given, policy)
    return project(
        events_of(rows, accounts=tuple(facts), rates=given.get("rates")),
        accounts=facts,
        groups=groups_of(policy),
        policy=policy_of(policy),
        is_sequenced=True,
    )


def _opening(row: Fields) -> LotEvent:
    code = row["type"]
    if code not in _BOUGHT and code not in _RECEIVED:
        raise BadInput(f"there is no transaction {code!r}")
    amount = money_in(row, "amount")
    key = text_in(row, "id")
    lot = Lot(
        key=key,
        root_key=f"order {row['order_id']}" if row.get("order_id") else key,
        security=text_in(row, "symbol"),
        units=money_in(row, "shares"),
        cost_usd=amount,
        acquired_on=day_in(row, "date"),
        holding_on=day_in(row, "holding_date") if row.get("holding_date") else None,
        is_inherited=code == "INHERIT_IN",
        is_wash_acquisition=code in _BOUGHT,
    )
    return LotEvent(
        kind=_BOUGHT.get(code, EventKind.TRANSFER_IN),
        ref=key,
        traded_on=lot.acquired_on,
        security=lot.security,
        units=lot.units,
        amount_usd=-amount if code in _BOUGHT else Decimal(0),
        lot=lot,
    )


def _sale(row: Fields, rates: Fields) -> LotEvent:
    picks = tuple(LotPick(key=text_in(pick, "lot"), units=money_in(pick, "shares")) for pick in row.get("lots") or ())
    return LotEvent(
        kind=EventKind.SELL,
        ref=text_in(row, "id"),
        traded_on=day_in(row, "date"),
        security=text_in(row, "symbol"),
        units=money_in(row, "shares"),
        amount_usd=money_in(row, "amount"),
        picks=picks,
        method=None if picks else method_named(str(row.get("method") or Relief.FIFO)),
        short_frac=money_in(rates, "st") if rates.get("st") is not None else None,
        long_frac=money_in(rates, "lt") if rates.get("lt") is not None else None,
    )


def _split(row: Fields, account: str) -> LotEvent:
    return LotEvent(
        kind=EventKind.SPLIT,
        ref=f"{text_in(row, 'id')} {account}",
        traded_on=day_in(row, "date"),
        security=text_in(row, "symbol"),
        ratio=money_in(row, "ratio"),
    )


def lot_id(key: str) -> str:
    """Return the lot that a sublot belongs to."""
    return stem_of(key)
