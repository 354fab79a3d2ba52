"""The sandbox channel (src/wire/channel/README.md) as the runtime sees it: one stream socket, descriptor 3.

Everything is written at once: what a function logged must have left the process before an endless loop, a crash or a
kill can swallow it. Uses nothing that takes time to import.
"""

import os
import sys
from _thread import allocate_lock, get_ident
from stat import S_ISSOCK
from struct import Struct
from time import time


def _descriptor():
    """Behind a wrapper script, which may have closed or reused descriptor 3, there is a copy (guest/agent/supervisor.h)."""
    usual, copy = 3, 200
    try:
        if not S_ISSOCK(os.fstat(usual).st_mode):
            return copy
    except OSError:
        return copy
    if "AWS_LAMBDA_EXEC_WRAPPER" in os.environ:
        try:
            os.close(copy)
        except OSError:
            pass
    return usual


DESCRIPTOR = _descriptor()
HELLO, INIT, INIT_DONE, INIT_ERROR, INVOKE, RESPONSE, ERROR, LOG = range(1, 9)
PAUSE, PAUSED, RESTORE, RESTORE_DONE, RESTORE_ERROR, REHEARSE, REHEARSED = range(10, 17)
STDOUT, STDERR, EVENT = range(3)

_HEADER = Struct("<IB")
_LOG_HEADER = Struct("<IBBd")
_LENGTH = Struct("<I")
# What one read takes at most; larger frames are put together.
_READ_BYTES = 64 * 1024

_lock = allocate_lock()
# Descriptor that takes raw output in a forked child: the channel belongs to the parent alone.
_forked = False


def _after_fork():
    global _forked, _lock
    _forked = True
    _lock = allocate_lock()


os.register_at_fork(after_in_child=_after_fork)
# Inherited by no program that the function starts.
os.set_inheritable(DESCRIPTOR, False)
os.set_blocking(DESCRIPTOR, True)


def _write(data):
    try:
        written = os.write(DESCRIPTOR, data)
        while written < len(data):
            data = memoryview(data)[written:]
            written = os.write(DESCRIPTOR, data)
    except OSError:
        # Without a worker nobody owns this process.
        os._exit(1)


# The thread whose frames nobody shall hear, or None.
_silent = None


def silence(thread):
    global _silent
    _silent = thread


def send(kind, body=b""):
    """Sends a frame."""
    if _silent is not None and _silent == get_ident():
        return
    with _lock:
        _write(_HEADER.pack(len(body) + 1, kind) + body)


def log(kind, body):
    """Sends raw output or one event as a LOG frame; in a forked child it goes to the real descriptors instead."""
    if _forked:
        os.write(2 if kind == STDERR else 1, body + b"\n" if kind == EVENT else body)
        return
    with _lock:
        _write(_LOG_HEADER.pack(len(body) + 10, LOG, kind, time() * 1000) + body)


class Reader:
    """Reads frames, waiting for each. A channel that ends ends the process."""

    def __init__(self):
        self._data = b""

    def _more(self):
        data = os.read(DESCRIPTOR, _READ_BYTES)
        if not data:
            sys.stdout.flush()
            os._exit(0)
        return data

    def next(self):
        """Returns (type, body)."""
        data = self._data
        while len(data) < 5:
            data += self._more()
        end = 4 + _LENGTH.unpack_from(data)[0]
        if len(data) < end:
            parts = [data]
            have = len(data)
            while have < end:
                part = self._more()
                parts.append(part)
                have += len(part)
            data = b"".join(parts)
        self._data = data[end:]
        return data[4], data[5:end]
