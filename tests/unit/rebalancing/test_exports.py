"""Order files, files of fills, and the written rule by which a fill is shared."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolios.ledger.errors import BadInput
from rebalancing import exports
from rebalancing.exports import ChosenLot, FillRow, OrderLine, OrderLot, Want

D = Decimal
DAY = date(2026, 11, 20)


def line(reference: str, *, is_sale: bool = False, **changes: object) -> OrderLine:
    return OrderLine(
        **{  # type: ignore[arg-type]
            "client_order_id": reference,
            "block": "BLOCK-1",
            "custodian": "schwab",
            "account_number": "88124471",
            "is_sale": is_sale,
            "symbol": "VTI",
            "cusip": "922908769",
            "units": D("12.500000"),
            "price_usd": D("290.150000"),
            "amount_usd": D("3626.88"),
            **changes,
        }
    )


def rows_of(text: str) -> list[list[str]]:
    return [row.split(",") for row in text.strip().split("\r\n")]


def test_sales_come_before_purchases_and_name_their_lots() -> None:
    lots = (
        OrderLot(key="L1", acquired_on=date(2024, 7, 8), units=D(40)),
        OrderLot(key="L2", acquired_on=date(2025, 2, 14), units=D("0.5")),
    )

    text = exports.order_file([line("T1-1-1"), line("T1-1-2", is_sale=True, lots=lots)])

    head, *rows = rows_of(text)
    assert tuple(head) == exports.ORDER_COLUMNS
    assert [(row[0], row[1]) for row in rows] == [
        ("ORDER", "T1-1-2"),
        ("LOT", "T1-1-2"),
        ("LOT", "T1-1-2"),
        ("ORDER", "T1-1-1"),
    ]
    assert rows[0][5:11] == ["sell", "VTI", "922908769", "shares", "12.5", "290.15"]
    assert rows[1][11:] == ["L1", "2024-07-08", "40"]
    assert rows[2][11:] == ["L2", "2025-02-14", "0.5"]
    assert all(len(row) == len(head) for row in rows)


@pytest.mark.parametrize(
    ("is_sale", "closes", "expected"),
    [(True, True, ["all", ""]), (True, False, ["dollars", "3626.88"]), (False, False, ["dollars", "3626.88"])],
)
def test_mutual_funds_go_out_in_dollars_or_all(is_sale: bool, closes: bool, expected: list[str]) -> None:
    text = exports.order_file([line("A", is_sale=is_sale, is_fund=True, closes_position=closes)])

    assert rows_of(text)[1][8:10] == expected


@pytest.mark.parametrize("evil", ["=HYPERLINK(1)", "@SUM(A1)", "+cmd|calc", "-2+3", "\tx"])
def test_no_cell_of_an_order_file_runs_in_a_spreadsheet(evil: str) -> None:
    text = exports.order_file([line("A", symbol=evil, lots=(OrderLot(key=evil, acquired_on=DAY, units=D(1)),))])

    assert text.count(f"'{evil}") == 2
    assert f",{evil}" not in text


GOOD = b"client_order_id,execution_id,date,units,price,fee\nT1-1-1,X1,2026-11-20,40,290.10,1.25\n"


def test_a_row_is_read_to_typed_values() -> None:
    parsed = exports.parse_fills(GOOD)

    assert parsed.faults == ()
    assert parsed.rows == (
        FillRow(
            row=2,
            reference="T1-1-1",
            execution_id="X1",
            traded_on=DAY,
            units=D(40),
            price_usd=D("290.10"),
            fee_usd=D("1.25"),
        ),
    )


def test_columns_stand_in_any_order_and_the_fee_may_be_missing() -> None:
    parsed = exports.parse_fills(
        b"\xef\xbb\xbfPrice,Units,Date,Execution ID,Client order ID\r\n290.1,40,2026-11-20,X1,T1-1-1\r\n"
    )

    assert parsed.faults == ()
    assert parsed.rows[0].fee_usd == 0


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("T1-1-1,X1,2026-11-20,forty,290.10,0", "units", "“forty” is not a number"),
        ("T1-1-1,X1,2026-11-20,-4,290.10,0", "units", "negative"),
        ("T1-1-1,X1,2026-11-20,0,290.10,0", "units", "is 0"),
        ("T1-1-1,X1,2026-11-20,0.0000001,290.10,0", "units", "more than six decimals"),
        ("T1-1-1,X1,20.11.2026,4,290.10,0", "date", "is not a date"),
        ("T1-1-1,X1,2026-11-20,4,0,0", "price", "is not above 0"),
        ("T1-1-1,X1,2026-11-20,4,-5,0", "price", "is not above 0"),
        ("T1-1-1,X1,2026-11-20,4,,0", "price", "price is missing"),
        ("T1-1-1,X1,2026-11-20,4,290.10,-1", "fee", "not an amount"),
        ("T1-1-1,X1,2026-11-20,4,290.10,0.001", "fee", "not an amount"),
        ("T1-1-1,,2026-11-20,4,290.10,0", "execution_id", "is missing"),
        (f"T1-1-1,{'X' * 41},2026-11-20,4,290.10,0", "execution_id", "more than 40 characters"),
        (",X1,2026-11-20,4,290.10,0", "client_order_id", "is missing"),
        ("=1+1,X1,2026-11-20,4,290.10,0", "client_order_id", "is a formula"),
    ],
)
def test_each_faulty_cell_is_named_with_row_and_column(row: str, column: str, words: str) -> None:
    text = f"client_order_id,execution_id,date,units,price,fee\nT1-1-9,OK,2026-11-20,1,1,0\n{row}\n"

    (fault,) = exports.parse_fills(text.encode()).faults

    assert (fault.row, fault.column) == (3, column)
    assert words in fault.message


def test_all_faults_are_named_at_once() -> None:
    faults = exports.parse_fills(GOOD + b"A,X2,never,many,free,0\nB,X1,2026-11-20,1,1,0\n").faults

    assert [(fault.row, fault.column) for fault in faults] == [
        (3, "price"),
        (3, "date"),
        (3, "units"),
        (4, "execution_id"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"client_order_id,execution_id,date,units,price,fee\n", "no fills"),
        (b"a,b\n1,2\n", "client_order_id is missing"),
        (b"client_order_id,execution_id,date,units,units,price\n", "units stands twice"),
        (b"\x00\x01\x02binary", "not text"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(content: bytes, words: str) -> None:
    parsed = exports.parse_fills(content)

    assert parsed.rows == ()
    assert words in " ".join(fault.message for fault in parsed.faults)


def wants(*units: str, step: str = "1") -> list[Want]:
    return [Want(client_order_id=f"O{place}", units=D(each), step=D(step)) for place, each in enumerate(units, 1)]


def test_a_whole_fill_gives_everybody_what_they_want() -> None:
    assert exports.share_units(D(60), wants("10", "20", "30")) == {"O1": D(10), "O2": D(20), "O3": D(30)}


def test_a_partial_fill_is_shared_in_proportion_and_by_the_largest_remainder() -> None:
    # 25 of 60: exact parts are 4.17, 8.33, 12.5; the step left over goes to O3
    assert exports.share_units(D(25), wants("10", "20", "30")) == {"O1": D(4), "O2": D(8), "O3": D(13)}


def test_equal_remainders_go_to_the_lower_client_order_id() -> None:
    assert exports.share_units(D(1), wants("10", "10", "10")) == {"O1": D(1), "O2": D(0), "O3": D(0)}


def test_fractions_are_shared_to_the_step() -> None:
    assert exports.share_units(D("1.0000"), wants("1", "2", step="0.0001")) == {"O1": D("0.3333"), "O2": D("0.6667")}


def test_more_than_all_want_is_refused() -> None:
    with pytest.raises(BadInput, match="61 units are more than the 60"):
        exports.share_units(D(61), wants("10", "20", "30"))


@given(st.lists(st.integers(1, 500), min_size=1, max_size=9), st.data())
def test_sharing_keeps_every_unit_and_never_exceeds_a_want(sizes: list[int], data: st.DataObject) -> None:
    asked = wants(*[str(size) for size in sizes])
    total = D(data.draw(st.integers(1, sum(sizes))))

    given_units = exports.share_units(total, asked)

    assert sum(given_units.values()) == total
    for want in asked:
        exact = total * want.units / sum(sizes)
        assert 0 <= given_units[want.client_order_id] <= want.units
        assert abs(given_units[want.client_order_id] - exact) <= 1


def execution(name: str, units: str, price: str, fee: str = "0") -> FillRow:
    return FillRow(
        row=2,
        reference="BLOCK-1",
        execution_id=name,
        traded_on=DAY,
        units=D(units),
        price_usd=D(price),
        fee_usd=D(fee),
    )


def test_a_block_is_shared_at_the_average_price_with_fees_by_units() -> None:
    shares = exports.share_block(
        [execution("E1", "40", "10.00", "1.00"), execution("E2", "20", "10.30")], wants("20", "40")
    )

    assert {share.price_usd for share in shares} == {D("10.1")}
    assert [(share.execution_id, share.units) for share in shares] == [
        ("E1:O1", D(20)),
        ("E1:O2", D(20)),
        ("E2:O2", D(20)),
    ]
    assert [share.fee_usd for share in shares] == [D("0.33"), D("0.67"), D(0)]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6), st.lists(st.integers(1, 80), min_size=1, max_size=6))
def test_every_execution_is_wholly_shared(sizes: list[int], parts: list[int]) -> None:
    asked = wants(*[str(size) for size in sizes], "1000")
    executions = [execution(f"E{place}", str(part), "5", "0.01") for place, part in enumerate(parts)]

    shares = exports.share_block(executions, asked)

    for one in executions:
        mine = [share.units for share in shares if share.execution_id.startswith(f"{one.execution_id}:")]
        assert sum(mine) == one.units
    assert sum(share.fee_usd for share in shares) == sum(one.fee_usd for one in executions)
    assert len({share.execution_id for share in shares}) == len(shares)


LOTS = (
    ChosenLot(key="L1", units=D(40), lot_units=D(150)),
    ChosenLot(key="L2", units=D(80), lot_units=D(80)),
)


def picked(done: str, units: str) -> dict[str, Decimal]:
    return {pick.key: pick.units for pick in exports.picks_of(LOTS, done_units=D(done), units=D(units))}


def test_fills_take_the_lots_in_the_proposals_order() -> None:
    assert picked("0", "30") == {"L1": D(30)}
    assert picked("30", "30") == {"L1": D(10), "L2": D(20)}
    assert picked("60", "60") == {"L2": D(60)}


def test_a_fund_that_took_more_units_takes_them_from_the_chosen_lots() -> None:
    assert picked("0", "125") == {"L1": D(45), "L2": D(80)}
    with pytest.raises(BadInput, match="231 units are 1 more"):
        picked("0", "231")


def test_made_up_fills_read_back_as_they_were_written() -> None:
    row = execution("X-1", "12.5", "290.15", "0.35")

    (read,) = exports.parse_fills(exports.fills_file([row]).encode()).rows

    assert read == row


@given(st.decimals("0.5", "5000", places=2), st.text(min_size=1, max_size=8))
def test_a_made_up_price_is_near_the_close_and_never_better(close: Decimal, seed: str) -> None:
    sold = exports.price_near(close, seed=seed, is_sale=True)
    bought = exports.price_near(close, seed=seed, is_sale=False)

    assert close * D("0.998") <= sold <= close + D("0.0001")
    assert close - D("0.0001") <= bought <= close * D("1.002")
    assert exports.price_near(close, seed=seed, is_sale=True) == sold
