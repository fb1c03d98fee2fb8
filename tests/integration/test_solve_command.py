"""`manage.py solve`: files in, outcomes out. No test here may use the database, and none is marked to."""

import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from django.core.management import call_command

from rebalancing.engine.case import canonical_json, case_hash, parse_case, split_case
from rebalancing.engine.outcome import Outcome, parse_outcome
from rebalancing.engine.types import Case
from rebalancing.engine.verify import verify
from tests import cases as c

MARKET = (c.security("AAPL", 200), c.security("XOM", 100))


def a_case(cash: int = 6000) -> Case:
    lots = (c.lot("L1 AAPL 10 @ 250 2025-06-03"),)
    held = c.account(cash=cash, lots=lots, target={"AAPL": 0.5, "XOM": 0.4, "CASH": 0.1})
    return c.case(MARKET, (held,))


def solve(*words: object) -> tuple[int, list[Outcome], list[str]]:
    """Run the command: its exit code, the outcomes on standard output, the lines on standard error."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("solve", *(str(word) for word in words), stdout=out, stderr=err)
    except SystemExit as stop:
        code = int(str(stop.code))
    outcomes = [parse_outcome(line.encode()) for line in out.getvalue().splitlines()]
    return code, outcomes, err.getvalue().splitlines()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def without_timing(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [msgspec.structs.replace(outcome, timing_ms=Outcome.__struct_defaults__[-1]) for outcome in outcomes]


def test_a_case_gives_its_outcome_on_standard_output(tmp_path: Path) -> None:
    case = a_case()

    code, outcomes, lines = solve(written(tmp_path / "case.json", canonical_json(case)))

    assert (code, lines) == (0, [])
    assert outcomes[0].case_hash == case_hash(case)
    assert outcomes[0].status == "optimal"
    assert outcomes[0].accounts[0].trades
    assert verify(case, outcomes[0]).is_clean


def test_outcomes_are_written_under_the_same_names(tmp_path: Path) -> None:
    first = written(tmp_path / "first.json", canonical_json(a_case()))
    second = written(tmp_path / "second.json", canonical_json(a_case(5000)))

    code, outcomes, _ = solve(first, second, "--out", tmp_path / "out" / "today")

    files = sorted((tmp_path / "out" / "today").iterdir())
    assert (code, outcomes) == (0, [])
    assert [file.name for file in files] == ["first.json", "second.json"]
    assert parse_outcome(files[1].read_bytes()).case_hash == case_hash(a_case(5000))


@pytest.mark.parametrize("processes", [1, 2])
def test_lines_are_solved_in_order_on_any_number_of_cores(tmp_path: Path, processes: int) -> None:
    cases = [a_case(cash) for cash in (6000, 7000, 2000, 5000)]
    path = written(tmp_path / "many.jsonl", b"\n".join(canonical_json(case) for case in cases) + b"\n\n")

    code, outcomes, _ = solve(path, "--processes", processes)

    assert code == 0
    assert [outcome.case_hash for outcome in outcomes] == [case_hash(case) for case in cases]


def test_the_same_file_gives_the_same_outcome(tmp_path: Path) -> None:
    path = written(tmp_path / "case.json", canonical_json(a_case()))

    _, first, _ = solve(path)
    _, again, _ = solve(path)

    assert without_timing(first) == without_timing(again)


@pytest.mark.parametrize("suffix", ["", ".json"])
def test_shared_parts_are_read_from_the_folder_beside_the_file(tmp_path: Path, suffix: str) -> None:
    split = split_case(a_case())
    (tmp_path / "blobs").mkdir()
    for digest, content in split.blobs.items():
        written(tmp_path / "blobs" / f"{digest}{suffix}", content)

    code, outcomes, _ = solve(written(tmp_path / "case.json", split.case_json))

    assert code == 0
    assert outcomes[0].case_hash == case_hash(a_case())


def test_a_shared_part_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    split = split_case(a_case())
    path = written(tmp_path / "case.json", split.case_json)

    code, _, lines = solve(path)

    assert code == 2
    assert len(lines) == 2
    assert lines[0].startswith(f"{path}: securities: shared part sha256 ")
    assert lines[0].endswith(" was not found")


def test_a_name_that_is_no_hash_reads_no_file(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret", b"{}")
    raw = json.loads(split_case(a_case()).case_json)
    raw["securities"] = {"sha256": f"../{secret.name}"}

    code, _, lines = solve(written(tmp_path / "case.json", json.dumps(raw).encode()))

    assert code == 2
    assert any("was not found" in line for line in lines)


def test_every_fault_of_a_malformed_case_is_one_line_with_its_path(tmp_path: Path) -> None:
    raw = json.loads(canonical_json(a_case()))
    raw["accounts"][0]["lots"][0]["quantity"] = "-3"
    raw["accounts"][0]["target"]["XOM"] = 0.9
    path = written(tmp_path / "case.json", json.dumps(raw).encode())

    code, outcomes, lines = solve(path)

    assert code == 2
    assert f"{path}: accounts[0].lots[0].quantity: must be > 0" in lines
    assert any(line.startswith(f"{path}: accounts[0].target: weights must sum to 1") for line in lines)
    assert outcomes[0].status == "invalid"
    assert len(outcomes[0].faults) == len(lines)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'"case"', b"\xff\xfe\x00", b'{"version": 1}', b'{"version": "1"}', b"7"]
)
def test_what_is_no_case_is_refused_without_a_traceback(tmp_path: Path, content: bytes) -> None:
    code, outcomes, lines = solve(written(tmp_path / "case.json", content))

    assert code == 2
    assert lines
    assert [outcome.status for outcome in outcomes] == ["invalid"]


def test_a_bad_line_keeps_its_place_and_stops_no_other(tmp_path: Path) -> None:
    good = canonical_json(a_case())
    path = written(tmp_path / "many.jsonl", b"\n".join((good, b'{"version": 1}', good)))

    code, outcomes, lines = solve(path)

    assert code == 2
    assert [outcome.status for outcome in outcomes] == ["optimal", "invalid", "optimal"]
    assert all(line.startswith(f"{path}:2: ") for line in lines)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, outcomes, lines = solve(tmp_path / "nowhere.json")

    assert (code, outcomes) == (2, [])
    assert lines == [f"{tmp_path / 'nowhere.json'}: cannot be read: No such file or directory"]


def test_a_folder_that_cannot_be_made_is_said_without_a_traceback(tmp_path: Path) -> None:
    path = written(tmp_path / "case.json", canonical_json(a_case()))
    taken = written(tmp_path / "taken", b"a file")

    code, _, faults = solve(path, "--out", taken)

    assert code == 2
    assert faults == [f"--out {taken}: File exists"]


def test_two_files_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    first = written(tmp_path / "case.json", canonical_json(a_case()))
    (tmp_path / "other").mkdir()
    second = Path(shutil.copy(first, tmp_path / "other"))

    code, _, lines = solve(first, second, "--out", tmp_path / "out")

    assert code == 2
    assert len(lines) == 2
    assert not (tmp_path / "out").exists()


def test_a_unified_household_is_solved_as_one_and_without_a_target_it_is_a_fault(tmp_path: Path) -> None:
    raw = json.loads(canonical_json(a_case()))
    raw["household"] = {"mode": "unified", "target": {"AAPL": 0.5, "XOM": 0.4, "CASH": 0.1}}
    whole = solve(written(tmp_path / "whole.json", json.dumps(raw).encode()))
    raw["household"].pop("target")

    code, outcomes, lines = solve(written(tmp_path / "case.json", json.dumps(raw).encode()))

    assert (whole[0], whole[2]) == (0, [])
    assert whole[1][0].household is not None
    assert code == 2
    assert outcomes[0].status == "invalid"
    assert any("household.target: is missing" in line for line in lines)


def test_the_case_in_the_documentation_is_solved(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "case.md").read_text()
    example = text.split("```json\n")[1].split("```")[0]

    code, outcomes, lines = solve(written(tmp_path / "case.json", example.encode()))

    assert (code, lines) == (0, [])
    assert outcomes[0].status == "optimal"
    assert verify(parse_case(example.encode()), outcomes[0]).is_clean


def test_without_a_number_all_cores_work_and_the_faults_keep_the_order_of_the_lines(tmp_path: Path) -> None:
    path = written(tmp_path / "many.jsonl", b'{"version":1}\n[[[\n\nnull\n')

    code, outcomes, told = solve(path)

    assert code == 2
    assert [outcome.status for outcome in outcomes] == ["invalid"] * 3
    assert list(dict.fromkeys(line.split(".jsonl:")[1][0] for line in told)) == ["1", "2", "4"]
