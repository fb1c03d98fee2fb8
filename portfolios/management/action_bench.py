"""Ten thousand holders of one security, a split of it, and somebody who reads accounts meanwhile."""

import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django.db import transaction

from advisors import services as people
from advisors.models import Firm, Membership, Role
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms
from portfolios.ledger.journal import event_detail
from portfolios.ledger.types import EventKind, Lot, LotEvent
from portfolios.models import households as homes
from portfolios.models.lots import CashBalance, LedgerEvent
from portfolios.models.lots import Lot as LotRow
from portfolios.models.market import CorporateAction, Price
from portfolios.models.securities import AssetClass, FirmSecurity, Security
from portfolios.selectors.holdings import holdings_of
from portfolios.services.bulk_rows import Cell, insert_rows
from portfolios.services.corporate_actions.applying import apply
from portfolios.services.corporate_actions.life import announce, confirm

SYMBOL: Final = "SPLT"
EX_ON: Final = date(2026, 11, 20)
SLUG: Final = "bench-actions"
LOTS: Final = 3
RATIO: Final = Decimal(4)
UNITS: Final = Decimal(100)
_ROWS: Final = 2000


def show_action(*, holder_count: int, now: datetime) -> CorporateAction:
    """Make a firm with so many holders of three lots each, and a confirmed split of what they hold."""
    with transaction.atomic():
        firm = people.create_firm(people.NewFirm(name="Bench", slug=SLUG, business_on=EX_ON), actor=None, now=now)
        maker, checker = (_member(firm, name, now=now) for name in ("maker", "checker"))
        security = Security.objects.create(symbol=SYMBOL, name="Split Incorporated", kind="stock")
        asset_class = AssetClass.objects.create(firm=firm, key="stocks", name="Stocks")
        FirmSecurity.objects.create(firm=firm, security=security, asset_class=asset_class)
        Price.objects.create(
            security=security, priced_on=EX_ON - timedelta(days=1), price_usd=Decimal(200), source="bench"
        )
        _open_accounts(firm, maker, security, holder_count, now=now)
        terms = ActionTerms(kind=ActionKind.SPLIT, key="", security=SYMBOL, effective_on=EX_ON, ratio=RATIO)
        action = announce(firm, terms, source="form", actor=maker.user, now=now).action
        confirm(checker, action, now=now)
    return action


def _member(firm: Firm, name: str, *, now: datetime) -> Membership:
    user = people.create_user(email=f"{name}@bench.example", full_name=name, password=None, actor=None, now=now)
    return people.add_membership(user, firm, people.NewMembership(role=Role.OPERATIONS), actor=None, now=now)


def _open_accounts(firm: Firm, advisor: Membership, security: Security, count: int, *, now: datetime) -> None:
    office = people.create_office(firm, name="Bench", actor=None, now=now)
    houses = homes.Household.objects.bulk_create(
        homes.Household(firm=firm, office=office, advisor=advisor, name=f"Household {n}", external_ref=f"H{n}")
        for n in range(count)
    )
    taxed = homes.TaxHousehold.objects.bulk_create(
        homes.TaxHousehold(firm=firm, household=house, name=house.name) for house in houses
    )
    returns = homes.TaxReturn.objects.bulk_create(homes.TaxReturn(tax_household=one, name=one.name) for one in taxed)
    accounts = homes.Account.objects.bulk_create(
        homes.Account(
            firm=firm,
            household=house,
            tax_household=tax_household,
            tax_return=tax_return,
            name=f"Account {n}",
            external_ref=f"A{n}",
            custodian="bench",
            number_encrypted=b"",
            number_hash=f"{n:064x}",
            number_last4=f"{n % 10_000:04d}",
            registration=homes.Registration.INDIVIDUAL,
            tax_status=homes.TaxStatus.TAXABLE,
            journal_position=LOTS,
        )
        for n, (house, tax_household, tax_return) in enumerate(zip(houses, taxed, returns, strict=True))
    )
    insert_rows(LedgerEvent, _EVENT, (row for account in accounts for row in _events(account.pk, security.pk, now)))
    insert_rows(LotRow, _LOT, (row for account in accounts for row in _lots(account.pk, security.pk)))
    CashBalance.objects.bulk_create((CashBalance(account=account) for account in accounts), batch_size=_ROWS)


_EVENT: Final = (
    "account",
    "position",
    "kind",
    "security",
    "traded_on",
    "units",
    "amount_usd",
    "cost_usd",
    "detail",
    "reason",
    "source",
    "source_ref",
    "recorded_at",
)
_LOT: Final = (
    "account",
    "security",
    "key",
    "root_key",
    "units",
    "cost_usd",
    "wash_adjustment_usd",
    "acquired_on",
    "is_inherited",
    "is_gift",
    "is_wash_acquisition",
    "is_wash_consumed",
)


def _opened(number: int) -> Lot:
    cost, acquired_on = Decimal(8000 + 10 * number), date(2024, 3, 1) + timedelta(days=200 * number)
    return Lot(key=f"L{number}", security=SYMBOL, units=UNITS, cost_usd=cost, acquired_on=acquired_on)


def _events(account_id: int, security_id: int, now: datetime) -> Iterator[tuple[Cell, ...]]:
    for number in range(1, LOTS + 1):
        lot = _opened(number)
        event = LotEvent(
            kind=EventKind.OPEN, ref=lot.key, traded_on=lot.acquired_on, security=SYMBOL, units=lot.units, lot=lot
        )
        kept = (
            event.kind.value,
            security_id,
            event.traded_on,
            lot.units,
            Decimal(0),
            lot.cost_usd,
            event_detail(event),
        )
        yield (account_id, number, *kept, "", "bench", f"{account_id}:{lot.key}", now)


def _lots(account_id: int, security_id: int) -> Iterator[tuple[Cell, ...]]:
    for number in range(1, LOTS + 1):
        lot = _opened(number)
        flags = (lot.is_inherited, lot.is_gift, lot.is_wash_acquisition, lot.is_wash_consumed)
        yield (
            account_id,
            security_id,
            lot.key,
            lot.root_key,
            lot.units,
            lot.cost_usd,
            lot.wash_adjustment_usd,
            lot.acquired_on,
            *flags,
        )


def measure_split(action: CorporateAction, *, now: datetime) -> dict[str, float | int]:
    """Apply the split and return the seconds; every holder has the units of after it."""
    started, worked = time.perf_counter(), time.process_time()
    came = apply(action, actor=None, now=now)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - worked
    after = LotRow.objects.filter(account__firm=action.firm, units=UNITS * RATIO).count()
    assert not came.failed and after == came.account_count * LOTS, (came, after)
    return {"lots": after, "seconds": round(seconds, 2), "cpu_seconds": round(cpu_seconds, 2)}


def read_until(is_over: Callable[[], bool]) -> dict[str, float | int]:
    """Read one account after the other as its page does, until told to stop; return how many and the slowest."""
    firm = Firm.objects.get(slug=SLUG)
    accounts = list(homes.Account.objects.filter(firm=firm).order_by("pk"))
    before, after = UNITS * LOTS, UNITS * LOTS * RATIO
    count, worst = 0, 0.0
    while not is_over():
        account = accounts[(count * 7919) % len(accounts)]
        started = time.perf_counter()
        holdings = holdings_of([account], firm_id=firm.pk, as_of=EX_ON)[account.pk]
        worst = max(worst, time.perf_counter() - started)
        units = sum((one.units for row in holdings.classes for one in row.securities), Decimal(0))
        assert units in (before, after), units  # never half a split
        count += 1
        if count == 1:
            sys.stdout.write("\n")  # whoever started this waits for it to read
            sys.stdout.flush()
    return {"reads": count, "worst_read_ms": round(worst * 1000, 1)}
