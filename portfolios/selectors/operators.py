"""For whom and by whom a command works."""

from advisors.errors import NotFound
from advisors.models import Firm, Membership, User


def firm_for_command(slug: str) -> Firm:
    """
    Return the firm that a command works for: the one named, or the only one.

    :raises NotFound: no such firm, or several and none named
    """
    firms = list(Firm.objects.filter(slug=slug) if slug else Firm.objects.order_by("pk")[:2])
    if len(firms) == 1:
        return firms[0]
    raise NotFound(f"There is no firm with the short name {slug}." if slug else "Name the firm with --firm.")


def user_for_command(email: str, *, firm_slug: str) -> User | None:
    """
    Return the person who runs a command, None where nobody is named.

    :raises NotFound: nobody of the firm signs in with this address
    """
    if not email:
        return None
    members = Membership.objects.filter(user__email=email.strip().lower(), firm=firm_for_command(firm_slug))
    member = members.select_related("user").first()
    if member is None:
        raise NotFound(f"Nobody of the firm signs in as {email}.")
    return member.user
