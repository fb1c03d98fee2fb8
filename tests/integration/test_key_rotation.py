"""Keys change: everything is read with the old one and sealed with the new one."""

from io import StringIO

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from advisors.models import AuditEvent
from portfolios import vault
from portfolios.models.households import Account
from portfolios.services.key_rotation import rotate_keys
from tests.factories import NOW, AccountFactory, UserFactory

pytestmark = pytest.mark.django_db
OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


@pytest.fixture
def account(settings: LazySettings) -> Account:
    """An account and a second factor that the old key sealed; the new key stands before it."""
    settings.TRIMTAB_FIELD_KEYS = [OLD]
    made: Account = AccountFactory.create(number_encrypted=vault.encrypt_text("4471-0009"))
    adapter = get_adapter()
    user = UserFactory.create()
    Authenticator.objects.create(user=user, type="totp", data={"secret": adapter.encrypt("SECRET")})
    data = {"migrated_codes": [adapter.encrypt("one"), adapter.encrypt("two")], "used_mask": 0}
    Authenticator.objects.create(user=user, type="recovery_codes", data=data)
    settings.TRIMTAB_FIELD_KEYS = [NEW, OLD]
    return made


def test_afterwards_the_new_key_alone_opens_everything(account: Account, settings: LazySettings) -> None:
    found = {one.column: one for one in rotate_keys(now=NOW)}
    settings.TRIMTAB_FIELD_KEYS = [NEW]

    account.refresh_from_db()
    assert vault.decrypt_text(account.number_encrypted) == "4471-0009"
    totp, codes = Authenticator.objects.order_by("pk")
    assert get_adapter().decrypt(totp.data["secret"]) == "SECRET"
    assert [get_adapter().decrypt(code) for code in codes.data["migrated_codes"]] == ["one", "two"]
    assert found["portfolios.Account.number_encrypted"].old_count == 1
    assert found["mfa.Authenticator.data"].old_count == 2
    assert {"portfolios.CustodianFile.content_encrypted", "rebalancing.FillFile.content_encrypted"} <= set(found)
    assert AuditEvent.objects.filter(action="keys.rotated").count() == 1


def test_a_second_run_changes_nothing(account: Account) -> None:
    rotate_keys(now=NOW)
    account.refresh_from_db()
    sealed = bytes(account.number_encrypted)

    assert not any(one.old_count for one in rotate_keys(now=NOW))
    account.refresh_from_db()
    assert bytes(account.number_encrypted) == sealed
    assert AuditEvent.objects.filter(action="keys.rotated").count() == 1


def test_looking_changes_nothing_and_says_that_the_old_key_is_needed(account: Account) -> None:
    sealed = bytes(account.number_encrypted)

    with pytest.raises(CommandError, match="Older keys are still needed"):
        call_command("rotate_keys", check=True, stdout=StringIO())
    account.refresh_from_db()
    assert bytes(account.number_encrypted) == sealed

    call_command("rotate_keys", stdout=StringIO())
    said = StringIO()
    call_command("rotate_keys", check=True, stdout=said)
    assert "older ones can be taken out" in said.getvalue()


def test_a_row_that_no_key_opens_is_named_and_left(account: Account, settings: LazySettings) -> None:
    lost = AccountFactory.create(number_encrypted=Fernet(FOREIGN).encrypt(b"x"))
    before = bytes(lost.number_encrypted)

    with pytest.raises(CommandError, match=rf"number_encrypted {lost.pk}"):
        call_command("rotate_keys", stdout=StringIO())

    lost.refresh_from_db()
    account.refresh_from_db()
    assert bytes(lost.number_encrypted) == before
    settings.TRIMTAB_FIELD_KEYS = [NEW]
    assert vault.decrypt_text(account.number_encrypted) == "4471-0009"
