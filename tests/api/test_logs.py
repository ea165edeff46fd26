"""Where the service's own lines go."""

import asyncio
import contextlib
import io
import json
import subprocess
import sys

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from crm_api.api import logs


class Captured(io.TextIOWrapper):
    def __init__(self):
        super().__init__(io.BytesIO(), encoding="utf-8")

    @property
    def lines(self):
        return [json.loads(line) for line in self.buffer.getvalue().splitlines()]


@pytest.fixture
def log(settings):
    logs.configure(settings.model_copy(update={"log_level": "info"}))
    yield structlog.get_logger("tests")
    logs.configure(settings)


def test_a_line_is_json(log):
    with contextlib.redirect_stderr(Captured()) as captured:
        log.warning("something", number=7)
    (line,) = captured.lines
    assert line.pop("timestamp")
    assert line == {"event": "something", "level": "warning", "number": 7}


def test_lines_follow_standard_error(log):
    for _ in range(2):
        with contextlib.redirect_stderr(Captured()) as captured:
            log.info("here")
        assert [line["event"] for line in captured.lines] == ["here"]
        captured.close()


def test_secrets_are_hidden(log, org):
    with contextlib.redirect_stderr(Captured()) as captured:
        log.info("shown", url=f"https://crm.example.com/?token={org.token}")
    assert org.token not in captured.buffer.getvalue().decode()


def test_an_application_sets_up_no_logs(settings, log):
    from crm_api.main import create_app

    with contextlib.redirect_stderr(Captured()) as captured:
        create_app(settings.model_copy(update={"log_level": "critical"}))
        log.info("still here")
    assert [line["event"] for line in captured.lines] == ["still here"]


async def test_lines_of_a_loop_are_written_together_and_in_order(log):
    with contextlib.redirect_stderr(Captured()) as captured:
        for number in range(3):
            log.info("one", number=number)
        assert not captured.lines
        await asyncio.sleep(0.1)
        log.info("one", number=3)
        await asyncio.sleep(0.1)
    assert [line["number"] for line in captured.lines] == [0, 1, 2, 3]


async def test_errors_are_written_at_once_with_all_before_them(log):
    with contextlib.redirect_stderr(Captured()) as captured:
        log.info("first")
        log.error("second")
        log.warning("third")
        assert [line["event"] for line in captured.lines] == ["first", "second"]
        logs.flush()
        assert [line["event"] for line in captured.lines] == ["first", "second", "third"]


def test_what_a_loop_left_is_not_lost(log):
    async def leave(name):
        log.info(name)

    with contextlib.redirect_stderr(Captured()) as captured:
        asyncio.run(leave("first"))
        asyncio.run(leave("second"))
        log.info("third")
    assert [line["event"] for line in captured.lines] == ["first", "second", "third"]


def test_the_end_of_a_process_writes_what_is_left():
    code = (
        "import asyncio, structlog\n"
        "from crm_api.api import logs\n"
        "from crm_api.settings import Settings\n"
        "logs.configure(Settings(log_format='json', log_level='info'))\n"
        "async def leave(): structlog.get_logger('tests').info('last')\n"
        "asyncio.run(leave())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stderr)["event"] == "last"


async def test_what_people_wrote_is_not_logged_with_a_mistake(log, database):
    """Neither what was bound to a statement, nor what PostgreSQL says of a row that it refused."""
    # Lines of the source stand in a traceback, so they do not hold the values themselves.
    first, second = "Zwirbel", "Huber"
    async with database.engine.connect() as connection:
        with contextlib.redirect_stderr(Captured()) as captured:
            try:
                await connection.execute(text("SELECT CAST(:name AS integer)"), {"name": first})
            except DBAPIError:
                log.exception("unhandled")
        await connection.rollback()
        sql = "INSERT INTO mistakes VALUES (:name)"
        await connection.execute(text("CREATE TEMPORARY TABLE mistakes (name text UNIQUE)"))
        await connection.execute(text(sql), {"name": second})
        with contextlib.redirect_stderr(captured):
            try:
                await connection.execute(text(sql), {"name": second})
            except DBAPIError:
                log.exception("unhandled")
        await connection.rollback()
    written = captured.buffer.getvalue().decode()
    assert len(captured.lines) == 2
    assert "INSERT INTO mistakes" in written
    assert "Zwirbel" not in written
    assert "Huber" not in written


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_no_line_of_what_people_wrote_is_logged_with_a_mistake(
    settings, database, log_format
):
    texts = {
        "name": "Zwirbel\nHuber\n\n[SQL: Anton",
        # Between quotes and backslashes, and in the row that is told after it.
        "note": 'a "b\\n" Gruber\r\nMoser',
    }
    taken = "INSERT INTO mistakes VALUES (:name, :note)"
    written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stderr(written):
        logs.configure(settings.model_copy(update={"log_level": "info", "log_format": log_format}))
        log = structlog.get_logger("tests")
        async with database.engine.connect() as connection:
            table = (
                "CREATE TEMPORARY TABLE mistakes (name text UNIQUE, note text CHECK (note = ''))"
            )
            await connection.execute(text(table))
            await connection.execute(text(taken), {**texts, "note": ""})
            for sql, given in (
                (taken, texts),
                (taken, {**texts, "note": ""}),
                ("SELECT CAST(CAST(:name AS text) AS integer)", {"name": texts["name"]}),
            ):
                try:
                    async with connection.begin_nested():
                        await connection.execute(text(sql), given)
                except DBAPIError:
                    log.exception("unhandled")
            await connection.rollback()
    logs.configure(settings)
    written.flush()
    found = written.buffer.getvalue().decode()
    assert found.count("INSERT INTO mistakes") >= 2
    for said in ("Zwirbel", "Huber", "Anton", "Gruber", "Moser"):
        assert said not in found
