"""Structured logs: one line per request, secrets kept out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import structlog

from crm_api.settings import Settings

_SECRET = re.compile(
    r"crm_[a-z0-9]{8}_[A-Za-z0-9]{40}|crm_[a-z]+_[A-Za-z0-9_\-]{22,}_[A-Za-z0-9]{43}"
    r"|eyJ[A-Za-z0-9_\-]+\.eyJ[A-Za-z0-9_\-]+\.[A-Za-z0-9_\-]+"
)
_HIDDEN = "********"
_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure(settings: Settings) -> None:
    """Send the service's own lines to standard error as JSON, or coloured for people."""
    last: list[Any] = [_json]
    factory: Any = structlog.BytesLoggerFactory(file=cast("Any", _StandardError()))
    if settings.log_format == "console":
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()), _hide]
        factory = structlog.WriteLoggerFactory(file=sys.stderr)
    structlog.configure(
        processors=[_stamp, structlog.processors.format_exc_info, *last],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING)


class _StandardError:
    """Whatever standard error is at the moment: a program around this one may redirect it."""

    def write(self, line: bytes) -> None:
        sys.stderr.buffer.write(line)

    def flush(self) -> None:
        sys.stderr.buffer.flush()


Line = MutableMapping[str, Any]


def _stamp(_logger: Any, level: str, line: Line) -> Line:
    line["level"] = "error" if level == "exception" else level
    line["timestamp"] = datetime.now(UTC)
    return line


def _json(_logger: Any, _level: str, line: Line) -> bytes:
    return _hide(_logger, _level, _encoder.encode(line).decode()).encode()


def _hide(_logger: Any, _level: str, rendered: str) -> str:
    return _SECRET.sub(_HIDDEN, rendered) if "crm_" in rendered or "eyJ" in rendered else rendered
