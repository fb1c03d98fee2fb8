"""The demo firm: its offices and its people. All of them are invented; the addresses cannot exist (RFC 2606)."""

from dataclasses import dataclass

FIRM_NAME, FIRM_SLUG = "Harbor Point Wealth", "harbor-point"
MAIL_DOMAIN = "harborpoint.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficeSpec:
    key: str
    name: str
    city: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffSpec:
    """One person who signs in. `office` is blank for the home office."""

    key: str
    name: str
    role: str
    office: str = ""

    @property
    def email(self) -> str:
        return f"{self.key}@{MAIL_DOMAIN}"


OFFICES = (
    OfficeSpec(key="portland", name="Portland", city="Portland", state="ME"),
    OfficeSpec(key="charleston", name="Charleston", city="Charleston", state="SC"),
    OfficeSpec(key="san-diego", name="San Diego", city="San Diego", state="CA"),
)

# What differs from a custodian by more than this unexplained waits for a person, and holds the account from this on.
POLICIES = {"breaks.adjust_up_to_usd": "1000", "breaks.hold_at_once_usd": "10000"}
STAFF = (
    StaffSpec(key="nora.whitfield", name="Nora Whitfield", role="advisor", office="portland"),
    StaffSpec(key="daniel.okoye", name="Daniel Okoye", role="advisor", office="portland"),
    StaffSpec(key="grace.lindholm", name="Grace Lindholm", role="advisor", office="charleston"),
    StaffSpec(key="marcus.bell", name="Marcus Bell", role="advisor", office="charleston"),
    StaffSpec(key="elena.ruiz", name="Elena Ruiz", role="advisor", office="san-diego"),
    StaffSpec(key="helen.park", name="Helen Park", role="reviewer"),
    StaffSpec(key="tomas.varga", name="Tomas Varga", role="reviewer"),
    StaffSpec(key="julian.frost", name="Julian Frost", role="cio"),
    StaffSpec(key="amelia.strand", name="Amelia Strand", role="cio"),
    StaffSpec(key="ingrid.moe", name="Ingrid Moe", role="compliance"),
    StaffSpec(key="omar.haddad", name="Omar Haddad", role="operations"),
    StaffSpec(key="mei.tanaka", name="Mei Tanaka", role="operations"),
    StaffSpec(key="ada.sinclair", name="Ada Sinclair", role="administrator"),
)


def staff_with_role(role: str) -> tuple[StaffSpec, ...]:
    """List the people of one role, in their standing order."""
    return tuple(person for person in STAFF if person.role == role)
