"""The trades of a proposal with their lots: what is sold of each, what is kept and why, what a trade is worth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from advisors.templatetags.ui import day
from portfolios.ledger.gains import first_long_on
from portfolios.models.lots import Lot
from rebalancing.models.proposals import Proposal, ProposedTrade, Side
from rebalancing.selectors.rule_words import reason_words
from rebalancing.states import OPEN_TO_REVIEW


@dataclass(frozen=True, slots=True, kw_only=True)
class LotLine:
    """One lot below a sale: taken, in part or whole, or kept; the gain of a kept lot is not realised."""

    acquired_on: date
    term: str
    units: Decimal
    lot_units: Decimal
    unit_cost_usd: Decimal | None
    amount_usd: Decimal
    gain_usd: Decimal | None
    waiting_usd: Decimal
    note: str = ""

    @property
    def is_sold(self) -> bool:
        """Tell whether the sale takes anything of it."""
        return self.units > 0

    @property
    def left_units(self) -> Decimal:
        """Return what stays of the lot."""
        return self.lot_units - self.units


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLine:
    """One proposed trade. `worth_usd` is what it brings in dollars of the objective: risk, tax and cost together."""

    key: str
    is_sale: bool
    symbol: str
    name: str
    units: Decimal
    price_usd: Decimal
    amount_usd: Decimal
    gain_usd: Decimal
    worth_usd: Decimal | None
    risk_usd: Decimal | None
    tax_usd: Decimal | None
    cost_usd: Decimal | None
    reasons: tuple[str, ...]
    why: str
    lots: tuple[LotLine, ...]

    @property
    def reason_words(self) -> str:
        """Return the reasons in one line."""
        return "; ".join(self.reasons)


def dollars(value: object) -> Decimal | None:
    """Read a number of an outcome; None stays None."""
    return None if value is None else Decimal(str(value))


def trade_lines(proposal: Proposal) -> tuple[TradeLine, ...]:
    """Return the trades, sales before purchases, the largest first; four queries."""
    trades = (
        ProposedTrade.objects.filter(proposal=proposal)
        .select_related("security")
        .prefetch_related("lots")
        .order_by("-side", "-amount_usd", "pk")
    )
    rows = list(trades)
    kept = _kept_lots(proposal, rows)
    return tuple(_trade_line(trade, proposal, kept.get(trade.security_id, ())) for trade in rows)


def _trade_line(trade: ProposedTrade, proposal: Proposal, kept: Sequence[Lot]) -> TradeLine:
    parts = {name: dollars(trade.benefit.get(name)) for name in ("risk", "tax", "cost")}
    known = [part for part in parts.values() if part is not None]
    return TradeLine(
        key=f"t{trade.pk}",
        is_sale=trade.side == Side.SELL,
        symbol=trade.security.symbol,
        name=trade.security.name,
        units=trade.units,
        price_usd=trade.price_usd,
        amount_usd=trade.amount_usd,
        gain_usd=trade.short_gain_usd + trade.long_gain_usd,
        worth_usd=sum(known, Decimal(0)) if known else None,
        risk_usd=parts["risk"],
        tax_usd=parts["tax"],
        cost_usd=parts["cost"],
        reasons=tuple(reason_words(str(reason)) for reason in trade.reasons),
        why=trade.why,
        lots=(*_sold_lines(trade), *(_kept_line(lot, trade, on=proposal.as_of_on) for lot in kept)),
    )


def _sold_lines(trade: ProposedTrade) -> tuple[LotLine, ...]:
    return tuple(
        LotLine(
            acquired_on=lot.acquired_on,
            term=lot.term,
            units=lot.units,
            lot_units=lot.lot_units,
            unit_cost_usd=lot.cost_usd / lot.units,
            amount_usd=lot.units * trade.price_usd,
            gain_usd=lot.gain_usd,
            waiting_usd=lot.waiting_usd,
        )
        for lot in sorted(trade.lots.all(), key=lambda each: each.pk)
    )


def _kept_lots(proposal: Proposal, trades: Sequence[ProposedTrade]) -> Mapping[int, Sequence[Lot]]:
    """Return the lots that the sales leave alone, while the proposal is open and its lots still are as in the case."""
    if proposal.status not in OPEN_TO_REVIEW:
        return {}
    sold = {trade.security_id for trade in trades if trade.side == Side.SELL}
    taken = {lot.lot_key for trade in trades for lot in trade.lots.all()}
    rows = Lot.objects.filter(account_id=proposal.account_id, security_id__in=sold, closed_on__isnull=True)
    found: dict[int, list[Lot]] = {}
    for lot in rows.exclude(key__in=taken).order_by("acquired_on", "pk"):
        found.setdefault(lot.security_id, []).append(lot)
    return found


def _kept_line(lot: Lot, trade: ProposedTrade, *, on: date) -> LotLine:
    value = lot.units * trade.price_usd
    long_on = first_long_on(lot.holding_on or lot.acquired_on)
    is_long = lot.is_inherited or on >= long_on
    gain = None if lot.cost_usd is None else value - lot.cost_usd
    return LotLine(
        acquired_on=lot.acquired_on,
        term="long" if is_long else "short",
        units=Decimal(0),
        lot_units=lot.units,
        unit_cost_usd=None if lot.cost_usd is None else lot.cost_usd / lot.units,
        amount_usd=Decimal(0),
        gain_usd=gain,
        waiting_usd=Decimal(0),
        note=_kept_words(gain, long_on=None if is_long else long_on, is_gift=lot.is_gift),
    )


def _kept_words(gain: Decimal | None, *, long_on: date | None, is_gift: bool) -> str:
    if is_gift:
        return "Kept: put aside as a gift"
    if gain is None:
        return "Kept: its basis is unknown"
    if gain > 0 and long_on is not None:
        return f"Kept: short-term until {day(long_on)}"
    return "Kept: its gain stays deferred" if gain > 0 else "Kept: its loss is there for later"
