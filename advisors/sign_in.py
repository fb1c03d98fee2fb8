"""How people sign in: an administrator makes them, nobody signs themselves up; second factors are kept encrypted."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """Keeps the door of sign-up shut."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Refuse everybody."""
        return False


class MfaAdapter(DefaultMFAAdapter):
    """Encrypts the secrets of second factors at rest, with the newest of the field keys."""

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return _keys().encrypt(text.encode()).decode("ascii")

    def decrypt(self, encrypted_text: str) -> str:
        """Open a stored secret, with whichever key sealed it."""
        return _keys().decrypt(encrypted_text.encode("ascii")).decode()


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.TRIMTAB_FIELD_KEYS])
