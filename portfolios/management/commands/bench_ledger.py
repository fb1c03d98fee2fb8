"""Measure the ledger without a database: a household's replay, the matching of wash sales, the tax of a list."""

import json
import time
from argparse import ArgumentParser
from decimal import Decimal

from django.core.management.base import BaseCommand

from portfolios.demo.drawn_history import HistoryShape, draw_history
from portfolios.ledger.projection import project
from portfolios.ledger.tax import NO_GAINS, Gains
from portfolios.ledger.tax_schemes import OtherIncome, ScheduleScheme
from portfolios.ledger.tax_tables import federal_table
from portfolios.ledger.trade_tax import ListedTrade, tax_of_list
from portfolios.ledger.types import Term

_TRADES_ONLY = (60, 0, 40, 0)


class Command(BaseCommand):
    """Replay drawn histories and print what it took."""

    help = (
        "Replay 50,000 events of one household and 20,000 trades with their wash sales, price the tax of a list of 500 "
        "trades; print the seconds as JSON."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say how many events."""
        parser.add_argument("--events", type=int, default=50_000)
        parser.add_argument("--trades", type=int, default=20_000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--rounds", type=int, default=3, help="the best of so many is told")

    def handle(self, *, events: int, trades: int, seed: int, rounds: int, **_: object) -> None:
        """Measure and print."""
        shapes = {
            "replay": HistoryShape(event_count=events),
            "wash_matching": HistoryShape(event_count=trades, weights=_TRADES_ONLY),
        }
        told = {name: measure_replay(shape, seed=seed, rounds=rounds) for name, shape in shapes.items()}
        told["tax_of_list"] = measure_pricing(rounds=100 * rounds)
        self.stdout.write(json.dumps(told))


def measure_replay(shape: HistoryShape, *, seed: int, rounds: int) -> dict[str, float | int]:
    """Return the best seconds of so many replays of a drawn history, and what there was to do."""
    history = draw_history(seed, shape)
    taken: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        projection = project(history.events, accounts=history.accounts, groups=history.groups, is_sequenced=True)
        taken.append(time.perf_counter() - started)
    return {
        "events": len(history.events),
        "dispositions": sum(len(book.dispositions) for book in projection.books.values()),
        "wash_matches": len(projection.matches),
        "open_lots": sum(len(book.lots) for book in projection.books.values()),
        "seconds": round(min(taken), 2),
    }


def measure_pricing(*, trade_count: int = 500, rounds: int) -> dict[str, float | int]:
    """Return the best milliseconds of so many pricings of one list by the federal schedule."""
    trades = [
        ListedTrade(
            key=str(number),
            term=Term.LONG if number % 3 else Term.SHORT,
            gain_usd=Decimal((number * 7919) % 20_001 - 9_000),
            disallowed_usd=Decimal(0),
        )
        for number in range(trade_count)
    ]
    income = OtherIncome(wages_usd=Decimal(240_000), deduction_usd=Decimal(32_200))
    scheme = ScheduleScheme(table=federal_table(2026, "mfj"), income=income)
    taken: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        tax_of_list(trades, scheme=scheme, year_to_date=Gains(short_usd=Decimal(5000)), carried_in=NO_GAINS)
        taken.append(time.perf_counter() - started)
    return {"trades": trade_count, "milliseconds": round(1000 * min(taken), 3)}
