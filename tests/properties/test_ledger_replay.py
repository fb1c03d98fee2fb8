"""P6 in the database: a household posted day by day stands as it does replayed from scratch."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisors.models import Firm
from portfolios.ledger.types import EventKind, LotEvent
from portfolios.models.households import Account
from portfolios.models.lots import WashMatch
from tests.books import know_securities, open_account
from tests.integration.test_replays import buy, post, sell, sibling
from tests.ledgers import assert_ledger_is_whole, ledger_rows

pytestmark = pytest.mark.django_db
FIRST = date(2025, 3, 3)
NAMES = ("joint", "spouse", "ira")
_numbers = iter(range(1, 100_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """What one account does on one day."""

    account: str
    event: LotEvent


@st.composite
def histories(draw: st.DrawFn) -> tuple[Posting, ...]:
    """Draw what a household does within a few months: purchases, reinvestments, sales of what is held, splits."""
    held: dict[str, Decimal] = defaultdict(Decimal)
    day = FIRST
    done: list[Posting] = []
    for number in range(draw(st.integers(4, 14))):
        day += timedelta(days=draw(st.integers(1, 16)))
        name = draw(st.sampled_from(NAMES))
        what = draw(st.sampled_from(["buy", "sell", "sell", "drip", "split"]))
        price = Decimal(draw(st.integers(50, 150)))
        if what == "split":
            done.extend(_splits(f"E{number}", day, held))
        elif what == "sell" and held[name]:
            units = max(Decimal(1), (held[name] * draw(st.integers(1, 4)) / 4).to_integral_value())
            held[name] -= units
            done.append(Posting(account=name, event=sell(f"E{number}", str(units), str(units * price), day)))
        else:
            units = Decimal(draw(st.integers(1, 3 if what == "drip" else 100)))
            kind = EventKind.REINVEST if what == "drip" else EventKind.BUY
            held[name] += units
            bought = buy(f"E{number}", str(units), str(units * price), day, kind=kind)
            done.append(Posting(account=name, event=bought))
    return tuple(done)


def _splits(ref: str, day: date, held: dict[str, Decimal]) -> Sequence[Posting]:
    """Split what every holder has two for one."""
    found = []
    for name in NAMES:
        if held[name]:
            held[name] *= 2
            split = LotEvent(kind=EventKind.SPLIT, ref=ref, traded_on=day, security="AAPL", ratio=Decimal(2))
            found.append(Posting(account=name, event=split))
    return found


@pytest.fixture
def known_firm(firm: Firm) -> Firm:
    know_securities(firm)
    return firm


def _home(firm: Firm) -> dict[str, Account]:
    number = next(_numbers)
    joint = open_account(firm, f"1{number:07d}")
    return {
        "joint": joint,
        "spouse": sibling(joint, f"2{number:07d}"),
        "ira": sibling(joint, f"3{number:07d}", registration="ira", tax_status="deferred"),
    }


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_a_household_posted_day_by_day_stands_as_it_is_replayed(known_firm: Firm, history: tuple[Posting, ...]) -> None:
    daily, whole = _home(known_firm), _home(known_firm)

    for posting in history:
        post(daily[posting.account], posting.event)
    for name in reversed(NAMES):
        events = [posting.event for posting in history if posting.account == name]
        if events:
            post(whole[name], *events)

    assert ledger_rows(daily) == ledger_rows(whole)
    assert_ledger_is_whole(known_firm.pk)
    washed = WashMatch.objects.filter(account=daily["ira"])
    assert all(match.is_permanent for match in washed)
