"""Draw small cases: a few securities and lots, with any of the rules that an account may have."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from rebalancing.engine.types import Account, Case, RiskModel, Security
from tests import cases as c

NAMES = ("AAA", "BBB", "CCC", "DDD")
CLASSES = ("us_large", "bonds")
SECTORS = ("Technology", "Energy")
AGES_DAYS = (5, 20, 31, 100, 300, 365, 366, 900)


def money(low: int, high: int) -> st.SearchStrategy[str]:
    return st.integers(low * 100, high * 100).map(lambda cents: str(Decimal(cents) / 100))


@st.composite
def securities(draw: st.DrawFn, *, count: int, step: str) -> tuple[Security, ...]:
    shares_group = draw(st.booleans())
    return tuple(
        c.security(
            name,
            draw(money(20, 200)),
            CLASSES[at % 2],
            sector=SECTORS[at // 2 % 2],
            identity_group="AAA" if at == 1 and shares_group else None,
            quantity_step=step,
            half_spread_bps=draw(st.sampled_from([0.0, 2.0, 15.0])),
            buyable=draw(st.sampled_from([True, True, True, False])),
        )
        for at, name in enumerate(NAMES[:count])
    )


@st.composite
def risk_models(draw: st.DrawFn, *, count: int) -> RiskModel:
    names = NAMES[:count]
    return RiskModel(
        factors=("market",),
        factor_covariance=((0.0256,),),
        exposures={name: (draw(st.sampled_from([0.2, 0.8, 1.0, 1.3])),) for name in names},
        specific_variance={name: draw(st.sampled_from([0.0004, 0.01, 0.04, 0.09])) for name in names},
    )


@st.composite
def lot_words(draw: st.DrawFn, market: tuple[Security, ...], *, at: int, most_shares: int) -> c.Wired:
    item = draw(st.sampled_from(market))
    quantity = draw(st.integers(1, most_shares))
    basis = draw(st.sampled_from([0.3, 0.7, 0.9, 1.02, 1.2, 1.6]))
    cost = round(float(item.price) * basis, 2)
    acquired = c.AS_OF - timedelta(days=draw(st.sampled_from(AGES_DAYS)))
    fields: dict[str, c.Wired] = {}
    if draw(st.integers(0, 9)) == 0:
        fields["gift"] = True
    price = "?" if draw(st.integers(0, 9)) == 0 else f"{cost}"
    return c.lot(f"L{at} {item.id} {quantity} @ {price} {acquired}", **fields)


@st.composite
def targets(draw: st.DrawFn, *, count: int) -> dict[str, float]:
    parts = [draw(st.integers(0, 10)) for _ in range(count)]
    cash = draw(st.sampled_from([0.0, 0.02, 0.1]))
    total = sum(parts)
    if total == 0:
        return {"CASH": 1.0}
    weights = {name: (1 - cash) * part / total for name, part in zip(NAMES, parts, strict=False) if part}
    return {**weights, "CASH": 1 - sum(weights.values())}


@st.composite
def constraints(draw: st.DrawFn, *, count: int) -> list[dict[str, c.Wired]]:
    drawn: list[dict[str, c.Wired]] = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        subject = draw(
            st.sampled_from([{"security": NAMES[0]}, {"security": NAMES[count - 1]}, {"sector": "Technology"}])
        )
        verb = draw(st.sampled_from(["never_buy", "never_sell", "never_trade", "never_own", "range"]))
        more: dict[str, c.Wired] = {}
        if verb == "never_own":
            more["disposal"] = draw(st.sampled_from(["now", "within_budget", "keep"]))
        if verb == "range":
            more["max_weight"] = draw(st.sampled_from([0.2, 0.4]))
        drawn.append({"verb": verb, **subject, **more})
    return drawn


@st.composite
def taxes(draw: st.DrawFn) -> dict[str, c.Wired]:
    never = draw(st.integers(0, 9)) == 0
    return {
        "short_rate": 0.408,
        "long_rate": 0.238,
        "ordinary_rate": draw(st.sampled_from([0.37, 0.22])),
        "realized_short": draw(st.sampled_from(["0", "-300", "250"])),
        "realized_long": draw(st.sampled_from(["0", "-3010", "150"])),
        "carryforward_long": draw(st.sampled_from(["0", "120"])),
        "budget_tax": draw(st.sampled_from([None, None, "0", "40"])),
        "max_net_gain": draw(st.sampled_from([None, None, None, "50"])),
        "short_gains": draw(st.sampled_from(["allow", "allow", "avoid", "forbid"])),
        "harvest": draw(st.sampled_from(["immediate", "immediate", "off"])),
        "never_realize_gains": never,
        "carried_loss_rate": draw(st.sampled_from([0.14, 0.2])),
    }


@st.composite
def accounts(
    draw: st.DrawFn, market: tuple[Security, ...], *, name: str = "A1", most_lots: int = 4, most_shares: int = 3
) -> Account:
    count = len(market)
    lots = [draw(lot_words(market, at=at, most_shares=most_shares)) for at in range(draw(st.integers(0, most_lots)))]
    cash = draw(st.integers(100 if not lots else 0, 400))
    held = sum((lot.quantity * item.price for lot in lots for item in market if item.id == lot.security), Decimal(cash))
    needs: dict[str, c.Wired] = {}
    if draw(st.integers(0, 3)) == 0:
        needs["raise"] = str((held * Decimal(draw(st.sampled_from([10, 40, 80]))) / 100).quantize(Decimal("0.01")))
    if draw(st.integers(0, 3)) == 0:
        needs["reserve_weight"] = 0.05
    if draw(st.integers(0, 4)) == 0:
        needs["max_weight"] = draw(st.sampled_from([0.1, 0.3]))
    limits = {"bonds": draw(st.sampled_from([(0.0, 0.3), (0.3, 0.7)]))} if draw(st.integers(0, 3)) == 0 else {}
    trading: dict[str, c.Wired] = {
        "tracking_preference": draw(st.sampled_from([1, 5, 10])),
        "min_trade": draw(st.sampled_from(["0", "0", "100"])),
        "min_position": draw(st.sampled_from(["0", "0", "120"])),
        "ticket_cost": draw(st.sampled_from(["0", "0", "1"])),
        "max_turnover": draw(st.sampled_from([None, None, None, 0.2])),
        "max_trades": draw(st.sampled_from([None, None, None, 2])),
    }
    status = draw(st.sampled_from(["taxable", "taxable", "deferred"]))
    fields: dict[str, c.Wired] = {"tax": draw(taxes())} if status == "taxable" else {}
    return c.account(
        name,
        status=status,
        cash=cash,
        lots=lots,
        target=draw(targets(count=count)),
        class_limits=limits,
        constraints=draw(constraints(count=count)),
        cash_needs=needs,
        trading=trading,
        **fields,
    )


@st.composite
def small_cases(
    draw: st.DrawFn, *, most_securities: int = 4, most_lots: int = 4, most_shares: int = 3, step: str = "1"
) -> Case:
    count = draw(st.integers(2, most_securities))
    market = draw(securities(count=count, step=step))
    recent = []
    if draw(st.integers(0, 2)) == 0:
        day = c.AS_OF - timedelta(days=draw(st.sampled_from([3, 30, 31])))
        recent.append(c.recent(f"A9 buy 2 {market[0].id} {day}"))
    if draw(st.integers(0, 3)) == 0:
        recent.append(c.recent(f"A9 sell 2 {market[-1].id} {date(2026, 2, 20)}", loss="12.50"))
    account = draw(accounts(market, most_lots=most_lots, most_shares=most_shares))
    model = draw(risk_models(count=count))
    return c.case(market, (account,), recent_trades=recent, risk_model=model)
