"""What an identifier tells by its letters: a CUSIP, a money-market fund."""

import re
from decimal import Decimal

_CUSIP = re.compile(r"[0-9A-Z*@#]{8}[0-9]")
_CUSIP_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*@#"
_MONEY_FUND = re.compile(r"[A-Z]{3}XX")


def is_cusip(text: str) -> bool:
    """Tell whether a text is a CUSIP: nine letters, the last of which checks the others."""
    if not _CUSIP.fullmatch(text):
        return False
    total = 0
    for place, letter in enumerate(text[:8]):
        value = _CUSIP_LETTERS.index(letter) * (1 + place % 2)
        total += value // 10 + value % 10
    return int(text[8]) == (10 - total % 10) % 10


def is_money_fund(symbol: str, price_usd: Decimal | None) -> bool:
    """Tell whether a symbol is that of a money-market fund at one dollar: VMFXX, SPAXX. It counts as cash."""
    return _MONEY_FUND.fullmatch(symbol) is not None and (not price_usd or price_usd == 1)
