"""Client reports: asked for, made by the task, told truly, made once."""

import socket
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django_q.models import OrmQ
from pypdf import PdfReader
from weasyprint.urls import FatalURLFetchingError

from advisors.errors import Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent
from portfolios.models.households import TaxSituation
from rebalancing.models.proposals import Proposal
from reporting import pdf
from reporting.measures.facts import encode_facts
from reporting.models import Report, ReportStatus
from reporting.selectors.reports import stored_facts
from reporting.services import reports as services
from reporting.services.reports import Wanted
from reporting.tasks import make_report_task
from tests.conftest import Persona
from tests.factories import NOW
from tests.report_rows import proposal_row
from tests.reports import report as small_report

pytestmark = pytest.mark.django_db

FIRST, LAST = date(2026, 1, 1), date(2026, 3, 4)


@pytest.fixture
def proposal(advisor: Persona) -> Proposal:
    """Trades of a taxable account that were filled and booked."""
    return proposal_row(advisor.membership)


def wanted(proposal: Proposal, **changes: Any) -> Wanted:
    values = {"account_id": proposal.account_id, "period_starts_on": FIRST, "period_ends_on": LAST, **changes}
    return Wanted(**values)


def asked(persona: Persona, proposal: Proposal, **changes: Any) -> Report:
    return services.issue_report(persona.membership, wanted(proposal, **changes), now=NOW)


def made(persona: Persona, proposal: Proposal) -> Report:
    """Ask for a report and let the task make it."""
    report = asked(persona, proposal)
    make_report_task(report_id=report.pk)
    report.refresh_from_db()
    assert report.message == ""
    return report


def text_of(report: Report) -> str:
    assert report.content is not None
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(bytes(report.content))).pages).split())


def test_the_task_makes_a_pdf_with_the_exact_figures(advisor: Persona, proposal: Proposal) -> None:
    report = made(advisor, proposal)

    text = text_of(report)
    assert report.status == ReportStatus.READY
    assert report.page_count == len(PdfReader(BytesIO(bytes(report.content or b""))).pages)
    for figure in (
        "Sold 20 Alpha Fund (AAA)",
        "Bought 50 Beta Bonds (BBB)",
        "AAA 20 10/01/2025 03/03/2026 990.00 1,200.00 −210.00 short 0.00",
        "$10,300.00",
        "$3,989.00",
        "Apr 3, 2026",
    ):
        assert figure in text
    assert "proposed" not in text.lower().split("appendix")[1]


def test_the_comparison_is_the_engine_s_own_answer_to_the_case_without_tax(
    advisor: Persona, proposal: Proposal
) -> None:
    facts = stored_facts(made(advisor, proposal))

    assert facts is not None
    (column,) = facts.columns
    # By hand: 200 of long gains stand, our loss of 210 takes them and 10 of ordinary income away.
    assert column.ours_tax_usd == Decimal("-51.30")
    # The engine parts with the tobacco it was told not to own: a long gain of 50 at least.
    assert column.blind_long_usd >= Decimal("50.00")
    assert column.savings.total_usd == column.blind_tax_usd - column.ours_tax_usd
    assert facts.year_tax is not None and facts.year_tax.short_usd == Decimal("-210.00")


def test_the_pdf_is_tagged_named_and_in_a_language(advisor: Persona, proposal: Proposal) -> None:
    report = made(advisor, proposal)

    reader: Any = PdfReader(BytesIO(bytes(report.content or b"")))
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"].value is True
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    assert b'pdfuaid:part="1"' in root["/Metadata"].get_data()
    assert reader.metadata.title == "Client report, Whitcombe, March 4, 2026"
    figures = [kind for kind in _kinds(root["/StructTreeRoot"]) if kind[0] == "/Figure"]
    assert figures and all(alt for _, alt in figures)
    assert {"/H1", "/H2", "/Table", "/TH", "/TD"} <= {kind for kind, _ in _kinds(root["/StructTreeRoot"])}


def _kinds(node: Any) -> list[tuple[str, str]]:
    node = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(node, list):
        return [kind for child in node for kind in _kinds(child)]
    if not isinstance(node, dict):
        return []
    own = [(str(node["/S"]), str(node.get("/Alt", "")))] if "/S" in node else []
    return own + (_kinds(node["/K"]) if "/K" in node else [])


def test_nothing_is_fetched_from_the_network(
    advisor: Persona, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a report asked for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)

    assert made(advisor, proposal).status == ReportStatus.READY


@pytest.mark.parametrize("url", ["https://example.com/x.png", "http://localhost/x", "file:///etc/passwd", "ftp://x/y"])
def test_the_fetcher_opens_only_files_of_ours(url: str) -> None:
    fetcher: Any = pdf.own_fetcher()

    with pytest.raises(FatalURLFetchingError, match="a report fetches nothing from"):
        fetcher.fetch(url)


def test_a_mark_that_asks_for_the_network_gets_nothing(
    advisor: Persona, proposal: Proposal, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = stored_facts(made(advisor, proposal))
    assert facts is not None
    asked_for: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: asked_for.append(address))
    spy = '<image href="https://example.com/spy.png" width="9" height="9"/>'

    pdf.make_pdf(facts, facts_hash="0", mark=f'<svg xmlns="http://www.w3.org/2000/svg">{spy}</svg>')

    assert asked_for == []


def test_the_main_text_of_a_crowded_account_stays_on_one_page() -> None:
    facts = small_report()
    crowded = replace(
        facts,
        requests=facts.requests * 5,
        story=tuple(f"Paragraph {number}: {facts.story[-1] * 2}" for number in range(9)),
        trades=facts.trades * 250,
        sold_lots=facts.sold_lots * 250,
    )

    made_of_it = pdf.make_pdf(crowded, facts_hash="0")

    pages = [page.extract_text() for page in PdfReader(BytesIO(made_of_it.content)).pages]
    assert "Where you are invested" in pages[0] and "Your advisor: M. Okafor." in pages[0]
    assert "Paragraph 0" in pages[0] and "Paragraph 8" in pages[1]
    assert pages[1].count("More of what") == 2
    assert sum(text.count("AAA 20 10/01/2025") for text in pages) == 250


def test_equal_facts_give_equal_bytes(advisor: Persona, proposal: Proposal) -> None:
    report = made(advisor, proposal)
    facts = stored_facts(report)
    assert facts is not None

    again = pdf.make_pdf(facts, facts_hash=report.facts_hash)

    assert again.sha256 == report.content_sha256
    assert encode_facts(facts) == encode_facts(facts)


def test_the_same_facts_make_no_second_report(advisor: Persona, proposal: Proposal) -> None:
    first = made(advisor, proposal)

    second = asked(advisor, proposal)
    make_report_task(report_id=second.pk)

    second.refresh_from_db()
    assert second.pk != first.pk
    assert (second.status, second.same_as_id, second.facts_hash) == (ReportStatus.UNCHANGED, first.pk, "")
    assert Report.objects.filter(status=ReportStatus.READY).count() == 1


def test_other_facts_make_another_report(advisor: Persona, proposal: Proposal) -> None:
    first = made(advisor, proposal)
    TaxSituation.objects.update(outside_long_usd=Decimal("900"))

    second = made(advisor, proposal)

    assert second.status == ReportStatus.READY
    assert second.facts_hash != first.facts_hash


def test_asking_twice_at_once_makes_one_request_and_one_job(advisor: Persona, proposal: Proposal) -> None:
    first, second = asked(advisor, proposal), asked(advisor, proposal)

    assert first.pk == second.pk
    assert OrmQ.objects.count() == 1
    assert AuditEvent.objects.filter(action="report.requested").count() == 1


def test_a_request_whose_job_was_lost_is_put_on_the_queue_again(advisor: Persona, proposal: Proposal) -> None:
    asked(advisor, proposal)

    services.issue_report(advisor.membership, wanted(proposal), now=NOW + services.LEASE)

    assert OrmQ.objects.count() == 2


def test_a_report_is_made_by_one_worker_only(advisor: Persona, proposal: Proposal) -> None:
    report = asked(advisor, proposal)
    Report.objects.filter(pk=report.pk).update(status=ReportStatus.RUNNING, started_at=NOW)

    def never(*_: object, **__: object) -> Any:
        raise AssertionError("somebody else has it")

    early = services.make_report(report.pk, fallback=never, now=NOW + services.LEASE - timedelta(seconds=1))

    report.refresh_from_db()
    assert early is False and report.status == ReportStatus.RUNNING


def test_a_report_is_done_when_the_task_runs_again(advisor: Persona, proposal: Proposal) -> None:
    report = made(advisor, proposal)

    assert make_report_task(report_id=report.pk) is False


def test_trades_that_were_not_booked_are_called_proposed(advisor: Persona) -> None:
    report = made(advisor, proposal_row(advisor.membership, is_made=False))

    text = text_of(report)
    assert "None of these has been made." in text
    assert "What we propose, and why" in text
    assert "We traded on" not in text and "Sold 20" not in text


def test_an_account_that_was_never_analysed_is_told_so(advisor: Persona, proposal: Proposal) -> None:
    report = asked(advisor, proposal)
    Proposal.objects.update(status="stale")

    make_report_task(report_id=report.pk)

    report.refresh_from_db()
    assert report.status == ReportStatus.FAILED
    assert report.message == "No proposal was made for this account yet. Run the account first, then ask again."


def test_a_fault_of_ours_is_told_in_a_sentence(advisor: Persona, proposal: Proposal) -> None:
    report = asked(advisor, proposal)
    proposal.outcome.content = b"not what was stored"
    proposal.outcome.save()

    assert make_report_task(report_id=report.pk) is False

    report.refresh_from_db()
    assert report.status == ReportStatus.FAILED
    assert report.message.startswith("The report could not be made (")
    assert AuditEvent.objects.filter(action="report.failed", subject_id=str(report.pk)).exists()


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (date(2026, 3, 5), date(2026, 3, 4), "must not be after its last day"),
        (date(2026, 1, 1), date(2026, 3, 5), "cannot go beyond the firm's business date, March 4"),
        (date(2025, 12, 31), date(2026, 3, 4), "days of one calendar year"),
    ],
)
def test_days_that_a_report_cannot_cover_are_refused(
    advisor: Persona, proposal: Proposal, first: date, last: date, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        asked(advisor, proposal, period_starts_on=first, period_ends_on=last)


def test_only_the_own_book_can_be_reported_on(outsider: Persona, proposal: Proposal) -> None:
    with pytest.raises(NotFound):
        asked(outsider, proposal)


def test_operations_issue_no_reports(operations: Persona, proposal: Proposal) -> None:
    with pytest.raises(NotPermitted):
        asked(operations, proposal)


def test_a_download_is_noted_with_the_hash_of_the_file(advisor: Persona, proposal: Proposal) -> None:
    report = made(advisor, proposal)

    file = services.download_report(advisor.membership, report.pk, now=NOW)

    assert file.name == "client-report-A1-2026-03-04.pdf"
    assert file.content.startswith(b"%PDF-")
    event = AuditEvent.objects.get(action="report.downloaded")
    assert event.data == {"content_sha256": report.content_sha256} and event.actor_name == "Ada Advisor"


def test_the_demo_command_makes_the_report_and_keeps_it(
    proposal: Proposal, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo" / "report.pdf"
    call_command("demo_report", here=True, out=out)
    first = out.read_bytes()

    call_command("demo_report", here=True, out=out)

    assert first.startswith(b"%PDF-") and out.read_bytes() == first
    assert Report.objects.count() == 1
    assert "was made before and stands" in capsys.readouterr().out


def test_the_demo_command_says_when_no_worker_is_there(proposal: Proposal, tmp_path: Any) -> None:
    with pytest.raises(CommandError, match="No worker made the report"):
        call_command("demo_report", seconds=-1, out=tmp_path / "report.pdf")
