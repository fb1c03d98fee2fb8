"""The whole road: a custodian's files come in, a proposal is reviewed, released, filled, and a report tells of it."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pypdf import PdfReader

from advisors import services as people
from advisors.audit import seal_events, verify_chain
from advisors.models import AuditEvent, Firm, Membership, Office, Role
from portfolios.custodians.house_tables import read_products
from portfolios.models.guidance import HouseViewChange
from portfolios.models.households import Account, FilingStatus, Registration
from portfolios.models.imports import FileStatus
from portfolios.models.lots import Lot, RealizedGain
from portfolios.services import guidance, households, importing
from portfolios.services.house_view import drafts, lifecycle
from rebalancing.engine.reference import solve_convex
from rebalancing.models.proposals import Proposal, ProposalStatus, Side
from rebalancing.services import fills, orders, review, runs, solving
from reporting.models import Report, ReportStatus
from reporting.services import reports
from tests.conftest import Persona
from tests.factories import OfficeFactory

NOW = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)

SECURITIES = """symbol,name,kind,asset_class,half_spread_bps
ALLW,All World Fund,etf,stocks,1
BOND,Broad Bond Fund,etf,bonds,1
"""
PRICES = "symbol,date,price\nALLW,2026-11-20,100\nBOND,2026-11-20,50\n"
RISK_MODEL = """model,as_of,record,symbol,factor,other_factor,value
one,2026-11-20,covariance,,market,market,0.04
one,2026-11-20,exposure,ALLW,market,,1.0
one,2026-11-20,exposure,BOND,market,,0.1
one,2026-11-20,specific,ALLW,,,0.0004
one,2026-11-20,specific,BOND,,,0.0004
"""
# 800 shares of the stock fund: half of them bought at 130 (a long-term loss of 12,000), half at 60.
LOTS = """account,as_of,symbol,quantity,cost,acquired,lot
7700-0001,2026-11-20,ALLW,400,52000.00,2024-02-01,DEAR
7700-0001,2026-11-20,ALLW,400,24000.00,2019-02-01,CHEAP
7700-0001,2026-11-20,BOND,200,10000.00,2023-05-05,B-1
"""
CASH = "account,as_of,settled\n7700-0001,2026-11-20,10000.00\n"


@pytest.fixture
def account(firm: Firm, advisor: Persona, cio: Persona) -> Account:
    """A firm with a house view of 60 % stocks and 38 % bonds, and one taxable account that is known by its number."""
    second = people.create_user(email="second@cio.example", full_name="Cy Second", password=None, actor=None, now=NOW)
    checker = people.add_membership(second, firm, people.NewMembership(role=Role.CIO), actor=None, now=NOW)
    for position, key in enumerate(("stocks", "bonds", "cash")):
        guidance.create_asset_class(cio.membership, key=key, name=key.title(), position=position, now=NOW)
    profile = guidance.create_risk_profile(cio.membership, key="balanced", name="Balanced", now=NOW)
    change = lifecycle.open_change(cio.membership, title="Year 2026", why="", effective_on=date(2026, 11, 20), now=NOW)
    weights = [
        _weight("stocks", "0.60", "0.50", "0.70"),
        _weight("bonds", "0.38", "0.28", "0.48"),
        _weight("cash", "0.02", "0", "0.10"),
    ]
    drafts.put_profile(cio.membership, _draft(change), profile_id=profile.pk, weights=weights, now=NOW)
    for name, content in (("securities", SECURITIES), ("prices", PRICES), ("risk", RISK_MODEL)):
        _import(firm, f"{name}.csv", content)
    products = read_products(b"asset_class,use\nstocks,ALLW\nbonds,BOND\n")
    drafts.put_products(cio.membership, _draft(change), entries=products, now=NOW)
    lifecycle.submit_change(cio.membership, change_id=change.pk, revision=_draft(change).revision, now=NOW)
    lifecycle.approve_change(checker, change_id=change.pk, now=NOW)
    household = households.create_household(
        firm, advisor=_with_office(advisor), name="Journey", external_ref="J-1", actor=advisor.user, now=NOW
    )
    tax_household = households.create_tax_household(
        household, name="Journey", confirmed_by=advisor.user, actor=advisor.user, now=NOW
    )
    tax_return = households.create_tax_return(
        tax_household, name="2026", filing_status=FilingStatus.SINGLE, state="", actor=advisor.user, now=NOW
    )
    situation = households.NewTaxSituation(
        year=2026,
        federal_ordinary_frac=Decimal("0.37"),
        federal_long_frac=Decimal("0.20"),
        niit_frac=Decimal("0.038"),
    )
    households.state_tax_situation(tax_return, situation, actor=advisor.user, now=NOW)
    new = households.NewAccount(
        name="Journey Individual",
        external_ref="J-1-1",
        custodian="generic",
        number="7700-0001",
        registration=Registration.INDIVIDUAL,
        risk_profile=profile,
    )
    return households.open_account(
        household, new, tax_household=tax_household, tax_return=tax_return, actor=advisor.user, now=NOW
    )


def _with_office(advisor: Persona) -> Membership:
    if advisor.membership.office is None:
        office: Office = OfficeFactory.create(firm=advisor.firm)
        advisor.membership.office = office
        advisor.membership.save(update_fields=["office"])
    return advisor.membership


def _today(persona: Persona) -> Membership:
    """Read a member anew, as a request does: the prices have moved the firm's business date."""
    return Membership.objects.select_related("firm", "user").get(pk=persona.membership.pk)


def _draft(change: HouseViewChange) -> drafts.Draft:
    change.refresh_from_db()
    return drafts.Draft(change_id=change.pk, revision=change.revision)


def _weight(key: str, weight: str, low: str, high: str) -> drafts.ClassWeight:
    return drafts.ClassWeight(
        asset_class=key, weight_frac=Decimal(weight), min_frac=Decimal(low), max_frac=Decimal(high)
    )


def _import(firm: Firm, name: str, content: str) -> None:
    file = importing.receive_custodian_file(
        firm, custodian="generic", name=name, content=content.encode(), actor=None, now=NOW
    )
    file = importing.post_file(file, actor=None, now=NOW)
    assert file.status == FileStatus.POSTED, (name, [fault.message for fault in file.faults.all()])


def _propose(account: Account) -> Proposal:
    firm = Firm.objects.get(pk=account.firm_id)
    run = runs.start_run(firm, scope=runs.Scope(), actor=None, now=NOW, wake_queue=False)
    worker = solving.Worker(name="journey", fallback=solve_convex, clock=lambda: NOW)
    assert len(list(solving.drain(worker=worker, run_id=run.pk))) == 1
    return Proposal.objects.get(run=run, account=account)


def _fill_whole(order_file: str) -> str:
    """Answer every order of a file as a broker would: whole, at the price of the day."""
    price = {"ALLW": "100", "BOND": "50"}
    rows = [row for row in csv.DictReader(io.StringIO(order_file)) if row["record"] == "ORDER"]
    lines = ["client_order_id,execution_id,date,units,price,fee"]
    lines += [
        f"{row['client_order_id']},X-{row['client_order_id']},{DAY},{row['quantity']},{price[row['symbol']]},0"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.django_db
def test_a_custodian_file_becomes_trades_that_a_report_tells_of(
    account: Account, advisor: Persona, reviewer: Persona, second_reviewer: Persona
) -> None:
    firm = account.firm
    _import(firm, "lots.csv", LOTS)
    _import(firm, "cash.csv", CASH)

    # Proposed: stocks are 80 % of $100,000 against a target of 60 % and a limit of 70 %, so 200 shares go. Sold from
    # the dear lot they bring a loss of more than $3,000, which is what a return deducts: 3,000 at 37 % are $1,110.
    proposal = _propose(account)
    assert proposal.status == ProposalStatus.PROPOSED
    sale = proposal.trades.get(side=Side.SELL)
    assert sale.security.symbol == "ALLW" and proposal.trades.get(side=Side.BUY).security.symbol == "BOND"
    assert sale.units == 200
    assert proposal.long_gain_usd <= -3000
    assert proposal.tax_caused_usd == Decimal("-1110.00")
    assert set(proposal.checks.values_list("verdict", flat=True)) == {"pass"}

    # Reviewed by one person, released by another.
    review.approve(_today(reviewer), proposal.pk, now=NOW)
    releaser = _today(second_reviewer)
    batch = review.release(releaser, [proposal.pk], now=NOW)
    order_file = orders.take_order_file(releaser, batch.pk, custodian="generic", now=NOW)

    # Filled and booked: what the lots say afterwards is what was proposed.
    fills.record_fills(releaser, name="fills.csv", content=_fill_whole(order_file.content).encode(), now=NOW)
    proposal.refresh_from_db()
    assert proposal.status == ProposalStatus.BOOKED
    open_units = sum(lot.units for lot in Lot.objects.filter(account=account, security=sale.security))
    assert open_units == 800 - sale.units
    gains = RealizedGain.objects.filter(account=account)
    booked_usd = sum((gain.gain_usd for gain in gains if gain.gain_usd is not None), Decimal(0))
    assert booked_usd == proposal.short_gain_usd + proposal.long_gain_usd
    assert booked_usd < 0

    # Told: the report names the sale and the loss that was booked.
    wanted = reports.Wanted(account_id=account.pk, period_starts_on=date(2026, 1, 1), period_ends_on=DAY)
    report = reports.issue_report(_today(advisor), wanted, now=NOW)
    reports.make_report(report.pk, fallback=solve_convex, now=NOW)
    report = Report.objects.get(pk=report.pk)
    assert report.status == ReportStatus.READY, report.message
    said = "".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(report.content or b""))).pages)
    assert "ALLW" in said and "Journey Individual" in said
    assert f"{-proposal.long_gain_usd:,.0f}" in said.replace("\u00a0", " ")

    # Every step left its event, and the chain holds.
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"custodian_file.received", "lots.posted", "batch.order_file_taken"} <= actions
    seal_events(now=NOW)
    assert verify_chain(now=NOW).is_whole
