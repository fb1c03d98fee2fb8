"""Generic files about the firm's view: risk model, security models, substitutes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TypeVar

from portfolios.custodians.base import (
    FileKind,
    ModelWeightRow,
    ParsedFile,
    ParsedRiskModel,
    ParsedSecurityModel,
    SubstituteRow,
)
from portfolios.custodians.cells import FaultLog, RowReader

CUSTODIAN = "generic"
_Key = TypeVar("_Key")
WEIGHT_TOLERANCE = Decimal("0.000001")
_PIVOT_TOLERANCE = Decimal("-1e-12")


@dataclass(slots=True)
class _RiskRows:
    """The rows of a risk model, each with the row number that said it."""

    names: set[str] = field(default_factory=set)
    dates: set[date] = field(default_factory=set)
    covariance: dict[tuple[str, str], tuple[int, Decimal]] = field(default_factory=dict)
    exposures: dict[tuple[str, str], tuple[int, Decimal]] = field(default_factory=dict)
    specific: dict[str, tuple[int, Decimal]] = field(default_factory=dict)


def read_risk_model(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read one factor risk model; nothing of it is used when a row is at fault."""
    found = _RiskRows()
    for row in rows:
        found.names.add(row.need_text("model"))
        found.dates.add(row.need_date("as_of"))
        value = row.need_number("value")
        if row.is_good:
            _keep_risk_row(row, value, found)
    model: ParsedRiskModel | None = None
    if not log.faults or all(fault.severity.value == "note" for fault in log.faults):
        model = _assemble_risk_model(found, log)
    as_of = next(iter(found.dates)) if len(found.dates) == 1 else None
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.RISK_MODEL, as_of=as_of, risk_model=model)


def _keep_risk_row(row: RowReader, value: Decimal, found: _RiskRows) -> None:
    record = row.need_text("record").lower()
    if record == "covariance":
        pair = (row.need_text("factor"), row.need_text("other_factor"))
        if pair[0] == pair[1] and value <= 0:
            row.fail(f"The variance of {pair[0]} is not above 0.", "value")
        _keep_once(row, value, found.covariance, pair)
    elif record == "exposure":
        _keep_once(row, value, found.exposures, (row.symbol("symbol"), row.need_text("factor")))
    elif record == "specific":
        symbol = row.symbol("symbol")
        if value <= 0:
            row.fail(f"The specific variance of {symbol} is not above 0.", "value")
        _keep_once(row, value, found.specific, symbol)
    else:
        row.fail(f"“{record}” is none of covariance, exposure, specific.", "record")


def _keep_once(row: RowReader, value: Decimal, kept: dict[_Key, tuple[int, Decimal]], key: _Key) -> None:
    if key in kept:
        row.fail(f"The same value stands in row {kept[key][0]} already.", "record")
    kept[key] = (row.number, value)


def _assemble_risk_model(found: _RiskRows, log: FaultLog) -> ParsedRiskModel | None:
    if len(found.names) != 1 or len(found.dates) != 1:
        log.error("The file must hold one model with one as_of date.", column="model")
        return None
    factors = tuple(left for left, right in found.covariance if left == right)
    covariance = _covariance(factors, found, log)
    for (symbol, factor), (row, _) in found.exposures.items():
        if factor not in factors:
            log.error(f"The factor {factor} has no variance.", row=row, column="factor")
        if symbol not in found.specific:
            log.error(f"{symbol} has an exposure but no specific variance.", row=row, column="symbol")
    if any(fault.severity.value == "error" for fault in log.faults):
        return None
    if not factors or not found.specific:
        log.error("The risk model has no factors or no securities.")
        return None
    if not _is_positive_semidefinite(covariance):
        log.error("The factor covariance is not positive semidefinite: some mix of factors has negative variance.")
        return None
    zero = (0, Decimal(0))
    return ParsedRiskModel(
        name=next(iter(found.names)),
        effective_on=next(iter(found.dates)),
        factors=factors,
        covariance=covariance,
        exposures={
            symbol: tuple(found.exposures.get((symbol, factor), zero)[1] for factor in factors)
            for symbol in found.specific
        },
        specific_variance={symbol: value for symbol, (_, value) in found.specific.items()},
    )


def _covariance(factors: tuple[str, ...], found: _RiskRows, log: FaultLog) -> tuple[tuple[Decimal, ...], ...]:
    for (left, right), (row, value) in found.covariance.items():
        for factor in {left, right} - set(factors):
            log.error(f"The factor {factor} has no variance.", row=row, column="factor")
        mirrored = found.covariance.get((right, left))
        if mirrored is not None and mirrored[1] != value:
            log.error(f"The covariance of {left} and {right} differs from row {mirrored[0]}.", row=row, column="value")

    def value_of(left: str, right: str) -> Decimal:
        kept = found.covariance.get((left, right)) or found.covariance.get((right, left))
        return kept[1] if kept else Decimal(0)

    return tuple(tuple(value_of(left, right) for right in factors) for left in factors)


def _is_positive_semidefinite(matrix: tuple[tuple[Decimal, ...], ...]) -> bool:
    """Eliminate symmetrically; every pivot must not be negative, and a zero pivot needs a zero row."""
    rest = [list(row) for row in matrix]
    size = len(rest)
    for pivot in range(size):
        value = rest[pivot][pivot]
        if value < _PIVOT_TOLERANCE:
            return False
        if value <= -_PIVOT_TOLERANCE:
            if any(abs(rest[pivot][column]) > Decimal("1e-9") for column in range(pivot + 1, size)):
                return False
            continue
        for row in range(pivot + 1, size):
            share = rest[row][pivot] / value
            for column in range(row, size):
                rest[row][column] -= share * rest[pivot][column]
                rest[column][row] = rest[row][column]
    return True


@dataclass(slots=True)
class _ModelRows:
    """One security model while its rows are read."""

    first_row: int
    name: str
    effective_on: date
    weights: dict[str, ModelWeightRow] = field(default_factory=dict)
    is_good: bool = True


def read_security_models(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read security models; one whose weights do not sum to 1 is at fault as a whole."""
    models: dict[str, _ModelRows] = {}
    for row in rows:
        key, effective = row.need_text("model"), row.need_date("effective")
        weight = ModelWeightRow(row=row.number, symbol=row.symbol("symbol"), weight_frac=row.need_number("weight"))
        name = row.text("name") or key
        model = models.setdefault(key, _ModelRows(first_row=row.number, name=name, effective_on=effective))
        if row.is_good and effective != model.effective_on:
            row.fail(f"The model {key} has another effective date in row {model.first_row}.", "effective")
        if row.is_good and not 0 < weight.weight_frac <= 1:
            row.fail(f"The weight {weight.weight_frac} is not a fraction above 0.", "weight")
        if weight.symbol in model.weights:
            row.fail(f"{weight.symbol} stands in row {model.weights[weight.symbol].row} already.", "symbol")
        model.weights.setdefault(weight.symbol, weight)
        model.is_good = model.is_good and row.is_good
    parsed = [_close_model(key, model, log) for key, model in models.items() if model.is_good]
    return ParsedFile(
        custodian=CUSTODIAN,
        kind=FileKind.SECURITY_MODELS,
        as_of=max((model.effective_on for model in models.values()), default=None),
        models=tuple(model for model in parsed if model is not None),
    )


def _close_model(key: str, model: _ModelRows, log: FaultLog) -> ParsedSecurityModel | None:
    total = sum((weight.weight_frac for weight in model.weights.values()), Decimal(0))
    if abs(total - 1) > WEIGHT_TOLERANCE:
        log.error(f"The weights of the model {key} sum to {total:f}, not to 1.", row=model.first_row, column="weight")
        return None
    return ParsedSecurityModel(
        key=key, name=model.name, effective_on=model.effective_on, weights=tuple(model.weights.values())
    )


def read_substitutes(rows: Iterator[RowReader], log: FaultLog) -> ParsedFile:
    """Read approved substitutes in their order."""
    del log
    kept: dict[tuple[str, str], SubstituteRow] = {}
    for row in rows:
        rank = row.need_number("rank")
        substitute = SubstituteRow(
            row=row.number,
            symbol=row.symbol("symbol"),
            use=row.symbol("use"),
            rank=int(rank),
            hurdle_bps=row.maybe_number("hurdle_bps") or Decimal(0),
            is_hold_only=row.yes_no("hold_only", default=False),
        )
        if row.is_good and (rank != int(rank) or not 1 <= rank <= 1000):
            row.fail(f"The rank {rank} is not a whole number from 1 on.", "rank")
        if not 0 <= substitute.hurdle_bps < 10_000:
            row.fail(f"The hurdle_bps {substitute.hurdle_bps} lies outside 0 to 10,000.", "hurdle_bps")
        if row.is_good and substitute.symbol == substitute.use:
            row.fail(f"{substitute.symbol} cannot stand in for itself.", "use")
        if row.is_good and (substitute.symbol, substitute.use) in kept:
            row.fail("The same pair stands in a row above already.", "use")
        if row.is_good:
            kept[(substitute.symbol, substitute.use)] = substitute
    return ParsedFile(custodian=CUSTODIAN, kind=FileKind.SUBSTITUTES, substitutes=tuple(kept.values()))
