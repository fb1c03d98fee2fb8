"""Make or revoke a program's token: `manage.py api_token --email a@b.example --firm harbor --name feed --days 90`."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from advisors import api_tokens, audit, selectors
from advisors.errors import DomainError
from advisors.models import ApiToken


class Command(BaseCommand):
    """Makes a token for a member of a firm and prints it once; with `--revoke` takes one back."""

    help = "Make or revoke a token of the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the member and what the token is for, or the token to revoke."""
        parser.add_argument("--email", default="")
        parser.add_argument("--firm", default="", help="the firm's short name")
        parser.add_argument("--name", default="", help="what the token is for")
        parser.add_argument("--days", type=int, default=90, help="how long it lives")
        parser.add_argument("--revoke", type=int, default=0, metavar="ID", help="the token to take back")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make or revoke, and say so."""
        try:
            with audit.acting_from("command api_token"):
                said = self._revoke(options["revoke"]) if options["revoke"] else self._create(options)
        except DomainError as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(said)

    def _create(self, options: dict[str, Any]) -> str:
        firm = selectors.firm_with_slug(options["firm"])
        user = selectors.user_with_address(options["email"])
        now = timezone.now()
        mine = [] if user is None else selectors.memberships_of(user, on=timezone.localdate(now))
        member = next((one for one in mine if one.firm_id == firm.pk), None)
        if member is None:
            raise CommandError(f"{options['email']} is no member of {firm.name}.")
        life = timedelta(days=options["days"])
        made = api_tokens.create_token(member, name=options["name"], life=life, actor=None, now=now)
        return f"Token {made.token.pk}, shown this once: {made.secret}"

    def _revoke(self, token_id: int) -> str:
        token = ApiToken.objects.select_related("membership").filter(pk=token_id).first()
        if token is None:
            raise CommandError(f"There is no token {token_id}.")
        api_tokens.revoke_token(token, actor=None, now=timezone.now())
        return f"Token {token_id} is revoked."
