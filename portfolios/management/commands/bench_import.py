"""Measure the import of many lot rows, in a database of its own that is thrown away."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.core.management.base import BaseCommand
from django.db import transaction

from advisors import services as people
from advisors.models import Firm, Role
from portfolios.models.households import Registration, TaxStatus
from portfolios.models.imports import FileStatus
from portfolios.models.market import Price
from portfolios.models.securities import Security
from portfolios.services import households, importing

AS_OF = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
SYMBOLS = tuple(f"BN{number:03d}" for number in range(100))


class Command(BaseCommand):
    """Import a file of lots for a firm made for the purpose; everything is rolled back."""

    help = "Import 100,000 lot rows, print the seconds as JSON, and roll everything back."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many rows."""
        parser.add_argument("--rows", type=int, default=100_000)
        parser.add_argument("--accounts", type=int, default=500)

    def handle(self, *, rows: int, accounts: int, **_: object) -> None:
        """Measure and print."""
        self.stdout.write(json.dumps(measure_import(row_count=rows, account_count=accounts)))


def measure_import(*, row_count: int, account_count: int) -> dict[str, float | int]:
    """Return the seconds that receiving and posting a file of so many lot rows takes."""
    with transaction.atomic():
        firm = _make_firm(account_count)
        content = "".join(_lines(row_count, account_count)).encode()
        started = time.perf_counter()
        file = importing.import_custodian_file(
            firm, custodian="generic", name="bench.csv", content=content, actor=None, now=NOW
        )
        ended = time.perf_counter()
        assert file.status == FileStatus.POSTED, file.status
        transaction.set_rollback(True)
    return {
        "rows": row_count,
        "accounts": account_count,
        "megabytes": round(len(content) / 1e6, 1),
        "seconds": round(ended - started, 2),
    }


def _lines(row_count: int, account_count: int) -> Iterator[str]:
    yield "account,as_of,symbol,quantity,cost,acquired,lot\n"
    for number in range(row_count):
        symbol = SYMBOLS[(number // account_count) % len(SYMBOLS)]
        acquired = AS_OF - timedelta(days=10 + number % 3000)
        cost = 1000 + number % 9000
        yield f"{number % account_count:08d},{AS_OF},{symbol},{1 + number % 400},{cost}.25,{acquired},L{number}\n"


def _make_firm(account_count: int) -> Firm:
    firm = people.create_firm(people.NewFirm(name="Bench", slug="bench-import", business_on=AS_OF), actor=None, now=NOW)
    office = people.create_office(firm, name="Bench", actor=None, now=NOW)
    user = people.create_user(email="bench@bench.example", full_name="Bench", password=None, actor=None, now=NOW)
    new = people.NewMembership(role=Role.ADVISOR, office=office)
    advisor = people.add_membership(user, firm, new, actor=None, now=NOW)
    household = households.create_household(
        firm, advisor=advisor, name="Bench", external_ref="bench", actor=None, now=NOW
    )
    tax_household = households.create_tax_household(household, name="Bench", confirmed_by=None, actor=None, now=NOW)
    for number in range(account_count):
        account = households.NewAccount(
            name=f"Bench {number}",
            external_ref=f"bench-{number}",
            custodian="generic",
            number=f"{number:08d}",
            registration=Registration.IRA,
            tax_status=TaxStatus.DEFERRED,
        )
        households.open_account(household, account, tax_household=tax_household, tax_return=None, actor=None, now=NOW)
    Security.objects.bulk_create(Security(symbol=symbol, name=symbol, kind="stock") for symbol in SYMBOLS)
    Price.objects.bulk_create(
        Price(security=security, priced_on=AS_OF, price_usd=10, source="bench")
        for security in Security.objects.filter(symbol__in=SYMBOLS)
    )
    return firm
