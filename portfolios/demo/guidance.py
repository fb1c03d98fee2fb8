"""The demo firm's house view: asset classes, risk profiles with compliant limits, products and substitutes."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from portfolios.demo.universe import Instrument

MODEL_KEY, MODEL_NAME = "large-cap-core-100", "Harbor Point Large Cap Core 100"
MODEL_MIN_ACCOUNT_USD = Decimal(1_500_000)
RISK_MODEL_NAME = "harbor-10"

# (key, name, key of the parent)
ASSET_CLASSES: tuple[tuple[str, str, str], ...] = (
    ("equities", "Equities", ""),
    ("us_large", "US Large Cap", "equities"),
    ("us_small", "US Small Cap", "equities"),
    ("intl_developed", "International Developed", "equities"),
    ("emerging", "Emerging Markets", "equities"),
    ("fixed_income", "Fixed Income", ""),
    ("municipal_bonds", "Municipal Bonds", "fixed_income"),
    ("corporate_bonds", "Corporate Bonds", "fixed_income"),
    ("inflation_protected", "Inflation-Protected Bonds", "fixed_income"),
    ("real_assets", "Real Assets", ""),
    ("real_estate", "Real Estate", "real_assets"),
    ("cash", "Cash", ""),
)
LEAF_CLASSES = (
    "us_large",
    "us_small",
    "intl_developed",
    "emerging",
    "municipal_bonds",
    "corporate_bonds",
    "inflation_protected",
    "real_estate",
    "cash",
)
SCREENS = (("tobacco", "Tobacco"), ("fossil_fuel", "Fossil fuel"), ("firearms", "Firearms"))
IDENTITY_GROUPS = (
    ("SEARCHLUME", "Searchlume Inc, classes A and C"),
    ("US_LARGE_500", "Funds on the US Large 500 index"),
)

# Percent of the account, in the order of LEAF_CLASSES.
PROFILES: tuple[tuple[str, str, tuple[int, ...]], ...] = (
    ("conservative", "Conservative", (18, 3, 7, 2, 32, 20, 10, 4, 4)),
    ("moderate", "Moderate", (27, 5, 11, 3, 24, 14, 8, 5, 3)),
    ("balanced", "Balanced", (36, 6, 14, 5, 18, 9, 5, 5, 2)),
    ("growth", "Growth", (45, 9, 18, 7, 9, 4, 2, 4, 2)),
    ("aggressive_growth", "Aggressive Growth", (52, 12, 20, 9, 2, 1, 0, 3, 1)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPolicy:
    asset_class: str
    weight_frac: Decimal
    min_frac: Decimal
    max_frac: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductChoice:
    """What fills a class; `tax_status` blank is every status; exactly one of symbol and model."""

    asset_class: str
    tax_status: str
    min_account_usd: Decimal
    symbol: str
    model: str


def class_policies(percents: tuple[int, ...]) -> tuple[ClassPolicy, ...]:
    """
    Put compliant limits around the weights of a profile.

    Half the width is a third of the weight, at least three points. Municipal bonds may go to nothing and corporate
    bonds may take their place, because accounts that pay no tax hold the one in place of the other.
    """
    weight = {key: Decimal(percent) / 100 for key, percent in zip(LEAF_CLASSES, percents, strict=True)}
    policies = []
    for key in LEAF_CLASSES:
        half_width = max(Decimal("0.03"), (weight[key] / 3).quantize(Decimal("0.01")))
        low, high = max(Decimal(0), weight[key] - half_width), weight[key] + half_width
        if key == "municipal_bonds":
            low = Decimal(0)
        if key == "corporate_bonds":
            high += weight["municipal_bonds"]
        if key == "cash":
            low, high = Decimal(0), Decimal("0.10")
        policies.append(ClassPolicy(asset_class=key, weight_frac=weight[key], min_frac=low, max_frac=high))
    return tuple(policies)


def product_choices() -> tuple[ProductChoice, ...]:
    """List what fills each class: one fund, the 100-stock model for large accounts, corporates where tax is deferred."""
    recommended = {
        "us_large": "BCUS",
        "us_small": "BCSM",
        "intl_developed": "BCID",
        "emerging": "BCEM",
        "municipal_bonds": "BCMU",
        "corporate_bonds": "BCCB",
        "inflation_protected": "BCIP",
        "real_estate": "BCRE",
    }
    plain = [_product(asset_class=key, symbol=symbol) for key, symbol in recommended.items()]
    sheltered = [
        _product(asset_class="municipal_bonds", symbol="BCCB", tax_status=status) for status in ("deferred", "exempt")
    ]
    model = _product(asset_class="us_large", model=MODEL_KEY, min_account_usd=MODEL_MIN_ACCOUNT_USD)
    return (*plain, *sheltered, model)


def _product(
    *,
    asset_class: str,
    symbol: str = "",
    model: str = "",
    tax_status: str = "",
    min_account_usd: Decimal = Decimal(0),
) -> ProductChoice:
    return ProductChoice(
        asset_class=asset_class, tax_status=tax_status, min_account_usd=min_account_usd, symbol=symbol, model=model
    )


def substitute_rows(universe: tuple[Instrument, ...]) -> Iterator[tuple[str, str, int, Decimal, bool]]:
    """Yield (symbol, use, rank, hurdle, hold only): for each recommended fund the others of its class, ranked."""
    funds = [security for security in universe if security.kind in ("etf", "fund")]
    for fund in (security for security in funds if security.role == "recommended"):
        others = [o for o in funds if o.asset_class == fund.asset_class and o.symbol != fund.symbol]
        others.sort(key=lambda other: (other.role == "hold_only", other.hurdle_bps, other.symbol))
        for rank, other in enumerate(others, start=1):
            yield fund.symbol, other.symbol, rank, other.hurdle_bps, other.role == "hold_only"


def target_weights(
    percents: tuple[int, ...], *, tax_status: str, value_usd: Decimal, model: dict[str, Decimal]
) -> dict[str, float]:
    """Look a profile through its products to securities, cash left out; fractions of the account."""
    weights: dict[str, float] = {}
    for policy in class_policies(percents):
        for symbol, part in _look_through(policy.asset_class, tax_status, value_usd, model).items():
            weights[symbol] = weights.get(symbol, 0.0) + float(policy.weight_frac) * part
    return {symbol: weight for symbol, weight in weights.items() if weight > 0.0}


def _look_through(asset_class: str, tax_status: str, value_usd: Decimal, model: dict[str, Decimal]) -> dict[str, float]:
    fitting = [
        choice
        for choice in product_choices()
        if choice.asset_class == asset_class
        and choice.tax_status in ("", tax_status)
        and choice.min_account_usd <= value_usd
    ]
    if not fitting:
        return {}
    best = max(fitting, key=lambda choice: (choice.tax_status != "", choice.min_account_usd))
    if best.symbol:
        return {best.symbol: 1.0}
    return {symbol: float(weight) for symbol, weight in model.items()}
