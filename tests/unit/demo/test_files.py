"""The demo's files: the same bytes every time, and every one read by the parser of its custodian without a fault."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from portfolios.custodians import generic_csv, registry
from portfolios.custodians.base import FileKind, ParsedFile
from portfolios.demo.all_files import demo_files, write_files
from portfolios.demo.files import Demo, DemoFile, build_demo
from portfolios.demo.page import demo_page

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def demo() -> Demo:
    return build_demo()


@pytest.fixture(scope="module")
def files(demo: Demo) -> tuple[DemoFile, ...]:
    return tuple(demo_files(demo))


def parsed(file: DemoFile) -> ParsedFile:
    if file.name == "41_fidelity_lots.csv":
        return generic_csv.parse(file_name=file.name, content=file.content, account="")
    return registry.parse(custodian=file.custodian, file_name=file.name, content=file.content, account=file.account)


def fingerprint(files: tuple[DemoFile, ...]) -> str:
    return hashlib.sha256("".join(f"{f.name}{f.sha256}" for f in files).encode()).hexdigest()


def test_two_generations_are_the_same_byte_for_byte(files: tuple[DemoFile, ...]) -> None:
    code = (
        "from portfolios.demo.all_files import demo_files; from portfolios.demo.files import build_demo; import hashlib;"
        "fs = tuple(demo_files(build_demo()));"
        "print(hashlib.sha256(''.join(f.name + f.sha256 for f in fs).encode()).hexdigest())"
    )
    environment = {"PYTHONHASHSEED": "12345", "TZ": "Asia/Tokyo", "LC_ALL": "C"}

    other = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )

    assert other.stdout.strip() == fingerprint(files)


def test_every_file_is_read_without_a_fault(files: tuple[DemoFile, ...]) -> None:
    faults = {file.name: parsed(file).faults for file in files if parsed(file).faults}

    assert faults == {}


def test_custodians_say_of_every_account_what_was_drawn(demo: Demo, files: tuple[DemoFile, ...]) -> None:
    lots: dict[str, int] = {}
    for file in files:
        found = parsed(file)
        if file.name[:2] in ("20", "31", "41", "51", "62", "64", "72", "74") and found.kind in (
            FileKind.LOTS,
            FileKind.STATEMENT,
        ):
            for account in found.accounts:
                lots[account.number[-4:] if account.is_masked else account.number] = len(account.lots or ())

    for history in demo.histories.values():
        spec = history.spec
        number = spec.number.replace("-", "")
        key = number[-4:] if spec.custodian == "schwab" else number
        if not spec.is_held_away:
            assert lots[key] == len(history.lots), spec.ref


def test_files_stand_in_the_order_of_their_names(files: tuple[DemoFile, ...]) -> None:
    names = [file.name for file in files]

    assert names == sorted(names)
    assert len(set(names)) == len(names)


def test_writing_twice_leaves_files_alone(files: tuple[DemoFile, ...], tmp_path: Path) -> None:
    write_files(files, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}

    write_files(files, tmp_path)

    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert len(before) == len(files)


def test_page_says_where_to_find_each_situation(demo: Demo) -> None:
    page = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")

    assert page == demo_page(demo), "run: python -m portfolios.demo.page > docs/demo.md"
    for household in demo.households:
        assert not household.situation or f"| {household.situation} |" in page
