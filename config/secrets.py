"""Keys from the environment; on a machine that is not in production, made once and kept in `var/`."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

import environ
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

NAMES: Final = ("TRIMTAB_SECRET_KEY", "TRIMTAB_FIELD_KEYS", "TRIMTAB_HASH_KEY")


def keys_from(env: environ.Env, *, base_dir: Path, is_production: bool) -> dict[str, str]:
    """
    Return the keys by name. `TRIMTAB_FIELD_KEYS` may hold several, newest first, separated by commas.

    :raises ImproperlyConfigured: in production a key is missing from the environment
    """
    given = {name: env.str(name, default="") for name in NAMES}
    missing = [name for name, value in given.items() if not value]
    if not missing:
        return given
    if is_production:
        raise ImproperlyConfigured(f"in production these come from the environment: {', '.join(missing)}")
    kept = _kept_keys(base_dir / "var" / "keys.json")
    return {name: given[name] or kept[name] for name in NAMES}


def _kept_keys(path: Path) -> dict[str, str]:
    if not path.exists():
        _write_new_keys(path)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _write_new_keys(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {
        "TRIMTAB_SECRET_KEY": secrets.token_urlsafe(48),
        "TRIMTAB_FIELD_KEYS": Fernet.generate_key().decode("ascii"),
        "TRIMTAB_HASH_KEY": secrets.token_urlsafe(32),
    }
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(made), encoding="utf-8")
    try:
        os.link(draft, path)  # fails where another process was first: its keys count
    except FileExistsError:
        pass
    finally:
        draft.unlink()
