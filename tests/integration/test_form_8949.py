"""Form 8949 from the ledger: as a command, a page, a CSV and a PDF, beside the custodian's 1099-B."""

import csv
import io
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.urls import reverse

from advisors.models import AuditEvent, Firm
from portfolios.ledger.types import EventKind, Lot, LotEvent, LotPick
from portfolios.models.households import Account
from portfolios.models.lots import RealizedGain, StatedGain
from portfolios.models.securities import Security
from portfolios.services.posting import post_events
from reporting.models import Report, ReportKind, ReportStatus
from reporting.services import reports
from reporting.services.tax_forms import issue_form_8949
from tests.books import NOW, know_securities, open_account
from tests.conftest import Persona

pytestmark = pytest.mark.django_db
YEAR = 2026


def _buy(ref: str, on: date, units: str, cost: str, symbol: str = "AAPL") -> LotEvent:
    lot = Lot(key=ref, security=symbol, units=Decimal(units), cost_usd=Decimal(cost), acquired_on=on)
    return LotEvent(
        kind=EventKind.BUY,
        ref=ref,
        traded_on=on,
        security=symbol,
        units=lot.units,
        amount_usd=-Decimal(cost),
        lot=lot,
    )


def _sell(ref: str, on: date, key: str, units: str, proceeds: str, symbol: str = "AAPL") -> LotEvent:
    return LotEvent(
        kind=EventKind.SELL,
        ref=ref,
        traded_on=on,
        security=symbol,
        units=Decimal(units),
        amount_usd=Decimal(proceeds),
        picks=(LotPick(key=key, units=Decimal(units)),),
    )


@pytest.fixture
def account(firm: Firm, advisor: Persona) -> Account:
    """Hold a taxable account with a long gain, a short loss, and a sale of the year before."""
    know_securities(firm)
    account = open_account(firm)
    account.household.advisor = advisor.membership
    account.household.save()
    post_events(
        account,
        [
            _buy("L1", date(2023, 2, 1), "100", "10000.00"),
            _buy("L2", date(2026, 3, 2), "50", "9000.00", "MSFT"),
            _sell("S0", date(2025, 6, 2), "L1", "10", "1500.00"),
            _sell("S1", date(2026, 6, 1), "L1", "40", "6000.00"),
            _sell("S2", date(2026, 6, 2), "L2", "50", "8000.00", "MSFT"),
        ],
        source="test",
        actor=None,
        now=NOW,
    )
    return account


def _report(account: Account, symbol: str, **changes: object) -> StatedGain:
    gain = RealizedGain.objects.get(account=account, security__symbol=symbol, closed_on__year=YEAR)
    facts = {
        "security": Security.objects.get(symbol=symbol),
        "tax_year": YEAR,
        "sold_on": gain.closed_on,
        "acquired_on": gain.acquired_on,
        "units": gain.units,
        "proceeds_usd": gain.proceeds_usd,
        "cost_usd": gain.cost_usd,
        "term": gain.term,
        "box": "A",
        "is_1099b": True,
        "source_ref": f"b:{symbol}",
        "stated_at": NOW,
    }
    return StatedGain.objects.create(account=account, **{**facts, **changes})


def _said(*words: str) -> str:
    out = io.StringIO()
    call_command("form8949", *words, stdout=out)
    return out.getvalue()


def test_command_prints_lines_and_schedule_d(account: Account) -> None:
    said = _said(account.external_ref, "2026")

    assert "Box A: short-term" in said and "Box D: long-term" in said
    assert "40 sh." in said and "10 sh." not in said
    assert "line 7 (net short-term) of this account: -1,000.00" in said
    assert "line 15 (net long-term) of this account: 2,000.00" in said


def test_command_writes_csv_and_pdf(account: Account, tmp_path: Path) -> None:
    lines, form = tmp_path / "lines.csv", tmp_path / "form.pdf"

    said = _said(str(account.pk), "2026", "--csv", str(lines), "--pdf", str(form))

    rows = list(csv.DictReader(lines.open()))
    assert [(row["box"], row["gain"]) for row in rows] == [("A", "-1000.00"), ("D", "2000.00")]
    assert form.read_bytes().startswith(b"%PDF") and "1 pages" in said


@pytest.mark.parametrize(
    ("name", "words"), [("nobody", "There is no account nobody."), ("999999", "no account 999999")]
)
def test_command_refuses_an_account_that_is_not_there(account: Account, name: str, words: str) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        _said(name, "2026")

    assert refused.value.returncode == 2


@pytest.mark.parametrize("year", [0, 20260])
def test_year_that_cannot_be_has_no_form(account: Account, advisor: Persona, year: int) -> None:
    answer = advisor.client.get(reverse("reporting:form_8949", args=[account.pk, year]))

    assert answer.status_code == 422
    with pytest.raises(CommandError, match="There is no form of the year"):
        _said(account.external_ref, str(year))


def test_ira_has_no_form(account: Account, firm: Firm, advisor: Persona) -> None:
    account.tax_status = "deferred"
    account.save()

    with pytest.raises(CommandError, match="its sales are not reported on Form 8949"):
        _said(account.external_ref, "2026")
    refused = advisor.client.get(reverse("reporting:form_8949", args=[account.pk, YEAR]))
    assert refused.status_code == 422


def test_difference_from_the_1099b_is_told(account: Account, advisor: Persona) -> None:
    _report(account, "MSFT", cost_usd=Decimal("8900.00"))
    _report(account, "AAPL", box="D")

    said = _said(account.external_ref, "2026")
    page = advisor.client.get(reverse("reporting:form_8949", args=[account.pk, YEAR]))

    assert "2 sales compared with the custodian's figures, 1 differ." in said
    assert "the basis is $9,000.00 in the ledger, $8,900.00 at the custodian" in said
    assert "Difference from the custodian’s 1099-B" in page.text and "<b>differs</b>" in page.text
    line = next(line for line in page.context["tax"].form.lines if line.security == "MSFT")
    assert (line.codes, line.cost_usd, line.gain_usd) == ("B", Decimal("8900.00"), Decimal("-1000.00"))


def test_wash_sale_has_code_w(account: Account) -> None:
    RealizedGain.objects.filter(account=account, security__symbol="MSFT").update(disallowed_usd=Decimal("400.00"))

    said = _said(account.external_ref, "2026")

    assert "W          400.00" in said
    assert "net short-term) of this account: -600.00" in said
    assert "Disallowed by wash sales: 400.00" in said


def test_page_lists_years_and_hands_out_csv(account: Account, advisor: Persona) -> None:
    page = advisor.client.get(reverse("reporting:form_8949", args=[account.pk, YEAR]))
    file = advisor.client.get(reverse("reporting:form_8949_csv", args=[account.pk, YEAR]))

    assert page.context["tax"].years == (2026, 2025)
    assert file["Content-Disposition"] == f'attachment; filename="form-8949-{account.external_ref}-2026.csv"'
    assert len(list(csv.reader(io.StringIO(file.content.decode())))) == 3
    assert AuditEvent.objects.filter(action="form_8949.downloaded").count() == 1


def test_pdf_is_made_by_the_queue_and_twice_the_same(account: Account, advisor: Persona) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("a form needs no solver")

    asked = advisor.client.post(reverse("reporting:form_8949", args=[account.pk, YEAR]))
    report = Report.objects.get(kind=ReportKind.FORM_8949)
    reports.make_report(report.pk, fallback=never, now=NOW)  # type: ignore[arg-type]
    again = issue_form_8949(advisor.membership, account_id=account.pk, year=YEAR, now=NOW)
    reports.make_report(again.pk, fallback=never, now=NOW)  # type: ignore[arg-type]

    report.refresh_from_db()
    again.refresh_from_db()
    assert asked.headers["Location"] == reverse("reporting:report", args=[report.pk])
    assert report.status == ReportStatus.READY and bytes(report.content or b"").startswith(b"%PDF")
    assert again.status == ReportStatus.UNCHANGED and again.same_as == report
    shown = advisor.client.get(reverse("reporting:report", args=[report.pk]))
    file = advisor.client.get(reverse("reporting:download", args=[report.pk]))
    assert "The form as a page" in shown.text
    assert file["Content-Disposition"].startswith('attachment; filename="form-8949-')


def test_account_outside_the_book_is_not_found(account: Account, outsider: Persona) -> None:
    assert outsider.client.get(reverse("reporting:form_8949", args=[account.pk, YEAR])).status_code == 404
    assert outsider.client.get(reverse("reporting:form_8949_csv", args=[account.pk, YEAR])).status_code == 404
