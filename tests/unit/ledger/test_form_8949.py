"""Form 8949: boxes, codes, adjustments, and totals that are what the ledger recognises."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portfolios.ledger.form_8949 import Box, ReportedLine, SoldLot, form_8949
from portfolios.ledger.types import Disposition, DispositionKind, Term

_SOLD_ON = date(2025, 6, 16)


def _lot(
    *,
    cost: str | None = "1200.00",
    proceeds: str = "1000.00",
    acquired: date | None = date(2024, 11, 4),
    term: Term = Term.SHORT,
    disallowed: str = "0",
    permanent: str = "0",
    units: str = "100",
    key: str = "L1",
    kind: DispositionKind = DispositionKind.SALE,
    is_fund: bool = False,
    is_inherited: bool = False,
    sold_on: date = _SOLD_ON,
) -> SoldLot:
    gain = None if cost is None else Decimal(proceeds) - Decimal(cost)
    sold = Disposition(
        event_ref="S1",
        lot_key=key,
        root_key=key,
        security="XYZ",
        units=Decimal(units),
        proceeds_usd=Decimal(proceeds),
        cost_usd=None if cost is None else Decimal(cost),
        gain_usd=gain,
        term=term,
        sold_on=sold_on,
        acquired_on=acquired,
        disallowed_usd=Decimal(disallowed),
        permanent_usd=Decimal(permanent),
        kind=kind,
    )
    return SoldLot(sold=sold, name="XYZ Corp", is_fund=is_fund, is_inherited=is_inherited)


def test_plain_sale_is_one_line_of_box_a() -> None:
    (line,) = form_8949(2025, [_lot()]).lines

    assert (line.box, line.description, line.acquired) == (Box.A, "100 sh. XYZ Corp", "2024-11-04")
    assert (line.proceeds_usd, line.cost_usd, line.gain_usd) == (Decimal(1000), Decimal(1200), Decimal(-200))
    assert (line.codes, line.adjustment_usd) == ("", 0)


def test_washed_loss_has_code_w_and_a_positive_adjustment() -> None:
    form = form_8949(2025, [_lot(disallowed="150.00", permanent="150.00")])

    (line,) = form.lines
    assert (line.codes, line.adjustment_usd, line.gain_usd) == ("W", Decimal("150.00"), Decimal("-50.00"))
    assert form.disallowed_usd == Decimal("150.00")
    assert form.provisional_until_on == date(2025, 7, 16)


@pytest.mark.parametrize(("as_of", "until"), [(date(2025, 7, 16), date(2025, 7, 16)), (date(2025, 7, 17), None)])
def test_loss_is_final_once_its_window_is_known_whole(as_of: date, until: date | None) -> None:
    assert form_8949(2025, [_lot()], as_of=as_of).provisional_until_on == until


def test_basis_that_the_broker_reported_otherwise_is_corrected_with_code_b() -> None:
    reported = ReportedLine(
        security="XYZ",
        sold_on=_SOLD_ON,
        acquired_on=date(2024, 11, 4),
        units=Decimal(100),
        cost_usd=Decimal("1100.00"),
        box="A",
    )

    form = form_8949(2025, [_lot(disallowed="150.00")], reported=[reported])

    (line,) = form.lines
    assert (line.cost_usd, line.codes) == (Decimal("1100.00"), "BW")
    assert line.gain_usd == Decimal("-50.00") == line.proceeds_usd - Decimal("1100.00") + line.adjustment_usd
    assert form.disallowed_usd == Decimal("150.00")
    assert form.unreported_count == 0


def test_basis_that_was_not_reported_is_ours_without_a_code() -> None:
    reported = ReportedLine(
        security="XYZ", sold_on=_SOLD_ON, acquired_on=None, units=Decimal(100), cost_usd=Decimal("1100.00"), box="B"
    )

    (line,) = form_8949(2025, [_lot()], reported=[reported]).lines

    assert (line.box, line.cost_usd, line.codes) == (Box.B, Decimal("1200.00"), "")


@pytest.mark.parametrize(
    ("facts", "box"),
    [
        ({"acquired": date(2010, 12, 31), "term": Term.LONG}, Box.E),
        ({"acquired": date(2011, 1, 1), "term": Term.LONG}, Box.D),
        ({"acquired": date(2011, 12, 31), "term": Term.LONG, "is_fund": True}, Box.E),
        ({"acquired": date(2012, 1, 1), "term": Term.LONG, "is_fund": True}, Box.D),
        ({"is_inherited": True, "term": Term.LONG}, Box.E),
        ({"acquired": None}, Box.B),
        ({"kind": DispositionKind.WORTHLESS, "term": Term.LONG}, Box.F),
        ({"kind": DispositionKind.WORTHLESS}, Box.C),
    ],
)
def test_box_follows_term_and_what_brokers_report(facts: dict[str, object], box: Box) -> None:
    (line,) = form_8949(2025, [_lot(**facts)]).lines  # type: ignore[arg-type]

    assert line.box is box


def test_inherited_and_unknown_days_are_told_in_words() -> None:
    form = form_8949(2025, [_lot(is_inherited=True, key="I", term=Term.LONG), _lot(acquired=None, key="U")])

    assert [line.acquired for line in form.lines] == ["VARIOUS", "INHERITED"]


def test_unknown_basis_stays_unknown_and_counts_in_no_total() -> None:
    form = form_8949(2025, [_lot(cost=None, key="U"), _lot(acquired=date(2010, 1, 4), key="K")])

    unknown = next(line for line in form.lines if line.lot_key == "U")
    (total,) = form.totals
    assert unknown.cost_usd is None and unknown.gain_usd is None and unknown.box is Box.B
    assert (total.line_count, total.unknown_count, total.gain_usd) == (2, 1, Decimal("-200.00"))


def test_other_years_are_left_out() -> None:
    assert form_8949(2024, [_lot()]).lines == ()


def test_each_reported_line_is_used_once_and_the_rest_is_counted() -> None:
    reported = ReportedLine(
        security="XYZ", sold_on=_SOLD_ON, acquired_on=None, units=Decimal(100), cost_usd=Decimal("900.00"), box="A"
    )

    form = form_8949(2025, [_lot(key="L1"), _lot(key="L2")], reported=[reported])

    assert [line.codes for line in form.lines] == ["B", ""]
    assert form.unreported_count == 1


_MONEY = st.decimals(min_value=0, max_value=99_999, places=2)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.tuples(_MONEY, st.decimals(min_value=0, max_value=99_999, places=6), st.sampled_from(Term), st.booleans()),
        max_size=12,
    )
)
def test_every_line_adds_up_and_schedule_d_is_what_the_ledger_recognises(
    drawn: list[tuple[Decimal, Decimal, Term, bool]],
) -> None:
    lots = []
    for number, (proceeds, cost, term, is_washed) in enumerate(drawn):
        gain = (proceeds - cost).quantize(Decimal("0.01"))
        sold = Disposition(
            event_ref=f"S{number}",
            lot_key=f"L{number}",
            root_key=f"L{number}",
            security="XYZ",
            units=Decimal(1),
            proceeds_usd=proceeds,
            cost_usd=cost,
            gain_usd=gain,
            term=term,
            sold_on=_SOLD_ON,
            acquired_on=date(2024, 1, 2),
            disallowed_usd=-gain if is_washed and gain < 0 else Decimal(0),
        )
        lots.append(SoldLot(sold=sold, name="XYZ"))

    form = form_8949(2025, lots)

    for line in form.lines:
        assert line.cost_usd is not None
        assert line.gain_usd == line.proceeds_usd - line.cost_usd + line.adjustment_usd
    for term in Term:
        recognised = [each.sold.recognized_usd or Decimal(0) for each in lots if each.sold.term is term]
        assert form.net_usd(term) == sum(recognised, Decimal(0))
