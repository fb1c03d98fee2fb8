"""What was done and why, in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from reporting.measures.facts import Position, Request, Savings, Standing, TradeLine
from reporting.measures.inputs import ZERO, Episode, Words
from reporting.measures.wording import (
    REASON_WORDS,
    counted,
    day,
    dollars,
    listed,
    percent,
    security_name,
    sentence,
    stop_words,
)

MAX_WHY_NOT = 2
MAX_GROUPS = 4

_PURPOSES: Mapping[str, str] = {
    "harvest_loss": "To use losses",
    "forced_harvest": "To realise the losses you asked for",
    "raise_cash": "To raise cash",
    "invest_cash": "To invest cash",
    "reduce_tracking_risk": "To stay close to the target",
    "restore_allocation": "To restore the allocation",
    "never_own": "To part with what you do not want to own",
    "cap_position": "To reduce a large position",
    "replace_restricted_security": "To stand in for what may not be bought",
    "counterbalance_held_security": "To balance what you keep",
    "model_change": "To follow a change of our model",
    "return_from_substitute": "To return from substitutes after their 30 days",
    "transition_step": "As the next step of your transition",
    "household_location": "To hold each investment in the better account",
    "corporate_action": "After a corporate action",
}
_PURPOSE_OF = {REASON_WORDS[key]: purpose for key, purpose in _PURPOSES.items()}


def story(
    trades: Sequence[TradeLine], *, current: Episode, position: Position, needs: Sequence[str], words: Words
) -> tuple[str, ...]:
    """Tell what was traded, for what, what was left undone, and where the account stands."""
    made = [line for line in trades if line.standing in ("made", "partly_made")]
    proposed = [line for line in trades if line.standing == "proposed"]
    paragraphs = [*_told(made, verb="made", needs=needs), *_told(proposed, verb="proposed", needs=needs)]
    if not trades and not current.outcome.trades:
        paragraphs.append("We made no trades: none would have been worth its tax and cost.")
    elif not trades:
        paragraphs.append("We made no trades in these days.")
    paragraphs.append(_standing(position))
    paragraphs.extend(_why_not(current, words=words, is_proposed=bool(proposed) and not made))
    return tuple(paragraphs)


def _told(lines: Sequence[TradeLine], *, verb: str, needs: Sequence[str]) -> Iterator[str]:
    if not lines:
        return
    yield _opening(lines, verb=verb)
    groups: dict[str, list[TradeLine]] = {}
    for line in lines:
        groups.setdefault(line.reasons[0] if line.reasons else "", []).append(line)
    ranked = sorted(groups.items(), key=lambda group: -sum((line.amount_usd for line in group[1]), ZERO))
    for reason, group in ranked[:MAX_GROUPS]:
        yield _group(reason, group, verb=verb, needs=needs)
    if len(ranked) > MAX_GROUPS:
        rest = sum(len(group) for _, group in ranked[MAX_GROUPS:])
        yield f"{counted(rest, 'further trade')} {'has its' if rest == 1 else 'have their'} reasons on the next pages."


def _opening(lines: Sequence[TradeLine], *, verb: str) -> str:
    sales = [line for line in lines if line.side == "sell"]
    buys = [line for line in lines if line.side == "buy"]
    parts = [
        f"{counted(len(group), name)} for {dollars(_amount(group))}"
        for group, name in ((sales, "sale"), (buys, "purchase"))
        if group
    ]
    days = sorted({line.traded_on for line in lines})
    if verb == "proposed":
        return f"We propose {' and '.join(parts)}, as of {day(days[-1])}. None of these has been made."
    when = f"on {listed([day(on) for on in days])}" if len(days) <= 3 else f"on {len(days)} days"
    short = sum(1 for line in lines if line.standing == "partly_made")
    partly = f" {counted(short, 'of these was', 'of these were')} made in part." if short else ""
    return f"We traded {when}: {' and '.join(parts)}.{partly}"


def _group(reason: str, lines: Sequence[TradeLine], *, verb: str, needs: Sequence[str]) -> str:
    purpose = _PURPOSE_OF.get(reason, f"For this reason: {reason}" if reason else "For the target")
    if reason == REASON_WORDS["raise_cash"] and needs:
        purpose = f"To raise cash for {listed(needs)}"
    parts = []
    for side, past, infinitive in (("sell", "sold", "sell"), ("buy", "bought", "buy")):
        group = sorted((line for line in lines if line.side == side), key=lambda line: (-line.amount_usd, line.symbol))
        if group:
            names = listed([_name(line) for line in group])
            did = past if verb == "made" else infinitive
            parts.append(f"{did} {names} for {dollars(_amount(group))}{_result(group)}")
    return f"{purpose}, we {'propose to ' if verb == 'proposed' else ''}{' and '.join(parts)}."


def _result(lines: Sequence[TradeLine]) -> str:
    if lines[0].side == "buy":
        return ""
    net = sum((line.short_usd + line.long_usd for line in lines), ZERO)
    if net == 0:
        return ""
    return f" ({'a gain' if net > 0 else 'a loss'} of {dollars(abs(net))})"


def _name(line: TradeLine) -> str:
    return f"{line.name} ({line.symbol})" if line.name and len(line.name) <= 28 else line.symbol


def _amount(lines: Sequence[TradeLine]) -> Decimal:
    return sum((line.amount_usd for line in lines), ZERO)


def _why_not(episode: Episode, *, words: Words, is_proposed: bool) -> Iterator[str]:
    opening = "We do not propose to" if is_proposed else "We did not"
    for one in episode.outcome.why_not[:MAX_WHY_NOT]:
        name = security_name(one.security, words)
        wanted = one.wanted.split(" of lot ")[0]
        yield sentence(f"{opening} {wanted} of {name}: {stop_words(one.stopped_by, words)}")


def _standing(position: Position) -> str:
    value = f"On {day(position.as_of_on)} the account was worth {dollars(position.value_usd)}."
    before, after = position.tracking_before_frac, position.tracking_after_frac
    if before is None:
        return value
    if after is None or before == after:
        return f"{value} We estimate that it may move {percent(before)} a year apart from its target."
    return (
        f"{value} We estimate that it may move {percent(after)} a year apart from its target, "
        f"{percent(before)} before the trades."
    )


def lede(
    *, standing: Standing, requests: Sequence[Request], savings: Savings | None, is_taxable: bool, trade_count: int
) -> str:
    """Answer first: was what was asked followed, and what did managing tax bring."""
    parts = [_kept(requests, standing=standing, trade_count=trade_count)]
    if not is_taxable:
        parts.append("Trading in this account is not taxed, so there is no tax to save.")
    elif savings is not None:
        parts.append(_saved(savings, is_proposed=standing == "proposed"))
    return " ".join(parts)


def _kept(requests: Sequence[Request], *, standing: Standing, trade_count: int) -> str:
    off = [line for line in requests if line.tone in ("exception", "not_followed")]
    does = "would follow" if standing == "proposed" else "followed"
    proposed = f"We propose {counted(trade_count, 'trade')}; none has been made yet. They"
    opening = proposed if standing == "proposed" else "We"
    if not requests:
        return "We kept your account close to its target."
    under_way = sum(line.tone == "in_progress" for line in requests)
    if not off and under_way:
        still = f"{counted(under_way, 'request')} {'is' if under_way == 1 else 'are'} still under way"
        return f"{opening} {does} your plan and what you asked for; {still}."
    if not off:
        return f"{opening} {does} your plan and everything you asked for."
    return f"{opening} {does} your plan and what you asked for, with {counted(len(off), 'exception')} named below."


def _saved(savings: Savings, *, is_proposed: bool) -> str:
    against = "Compared with trading that ignores tax, "
    who = "they would" if is_proposed else "ours"
    total, good = savings.total_usd, savings.for_good_usd
    if total == 0:
        return "Trading that ignores tax would cause the same tax this year."
    if total < 0:
        verb = "cause" if is_proposed else "caused"
        return f"{against}{who} {verb} {dollars(-total)} more tax this year."
    verb = "save or defer" if is_proposed else "saved or deferred"
    if good <= 0:
        share = "all of it deferred to the day the holdings are sold"
    elif good >= total:
        share = "all of it for good"
    else:
        share = f"{dollars(good)} of it for good"
    return f"{against}{who} {verb} {dollars(total)} of tax this year, {share}."


def year_sentence(
    *,
    year: int,
    account_count: int,
    short_usd: Decimal,
    long_usd: Decimal,
    tax_usd: Decimal,
    budget_usd: Decimal | None,
) -> str:
    """Say what the year's trading has done to the client's tax so far, against the budget."""
    where = "in this account" if account_count == 1 else f"in the {account_count} taxable accounts of your return"
    gains = f"{_net(short_usd, 'short-term')} and {_net(long_usd, 'long-term')}"
    effect = f"caused {dollars(tax_usd)} of tax" if tax_usd >= 0 else f"lowered your tax by {dollars(-tax_usd)}"
    budget = f", of a budget of {dollars(budget_usd)}" if budget_usd is not None and tax_usd >= 0 else ""
    return f"So far in {year}, trading {where} realised {gains}; it {effect}{budget}."


def _net(amount_usd: Decimal, term: str) -> str:
    if amount_usd == 0:
        return f"no net {term} gain"
    return f"a net {term} {'gain' if amount_usd > 0 else 'loss'} of {dollars(abs(amount_usd))}"
