"""Whether the migrations build what the models say, and can be taken back, on a throw-away server."""

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util import CommandError

from crm_api.embedded import EmbeddedPostgres
from crm_api.migrator import config, create_database


def main() -> int:
    """Up, compare, down, up again; the exit code."""
    with (
        tempfile.TemporaryDirectory(prefix="crm-check-") as directory,
        EmbeddedPostgres(_opened(directory) / "postgres", durable=False) as postgres,
    ):
        asyncio.run(create_database(postgres.dsn(), "checked"))
        alembic = config(postgres.dsn("checked"))
        try:
            command.upgrade(alembic, "head")
            command.check(alembic)
            command.downgrade(alembic, "base")
            command.upgrade(alembic, "head")
        except CommandError as error:
            print(f"migrations: {error}", file=sys.stderr)
            return 1
    return 0


def _opened(directory: str) -> Path:
    # PostgreSQL runs as another user when root starts it.
    path = Path(directory)
    path.chmod(0o711)
    return path


if __name__ == "__main__":
    sys.exit(main())
