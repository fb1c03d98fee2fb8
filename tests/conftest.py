"""What every test may ask for: a firm, its people signed in, and the rule that on CI a skip is a failure."""

import os
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.test import Client
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from advisors.models import Firm, Membership, Role, User

IS_CI = os.environ.get("CI") == "true"
ABSENT = "is not on this machine"  # the one skip that CI takes: real files that the project may not ship

# No test fails because the machine is busy.
settings.register_profile("on a busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("on a busy machine")


def _is_lost(report: pytest.TestReport | pytest.CollectReport) -> bool:
    return IS_CI and report.skipped and ABSENT not in str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped on CI: nobody would notice that it no longer runs."""
    report = yield
    if _is_lost(report):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped; with CI=true a skip is a failure"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a module that skips itself on CI."""
    report = yield
    if _is_lost(report):
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} was skipped; with CI=true a skip is a failure"
    return report


@pytest.fixture(autouse=True)
def _fresh_cache() -> None:
    """Forget what other tests left in the cache, sign-in throttling above all."""
    cache.clear()


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """Somebody of a firm with a browser that is signed in."""

    membership: "Membership"
    client: Client

    @property
    def user(self) -> "User":
        """Return who it is."""
        return self.membership.user

    @property
    def firm(self) -> "Firm":
        """Return whose they are."""
        return self.membership.firm


def sign_in(membership: "Membership") -> Persona:
    """Give a member a browser that is signed in, without the form."""
    client = Client()
    client.force_login(membership.user)
    return Persona(membership=membership, client=client)


def _persona(firm: "Firm", role: "Role", full_name: str) -> Persona:
    from tests.factories import member_of

    return sign_in(member_of(firm, role, full_name=full_name))


@pytest.fixture
def firm(db: None) -> "Firm":
    """A firm on its business date."""
    from tests.factories import FirmFactory

    return FirmFactory()


@pytest.fixture
def advisor(firm: "Firm") -> Persona:
    """An advisor; `household` is in their book."""
    from advisors.models import Role

    return _persona(firm, Role.ADVISOR, "Ada Advisor")


@pytest.fixture
def outsider(firm: "Firm") -> Persona:
    """An advisor of the same firm whose book holds nothing of `advisor`: what they ask for is a 404."""
    from advisors.models import Role

    return _persona(firm, Role.ADVISOR, "Otto Outsider")


@pytest.fixture
def reviewer(firm: "Firm") -> Persona:
    """A trading reviewer: reviews, approves, releases."""
    from advisors.models import Role

    return _persona(firm, Role.REVIEWER, "Rita Reviewer")


@pytest.fixture
def second_reviewer(firm: "Firm") -> Persona:
    """Another reviewer: the second pair of eyes."""
    from advisors.models import Role

    return _persona(firm, Role.REVIEWER, "Sam Second")


@pytest.fixture
def cio(firm: "Firm") -> Persona:
    """Who decides the house view."""
    from advisors.models import Role

    return _persona(firm, Role.CIO, "Cleo Chief")


@pytest.fixture
def compliance(firm: "Firm") -> Persona:
    """Who decides overrides and reads the audit log."""
    from advisors.models import Role

    return _persona(firm, Role.COMPLIANCE, "Cora Compliance")


@pytest.fixture
def operations(firm: "Firm") -> Persona:
    """Who imports files and resolves what is stuck."""
    from advisors.models import Role

    return _persona(firm, Role.OPERATIONS, "Oda Operations")


@pytest.fixture
def administrator(firm: "Firm") -> Persona:
    """Who manages people and settings."""
    from advisors.models import Role

    return _persona(firm, Role.ADMINISTRATOR, "Amy Administrator")


@pytest.fixture
def foreigner(db: None) -> Persona:
    """A reviewer of another firm: nothing of this firm exists for them."""
    from advisors.models import Role
    from tests.factories import FirmFactory

    return _persona(FirmFactory(), Role.REVIEWER, "Fred Foreigner")


@pytest.fixture
def stranger(db: None) -> Client:
    """A browser of nobody."""
    return Client()
