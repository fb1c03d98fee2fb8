"""From the stored case, the outcome, the fills and the year's gains to the facts of a client report."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal

from portfolios.ledger.tax import Gains, net_year, tax_used_usd
from portfolios.ledger.types import CENT, ZERO, Disposition
from rebalancing.engine.types import Tax
from reporting.measures.blind import fifo_dispositions
from reporting.measures.facts import (
    MANY_TRADES,
    VERSION,
    ReportFacts,
    Savings,
    SavingsColumn,
    Standing,
    TradeLine,
    YearTax,
)
from reporting.measures.inputs import Episode, Inputs
from reporting.measures.requests import check_lines, client_requests
from reporting.measures.savings import add_savings, before_trades, caused_usd, compare, rates_of, share_usd, tally
from reporting.measures.story import lede, story, year_sentence
from reporting.measures.trading import (
    allocation,
    our_dispositions,
    position,
    sold_lots,
    sold_totals,
    standing_of,
    trade_lines,
    value_usd,
)
from reporting.measures.wording import day, listed, percent

METHOD = (
    "We solved the same case again with the same date, holdings, deposits, withdrawals and restrictions, without "
    "regard to tax and selling the oldest lots first. The difference in this year’s tax at your rates is what was "
    "saved or deferred; what was deferred falls due if the holdings are sold."
)


def build_facts(inputs: Inputs) -> ReportFacts:
    """Turn everything a report is made from into what it says."""
    current = inputs.episodes[-1]
    period = _in_period(inputs)
    is_told = current in period or bool(current.fills)  # what was made before the period is not told again
    trades = _trades(inputs, period if is_told else (*period, current))
    standing = _standing(trades)
    requests = client_requests(current, plan=inputs.heading.risk_profile, wishes=inputs.wishes, words=inputs.words)
    columns = _columns(inputs, period=period)
    place = position(current)
    sold = sold_lots(inputs.period_dispositions, words=inputs.words)
    told = story(trades, current=current, position=place, needs=inputs.wishes.needs, words=inputs.words)
    return ReportFacts(
        version=VERSION,
        heading=inputs.heading,
        standing=standing,
        lede=lede(
            standing=standing,
            requests=requests,
            savings=columns[0].savings if columns and (period or standing == "proposed") else None,
            is_taxable=inputs.heading.is_taxable,
            trade_count=len(trades),
        ),
        requests=requests,
        columns=columns,
        method=METHOD if columns else "",
        year_tax=_year_tax(inputs, current),
        allocation=allocation(current, words=inputs.words),
        story=told,
        position=place,
        trades=trades,
        checks=check_lines(current, words=inputs.words),
        sold_lots=sold,
        sold_totals=sold_totals(sold),
        windows=tuple(sorted(inputs.windows, key=lambda window: (window.safe_on, window.symbol))),
        assumptions=_assumptions(inputs, current, columns=columns),
    )


def _trades(inputs: Inputs, episodes: Sequence[Episode]) -> tuple[TradeLine, ...]:
    """List trades by day as they were chosen, or the largest first where they fill more than a page."""
    lines = [line for episode in episodes for line in trade_lines(episode, words=inputs.words)]
    if len(lines) > MANY_TRADES:
        lines.sort(key=lambda line: (-line.amount_usd, line.symbol))
    return tuple(lines)


def _standing(trades: Sequence[TradeLine]) -> Standing:
    kinds = {line.standing for line in trades}
    if not kinds:
        return "none"
    if kinds == {"made"}:
        return "made"
    return "proposed" if kinds == {"proposed"} else "partly_made"


def _in_period(inputs: Inputs) -> tuple[Episode, ...]:
    first, last = inputs.heading.period_starts_on, inputs.heading.period_ends_on
    return tuple(episode for episode in inputs.episodes if first <= (_done_on(episode) or date.min) <= last)


def _done_on(episode: Episode) -> date | None:
    """The day an episode belongs to: of its last fill, or of the decision to trade nothing; None while it is open."""
    if episode.fills:
        return episode.made_on
    return episode.case.as_of if episode.is_live and not episode.outcome.trades else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """One episode against its tax-blind self."""

    savings: Savings
    ours: Gains
    ours_tax_usd: Decimal
    blind: Gains
    blind_tax_usd: Decimal


def _columns(inputs: Inputs, *, period: Sequence[Episode]) -> tuple[SavingsColumn, ...]:
    """Compare what was made in the period, since the beginning where that is longer, and what is proposed."""
    columns = []
    heading = inputs.heading
    done = [episode for episode in inputs.episodes if _done_on(episode) is not None]
    if period:
        label = f"{day(heading.period_starts_on)} to {day(heading.period_ends_on)}"
        columns.append(_column(label, period, fee_usd=_fee_usd(inputs)))
    if len(done) > len(period):
        first = min(_done_on(episode) or date.max for episode in done)
        columns.append(_column(f"Since {day(first)}, {first.year}", done, fee_usd=None))
    current = inputs.episodes[-1]
    if standing_of(current) == "proposed":
        columns.append(_column("If the proposed trades are made", [current], fee_usd=None))
    return tuple(column for column in columns if column is not None)


def _column(label: str, episodes: Sequence[Episode], *, fee_usd: Decimal | None) -> SavingsColumn | None:
    parts = [part for episode in episodes if (part := _compared(episode)) is not None]
    if not parts:
        return None
    ours, blind = _sum([part.ours for part in parts]), _sum([part.blind for part in parts])
    return SavingsColumn(
        label=label,
        savings=add_savings(part.savings for part in parts),
        ours_short_usd=ours.short_usd,
        ours_long_usd=ours.long_usd,
        ours_tax_usd=sum((part.ours_tax_usd for part in parts), ZERO),
        blind_short_usd=blind.short_usd,
        blind_long_usd=blind.long_usd,
        blind_tax_usd=sum((part.blind_tax_usd for part in parts), ZERO),
        fee_usd=fee_usd,
    )


def _sum(gains: Sequence[Gains]) -> Gains:
    return sum(gains, Gains())


def _compared(episode: Episode) -> _Compared | None:
    tax = episode.account.tax
    if tax is None or not episode.account.is_taxable or episode.blind is None:
        return None
    blind_account = next((one for one in episode.blind.accounts if one.id == episode.account_id), None)
    if blind_account is None:
        return None
    rates, before = rates_of(tax), before_trades(tax)
    ours = tally(our_dispositions(episode))
    blind = tally(fifo_dispositions(episode.case, episode.account, blind_account.trades))
    savings = compare(ours=ours, blind=blind, before=before, rates=rates)
    ours_tax = caused_usd(ours.net, before=before, rates=rates)
    return _Compared(
        savings=savings,
        ours=ours.net,
        ours_tax_usd=ours_tax,
        blind=blind.net,
        blind_tax_usd=ours_tax + savings.total_usd,
    )


def _fee_usd(inputs: Inputs) -> Decimal | None:
    if not inputs.fee_bps:
        return None
    first = max(inputs.heading.period_starts_on, inputs.fee_from_on or date.min)
    days = max((inputs.heading.period_ends_on - first).days + 1, 0)
    return share_usd(value_usd(inputs.episodes[-1]), bps=inputs.fee_bps, days=days)


def _year_tax(inputs: Inputs, current: Episode) -> YearTax | None:
    tax = current.account.tax
    if tax is None or not current.account.is_taxable:
        return None
    carried = Gains(short_usd=tax.carryforward_short, long_usd=tax.carryforward_long)
    realized, rates = inputs.year.realized, rates_of(tax)
    netted = net_year(realized=realized, carried_in=carried, offset_limit_usd=tax.ordinary_offset)
    used = tax_used_usd(realized=realized, carried_in=carried, rates=rates)
    tax_usd, year = used.quantize(CENT, ROUND_HALF_EVEN), inputs.heading.period_ends_on.year
    return YearTax(
        sentence=year_sentence(
            year=year,
            account_count=inputs.year.account_count,
            short_usd=realized.short_usd,
            long_usd=realized.long_usd,
            tax_usd=tax_usd,
            budget_usd=inputs.wishes.budget_usd,
        ),
        year=year,
        account_count=inputs.year.account_count,
        short_usd=realized.short_usd,
        long_usd=realized.long_usd,
        tax_usd=tax_usd,
        budget_usd=inputs.wishes.budget_usd,
        short_frac=rates.short_frac,
        long_frac=rates.long_frac,
        ordinary_frac=rates.ordinary_frac,
        carried_in_short_usd=carried.short_usd,
        carried_in_long_usd=carried.long_usd,
        carried_on_short_usd=netted.carried.short_usd,
        carried_on_long_usd=netted.carried.long_usd,
        deducted_usd=netted.ordinary_deduction_usd,
    )


def _assumptions(inputs: Inputs, current: Episode, *, columns: Sequence[SavingsColumn]) -> tuple[str, ...]:
    said = ["Figures are estimates for discussion: no tax advice, and no promise of future results."]
    tax = current.account.tax
    if columns and tax is not None:
        said.extend(_tax_assumptions(inputs, tax))
    said.append(
        "Tracking error is what our risk model expects the account to move apart from its target in a year; "
        "it may turn out otherwise."
    )
    blanks = _unknown(inputs.period_dispositions)
    if blanks:
        said.append(f"The cost of {blanks} sold lots is not known; they are listed without gain and are in no sum.")
    if inputs.heading.is_single_operator:
        said.append("At our firm the same person may propose, approve and release trades.")
    return tuple(said)


def _tax_assumptions(inputs: Inputs, tax: Tax) -> list[str]:
    days = sorted({episode.case.as_of for episode in inputs.episodes if episode.blind is not None})
    when = listed([day(on) for on in days], most=4)
    return [
        (
            f"Rates used, all taxes together: short-term gains {percent(tax.short_rate)}, long-term gains "
            f"{percent(tax.long_rate)}, ordinary income {percent(tax.ordinary_rate)}. Your return may differ."
        ),
        (
            f"The comparison trades at the closing prices of {when}; our trades count at the prices paid once they "
            "are made. Each day is compared on its own, from the account as it was."
        ),
        (
            "The rows are found one after the other: gains first, then rates, then losses. In another order they "
            "would share the same sum differently."
        ),
        (
            "Tax still to come is priced at today’s long-term rate, without interest. A loss used today lowers the "
            "cost of what you hold now; the tax on that difference is part of it."
        ),
        (
            "Alternative minimum tax, options, short and constructive sales and your other income are not looked at; "
            "state tax is in the rates above."
        ),
        (
            "Losses that a wash sale disallows count nothing, in our trades and in the comparison. Losses carried "
            "into later years are shown apart and are in no sum."
        ),
    ]


def _unknown(dispositions: Sequence[Disposition]) -> int:
    return sum(one.gain_usd is None for one in dispositions)
