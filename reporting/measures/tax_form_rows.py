"""Form 8949 as rows of text: for a file of values, and for a terminal."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from portfolios.ledger.form_8949 import Form8949, FormLine
from portfolios.ledger.types import Term

HEADER: Final = (
    "box",
    "description",
    "date_acquired",
    "date_sold",
    "proceeds",
    "cost",
    "code",
    "adjustment",
    "gain",
    "term",
    "symbol",
    "lost_for_good",
    "may_change_until",
    "event",
    "lot",
)
_HEADINGS: Final = (
    f"{'description':<44}{'acquired':>11}{'sold':>12}{'proceeds':>15}{'cost':>15} {'code':<4}{'adjustment':>13}"
    f"{'gain':>15}"
)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def csv_rows(form: Form8949) -> Iterator[tuple[str, ...]]:
    """Yield the header and every line; an unknown basis is an empty cell, never zero."""
    yield HEADER
    for line in form.lines:
        yield (
            line.box.value,
            _safe(line.description),
            line.acquired,
            line.sold_on.isoformat(),
            _dollars(line.proceeds_usd),
            _dollars(line.cost_usd),
            line.codes,
            _dollars(line.adjustment_usd) if line.codes else "",
            _dollars(line.gain_usd),
            line.box.term.value,
            _safe(line.security),
            _dollars(line.permanent_usd) if line.permanent_usd else "",
            line.provisional_until_on.isoformat() if line.provisional_until_on else "",
            _safe(line.event_ref),
            _safe(line.lot_key),
        )


def text_lines(form: Form8949) -> Iterator[str]:
    """Yield the form for a terminal: lines by box, Schedule D, and how the custodian's figures compare."""
    if not form.lines:
        yield f"Nothing was sold in {form.year}."
    for total in form.totals:
        yield f"\nBox {total.box}: {'short' if total.box.term is Term.SHORT else 'long'}-term, {total.box.words}"
        yield _HEADINGS
        yield from (_text(line) for line in form.lines_of(total.box))
        yield (
            f"{f'to Schedule D, line {total.box.line}':<67}{total.proceeds_usd:>15,.2f}{total.cost_usd:>15,.2f} "
            f"{'':<4}{total.adjustment_usd:>13,.2f}{total.gain_usd:>15,.2f}"
        )
        if total.unknown_count:
            yield f"{total.unknown_count} of these have an unknown basis: it must be completed by hand."
    yield f"\nSchedule D, line 7 (net short-term) of this account: {form.net_usd(Term.SHORT):,.2f}"
    yield f"Schedule D, line 15 (net long-term) of this account: {form.net_usd(Term.LONG):,.2f}"
    if form.disallowed_usd:
        yield f"Disallowed by wash sales: {form.disallowed_usd:,.2f}"
    if form.provisional_until_on:
        yield f"Purchases up to {form.provisional_until_on} may still change what is disallowed."
    yield from _compared(form)


def _compared(form: Form8949) -> Iterator[str]:
    if not form.comparisons:
        return
    differing = [each for each in form.comparisons if each.verdict.value != "matched"]
    yield f"\n{len(form.comparisons)} sales compared with the custodian's figures, {len(differing)} differ."
    for each in differing:
        yield f"  {each.sold_on} {each.security:<8} {each.verdict.value.replace('_', ' ')}: {each.sentence}"
    if form.unreported_count:
        yield f"{form.unreported_count} dispositions are not on the 1099-B."


def _text(line: FormLine) -> str:
    return (
        f"{line.description[:43]:<44}{line.acquired:>11}{line.sold_on.isoformat():>12}{line.proceeds_usd:>15,.2f}"
        f"{_or_unknown(line.cost_usd):>15} {line.codes:<4}"
        f"{f'{line.adjustment_usd:,.2f}' if line.codes else '':>13}{_or_unknown(line.gain_usd):>15}"
    )


def _or_unknown(amount: Decimal | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"


def _dollars(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"


def _safe(text: str) -> str:
    """Keep a spreadsheet from reading text as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
