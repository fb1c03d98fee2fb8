"""Make somebody who signs in: `manage.py create_user --email a@b.example --name "A B" --role advisor --firm harbor`."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from advisors import audit, selectors, services
from advisors.errors import DomainError, Invalid
from advisors.models import Firm, Role
from advisors.services import NewFirm, NewMembership


class Command(BaseCommand):
    """Creates a user with a role in a firm, and the firm itself when `--new-firm` names it."""

    help = "Create a user with a role in a firm."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the person, the role and the firm."""
        parser.add_argument("--email", required=True)
        parser.add_argument("--name", required=True, help="full name")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--firm", required=True, help="the firm's short name")
        parser.add_argument("--new-firm", default="", metavar="NAME", help="create the firm, with this name")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        parser.add_argument("--no-password", action="store_true", help="they set one by the link at sign-in")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create and say what was made."""
        password = None if options["no_password"] else self._password(from_stdin=options["password_stdin"])
        try:
            with transaction.atomic(), audit.acting_from("command create_user"):
                firm = self._firm(options)
                self._create(options, firm=firm, password=password)
        except DomainError as refused:
            faults = refused.faults if isinstance(refused, Invalid) else (str(refused),)
            raise CommandError(" ".join(faults)) from refused
        self.stdout.write(f"{options['name']} may sign in as {options['email']}, {options['role']} of {firm.name}.")

    def _password(self, *, from_stdin: bool) -> str:
        if from_stdin:
            return sys.stdin.readline().rstrip("\n")
        first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
        if first != second:
            raise CommandError("The two differ. Nothing was created.")
        return first

    def _firm(self, options: dict[str, Any]) -> Firm:
        if options["new_firm"]:
            new = NewFirm(name=options["new_firm"], slug=options["firm"])
            return services.create_firm(new, actor=None, now=timezone.now())
        return selectors.firm_with_slug(options["firm"])

    def _create(self, options: dict[str, Any], *, firm: Firm, password: str | None) -> None:
        now = timezone.now()
        user = services.create_user(
            email=options["email"], full_name=options["name"], password=password, actor=None, now=now
        )
        services.add_membership(user, firm, NewMembership(role=Role(options["role"])), actor=None, now=now)
