"""Where the service's own lines go."""

import contextlib
import io
import json

import pytest
import structlog

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
