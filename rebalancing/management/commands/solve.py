"""Solve cases from files, without a database: case in, outcome out."""

import multiprocessing
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

from django.core.management.base import BaseCommand, CommandParser

from rebalancing.engine.case import parse_case
from rebalancing.engine.outcome import Outcome, encode_outcome
from rebalancing.engine.pipeline import rebalance
from rebalancing.engine.reference import solve_convex
from rebalancing.engine.types import ENGINE_VERSION, BadCase, Fault

MALFORMED = 2
CHUNK = 8
# A worker solves one account at a time on one core; numerics that start threads of their own would only get in the way.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """One outcome as JSON, and what was wrong with its case."""

    outcome: bytes
    faults: tuple[str, ...]


class Command(BaseCommand):
    help = "Solve cases (.json, or .jsonl with one case a line) and write their outcomes; no database is touched."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the files, where to write, and how many processes to use."""
        parser.add_argument("cases", nargs="+", type=Path, metavar="CASE", help="a .json or .jsonl file")
        parser.add_argument("--out", type=Path, metavar="DIR", help="write DIR/<same name> instead of stdout")
        words = "solve a .jsonl file on N cores; all of them unless said otherwise"
        parser.add_argument("--processes", type=int, default=core_count(), metavar="N", help=words)

    def handle(self, *args: object, cases: list[Path], out: Path | None, processes: int, **options: object) -> None:
        """Solve every file; exit 2 with one line a fault where a case is malformed."""
        faults = [f"{path}: two files of this name cannot both be written" for path in _same_names(cases) if out]
        if processes < 1:
            faults.append(f"--processes: must be > 0, is {processes}")
        for path in cases if not faults else ():
            faults += self._solve_file(path, out=out, processes=processes)
        for line in faults:
            self.stderr.write(line)
        if faults:
            sys.exit(MALFORMED)

    def _solve_file(self, path: Path, *, out: Path | None, processes: int) -> list[str]:
        try:
            data = path.read_bytes()
        except OSError as error:
            return [f"{path}: cannot be read: {error.strerror or error}"]
        if path.suffix == ".jsonl":
            lines = [(f"{path}:{at}", line) for at, line in enumerate(data.splitlines(), start=1) if line.strip()]
        else:
            lines = [(f"{path}", data)]
        work = partial(solve_bytes, blobs=path.parent / "blobs")
        faults: list[str] = []
        written: list[bytes] = []
        for (where, _), solved in zip(lines, _each(work, [line for _, line in lines], processes), strict=True):
            faults += [f"{where}: {fault}" for fault in solved.faults]
            written.append(solved.outcome)
            if out is None:
                self.stdout.write(solved.outcome.decode())
        if out is not None:
            faults += _write(out, path.name, written)
        return faults


def _write(folder: Path, name: str, lines: list[bytes]) -> list[str]:
    """Write the outcomes of one file; return what kept them from being written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"".join(line + b"\n" for line in lines))
    except OSError as error:
        return [f"--out {folder}: {error.strerror}"]
    return []


def solve_bytes(data: bytes, *, blobs: Path) -> Solved:
    """Solve one case given as JSON; its shared parts may stand in a folder beside it, under their sha256."""
    try:
        case = parse_case(data, resolve=partial(read_blob, folder=blobs))
    except BadCase as error:
        outcome = Outcome(case_hash="", engine=ENGINE_VERSION, status="invalid", faults=error.faults)
    else:
        outcome = rebalance(case, fallback=solve_convex, stopwatch=perf_counter)
    return Solved(outcome=encode_outcome(outcome), faults=tuple(_sentence(fault) for fault in outcome.faults))


def _sentence(fault: Fault) -> str:
    return " ".join(str(fault).split())


def read_blob(digest: str, *, folder: Path) -> bytes:
    """
    Read a shared part of cases from the folder beside them.

    :raises LookupError: the name is no digest
    """
    if not SHA256.fullmatch(digest):
        raise LookupError(f"{digest} is not a sha256")
    plain = folder / digest
    return plain.read_bytes() if plain.is_file() else plain.with_suffix(".json").read_bytes()


def _each(work: Callable[[bytes], Solved], lines: list[bytes], processes: int) -> Iterator[Solved]:
    """Work through the lines in order, on several cores where there is enough to do."""
    if processes == 1 or len(lines) == 1:
        yield from map(work, lines)
        return
    workers = min(processes, len(lines))
    os.environ.update({name: count for name, count in ONE_THREAD.items() if name not in os.environ})
    # Fresh processes read the limits before they load any numerics; a fork would inherit the threads of this one.
    with ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(work, lines, chunksize=min(CHUNK, -(-len(lines) // processes)))


def core_count() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _same_names(paths: list[Path]) -> list[Path]:
    counts = Counter(path.name for path in paths)
    return [path for path in paths if counts[path.name] > 1]
