"""Real downloads kept beside the project; a test without them is skipped and says so."""

from pathlib import Path

import pytest

from portfolios.custodians import registry
from portfolios.custodians.base import Fault, ParsedAccount, ParsedFile

SAMPLES = Path(__file__).resolve().parents[4] / "shared" / "data" / "custodian_samples"


def parse_sample(custodian: str, name: str, *, account: str = "") -> ParsedFile:
    path = SAMPLES / custodian / name
    if not path.exists():
        pytest.skip(f"the sample {custodian}/{name} is not on this machine")
    return registry.parse(custodian=custodian, file_name=name, content=path.read_bytes(), account=account)


def only_account(parsed: ParsedFile) -> ParsedAccount:
    assert len(parsed.accounts) == 1
    return parsed.accounts[0]


def errors(parsed: ParsedFile) -> list[tuple[int | None, str]]:
    return [(fault.row, fault.column) for fault in parsed.faults if fault.severity == "error"]


def messages(faults: tuple[Fault, ...]) -> list[str]:
    return [fault.message for fault in faults]
