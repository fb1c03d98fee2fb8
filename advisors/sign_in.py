"""How people sign in: nobody signs themselves up, an administrator makes them."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Keeps the door of sign-up shut."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse everybody."""
        return False
