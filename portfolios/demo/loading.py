"""Load the demo: firm, house view, clients, files by the road of real ones, and what clients asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from advisors.models import Role
from portfolios.demo.actions import confirm_split
from portfolios.demo.all_files import demo_files, write_files
from portfolios.demo.clients import make_client, place_manual_holds
from portfolios.demo.files import DemoFile, build_demo
from portfolios.demo.house_view import (
    approve_what_waits,
    make_classes_and_profiles,
    make_products,
    propose_next_change,
)
from portfolios.demo.people import DemoFirm, demo_password, make_firm
from portfolios.demo.wishes import write_wishes
from portfolios.models.imports import FileStatus
from portfolios.services import importing

Tell = Callable[[str], None]
MODEL_FILE = "04_security_model.csv"
ACTIONS_FILE = "14_corporate_actions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What was made. `client_count` is 0 when everything was there already."""

    demo: DemoFirm
    password: str
    client_count: int
    file_count: int


def load_demo(*, folder: Path, now: datetime, tell: Tell) -> Loaded:
    """Make the whole demo, or what is missing of it; `tell` hears a line for every step."""
    drawn = build_demo()
    files = tuple(demo_files(drawn))
    write_files(files, folder / "files")
    tell(f"{len(files)} files written to {folder / 'files'}")
    password = demo_password(folder / "password.txt")
    demo = make_firm(password=password, now=now)
    make_classes_and_profiles(demo, now=now)
    tell(f"{demo.firm.name}: {len(demo.members)} people, asset classes, risk profiles with limits")
    market = tuple(file for file in files if file.name <= MODEL_FILE)
    imported = sum(_import(demo, file, now=now, tell=tell) for file in market)
    make_products(demo, now=now)
    clients = tuple(make_client(demo, spec, now=now) for spec in drawn.households)
    new_count = sum(client.is_new for client in clients)
    tell(f"{new_count} households made" if new_count else "every household is there already")
    for file in files:
        if file not in market:
            imported += _import(demo, file, now=now, tell=tell)
            if file.name == ACTIONS_FILE and confirm_split(demo.refreshed(), now=now):
                tell("the split is confirmed by a second person and applied")
    demo = demo.refreshed()
    if imported:
        approve_what_waits(demo, now=now)
    propose_next_change(demo, now=now)
    for client in clients:
        if client.is_new:
            place_manual_holds(demo, client, now=now)
    wish_count = sum(write_wishes(demo, client, now=now) for client in clients)
    if wish_count:
        tell(f"{wish_count} lines of policy statements")
    return Loaded(demo=demo, password=password, client_count=new_count, file_count=imported)


def _import(demo: DemoFirm, file: DemoFile, *, now: datetime, tell: Tell) -> int:
    """Receive and post one file as operations would; return 1 where it was new, 0 where it is there already."""
    operations = demo.with_role(Role.OPERATIONS).user
    received = importing.receive_custodian_file(
        demo.firm,
        custodian=file.custodian,
        name=file.name,
        content=file.content,
        account=file.account,
        actor=operations,
        now=now,
    )
    if received.status not in (FileStatus.RECEIVED, FileStatus.PARSED):
        return 0
    importing.post_file(received, actor=operations, now=now)
    tell(f"{file.name}: {received.row_count:,} rows")
    return 1
