"""Build lots and actions in few words: `held("L1 100 1000.00 2022-01-03")`, `act(lots, spin_off("CHI", "0.25"))`."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from portfolios.ledger.corporate_actions.effect import ActionEffect
from portfolios.ledger.corporate_actions.effects import apply_action
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, Delivery, HolderTerms
from portfolios.ledger.types import Lot, Relief

D = Decimal
ON = date(2025, 6, 16)


def held(*lines: str, security: str = "XYZ") -> tuple[Lot, ...]:
    """Read one lot a line: key, units, total basis (`?` is unknown), trade date."""
    found = []
    for line in lines:
        key, units, cost, acquired = line.split()
        lot = Lot(
            key=key,
            security=security,
            units=D(units),
            cost_usd=None if cost == "?" else D(cost),
            acquired_on=date.fromisoformat(acquired),
        )
        found.append(lot)
    return tuple(found)


def terms(kind: ActionKind, **more: object) -> ActionTerms:
    """State the terms of an action on XYZ."""
    return ActionTerms(kind=kind, key="A1", security="XYZ", effective_on=ON, **more)  # type: ignore[arg-type]


def into(security: str, units: str, **more: str) -> Delivery:
    """Deliver so many units of a security for each unit; money and shares of the basis as text."""
    return Delivery(security=security, units_per_unit=D(units), **{name: D(value) for name, value in more.items()})


def act(
    lots: Sequence[Lot],
    of: ActionTerms,
    holder: HolderTerms | None = None,
    *,
    method: Relief = Relief.FIFO,
    taken: Sequence[str] = (),
) -> ActionEffect:
    """Apply an action to lots."""
    return apply_action(lots, of, holder or HolderTerms(), method=method, event_ref="E1", taken=taken)


def lots_out(effect: ActionEffect) -> dict[str, tuple[str, Decimal, Decimal | None]]:
    """Return security, units and basis of every lot afterwards, by key."""
    return {lot.key: (lot.security, lot.units, lot.cost_usd) for lot in (*effect.kept, *effect.opened)}
