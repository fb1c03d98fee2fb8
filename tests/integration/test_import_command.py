"""`manage.py import_custodian_file`: a readable summary, and an exit code that a script can act on."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from advisors.models import AuditEvent, Firm
from portfolios.models.imports import CustodianFile, FileStatus
from portfolios.models.lots import LedgerEvent
from tests.books import know_securities, open_account, units_of
from tests.conftest import Persona
from tests.factories import FirmFactory

pytestmark = pytest.mark.django_db
LOTS = (
    "account,as_of,symbol,quantity,cost,acquired\n"
    "8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11\n"
    "8812-4402,2026-11-12,KO,5,300.00,2020-01-02\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "lots.csv"
    file.write_text(LOTS)
    return file


@pytest.fixture
def firm_with_accounts(firm: Firm) -> Firm:
    know_securities(firm)
    open_account(firm, "8812-4401")
    return firm


def _run(*args: str) -> int:
    try:
        call_command("import_custodian_file", *args)
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def test_all_posted_leaves_with_zero(firm_with_accounts: Firm, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    account = open_account(firm_with_accounts, "8812-4402")

    assert _run("generic", str(path)) == 0

    assert units_of(account, "KO") == 5
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "lots.csv: lots as of 2026-11-12, 2 rows, posted."
    assert told[1] == "  Accounts: 2 posted, 0 unchanged, 0 held."


def test_something_held_leaves_with_one(
    firm_with_accounts: Firm, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run("generic", str(path)) == 1

    told = capsys.readouterr().out
    assert "…4402 held. There is no account with number …4402." in told
    assert "fault: row 3, column account: There is no account with number …4402." in told
    assert "8812" not in told


def test_a_refused_file_leaves_with_two_and_the_next_is_still_imported(
    firm_with_accounts: Firm, path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_account(firm_with_accounts, "8812-4402")
    bad = tmp_path / "bad.csv"
    bad.write_text("what,is,this\n1,2,3\n")

    assert _run("generic", str(bad), str(path)) == 2

    assert set(CustodianFile.objects.values_list("status", flat=True)) == {FileStatus.REFUSED, FileStatus.POSTED}
    assert "bad.csv: unknown, 0 rows, refused." in capsys.readouterr().out


def test_a_file_of_two_hundred_megabytes_is_refused_without_being_read(
    firm_with_accounts: Firm, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "big.csv"
    with big.open("wb") as sparse:
        sparse.truncate(200_000_000)

    assert _run("generic", str(big)) == 2

    assert "big.csv: refused. The file has 200 MB; the limit is 50 MB." in capsys.readouterr().err
    assert CustodianFile.objects.count() == 0


def test_a_file_that_is_not_there_is_refused_by_name(firm_with_accounts: Firm, tmp_path: Path) -> None:
    assert _run("generic", str(tmp_path / "gone.csv")) == 2


def test_a_preview_changes_nothing(firm_with_accounts: Firm, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("generic", str(path), "--preview") == 1

    assert LedgerEvent.objects.count() == 0
    assert "…4401 ready to post. 1 lot opened." in capsys.readouterr().out


def test_with_several_firms_one_must_be_named(firm_with_accounts: Firm, path: Path) -> None:
    FirmFactory()

    with pytest.raises(CommandError, match="Name the firm with --firm"):
        call_command("import_custodian_file", "generic", str(path))

    assert _run("generic", str(path), "--firm", firm_with_accounts.slug) == 1


def test_who_imports_stands_in_the_audit_log(firm_with_accounts: Firm, path: Path, operations: Persona) -> None:
    _run("generic", str(path), "--as", operations.user.email)

    event = AuditEvent.objects.get(action="custodian_file.received")
    assert (event.actor_id, event.source) == (operations.user.pk, "import_custodian_file")
