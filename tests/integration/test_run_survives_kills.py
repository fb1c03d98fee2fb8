"""Workers killed for real: every account is written exactly once, and a poison takes nobody with it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 120
pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A migrated database file of its own."""
    path = tmp_path / "kills.sqlite3"
    _manage(path, "migrate", "--verbosity", "0")
    return path


def _environment(database: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{database}",
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
        "TRIMTAB_WORKERS": "2",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _run(database: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=_environment(database),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.strip()


def _manage(database: Path, *command: str) -> str:
    return _run(database, "manage.py", *command)


def _stage(database: Path, *command: str) -> str:
    return _run(database, "-m", "tests.integration.kill_stage", *command)


@contextmanager
def _cluster(database: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a cluster in a process group of its own; whatever is left of it is killed in the end."""
    cluster = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster"],
        cwd=ROOT,
        env=_environment(database),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield cluster
    finally:
        _kill(cluster)


def _kill(cluster: subprocess.Popen[bytes]) -> None:
    """Kill the cluster and all its workers at once, so that none can tidy up."""
    try:
        os.killpg(cluster.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    cluster.wait(timeout=PATIENCE_SECONDS)


def _numbers(database: Path, question: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        return connection.execute(question).fetchall()


def _count(database: Path, question: str) -> int:
    return _numbers(database, f"SELECT count(*) FROM {question}")[0][0]


def _until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(0.02)


def test_every_account_is_written_once_though_all_workers_were_killed(database: Path) -> None:
    _stage(database, "setup", "45")
    with _cluster(database) as doomed:
        _stage(database, "start")
        _until(lambda: _count(database, "rebalancing_chunk WHERE status = 'done'") >= 2, "the first chunks")
        _kill(doomed)
    done = _count(database, "rebalancing_chunk WHERE status = 'done'")
    assert 0 < done < 15, "the kill has to fall into the run"
    stored = _numbers(database, "SELECT id FROM rebalancing_proposal ORDER BY id")

    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        connection.execute("UPDATE rebalancing_chunk SET leased_until_at = '2000-01-01' WHERE status = 'leased'")
    with _cluster(database):
        assert int(_stage(database, "ring")) > 0
        _until(lambda: _count(database, "rebalancing_run WHERE status = 'done'") == 1, "the end of the run")

    assert _count(database, "rebalancing_runaccount WHERE status = 'done'") == 90
    assert _count(database, "rebalancing_proposal") == 90
    assert _count(database, "(SELECT DISTINCT account_id FROM rebalancing_proposal)") == 90
    assert _count(database, "rebalancing_storedoutcome") == 45
    kept = _numbers(database, "SELECT id FROM rebalancing_proposal ORDER BY id")
    assert kept[: len(stored)] == stored, "what was stored before the kill stays"


def test_poison_is_parked_alone_after_killing_its_workers(database: Path) -> None:
    _stage(database, "setup", "6")

    deaths, status = _stage(database, "poison").splitlines()[-1].split()

    assert (int(deaths), status) == (6, "done")
    assert _numbers(
        database,
        "SELECT status, count(*) FROM rebalancing_chunk GROUP BY status ORDER BY status",
    ) == [("done", 2), ("parked", 1), ("split", 1)]
    assert _count(database, "rebalancing_proposal") == 10
    (message,) = {
        row[0] for row in _numbers(database, "SELECT message FROM rebalancing_runaccount WHERE status = 'failed'")
    }
    assert message == "Parked after 3 attempts: the worker died each time"
