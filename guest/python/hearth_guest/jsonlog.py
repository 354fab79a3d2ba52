"""Log events of the JSON format, as Lambda's own client (awslambdaric) writes them. Imported by functions that use it."""

import json
import logging
import time
import traceback

_TIME = "%Y-%m-%dT%H:%M:%SZ"

# Attributes of a record that are its own or shown by another name; everything else came with `extra`.
_OWN = set(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) - {"taskName"} | {"aws_request_id", "tenant_id"}

# What has no JSON becomes text: a record must not be lost for an attribute of it.
_encode = json.JSONEncoder(ensure_ascii=False, default=str).encode


def _exception(record):
    if not record.exc_info:
        return None, None, None, None
    kind, value, trace = record.exc_info
    place = f"{record.pathname}:{record.funcName}:{record.lineno}"
    return traceback.format_tb(trace), kind.__name__, str(value), place


class JsonFormatter(logging.Formatter):
    def __init__(self):
        super().__init__(datefmt=_TIME)

    def format(self, record):
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        trace, kind, text, place = _exception(record)
        as_it_is = isinstance(record.msg, dict) and not record.args
        shown = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if as_it_is else record.getMessage(),
            "logger": record.name,
            "stackTrace": trace,
            "errorType": kind,
            "errorMessage": text,
            "requestId": getattr(record, "aws_request_id", None),
            "location": place,
        }
        for name, value in record.__dict__.items():
            if name not in _OWN and name not in shown:
                shown[name] = value
        return _encode({name: value for name, value in shown.items() if value is not None})


def error_event(report):
    """What is logged of an exception nobody caught; the caller encodes it as the report itself."""
    now = time.strftime(_TIME, logging.Formatter.converter(time.time()))
    return {"timestamp": now, "level": "ERROR", **report}
