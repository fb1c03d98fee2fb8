"""The generic file of corporate actions: every kind, children row by row, every faulty row named."""

from datetime import date
from decimal import Decimal

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import FileKind, ParsedFile, Severity
from portfolios.ledger.corporate_actions.terms import ActionKind

D = Decimal
HEAD = (
    "symbol,kind,effective,ratio,delivered,units_per_unit,delivered_price,basis_share,cash_per_unit,price,taxable,"
    "pays_fractions,fraction_price,buy_children,note\n"
)


def _parse(*rows: str, head: str = HEAD) -> ParsedFile:
    content = head + "".join(f"{row}\n" for row in rows)
    return registry.parse(custodian="generic", file_name="actions.csv", content=content.encode())


def _row(**cells: str) -> str:
    names = HEAD.strip().split(",")
    said = {"symbol": "ACME", "kind": "split", "effective": "2026-11-30", **cells}
    assert set(said) <= set(names)
    return ",".join(said.get(name, "") for name in names)


def _faults(parsed: ParsedFile) -> list[tuple[int | None, str, str]]:
    return [(fault.row, fault.column, fault.message) for fault in parsed.faults if fault.severity is Severity.ERROR]


FULL = {
    ActionKind.SPLIT: {"ratio": "4"},
    ActionKind.REVERSE_SPLIT: {"ratio": "0.125", "fraction_price": "12.5"},
    ActionKind.STOCK_DIVIDEND: {"ratio": "1.05"},
    ActionKind.CLASS_DIVIDEND: {"delivered": "ACME.B", "units_per_unit": "0.02", "basis_share": "0.02"},
    ActionKind.SPIN_OFF: {"delivered": "NEWCO", "units_per_unit": "0.25", "basis_share": "0.1"},
    ActionKind.STOCK_MERGER: {"delivered": "BUYR", "units_per_unit": "0.8"},
    ActionKind.CASH_MERGER: {"cash_per_unit": "54.2"},
    ActionKind.MIXED_MERGER: {
        "delivered": "BUYR",
        "units_per_unit": "0.5",
        "delivered_price": "10",
        "cash_per_unit": "5",
    },
    ActionKind.RETURN_OF_CAPITAL: {"cash_per_unit": "2"},
    ActionKind.TENDER: {"cash_per_unit": "60"},
    ActionKind.SYMBOL_CHANGE: {"delivered": "NEWS"},
    ActionKind.SPECIAL_DIVIDEND: {"cash_per_unit": "10"},
    ActionKind.WORTHLESS: {},
    ActionKind.OTHER: {"note": "Rights to be explained by the agent"},
}


def test_every_kind_has_a_row_in_this_table() -> None:
    assert set(FULL) == set(ActionKind)


@pytest.mark.parametrize("kind", FULL, ids=str)
def test_every_kind_reads_with_its_terms(kind: ActionKind) -> None:
    said = FULL[kind]

    parsed = _parse(_row(kind=kind.value, **said))

    assert parsed.kind is FileKind.CORPORATE_ACTIONS
    assert _faults(parsed) == []
    assert bool(parsed.faults) == (kind is ActionKind.OTHER)  # which says that it cannot be confirmed as such
    (row,) = parsed.corporate_actions
    assert (row.row, row.terms.kind, row.terms.security, row.terms.effective_on) == (
        2,
        kind,
        "ACME",
        date(2026, 11, 30),
    )
    assert row.terms.ratio == (D(said["ratio"]) if "ratio" in said else None)
    assert row.terms.cash_per_unit_usd == D(said.get("cash_per_unit", "0"))
    assert [each.security for each in row.terms.delivered] == ([said["delivered"]] if "delivered" in said else [])
    assert row.note == said.get("note", "")


def test_a_price_for_fractions_says_that_fractions_are_paid() -> None:
    (paid,) = _parse(_row(kind="reverse_split", ratio="0.1", fraction_price="220")).corporate_actions
    (kept,) = _parse(_row(kind="reverse_split", ratio="0.1")).corporate_actions

    assert (paid.terms.pays_fractions, paid.terms.fraction_price_usd) == (True, D(220))
    assert (kept.terms.pays_fractions, kept.terms.fraction_price_usd) == (False, None)


def test_a_spin_off_of_two_children_stands_in_two_rows() -> None:
    parsed = _parse(
        _row(kind="spin_off", delivered="ONE", units_per_unit="1", basis_share="0.3", buy_children="no"),
        _row(kind="spin_off", delivered="TWO", units_per_unit="0.5", basis_share="0.2"),
    )

    assert _faults(parsed) == []
    (action,) = parsed.corporate_actions
    assert [(each.security, each.units_per_unit, each.basis_frac) for each in action.terms.delivered] == [
        ("ONE", D(1), D("0.3")),
        ("TWO", D("0.5"), D("0.2")),
    ]
    assert action.buy_children is False


def test_the_old_columns_alone_are_still_a_file() -> None:
    parsed = _parse("ACME,split,2026-11-18,4", head="symbol,kind,effective,ratio\n")

    (action,) = parsed.corporate_actions
    assert (action.terms.ratio, action.terms.pays_fractions, action.buy_children) == (D(4), False, True)


@pytest.mark.parametrize(
    ("cells", "column", "words"),
    [
        ({"kind": "splitt"}, "kind", "“splitt” is not one of split, reverse_split"),
        ({"kind": "split"}, "ratio", "A split needs its ratio."),
        ({"kind": "stock_dividend"}, "ratio", "A stock dividend needs its ratio."),
        ({"ratio": "0.5"}, "ratio", "0.5 is not above 1"),
        ({"kind": "reverse_split", "ratio": "3"}, "ratio", "3 is not below 1"),
        ({"ratio": "-2"}, "ratio", "The ratio -2 is not above 0"),
        ({"ratio": "4:1"}, "ratio", "“4:1” is not a number."),
        ({"ratio": "2", "effective": "30.11.2026"}, "effective", "is not a date"),
        ({"ratio": "2", "effective": ""}, "effective", "The effective is missing."),
        ({"ratio": "2", "delivered": "NEWCO", "units_per_unit": "1"}, "delivered", "A split delivers no other"),
        ({"kind": "spin_off", "delivered": "ACME", "units_per_unit": "1"}, "delivered", "ACME cannot deliver itself."),
        ({"kind": "spin_off", "delivered": "NEWCO"}, "units_per_unit", "are missing"),
        ({"kind": "spin_off", "delivered": "NEWCO", "units_per_unit": "0"}, "units_per_unit", "is not above 0"),
        ({"kind": "spin_off", "basis_share": "0.2"}, "basis_share", "needs the symbol that is delivered"),
        (
            {"kind": "spin_off", "delivered": "NEWCO", "units_per_unit": "1", "basis_share": "20"},
            "basis_share",
            "lies outside 0 to 1",
        ),
        ({"kind": "cash_merger", "cash_per_unit": "-5"}, "cash_per_unit", "is negative"),
        ({"kind": "worthless", "price": "-1"}, "price", "is negative"),
        ({"kind": "reverse_split", "ratio": "0.1", "fraction_price": "0"}, "fraction_price", "is not above 0"),
        ({"kind": "spin_off", "taxable": "perhaps"}, "taxable", "is neither yes nor no"),
        ({"ratio": "2", "note": "=1+1"}, "note", "is a formula"),
    ],
)
def test_a_faulty_row_is_named_with_its_column_and_left_out(cells: dict[str, str], column: str, words: str) -> None:
    parsed = _parse(_row(symbol="GOOD", kind="split", ratio="2"), _row(**cells))

    (fault,) = _faults(parsed)
    assert fault[:2] == (3, column)
    assert words in fault[2]
    assert [action.terms.security for action in parsed.corporate_actions] == ["GOOD"]


def test_a_second_row_of_an_action_must_deliver_something() -> None:
    parsed = _parse(_row(ratio="2"), _row(ratio="2"))

    assert _faults(parsed) == [(3, "", "ACME split of that day stands in row 2 already.")]
    assert parsed.corporate_actions == ()


def test_a_second_row_may_not_contradict_the_first() -> None:
    parsed = _parse(
        _row(kind="mixed_merger", delivered="BUYR", units_per_unit="1", cash_per_unit="5"),
        _row(kind="mixed_merger", delivered="RIGHT", units_per_unit="1", cash_per_unit="6"),
    )

    assert _faults(parsed) == [(3, "cash_per_unit", "The cash_per_unit is 6 here and 5 in row 2.")]
    assert parsed.corporate_actions == ()


def test_one_child_twice_is_a_fault() -> None:
    child = _row(kind="spin_off", delivered="NEWCO", units_per_unit="1")

    parsed = _parse(child, child)

    assert _faults(parsed) == [(3, "delivered", "NEWCO is delivered by an earlier row of this action already.")]


def test_children_cannot_take_more_than_the_whole_basis() -> None:
    parsed = _parse(
        _row(kind="spin_off", delivered="ONE", units_per_unit="1", basis_share="0.7"),
        _row(kind="spin_off", delivered="TWO", units_per_unit="1", basis_share="0.4"),
    )

    assert _faults(parsed) == [(2, "basis_share", "The basis_share of what is delivered sums to 1.1, more than 1.")]


def test_what_is_not_known_yet_is_noted_and_the_action_announced() -> None:
    parsed = _parse(_row(kind="spin_off"), _row(symbol="BETA", kind="cash_merger"))

    assert len(parsed.corporate_actions) == 2
    assert all(note.severity is Severity.NOTE for note in parsed.faults)
    told = {note.row: note.message for note in parsed.faults}
    assert "It is missing which security the holder gets" in told[2] or "basis cannot be allocated" in told[2]
    assert told[3] == "Before it can be confirmed: The cash for each unit is missing."
