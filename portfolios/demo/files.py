"""The demo as files: what the custodians, the price vendor and the investment office send, byte for byte the same."""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from portfolios.demo.accounts import AccountHistory, LotLine, build_history
from portfolios.demo.guidance import MODEL_KEY, MODEL_NAME, RISK_MODEL_NAME, substitute_rows
from portfolios.demo.households import NEW_BREAK_REF, OLD_BREAK_REF, all_households
from portfolios.demo.market import HALTED_AFTER, HALTED_SYMBOL, SPLIT, UNTOLD_SPLIT_SYMBOL, Market, build_market
from portfolios.demo.risk import FACTORS
from portfolios.demo.situations_wash import WASHED_SALES_REF
from portfolios.demo.specs import HouseholdSpec
from portfolios.demo.trading_days import BUSINESS_DATE

MODEL_EFFECTIVE_ON = date(2026, 10, 1)
BEFORE_SPLIT_ON = date(2026, 11, 13)
LAST_AGREED_ON, BROKEN_ON = date(2026, 11, 17), date(2026, 11, 18)
MISSING_UNITS, RESTATED_USD = Decimal(60), Decimal(3400)
MERGER_ON = date(2026, 12, 15)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFile:
    """One file in the order of its arrival; `account` names the account where the layout does not."""

    name: str
    custodian: str
    content: bytes
    account: str = ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demo:
    """Everything that is generated: market, households, and the history of every account by its reference."""

    market: Market
    households: tuple[HouseholdSpec, ...]
    histories: dict[str, AccountHistory]

    def at(self, custodian: str) -> tuple[AccountHistory, ...]:
        """List the managed accounts at one custodian."""
        return tuple(
            history
            for history in self.histories.values()
            if history.spec.custodian == custodian and not history.spec.is_held_away
        )


def build_demo() -> Demo:
    """Draw the whole demo."""
    market = build_market()
    households = all_households()
    histories = {
        account.ref: build_history(account, market) for household in households for account in household.accounts
    }
    return Demo(market=market, households=households, histories=histories)


def table(header: str, rows: Iterable[Sequence[object]]) -> bytes:
    """Write a CSV as a bank would: header, plain decimals, ISO dates."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def plain(number: Decimal) -> str:
    """Write a decimal without exponent and trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _cell(value: object) -> str:
    if value is None:
        return ""
    return plain(value) if isinstance(value, Decimal) else str(value)


def market_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what comes before any account: securities, prices, risk model, security model, substitutes, actions."""
    yield _generic("01_securities.csv", securities_file(demo.market))
    yield _generic("02_prices.csv", prices_file(demo.market))
    yield _generic("03_risk_model.csv", risk_model_file(demo.market))
    yield _generic("04_security_model.csv", security_model_file(demo.market))
    yield _generic("05_substitutes.csv", substitutes_file(demo.market))


def account_files(demo: Demo) -> Iterator[DemoFile]:
    """Write what the bank that uses the generic formats says of its accounts, in the order of the year."""
    bank = demo.at("generic")
    told = [history for history in bank if history.has_history]
    yield _generic("10_lots_2025-12-31.csv", lots_file(date(2025, 12, 31), [(h, h.opening_lots) for h in told]))
    yield _generic("11_cash_2025-12-31.csv", cash_file(date(2025, 12, 31), [(h, h.opening_cash_usd) for h in told]))
    yield _generic("12_transactions_2026.csv", transactions_file(told))
    split = [(h, h.lots) for h in bank if any(lot.symbol == SPLIT.symbol for lot in h.lots)]
    yield _generic("13_lots_2026-11-13.csv", lots_file(BEFORE_SPLIT_ON, split))
    yield _generic("14_corporate_actions.csv", corporate_actions_file())
    yield _generic("15_outside_transactions.csv", outside_file(demo))
    broken = [history for history in bank if history.spec.ref == OLD_BREAK_REF]
    yield _generic("16_lots_2026-11-17.csv", lots_file(LAST_AGREED_ON, [(h, h.lots) for h in broken]))
    yield _generic("17_lots_2026-11-18.csv", lots_file(BROKEN_ON, [(h, misstated_lots(h)) for h in broken]))
    before = [history for history in bank if history.spec.ref == NEW_BREAK_REF]
    yield _generic("18_lots_2026-11-19.csv", lots_file(date(2026, 11, 19), [(h, h.lots) for h in before]))
    yield _generic("20_lots_2026-11-20.csv", lots_file(BUSINESS_DATE, [(h, misstated_lots(h)) for h in bank]))
    yield _generic("21_cash_2026-11-20.csv", cash_file(BUSINESS_DATE, [(h, h.cash_usd) for h in bank]))
    yield _generic("22_realised_2026.csv", realised_file(demo.histories[WASHED_SALES_REF]))


def misstated_lots(history: AccountHistory) -> tuple[LotLine, ...]:
    """State an account's lots as the bank does: of two accounts one lot is wrong, so that a break is there to resolve."""
    first, *others = history.lots
    if history.spec.ref == OLD_BREAK_REF:
        kept = first.units - MISSING_UNITS
        cost = None if first.cost_usd is None else (first.cost_usd * kept / first.units).quantize(Decimal("0.01"))
        return (replace(first, units=kept, cost_usd=cost), *others)
    if history.spec.ref == NEW_BREAK_REF and first.cost_usd is not None:
        return (replace(first, cost_usd=first.cost_usd + RESTATED_USD), *others)
    return history.lots


def _generic(name: str, content: bytes) -> DemoFile:
    return DemoFile(name=name, custodian="generic", content=content)


def securities_file(market: Market) -> bytes:
    return table(
        "symbol,name,kind,cusip,isin,asset_class,sector,industry,country,identity_group,screens,quantity_step,half_spread_bps,buyable",
        (
            (
                s.symbol,
                s.name,
                s.kind,
                s.cusip,
                s.isin,
                s.asset_class,
                s.sector,
                s.industry,
                s.country,
                s.identity_group,
                "|".join(s.screens),
                s.quantity_step,
                s.half_spread_bps,
                "no" if s.role in ("hold_only", "sweep") else "yes",
            )
            for s in market.universe
        ),
    )


def prices_file(market: Market) -> bytes:
    """Write three years of closing prices as they were traded: the split name before and after, the halted one no more."""
    return table("symbol,date,price", _prices(market))


def _prices(market: Market) -> Iterator[tuple[str, date, str]]:
    first = market.day_index(market.shipped_days[0])
    for column, symbol in enumerate(market.risk.symbols):
        for day, price in zip(market.shipped_days, market.prices[first:, column].tolist(), strict=True):
            if symbol == HALTED_SYMBOL and day > HALTED_AFTER:
                break
            traded = price * SPLIT.ratio if symbol == SPLIT.symbol and day < SPLIT.effective_on else price
            yield symbol, day, f"{traded:.2f}"
    for day in market.shipped_days:
        yield "HPGXX", day, "1.00"


def risk_model_file(market: Market) -> bytes:
    return table("model,as_of,record,symbol,factor,other_factor,value", _risk_rows(market))


def _risk_rows(market: Market) -> Iterator[tuple[str, date, str, str, str, str, str]]:
    risk = market.risk
    for i, factor in enumerate(FACTORS):
        for j in range(i + 1):
            value = f"{risk.factor_covariance[i, j]:.8f}"
            yield RISK_MODEL_NAME, BUSINESS_DATE, "covariance", "", factor, FACTORS[j], value
    for n, symbol in enumerate(risk.symbols):
        for i, factor in enumerate(FACTORS):
            if risk.exposures[n, i] != 0.0:
                value = f"{risk.exposures[n, i]:.4f}"
                yield RISK_MODEL_NAME, BUSINESS_DATE, "exposure", symbol, factor, "", value
        yield RISK_MODEL_NAME, BUSINESS_DATE, "specific", symbol, "", "", f"{risk.specific_variance[n]:.8f}"


def security_model_file(market: Market) -> bytes:
    weights = market.model_weights()
    return table(
        "model,name,effective,symbol,weight",
        ((MODEL_KEY, MODEL_NAME, MODEL_EFFECTIVE_ON, symbol, weight) for symbol, weight in weights.items()),
    )


def substitutes_file(market: Market) -> bytes:
    return table(
        "symbol,use,rank,hurdle_bps,hold_only",
        (
            (symbol, use, rank, hurdle_bps, "yes" if is_hold_only else "no")
            for symbol, use, rank, hurdle_bps, is_hold_only in substitute_rows(market.universe)
        ),
    )


def corporate_actions_file() -> bytes:
    """Announce the split of the last days, and a merger that lies ahead."""
    return table(
        "symbol,kind,effective,ratio,delivered,units_per_unit,note",
        [
            (SPLIT.symbol, "split", SPLIT.effective_on, SPLIT.ratio, "", "", ""),
            (
                "THPX",
                "stock_merger",
                MERGER_ON,
                "",
                "NUTQ",
                "0.77",
                "Therapex is taken over by Nuralto; terms of October.",
            ),
        ],
    )


def late_files(demo: Demo) -> Iterator[DemoFile]:
    """Correct one closing price after everything else: it comes halved."""
    price = demo.market.price(UNTOLD_SPLIT_SYMBOL, BUSINESS_DATE)
    row = (UNTOLD_SPLIT_SYMBOL, BUSINESS_DATE, f"{price / 2:.2f}")
    yield _generic("80_prices_corrected_2026-11-20.csv", table("symbol,date,price", [row]))


def lots_file(as_of: date, stated: Iterable[tuple[AccountHistory, tuple[LotLine, ...]]]) -> bytes:
    """Write positions by lot; `position_quantity` is the custodian's own total."""
    return table(
        "account,as_of,symbol,quantity,cost,acquired,inherited,gift,position_quantity",
        (row for history, lots in stated for row in _lot_rows(history.spec.number, as_of, lots)),
    )


def _lot_rows(number: str, as_of: date, lots: tuple[LotLine, ...]) -> Iterator[tuple[object, ...]]:
    total: dict[str, Decimal] = {}
    for lot in lots:
        total[lot.symbol] = total.get(lot.symbol, Decimal(0)) + lot.units
    for lot in lots:
        yield (
            number,
            as_of,
            lot.symbol,
            lot.units,
            lot.cost_usd,
            "" if lot.cost_usd is None else lot.acquired_on,
            "yes" if lot.is_inherited else "",
            "yes" if lot.is_gift else "",
            total[lot.symbol],
        )


def cash_file(as_of: date, stated: Iterable[tuple[AccountHistory, Decimal]]) -> bytes:
    return table("account,as_of,settled", ((history.spec.number, as_of, usd) for history, usd in stated))


def transactions_file(histories: Iterable[AccountHistory]) -> bytes:
    return table(
        "account,date,kind,symbol,quantity,price,amount,ref",
        (
            (
                history.spec.number,
                done.traded_on,
                done.kind,
                done.symbol,
                done.units or None,
                done.price_usd,
                done.amount_usd,
                f"{history.spec.ref}-{place:04d}",
            )
            for history in histories
            for place, done in enumerate(history.transactions, start=1)
        ),
    )


def realised_file(history: AccountHistory) -> bytes:
    """Write the sales of the year in the layout of a 1099-B; the bank sees no purchase in another account."""
    return table(
        "account,symbol,quantity,acquired,sold,proceeds,basis,wash_disallowed",
        (
            (
                history.spec.number,
                closed.lot.symbol,
                closed.lot.units,
                closed.lot.acquired_on,
                closed.sold_on,
                closed.proceeds_usd,
                closed.lot.cost_usd,
                Decimal(0),
            )
            for closed in history.closed
        ),
    )


def outside_file(demo: Demo) -> bytes:
    """Write the recent trades of declared accounts that are held away."""
    market = demo.market
    rows: list[tuple[object, ...]] = []
    for history in demo.histories.values():
        for place, trade in enumerate(history.spec.outside_trades, start=1):
            is_buy = trade.side == "buy"
            price = Decimal(f"{market.price(trade.symbol, trade.traded_on):.2f}")
            amount = (trade.units * price).quantize(Decimal("0.01"))
            rows.append(
                (
                    history.spec.number,
                    trade.traded_on,
                    trade.side,
                    trade.symbol,
                    trade.units,
                    price,
                    -amount if is_buy else amount,
                    trade.loss_usd or None,
                    f"{history.spec.ref}-{place:04d}",
                )
            )
    return table("account,date,kind,symbol,quantity,price,amount,loss,ref", rows)
