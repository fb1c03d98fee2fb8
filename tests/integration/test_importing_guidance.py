"""From files of the market and the house view to prices, holds and models that wait for a second person."""

import pytest

from advisors.errors import Invalid
from advisors.models import Firm
from portfolios.models.guidance import SecurityModelVersion, VersionStatus
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import CustodianFile, FileStatus
from portfolios.services.importing import import_custodian_file, post_file, receive_custodian_file
from tests.books import NOW, TODAY, know_securities, open_account
from tests.conftest import Persona

pytestmark = pytest.mark.django_db
LOTS = """account,as_of,symbol,quantity,cost,acquired,lot
8812-4401,2026-11-12,AAPL,120,9840.00,2019-04-11,L-1
8812-4401,2026-11-12,KO,5,300,2020-01-02,L-2
"""


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm, "8812-4401")


def _import(firm: Firm, text: str) -> CustodianFile:
    return import_custodian_file(firm, custodian="generic", name="file.csv", content=text.encode(), actor=None, now=NOW)


def _open_holds(account: Account) -> list[tuple[str, str]]:
    return sorted(AccountHold.objects.filter(account=account, lifted_at=None).values_list("kind", "subject"))


def test_prices_advance_the_business_date_and_a_stale_one_holds_the_account(firm: Firm, account: Account) -> None:
    _import(firm, LOTS)

    _import(firm, "symbol,date,price\nAAPL,2026-11-20,231.44\nKO,2026-10-23,61.00\n")

    firm.refresh_from_db()
    assert firm.business_on == TODAY
    assert _open_holds(account) == [(HoldKind.STALE_PRICE, "KO")]

    _import(firm, "symbol,date,price\nKO,2026-11-20,62.00\n")

    assert _open_holds(account) == []


def test_an_unknown_symbol_among_prices_is_named_and_the_others_post(firm: Firm, account: Account) -> None:
    file = _import(firm, "symbol,date,price\nAAPL,2026-11-20,231.44\nZZZZ,2026-11-20,1.00\n")

    assert file.status == FileStatus.PARTLY_POSTED
    fault = file.faults.get()
    assert (fault.row, fault.column, fault.message) == (3, "symbol", "The security ZZZZ is not in the security master.")


def test_a_security_model_waits_for_a_second_person(firm: Firm, account: Account, operations: Persona) -> None:
    text = "model,effective,symbol,weight\ncore,2026-11-20,AAPL,0.6\ncore,2026-11-20,KO,0.4\n"
    with pytest.raises(Invalid, match="needs an author"):
        _import(firm, text)

    author = operations.user
    file = receive_custodian_file(firm, custodian="generic", name="m.csv", content=text.encode(), actor=author, now=NOW)
    post_file(file, actor=author, now=NOW)

    version = SecurityModelVersion.objects.get()
    assert (version.status, version.author, version.weights.count()) == (VersionStatus.SUBMITTED, author, 2)
