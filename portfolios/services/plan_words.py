"""What a plan says before it posts: what changes, and why not."""

from collections.abc import Sequence

from portfolios.ledger.types import ZERO, EventKind
from portfolios.services.account_plans import AccountPlan, Problem


def change_of(plan: AccountPlan) -> dict[str, object]:
    """Return the preview of a plan as plain values: lots and cash before and after, and the reasons."""
    found = plan.posts
    if found is None:
        return {}
    opened = sum(1 for event in found.events if event.lot is not None and not event.lot_key and not event.is_past)
    changed = sum(1 for event in found.events if event.lot_key and event.lot is not None)
    closed = sum(1 for event in found.events if event.lot_key and event.lot is None)
    moved = sum((event.amount_usd for event in found.events if not event.is_past), ZERO)
    settled = sum((event.amount_usd for event in found.events if event.kind is EventKind.SETTLE), ZERO)
    reasons = [f"{event.security or 'Cash'}: {event.reason}" for event in found.events if event.reason]
    return {
        "lots_before": len(plan.book.lots),
        "lots_opened": opened,
        "lots_changed": changed,
        "lots_closed": closed,
        "sales": sum(1 for event in found.events if event.kind is EventKind.SELL and not event.is_past),
        "events": len(found.events),
        "past_events": sum(1 for event in found.events if event.is_past),
        "cash_before_usd": str(plan.book.cash.total_usd),
        "cash_after_usd": str(plan.book.cash.total_usd + moved - settled),
        "matched": len(found.matched),
        "explained": len(found.explained),
        "adjusted": len(found.adjusted),
        "broken": len(plan.breaks),
        "reasons": _told(reasons),
    }


def _told(reasons: Sequence[str]) -> list[str]:
    openings = sum(1 for reason in reasons if reason.endswith("Opening balance"))
    told = [reason for reason in reasons if not reason.endswith("Opening balance")][:8]
    if openings:
        told.insert(0, f"{openings} opening balances")
    left = len(reasons) - openings - 8
    return [*told, f"and {left} more"] if left > 0 else told


def reason_of(problems: Sequence[Problem]) -> str:
    """Put the reasons of a held account into one line of at most 400 characters."""
    told = list(dict.fromkeys(problem.reason for problem in problems))
    more = f" And {len(told) - 3} more." if len(told) > 3 else ""
    return (" ".join(told[:3]) + more)[:400]


def breaks_said(plan: AccountPlan) -> str:
    """Say how many differences of an account wait for a person while the rest posts, "" where none does."""
    count = len(plan.breaks)
    if not count:
        return ""
    names = ", ".join(each.security or "cash" for each in plan.breaks[:5])
    return f"{count} difference{'s wait' if count > 1 else ' waits'} for a person: {names}{', …' if count > 5 else ''}."
