"""Structured logs: one line per request, secrets kept out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

from crm_api.settings import Settings

_SECRET = re.compile(r"crm_[a-z0-9]{8}_[A-Za-z0-9]{40}")


def configure(settings: Settings) -> None:
    """Send the service's own lines to standard error as JSON, or coloured for people."""
    renderer: Any = structlog.processors.JSONRenderer(_json)
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _hide_secrets,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING)


def _json(line: dict[str, Any], **_: Any) -> str:
    return msgspec.json.encode(line, enc_hook=repr).decode()


def _hide_secrets(
    _logger: Any, _name: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for key, value in line.items():
        if isinstance(value, str) and "crm_" in value:
            line[key] = _SECRET.sub("crm_********", value)
    return line
