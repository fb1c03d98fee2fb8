"""What the client asked for, and how it was followed: the case's wishes beside the evidence of its checks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rebalancing.engine.outcome import Check, Relaxed
from rebalancing.engine.types import Constraint
from reporting.measures.facts import CheckLine, Request, Tone
from reporting.measures.inputs import ZERO, Episode, Wishes, Words
from reporting.measures.wording import (
    constraint_words,
    counted,
    dollars,
    listed,
    many_words,
    percent,
    rule_words,
    sentence,
)

WORD_OF: Mapping[Tone, str] = {
    "followed": "Followed",
    "in_progress": "In progress",
    "exception": "Exception",
    "not_followed": "Not followed",
    "noted": "Noted",
}

_FIRST: tuple[Tone, ...] = ("not_followed", "exception", "in_progress", "followed", "noted")
_MANY = ("wash_sale", "min_trade", "min_position", "quantity_step", "hold_only")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What every line looks at."""

    episode: Episode
    wishes: Wishes
    words: Words
    checks: Mapping[str, Check]
    relaxed: Mapping[str, Relaxed]


def client_requests(episode: Episode, *, plan: str, wishes: Wishes, words: Words) -> tuple[Request, ...]:
    """
    List what is in force for the account and how the trades followed it: the plan, then what was not simply followed.

    Of settings only those that differ from the firm's are requests; the firm's own restricted list is none.
    """
    ground = _Ground(
        episode=episode,
        wishes=wishes,
        words=words,
        checks={check.rule: check for check in episode.outcome.checks},
        relaxed={one.rule: one for one in episode.outcome.relaxed},
    )
    lines = [*_cash(ground), *_restrictions(ground), *_tax(ground), *_trading(ground)]
    return (*_plan(ground, plan), *sorted(lines, key=lambda line: _FIRST.index(line.tone)))


def check_lines(episode: Episode, *, words: Words) -> tuple[CheckLine, ...]:
    """Say every rule that was checked, what did not simply pass first; what passed for many securities is counted."""
    relaxed = {one.rule: one for one in episode.outcome.relaxed}
    lines, passed = [], dict.fromkeys(_MANY, 0)
    for check in episode.outcome.checks:
        verb = check.rule.partition(" ")[0]
        if verb in passed and check.verdict == "pass":
            passed[verb] += 1
        else:
            lines.append(_check_line(check, relaxed.get(check.rule), words=words))
    lines.extend(_counted_line(verb, count) for verb, count in passed.items() if count)
    return tuple(sorted(lines, key=lambda line: line.tone == "followed"))


def _check_line(check: Check, because: Relaxed | None, *, words: Words) -> CheckLine:
    tone = _tone(check)
    shown = _bare(check)
    evidence = shown if because is None else f"{shown}; {_because(because, words)}"
    word = "Passed" if tone == "followed" else {"exception": "Gave way"}.get(tone, "Failed")
    return CheckLine(rule=sentence(rule_words(check.rule, words))[:-1], tone=tone, word=word, evidence=evidence)


def _counted_line(verb: str, count: int) -> CheckLine:
    evidence = f"{counted(count, 'security', 'securities')} checked"
    return CheckLine(rule=many_words(verb), tone="followed", word="Passed", evidence=evidence)


def _tone(check: Check) -> Tone:
    verdicts: Mapping[str, Tone] = {"pass": "followed", "relaxed": "exception"}
    return verdicts.get(check.verdict, "not_followed")


def _bare(check: Check) -> str:
    """Return the evidence without the engine's own words on what gave way: ours name the rules."""
    return check.evidence.partition("; gave way by")[0]


def _because(relaxed: Relaxed, words: Words) -> str:
    return f"gave way by {relaxed.by} because of: {rule_words(relaxed.because, words)}"


def _line(ground: _Ground, text: str, rule: str, *, tone: Tone | None = None, evidence: str = "") -> Request:
    check = ground.checks.get(rule)
    if check is None:
        shown = tone or "noted"
        return Request(text=text, tone=shown, word=WORD_OF[shown], evidence=evidence or "Nothing to decide this time")
    shown = tone or _tone(check)
    because = ground.relaxed.get(rule)
    parts = [evidence or _bare(check)]
    if because is not None and shown == "exception":
        parts.append(_because(because, ground.words))
    return Request(text=text, tone=shown, word=WORD_OF[shown], evidence=sentence("; ".join(parts))[:-1])


def _plan(ground: _Ground, plan: str) -> Iterator[Request]:
    limits = {rule: check for rule, check in ground.checks.items() if rule.startswith("class_limits ")}
    if not limits:
        return
    outside = [rule for rule, check in limits.items() if check.verdict != "pass"]
    text = f"Stay within the limits of the {plan} plan" if plan else "Stay within the limits of the plan"
    if not outside:
        evidence = f"All {len(limits)} asset classes within their limits"
        yield Request(text=text, tone="followed", word=WORD_OF["followed"], evidence=evidence)
        return
    names = [ground.words.classes.get(rule.split(" ", 1)[1], rule.split(" ", 1)[1]) for rule in outside]
    reasons = [_because(ground.relaxed[rule], ground.words) for rule in outside[:1] if rule in ground.relaxed]
    tone: Tone = "not_followed" if any(limits[rule].verdict == "fail" for rule in outside) else "exception"
    evidence = "; ".join([f"Outside: {listed(names)}", *reasons])
    yield Request(text=text, tone=tone, word=WORD_OF[tone], evidence=evidence)


def _cash(ground: _Ground) -> Iterator[Request]:
    needs, chosen = ground.episode.account.cash_needs, ground.wishes.chosen
    if needs.raise_:
        purpose = f" for {listed(ground.wishes.needs)}" if ground.wishes.needs else ""
        yield _line(ground, f"Raise {dollars(needs.raise_)}{purpose}", "cash_raise")
    if needs.reserve_amount and "cash.reserve_usd" in chosen:
        yield _line(ground, f"Keep {dollars(needs.reserve_amount)} in cash", "cash_reserve")
    elif needs.reserve_weight and "cash.reserve_frac" in chosen:
        yield _line(ground, f"Keep {percent(needs.reserve_weight)} of the value in cash", "cash_reserve")
    if needs.max_weight is not None and "cash.ceiling_frac" in chosen:
        yield _line(ground, f"Hold at most {percent(needs.max_weight)} in cash", "cash_ceiling")


def _restrictions(ground: _Ground) -> Iterator[Request]:
    seen: set[str] = set()
    for constraint in ground.episode.account.constraints:
        if constraint.rule in seen or constraint.rule in ground.wishes.firm_rules:
            continue
        seen.add(constraint.rule)
        yield _line(
            ground,
            constraint_words(constraint, ground.words),
            constraint.rule,
            tone=_progress(ground, constraint),
        )
    gifts = sum(lot.gift for lot in ground.episode.account.lots)
    if gifts:
        yield _line(ground, f"Keep {counted(gifts, 'lot')} aside for charity", "gift")


def _progress(ground: _Ground, constraint: Constraint) -> Tone | None:
    """What goes as the budget allows is under way as long as some is left and none is added."""
    check = ground.checks.get(constraint.rule)
    is_gradual = constraint.verb == "never_own" and constraint.disposal == "within_budget"
    return "in_progress" if is_gradual and check is not None and check.verdict == "relaxed" else None


def _tax(ground: _Ground) -> Iterator[Request]:
    tax, chosen = ground.episode.account.tax, ground.wishes.chosen
    if tax is None or not ground.episode.account.is_taxable:
        return
    year = ground.episode.case.as_of.year
    if tax.budget_tax is not None and "tax.budget_usd" in chosen:
        budget = ground.wishes.budget_usd or tax.budget_tax
        free = f", {dollars(tax.budget_tax)} of it by now" if budget != tax.budget_tax else ""
        yield _line(ground, f"Keep the tax from trading in {year} under {dollars(budget)}{free}", "tax_budget")
    if tax.max_net_gain is not None and "tax.max_net_gain_usd" in chosen:
        yield _line(ground, f"Realise at most {dollars(tax.max_net_gain)} of net gains in {year}", "max_net_gain")
    if tax.never_realize_gains and "tax.never_realize_gains" in chosen:
        yield _line(ground, "Realise no gains", "never_realize_gains")
    if tax.short_gains != "allow" and "tax.short_gains" in chosen:
        verb = "Realise no" if tax.short_gains == "forbid" else "Avoid"
        yield _line(ground, f"{verb} short-term gains", "short_gains")
    if tax.forced_harvest is not None:
        yield _line(ground, f"Realise {dollars(tax.forced_harvest.amount)} of losses", "forced_harvest")
    if "tax.harvest" in chosen:
        yield _harvest(ground)


def _harvest(ground: _Ground) -> Request:
    tax = ground.episode.account.tax
    assert tax is not None
    text = {
        "off": "Do not harvest losses",
        "year_round": "Harvest losses through the year",
        "immediate": "Harvest losses whenever worth their cost",
    }[tax.harvest]
    trades = ground.episode.outcome.trades
    losses = [lot.gain for trade in trades for lot in trade.lots if lot.gain < 0]
    evidence = f"{counted(len(losses), 'lot')} sold at a loss, {dollars(-sum(losses, ZERO))} in all"
    is_broken = tax.harvest == "off" and any("harvest_loss" in trade.reasons for trade in trades)
    tone: Tone = "not_followed" if is_broken else "followed"
    return Request(text=text, tone=tone, word=WORD_OF[tone], evidence=evidence)


def _trading(ground: _Ground) -> Iterator[Request]:
    trading, chosen = ground.episode.account.trading, ground.wishes.chosen
    if trading.max_tracking_error is not None and "trading.max_tracking_error_frac" in chosen:
        text = f"Stay within {percent(trading.max_tracking_error)} a year of the target"
        yield _line(ground, text, "max_tracking_error")
    if trading.max_turnover is not None and "trading.max_turnover_frac" in chosen:
        yield _line(ground, f"Turn over at most {percent(trading.max_turnover)} at a time", "max_turnover")
    if trading.max_trades is not None and "trading.max_trades" in chosen:
        yield _line(ground, f"Make at most {trading.max_trades} trades at a time", "max_trades")
