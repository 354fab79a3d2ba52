"""Runtime hooks of SnapStart, where Lambda's Python runtimes have them: the interface of the library of this name."""

__all__ = ["register_before_snapshot", "register_after_restore"]

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    """Runs `func(*args, **kwargs)` before a snapshot is taken, the last registered first. Also a decorator."""
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    """Runs `func(*args, **kwargs)` after every restore, in the order of registration. Also a decorator."""
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """The hooks as tuples of function, arguments and keyword arguments; the runtime empties the list."""
    return _before_snapshot


def get_after_restore():
    """The hooks as tuples of function, arguments and keyword arguments."""
    return _after_restore
