"""How the lines of the log look: JSON for machines, or text for people at a terminal.

The shop's own lines and those of granian, whose main process knows nothing of Django: it is told by
scripts/granian-log.json, whose formatter is made here.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import structlog

from ecommerce.environment import environment

PROCESSORS: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
]
"""What every line has."""


def json_line(entry: Any, **options: Any) -> str:
    """One entry of the log: as it reads, but for what UTF-8 has no bytes for (half a pair)."""
    return (
        json.dumps(entry, ensure_ascii=False, **options).encode(errors="backslashreplace").decode()
    )


class LineFormatter(structlog.stdlib.ProcessorFormatter):
    """structlog's, with a short way for a line that is whole but for its level and time."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name != "request":
            return super().format(record)
        line: Any = record.msg
        made = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds")
        line = {**line, "level": "info", "time": made.replace("+00:00", "Z")}
        return str(self.processors[-1](None, "info", line))


def _formatter(*last: structlog.types.Processor) -> dict[str, Any]:
    """What `logging.config` makes a formatter from."""
    return {
        "()": LineFormatter,
        "foreign_pre_chain": PROCESSORS,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
    }


FORMATTERS = {
    # One JSON object a line.
    "json": _formatter(
        structlog.processors.format_exc_info, structlog.processors.JSONRenderer(json_line)
    ),
    # The time, what happened, and the rest; in colours on a terminal.
    "text": _formatter(
        structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), timestamp_key="time")
    ),
}


def granians_formatter() -> logging.Formatter:
    """The one that LOG_FORMAT names."""
    options = dict(FORMATTERS[environment().str("LOG_FORMAT", default="json")])
    formatter: logging.Formatter = options.pop("()")(**options)
    return formatter
