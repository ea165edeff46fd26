"""The development servers, started for real."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from crm_api.embedded import (
    DataDirInUse,
    DataDirLock,
    EmbeddedPostgres,
    EmbeddedRedis,
    EmbeddedServerFailed,
    start_embedded,
)

# A directory of PostgreSQL programs to test instead of the wheel.
BIN_DIR = Path(os.environ["CRM_TEST_PG_BIN"]) if "CRM_TEST_PG_BIN" in os.environ else None


def postgres_in(data_dir: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(data_dir, bin_dir=BIN_DIR, durable=False)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Path:
    data_dir = tmp_path_factory.mktemp("cluster") / "postgres"
    with postgres_in(data_dir):
        pass
    return data_dir


@pytest.fixture
def data_dir(cluster, tmp_path) -> Path:
    return Path(shutil.copytree(cluster, tmp_path / "data" / "postgres"))


async def query(dsn: str, sql: str):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


def run_and_die(code: str, *arguments: Path) -> str:
    """Run `code` in a process that is killed at its end; what it printed."""
    code = f"import os, sys\nfrom pathlib import Path\nfrom crm_api.embedded import *\n{code}\n"
    code += "sys.stdout.flush()\nos.kill(os.getpid(), 9)"
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, check=False
    )
    assert done.returncode == -signal.SIGKILL
    return done.stdout.decode().strip()


def is_gone(pid: int) -> bool:
    """Whether `pid` ended; one that nobody waits for stays in the table with nothing in it."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return True


async def test_data_outlives_a_restart(data_dir):
    with postgres_in(data_dir) as postgres:
        await query(postgres.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        pid = postgres.pid
    assert is_gone(pid)
    with postgres_in(data_dir) as postgres:
        assert await query(postgres.dsn(), "SELECT answer FROM kept") == 42
        assert postgres.start() == postgres.dsn()


async def test_cluster_is_private_utf8_with_checksums(data_dir, monkeypatch):
    monkeypatch.setenv("PGPORT", "1")
    settings = {"work_mem": "7MB"}
    with EmbeddedPostgres(data_dir, bin_dir=BIN_DIR, settings=settings) as postgres:
        engine = create_async_engine(postgres.url("postgres"))
        async with engine.connect() as connection:
            for name, value in {
                "data_checksums": "on",
                "server_encoding": "UTF8",
                "listen_addresses": "",
                "fsync": "on",
                "work_mem": "7MB",
                "TimeZone": "UTC",
            }.items():
                assert (await connection.execute(text(f"SHOW {name}"))).scalar() == value
        await engine.dispose()
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0


async def test_killed_server_recovers(data_dir):
    with EmbeddedPostgres(data_dir, bin_dir=BIN_DIR) as postgres:
        await query(postgres.dsn(), "CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(postgres.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while postgres.is_alive():
            assert time.monotonic() < deadline
        assert postgres.start()
        assert await query(postgres.dsn(), "SELECT answer FROM kept") == 42


async def test_left_over_server_is_adopted(data_dir):
    code = "bin_dir = Path(sys.argv[2]) if sys.argv[2:] else None\n"
    code += "p = EmbeddedPostgres(Path(sys.argv[1]), bin_dir=bin_dir); p.start(); print(p.pid)"
    left_over = int(run_and_die(code, data_dir, *([BIN_DIR] if BIN_DIR else [])))
    with postgres_in(data_dir) as postgres:
        assert postgres.pid == left_over
        assert await query(postgres.dsn(), "SELECT 1") == 1
    assert is_gone(left_over)


@pytest.mark.parametrize("owner", ["this process", "its parent", "a dead one", "nothing"])
async def test_stale_pid_file_is_no_hindrance(data_dir, owner):
    pids = {"this process": os.getpid(), "its parent": os.getppid(), "a dead one": 99999999}
    pid = pids.get(owner, "garbage")
    lock = f"{pid}\n{data_dir}\n1\n5432\n{data_dir}\n\n  1 2\nready   \n"
    (data_dir / "postmaster.pid").write_text(lock)
    (data_dir / ".s.PGSQL.5432.lock").write_text(lock)
    (data_dir / ".s.PGSQL.5432").write_text("")
    with postgres_in(data_dir) as postgres:
        assert postgres.pid != pid
        assert await query(postgres.dsn(), "SELECT 1") == 1


async def test_long_or_odd_path_is_fine(cluster, tmp_path):
    long_dir = tmp_path / ("long" * 20) / "odd, 100% odd" / "postgres"
    shutil.copytree(cluster, long_dir)
    with postgres_in(long_dir) as postgres:
        assert await query(postgres.dsn(), "SELECT 1") == 1
        assert len(str(postgres.socket_dir)) < 80
        assert postgres.socket_dir.stat().st_mode & 0o077 == 0
    assert not postgres.socket_dir.exists()


def test_broken_start_shows_the_log(data_dir):
    settings = {"shared_buffers": "nonsense"}
    with pytest.raises(EmbeddedServerFailed, match='invalid value for parameter "shared_buffers"'):
        EmbeddedPostgres(data_dir, bin_dir=BIN_DIR, settings=settings).start()


def test_foreign_files_are_left_alone(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "letter.txt").write_text("Dear all")
    with pytest.raises(EmbeddedServerFailed, match="neither empty nor a cluster"):
        postgres_in(tmp_path / "postgres").start()
    with pytest.raises(EmbeddedServerFailed, match="there is no"):
        EmbeddedPostgres(tmp_path / "other", bin_dir=tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another user")
async def test_root_serves_from_a_closed_directory(cluster, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with postgres_in(Path(shutil.copytree(cluster, closed / "postgres"))) as postgres:
        assert os.stat(f"/proc/{postgres.pid}").st_uid != 0  # noqa: PTH116
        assert await query(postgres.dsn(), "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o701


async def test_redis_answers_and_is_adopted(tmp_path):
    data_dir = tmp_path / "redis"
    code = "r = EmbeddedRedis(Path(sys.argv[1])); r.start(); print(r.pid)"
    left_over = int(run_and_die(code, data_dir))
    with EmbeddedRedis(data_dir) as redis:
        assert redis.pid == left_over
        async with Redis.from_url(redis.url()) as client:
            assert await client.ping()
            assert (await client.config_get("maxmemory-policy")) == {
                "maxmemory-policy": "noeviction"
            }
            assert (await client.config_get("port")) == {"port": "0"}
    assert is_gone(left_over)


async def test_redis_starts_over_a_dead_one(tmp_path):
    data_dir = tmp_path / ("long" * 30) / "redis"
    data_dir.mkdir(parents=True)
    (data_dir / "redis.pid").write_text(str(os.getpid()))
    with EmbeddedRedis(data_dir) as redis:
        os.kill(redis.pid, signal.SIGKILL)
        while redis.is_alive():
            pass
        redis.start()
        async with Redis.from_url(redis.url()) as client:
            assert await client.ping()


def test_lock_excludes_until_its_holder_dies(tmp_path):
    code = "import sys, time; from pathlib import Path; from crm_api.embedded import DataDirLock"
    code += "; DataDirLock(Path(sys.argv[1])).acquire(); print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DataDirInUse, match=re.escape(f"process {holder.pid} is using")):
            DataDirLock(tmp_path).acquire()
        holder.kill()
    with DataDirLock(tmp_path), pytest.raises(DataDirInUse, match=str(os.getpid())):
        DataDirLock(tmp_path).acquire()
    with DataDirLock(tmp_path):
        pass


@pytest.mark.skipif(BIN_DIR is not None, reason="starts the programs of the wheel")
async def test_both_start_together(cluster, tmp_path):
    shutil.copytree(cluster, tmp_path / "postgres")
    servers = start_embedded(tmp_path)
    try:
        assert await query(servers.postgres.dsn(), "SELECT 1") == 1
        async with Redis.from_url(servers.redis.url()) as client:
            assert await client.ping()
    finally:
        servers.stop()
    assert not servers.postgres.is_alive()
    assert not servers.redis.is_alive()
    shutil.rmtree(tmp_path / "redis")
    (tmp_path / "redis").write_text("in the way")
    with pytest.raises(EmbeddedServerFailed):
        start_embedded(tmp_path)
    assert not list((tmp_path / "postgres").glob("postmaster.pid"))
