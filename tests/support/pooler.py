"""PgBouncer in transaction mode before the PostgreSQL of the tests, where it is installed.

`CRM_TEST_POOLER=1` has the application of every test go through it (`make test-pooler`).
"""

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg

from crm_api.embedded_programs import Account, make_private, spawn
from support import servers as test_servers

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
IS_WANTED = os.environ.get("CRM_TEST_POOLER") == "1"
APP, WORKER = "pooled_app", "pooled_worker"
_PORT = 6432
# More than that is no accident.
_MOST_ENDS = 3
# Fewer connections than the tests use at once, so that they change hands all the time.
_CONFIGURATION = """
[databases]
* = host={host} port=5432

[pgbouncer]
listen_addr =
unix_socket_dir = {directory}
listen_port = {port}
auth_type = trust
auth_file = {directory}/users.txt
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
pidfile = {directory}/pgbouncer.pid
logfile = {directory}/pgbouncer.log
log_connections = 0
log_disconnections = 0
"""
_LOGINS = """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{login}') THEN
            CREATE ROLE {login} LOGIN IN ROLE {role};
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
        -- Another test process was faster; locks do not reach beyond its database.
        NULL;
    END $$
"""


class Pooler:
    """A running PgBouncer, which is begun again where it ends by itself, as a system's services are.

    Debian 12 has 1.18, which may end with `server in bad state` as a query is cancelled while its
    answer comes (pgbouncer/pgbouncer#822, mended in 1.21).
    """

    def __init__(self, base: Path, host: str, *, size: int = 4) -> None:
        """`base` is the directory of the run, `host` where PostgreSQL's socket is."""
        assert PROGRAM is not None
        self.directory = base / "pooler"
        account = Account.choose()
        make_private(self.directory, account)
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text(
            _CONFIGURATION.format(host=host, directory=self.directory, port=_PORT, size=size)
        )
        users = "".join(f'"{login}" ""\n' for login in (APP, WORKER))
        (self.directory / "users.txt").write_text(users)
        if account is not None:
            account.own(self.directory)
            account.let_in(configuration)
        self._account, self._configuration = account, configuration
        self._is_over = threading.Event()
        self._process = self._begun()
        self._wait()
        threading.Thread(target=self._keep_up, daemon=True).start()

    def url(self, database_url: str, login: str = APP) -> str:
        """A database by way of the pooler."""
        name = urlsplit(database_url).path.lstrip("/")
        return (
            f"postgresql://{login}@/{name}?host={quote(str(self.directory), safe='/')}&port={_PORT}"
        )

    def stop(self) -> None:
        """End it."""
        self._is_over.set()
        self._process.terminate()
        self._process.wait(10)

    def _begun(self) -> subprocess.Popen[bytes]:
        command = [str(PROGRAM), "-q", str(self._configuration)]
        return spawn(command, self.directory, subprocess.DEVNULL, self._account)

    def _keep_up(self) -> None:
        for _ in range(_MOST_ENDS):
            self._process.wait()
            if self._is_over.is_set():
                return
            self._process = self._begun()

    def _wait(self) -> None:
        socket = self.directory / f".s.PGSQL.{_PORT}"
        until = time.monotonic() + 10
        while not socket.exists():
            log = self.directory / "pgbouncer.log"
            said = log.read_text() if log.exists() else ""
            assert self._process.poll() is None, said
            assert time.monotonic() < until, said
            time.sleep(0.02)


async def make_logins(owner_url: str) -> None:
    """The logins that the pooler knows; they belong to the whole server."""
    connection = await asyncpg.connect(owner_url)
    try:
        # Several test processes share the server.
        await connection.execute("SELECT pg_advisory_lock(6432)")
        for login, role in ((APP, "crm_app"), (WORKER, "crm_worker")):
            await connection.execute(_LOGINS.format(login=login, role=role))
    finally:
        await connection.close()


def start(base: Path, host: str, owner_url: str, *, size: int = 4) -> Pooler:
    """A pooler whose logins are there."""
    test_servers.run(make_logins(owner_url))
    return Pooler(base, host, size=size)
