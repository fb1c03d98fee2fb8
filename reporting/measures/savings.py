"""What managing tax saved or put off: our lots against those of trading that ignores tax, on the same return."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from portfolios.ledger.tax import NO_GAINS, Gains, TaxRates, net_year, tax_caused_usd, year_tax_usd
from portfolios.ledger.types import CENT, ZERO, Disposition, Term
from rebalancing.engine.types import Tax
from reporting.measures.facts import Savings

NO_SAVINGS = Savings(
    losses_usd=ZERO,
    deferred_gains_usd=ZERO,
    lower_rate_usd=ZERO,
    total_usd=ZERO,
    to_come_usd=ZERO,
    for_good_usd=ZERO,
    carried_usd=ZERO,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Recognised amounts of some sales, gains apart from losses (losses are negative)."""

    gains: Gains = NO_GAINS
    losses: Gains = NO_GAINS

    @property
    def net(self) -> Gains:
        """Return gains and losses together, by character."""
        return self.gains + self.losses


def tally(dispositions: Iterable[Disposition]) -> Tally:
    """Add up sales by character and sign; a disallowed loss and an unknown basis count nothing."""
    sums = {(term, is_gain): ZERO for term in Term for is_gain in (True, False)}
    for one in dispositions:
        amount = one.recognized_usd or ZERO
        sums[Term(one.term), amount > 0] += amount
    return Tally(
        gains=Gains(short_usd=sums[Term.SHORT, True], long_usd=sums[Term.LONG, True]),
        losses=Gains(short_usd=sums[Term.SHORT, False], long_usd=sums[Term.LONG, False]),
    )


def rates_of(tax: Tax) -> TaxRates:
    """Return a case's rates as decimals. A loss carried beyond the year counts nothing here."""
    return TaxRates(
        short_frac=Decimal(str(tax.short_rate)),
        long_frac=Decimal(str(tax.long_rate)),
        ordinary_frac=Decimal(str(tax.ordinary_rate)),
        ordinary_offset_usd=tax.ordinary_offset,
        carried_loss_frac=ZERO,
    )


def before_trades(tax: Tax) -> Gains:
    """Return the return's year before the trades of a case, net of carryforwards."""
    return Gains(
        short_usd=tax.realized_short - tax.carryforward_short, long_usd=tax.realized_long - tax.carryforward_long
    )


def compare(*, ours: Tally, blind: Tally, before: Gains, rates: TaxRates) -> Savings:
    """
    Split the difference in this year's tax between two lists of sales.

    We walk from the tax-blind list to ours in three steps and price each: first as much gain as we realised, in the
    mix of short and long of the tax-blind list (gains deferred); then our mix (lower rate); then our losses (losses
    used). The steps add up to the whole.
    """
    less_gain = _in_mix(blind.gains, total_usd=ours.gains.total_usd, otherwise=ours.gains)
    stations = (blind.net, less_gain + blind.losses, ours.gains + blind.losses, ours.net)
    taxes = [year_tax_usd(before + station, rates=rates, carried_loss_frac=ZERO) for station in stations]
    deferred, lower, losses = (_cents(taxes[i] - taxes[i + 1]) for i in range(3))
    total = deferred + lower + losses
    carried = _carried_usd(before + ours.net, rates=rates) - _carried_usd(before + blind.net, rates=rates)
    unrealized = blind.net.total_usd - ours.net.total_usd
    to_come = _cents(rates.long_frac * (unrealized - carried))
    return Savings(
        losses_usd=losses,
        deferred_gains_usd=deferred,
        lower_rate_usd=lower,
        total_usd=total,
        to_come_usd=to_come,
        for_good_usd=total - to_come,
        carried_usd=_cents(carried),
    )


def add_savings(parts: Iterable[Savings]) -> Savings:
    """Add up comparisons of several days."""
    total = NO_SAVINGS
    for part in parts:
        total = Savings(**{name: getattr(total, name) + getattr(part, name) for name in Savings.__dataclass_fields__})
    return total


def caused_usd(trades: Gains, *, before: Gains, rates: TaxRates) -> Decimal:
    """Return what trades add to this year's tax, to the cent."""
    return _cents(tax_caused_usd(before=before, trades=trades, rates=rates))


def _in_mix(gains: Gains, *, total_usd: Decimal, otherwise: Gains) -> Gains:
    whole = gains.total_usd
    if whole == 0:
        return otherwise
    return Gains(short_usd=gains.short_usd * total_usd / whole, long_usd=gains.long_usd * total_usd / whole)


def _carried_usd(net: Gains, *, rates: TaxRates) -> Decimal:
    return net_year(realized=net, offset_limit_usd=rates.ordinary_offset_usd).carried.total_usd


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)


def share_usd(amount_usd: Decimal, *, bps: Decimal, days: int) -> Decimal:
    """Return a yearly fee in basis points for so many days."""
    return (amount_usd * bps / 10_000 * days / 365).quantize(CENT, ROUND_HALF_UP)
