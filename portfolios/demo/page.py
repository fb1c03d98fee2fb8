"""The page `docs/demo.md`, written from the specifications so that it cannot say something else: python -m portfolios.demo.page."""

import sys
from collections.abc import Iterator

from portfolios.demo.files import Demo, build_demo
from portfolios.demo.firm import FIRM_NAME, OFFICES, STAFF
from portfolios.demo.specs import HouseholdSpec
from portfolios.demo.trading_days import BUSINESS_DATE

_INTRODUCTION = f"""# The demo firm: where to find each situation

{FIRM_NAME} is invented, and so are its people, its clients, every company and fund, and every price: a seeded generator
(`portfolios/demo/`) draws them, always the same. Nothing of it is advice or market data. The business date is
{BUSINESS_DATE:%A, {BUSINESS_DATE.day} %B %Y}, the last day with prices, so the demo never goes stale.

`python manage.py demo_data` writes the files of custodians, price vendor and investment office to `var/demo/files`, creates the
firm through the services, and imports the files by the same road as real ones. It may be run again: nothing is made twice.
`--out DIR` writes the files elsewhere, `--files-only` stops there.

## Situations
"""
_FILES = """
## Files
In `var/demo/files`, in the order of import. Formats: [custodians.md](custodians.md).

| files | from | what |
|---|---|---|
| `01` to `05` | the firm | securities, three years of prices, risk model, the 100-stock model, substitutes |
| `10` to `12` | a bank in the generic formats | positions and cash of 31 December 2025 and the transactions of 2026, for accounts that sold |
| `13`, `14` | the same | positions before the split of Brightwell Diagnostics; the announcement of the split, and of a merger ahead |
| `15` | a plan provider | recent trades in an account held away |
| `16` to `18` | the bank | positions of two accounts on days before: of one they no longer agree from 18 November on |
| `20`, `21` | the same | positions by lot and cash on the business date |
| `22` | the same | the sales of the year of one account as the bank will report them, in the layout of a 1099-B |
| `30` to `32` | Schwab | realised lots, open-lot details, positions of all accounts |
| `40` to `42` | Fidelity | realised gains, open lots (generic layout), portfolio positions |
| `50`, `51` | Interactive Brokers | Flex queries in XML: year end, business date |
| `60` to `64` | Vanguard | open lots (generic layout) and CSV downloads: year end, business date with the year's transactions |
| `70` to `74` | E*TRADE | the same as QFX |
| `80` | the price vendor | a corrected price of the business date, which looks like a split that nobody announced |
"""


def demo_page(demo: Demo) -> str:
    """Write the page."""
    return "".join((_INTRODUCTION, *_situations(demo.households), _FILES, *_people(), *_how_drawn(demo)))


def _situations(households: tuple[HouseholdSpec, ...]) -> Iterator[str]:
    yield "\n| household | advisor | situation | where to look |\n|---|---|---|---|\n"
    for household in households:
        if household.situation:
            cells = (
                f"{household.name} ({household.ref})",
                _name(household.advisor),
                household.situation,
                household.look_at,
            )
            yield f"| {' | '.join(cells)} |\n"
    ordinary = [household for household in households if not household.situation]
    yield f"\nThe other {len(ordinary)} households ({ordinary[0].name} to {ordinary[-1].name}) are ordinary: drifted, "
    yield "topped up, some with gains booked this year.\n"


def _name(key: str) -> str:
    return next(person.name for person in STAFF if person.key == key)


def _people() -> Iterator[str]:
    offices = {office.key: office.name for office in OFFICES}
    yield "\n## People\n\n| name | role | office | sign-in |\n|---|---|---|---|\n"
    for person in STAFF:
        yield f"| {person.name} | {person.role} | {offices.get(person.office, 'home office')} | `{person.email}` |\n"
    yield "\nThey share one password, drawn for this machine on the first run; it stands in `var/demo/password.txt` and "
    yield "`dev.py demo` prints it.\n"


def _how_drawn(demo: Demo) -> Iterator[str]:
    accounts = [account for household in demo.households for account in household.accounts]
    lots = sum(len(history.lots) for history in demo.histories.values())
    total = sum(account.value_usd for account in accounts)
    yield "\n## How it is drawn\n"
    yield f"{len(demo.households)} households, {len(accounts)} accounts, {lots:,} lots, ${total / 1_000_000:,.0f} M. "
    yield "Daily returns are drawn from the risk model that the firm imports (ten factors and a\nspecific move a security), "
    yield "back to 2012; three years of them are sent as prices. The yearly sum of each factor is set, its daily size is not. "
    yield "Every lot\nwas bought at the price of its day. The two Searchlume classes and the two funds on the US Large 500 index "
    yield "move as one. Most deep losses are replaced by what an earlier harvest\nwould have left. "
    yield "CUSIPs are of the range reserved for internal use (99xxxx).\n"


if __name__ == "__main__":
    sys.stdout.write(demo_page(build_demo()))
