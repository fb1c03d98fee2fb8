"""Every rule of a case on one tiny account, alone or together with another: each setting says only what it adds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Final

import msgspec

from rebalancing.engine.types import Case
from tests import cases as c

MARKET: Final = (
    c.security("AAA", 100, sector="Technology", industry="Software", identity_group="AAA"),
    c.security("BBB", 150, sector="Energy", industry="Oil", country="CA", screens=("fossil",)),
    c.security("CCC", 120, "bonds", country="US"),
)
LOTS: Final = (
    c.lot("L1 AAA 2 @ 130 2025-06-03"),  # a short-term loss of 30 a share
    c.lot("L2 AAA 2 @ 60 2020-01-01"),  # a long-term gain of 40
    c.lot("L3 BBB 3 @ 100 2025-09-01"),  # a short-term gain of 50
)  # 400 + 450, with 100 cash: a value of 950
TARGET: Final = {"AAA": 0.2, "BBB": 0.2, "CCC": 0.5, "CASH": 0.1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """
    What a rule adds to the account: fields of its tax, trading and cash needs, constraints, recent trades.

    `lots`, `fields` and `household` take the place of the account's own.
    """

    tax: Mapping[str, c.Wired] = field(default_factory=dict)
    trading: Mapping[str, c.Wired] = field(default_factory=dict)
    cash_needs: Mapping[str, c.Wired] = field(default_factory=dict)
    constraints: tuple[Mapping[str, c.Wired], ...] = ()
    recent: tuple[str, ...] = ()
    pinned: tuple[Mapping[str, c.Wired], ...] = ()
    lots: Mapping[str, Mapping[str, c.Wired]] = field(default_factory=dict)
    fields: Mapping[str, c.Wired] = field(default_factory=dict)


def on(verb: str, **said: c.Wired) -> Setting:
    return Setting(constraints=({"verb": verb, **said},))


SETTINGS: Final[Mapping[str, Setting]] = {
    "taxes first": Setting(trading={"tracking_preference": 1}),
    "nothing harvested": Setting(tax={"harvest": "off"}),
    "gains to use losses up": Setting(tax={"realized_short": "-200", "carryforward_long": "100"}),
    "short gains to shelter": Setting(tax={"realized_short": "400"}),
    "losses beyond the allowance": Setting(tax={"realized_long": "-3010"}),
    "dear tickets": Setting(trading={"ticket_cost": "30"}),
    "never buy a security": on("never_buy", security="CCC"),
    "never sell an industry": on("never_sell", industry="Software"),
    "never trade a group": on("never_trade", identity_group="AAA"),
    "never own a screen now": on("never_own", screen="fossil"),
    "never own within the budget": on("never_own", screen="fossil", disposal="within_budget"),
    "never own, kept": on("never_own", country="US", disposal="keep"),
    "a cap in weight": on("range", security="AAA", max_weight=0.2),
    "a cap in dollars of a sector": on("range", sector="Technology", max_value="150"),
    "a floor in shares": on("range", security="CCC", min_quantity="5"),
    "a floor in weight of a country": on("range", country="US", min_weight=0.6),
    "class limits": Setting(fields={"class_limits": {"bonds": (0.1, 0.25)}}),
    "cash to raise": Setting(cash_needs={"raise": "200"}),
    "cash to keep": Setting(cash_needs={"reserve_amount": "180", "reserve_weight": 0.3}),
    "cash to invest": Setting(cash_needs={"max_weight": 0.05}),
    "a tax budget": Setting(tax={"budget_tax": "10"}),
    "a cap on gains": Setting(tax={"max_net_gain": "30"}),
    "gains never realised": Setting(tax={"never_realize_gains": True}),
    "short gains avoided": Setting(tax={"short_gains": "avoid"}),
    "short gains forbidden": Setting(tax={"short_gains": "forbid"}),
    "a forced harvest": Setting(tax={"forced_harvest": {"amount": "45"}}),
    "a loss washed by the spouse": Setting(recent=("A9 buy 1 AAA 2026-02-20",)),
    "a purchase barred by a loss sold": Setting(recent=("A9 sell 1 CCC 2026-02-20 loss",)),
    "a least trade": Setting(trading={"min_trade": "260"}),
    "a least position": Setting(trading={"min_position": "200"}),
    "one trade": Setting(trading={"max_trades": 1}),
    "turnover": Setting(trading={"max_turnover": 0.15}),
    "a cap on tracking error": Setting(trading={"max_tracking_error": 0.01}),
    "a pinned purchase": Setting(pinned=({"security": "BBB", "side": "buy", "quantity": "1"},)),
    "a pinned sale": Setting(pinned=({"security": "AAA", "side": "sell", "quantity": "3"},)),
    "a security let alone": Setting(pinned=({"security": "CCC", "side": "none"},)),
    "a substitute with its hurdle": Setting(
        fields={
            "target": {"AAA": 0.3, "BBB": 0.6, "CASH": 0.1},
            "substitutes": ({"for": "BBB", "use": "CCC", "hurdle_bps": 40},),
        }
    ),
    "a substitute held only": Setting(fields={"substitutes": ({"for": "AAA", "use": "CCC", "hold_only": True},)}),
    "an unknown basis": Setting(lots={"L1": {"cost": None}}),
    "a gift lot": Setting(lots={"L3": {"gift": True}}),
}


def tiny_case(*names: str) -> Case:
    """Lay settings over the tiny account."""
    settings = [SETTINGS[name] for name in names]
    tax, trading, needs, fields = (
        _together(getattr(setting, part) for setting in settings) for part in ("tax", "trading", "cash_needs", "fields")
    )
    changed = _together(setting.lots for setting in settings)
    pinned = tuple(pin for setting in settings for pin in setting.pinned)
    account = c.account(
        **{
            "cash": 100,
            "lots": tuple(msgspec.structs.replace(lot, **changed.get(lot.id, {})) for lot in LOTS),
            "target": TARGET,
            "tax": {**msgspec.to_builtins(c.TAX), **tax},
            "trading": {**trading, **({"pinned": pinned} if pinned else {})},
            "cash_needs": needs,
            "constraints": tuple(rule for setting in settings for rule in setting.constraints),
            **fields,
        }
    )
    said = (words for setting in settings for words in setting.recent)
    trades = [c.recent(words.removesuffix(" loss"), loss="5" if "loss" in words else "0") for words in said]
    return c.case(MARKET, (account,), recent_trades=trades)


def pairs_with(first: str) -> Iterator[str]:
    """Yield the later settings that can stand beside one: two that say different things of one field cannot."""
    for one, other in combinations(SETTINGS, 2):
        if one == first and not _clash(SETTINGS[one], SETTINGS[other]):
            yield other


def _together(parts: Iterator[Mapping[str, c.Wired]]) -> dict[str, c.Wired]:
    return {name: value for part in parts for name, value in part.items()}


def _clash(one: Setting, other: Setting) -> bool:
    same_field = any(
        set(getattr(one, part)) & set(getattr(other, part))
        for part in ("tax", "trading", "cash_needs", "fields", "lots")
    )
    same_pin = {pin["security"] for pin in one.pinned} & {pin["security"] for pin in other.pinned}
    return same_field or bool(same_pin)
