"""Signs of a split that nobody announced, in the prices of a day and in what custodians state."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolios.ledger.errors import BadInput
from portfolios.ledger.split_signs import PriceStep, UnitStep, peers_factors, price_signs, shows_ratio, unit_signs

D = Decimal


def _step(security: str, before: str, now: str, peers: str = "") -> PriceStep:
    return PriceStep(security=security, peers=peers, before_usd=D(before), now_usd=D(now))


def _peers(factor: str = "1", *, count: int = 10, group: str = "") -> list[PriceStep]:
    return [_step(f"{group or 'P'}{n}", "100", str(D(100) * D(factor)), group) for n in range(count)]


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [
        ("100", "50.4", D(2)),
        ("100", "34", D(3)),
        ("499.23", "129.04", D(4)),
        ("645", "92.4", D(7)),
        ("100", "10.2", D(10)),
        ("100", "5.05", D(20)),
        ("100", "66.2", D("1.5")),
        ("10", "30.3", 1 / D(3)),
        ("10", "79", 1 / D(8)),
        ("2", "41", 1 / D(20)),
    ],
)
def test_a_price_that_moves_by_a_common_ratio_is_a_sign(before: str, now: str, ratio: Decimal) -> None:
    (sign,) = price_signs([_step("SPLIT", before, now), *_peers()])

    assert (sign.step.security, sign.ratio) == ("SPLIT", ratio)


def test_where_two_ratios_fit_both_are_told() -> None:
    (sign,) = price_signs([_step("SPLIT", "2213.40", "498.32"), *_peers()])  # 5 for 1, and it rose by an eighth

    assert sign.ratios == (D(4), D(5))


@pytest.mark.parametrize("now", ["97", "120", "80", "75", "60", "145", "170"])
def test_a_bad_or_good_day_is_none(now: str) -> None:
    assert price_signs([_step("PLAIN", "100", now), *_peers()]) == ()


def test_a_fall_that_all_share_is_none() -> None:
    assert price_signs(_peers("0.5")) == ()


def test_a_fall_that_its_peers_share_is_none_though_the_market_stood() -> None:
    oil = _peers("0.64", group="Energy")

    assert price_signs([_step("OIL", "100", "66", "Energy"), *oil, *_peers(count=30)]) == ()


def test_a_split_on_a_day_on_which_all_fall_is_seen() -> None:
    (sign,) = price_signs([_step("SPLIT", "100", "45"), *_peers("0.9")])

    assert (sign.ratio, sign.peers_factor) == (D(2), D("0.9"))


@pytest.mark.parametrize("now", ["21", "235"])
def test_a_jump_beyond_every_ordinary_day_is_a_sign_of_something(now: str) -> None:
    (sign,) = price_signs([_step("WHAT", "100", "42.5" if now == "21" else now), *_peers()])

    assert sign.ratio is None


def test_too_few_peers_count_as_standing_still() -> None:
    steps = [_step("A", "100", "50"), _step("B", "100", "50")]

    assert peers_factors(steps) == {"A": D(1), "B": D(1)}
    assert len(price_signs(steps)) == 2


def test_a_price_must_be_above_zero() -> None:
    with pytest.raises(BadInput, match="a price is above 0"):
        _step("A", "100", "0")


def test_a_price_shows_an_announced_ratio_or_does_not() -> None:
    assert shows_ratio(_step("A", "100", "27"), peers_factor=D(1), ratio=D(4))
    assert not shows_ratio(_step("A", "100", "96"), peers_factor=D(1), ratio=D(4))
    assert shows_ratio(_step("A", "10", "77"), peers_factor=D(1), ratio=1 / D(8))


def _units(account: int, expected: str, stated: str, security: str = "A") -> UnitStep:
    return UnitStep(account=account, security=security, expected_units=D(expected), stated_units=D(stated))


def test_units_that_double_in_two_accounts_are_a_sign() -> None:
    (sign,) = unit_signs([_units(1, "100", "200"), _units(2, "35", "70"), _units(3, "7", "7", "B")])

    assert (sign.security, sign.ratio, sign.accounts) == ("A", D(2), (1, 2))


def test_a_fraction_paid_out_does_not_hide_a_reverse_split() -> None:
    (sign,) = unit_signs([_units(1, "105", "10"), _units(2, "250", "25"), _units(3, "99.5", "9.95")])

    assert (sign.ratio, sign.accounts) == (1 / D(10), (1, 2, 3))


def test_one_account_alone_may_have_bought() -> None:
    assert unit_signs([_units(1, "100", "200")]) == ()


def test_one_account_confirms_what_prices_show() -> None:
    (sign,) = unit_signs([_units(1, "100", "200")], seen={"A": D(2)})

    assert sign.accounts == (1,)


def test_holders_that_contradict_each_other_are_no_sign() -> None:
    assert unit_signs([_units(1, "100", "200"), _units(2, "50", "100"), _units(3, "80", "80")]) == ()


def test_units_gone_or_new_are_no_sign() -> None:
    assert unit_signs([_units(1, "100", "0"), _units(2, "50", "0"), _units(3, "0", "40"), _units(4, "0", "80")]) == ()


@given(
    ratio=st.sampled_from([D(2), D(3), D("1.5"), D(4), D(10), 1 / D(2), 1 / D(10), 1 / D(25)]),
    held=st.lists(st.integers(min_value=400, max_value=100_000), min_size=2, max_size=8, unique=True),
)
def test_whatever_is_held_a_common_ratio_is_found(ratio: Decimal, held: list[int]) -> None:
    stated = [(D(units) * ratio).to_integral_value(rounding="ROUND_FLOOR") for units in held]

    (sign,) = unit_signs(
        [_units(n, str(units), str(now)) for n, (units, now) in enumerate(zip(held, stated, strict=True))]
    )

    assert sign.accounts == tuple(range(len(held)))
    assert all(abs(D(units) * sign.ratio - now) < 1 for units, now in zip(held, stated, strict=True))
