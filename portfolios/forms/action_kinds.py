"""Which fields each kind of corporate action has, and what the kind means in one sentence."""

from collections.abc import Mapping
from typing import Final

from portfolios.ledger.corporate_actions.terms import ActionKind

_K = ActionKind
KIND_WORDS: Final[Mapping[ActionKind, tuple[str, str]]] = {
    _K.SPLIT: ("Split", "Each unit becomes several. The basis is spread over them; nothing is taxed."),
    _K.REVERSE_SPLIT: (
        "Reverse split",
        "Several units become one. A fraction is usually paid in cash, which is a sale.",
    ),
    _K.STOCK_DIVIDEND: ("Stock dividend", "Holders get some more units of the same stock; the basis spreads over all."),
    _K.CLASS_DIVIDEND: (
        "Dividend of another class",
        "Holders get units of another class; the basis is divided by value.",
    ),
    _K.SPIN_OFF: ("Spin-off", "Holders keep their units and get those of one or more companies split off."),
    _K.STOCK_MERGER: ("Merger for stock", "The units are exchanged for another company's; basis and dates carry over."),
    _K.CASH_MERGER: ("Merger for cash", "The units are paid out in cash: every lot is sold."),
    _K.MIXED_MERGER: ("Merger for stock and cash", "Gain is recognised up to the cash, lot by lot; losses are not."),
    _K.RETURN_OF_CAPITAL: ("Return of capital", "Cash that lowers the basis of every lot; what exceeds it is gain."),
    _K.TENDER: ("Tender", "Only holders who tender are paid; enter who did on the page of the action."),
    _K.SYMBOL_CHANGE: ("Symbol change", "The same holding under another symbol; nothing else changes."),
    _K.SPECIAL_DIVIDEND: ("Special dividend", "A large dividend in cash: income, and a lower price on the ex-date."),
    _K.WORTHLESS: ("Worthless", "Every lot is a full loss on the last day of the year."),
    _K.OTHER: (
        "Other, not known yet",
        "Keeps the holders waiting until the right kind is known; it cannot be applied.",
    ),
}
HAS_RATIO: Final = frozenset({_K.SPLIT, _K.REVERSE_SPLIT, _K.STOCK_DIVIDEND})
CHILD_COUNTS: Final[Mapping[ActionKind, int]] = {
    _K.CLASS_DIVIDEND: 1,
    _K.SPIN_OFF: 3,
    _K.STOCK_MERGER: 2,
    _K.MIXED_MERGER: 2,
    _K.SYMBOL_CHANGE: 1,
}
HAS_CASH: Final = frozenset({_K.CASH_MERGER, _K.MIXED_MERGER, _K.RETURN_OF_CAPITAL, _K.TENDER, _K.SPECIAL_DIVIDEND})
HAS_PRICE: Final = frozenset({_K.SPIN_OFF, _K.CLASS_DIVIDEND, _K.STOCK_DIVIDEND})
MAY_BE_TAXABLE: Final = frozenset({_K.STOCK_DIVIDEND, _K.CLASS_DIVIDEND, _K.SPIN_OFF, _K.STOCK_MERGER, _K.MIXED_MERGER})
HAS_FRACTIONS: Final = (HAS_RATIO | frozenset(CHILD_COUNTS)) - {_K.SYMBOL_CHANGE}
