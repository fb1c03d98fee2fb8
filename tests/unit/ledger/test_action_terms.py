"""What is missing from the terms of an action, and what they say in words."""

from dataclasses import replace
from decimal import Decimal

import pytest

from portfolios.ledger.corporate_actions.check import check_terms, describe
from portfolios.ledger.corporate_actions.terms import ActionKind, ActionTerms, HolderTerms
from portfolios.ledger.errors import BadInput
from tests.action_words import D, act, held, into, terms

CHILD = into("CHI", "0.25", price_usd="40")
ACQUIRER = into("ACQ", "0.5", price_usd="20")
SPIN_OFF = terms(ActionKind.SPIN_OFF, delivered=(CHILD,), price_usd=D(90))
COMPLETE = (
    terms(ActionKind.SPLIT, ratio=D(2)),
    terms(ActionKind.REVERSE_SPLIT, ratio=D("0.1"), pays_fractions=True, fraction_price_usd=D(50)),
    terms(ActionKind.STOCK_DIVIDEND, ratio=D("1.05")),
    terms(ActionKind.STOCK_DIVIDEND, ratio=D("1.05"), is_taxable=True, price_usd=D(10)),
    terms(ActionKind.CLASS_DIVIDEND, delivered=(CHILD,), price_usd=D(90)),
    SPIN_OFF,
    terms(ActionKind.SPIN_OFF, delivered=(into("CHI", "0.25", basis_frac="0.1"),)),
    replace(SPIN_OFF, is_taxable=True, price_usd=None),
    terms(ActionKind.STOCK_MERGER, delivered=(into("ACQ", "0.5"),)),
    terms(ActionKind.STOCK_MERGER, delivered=(into("ACQ", "1", basis_frac="0.7"), into("CVR", "1", basis_frac="0.3"))),
    terms(ActionKind.CASH_MERGER, cash_per_unit_usd=D(55)),
    terms(ActionKind.MIXED_MERGER, delivered=(ACQUIRER,), cash_per_unit_usd=D(5)),
    terms(ActionKind.RETURN_OF_CAPITAL, cash_per_unit_usd=D(2)),
    terms(ActionKind.TENDER, cash_per_unit_usd=D(12)),
    terms(ActionKind.SYMBOL_CHANGE, delivered=(into("NEW", "1"),)),
    terms(ActionKind.SPECIAL_DIVIDEND, cash_per_unit_usd=D(3)),
    terms(ActionKind.WORTHLESS),
)


@pytest.mark.parametrize("complete", COMPLETE, ids=lambda each: each.kind.value)
def test_complete_terms_lack_nothing_and_can_be_applied(complete: ActionTerms) -> None:
    assert check_terms(complete) == ()
    assert act(held("L1 105 1000.00 2020-02-03"), complete) is not None


@pytest.mark.parametrize(
    ("faulty", "sentence"),
    [
        (terms(ActionKind.SPLIT), "The ratio is missing"),
        (terms(ActionKind.SPLIT, ratio=D("0.5")), "a reverse split is a kind of its own"),
        (terms(ActionKind.REVERSE_SPLIT, ratio=D(2)), "this is no reverse split"),
        (replace(SPIN_OFF, ratio=D(2)), "The ratio of 2 has no meaning here"),
        (terms(ActionKind.SPLIT, ratio=D(2), delivered=(CHILD,)), "CHI would be delivered"),
        (terms(ActionKind.STOCK_MERGER), "It is missing which security the holder gets"),
        (terms(ActionKind.STOCK_MERGER, delivered=(ACQUIRER, ACQUIRER)), "delivered twice"),
        (terms(ActionKind.STOCK_MERGER, delivered=(into("XYZ", "2"),)), "XYZ would be delivered for itself"),
        (terms(ActionKind.SYMBOL_CHANGE, delivered=(into("NEW", "2"),)), "with another ratio it is a merger"),
        (terms(ActionKind.CASH_MERGER), "The cash for each unit is missing"),
        (terms(ActionKind.STOCK_MERGER, delivered=(ACQUIRER,), cash_per_unit_usd=D(1)), "it is a mixed merger"),
        (terms(ActionKind.SPLIT, ratio=D(2), cash_per_unit_usd=D(1)), "1 a unit would be paid"),
        (terms(ActionKind.SPLIT, ratio=D(2), is_taxable=True), "A taxable variant is known of"),
        (terms(ActionKind.STOCK_DIVIDEND, ratio=D(2), is_taxable=True), "The dividend is taxable"),
        (replace(SPIN_OFF, price_usd=None), "or the issuer's share of the basis (Form 8937)"),
        (replace(SPIN_OFF, delivered=(into("CHI", "1"),)), "The fair market value of a unit of CHI is missing"),
        (
            replace(SPIN_OFF, delivered=(into("A", "1", basis_frac="0.1"), into("B", "1", price_usd="1"))),
            "state it for all or for none",
        ),
        (
            replace(SPIN_OFF, delivered=(into("A", "1", basis_frac="0.6"), into("B", "1", basis_frac="0.6"))),
            "add up to 1.2: the parent keeps what they leave of 1",
        ),
        (
            terms(ActionKind.MIXED_MERGER, delivered=(into("ACQ", "1"),), cash_per_unit_usd=D(1)),
            "The fair market value of a unit of ACQ is missing",
        ),
        (
            terms(
                ActionKind.STOCK_MERGER, delivered=(into("A", "1", basis_frac="0.6"), into("B", "1", basis_frac="0.2"))
            ),
            "add up to 0.8; in a merger they are all of it",
        ),
        (replace(SPIN_OFF, pays_fractions=True), "Fractions of CHI are paid in cash"),
        (terms(ActionKind.CASH_MERGER, cash_per_unit_usd=D(1), pays_fractions=True), "No fractions arise here"),
        (terms(ActionKind.OTHER), "cannot be applied"),
    ],
    ids=lambda each: each.kind.value if isinstance(each, ActionTerms) else None,
)
def test_what_is_missing_or_wrong_is_said_once(faulty: ActionTerms, sentence: str) -> None:
    (said,) = check_terms(faulty)

    assert sentence in said


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (terms(ActionKind.SPLIT, ratio=D(4)), "XYZ splits 4 for 1 on 2025-06-16"),
        (terms(ActionKind.SPLIT, ratio=D("1.5")), "XYZ splits 3 for 2 on 2025-06-16"),
        (terms(ActionKind.REVERSE_SPLIT, ratio=D(1) / 3), "XYZ splits 1 for 3 on 2025-06-16"),
        (terms(ActionKind.SPLIT), "XYZ splits at a ratio not known yet on 2025-06-16"),
        (terms(ActionKind.STOCK_DIVIDEND, ratio=D("1.05")), "XYZ pays a stock dividend of 5 % on 2025-06-16"),
        (replace(SPIN_OFF, is_taxable=True), "XYZ spins off 0.25 CHI (taxable) on 2025-06-16"),
        (
            terms(ActionKind.MIXED_MERGER, delivered=(ACQUIRER,), cash_per_unit_usd=D(5), pays_fractions=True),
            "XYZ is exchanged for 0.5 ACQ and $5.00 a unit on 2025-06-16; fractions are paid in cash",
        ),
        (terms(ActionKind.CASH_MERGER, cash_per_unit_usd=D(55)), "XYZ is bought for $55.00 a unit on 2025-06-16"),
        (
            terms(ActionKind.SPECIAL_DIVIDEND, cash_per_unit_usd=D("0.1235")),
            "XYZ pays a special dividend of $0.1235 a unit on 2025-06-16",
        ),
        (terms(ActionKind.SYMBOL_CHANGE, delivered=(into("NEW", "1"),)), "XYZ becomes NEW on 2025-06-16"),
        (terms(ActionKind.OTHER), "XYZ has an action of another kind on 2025-06-16"),
    ],
    ids=lambda each: each.kind.value if isinstance(each, ActionTerms) else None,
)
def test_an_action_is_told_in_one_line(told: ActionTerms, line: str) -> None:
    assert describe(told) == line


def test_impossible_terms_refuse_to_exist() -> None:
    with pytest.raises(BadInput, match="has a ratio of 0"):
        terms(ActionKind.SPLIT, ratio=Decimal(0))
    with pytest.raises(BadInput, match="must be between 0 and 1"):
        into("CHI", "1", basis_frac="1.1")
    with pytest.raises(BadInput, match="a price is not negative"):
        into("CHI", "1", price_usd="-1")
    with pytest.raises(BadInput, match="the cash and the units"):
        HolderTerms(elected_cash_per_unit_usd=Decimal(1))
    with pytest.raises(BadInput, match=r"the number of units tendered is -1"):
        HolderTerms(tendered_units=Decimal(-1))
