"""Make the demo firm and the people who sign in, through the same services as anybody's."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from advisors import services
from advisors.models import Firm, Membership, Office, Role, User
from portfolios.demo.firm import FIRM_NAME, FIRM_SLUG, OFFICES, POLICIES, STAFF

MARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M16 3v26M8 24h16" fill="none" '
    'stroke="#0a5b63" stroke-width="3"/><path d="M16 6l8 5-8 4z" fill="#0a5b63"/></svg>'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoFirm:
    """The firm and its members by key (`nora.whitfield`)."""

    firm: Firm
    members: Mapping[str, Membership]

    def with_role(self, role: Role) -> Membership:
        """Return the first member of a role."""
        return next(member for member in self.members.values() if member.role == role)

    def refreshed(self) -> "DemoFirm":
        """Return the firm and its members as they stand now: the imports moved the business date."""
        firm = Firm.objects.get(pk=self.firm.pk)
        rows = Membership.objects.select_related("firm", "user", "office").in_bulk(
            [m.pk for m in self.members.values()]
        )
        return DemoFirm(firm=firm, members={key: rows[member.pk] for key, member in self.members.items()})


def demo_password(path: Path) -> str:
    """Return the password of the demo's people: drawn on the first run and kept in a file of this machine."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{secrets.token_urlsafe(9)}-harbor\n", encoding="utf-8")
    return path.read_text(encoding="utf-8").strip()


def make_firm(*, password: str, now: datetime) -> DemoFirm:
    """Make the firm, its offices and its people; what is there already is left as it is."""
    firm = Firm.objects.filter(slug=FIRM_SLUG).first()
    if firm is None:
        new = services.NewFirm(name=FIRM_NAME, slug=FIRM_SLUG, mark=MARK, policies=POLICIES)
        firm = services.create_firm(new, actor=None, now=now)
    offices = {spec.key: _office(firm, spec.name, now=now) for spec in OFFICES}
    members = {}
    for person in STAFF:
        user = User.objects.filter(email=person.email).first() or services.create_user(
            email=person.email, full_name=person.name, password=password, actor=None, now=now
        )
        new_member = services.NewMembership(role=Role(person.role), office=offices.get(person.office))
        members[person.key] = Membership.objects.filter(user=user, firm=firm).select_related(
            "firm", "user", "office"
        ).first() or services.add_membership(user, firm, new_member, actor=None, now=now)
    return DemoFirm(firm=firm, members=members)


def _office(firm: Firm, name: str, *, now: datetime) -> Office:
    found = Office.objects.filter(firm=firm, name=name).first()
    return found or services.create_office(firm, name=name, actor=None, now=now)
