"""Worked cases of the tax of a list of trades, and of what one more dollar of loss is worth."""

from collections.abc import Sequence
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.ladder import Rung, loss_ladder
from portfolios.ledger.tax import Gains, TaxRates, ordinary_offset_limit_usd
from portfolios.ledger.tax_schemes import MarginalScheme, OtherIncome, ScheduleScheme, Scheme, all_in_rates
from portfolios.ledger.tax_tables import federal_table
from portfolios.ledger.trade_tax import ListedTrade, ListTax, tax_of_list
from portfolios.ledger.types import ZERO, Term
from portfolios.ledger.worked_cases.reading import Actual, Fields, money, money_in, text_in

_COMPONENTS: Final = {
    "federal_ordinary": "federal_ordinary_frac",
    "federal_lt": "federal_long_frac",
    "niit": "niit_frac",
    "state_ordinary": "state_ordinary_frac",
    "state_lt": "state_long_frac",
}


def marginal_rates(given: Fields) -> Actual:
    """Return what the list adds to the year's tax at marginal rates."""
    return list_figures(_price(given, MarginalScheme(rates=rates_of(given))))


def federal_schedule(given: Fields) -> Actual:
    """Return what the list adds to the year's tax by the federal brackets and the tax on investment income."""
    income = OtherIncome(
        wages_usd=money_in(given, "wages", ZERO),
        interest_usd=money_in(given, "taxable_interest", ZERO),
        qualified_dividends_usd=money_in(given, "qualified_dividends", ZERO),
        deduction_usd=money_in(given, "deduction", ZERO),
    )
    table = federal_table(int(given["tax_year"]), text_in(given, "filing_status"))
    found = _price(given, ScheduleScheme(table=table, income=income))
    before, after = found.before, found.after
    return {
        **list_figures(found),
        "federal_income_tax_before": money(before.income_tax_usd),
        "federal_income_tax_after": money(after.income_tax_usd),
        "federal_income_tax_change": money(after.income_tax_usd - before.income_tax_usd),
        "niit_change": money(after.niit_usd - before.niit_usd),
    }


def loss_ladder_of(given: Fields) -> Actual:
    """Return where the dollars of a loss go, and what they are worth this year."""
    loss = given["loss"]
    ladder = loss_ladder(
        term=term_of_code(loss),
        amount_usd=abs(money_in(loss, "amount")),
        rates=rates_of(given),
        year_to_date=pair(given, "ytd"),
        carried_in=pair(given, "carryforward"),
    )
    return {
        "st_gains": money(ladder.amount_usd(Rung.SHORT_GAINS)),
        "lt_gains": money(ladder.amount_usd(Rung.LONG_GAINS)),
        "ordinary": money(ladder.amount_usd(Rung.ORDINARY)),
        "deferred": money(ladder.amount_usd(Rung.CARRIED)),
        "current_value": money(ladder.current_value_usd),
    }


def rates_of(given: Fields) -> TaxRates:
    """Return the rates of a case, all-in or by their components."""
    rates, limit = given["rates"], ordinary_offset_limit_usd(text_in(given, "filing_status"))
    if "st" not in rates:
        parts = {ours: money_in(rates, theirs, ZERO) for theirs, ours in _COMPONENTS.items()}
        return all_in_rates(**parts, ordinary_offset_usd=limit)
    return TaxRates(
        short_frac=money_in(rates, "st"),
        long_frac=money_in(rates, "lt"),
        ordinary_frac=money_in(rates, "ordinary_offset", money_in(rates, "st")),
        ordinary_offset_usd=limit,
    )


def pair(given: Fields, name: str) -> Gains:
    """Return amounts by character; a case that does not tell them has none."""
    fields = given.get(name) or {}
    return Gains(short_usd=money_in(fields, "st", ZERO), long_usd=money_in(fields, "lt", ZERO))


def term_of_code(fields: Fields) -> Term:
    """
    Read ST or LT.

    :raises BadInput: it is neither
    """
    code = text_in(fields, "term")
    if code not in ("ST", "LT"):
        raise BadInput(f"term is {code!r}; it is ST or LT")
    return Term.LONG if code == "LT" else Term.SHORT


def price_list(given: Fields, trades: Sequence[ListedTrade], scheme: Scheme) -> ListTax:
    """Price a list on the year to date and the losses carried in."""
    return tax_of_list(trades, scheme=scheme, year_to_date=pair(given, "ytd"), carried_in=pair(given, "carryforward"))


def _price(given: Fields, scheme: Scheme) -> ListTax:
    trades = [
        ListedTrade(
            key=str(number),
            term=term_of_code(trade),
            gain_usd=money_in(trade, "gain"),
            disallowed_usd=money_in(trade, "wash_disallowed", ZERO),
            tax_status=str(trade.get("tax_status") or "taxable"),
        )
        for number, trade in enumerate(given["trades"])
    ]
    return price_list(given, trades, scheme)


def list_figures(found: ListTax) -> Actual:
    """Write the tax before and after, what the list adds, and the carryovers."""
    before, after = found.before, found.after
    return {
        "tax_before": money(before.tax_usd),
        "tax_after": money(after.tax_usd),
        "tax_cost": money(found.cost_usd),
        "st_carryover_before": money(before.carried.short_usd),
        "lt_carryover_before": money(before.carried.long_usd),
        "st_carryover_after": money(after.carried.short_usd),
        "lt_carryover_after": money(after.carried.long_usd),
    }
