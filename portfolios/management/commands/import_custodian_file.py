"""Import custodian files from the terminal: receive, show what changes, post account by account."""

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import audit
from advisors.errors import DomainError
from advisors.models import Firm, User
from portfolios.custodians.registry import NAMES
from portfolios.models.imports import CustodianFile, FileStatus, StagedStatus
from portfolios.selectors.data import file_summary
from portfolios.selectors.operators import firm_for_command, user_for_command
from portfolios.services.importing import check_file_size, import_custodian_file, receive_custodian_file

ALL_POSTED, SOMETHING_HELD, REFUSED = 0, 1, 2
MAX_FAULTS_TOLD = 25


class Command(BaseCommand):
    """Import files in the order given; each is posted before the next is read."""

    help = "Import files of a custodian. Exit code 0: all posted; 1: something is held; 2: a file was refused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which custodian, which files, whose they are."""
        parser.add_argument("custodian", choices=sorted(NAMES), help="whose layout the files have")
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--firm", default="", help="short name of the firm; needed where there are several")
        parser.add_argument("--account", default="", help="number of the account, where the layout names none")
        parser.add_argument("--as", dest="email", default="", help="e-mail address of the person who imports")
        parser.add_argument("--preview", action="store_true", help="say what would change, and change nothing")

    def handle(
        self, *, custodian: str, files: Sequence[Path], firm: str, account: str, email: str, preview: bool, **_: object
    ) -> None:
        """Import every file and leave with the worst of their exit codes."""
        try:
            owner, actor = firm_for_command(firm), user_for_command(email, firm_slug=firm)
        except DomainError as refusal:
            raise CommandError(str(refusal), returncode=REFUSED) from refusal
        worst = ALL_POSTED
        with audit.acting_from("import_custodian_file"):
            for path in files:
                worst = max(worst, self._import(owner, custodian, path, account, actor=actor, is_preview=preview))
        if worst:
            raise SystemExit(worst)

    def _import(
        self, firm: Firm, custodian: str, path: Path, account: str, *, actor: User | None, is_preview: bool
    ) -> int:
        take = receive_custodian_file if is_preview else import_custodian_file
        now = timezone.now()
        try:
            check_file_size(path.stat().st_size)
            content = path.read_bytes()
            file = take(
                firm, custodian=custodian, name=path.name, content=content, actor=actor, now=now, account=account
            )
        except OSError as fault:
            self.stderr.write(f"{path.name}: refused. The file cannot be read: {fault.strerror}.")
            return REFUSED
        except DomainError as refusal:
            self.stderr.write(f"{path.name}: refused. {refusal}")
            return REFUSED
        for line in _told(file, is_preview=is_preview, now=now):
            self.stdout.write(line)
        return _exit_code(file)


def _exit_code(file: CustodianFile) -> int:
    if file.status == FileStatus.REFUSED:
        return REFUSED
    return SOMETHING_HELD if file_summary(file).held_count or file.status == FileStatus.PARTLY_POSTED else ALL_POSTED


def _told(file: CustodianFile, *, is_preview: bool, now: datetime) -> Iterator[str]:
    """Tell what came of a file: a line for the whole, one for each account that changes or is held, the faults."""
    summary = file_summary(file)
    kind = file.kind.replace("_", " ")
    as_of = f" as of {file.as_of_on}" if file.as_of_on else ""
    first = f"{file.received_at:%Y-%m-%d %H:%M}"
    known = f", received before on {first}; how it stands" if file.received_at != now else ""
    yield f"{file.name}: {kind}{as_of}, {file.row_count:,} rows, {file.get_status_display().lower()}{known}."
    for sentence in file.said:
        yield f"  {sentence}"
    if summary.account_count:
        verb = "would post" if is_preview else "posted"
        counts = f"{summary.ready_count if is_preview else summary.posted_count} {verb}"
        yield f"  Accounts: {counts}, {summary.unchanged_count} unchanged, {summary.held_count} held."
    for account in summary.accounts:
        if account.status == StagedStatus.HELD or is_preview:
            yield f"  …{account.number_last4} {account.status_label.lower()}. {account.sentence}".rstrip()
    for fault in summary.faults[:MAX_FAULTS_TOLD]:
        yield f"  {'note' if fault.is_note else 'fault'}: {fault.sentence}"
    if len(summary.faults) > MAX_FAULTS_TOLD:
        yield f"  and {len(summary.faults) - MAX_FAULTS_TOLD} more; see the page Data."
