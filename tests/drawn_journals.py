"""Small random histories of a household: as steps for the share-by-share matcher, and as events for the ledger."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from portfolios.ledger.projection import AccountEvent, AccountFacts
from portfolios.ledger.types import EventKind, Lot, LotEvent, LotPick
from tests.share_by_share import Household, Step

FIRST = date(2025, 11, 3)
D = Decimal
ACCOUNTS = {
    "T1": AccountFacts(key="T1", owner="H", spouses=("W",)),
    "T2": AccountFacts(key="T2", owner="W", spouses=("H",)),
    "R1": AccountFacts(key="R1", owner="H", is_taxable=False, is_retirement=True, plan="roth_ira", spouses=("W",)),
}
GROUPS = {"ETFA": "index", "ETFB": "index"}
OWNERS = {"T1": "H", "T2": "W", "R1": "H"}
SECURITIES = ("XYZ", "XYZ", "ETFA", "ETFB")  # the first more often


def household(*, is_simultaneous: bool = True) -> Household:
    """Return the household as the share-by-share matcher knows it."""
    return Household(owners=OWNERS, retirement={"R1"}, groups=GROUPS, is_simultaneous=is_simultaneous)


@st.composite
def histories(
    draw: st.DrawFn, *, accounts: Sequence[str] = ("T1", "T2", "R1"), securities: Sequence[str] = SECURITIES,
    max_steps: int = 18, kinds: Sequence[str] = ("buy", "buy", "buy", "sell", "sell", "gift", "split"),
) -> tuple[Step, ...]:  # fmt: skip
    """Draw what may happen within a few months: purchases, gifts, sales of lots that are held, splits."""
    on, steps = FIRST, []
    held: dict[tuple[str, str, str], int] = {}
    for number in range(draw(st.integers(4, max_steps))):
        on += timedelta(days=draw(st.sampled_from([0, 0, 1, 2, 5, 9, 16, 30, 31])))
        kind = draw(st.sampled_from(kinds))
        account, security = draw(st.sampled_from(accounts)), draw(st.sampled_from(securities))
        price = draw(st.sampled_from([30, 45, 60, 61, 70, 97, 120]))  # most sales are losses
        open_keys = sorted(place for place, units in held.items() if units)
        if kind == "sell" and open_keys:
            account, security, key = draw(st.sampled_from(open_keys))
            units = draw(st.integers(1, held[account, security, key]))
            held[account, security, key] -= units
            steps.append(Step("sell", on, account, security, key, units=units, usd=units * price * 2 // 3))
        elif kind == "split" and open_keys and max(held.values()) <= 16:
            steps.append(Step("split", on, security=security))
            held = {place: units * 2 if place[1] == security else units for place, units in held.items()}
        elif kind in ("buy", "gift"):
            units, key = draw(st.integers(1, 4)), f"L{number}"
            last = steps[-1] if steps else None
            is_same_order = (
                last is not None
                and (last.kind, last.on, last.account, last.security) == ("buy", on, account, security)
                and draw(st.booleans())
            )
            root = last.root if is_same_order and last else key
            held[account, security, key] = units
            steps.append(Step(kind, on, account, security, key, root, units, units * price))
    return tuple(steps)


def events_of(steps: Sequence[Step]) -> list[AccountEvent]:
    """Return the same history as events of the accounts' journals."""
    events: list[AccountEvent] = []
    held: set[tuple[str, str]] = set()
    for place, step in enumerate(steps):
        if step.kind == "split":
            holders = sorted({account for account, security in held if security == step.security})
            events += [AccountEvent(account=each, position=place, event=_split(step, place)) for each in holders]
            continue
        held.add((step.account, step.security))
        event = _sale(step, place) if step.kind == "sell" else _opening(step, place)
        events.append(AccountEvent(account=step.account, position=place, event=event))
    return events


def _split(step: Step, place: int) -> LotEvent:
    return LotEvent(kind=EventKind.SPLIT, ref=f"E{place}", traded_on=step.on, security=step.security, ratio=D(2))


def _sale(step: Step, place: int) -> LotEvent:
    return LotEvent(
        kind=EventKind.SELL, ref=f"E{place}", traded_on=step.on, security=step.security, units=D(step.units),
        amount_usd=D(step.usd), picks=(LotPick(key=step.key, units=D(step.units)),),
    )  # fmt: skip


def _opening(step: Step, place: int) -> LotEvent:
    is_bought = step.kind == "buy"
    lot = Lot(
        key=step.key, root_key=step.root, security=step.security, units=D(step.units), cost_usd=D(step.usd),
        acquired_on=step.on, is_wash_acquisition=is_bought,
    )  # fmt: skip
    return LotEvent(
        kind=EventKind.BUY if is_bought else EventKind.TRANSFER_IN, ref=f"E{place}", traded_on=step.on,
        security=step.security, units=lot.units, amount_usd=-D(step.usd) if is_bought else D(0), lot=lot,
    )  # fmt: skip
