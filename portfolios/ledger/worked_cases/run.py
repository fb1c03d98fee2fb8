"""Run a file of worked cases through the production ledger, and compare with what it expects."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from portfolios.ledger.errors import BadInput
from portfolios.ledger.worked_cases import actions, estimates, funds, holding, netting, relief, wash
from portfolios.ledger.worked_cases.reading import Actual, Fields

_Runner = Callable[[Fields, Fields], Actual]


def _plain(run: Callable[[Fields], Actual]) -> _Runner:
    return lambda given, policy: run(given)


_RUNNERS: Final[Mapping[tuple[str, str], _Runner]] = {
    ("holding_period", ""): _plain(holding.holding_period),
    ("basis", "gift"): _plain(holding.gift),
    ("basis", "inherited"): _plain(holding.inherited),
    ("basis", "ric_six_month"): _plain(funds.six_months),
    ("netting", ""): _plain(netting.netting),
    ("carryforward", "multi_year"): _plain(netting.multi_year),
    ("carryforward", "worksheet"): _plain(netting.worksheet),
    ("lot_relief", ""): _plain(relief.lot_relief),
    ("corporate_action", ""): _plain(actions.corporate_action),
    ("wash_sale", ""): wash.wash_sale,
    ("wash_sale", "safe_dates"): wash.safe_dates,
    ("tax_estimate", "marginal_rates"): _plain(estimates.marginal_rates),
    ("tax_estimate", "federal_schedule"): _plain(estimates.federal_schedule),
    ("tax_estimate", "loss_ladder"): _plain(estimates.loss_ladder_of),
    ("tax_estimate", "integrated"): wash.integrated,
}


def run_case(case: Fields, *, default_policy: Fields) -> Actual:
    """
    Compute one case from its input and policy; what it expects is never read.

    :raises BadInput: the case is of no known kind, or a field is missing or wrong
    """
    given = case.get("input")
    if not isinstance(given, Mapping):
        raise BadInput("the case has no input")
    kind = (str(case.get("category") or ""), str(given.get("kind") or given.get("mode") or ""))
    run = _RUNNERS.get(kind)
    if run is None:
        raise BadInput(f"cases of category {kind[0]!r}{f' and kind {kind[1]!r}' if kind[1] else ''} are not known")
    try:
        return run(given, {**default_policy, **(case.get("policy") or {})})
    except BadInput:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError) as fault:
        raise BadInput(f"the input is not in the schema: {fault!r}") from fault


def run_file(data: Fields) -> list[Actual]:
    """Compute every case of a file; a case that cannot be computed says why under `error`."""
    results: list[Actual] = []
    for case in data.get("cases") or ():
        result: Actual = {"id": case.get("id")}
        try:
            result["actual"] = run_case(case, default_policy=data.get("default_policy") or {})
        except BadInput as fault:
            result["error"] = f"{fault}"
        results.append(result)
    return results


def differences(expected: object, actual: object, *, tolerance: Fields, path: str = "") -> list[str]:
    """
    Say where a result differs from what is expected, each in a line; fields that are not expected are not compared.

    Rows of lists count in any order. Shares may differ by the file's tolerance for shares, other figures by money.
    """
    if isinstance(expected, Mapping):
        if not isinstance(actual, Mapping):
            return [f"{path}: {actual!r} instead of fields"]
        found: list[str] = []
        for name, value in expected.items():
            found += differences(value, actual.get(name), tolerance=tolerance, path=f"{path}.{name}" if path else name)
        return found
    if isinstance(expected, list):
        return _differing_rows(expected, actual, tolerance=tolerance, path=path)
    return (
        []
        if _is_same(expected, actual, tolerance=tolerance, path=path)
        else [f"{path}: {actual} instead of {expected}"]
    )


def _differing_rows(expected: list[object], actual: object, *, tolerance: Fields, path: str) -> list[str]:
    if not isinstance(actual, list) or len(actual) != len(expected):
        count = len(actual) if isinstance(actual, list) else 0
        return [f"{path}: {count} rows instead of {len(expected)}"]
    left = list(actual)
    found: list[str] = []
    for number, row in enumerate(expected):
        tried = [differences(row, other, tolerance=tolerance, path=f"{path}[{number}]") for other in left]
        best = min(range(len(tried)), key=lambda place: len(tried[place]))
        found += tried[best]
        left.pop(best)
    return found


def _is_same(expected: object, actual: object, *, tolerance: Fields, path: str) -> bool:
    if expected == actual:
        return True
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None or actual is None:
        return False
    try:
        gap = abs(Decimal(str(expected)) - Decimal(str(actual)))
    except InvalidOperation:
        return False
    name = "shares" if path.endswith("shares") else "money"
    return gap <= Decimal(str(tolerance.get(name, "0")))
