"""What was traded: trades as made or proposed, the allocation around them, and where the account stands."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from portfolios.ledger.types import CENT, Disposition, Term
from rebalancing.engine.outcome import Trade
from rebalancing.engine.types import CASH, CASH_CLASS, Case
from reporting.measures.facts import ClassShare, Position, SoldLot, SoldTotal, Standing, TradeLine
from reporting.measures.inputs import ZERO, Episode, Fill, Words
from reporting.measures.wording import REASON_WORDS, sentence

SHARE_STEP = Decimal("0.00001")

Units = Mapping[str, Decimal]


def standing_of(episode: Episode) -> Standing:
    """Say what became of a proposal's trades; only what was booked is made."""
    trades = episode.outcome.trades
    if not trades:
        return "none"
    if not episode.fills:
        return "proposed" if episode.is_live else "none"
    return "made" if all(_is_whole(episode, trade) for trade in trades) else "partly_made"


def trade_lines(episode: Episode, *, words: Words) -> tuple[TradeLine, ...]:
    """List the trades of an episode; of a proposal of which a part was made, what was not made stays proposed."""
    lines = []
    for trade in episode.outcome.trades:
        fills = [fill for fill in episode.fills if fill.side == trade.side and fill.security == trade.security]
        if fills:
            lines.append(_made(trade, fills, episode=episode, words=words))
        elif episode.is_live:
            lines.append(_proposed(trade, episode=episode, words=words))
    return tuple(lines)


def _made(trade: Trade, fills: list[Fill], *, episode: Episode, words: Words) -> TradeLine:
    units = sum((fill.units for fill in fills), ZERO)
    amount = sum((fill.units * fill.price_usd for fill in fills), ZERO)
    sold = [one for one in episode.dispositions if one.security == trade.security] if trade.side == "sell" else []
    return TradeLine(
        standing="made" if _is_whole(episode, trade) else "partly_made",
        traded_on=max(fill.traded_on for fill in fills),
        side=trade.side,
        symbol=trade.security,
        name=words.securities.get(trade.security, ""),
        units=units,
        proposed_units=trade.quantity,
        amount_usd=_cents(amount),
        short_usd=_recognized(sold, Term.SHORT),
        long_usd=_recognized(sold, Term.LONG),
        reasons=_reasons(trade),
        why=sentence(trade.why),
    )


def _proposed(trade: Trade, *, episode: Episode, words: Words) -> TradeLine:
    by_term = {term: sum((lot.gain for lot in trade.lots if lot.term == term), ZERO) for term in ("short", "long")}
    return TradeLine(
        standing="proposed",
        traded_on=episode.case.as_of,
        side=trade.side,
        symbol=trade.security,
        name=words.securities.get(trade.security, ""),
        units=trade.quantity,
        proposed_units=trade.quantity,
        amount_usd=_cents(trade.quantity * trade.price),
        short_usd=_cents(by_term["short"]),
        long_usd=_cents(by_term["long"]),
        reasons=_reasons(trade),
        why=sentence(trade.why),
    )


def _reasons(trade: Trade) -> tuple[str, ...]:
    return tuple(REASON_WORDS.get(reason, reason.replace("_", " ")) for reason in trade.reasons)


def our_dispositions(episode: Episode) -> tuple[Disposition, ...]:
    """Return the lots that we sold; while nothing was made, those that are proposed."""
    if episode.fills or not episode.is_live:
        return episode.dispositions
    return proposed_dispositions(episode)


def proposed_dispositions(episode: Episode) -> tuple[Disposition, ...]:
    """Return the lots of the proposed sales as the outcome prices them."""
    lots = {lot.id: lot for lot in episode.account.lots}
    found = []
    for trade in episode.outcome.trades:
        for part in trade.lots:
            lot = lots[part.lot]
            proceeds = _cents(part.quantity * trade.price)
            found.append(
                Disposition(
                    event_ref=f"proposed {trade.security}",
                    lot_key=part.lot,
                    root_key=part.lot,
                    security=trade.security,
                    units=part.quantity,
                    proceeds_usd=proceeds,
                    cost_usd=None if lot.cost is None else proceeds - part.gain,
                    gain_usd=None if lot.cost is None else part.gain,
                    term=Term(part.term),
                    sold_on=episode.case.as_of,
                    acquired_on=lot.acquired,
                    holding_on=lot.holding_date,
                )
            )
    return tuple(found)


def sold_lots(dispositions: Iterable[Disposition], *, words: Words) -> tuple[SoldLot, ...]:
    """List lots sold as the accountant needs them, by day, security and acquisition."""
    rows = [
        SoldLot(
            symbol=one.security,
            name=words.securities.get(one.security, ""),
            units=one.units,
            acquired_on=one.acquired_on,
            sold_on=one.sold_on,
            proceeds_usd=one.proceeds_usd,
            cost_usd=None if one.cost_usd is None else _cents(one.cost_usd),
            gain_usd=one.gain_usd,
            disallowed_usd=one.disallowed_usd,
            is_permanent=one.is_permanent,
            term="short" if one.term == Term.SHORT else "long",
        )
        for one in dispositions
    ]
    return tuple(sorted(rows, key=lambda row: (row.sold_on, row.symbol, row.acquired_on or date.min, row.units)))


def sold_totals(rows: Iterable[SoldLot]) -> tuple[SoldTotal, ...]:
    """Add up the lots of each term whose gain is known."""
    known = [row for row in rows if row.gain_usd is not None]
    totals = []
    for term, label in (("short", "Short-term"), ("long", "Long-term")):
        group = [row for row in known if row.term == term]
        if group:
            totals.append(
                SoldTotal(
                    label=label,
                    proceeds_usd=sum((row.proceeds_usd for row in group), ZERO),
                    cost_usd=sum((row.cost_usd or ZERO for row in group), ZERO),
                    gain_usd=sum((row.gain_usd or ZERO for row in group), ZERO),
                    disallowed_usd=sum((row.disallowed_usd for row in group), ZERO),
                )
            )
    return tuple(totals)


def held_units(episode: Episode, *, is_after: bool) -> Units:
    """Return units by security before the trades, or after those that were made (or, while none was, are proposed)."""
    held: dict[str, Decimal] = {}
    for lot in episode.account.lots:
        held[lot.security] = held.get(lot.security, ZERO) + lot.quantity
    if not is_after:
        return held
    for side, name, count, _ in _moves(episode):
        held[name] = held.get(name, ZERO) + (count if side == "buy" else -count)
    return held


def _moves(episode: Episode) -> list[tuple[str, str, Decimal, Decimal]]:
    """Return side, security, units and price of what was made, or is proposed."""
    if episode.fills:
        return [(fill.side, fill.security, fill.units, fill.price_usd) for fill in episode.fills]
    if not episode.is_live:
        return []
    return [(trade.side, trade.security, trade.quantity, trade.price) for trade in episode.outcome.trades]


def cash_after_usd(episode: Episode) -> Decimal:
    """Return cash after what was made; while nothing was, what the proposal leaves."""
    if not episode.fills:
        return episode.outcome.cash_after if episode.is_live else episode.account.cash
    moved = sum((units * price * (1 if side == "sell" else -1) for side, _, units, price in _moves(episode)), ZERO)
    fees = sum((fill.fee_usd for fill in episode.fills), ZERO)
    return _cents(episode.account.cash + moved - fees)


def value_usd(episode: Episode) -> Decimal:
    """Return the value of the account at the prices of its case."""
    prices = _prices(episode.case)
    worth = sum((count * prices[name] for name, count in held_units(episode, is_after=False).items()), ZERO)
    return _cents(worth + episode.account.cash)


def allocation(episode: Episode, *, words: Words) -> tuple[ClassShare, ...]:
    """Return the asset classes before, after, and as targeted, as fractions of the value that stays."""
    account, case = episode.account, episode.case
    class_of = {security.id: security.asset_class for security in case.securities} | {CASH: CASH_CLASS}
    raised = account.cash_needs.raise_
    staying = value_usd(episode) - raised
    before = _by_class(held_units(episode, is_after=False), account.cash - raised, case=case)
    after = _by_class(held_units(episode, is_after=True), cash_after_usd(episode) - raised, case=case)
    target: dict[str, Decimal] = {}
    for name, weight in account.target.items():
        target[class_of[name]] = target.get(class_of[name], ZERO) + Decimal(str(weight))
    keys = list(dict.fromkeys([*words.classes, *account.class_limits, *target, *after, *before]))
    shown = [key for key in keys if key in target or before.get(key) or after.get(key)]
    return tuple(
        ClassShare(
            name=words.classes.get(key, key),
            before_frac=_share(before.get(key, ZERO), staying),
            after_frac=_share(after.get(key, ZERO), staying),
            target_frac=target.get(key, ZERO).quantize(SHARE_STEP, ROUND_HALF_UP),
            min_frac=_limit(account.class_limits, key, 0),
            max_frac=_limit(account.class_limits, key, 1),
        )
        for key in shown
    )


def _by_class(held: Units, cash: Decimal, *, case: Case) -> dict[str, Decimal]:
    prices = _prices(case)
    class_of = {security.id: security.asset_class for security in case.securities}
    worth: dict[str, Decimal] = {CASH_CLASS: cash}
    for name, count in held.items():
        worth[class_of[name]] = worth.get(class_of[name], ZERO) + count * prices[name]
    return worth


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return (part / whole).quantize(SHARE_STEP, ROUND_HALF_UP) if whole else ZERO


def _limit(limits: Mapping[str, tuple[float, float]], key: str, side: int) -> Decimal | None:
    return Decimal(str(limits[key][side])) if key in limits else None


def position(episode: Episode) -> Position:
    """Say where the account stands; the tracking error after is that of the trades as proposed."""
    outcome, account = episode.outcome, episode.account
    is_as_proposed = standing_of(episode) in ("made", "proposed")
    return Position(
        as_of_on=episode.case.as_of,
        value_usd=value_usd(episode),
        cash_before_usd=account.cash,
        cash_after_usd=cash_after_usd(episode),
        raised_usd=account.cash_needs.raise_,
        tracking_before_frac=_frac(outcome.tracking_error_before),
        tracking_after_frac=_frac(outcome.tracking_error_after) if is_as_proposed else None,
        cost_usd=_cents(outcome.cost),
        turnover_frac=_turnover(episode),
    )


def _turnover(episode: Episode) -> Decimal:
    moved = sum((units * price for _, _, units, price in _moves(episode)), ZERO)
    staying = value_usd(episode) - episode.account.cash_needs.raise_
    return _share(moved / 2, staying)


def _frac(number: float) -> Decimal:
    return Decimal(str(number)).quantize(SHARE_STEP, ROUND_HALF_UP)


def _prices(case: Case) -> Mapping[str, Decimal]:
    return {security.id: security.price for security in case.securities}


def _is_whole(episode: Episode, trade: Trade) -> bool:
    of_it = (fill.units for fill in episode.fills if (fill.side, fill.security) == (trade.side, trade.security))
    return trade.security in episode.complete or sum(of_it, ZERO) >= trade.quantity


def _recognized(dispositions: Iterable[Disposition], term: Term) -> Decimal:
    return sum((one.recognized_usd or ZERO for one in dispositions if one.term == term), ZERO)


def _cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_EVEN)
