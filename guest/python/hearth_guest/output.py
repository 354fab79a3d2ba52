"""What a function prints: sys.stdout and sys.stderr go out raw, `logging` as framed events of one log event each."""

import sys

from . import channel


class _Bytes:
    """`sys.stdout.buffer`."""

    def __init__(self, stream, kind):
        self._stream = stream
        self._kind = kind

    def write(self, data):
        data = bytes(data)
        if data:
            channel.log(self._kind, data)
        return len(data)

    def flush(self):
        pass

    def __getattr__(self, name):
        return getattr(self._stream, name)


class Unbuffered:
    """A standard stream whose writes leave at once; `print` costs one frame, not one for the newline too."""

    def __init__(self, stream, kind):
        self.stream = stream
        self._kind = kind
        self._held = ""
        self.buffer = _Bytes(stream.buffer, kind)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        return getattr(self.stream, name)

    def write(self, text):
        if not isinstance(text, str):
            # Let the stream itself say what is wrong.
            self.stream.write(text)
            return
        if text[-1:] == "\n" or len(text) > 1024:
            held, self._held = self._held, ""
            channel.log(self._kind, (held + text).encode("utf-8", "backslashreplace"))
        else:
            self._held += text

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        if self._held:
            held, self._held = self._held, ""
            channel.log(self._kind, held.encode("utf-8", "backslashreplace"))


def patch_streams():
    sys.stdout = Unbuffered(sys.stdout, channel.STDOUT)
    sys.stderr = Unbuffered(sys.stderr, channel.STDERR)


def event(text):
    """Logs one event."""
    channel.log(channel.EVENT, text.encode("utf-8", "backslashreplace"))


class LogSink:
    """Where log handlers and `context.log` write."""

    def log(self, message, frame_type=None):
        event(message[:-1] if message[-1:] == "\n" else message)


_json = False


def error(report, encode, as_text):
    """Logs an exception nobody caught: JSON has the report itself, text what `as_text` makes of it."""
    if _json:
        from .jsonlog import error_event

        event(encode(error_event(report)))
    else:
        event(as_text(report))


def setup_logging(current, environment):
    """Gives the root logger Lambda's handler. `current` holds the request id."""
    import logging
    import time

    global _json
    _json = environment.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"

    class LambdaLoggerHandler(logging.Handler):
        def __init__(self, log_sink):
            logging.Handler.__init__(self)
            self.log_sink = log_sink

        def emit(self, record):
            self.log_sink.log(self.format(record))

    class LambdaLoggerFilter(logging.Filter):
        def filter(self, record):
            record.aws_request_id = current.request_id or ""
            record.tenant_id = None
            return True

    logging.Formatter.converter = time.gmtime
    handler = LambdaLoggerHandler(LogSink())
    if _json:
        from .jsonlog import JsonFormatter

        formatter = JsonFormatter()
    else:
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n", "%Y-%m-%dT%H:%M:%S"
        )
    handler.setFormatter(formatter)
    handler.addFilter(LambdaLoggerFilter())
    level = environment.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else level
    root = logging.getLogger()
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    root.addHandler(handler)
