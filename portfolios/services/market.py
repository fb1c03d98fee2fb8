"""Files of the market and of the firm's guidance: prices and corporate actions here, the others in their own rooms."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from advisors import audit
from advisors.models import Firm, User
from advisors.services import advance_business_date
from portfolios.custodians.base import Fault, FileKind, ParsedFile, PriceRow
from portfolios.models.market import Price
from portfolios.models.securities import Security
from portfolios.selectors.aliases import successors
from portfolios.services import action_files, guidance_files, security_master
from portfolios.services.action_detection import detect_in_prices
from portfolios.services.house_view.screens_applied import apply_screens
from portfolios.services.posted_files import Posted

MARKET_KINDS = frozenset(
    {
        FileKind.PRICES,
        FileKind.SECURITIES,
        FileKind.RISK_MODEL,
        FileKind.SECURITY_MODELS,
        FileKind.SUBSTITUTES,
        FileKind.CORPORATE_ACTIONS,
    }
)
_BATCH = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Symbols:
    """The symbols that a file names, with the row where each first stands."""

    first_rows: Mapping[str, int]

    def unknown(self) -> list[Fault]:
        """Return a fault for every symbol that is not in the security master."""
        known = set(Security.objects.filter(symbol__in=self.first_rows).values_list("symbol", flat=True))
        return [
            Fault(row=row, column="symbol", message=f"The security {symbol} is not in the security master.")
            for symbol, row in self.first_rows.items()
            if symbol not in known
        ]


def check_market_file(firm: Firm, parsed: ParsedFile) -> list[Fault]:
    """Return what only the database can find wrong: securities and classes that nobody knows."""
    if parsed.kind is FileKind.SECURITIES:
        return security_master.check_classes(firm, parsed.securities)
    notes = action_files.check_actions(parsed.corporate_actions)
    return [*_Symbols(first_rows=_symbol_rows(parsed)).unknown(), *notes]


def _symbol_rows(parsed: ParsedFile) -> dict[str, int]:
    rows: dict[str, int] = {}
    for price in parsed.prices:
        rows.setdefault(price.symbol, price.row)
    for model in parsed.models:
        for weight in model.weights:
            rows.setdefault(weight.symbol, weight.row)
    for substitute in parsed.substitutes:
        rows.setdefault(substitute.symbol, substitute.row)
        rows.setdefault(substitute.use, substitute.row)
    for action in parsed.corporate_actions:
        rows.setdefault(action.terms.security, action.row)
    return rows


def describe_market_file(firm: Firm, parsed: ParsedFile) -> list[str]:
    """Say what posting a file will change, before anything does."""
    describe: Mapping[FileKind, Callable[[Firm, ParsedFile], list[str]]] = {
        FileKind.PRICES: _describe_prices,
        FileKind.SECURITIES: security_master.describe_securities,
        FileKind.RISK_MODEL: guidance_files.describe_risk_model,
        FileKind.SECURITY_MODELS: guidance_files.describe_models,
        FileKind.SUBSTITUTES: guidance_files.describe_substitutes,
        FileKind.CORPORATE_ACTIONS: _describe_actions,
    }
    return describe[parsed.kind](firm, parsed)


def post_market_file(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    """Write what a file says, in the caller's transaction."""
    post: Mapping[FileKind, Callable[..., Posted]] = {
        FileKind.PRICES: _post_prices,
        FileKind.SECURITIES: security_master.post_securities,
        FileKind.RISK_MODEL: guidance_files.post_risk_model,
        FileKind.SECURITY_MODELS: guidance_files.post_models,
        FileKind.SUBSTITUTES: guidance_files.post_substitutes,
        FileKind.CORPORATE_ACTIONS: _post_actions,
    }
    return post[parsed.kind](firm, parsed, actor=actor, now=now)


def _describe_prices(firm: Firm, parsed: ParsedFile) -> list[str]:
    days = [row.priced_on for row in parsed.prices]
    symbols = {row.symbol for row in parsed.prices}
    said = [f"{len(days):,} prices of {len(symbols):,} securities from {min(days)} to {max(days)}."]
    if firm.business_on is None or max(days) > firm.business_on:
        said.append(f"The business date becomes {max(days)}.")
    return said


def _post_prices(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    keys = dict(Security.objects.values_list("symbol", "pk"))
    known_until = firm.business_on
    rows = [row for row in parsed.prices if row.symbol in keys]
    rows += _under_new_names(rows, known=keys)
    for start in range(0, len(rows), _BATCH):
        Price.objects.bulk_create(
            [
                Price(security_id=keys[r.symbol], priced_on=r.priced_on, price_usd=r.price_usd, source=parsed.custodian)
                for r in rows[start : start + _BATCH]
            ],
            update_conflicts=True,
            unique_fields=["security", "priced_on"],
            update_fields=["price_usd", "source"],
        )
    said = []
    if rows:
        latest = max(row.priced_on for row in rows)
        facts = {"count": len(rows), "latest_on": latest}
        audit.record("prices.posted", actor=actor, subject=firm, firm_id=firm.pk, data=facts, now=now)
        said.append(f"{len(rows):,} prices posted, the latest of {latest}.")
        if advance_business_date(firm, to=latest, actor=actor, now=now):
            said.append(f"The business date is {latest}.")
            apply_screens(firm, now=now)
        days = {row.priced_on for row in rows}
        said += [one.sentence for one in detect_in_prices(firm, days=days, known_until=known_until, now=now)]
    return Posted(said=said, faults=check_market_file(firm, parsed))


def _under_new_names(rows: Sequence[PriceRow], *, known: Mapping[str, int]) -> list[PriceRow]:
    """Return the prices that a file still gives under an old symbol, for the successor, which it does not name."""
    told = {(row.symbol, row.priced_on) for row in rows}
    later = {day: successors(on=day) for day in {row.priced_on for row in rows}}
    renamed = [replace(row, symbol=later[row.priced_on].get(row.symbol, "")) for row in rows]
    return [row for row in renamed if row.symbol in known and (row.symbol, row.priced_on) not in told]


def _describe_actions(firm: Firm, parsed: ParsedFile) -> list[str]:
    return action_files.describe_actions(firm, parsed.corporate_actions)


def _post_actions(firm: Firm, parsed: ParsedFile, *, actor: User | None, now: datetime) -> Posted:
    rows = parsed.corporate_actions
    posted = action_files.post_actions(firm, rows, source=parsed.custodian, actor=actor, now=now)
    return Posted(said=posted.said, faults=[*check_market_file(firm, parsed), *posted.faults])
