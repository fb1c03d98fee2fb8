"""Form 8949 for people: the PDF that the queue makes, the lines as a file of values."""

import csv
import io
from datetime import date, datetime
from hashlib import sha256

from django.db import transaction

from advisors import audit, permissions
from advisors.models import Membership
from advisors.permissions import Capability
from portfolios.selectors.books import account_in_book
from reporting.measures.tax_form_rows import csv_rows
from reporting.models import Report, ReportKind
from reporting.selectors.form_8949 import tax_form, tax_form_in_book
from reporting.services.reports import Download, Wanted, issue_report


def issue_form_8949(member: Membership, *, account_id: int, year: int, now: datetime) -> Report:
    """
    Ask for the PDF of Form 8949 of a year, up to the business date where the year is not over.

    :raises NotPermitted: the role does not issue reports
    :raises NotFound: the account lies outside the member's book
    :raises Invalid: the account is not taxable, or the year has not begun
    """
    tax_form_in_book(member, account_id, year=year)
    ends_on = date(year, 12, 31)
    if member.firm.business_on is not None and member.firm.business_on.year == year:
        ends_on = member.firm.business_on
    wanted = Wanted(
        account_id=account_id,
        period_starts_on=date(year, 1, 1),
        period_ends_on=ends_on,
        kind=ReportKind.FORM_8949,
    )
    return issue_report(member, wanted, now=now)


@transaction.atomic
def download_form_8949(member: Membership, *, account_id: int, year: int, now: datetime) -> Download:
    """
    Hand out the lines of Form 8949 as CSV, and note who took them.

    :raises NotFound: the account lies outside the member's book
    :raises Invalid: the account is not taxable
    """
    permissions.check_can(member, Capability.VIEW_REPORTS)
    account = account_in_book(member, account_id)
    lines = io.StringIO(newline="")
    csv.writer(lines).writerows(csv_rows(tax_form(account, year=year).form))
    content = lines.getvalue().encode()
    audit.record(
        "form_8949.downloaded",
        actor=member,
        subject=account,
        household_id=account.household_id,
        data={"year": year, "content_sha256": sha256(content).hexdigest()},
        now=now,
    )
    return Download(name=f"form-8949-{account.external_ref}-{year}.csv", content=content)
