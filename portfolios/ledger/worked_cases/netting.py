"""Worked cases of the netting of a year and of losses carried from year to year."""

from portfolios.ledger.tax import (
    Gains,
    YearNetting,
    carryover_by_worksheet,
    net_year,
    net_years,
    ordinary_offset_limit_usd,
)
from portfolios.ledger.worked_cases.reading import Actual, Fields, money, money_in, text_in


def netting(given: Fields) -> Actual:
    """Net one year."""
    year = net_year(
        realized=Gains(short_usd=money_in(given, "st_realized"), long_usd=money_in(given, "lt_realized")),
        carried_in=Gains(
            short_usd=money_in(given, "st_carryforward_in"), long_usd=money_in(given, "lt_carryforward_in")
        ),
        offset_limit_usd=ordinary_offset_limit_usd(text_in(given, "filing_status")),
    )
    return _netted(year)


def multi_year(given: Fields) -> Actual:
    """Net one year after the other."""
    opening = given.get("opening") or {"st": "0", "lt": "0"}
    years = net_years(
        [Gains(short_usd=money_in(year, "st"), long_usd=money_in(year, "lt")) for year in given["years"]],
        carried_in=Gains(short_usd=money_in(opening, "st"), long_usd=money_in(opening, "lt")),
        offset_limit_usd=ordinary_offset_limit_usd(text_in(given, "filing_status")),
    )
    return {
        "years": [
            {"year": given_year["year"], **_netted(year)}
            for given_year, year in zip(given["years"], years, strict=True)
        ]
    }


def worksheet(given: Fields) -> Actual:
    """Return what the Capital Loss Carryover Worksheet carries on."""
    carried = carryover_by_worksheet(
        taxable_income_usd=money_in(given, "form_1040_line_15"),
        line_7_usd=money_in(given, "schedule_d_line_7"),
        line_15_usd=money_in(given, "schedule_d_line_15"),
        line_21_usd=money_in(given, "schedule_d_line_21"),
    )
    return {"st_carryover": money(carried.short_usd), "lt_carryover": money(carried.long_usd)}


def _netted(year: YearNetting) -> Actual:
    return {
        "net_st": money(year.net.short_usd),
        "net_lt": money(year.net.long_usd),
        "taxable_st": money(year.taxable.short_usd),
        "taxable_lt": money(year.taxable.long_usd),
        "ordinary_deduction": money(year.ordinary_deduction_usd),
        "st_carryover": money(year.carried.short_usd),
        "lt_carryover": money(year.carried.long_usd),
    }
