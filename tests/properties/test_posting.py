"""Whatever is posted, in whatever portions: shares and basis are conserved, and cash reconciles."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisors.models import Firm
from portfolios.ledger.types import EventKind, Lot, LotEvent, Relief
from portfolios.models.households import Account
from portfolios.models.lots import CashBalance, LedgerEvent, RealizedGain
from portfolios.services.posting import post_events
from tests.books import NOW, know_securities, open_account

pytestmark = pytest.mark.django_db
FIRST = date(2025, 1, 2)
METHODS = (Relief.FIFO, Relief.LIFO, Relief.HIFO, Relief.LOFO)
ZERO = Decimal(0)


@st.composite
def journals(draw: st.DrawFn) -> tuple[LotEvent, ...]:
    """Draw a journal that can be booked: purchases, sales of what is held, dividends, deposits, one split."""
    held: dict[str, Decimal] = {"AAPL": ZERO, "KO": ZERO}
    events = [LotEvent(kind=EventKind.CASH_IN, ref="E", traded_on=FIRST, amount_usd=Decimal(1000))]
    for number in range(draw(st.integers(1, 12))):
        symbol = draw(st.sampled_from(sorted(held)))
        units = Decimal(draw(st.integers(1, 40_000_000))) / 10_000
        usd = Decimal(draw(st.integers(1, 5_000_000))) / 100
        kind = draw(st.sampled_from(["buy", "buy", "sell", "dividend", "cash_in", "split"]))
        event = _event(kind, f"E{number}", symbol, units, usd, held, method=draw(st.sampled_from(METHODS)))
        if event is not None:
            events.append(event)
    return tuple(events)


def _event(
    kind: str, ref: str, symbol: str, units: Decimal, usd: Decimal, held: dict[str, Decimal], *, method: Relief
) -> LotEvent | None:
    on = FIRST + timedelta(days=int(ref[1:]) * 40)
    if kind == "buy":
        held[symbol] += units
        lot = Lot(key=ref, security=symbol, units=units, cost_usd=usd, acquired_on=on)
        return LotEvent(
            kind=EventKind.BUY, ref=ref, traded_on=on, security=symbol, units=units, amount_usd=-usd, lot=lot
        )
    if kind in ("dividend", "cash_in"):
        return LotEvent(kind=EventKind(kind), ref=ref, traded_on=on, amount_usd=usd)
    if not held[symbol]:
        return None
    if kind == "split":
        held[symbol] *= 2
        return LotEvent(kind=EventKind.SPLIT, ref=ref, traded_on=on, security=symbol, ratio=Decimal(2))
    sold = min(units, held[symbol])
    held[symbol] -= sold
    return LotEvent(
        kind=EventKind.SELL, ref=ref, traded_on=on, security=symbol, units=sold, amount_usd=usd, method=method
    )


@pytest.fixture
def known_firm(firm: Firm) -> Firm:
    know_securities(firm)
    return firm


def _post(account: Account, *portions: Sequence[LotEvent]) -> None:
    for portion in portions:
        post_events(account, portion, source="test", actor=None, now=NOW)


def _lots(account: Account) -> list[tuple[str, Decimal, Decimal | None]]:
    return sorted(account.lots.filter(closed_on=None).values_list("key", "units", "cost_usd"))


_numbers = iter(range(1, 100_000))
fixture_is_shared = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fixture_is_shared
@given(events=journals())
def test_shares_are_conserved(known_firm: Firm, events: tuple[LotEvent, ...]) -> None:
    account = open_account(known_firm, f"1{next(_numbers):07d}")

    _post(account, events)

    for symbol in ("AAPL", "KO"):
        expected = ZERO
        for event in (one for one in events if one.security == symbol):
            if event.kind is EventKind.SPLIT:
                expected *= 2
            else:
                expected += event.units if event.kind is EventKind.BUY else -event.units
        found = account.lots.filter(security__symbol=symbol).aggregate(units=Sum("units"))["units"] or ZERO
        assert found == expected


@fixture_is_shared
@given(events=journals())
def test_basis_is_conserved_to_the_last_millionth(known_firm: Firm, events: tuple[LotEvent, ...]) -> None:
    account = open_account(known_firm, f"2{next(_numbers):07d}")

    _post(account, events)

    bought = sum((event.lot.cost_usd or ZERO for event in events if event.lot), ZERO)
    left = sum((cost or ZERO for _, _, cost in _lots(account)), ZERO)
    sold = sum((gain.cost_usd or ZERO for gain in RealizedGain.objects.filter(account=account)), ZERO)
    assert left + sold == bought


@fixture_is_shared
@given(events=journals())
def test_cash_is_the_sum_of_what_the_journal_moved_and_gains_the_proceeds_less_basis(
    known_firm: Firm, events: tuple[LotEvent, ...]
) -> None:
    account = open_account(known_firm, f"3{next(_numbers):07d}")

    _post(account, events)

    moved = LedgerEvent.objects.filter(account=account).aggregate(usd=Sum("amount_usd"))["usd"] or ZERO
    assert CashBalance.objects.get(account=account).settled_usd == round(moved, 2)
    proceeds = sum((event.amount_usd for event in events if event.kind is EventKind.SELL), ZERO)
    gains = list(RealizedGain.objects.filter(account=account))
    assert sum((gain.proceeds_usd for gain in gains), ZERO) == proceeds
    for gain in gains:
        assert gain.gain_usd is not None and gain.cost_usd is not None
        assert abs(gain.gain_usd - (gain.proceeds_usd - gain.cost_usd)) <= Decimal("0.01")


@fixture_is_shared
@given(events=journals(), cut=st.integers(0, 12))
def test_the_portions_in_which_events_arrive_make_no_difference_nor_does_a_repetition(
    known_firm: Firm, events: tuple[LotEvent, ...], cut: int
) -> None:
    whole, parts = (open_account(known_firm, f"4{next(_numbers):07d}") for _ in range(2))

    _post(whole, events)
    _post(parts, events[:cut], events[cut:], events)

    assert _lots(whole) == _lots(parts)
    assert CashBalance.objects.get(account=whole).settled_usd == CashBalance.objects.get(account=parts).settled_usd
    assert LedgerEvent.objects.filter(account=parts).count() == len(events)
