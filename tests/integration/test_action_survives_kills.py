"""An application that is killed leaves nothing; several at once apply an action once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 300
HOLDERS = 40
pytestmark = pytest.mark.slow


def _start(database: Path, *command: str) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{database}",
        "DJANGO_SETTINGS_MODULE": "config.settings_test",
    }
    return subprocess.Popen(
        [sys.executable, *command],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _run(database: Path, *command: str) -> str:
    done = _start(database, *command)
    said, faults = done.communicate(timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, faults[-3000:]
    return said.strip()


def _stage(database: Path, *command: str) -> str:
    return _run(database, "-m", "tests.integration.action_stage", *command)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A migrated database file of its own, with holders and a confirmed spin-off."""
    path = tmp_path / "actions.sqlite3"
    _run(path, "manage.py", "migrate", "--verbosity", "0")
    _stage(path, "setup", str(HOLDERS))
    return path


def test_an_application_killed_in_the_middle_leaves_nothing_and_is_done_anew(database: Path) -> None:
    killed = _start(database, "-m", "tests.integration.action_stage", "die")
    killed.communicate(timeout=PATIENCE_SECONDS)

    assert killed.returncode == -signal.SIGKILL
    assert _stage(database, "count") == "confirmed 0 0 0 0"
    assert _stage(database, "apply") == "True"
    assert _stage(database, "count") == f"applied {HOLDERS} {HOLDERS} {HOLDERS} 2"


def test_of_several_applications_at_once_one_applies_the_action(database: Path) -> None:
    rivals = [_start(database, "-m", "tests.integration.action_stage", "apply") for _ in range(3)]

    said = sorted(rival.communicate(timeout=PATIENCE_SECONDS)[0].strip() for rival in rivals)

    assert said == ["False", "False", "True"]
    assert _stage(database, "count") == f"applied {HOLDERS} {HOLDERS} {HOLDERS} 2"
