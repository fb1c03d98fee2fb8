"""
What is kept secret at rest: account numbers, tax ids and received files.

Encrypted with the newest of `TRIMTAB_FIELD_KEYS`, read with any of them; matched by a keyed hash; shown masked.
"""

import hashlib
import hmac
import zlib
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from django.conf import settings

from portfolios.custodians.cells import account_number


@lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _vault() -> MultiFernet:
    return _fernet(tuple(settings.TRIMTAB_FIELD_KEYS))


def encrypt_text(text: str) -> bytes:
    """Encrypt a short text for a binary column."""
    return _vault().encrypt(text.encode())


def decrypt_text(token: bytes | memoryview) -> str:
    """Read what `encrypt_text` wrote, with any of the keys."""
    return _vault().decrypt(bytes(token)).decode()


def encrypt_content(content: bytes) -> bytes:
    """Compress and encrypt a file."""
    return _vault().encrypt(zlib.compress(content, level=1))


def decrypt_content(token: bytes | memoryview) -> bytes:
    """Read what `encrypt_content` wrote."""
    return zlib.decompress(_vault().decrypt(bytes(token)))


def keyed_hash(text: str) -> str:
    """Return the hash by which a secret is found again without being read."""
    return hmac.new(settings.TRIMTAB_HASH_KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def hash_number(number: str) -> str:
    """Return the keyed hash of an account number, however it is spelled."""
    return keyed_hash(account_number(number))


def last4(number: str) -> str:
    """Return the digits of an account number that may be shown."""
    return account_number(number)[-4:]


def masked(last_digits: str) -> str:
    """Spell an account number for a page: only its last digits."""
    return f"…{last_digits}"
