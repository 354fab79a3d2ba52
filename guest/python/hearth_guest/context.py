"""The context object of a Python handler."""

import logging
import os
import sys
import time

_TRACE_FIELDS = ("traceparent", "tracestate", "baggage")


class _Record:
    """An object whose attributes are the class's slots, filled from a dictionary."""

    __slots__ = ()

    def __repr__(self):
        shown = ",".join(f"{name}={getattr(self, name)}" for name in self.__slots__)
        return f"{self.__class__.__name__}([{shown}])"


class CognitoIdentity(_Record):
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]


class Client(_Record):
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]


class ClientContext(_Record):
    __slots__ = ["custom", "env", "client"]


def _fill(made, values):
    if values is None:
        return None
    for name in made.__slots__:
        setattr(made, name, values.get(name, None))
    return made


class LambdaContext:
    def __init__(self, request_id, client_context, cognito_identity, deadline_ms, invoked_function_arn):
        environment = os.environ.get
        self.aws_request_id = request_id
        self.log_group_name = environment("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = environment("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = environment("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = environment("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = environment("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = invoked_function_arn
        self.tenant_id = None
        trace = client_context.pop("w3c", None) if isinstance(client_context, dict) else None
        trace = trace if isinstance(trace, dict) else {}
        self._w3c_fields = {name: trace[name] for name in _TRACE_FIELDS if isinstance(trace.get(name), str)}
        self.client_context = _fill(ClientContext(), client_context)
        if self.client_context is not None:
            self.client_context.client = _fill(Client(), self.client_context.client)
        self.identity = _fill(CognitoIdentity(), {})
        if cognito_identity is not None:
            self.identity.cognito_identity_id = cognito_identity.get("cognitoIdentityId")
            self.identity.cognito_identity_pool_id = cognito_identity.get("cognitoIdentityPoolId")
        self._epoch_deadline_time_in_ms = deadline_ms

    def get_remaining_time_in_millis(self):
        left = self._epoch_deadline_time_in_ms - int(time.time() * 1000)
        return left if left > 0 else 0

    def w3c(self):
        """The invocation's W3C trace context."""
        return dict(self._w3c_fields)

    def log(self, message):
        for handler in logging.getLogger().handlers:
            if hasattr(handler, "log_sink"):
                handler.log_sink.log(str(message))
                return
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return f"{self.__class__.__name__}([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"
