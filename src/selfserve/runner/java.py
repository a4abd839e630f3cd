"""Find the exception inside the JVM that lies behind one of Python's.

Knows the shapes of py4j's errors and of those that PySpark makes of them, from
Spark 2.4 to 4; where one is shaped otherwise, there is simply nothing to tell.
"""

from typing import Any, Iterator, Optional

_DEEPEST = 50
_MESSAGE_LIMIT = 1000
_REASON_LIMIT = 500
_WORKER_ERROR = "PythonException"  # carries a whole traceback of Python, with the error at its end


def java_cause(error: BaseException) -> Optional[str]:
    """`Class: first line` of the innermost Java exception behind `error`, if there is one."""
    for raised in _chain(error):
        origin = getattr(raised, "java_exception", None) or getattr(raised, "_origin", None)
        try:
            if origin is not None:
                return _innermost(origin)
            stack = getattr(raised, "stackTrace", None)  # all that some PySpark errors keep
            if isinstance(stack, str):
                return _last_cause(stack)
        except Exception:  # noqa: BLE001  the JVM may be dead, or PySpark shaped otherwise
            return None
    return None


def reason_of(error: BaseException) -> str:
    """Why something went wrong, in one line: Java's own words where it was Java."""
    reason = java_cause(error) or str(error).strip().partition("\n")[0] or type(error).__name__
    return reason[:_REASON_LIMIT].rstrip(".")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from or while handling."""
    seen = 0
    current: Optional[BaseException] = error
    while current is not None and seen < _DEEPEST:
        yield current
        seen += 1
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)


def _innermost(exception: Any) -> str:
    for _ in range(_DEEPEST):
        cause = exception.getCause()
        if cause is None:
            break
        exception = cause
    kind = str(exception.getClass().getName())
    message = exception.getMessage()
    return _line(kind, str(message) if message is not None else "")


def _last_cause(stack: str) -> str:
    """From the text of a Java stack trace."""
    text = stack.rpartition("Caused by: ")[2].partition("\n\tat ")[0]
    kind, _, message = text.partition(": ")
    return _line(kind.strip(), message)


def _line(kind: str, message: str) -> str:
    lines = message.strip().splitlines() or [""]
    chosen = lines[-1] if kind.endswith(_WORKER_ERROR) else lines[0]
    return f"{kind}: {chosen.strip()}".rstrip(": ")[:_MESSAGE_LIMIT]
