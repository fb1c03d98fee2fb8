"""Tables of the house view as people paste them: percentages and fractions, missing headers, every fault named."""

from decimal import Decimal

import pytest

from portfolios.custodians.house_tables import BadTable, read_products, read_substitutes, read_weights, said_of


def _weights(text: str) -> dict[str, Decimal]:
    return {entry.symbol: entry.weight_frac for entry in read_weights(text.encode())}


def _faults(read: object, text: str) -> tuple[str, ...]:
    assert callable(read)
    with pytest.raises(BadTable) as raised:
        read(text.encode())
    return said_of(raised.value.faults)


@pytest.mark.parametrize(
    "text",
    [
        "symbol,weight\nAAPL,0.6\nKO,0.4\n",
        "Ticker;Weight (%)\nAAPL;60\nKO;40\n",
        "AAPL\t60%\nKO\t40%\n",
        "symbol,weight\naapl,60.0 %\nko,40 %",
    ],
)
def test_weights_are_read_however_they_are_written(text: str) -> None:
    assert _weights(text) == {"AAPL": Decimal("0.6"), "KO": Decimal("0.4")}


def test_thirds_sum_to_one_after_rounding() -> None:
    weights = _weights("A,33.333333\nB,33.333333\nC,33.333334\n")

    assert sum(weights.values()) == 1
    assert max(weights.values()) - min(weights.values()) < Decimal("0.0000001")


def test_every_faulty_row_of_weights_is_named_at_once() -> None:
    text = "symbol,weight\nAAPL,60\nAAPL,20\nKO,x\n,5\nMSFT,-3\nT,=1+1\n"

    said = _faults(read_weights, text)

    assert [line.split(":")[0] for line in said] == ["Row 3", "Row 4", "Row 5", "Row 6", "Row 7", "Row 7"]
    assert "AAPL stands in row 2 already" in said[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AAPL,60\nKO,30\n", "The weights sum to 90 %, not to 100 %."),
        ("AAPL,0.6\nKO,0.3\n", "The weights sum to 0.9, not to 1 (or to 100, if they are percentages)."),
        ("symbol,share\nAAPL,1\n", "The column “weight” is missing."),
        ("symbol,weight\n", "The table has no rows."),
        ("   \n", "The file is empty."),
    ],
)
def test_a_table_of_weights_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    assert said in _faults(read_weights, text)


def test_products_name_class_accounts_and_what_fills_it() -> None:
    entries = read_products(
        b"asset class,tax status,minimum,product\nUS Large Cap,all,0,VTI\nbonds,Tax-deferred,50000,core\n"
    )

    assert [(one.asset_class, one.tax_status, one.min_account_usd, one.use) for one in entries] == [
        ("US Large Cap", "", Decimal(0), "VTI"),
        ("bonds", "deferred", Decimal(50_000), "core"),
    ]


def test_products_that_fill_the_same_twice_or_nobody_are_named() -> None:
    text = "asset_class,use,tax_status,min_account\nbonds,BND,,0\nbonds,AGG,,0\nbonds,AGG,roth,0\nbonds,,,-1\n"

    said = _faults(read_products, text)

    assert said == (
        "Row 3: Row 2 fills the same class for the same accounts already.",
        "Row 4: “roth” is none of taxable, deferred, exempt, all.",
        "Row 5: The use is missing.",
        "Row 5: The minimum -1 is not an amount in dollars and cents.",
    )


def test_substitutes_without_rank_take_the_order_of_their_rows() -> None:
    entries = read_substitutes(b"symbol,use,hold_only\nVTI,ITOT,no\nVTI,SCHB,yes\nBND,AGG,\n")

    assert [(one.symbol, one.use, one.rank, one.is_hold_only) for one in entries] == [
        ("VTI", "ITOT", 1, False),
        ("VTI", "SCHB", 2, True),
        ("BND", "AGG", 1, False),
    ]


def test_substitutes_that_stand_in_for_themselves_are_named() -> None:
    said = _faults(read_substitutes, "symbol,use,rank,hurdle_bps\nVTI,VTI,1,0\nVTI,ITOT,1.5,0\nVTI,SCHB,1,-2\n")

    assert said == (
        "Row 2: VTI cannot stand in for itself.",
        "Row 3: The rank 1.5 is not a whole number from 1 on.",
        "Row 4: The hurdle of -2 basis points lies outside 0 to 10,000.",
    )
