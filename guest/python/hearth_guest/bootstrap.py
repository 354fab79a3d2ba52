"""Runtime of python3.9 to python3.14: boots, says HELLO, becomes the function that INIT names, and serves invocations.

Only the standard library; behaves as Lambda's own client (awslambdaric). Code whose frames must not show in a
function's traces stays in this file: traces are cut up to the first frame outside of it.
"""

import os
import sys
from _thread import get_ident

from . import channel, output


class _Fault(Exception):
    """An error of the runtime itself, with the name Lambda reports."""

    def __init__(self, name, message, trace=None):
        super().__init__(message)
        self.name = "Runtime." + name
        self.message = message
        self.trace = trace


class _Current:
    request_id = None


def _load(handler):
    from importlib import import_module

    module_name, dot, function_name = handler.rpartition(".")
    if not dot:
        reason = "not enough values to unpack (expected 2, got 1)"
        raise _Fault("MalformedHandlerName", f"Bad handler '{handler}': {reason}")
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            message = f"Cannot use built-in module {module_name} as a handler module"
            raise _Fault("BuiltInModuleConflict", message)
        module = import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise _Fault("ImportModuleError", f"Unable to import module '{module_name}': {error}")
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        raise _Fault("UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", trace)
    try:
        return getattr(module, function_name)
    except AttributeError:
        raise _Fault("HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'")


def _report(message, name, trace, request_id=""):
    return {"errorMessage": message or "", "errorType": name or "", "requestId": request_id, "stackTrace": trace or []}


def _report_fault(fault, request_id=""):
    return _report(fault.message, fault.name, fault.trace, request_id)


def _report_exception(request_id=""):
    import traceback

    kind, value, trace = sys.exc_info()
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(trace)]
    for index, frame in enumerate(frames):
        if "/bootstrap.py" not in frame[0]:
            frames = frames[index:]
            break
    return _report(str(value), kind.__name__, traceback.format_list(frames), request_id)


def _indented(line):
    """Leading spaces as no-break spaces: log viewers keep them."""
    text = line.lstrip(" ")
    return "\u00a0" * (len(line) - len(text)) + text


def _as_text(report):
    name, message = report["errorType"], report["errorMessage"]
    title = "[ERROR]" + (f" {name}" if name else "") + (":" if name and message else "")
    lines = [title + (f" {message}" if message else ""), "Traceback (most recent call last):"]
    for element in report["stackTrace"]:
        lines += [_indented(line) for line in element.splitlines()] if element else [""]
    return "\n".join(lines)


def _decode(text, name):
    if not text:
        return None
    from base64 import b64decode
    from json import loads

    try:
        return loads(b64decode(text))
    except Exception as error:
        raise _Fault("LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}")


def _environment(wanted):
    environment = os.environ
    for name in list(environment):
        if name not in wanted:
            del environment[name]
    environment.update(wanted)
    import time

    time.tzset()


def _search_path(task_root, layers_root):
    version = "python{}.{}".format(*sys.version_info)
    layers = [f"{layers_root}/python/lib/{version}/site-packages", f"{layers_root}/python"]
    sys.path[:0] = [task_root, *layers]


def _fail_init(report, encode):
    import logging

    # Word for word what Lambda logs, the carriage return included.
    logging.warning(
        "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. However, in rare "
        "cases, a Lambda runtime update can cause unexpected function behavior. For functions using managed runtimes, "
        "runtime updates can be triggered by a function change, or can be applied automatically. To determine if the "
        "runtime has been updated, check the runtime version in the INIT_START log entry. If this error correlates with "
        "a change in the runtime version, you may be able to mitigate this error by temporarily rolling back to the "
        "previous runtime version. For more information, see "
        "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
    )
    output.error(report, encode, _as_text)
    channel.send(channel.INIT_ERROR, encode(report).encode())
    sys.exit(1)


def _hooks(run, kind, name, status, encode):
    """As Lambda's own client: the exception is logged, its type is the hook's kind, and the process ends."""
    try:
        run()
    except BaseException:
        report = _report_exception()
        output.error(report, encode, _as_text)
        channel.send(kind, encode({**report, "errorType": "Runtime." + name}).encode())
        sys.exit(status)


def _registered():
    # The function may bring the library itself: what counts is the one that it imported.
    return sys.modules.get("snapshot_restore_py")


def _run_before_snapshot():
    library = _registered()
    hooks = library.get_before_snapshot() if library else []
    while hooks:
        hook, args, kwargs = hooks.pop()
        hook(*args, **kwargs)


def _run_after_restore():
    library = _registered()
    for hook, args, kwargs in library.get_after_restore() if library else []:
        hook(*args, **kwargs)


def _between(kind, body, encode, loads):
    """A frame that is no invocation: a snapshot will be taken now, or this process is a clone of one."""
    from .uniqueness import reseed

    if kind == channel.PAUSE:
        # What a clone does first is done once now, so that it finds it in memory.
        reseed()
        channel.send(channel.PAUSED)
    elif kind == channel.RESTORE:
        renew = loads(body).get("reseed")

        def run():
            if renew:
                reseed()
            _run_after_restore()

        _hooks(run, channel.RESTORE_ERROR, "AfterRestoreError", 65, encode)
        channel.send(channel.RESTORE_DONE)


def _rehearse(encode, loads, context_class):
    """Plays an invocation through where nobody hears it: an emulated processor is quick only at what it has done before."""
    before = _Current.request_id, os.environ.get("_X_AMZN_TRACE_ID")
    header = b"rehearsal\n0\n\nRoot=\n\n"
    body = len(header).to_bytes(4, "little") + header + b"{}"
    channel.silence(get_ident())
    try:
        handle_event_request(body, lambda event, context: event, encode, loads, context_class)
    finally:
        channel.silence(None)
        _Current.request_id = before[0]
        if before[1] is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = before[1]


def handle_event_request(body, request_handler, encode, loads, context_class):
    """One invocation: from an INVOKE frame's body to the frame that answers it.

    Its name and the line that calls the handler show in the traces of handlers that cannot be called: as in Lambda.
    """
    header_end = 4 + int.from_bytes(body[:4], "little")
    request_id, deadline, arn, trace, client_context, identity = body[4:header_end].decode().split("\n")
    _Current.request_id = request_id
    if trace:
        os.environ["_X_AMZN_TRACE_ID"] = trace
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    try:
        lambda_context = context_class(
            request_id,
            _decode(client_context, "Client Context"),
            _decode(identity, "Cognito Identity"),
            int(deadline),
            arn,
        )
        try:
            event = loads(body[header_end:])
        except Exception as error:
            raise _Fault("UnmarshalError", f"Unable to unmarshal input: {error}")
        response = request_handler(event, lambda_context)
        if not isinstance(response, bytes):
            try:
                response = encode(response)
            except Exception as error:
                raise _Fault("MarshalError", f"Unable to marshal response: {error}")
        report = None
    except _Fault as fault:
        report = _report_fault(fault, request_id)
    except Exception:
        report = _report_exception(request_id)
    sys.stdout.flush()
    sys.stderr.flush()
    if report is None:
        # Text that is not Unicode (a lone surrogate) ends the process, as it does under Lambda's own client.
        channel.send(channel.RESPONSE, response if isinstance(response, bytes) else response.encode("utf-8"))
    else:
        output.error(report, encode, _as_text)
        channel.send(channel.ERROR, encode(report).encode())


def main():
    # What is saved has all of it in memory: every sandbox begins where HELLO was said.
    saved = "HEARTH_SNAPSHOTS" in os.environ
    if not saved:
        channel.send(channel.HELLO)
    # A spare has time now; imported here, these cost a function's cold start nothing.
    import traceback  # noqa: F401
    from json import loads

    from .context import LambdaContext
    from .marshal import Encoder

    if saved:
        from . import uniqueness  # noqa: F401

        channel.send(channel.HELLO)
    reader = channel.Reader()
    kind, body = reader.next()
    while kind == channel.REHEARSE:
        _rehearse(Encoder(ascii_only=False).encode, loads, LambdaContext)
        channel.send(channel.REHEARSED)
        kind, body = reader.next()
    init = loads(body)
    if init.get("reseed"):
        from .uniqueness import reseed

        # Before any code of the function: what it draws while it loads must be its own, too.
        reseed()
    name = init["handler"]
    if not init.get("inherited"):
        _environment(init["env"])
    else:
        # A wrapper may have put its own handler before the function's: tracing layers do.
        name = os.environ.get("_HANDLER", name)
        os.environ.pop("HEARTH_SNAPSHOTS", None)
    os.chdir(init["taskRoot"])
    _search_path(init["taskRoot"], init.get("layersRoot", "/opt"))
    output.patch_streams()
    output.setup_logging(_Current, os.environ)
    plain_ascii = init["env"].get("AWS_EXECUTION_ENV") in {"AWS_Lambda_python3." + minor for minor in ("9", "10", "11")}
    encode = Encoder(ascii_only=plain_ascii).encode
    try:
        handler = _load(name)
    except _Fault as fault:
        _fail_init(_report_fault(fault), encode)
    except Exception:
        _fail_init(_report_exception(), encode)
    if init.get("snapStart"):
        _hooks(_run_before_snapshot, channel.INIT_ERROR, "BeforeSnapshotError", 64, encode)
    channel.send(channel.INIT_DONE)
    while True:
        kind, body = reader.next()
        if kind == channel.REHEARSE:
            _rehearse(encode, loads, LambdaContext)
            channel.send(channel.REHEARSED)
            continue
        if kind != channel.INVOKE:
            _between(kind, body, encode, loads)
            continue
        handle_event_request(body, handler, encode, loads, LambdaContext)

