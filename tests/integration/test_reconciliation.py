"""Day after day: how accounts compare with their custodian, what is broken, how long, and who decides what."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from advisors.errors import Conflict, Invalid, NotFound, NotPermitted
from advisors.models import AuditEvent, BookOfRecord, Firm, Membership, Role
from portfolios.models.households import Account, AccountHold, HoldKind
from portfolios.models.imports import Break, BreakDecision, BreakKind, CustodianFile, ReconciledDay
from portfolios.models.lots import LedgerEvent, StatedGain
from portfolios.models.market import CorporateAction
from portfolios.services.break_ageing import age_all_breaks, age_breaks
from portfolios.services.breaks import accept_custodian, assign_break, leave_to_ledger, note_break
from portfolios.services.holds import lift_hold
from portfolios.services.importing import import_custodian_file
from tests.books import NOW, cash_of, know_securities, open_account, units_of
from tests.factories import FirmFactory, MembershipFactory

pytestmark = pytest.mark.django_db
D = Decimal
HEAD = "account,as_of,symbol,quantity,cost,acquired,lot\n"


@pytest.fixture
def account(firm: Firm) -> Account:
    know_securities(firm)
    return open_account(firm, "8812-4401")


@pytest.fixture
def trimtab_keeps_the_book(firm: Firm) -> Firm:
    firm.book_of_record = BookOfRecord.TRIMTAB
    firm.policies = {"breaks.hold_at_once_usd": "100000"}
    firm.save()
    return firm


@pytest.fixture
def clerk(firm: Firm) -> Membership:
    return MembershipFactory(firm=firm, role=Role.OPERATIONS)


def _import(firm: Firm, text: str) -> CustodianFile:
    firm.refresh_from_db()
    return import_custodian_file(firm, custodian="generic", name="file.csv", content=text.encode(), actor=None, now=NOW)


def _lots(firm: Firm, as_of: str, *rows: str) -> CustodianFile:
    return _import(firm, HEAD + "".join(f"8812-4401,{as_of},{row}\n" for row in rows))


def _activity(firm: Firm, *rows: str) -> CustodianFile:
    head = "account,date,kind,symbol,quantity,amount,fee,ref\n"
    return _import(firm, head + "".join(f"8812-4401,{row}\n" for row in rows))


def _holds(account: Account) -> set[tuple[str, str]]:
    return set(
        AccountHold.objects.filter(account=account, lifted_at=None, kind=HoldKind.POSITION_BREAK).values_list(
            "kind", "subject"
        )
    )


def _day(account: Account, as_of: str) -> ReconciledDay:
    return ReconciledDay.objects.get(account=account, as_of_on=as_of)


def _causes(day: ReconciledDay) -> dict[str, str]:
    return {line["security"]: line.get("cause", line["verdict"]) for line in day.explained}


AAPL = "AAPL,120,9840.00,2019-04-11,L-1"
KO = "KO,50,2500.00,2020-01-02,L-2"


def test_each_day_tells_what_matched_what_was_explained_and_what_was_adjusted(firm: Firm, account: Account) -> None:
    _lots(firm, "2026-11-09", AAPL, KO)
    _activity(firm, "2026-11-10,sell,AAPL,20,3000.00,,T-1")
    _lots(firm, "2026-11-10", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    _lots(firm, "2026-11-11", "AAPL,100,8200.00,2019-04-11,L-1", "KO,45,2250.00,2020-01-02,L-2")

    first, second, third = (_day(account, f"2026-11-{day}") for day in ("09", "10", "11"))
    assert _causes(first) == {"AAPL": "opening", "KO": "opening"}
    assert (second.matched, second.matched_count, second.broken_count) == (["AAPL", "KO"], 2, 0)
    assert (third.matched, third.adjusted_count, _causes(third)) == (["AAPL"], 1, {"KO": "adjusted"})
    (line,) = third.explained
    assert (line["ledger_units"], line["custodian_units"]) == ("50.000000", "45")
    assert [lot["units"] for lot in line["theirs"]] == ["45"]


def test_files_of_one_day_add_to_its_row(firm: Firm, account: Account) -> None:
    _lots(firm, "2026-11-09", AAPL)
    _import(firm, "account,as_of,settled\n8812-4401,2026-11-09,500.00\n")
    _lots(firm, "2026-11-10", AAPL)

    _import(firm, "account,as_of,settled\n8812-4401,2026-11-10,650.00\n")

    day = _day(account, "2026-11-10")
    assert (day.matched, day.adjusted_count, _causes(day)) == (["AAPL"], 1, {"": "adjusted"})


def test_a_commission_in_our_basis_only_is_explained_and_our_basis_stays(firm: Firm, account: Account) -> None:
    _lots(firm, "2026-11-09", AAPL)
    _activity(firm, "2026-11-10,buy,KO,10,-624.95,4.95,T-1")

    _lots(firm, "2026-11-10", AAPL, "KO,10,620.00,2026-11-10,")

    assert account.lots.get(security__symbol="KO").cost_usd == D("624.95")
    assert not LedgerEvent.objects.filter(kind="adjust_lot").exists()
    day = _day(account, "2026-11-10")
    assert (_causes(day), day.explained_count) == ({"KO": "fee"}, 1)
    assert day.explained[0]["cost_usd"] == "-4.950000"


def test_a_break_counts_once_ages_and_a_file_that_agrees_resolves_it(
    trimtab_keeps_the_book: Firm, account: Account
) -> None:
    firm = trimtab_keeps_the_book
    _lots(firm, "2026-11-09", AAPL, KO)
    _lots(firm, "2026-11-10", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    _lots(firm, "2026-11-11", "AAPL,90,7380.00,2019-04-11,L-1", KO)

    found = Break.objects.get()
    assert (found.ledger_units, found.custodian_units, found.size_usd) == (D(120), D(90), D(3000))
    assert (found.found_on, found.agreed_on) == (date(2026, 11, 10), date(2026, 11, 9))
    account.refresh_from_db()
    assert account.positions_on == date(2026, 11, 11), "the rest of the account posts"

    _lots(firm, "2026-11-12", AAPL, KO)

    found.refresh_from_db()
    assert (found.decision, found.resolution) == (BreakDecision.AGREED, "A later file agrees.")
    assert _day(account, "2026-11-12").matched == ["AAPL", "KO"]


def test_a_trade_that_the_custodian_tells_late_resolves_the_break_by_itself(
    trimtab_keeps_the_book: Firm, account: Account
) -> None:
    firm = trimtab_keeps_the_book
    _lots(firm, "2026-11-09", AAPL, KO)
    _lots(firm, "2026-11-10", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    assert Break.objects.get().resolved_at is None

    _activity(firm, "2026-11-10,sell,AAPL,20,3000.00,,T-1")
    _lots(firm, "2026-11-11", "AAPL,100,8200.00,2019-04-11,L-1", KO)

    assert units_of(account, "AAPL") == D(100)
    assert cash_of(account) == D(3000)
    assert Break.objects.get().decision == BreakDecision.AGREED


def test_a_break_holds_its_account_from_the_firms_threshold_on(trimtab_keeps_the_book: Firm, account: Account) -> None:
    firm = trimtab_keeps_the_book
    _lots(firm, "2026-11-09", AAPL)
    _lots(firm, "2026-11-12", "AAPL,119,9758.00,2019-04-11,L-1")
    assert _holds(account) == set()

    firm.business_on = date(2026, 11, 13)  # found on Thursday the 12th: one business day
    firm.save()
    assert age_breaks(firm, now=NOW) == 0
    firm.business_on = date(2026, 11, 16)  # the weekend does not count: two
    firm.save()

    assert age_all_breaks(now=NOW) == 1
    assert _holds(account) == {(HoldKind.POSITION_BREAK, "AAPL")}
    hold = AccountHold.objects.get(account=account, kind=HoldKind.POSITION_BREAK)
    assert hold.reason.endswith("The break is 2 business days old.")

    _lots(firm, "2026-11-16", AAPL)

    assert _holds(account) == set()


def test_a_hold_that_a_person_lifted_is_not_placed_again_for_the_same_break(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    firm = trimtab_keeps_the_book
    _lots(firm, "2026-11-09", AAPL)
    _lots(firm, "2026-11-10", "AAPL,119,9758.00,2019-04-11,L-1")
    firm.business_on = date(2026, 11, 17)
    firm.save()
    age_breaks(firm, now=NOW)
    hold = AccountHold.objects.get(account=account, kind=HoldKind.POSITION_BREAK)
    lift_hold(hold, reason="Known at the custodian", actor=clerk.user, now=NOW + timedelta(hours=1))

    assert age_breaks(firm, now=NOW + timedelta(hours=2)) == 0
    assert _holds(account) == set()


def test_a_large_break_holds_at_once_and_a_small_one_does_not(firm: Firm, account: Account) -> None:
    firm.book_of_record = BookOfRecord.TRIMTAB
    firm.save()
    _lots(firm, "2026-11-09", AAPL, KO)

    _lots(firm, "2026-11-12", "AAPL,110,9020.00,2019-04-11,L-1", "KO,49,2450.00,2020-01-02,L-2")

    assert {b.security.symbol: b.size_usd for b in Break.objects.all() if b.security} == {"AAPL": D(1000), "KO": D(100)}
    assert _holds(account) == {(HoldKind.POSITION_BREAK, "AAPL")}


def test_a_limit_of_the_firm_makes_a_break_where_the_custodian_keeps_the_book(firm: Firm, account: Account) -> None:
    firm.policies = {"breaks.adjust_up_to_usd": "500"}
    firm.save()
    _lots(firm, "2026-11-09", AAPL, KO)

    _lots(firm, "2026-11-10", "AAPL,114,9348.00,2019-04-11,L-1", "KO,46,2300.00,2020-01-02,L-2")

    assert (units_of(account, "AAPL"), units_of(account, "KO")) == (D(120), D(46))
    assert Break.objects.get().kind == BreakKind.UNITS
    assert _causes(_day(account, "2026-11-10")) == {"AAPL": "broken", "KO": "adjusted"}


def test_a_policy_that_is_no_number_is_refused_with_its_name(firm: Firm, account: Account) -> None:
    firm.policies = {"breaks.adjust_up_to_usd": "a lot"}
    firm.save()

    with pytest.raises(Invalid, match=r"breaks\.adjust_up_to_usd"):
        _lots(firm, "2026-11-09", AAPL)


def _broken(firm: Firm) -> Break:
    _lots(firm, "2026-11-09", AAPL, KO)
    _lots(firm, "2026-11-10", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    return Break.objects.get()


def test_accepting_the_custodians_word_adjusts_the_ledger_and_says_who_and_why(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    found = _broken(trimtab_keeps_the_book)

    accept_custodian(clerk, found.pk, reason="Confirmed by the custodian's desk", now=NOW)

    assert (units_of(account, "AAPL"), units_of(account, "KO")) == (D(100), D(50))
    found.refresh_from_db()
    assert (found.decision, found.resolved_by) == (BreakDecision.CUSTODIAN, clerk.user)
    event = LedgerEvent.objects.get(kind="adjust_lot")
    assert (event.recorded_by, event.source_ref) == (clerk.user, f"{account.pk}:a:{found.pk}:{account.pk}:1")
    assert AuditEvent.objects.get(action="break.resolved").reason == "Confirmed by the custodian's desk"

    _lots(trimtab_keeps_the_book, "2026-11-11", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    assert Break.objects.filter(resolved_at=None).count() == 0


def test_what_is_left_to_the_ledger_is_no_break_again_until_its_figures_change(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    firm = trimtab_keeps_the_book
    found = _broken(firm)
    leave_to_ledger(clerk, found.pk, reason="They book it on Monday", now=NOW)

    _lots(firm, "2026-11-11", "AAPL,100,8200.00,2019-04-11,L-1", KO)
    assert Break.objects.filter(resolved_at=None).count() == 0
    assert _causes(_day(account, "2026-11-11"))["AAPL"] == "settled"
    assert units_of(account, "AAPL") == D(120)

    _lots(firm, "2026-11-12", "AAPL,90,7380.00,2019-04-11,L-1", KO)
    again = Break.objects.get(resolved_at=None)
    assert (again.pk != found.pk, again.custodian_units) == (True, D(90))


def test_a_difference_that_agreed_in_between_is_a_new_break_with_the_same_figures(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    firm = trimtab_keeps_the_book
    leave_to_ledger(clerk, _broken(firm).pk, reason="They book it on Monday", now=NOW)
    _lots(firm, "2026-11-11", AAPL, KO)

    _lots(firm, "2026-11-12", "AAPL,100,8200.00,2019-04-11,L-1", KO)

    assert Break.objects.filter(resolved_at=None).count() == 1


def test_a_file_that_was_overtaken_is_not_accepted(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    found = _broken(trimtab_keeps_the_book)
    Account.objects.filter(pk=account.pk).update(positions_on=date(2026, 11, 12))

    with pytest.raises(Conflict, match="Wait for the next file"):
        accept_custodian(clerk, found.pk, reason="Yes", now=NOW)

    found.refresh_from_db()
    assert found.resolved_at is None


def test_a_break_is_given_to_a_person_and_noted_with_every_step_in_the_audit_log(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    found = _broken(trimtab_keeps_the_book)

    assign_break(clerk, found.pk, user_id=clerk.user_id, now=NOW)
    note_break(clerk, found.pk, note="  Asked  the custodian ", now=NOW)

    found.refresh_from_db()
    assert (found.assigned_to, found.assigned_at, found.note) == (clerk.user, NOW, "Asked the custodian")
    actions = AuditEvent.objects.filter(subject_id=str(found.pk), subject_type="break").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == ["break.found", "break.assigned", "break.noted"]


def test_only_who_may_resolve_exceptions_can_have_or_decide_a_break(
    trimtab_keeps_the_book: Firm, account: Account, clerk: Membership
) -> None:
    firm = trimtab_keeps_the_book
    found = _broken(firm)
    advisor = MembershipFactory(firm=firm, role=Role.ADVISOR)
    foreigner = MembershipFactory(firm=FirmFactory(), role=Role.OPERATIONS)

    with pytest.raises(Invalid, match="who may resolve"):
        assign_break(clerk, found.pk, user_id=advisor.user_id, now=NOW)
    with pytest.raises(NotPermitted):
        leave_to_ledger(advisor, found.pk, reason="Mine", now=NOW)
    with pytest.raises(NotFound):
        accept_custodian(foreigner, found.pk, reason="Theirs", now=NOW)
    with pytest.raises(Invalid, match="Say why"):
        leave_to_ledger(clerk, found.pk, reason=" ", now=NOW)
    assert Break.objects.get().resolved_at is None


def test_lots_that_multiplied_are_announced_as_a_split_that_was_seen(firm: Firm, account: Account) -> None:
    _lots(firm, "2026-11-09", AAPL, KO)

    _lots(firm, "2026-11-10", "AAPL,480,9840.00,2019-04-11,L-1", KO)
    _lots(firm, "2026-11-11", "AAPL,480,9840.00,2019-04-11,L-1", KO)

    action = CorporateAction.objects.get()
    assert (action.is_detected, action.ratio, action.status) == (True, D(4), "announced")
    assert units_of(account, "AAPL") == D(120)
    hold = AccountHold.objects.get(account=account, kind=HoldKind.CORPORATE_ACTION, lifted_at=None)
    assert "waits" in hold.reason
    assert _causes(_day(account, "2026-11-10")) == {"AAPL": "waiting"}
    assert Break.objects.count() == 0


SCHWAB_GAINS = (
    '"Realized Gain/Loss - Lot Details for Joint ...4401 as of Fri Nov 20  18:05:11 EST 2026 from 01/01/2026 to '
    '11/20/2026"' + "," * 17 + "\n"
    '"Symbol","Name","Closed Date","Opened Date","Quantity","Proceeds Per Share","Cost Per Share","Proceeds",'
    '"Cost Basis (CB)","Gain/Loss ($)","Gain/Loss (%)","Long Term Gain/Loss","Short Term Gain/Loss","Term",'
    '"Unadjusted Cost Basis","Wash Sale?","Disallowed Loss","Transaction Closed Date"\n'
)


def _schwab_gain(cost: str, gain: str) -> str:
    return (
        f'"AAPL","APPLE","11/10/2026","04/11/2019","20","$150.00","$82.00","$3,000.00","${cost}","${gain}","1%",'
        f'"${gain}","","Long Term","${cost}","No","","11/10/2026"\n'
    )


def test_a_realised_gain_that_differs_is_a_break_until_the_custodian_corrects_it(firm: Firm) -> None:
    know_securities(firm)
    account = open_account(firm, "8812-4401", custodian="schwab")
    lots = f"account,as_of,symbol,quantity,cost,acquired,lot\n8812-4401,2026-11-09,{AAPL}\n"
    sale = "account,date,kind,symbol,quantity,amount,ref\n8812-4401,2026-11-10,sell,AAPL,20,3000.00,T-1\n"
    for text in (lots, sale):
        import_custodian_file(firm, custodian="generic", name="f.csv", content=text.encode(), actor=None, now=NOW)

    def state(cost: str, gain: str) -> CustodianFile:
        text = SCHWAB_GAINS + _schwab_gain(cost, gain)
        return import_custodian_file(
            firm, custodian="schwab", name="realized.csv", content=text.encode(), actor=None, now=NOW
        )

    first = state("1,600.00", "1,400.00")

    assert StatedGain.objects.get().cost_usd == D(1600), list(first.faults.values_list("message", flat=True))
    found = Break.objects.get()
    assert (found.kind, found.ledger_usd, found.custodian_usd, found.size_usd) == (
        BreakKind.GAIN,
        D(1360),
        D(1400),
        D(40),
    )
    assert "the basis is $1,640.00 in the ledger, $1,600.00 at the custodian" in found.message
    assert _holds(account) == set()

    state("1,640.00", "1,360.00")

    assert StatedGain.objects.get().cost_usd == D(1640)
    assert Break.objects.get().decision == BreakDecision.AGREED
