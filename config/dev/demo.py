"""The demo firm and its day, step by step, then the web server and the worker. Standard library only."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from config.dev.environment import prepare
from config.dev.steps import PYTHON, VAR, Children, Stop, manage, run_beside, step

PASSWORD_FILE = VAR / "demo" / "password.txt"


def _state_path(url: str) -> Path:
    if url.startswith("sqlite:///"):
        return Path(url.removeprefix("sqlite:///")).with_suffix(".demo.json")
    name = hashlib.sha256(url.encode()).hexdigest()[:12] if url else "default"
    return VAR / f"demo-{name}.json"


class DemoState:
    """What of the demo is already made, for one database; kept beside it and forgotten when it is a new one."""

    def __init__(self) -> None:
        self.path = _state_path(os.environ.get("DATABASE_URL", ""))
        self.done: list[str] = json.loads(self.path.read_text()) if self.path.exists() else []

    def once(self, title: str, make: Callable[[], object]) -> None:
        """Do a step unless it was done before, and say which."""
        if title in self.done:
            print(f"    kept  {title}", flush=True)
            return
        with step(title):
            make()
        self.done.append(title)
        self.path.write_text(json.dumps(self.done))

    def forget(self) -> None:
        """Start from nothing: the database is new."""
        self.done.clear()
        self.path.unlink(missing_ok=True)


def migrate(state: DemoState) -> None:
    """Bring the tables up to date; an empty database forgets what an earlier one held."""
    with step("database tables"):
        said = manage("prepare", quiet=True)
    if "advisors.0001_people" in said:
        state.forget()


def _erase_database() -> None:
    if os.environ.get("DATABASE_URL"):
        raise Stop("--fresh empties only the database in var/. Drop and create the one of DATABASE_URL yourself.")
    print(f"  --fresh: deleting {VAR / 'trimtab.sqlite3'} and the demo's files in {VAR / 'demo'}", flush=True)
    for path in VAR.glob("trimtab.sqlite3*"):
        path.unlink()
    shutil.rmtree(VAR / "demo", ignore_errors=True)


def build(children: Children) -> None:
    """Make the demo firm and its day; the worker that did it is left running among the children."""
    state = DemoState()
    kernels_are_warm = run_beside(PYTHON, "manage.py", "warm_engine")
    migrate(state)
    state.once("demo firm and its custodian files", lambda: manage("demo_data"))
    with step("kernels, compiled the first time"):
        kernels_are_warm()
    children.start("worker", PYTHON, "manage.py", "qcluster", log=VAR / "log" / "worker.log")
    state.once("nightly run", lambda: manage("rebalance", "--all"))
    state.once("preview of a change of the house view", lambda: manage("demo_preview"))
    state.once("a risk model from the stored prices", lambda: manage("estimate_risk_model"))
    state.once("a bulk change to look at", lambda: manage("demo_bulk"))
    state.once("release, order files and fills", lambda: manage("demo_day"))
    state.once("client report", lambda: manage("demo_report"))


def demo(args: Namespace) -> None:
    """Make the demo firm and its day, then serve it."""
    started = time.monotonic()
    prepare(for_tests=False)
    if args.fresh:
        _erase_database()
    children = Children()
    try:
        build(children)
        print(f"\n  The demo stands after {time.monotonic() - started:.0f} s.", flush=True)
        if not args.no_serve:
            serve(children, port=args.port)
    finally:
        children.stop()


def _sign_ins() -> str:
    from portfolios.demo.firm import STAFF

    password = PASSWORD_FILE.read_text(encoding="utf-8").strip()
    first = {person.role: person for person in reversed(STAFF)}
    lines = [f"    {role:<14} {first[role].email}" for role in dict.fromkeys(person.role for person in STAFF)]
    return "\n".join([*lines, f"    password       {password}"])


def _free_port(wanted: int) -> int:
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port
    raise Stop(f"No free port between {wanted} and {wanted + 50}.")


def start_site(children: Children, *, port: int) -> str:
    """Start the web server and return its address once it answers."""
    port = _free_port(port)
    command = ("-m", "gunicorn", "config.wsgi:application", "--bind", f"127.0.0.1:{port}", "--workers", "2")
    children.start("web server", PYTHON, *command, "--threads", "4", log=VAR / "log" / "web.log")
    with step("web server"):
        _wait_for(f"http://127.0.0.1:{port}/sign-in/login/", children)
    return f"http://127.0.0.1:{port}"


def serve(children: Children, *, port: int) -> None:
    """Start the web server beside the worker, say where it is, and wait for Ctrl-C."""
    print(f"\n  Trimtab is at {start_site(children, port=port)}/", flush=True)
    if PASSWORD_FILE.exists():
        print(f"  Sign in as one of:\n{_sign_ins()}", flush=True)
    print("\n  Ctrl-C ends it.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)
            children.check()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  our own server
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _wait_for(url: str, children: Children) -> None:
    for _ in range(300):
        children.check()
        if _answers(url):
            return
        time.sleep(0.1)
    raise Stop(f"{url} does not answer. Look into {VAR / 'log' / 'web.log'}.")


def run_site(args: Namespace) -> None:
    """Serve what the database holds: web server and worker, no demo."""
    prepare(for_tests=False)
    children = Children()
    migrate(DemoState())
    try:
        children.start("worker", PYTHON, "manage.py", "qcluster", log=VAR / "log" / "worker.log")
        serve(children, port=args.port)
    finally:
        children.stop()
