"""Every file of the demo in the order in which it is imported, and where they are written."""

from collections.abc import Iterator
from pathlib import Path

from portfolios.demo.files import Demo, DemoFile, account_files, late_files, market_files
from portfolios.demo.other_custodian_files import fidelity_files, ibkr_files
from portfolios.demo.schwab_files import schwab_files
from portfolios.demo.statement_files import etrade_files, vanguard_files


def demo_files(demo: Demo) -> Iterator[DemoFile]:
    """Give every file in the order of its arrival: the market first, then each custodian."""
    yield from market_files(demo)
    yield from account_files(demo)
    yield from schwab_files(demo)
    yield from fidelity_files(demo)
    yield from ibkr_files(demo)
    yield from vanguard_files(demo)
    yield from etrade_files(demo)
    yield from late_files(demo)


def write_files(files: tuple[DemoFile, ...], folder: Path) -> None:
    """Write the files into a folder; what is there already with the same content is left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        path = folder / file.name
        if not path.exists() or path.read_bytes() != file.content:
            path.write_bytes(file.content)
