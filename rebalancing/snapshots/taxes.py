"""The tax block of a return: rates, the year so far, limits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, cast

from portfolios.ledger.errors import BadInput
from portfolios.ledger.tax import Gains, TaxRates, tax_used_usd
from portfolios.models.households import TaxSituation
from portfolios.models.lots import Term
from portfolios.policy import SettingValue
from rebalancing.engine.types import ForcedHarvest, Harvest, ShortGains, Tax
from rebalancing.snapshots.facts import Realized
from rebalancing.snapshots.needs import money_of

CENT: Final = Decimal("0.01")
_PARTS: Final[Mapping[str, int]] = {"month": 12, "quarter": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnTax:
    """A return's tax block and what lists show of it."""

    tax: Tax
    used_usd: Decimal


def return_tax(
    situation: TaxSituation | None,
    *,
    settings: Mapping[str, SettingValue],
    realized: Iterable[Realized],
    as_of: date,
) -> ReturnTax:
    """
    Build the block of one return; `realized` is booked and pending, of its taxable accounts.

    The engine needs a convex tax: where long-term gains are taxed higher than short-term ones, it counts short-term
    gains at the long-term rate too.
    :raises BadInput: nobody entered the return's rates for the year
    """
    if situation is None:
        raise BadInput(f"The tax return has no rates for {as_of.year}. Enter them on the household's page.")
    gains = _gains(realized)
    short, long = gains.short_usd + situation.outside_short_usd, gains.long_usd + situation.elsewhere_long_usd
    ordinary = situation.offset_rate_frac
    long_rate = situation.long_rate_frac
    short_rate = max(situation.short_rate_frac, ordinary, long_rate)
    tax = Tax(
        short_rate=float(short_rate),
        long_rate=float(long_rate),
        ordinary_rate=float(ordinary),
        ordinary_offset=situation.ordinary_offset_usd,
        realized_short=short,
        realized_long=long,
        carryforward_short=situation.carryforward_short_usd,
        carryforward_long=situation.carryforward_long_usd,
        budget_tax=_budget(settings, as_of=as_of),
        max_net_gain=money_of(settings["tax.max_net_gain_usd"]),
        short_gains=cast(ShortGains, settings["tax.short_gains"]),
        harvest=cast(Harvest, settings["tax.harvest"]),
        forced_harvest=_forced_harvest(settings),
        never_realize_gains=bool(settings["tax.never_realize_gains"]),
        deferral_years=float(str(settings["tax.deferral_years"])),
        discount_rate=float(str(settings["tax.discount_frac"])),
    )
    used = tax_used_usd(
        realized=Gains(short_usd=short, long_usd=long),
        carried_in=Gains(short_usd=tax.carryforward_short, long_usd=tax.carryforward_long),
        rates=TaxRates(
            short_frac=short_rate,
            long_frac=long_rate,
            ordinary_frac=ordinary,
            ordinary_offset_usd=tax.ordinary_offset,
        ),
    )
    return ReturnTax(tax=tax, used_usd=used.quantize(CENT, ROUND_HALF_EVEN))


def _gains(realized: Iterable[Realized]) -> Gains:
    total = {Term.SHORT.value: Decimal(0), Term.LONG.value: Decimal(0)}
    for one in realized:
        total[one.term] += one.gain_usd
    return Gains(
        short_usd=total[Term.SHORT].quantize(CENT, ROUND_HALF_EVEN),
        long_usd=total[Term.LONG].quantize(CENT, ROUND_HALF_EVEN),
    )


def _budget(settings: Mapping[str, SettingValue], *, as_of: date) -> Decimal | None:
    """Return the part of the year's budget that is free by now."""
    budget = money_of(settings["tax.budget_usd"])
    parts = _PARTS.get(str(settings["tax.budget_prorated"]))
    if budget is None or parts is None:
        return budget
    begun = (as_of.month - 1) * parts // 12 + 1
    return (budget * begun / parts).quantize(CENT, ROUND_HALF_EVEN)


def _forced_harvest(settings: Mapping[str, SettingValue]) -> ForcedHarvest | None:
    amount = money_of(settings["tax.forced_harvest_usd"])
    short = money_of(settings["tax.forced_harvest_short_usd"])
    if amount is None and short is None:
        return None
    return ForcedHarvest(amount=max(amount or Decimal(0), short or Decimal(0)), short_only_amount=short or Decimal(0))
