"""Structured logs: one line per request, secrets kept out."""

import asyncio
import atexit
import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
import structlog

from crm_api.settings import Settings

_SECRET = re.compile(
    r"crm_[a-z0-9]{8}_[A-Za-z0-9]{40}|crm_[a-z]+_[A-Za-z0-9_\-]{22,}_[A-Za-z0-9]{43}"
    r"|eyJ[A-Za-z0-9_\-]+\.eyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+"
)
_SAYS = r"(DETAIL:  |invalid input (?:for query argument \$\d+|syntax for type [^:]{1,60}): )"
"""What the database or its driver says of the values that it refused: one, or a whole row."""
_NEXT = "(?:The above exception was|During handling of the above)"
"""Begins the next error of a traceback; values, which may have lines too, go on until then."""


def _values(line: str, one: str) -> re.Pattern[str]:
    """All that is said of values, up to the statement that SQLAlchemy tells after them."""
    some = rf"(?:(?!{line}{line}{_NEXT}){one})*"
    sql = rf"{line}\[SQL: {some}\]{line}[(\[](?:SQL parameters|Background)"
    return re.compile(rf"{_SAYS}(?:{some}(?={sql})|{some})", re.DOTALL)


_IN_JSON = _values(r"\\n", r'(?:\\.|[^\\"])')
_IN_TEXT = _values(r"\n", ".")
_HIDDEN = "********"
_MOMENT_S = 0.02
_format_exception = structlog.processors.format_exc_info
_encoder = msgspec.json.Encoder(enc_hook=repr)


Line = MutableMapping[str, Any]


def flush() -> None:
    """Write what waits: a signal that ends the process leaves no time for it."""
    _standard_error.write()


def configure(settings: Settings) -> None:
    """Send the service's own lines to standard error as JSON, or coloured for people."""
    processors: list[Any] = [_bytes]
    factory: Any = _standard_error
    if settings.log_format == "console":
        console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        processors = [_stamp, _format_exception, console, _hide]
        factory = structlog.WriteLoggerFactory(file=sys.stderr)
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING)


class _StandardError:
    """Whatever standard error is at the moment: a program around this one may redirect it.

    While an event loop runs, lines are written together a moment later: under load a system call
    for each request is a twentieth of what it takes. Errors are written at once; a process that is
    killed loses that moment.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        """That which will write them."""
        atexit.register(self.write)

    def __call__(self, *_names: Any) -> Self:
        """One for all loggers."""
        return self

    def msg(self, line: bytes) -> None:
        """One line, without its end."""
        self._lines.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.write()
            return
        if loop is not self._loop:
            self._loop = loop
            loop.call_later(_MOMENT_S, self.write)

    def urgent(self, line: bytes) -> None:
        """One line, and all before it, at once."""
        self._lines.append(line)
        self.write()

    debug = info = warning = msg
    error = critical = exception = urgent

    def write(self) -> None:
        """Write what waits."""
        lines, self._lines, self._loop = self._lines, [], None
        sys.stderr.buffer.write(b"".join(b"%b\n" % line for line in lines))
        sys.stderr.buffer.flush()


_standard_error = _StandardError()


def _stamp(_logger: Any, level: str, line: Line) -> Line:
    line["level"] = "error" if level == "exception" else level
    line["timestamp"] = datetime.now(UTC)
    return line


def _bytes(logger: Any, level: str, line: Line) -> bytes:
    """All steps in one: each costs half a microsecond of every request."""
    if "exc_info" in line:
        line = _format_exception(logger, level, line)
    rendered = _encoder.encode(_stamp(logger, level, line))
    if (
        b"crm_" in rendered
        or b"eyJ" in rendered
        or b"DETAIL:" in rendered
        or b"invalid input" in rendered
    ):
        return _hidden(rendered.decode(), _IN_JSON).encode()
    return rendered


def _hide(_logger: Any, _level: str, rendered: str) -> str:
    return _hidden(rendered, _IN_TEXT)


def _hidden(rendered: str, said: re.Pattern[str]) -> str:
    return said.sub(rf"\1{_HIDDEN}", _SECRET.sub(_HIDDEN, rendered))
