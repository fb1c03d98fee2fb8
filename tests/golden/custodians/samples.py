"""Real downloads kept beside the project; a test without them is skipped and says so."""

from pathlib import Path

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import Fault, ParsedAccount, ParsedFile

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "custodian_samples"


def sample_bytes(folder: str, name: str) -> bytes:
    path = SAMPLES / folder / name
    if not path.exists():
        pytest.skip(f"the sample {folder}/{name} is not on this machine")
    return path.read_bytes()


def parse_sample(folder: str, name: str, *, custodian: str = "", account: str = "", file_name: str = "") -> ParsedFile:
    """Parse a sample as its folder's custodian, or as another one."""
    content = sample_bytes(folder, name)
    return registry.parse(custodian=custodian or folder, file_name=file_name or name, content=content, account=account)


def only_account(parsed: ParsedFile) -> ParsedAccount:
    assert len(parsed.accounts) == 1
    return parsed.accounts[0]


def errors(parsed: ParsedFile) -> list[tuple[int | None, str]]:
    return [(fault.row, fault.column) for fault in parsed.faults if fault.severity == "error"]


def messages(faults: tuple[Fault, ...]) -> list[str]:
    return [fault.message for fault in faults]
