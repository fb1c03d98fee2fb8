"""Steps with their time, commands that must succeed, and child processes that end with us. Standard library only."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
VAR = ROOT / "var"
PYTHON = VENV / "bin" / "python"
BEAT_SECONDS = 15
GRACE_SECONDS = 12


class Stop(Exception):
    """Something is missing or failed; the message says what to do."""


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    """Show what is being done and how long it took; on a slow step, that it is still alive."""
    started, over = time.monotonic(), threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            print(f"      ... {title}: {time.monotonic() - started:.0f} s", flush=True)

    print(f"  ->  {title}", flush=True)
    threading.Thread(target=beat, daemon=True).start()
    word = "failed"
    try:
        yield
        word = "ok"
    finally:
        over.set()
        print(f"  {word:>6}  {title}  {time.monotonic() - started:.1f} s", flush=True)


def run(*command: str | Path, env: dict[str, str] | None = None, quiet: bool = False) -> str:
    """Run a child to its end; return its output when `quiet`, else let it speak. A failure ends everything."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        check=False,
        text=True,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
    )
    if done.returncode:
        raise Stop(f"{done.stdout or ''}\n`{' '.join(words[:6])}` ended with {done.returncode}.".strip())
    return done.stdout or ""


def manage(*words: str, env: dict[str, str] | None = None, quiet: bool = False) -> str:
    """Run a management command in the project's environment."""
    level = {} if "TRIMTAB_LOG_LEVEL" in os.environ else {"TRIMTAB_LOG_LEVEL": "WARNING"}
    return run(PYTHON, "manage.py", *words, env={**level, **(env or {})}, quiet=quiet)


def run_beside(*command: str | Path) -> Callable[[], None]:
    """Start a command that speaks only when it fails, and return what waits for its end."""
    child = subprocess.Popen(
        [str(word) for word in command], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )

    def wait() -> None:
        said, _ = child.communicate()
        if child.returncode:
            raise Stop(f"{said}\n`{' '.join(map(str, command))}` ended with {child.returncode}.".strip())

    return wait


class Children:
    """The processes that this one started and nobody else's; stopped in the order of their start, gently first."""

    def __init__(self) -> None:
        self.running: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, *command: str | Path, log: Path | None = None) -> None:
        """Start a process in a session of its own, so that Ctrl-C reaches it only through us."""
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
        target = log.open("ab") if log else None
        child = subprocess.Popen(
            [str(word) for word in command], cwd=ROOT, stdout=target, stderr=target, start_new_session=True
        )
        self.running.append((name, child))

    def check(self) -> None:
        """Stop everything when a child has died."""
        for name, child in self.running:
            if child.poll() is not None:
                raise Stop(f"The {name} ended by itself with {child.returncode}. Look into {VAR / 'log'}.")

    def stop(self) -> None:
        """Ask each to end, then end what is left of its session."""
        for _, child in self.running:
            if child.poll() is None:
                child.terminate()
        ends_at = time.monotonic() + GRACE_SECONDS
        for _, child in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=max(0.1, ends_at - time.monotonic()))
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        self.running.clear()
