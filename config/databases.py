"""The database: SQLite without any service, or PostgreSQL by `DATABASE_URL`."""

from pathlib import Path
from typing import Any

import environ

WAIT_SECONDS = 20
KEEP_SECONDS = 600


def database_from(env: environ.Env, *, base_dir: Path, is_test: bool) -> dict[str, Any]:
    """
    Return Django's settings of the one database.

    SQLite runs in WAL mode and takes its write lock at the start of a transaction, so that two writers wait for each
    other and never fail half-way. PostgreSQL connections live ten minutes; the web pool is opted into by
    `DATABASE_POOL=1` and never by a worker, because a pool does not survive a fork.
    """
    database: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{base_dir / 'var' / 'trimtab.sqlite3'}")
    if database["ENGINE"].endswith("sqlite3"):
        database["OPTIONS"] = {
            "timeout": WAIT_SECONDS,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000;",
        }
    elif env.bool("DATABASE_POOL", default=False) and not is_test:
        database["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 8, "timeout": WAIT_SECONDS}}
        return {**database, "CONN_MAX_AGE": 0, "ATOMIC_REQUESTS": False}
    return {**database, "CONN_MAX_AGE": KEEP_SECONDS, "ATOMIC_REQUESTS": False}
