# What a function looks like: initialization once per execution environment, the handler once per invocation.
import platform
import time

initialized_at = time.time()
invocations = 0


def handler(event, context):
    global invocations
    invocations += 1
    print("hello from", context.function_name, "invocation", invocations)
    return {
        "hello": event.get("name", "world"),
        "runtime": "Python " + platform.python_version(),
        "invocations": invocations,
        "ageMs": round((time.time() - initialized_at) * 1000),
    }
