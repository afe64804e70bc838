"""Structured logs on standard error: one JSON object a line for machines, or readable lines for people.

Events are named, values are fields, so nothing a person typed can break a line in two. Nothing secret is ever handed
to a logger: audit events carry codes and ids only, requests are logged by the pattern of their path.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(form: str, level: str) -> None:
    """Set up structlog for the process. ``form``: json or console."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_text,
    ]
    if form == "json":
        processors.append(structlog.processors.format_exc_info)
    structlog.configure(
        processors=[*processors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def _without_text(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave bytes out altogether: what is not text is a key, a hash or somebody's input."""
    return {name: "[bytes]" if isinstance(value, bytes) else value for name, value in event.items()}
